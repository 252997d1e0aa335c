//! The Coverage screen: which time of which series is answered for, and why the rest is not.
//!
//! ```text
//! ╭ Coverage by day ────────────────────────╮
//! │              Sep          Oct           │  the symbols of the table, a column a day or a week
//! │ ▸ META ×5    ▀▀▀▀▀ ▀▀▀▀▀ ▀▀?▀▀    98 %  │
//! ├ META 5m ─────────────────┬ November ────┤  the selected series: its year, the month of the date, its holes
//! ╰──────────────────────────┴──────────────╯
//! ```
//! The nearest zoom is one session, bar by bar.

use chrono::NaiveDate;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::draw::canvas::{Line, columns, rows};
use crate::draw::context::DrawContext;
use crate::draw::format;
use crate::draw::hits::HitMap;
use crate::draw::layout::Constraint;
use crate::draw::theme::Role;
use crate::model::screen::ListId;
use crate::model::{Model, Zoom};
use crate::view::attempts;
use crate::view::context::ViewContext;
use crate::view::description::panel;
use crate::view::screen::map::map;
use crate::view::screen::session;
use crate::view::tells_row;
use crate::widgets::calendar::{self, DayCells, MONTH, YEAR};
use crate::widgets::heat;
use barkeep_runtime::console::{Cell, CellState, SeriesName};

/// Columns of the days that are counted by state.
const SUMS: u16 = 22;

/// Draws it into `area`.
pub fn draw(model: &Model, context: &DrawContext, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let view = &mut ViewContext::new(model, context, area, buf, hits);
    let needs = [Constraint::new(4, u16::MAX, 9), Constraint::new(YEAR + 3, YEAR + 3, 5), Constraint::new(1, 1, 7)];
    let places = rows(area, &needs);
    let place = |k: usize| places.get(k).copied().flatten();
    if let Some(top) = place(0) {
        let wants = u16::try_from(model.map_lines().len()).unwrap_or(u16::MAX).saturating_add(3);
        let spare = top.height.saturating_sub(wants);
        // Where the map leaves much room, the selected series has it.
        let told = tells_row(model.screen, area.width) && spare >= 8 && model.coverage.zoom != Zoom::Session;
        let top = if told { Rect { height: wants, ..top } } else { top };
        if told {
            panel::below_map(view, Rect { y: top.bottom(), height: spare, ..top });
        }
        if model.coverage.zoom == Zoom::Session { session::panel(view, top) } else { map(view, top) }
    }
    if let Some(middle) = place(1) {
        chosen(view, middle);
    }
    if let Some(last) = place(2) {
        heat::legend(&mut view.canvas, last.x + 2, last.y, last.width.saturating_sub(4));
    }
}

pub(crate) fn selected(model: &Model) -> Option<SeriesName> {
    let row = model.series_at(model.cursor(ListId::Coverage)?)?;
    Some((row.symbol.clone(), row.timeframe))
}

pub(crate) fn date(model: &Model, now: barkeep_market::Ts) -> NaiveDate {
    model.coverage.date.unwrap_or_else(|| now.utc_date())
}

/// The selected series: its year, the month of the selected date, and what its days add up to.
fn chosen(view: &mut ViewContext, area: Rect) {
    let model = view.model;
    let now = view.now();
    let chosen = date(model, now);
    let Some(name) = selected(model) else { return };
    let title = Line::of(Role::Title, format!("{} {}", name.0, name.1))
        .span(Role::Muted, format!("  {}", chosen.format("%a %d %b %Y")));
    let known = model.answers.coverage.row(&name);
    let range = model.answers.coverage.range.zip(known);
    let days = range.map(|((from, _), row)| DayCells::new(from, &row.cells, Some(chosen)));
    let state = days.and_then(|d| d.on(chosen)).map_or_else(Line::new, |cell| {
        let (glyph, role) = heat::look(cell, days.is_some_and(|d| d.is_before(chosen)));
        let eighths = if cell.state == CellState::Present && cell.eighths < 8 {
            format!(", {} of it", format::percent(f64::from(cell.eighths) / 8.0).trim())
        } else {
            String::new()
        };
        Line::of(role, glyph).span(Role::Text, format!(" {}{eighths}", heat::name(cell.state)))
    });
    let inner = view.canvas.panel(area, &title, &state);
    let Some(days) = days else {
        let lines = [Line::of(Role::Muted, "loading …")];
        return view.canvas.center(inner, &lines);
    };
    let map = Rect { height: inner.height.min(YEAR), ..inner };
    // The year takes what it can use; the month and the sums stand beside it where they leave it enough.
    let beside = |sums: u16| inner.width.saturating_sub(MONTH - 4 + sums);
    let wide = [4, 3, 2, 1].into_iter().find(|each| calendar::year_width(*each) <= beside(0)).unwrap_or(1);
    let year = calendar::year_width(wide);
    let needs = [
        Constraint::new(if wide > 1 { year } else { 24 }, year, 9),
        Constraint::new(MONTH - 7, MONTH, if wide > 1 { 7 } else { 5 }),
        Constraint::new(SUMS - 2, SUMS + 2, 6),
    ];
    let places = columns(map, 3, &needs);
    let place = |k: usize| places.get(k).copied().flatten();
    if let Some(at) = place(0) {
        calendar::year(&mut view.canvas, at, days);
    }
    if let Some(at) = place(1) {
        calendar::month(&mut view.canvas, at, days, chosen);
    }
    if let Some((at, row)) = place(2).zip(known) {
        sums(view, at, &row.cells, row.complete);
    }
    if inner.height > YEAR {
        holes(view, Rect::new(inner.x, inner.y + YEAR, inner.width, 1), &name);
    }
}

