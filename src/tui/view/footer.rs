//! The last line: the keys of this screen, from the table of actions, or the line that is being typed. And above it the
//! toasts.

use ratatui::layout::{Position, Rect};

use super::phrase;
use crate::actions::{ACTIONS, Spec};
use crate::draw::canvas::{Canvas, Line, width};
use crate::draw::hits::{ClickTarget, HitMap};
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::layer::Layer;
use crate::model::query::FIELDS;
use crate::model::row_filter::fields;
use crate::model::screen::Screen;
use crate::terminal::keys::{Key, Keys};

pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect, hits: &mut HitMap) {
    canvas.overlay(area, Role::Bar);
    match model.layers.last() {
        Some(Layer::Filter { input, .. }) => filter(model, input, canvas, area, hits),
        Some(Layer::Help(_) | Layer::Palette(_)) => {
            fixed(canvas, area, &[("enter", "run"), ("esc", "close"), ("up down", "choose")]);
        }
        Some(Layer::Command(line)) if line.search.is_some() => {
            fixed(canvas, area, &[("enter", "take it"), ("up down", "choose"), ("esc", "close the search")]);
        }
        Some(Layer::Command(_)) => fixed(canvas, area, &[("enter", "run"), ("tab", "complete"), ("esc", "close")]),
        // Without a choice there is nothing to choose.
        Some(Layer::Confirm(confirm)) if !confirm.cost.is_known() => fixed(canvas, area, &[("enter", "close")]),
        Some(Layer::Confirm(_)) => {
            fixed(canvas, area, &[("y", "yes"), ("n", "no"), ("tab", "choose"), ("enter", "confirm")]);
        }
        Some(Layer::Messages(_)) => fixed(canvas, area, &[("esc", "close"), ("up down", "scroll")]),
        Some(Layer::Why(_)) => {
            fixed(canvas, area, &[("esc", "close"), ("up down", "another row"), ("pgdn", "more of the text")]);
        }
        None if !model.typed.is_empty() => which(model, canvas, area),
        None => hints(model, canvas, area, hits),
    }
}

fn fixed(canvas: &mut Canvas<'_>, area: Rect, hints: &[(&str, &str)]) {
    let pieces: Vec<(u8, Line)> =
        hints.iter().map(|(key, title)| (1, Line::of(Role::Key, *key).span(Role::Text, format!(" {title}")))).collect();
    canvas.pieces(area.x + 1, area.y, area.width.saturating_sub(2), 2, &pieces);
}

/// What can follow the keys pressed so far.
fn which(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let begun = Keys(model.typed.clone()).to_string();
    let mut pieces = vec![(20, Line::of(Role::Key, begun).span(Role::Muted, " …"))];
    for (keys, spec) in model.keymap.following(&model.typed, model.screen) {
        pieces.push((9, Line::of(Role::Key, keys.to_string()).span(Role::Text, format!(" {}", spec.title(model)))));
    }
    pieces.push((10, Line::of(Role::Key, "esc").span(Role::Text, " never mind")));
    canvas.pieces(area.x + 1, area.y, area.width.saturating_sub(2), 2, &pieces);
}

/// The hints of this screen, first ones first. Those of the program itself stand at the right and stay longest.
fn hints(model: &Model, canvas: &mut Canvas<'_>, area: Rect, hits: &mut HitMap) {
    let mut specs: Vec<(u8, &Spec)> =
        ACTIONS.iter().filter(|spec| model.offers(spec)).filter_map(|spec| Some((spec.footer?, spec))).collect();
    specs.sort_by_key(|(rank, _)| *rank);
    let hint = |spec: &Spec| {
        let (key_role, role) =
            if model.permits(spec).is_ok() { (Role::Key, Role::Text) } else { (Role::Muted, Role::Muted) };
        if let Some((first, family)) = begun(model, spec) {
            let line = Line::of(key_role, first.to_string()).span(role, format!(" {family}"));
            return Some((line, ClickTarget::Begin(first)));
        }
        let key = model.keymap.hint(spec.id)?;
        let line = Line::of(key_role, key).span(role, format!(" {}", spec.title(model)));
        Some((line, ClickTarget::Action(spec.id)))
    };
    let first_of_program = 70;
    let program: Vec<_> = specs.iter().filter(|(rank, _)| *rank >= first_of_program).collect();
    let mut right = area.right().saturating_sub(1);
    for (_, spec) in program.into_iter().rev() {
        let Some((line, target)) = hint(spec) else { continue };
        let needs = line.width();
        if right < area.x + needs + 1 {
            break;
        }
        right -= needs;
        canvas.line(right, area.y, needs, &line);
        hits.add(Rect::new(right, area.y, needs, 1), target);
        right = right.saturating_sub(2);
    }
    let mut x = area.x + 1;
    if let Some(text) = &model.footnote {
        canvas.text(x, area.y, right.saturating_sub(x + 1), text, Role::Warn);
        return;
    }
    for (_, spec) in specs.iter().filter(|(rank, _)| *rank < first_of_program) {
        let Some((line, target)) = hint(spec) else { continue };
        let needs = line.width();
        if x + needs + 1 > right {
            break;
        }
        canvas.line(x, area.y, needs, &line);
        hits.add(Rect::new(x, area.y, needs, 1), target);
        x += needs + 2;
    }
}

