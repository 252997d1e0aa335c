//! What describes a row, in a frame: label by label, wrapped.

use ratatui::layout::Rect;

use super::{Description, history};
use crate::draw::canvas::{Canvas, Line, wrap_line};
use crate::draw::theme::Role;
use crate::model::Model;
use crate::view::context::ViewContext;
use crate::view::lists::newest_lines;
use crate::view::{shows_log, tells_row};

/// Columns of the labels and the gap behind them.
const LABELS: u16 = 10;
/// Rows that the text about most rows fits into, with its frame.
const USUAL: u16 = 16;
/// More lines than any text has.
const ALL: usize = 200;

/// The text wrapped to a width: label and line, a label only where one begins.
#[must_use]
pub fn wrapped(description: &Description, width: u16) -> Vec<(&'static str, Line)> {
    let room = width.saturating_sub(LABELS).max(1);
    let mut all = Vec::new();
    for (label, text) in &description.lines {
        for (k, line) in wrap_line(text, room, ALL).into_iter().enumerate() {
            all.push((if k == 0 { *label } else { "" }, line));
        }
    }
    all
}

/// Draws lines from the `skip`th on.
pub fn lines(canvas: &mut Canvas<'_>, area: Rect, lines: &[(&'static str, Line)], skip: usize) {
    for (y, (label, line)) in (area.y..area.bottom()).zip(lines.iter().skip(skip)) {
        canvas.text(area.x, y, LABELS.min(area.width), label, Role::Muted);
        canvas.line(area.x + LABELS, y, area.width.saturating_sub(LABELS), line);
    }
}

/// Where there is room, what there is to say about the selected row beside the lists, and below it the newest lines of
/// the log or what is missing of the series; what is left for the lists is handed back.
pub fn beside_lists(view: &mut ViewContext, area: Rect) -> Rect {
    let screen = view.model.screen;
    // Whoever wants every column wants the room for them.
    if !tells_row(screen, area.width) || area.height < 8 || view.model.wide.is_some() {
        return area;
    }
    let width = (area.width * 2 / 5).min(120);
    let (lists, right) = (area.width - width, Rect { x: area.right() - width, width, ..area });
    let below = if shows_log(screen, area.width) { Some(None) } else { super::series_of(view.model).map(Some) };
    // What is below does not move with every row.
    let least = if below.is_some() { USUAL.min(area.height / 2) } else { area.height };
    let height = needs(view, width).max(least).min(area.height);
    row(view, Rect { height, ..right });
    let rest = Rect { y: right.y + height, height: area.height - height, ..right };
    match below {
        Some(_) if rest.height < 4 => {}
        Some(None) => newest_lines(view, rest),
        Some(Some(name)) => history::below(view, rest, &name),
        None => {}
    }
    Rect { width: lists, ..area }
}

/// The selected series in words, what is missing of it and how the last attempts went, side by side.
pub fn below_map(view: &mut ViewContext, area: Rect) {
    let height = if area.height >= USUAL + 4 { USUAL } else { area.height };
    let (top, width) = (Rect { height, ..area }, area.width / 3);
    row(view, Rect { width, ..top });
    if let Some(name) = super::series_of(view.model) {
        history::aside(view, Rect { x: top.x + width, width: top.width - width, ..top }, &name);
    }
    if height < area.height {
        newest_lines(view, Rect { y: top.bottom(), height: area.height - height, ..area });
    }
}

/// The rows that the text takes in a panel of this width.
fn needs(view: &ViewContext, width: u16) -> u16 {
    let lines =
        super::describe(view.model).map_or(0, |description| wrapped(&description, width.saturating_sub(4)).len());
    u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(2)
}

/// The selected row in a panel.
fn row(view: &mut ViewContext, at: Rect) {
    let description = super::describe(view.model);
    let title = description
        .as_ref()
        .map_or_else(|| Line::of(Role::Title, "Selected row"), |description| description.title.clone());
    let all = description.map_or_else(Vec::new, |description| wrapped(&description, at.width.saturating_sub(4)));
    let inner = view.canvas.panel(at, &title, &Line::new());
    if all.is_empty() {
        view.canvas.center(inner, &[Line::of(Role::Muted, "no row is selected")]);
    }
    lines(&mut view.canvas, inner, &all, 0);
}

/// The selected row above everything else.
pub fn pop_up(model: &Model, skip: usize, canvas: &mut Canvas<'_>, body: Rect) {
    let Some(description) = super::describe(model) else { return };
    let width = body.width.min(96);
    let all = wrapped(&description, width.saturating_sub(4));
    let needs = u16::try_from(all.len()).unwrap_or(u16::MAX).saturating_add(2);
    let height = needs.min(body.height);
    let top = body.y + (body.height - height) / 3;
    let area = Rect::new(body.x + (body.width - width) / 2, top, width, height);
    canvas.clear(area);
    let hidden = needs > height;
    let tail = if hidden { Line::of(Role::Muted, "up down: more") } else { Line::new() };
    let inner = canvas.block(area, &description.title, &tail, Role::BorderFocused);
    let last = all.len().saturating_sub(usize::from(inner.height));
    lines(canvas, inner, &all, skip.min(last));
}