/// What is missing of the selected series, what fetching it takes, and what the vendor leaves in doubt.
fn holes(view: &mut ViewContext, line: Rect, name: &SeriesName) {
    let model = view.model;
    let Some(row) = model.series(name) else { return };
    let mut pieces = Vec::new();
    if let Some((of, gap)) = model.selected_hole() {
        let other = if of.1 == name.1 { String::new() } else { format!("{} ", of.1) };
        let text = Line::of(Role::Warn, format!("{other}{}", attempts::hole(gap, row.asset_class, view.now())));
        let mut whole = text;
        whole.spans.extend(attempts::fetches(model, gap).spans);
        pieces.push((9, whole));
        let more = model.gaps_of(&of).len().saturating_sub(1);
        if more > 0 {
            pieces.push((5, Line::of(Role::Muted, format::plural(more, "more hole"))));
        }
    } else if model.answers.coverage.row(name).is_some_and(|row| row.gaps.is_empty()) {
        pieces.push((9, Line::of(Role::Good, "nothing is missing")));
    }
    let doubts = [
        (CellState::Late, row.holes.late),
        (CellState::Suspect, row.holes.suspect),
        (CellState::VendorHole, row.holes.vendor_holes),
        (CellState::Quarantined, row.holes.quarantined),
        (CellState::Halted, row.holes.halted),
    ];
    for (state, count) in doubts.into_iter().filter(|(_, count)| *count > 0) {
        let (glyph, role) = heat::appearance(Cell { state, eighths: 8 });
        let what = Line::of(role, glyph).span(Role::Text, format!(" {} {}", format::count(count), heat::name(state)));
        pieces.push((7, what));
    }
    view.canvas.pieces(line.x, line.y, line.width, 3, &pieces);
}

/// How many days stand how.
fn sums(view: &mut ViewContext, area: Rect, cells: &[Cell], complete: Option<f64>) {
    let of = |state: CellState| cells.iter().filter(|c| c.state == state).count();
    let partly = cells.iter().filter(|c| c.state == CellState::Present && c.eighths < 8).count();
    let first = heat::first_asked(cells);
    let unasked = cells.iter().take(first).filter(|c| c.state == CellState::Unverified).count();
    let line = |state, eighths, what: &'static str, n: usize| (Cell { state, eighths }, what, n);
    let lines = [
        line(CellState::Present, 8, "present", of(CellState::Present) - partly),
        line(CellState::Present, 4, "partial", partly),
        line(CellState::NoTrade, 8, "no trade", of(CellState::NoTrade)),
        line(CellState::Unverified, 0, "missing", of(CellState::Unverified) - unasked),
        line(CellState::NotEntitled, 0, "not entitled", of(CellState::NotEntitled)),
        line(CellState::Quarantined, 8, "quarantined", of(CellState::Quarantined)),
    ];
    // What is rare is listed where there is some.
    let rare = [CellState::Quiet, CellState::Halted, CellState::Late, CellState::Suspect, CellState::VendorHole];
    let rare = rare.map(|state| line(state, 8, heat::name(state), of(state))).into_iter().filter(|(.., n)| *n > 0);
    let lines = lines.into_iter().chain(rare);
    let whole = complete.map_or_else(|| "-".to_owned(), |s| format::percent(s).trim().to_owned());
    view.canvas.line(area.x, area.y, area.width, &Line::of(Role::Strong, whole).span(Role::Muted, " of its history"));
    for (y, (cell, what, n)) in (area.y + 1..area.bottom()).zip(lines) {
        let (glyph, role) = heat::appearance(cell);
        view.canvas.text(area.x, y, 1, glyph, role);
        view.canvas.text(area.x + 2, y, 12, what, Role::Muted);
        view.canvas.right(
            area.x + 14,
            y,
            area.width.saturating_sub(14).min(6),
            &format::count(n),
            if n > 0 { Role::Text } else { Role::Muted },
        );
    }
}
