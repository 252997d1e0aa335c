//! The Coverage screen: which time of which series is answered for, and why the rest is not.
//!
//! ```text
//! ╭ Coverage, days ─────────────────────────╮
//! │              Sep          Oct           │  the series of the table, a column a day or a week
//! │ ▸ META 5m    ▇▇▇▇▇ ▇▇▇▇▇ ▇▇?▇▇          │
//! ├ META 5m ─────────────────┬ November ────┤  the selected one: its year, and the month of the date
//! ╰──────────────────────────┴──────────────╯
//! ```
//! The nearest zoom is one session, half hour by half hour.

use chrono::{Datelike as _, Days, NaiveDate};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::draw::canvas::{Line, columns, rows};
use crate::draw::context::DrawContext;
use crate::draw::format;
use crate::draw::glyphs::{CURSOR, DESCENDING};
use crate::draw::hits::{HitMap, Target};
use crate::draw::layout::Constraint;
use crate::draw::theme::Role;
use crate::model::screen::ListId;
use crate::model::{Model, Zoom};
use crate::view::context::ViewContext;
use crate::view::screen::session;
use crate::view::screen::symbols::share;
use crate::widgets::heat::{self, DayCells, MONTH, YEAR};
use crate::widgets::table::range;
use barkeep_base::text::printable;
use barkeep_runtime::console::{Cell, CellState, SeriesName};

/// Name, timeframe and the cursor before it.
const NAMES: u16 = 16;