/// The key that begins those of a family of actions, and what the family is called.
fn begun(model: &Model, spec: &Spec) -> Option<(Key, &'static str)> {
    let keys = model.keymap.keys(spec.id).first().filter(|keys| keys.0.len() > 1)?;
    Some((*keys.0.first()?, spec.family?))
}

/// The filter as it is typed, with the number of matches or the error.
fn filter(model: &Model, input: &tui_input::Input, canvas: &mut Canvas<'_>, area: Rect, hits: &mut HitMap) {
    let tail = if let Some(list) = model.filtered_list() {
        let help = if input.value().is_empty() { format!("  {}", fields(list).join(" ")) } else { String::new() };
        Line::of(Role::Muted, format!("{} rows{help}  tab completes", model.len_of(list)))
    } else if model.screen == Screen::Log {
        Line::of(Role::Muted, format!("{} lines", model.log.lines().count()))
    } else if let Some(error) = &model.symbols.query.error {
        Line::of(Role::Warn, error.clone())
    } else {
        let (shown, all) = (model.symbols.order.len(), model.snap.data.series.len());
        let help = if input.value().is_empty() { format!("  {FIELDS}") } else { String::new() };
        Line::of(Role::Muted, format!("{shown} of {all} series{help}"))
    };
    let room = area.width.saturating_sub(2);
    let tail_room = tail.width().min(room / 2);
    let line = room.saturating_sub(tail_room + 4);
    canvas.text(area.x + 1, area.y, 1, "/", Role::Key);
    let scroll = input.visual_scroll(usize::from(line));
    let visible: String = skip_columns(input.value(), scroll);
    canvas.text(area.x + 2, area.y, line, &visible, Role::Strong);
    let caret = u16::try_from(input.visual_cursor().saturating_sub(scroll)).unwrap_or(0);
    hits.caret = Some(Position::new((area.x + 2 + caret).min(area.right() - 1), area.y));
    canvas.line_right(area.right().saturating_sub(1 + tail_room), area.y, tail_room, &tail);
}

/// A text without its first columns.
pub(super) fn skip_columns(text: &str, columns: usize) -> String {
    let mut skipped = 0;
    text.chars()
        .skip_while(|c| {
            let skip = skipped < columns;
            skipped += usize::from(width(c.encode_utf8(&mut [0; 4])));
            skip
        })
        .collect()
}

/// Toasts over the last lines of the screen, the newest lowest.
pub(super) fn toasts(model: &Model, canvas: &mut Canvas<'_>, body: Rect) {
    for (k, toast) in model.toasts.iter().rev().enumerate() {
        let Some(y) = u16::try_from(k).ok().and_then(|k| body.bottom().checked_sub(k + 1)).filter(|y| *y >= body.y)
        else {
            return;
        };
        let role = phrase::level(toast.level);
        let line = Line::of(role, format!(" {} ", toast.level.name())).span(Role::Strong, format!(" {} ", toast.text));
        let needs = line.width().min(body.width);
        let place = Rect::new(body.right() - needs, y, needs, 1);
        canvas.clear(place);
        canvas.line(place.x, y, needs, &line);
        canvas.overlay(place, Role::Bar);
    }
}