/// Draws it into `area`.
pub fn draw(model: &Model, context: &DrawContext, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let view = &mut ViewContext::new(model, context, area, buf, hits);
    let needs = [Constraint::new(4, u16::MAX, 9), Constraint::new(YEAR + 2, YEAR + 2, 5), Constraint::new(1, 1, 7)];
    let places = rows(area, &needs);
    let place = |k: usize| places.get(k).copied().flatten();
    if let Some(top) = place(0) {
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

fn monday(date: NaiveDate) -> NaiveDate {
    date - Days::new(u64::from(date.weekday().num_days_from_monday()))
}

/// The first dates of the map's columns, oldest first, such that the selected date is among them.
fn dates(model: &Model, now: barkeep_market::Ts, room: u16) -> Vec<NaiveDate> {
    let today = now.utc_date();
    let chosen = date(model, now).min(today);
    let (newest, step, held) = match model.coverage.zoom {
        Zoom::Weeks => (monday(today), 7, monday(chosen)),
        _ => (today, 1, chosen),
    };
    let room = u64::from(room.max(1));
    // Stays at the newest end as long as the selection is in sight there.
    let behind = u64::try_from((newest - held).num_days()).unwrap_or(0) / step;
    let last = if behind < room {
        newest
    } else {
        held.checked_add_days(Days::new(step * (room / 3))).unwrap_or(held).min(newest)
    };
    let first = model.answers.coverage.range.map(|(first, _)| if step == 7 { monday(first) } else { first });
    let mut all: Vec<NaiveDate> = (0..room)
        .map_while(|k| last.checked_sub_days(Days::new(k * step)))
        .take_while(|d| first.is_none_or(|first| *d >= first))
        .collect();
    all.reverse();
    all
}

pub(crate) fn map(view: &mut ViewContext, area: Rect) {
    let model = view.model;
    let now = view.now();
    let zoom = model.coverage.zoom;
    let what = if zoom == Zoom::Weeks { "by week" } else { "by day" };
    let len = model.symbols.order.len();
    let cursor = model.cursor(ListId::Coverage);
    let before = model.hits.window_of(ListId::Coverage);
    let window = before.around(cursor, len, usize::from(area.height.saturating_sub(3)));
    let mut title = Line::of(Role::Title, "Coverage ").span(Role::Muted, what);
    if !model.symbols.filter.is_empty() {
        title = title.span(Role::Muted, "  filter ").span(Role::Accent, model.symbols.filter.clone());
    }
    if let Some(error) = &model.answers.coverage.error {
        title = title.span(Role::Bad, format!("  cannot be read: {}", printable(&error.to_string())));
    } else if model.answers.coverage.loading {
        title = title.span(Role::Muted, "  loading …");
    }
    let inner = view.list_panel(ListId::Coverage, area, title, &Line::of(Role::Muted, range(window, len)));
    view.hits.add(inner, Target::List(ListId::Coverage));
    if inner.height < 2 || inner.width < NAMES + 4 {
        view.hits.window(ListId::Coverage, before.around(cursor, len, usize::from(inner.height)));
        return;
    }
    let percent = if inner.width > 60 { 6 } else { 0 };
    let room = inner.width - NAMES - percent;
    let dates = dates(model, now, room);
    // Few columns may be wide ones.
    let each = if zoom == Zoom::Weeks && dates.len() * 2 <= usize::from(room) { 2 } else { 1 };
    view.hits.days = dates.first().copied().zip(dates.last().copied());
    let window = before.around(cursor, len, usize::from(inner.height - 1));
    view.hits.window(ListId::Coverage, window);
    let taken = u16::try_from(dates.len() * each).unwrap_or(room).min(room);
    let start = inner.x + NAMES + (room - taken);
    if percent > 0 {
        view.canvas.right(inner.right() - percent, inner.y, percent, "1 YEAR", Role::Header);
    }
    axis(view, Rect::new(start, inner.y, inner.right() - start - percent, 1), &dates, each);
    if len == 0 {
        let lines = [Line::of(Role::Muted, "no series")];
        view.canvas.center(inner, &lines);
    }
    let chosen = date(model, now);
    if let Some(k) = dates.iter().rposition(|d| *d <= chosen) {
        let x = start + u16::try_from(k * each).unwrap_or(0);
        view.canvas.glyph(x, inner.y, DESCENDING, Role::Accent);
    }
    for (y, row) in (inner.y + 1..inner.bottom()).zip(window.offset..len) {
        let Some(series) = model.series_at(row) else { continue };
        let whole = Rect::new(inner.x, y, inner.width, 1);
        view.hits.add(whole, Target::Row(ListId::Coverage, row));
        let role = if series.tracked { Role::Strong } else { Role::Muted };
        view.canvas.text(inner.x + 2, y, 9, series.symbol.as_str(), role);
        view.canvas.text(inner.x + 12, y, 3, series.timeframe.name(), Role::Text);
        let known = model.answers.coverage.row(&(series.symbol.clone(), series.timeframe));
        let from = model.answers.coverage.range.map(|(from, _)| from);
        match known.zip(from) {
            Some((known, from)) => {
                let days = DayCells { from, cells: &known.cells, selected: None };
                let cells = dates.iter().flat_map(|d| std::iter::repeat_n(cell_of(days, *d, zoom), each));
                heat::strip(&mut view.canvas, start, y, room, cells);
                if let Some(share) = known.cells.split_last().and_then(|(_, past)| share(past)).filter(|_| percent > 0)
                {
                    let role = if share < 1.0 { Role::Aging } else { Role::Muted };
                    view.canvas.right(inner.right() - 5, y, 5, &format::percent(share), role);
                }
            }
            None => view.canvas.repeat(start, y, taken, "╌", Role::Border),
        }
        if cursor == Some(row) {
            view.canvas.text(inner.x, y, 1, CURSOR, Role::Accent);
            view.canvas.overlay(whole, Role::Selected);
            for (x, day) in (start..).zip(dates.iter().flat_map(|d| std::iter::repeat_n(d, each))) {
                view.hits.add(Rect::new(x, y, 1, 1), Target::Day(row, *day));
            }
        }
    }
}

fn cell_of(days: DayCells<'_>, date: NaiveDate, zoom: Zoom) -> Cell {
    let closed = Cell { state: CellState::Closed, eighths: 0 };
    if zoom != Zoom::Weeks {
        return days.on(date).unwrap_or(closed);
    }
    let week: Vec<Cell> = date.iter_days().take(7).filter_map(|d| days.on(d)).collect();
    heat::merge(&week)
}

/// Months above the columns in which they begin.
fn axis(view: &mut ViewContext, line: Rect, dates: &[NaiveDate], each: usize) {
    let mut free_from = line.x;
    let mut month = None;
    for (x, date) in (line.x..).step_by(each).zip(dates) {
        let here = (date.year(), date.month());
        if month.replace(here) == Some(here) || x < free_from {
            continue;
        }
        let name = date.format(if date.month() == 1 { "%b %Y" } else { "%b" }).to_string();
        let needs = crate::draw::canvas::width(&name);
        if x + needs <= line.right() {
            view.canvas.text(x, line.y, needs, &name, Role::Muted);
            free_from = x + needs + 1;
        }
    }
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
    let days = model.answers.coverage.range.zip(known).map(|((from, _), row)| DayCells {
        from,
        cells: &row.cells,
        selected: Some(chosen),
    });
    let state = days.and_then(|d| d.on(chosen)).map_or_else(Line::new, |cell| {
        let (glyph, role) = heat::appearance(cell);
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
    let needs = [Constraint::new(24, 4 + 53 * 2, 9), Constraint::new(MONTH - 7, MONTH, 5), Constraint::new(18, 24, 6)];
    let places = columns(inner, 3, &needs);
    let place = |k: usize| places.get(k).copied().flatten();
    if let Some(at) = place(0) {
        heat::year(&mut view.canvas, at, days);
    }
    if let Some(at) = place(1) {
        heat::month(&mut view.canvas, at, days, chosen);
    }
    if let Some(at) = place(2) {
        sums(view, at, days.cells);
    }
}

/// How many days stand how.
fn sums(view: &mut ViewContext, area: Rect, cells: &[Cell]) {
    let of = |state: CellState| cells.iter().filter(|c| c.state == state).count();
    let partly = cells.iter().filter(|c| c.state == CellState::Present && c.eighths < 8).count();
    let line = |state, eighths, what: &'static str, n: usize| (Cell { state, eighths }, what, n);
    let lines = [
        line(CellState::Present, 8, "present", of(CellState::Present) - partly),
        line(CellState::Present, 4, "partial", partly),
        line(CellState::NoTrade, 8, "no trade", of(CellState::NoTrade)),
        line(CellState::Unverified, 0, "not fetched", of(CellState::Unverified)),
        line(CellState::NotEntitled, 0, "not entitled", of(CellState::NotEntitled)),
        line(CellState::Quarantined, 8, "quarantined", of(CellState::Quarantined)),
    ];
    // What is rare is listed where there is some.
    let rare = [CellState::Quiet, CellState::Halted, CellState::Late, CellState::Suspect, CellState::VendorHole];
    let rare = rare.map(|state| line(state, 8, heat::name(state), of(state))).into_iter().filter(|(.., n)| *n > 0);
    let lines = lines.into_iter().chain(rare);
    let whole = share(cells).map_or_else(|| "-".to_owned(), |s| format::percent(s).trim().to_owned());
    view.canvas.line(area.x, area.y, area.width, &Line::of(Role::Muted, "complete ").span(Role::Strong, whole));
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
