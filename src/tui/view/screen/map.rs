//! The coverage map: symbols, or their timeframes, by days or weeks.
//!
//! A folded symbol is one line of half cells: its minutes above, its days below. Where a color is all that could tell two
//! halves apart, the line shows both as one.

use chrono::{Datelike as _, Days, NaiveDate};
use ratatui::layout::Rect;

use crate::draw::canvas::Line;
use crate::draw::format;
use crate::draw::glyphs::{CURSOR, DESCENDING};
use crate::draw::hits::ClickTarget;
use crate::draw::theme::Role;
use crate::model::map::MapLine;
use crate::model::screen::ListId;
use crate::model::{Model, Zoom};
use crate::view::attempts;
use crate::view::context::ViewContext;
use crate::view::screen::coverage::date;
use crate::widgets::calendar::DayCells;
use crate::widgets::heat;
use crate::widgets::table::range;
use barkeep_base::text::printable;
use barkeep_market::Family;
use barkeep_runtime::console::{Cell, CellState, CoverageRow};

/// Name, timeframe and the cursor before it.
const NAMES: u16 = 16;
/// Where this much is free, each line says what is missing of it.
const NOTES: u16 = 46;

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

/// Draws the panel.
pub fn map(view: &mut ViewContext, area: Rect) {
    let model = view.model;
    let now = view.now();
    let zoom = model.coverage.zoom;
    let lines = model.map_lines();
    let (cursor, len) = (model.map_cursor(&lines), lines.len());
    let before = model.hits.window_of(ListId::Coverage);
    let window = before.around(cursor, len, usize::from(area.height.saturating_sub(3)));
    let inner = frame(view, area, &Line::of(Role::Muted, range(window, len)));
    if inner.height < 2 || inner.width < NAMES + 4 {
        view.hits.window(ListId::Coverage, before.around(cursor, len, usize::from(inner.height)));
        return;
    }
    let percent = if inner.width > 60 { 6 } else { 0 };
    let notes = match inner.width {
        220.. => NOTES + 20,
        140.. => NOTES,
        _ => 0,
    };
    let room = inner.width - NAMES - percent - notes;
    let dates = dates(model, now, room);
    // Few columns may be wide ones.
    let each = if zoom == Zoom::Weeks && dates.len() * 2 <= usize::from(room) { 2 } else { 1 };
    view.hits.days = dates.first().copied().zip(dates.last().copied());
    let window = before.around(cursor, len, usize::from(inner.height - 1));
    view.hits.window(ListId::Coverage, window);
    let taken = u16::try_from(dates.len() * each).unwrap_or(room).min(room);
    let start = inner.x + NAMES + (room - taken);
    let after = start + taken;
    if percent > 0 {
        view.canvas.right(after, inner.y, percent, "COVER", Role::Header);
    }
    axis(view, Rect::new(start, inner.y, taken, 1), &dates, each);
    if len == 0 {
        let lines = [Line::of(Role::Muted, "no series")];
        view.canvas.center(inner, &lines);
    }
    let chosen = date(model, now);
    if let Some(k) = dates.iter().rposition(|d| *d <= chosen) {
        let x = start + u16::try_from(k * each).unwrap_or(0);
        view.canvas.glyph(x, inner.y, DESCENDING, Role::Accent);
    }
    for (y, at) in (inner.y + 1..inner.bottom()).zip(window.offset..len) {
        let Some(line) = lines.get(at) else { continue };
        let row = line.anchor();
        let whole = Rect::new(inner.x, y, inner.width, 1);
        view.hits.add(whole, ClickTarget::Row(ListId::Coverage, row));
        names(view, line, inner.x, y);
        let place = Rect::new(start, y, taken, 1);
        cells(view, line, place, &dates, each);
        let known: Vec<&CoverageRow> = known(model, line);
        let complete = known.iter().filter_map(|row| row.complete).reduce(f64::min);
        if let Some(share) = complete.filter(|_| percent > 0) {
            let role = if share < 1.0 { Role::Aging } else { Role::Muted };
            view.canvas.right(after + 1, y, percent - 1, &format::percent(share), role);
        }
        if notes > 0 {
            note(view, line, cursor == Some(at), Rect::new(after + percent + 2, y, notes.saturating_sub(2), 1));
        }
        if cursor == Some(at) {
            view.canvas.text(inner.x, y, 1, CURSOR, Role::Accent);
            // Half cells keep their own background.
            view.canvas.overlay(Rect::new(inner.x, y, start - inner.x, 1), Role::Selected);
            view.canvas.overlay(Rect::new(after, y, inner.right() - after, 1), Role::Selected);
            if !is_split(view, line) {
                view.canvas.overlay(place, Role::Selected);
            }
            for (x, day) in (start..).zip(dates.iter().flat_map(|d| std::iter::repeat_n(d, each))) {
                view.hits.add(Rect::new(x, y, 1, 1), ClickTarget::Day(row, *day));
            }
        }
    }
}

fn frame(view: &mut ViewContext, area: Rect, tail: &Line) -> Rect {
    let model = view.model;
    let what = if model.coverage.zoom == Zoom::Weeks { "by week" } else { "by day" };
    let mut title = Line::of(Role::Title, "Coverage ").span(Role::Muted, what);
    if !model.symbols.filter.is_empty() {
        title = title.span(Role::Muted, "  filter ").span(Role::Accent, model.symbols.filter.clone());
    }
    if let Some(error) = &model.answers.coverage.error {
        title = title.span(Role::Bad, format!("  cannot be read: {}", printable(&error.to_string())));
    } else if model.answers.coverage.loading {
        title = title.span(Role::Muted, "  loading …");
    }
    let inner = view.list_panel(ListId::Coverage, area, title, tail);
    view.hits.add(inner, ClickTarget::List(ListId::Coverage));
    inner
}

/// The symbol, and its timeframe or how many it has.
fn names(view: &mut ViewContext, line: &MapLine<'_>, x: u16, y: u16) {
    let Some(series) = view.model.series_at(line.anchor()) else { return };
    let role = if series.tracked { Role::Strong } else { Role::Muted };
    if line.is_first {
        view.canvas.text(x + 2, y, 9, series.symbol.as_str(), role);
    }
    if line.is_folded() {
        view.canvas.text(x + 12, y, 3, &format!("×{}", line.rows.len()), Role::Muted);
    } else {
        view.canvas.text(x + 12, y, 3, series.timeframe.name(), Role::Text);
    }
}

fn known<'a>(model: &'a Model, line: &MapLine<'_>) -> Vec<&'a CoverageRow> {
    let of = |row: &usize| {
        let view = model.series_at(*row)?;
        model.answers.coverage.row(&(view.symbol.clone(), view.timeframe))
    };
    line.rows.iter().filter_map(of).collect()
}

/// Whether the line shows its minutes above its days.
fn is_split(view: &ViewContext, line: &MapLine<'_>) -> bool {
    let family = |family: Family| {
        line.rows.iter().filter_map(|row| view.model.series_at(*row)).any(|row| row.timeframe.family() == family)
    };
    !view.canvas.theme.is_mono() && !view.model.display.ascii && family(Family::Minute) && family(Family::Day)
}

/// One date of several series as one cell, and whether nobody had asked by then.
fn merged(rows: &[DayCells<'_>], date: NaiveDate, zoom: Zoom) -> (Cell, bool) {
    let days = if zoom == Zoom::Weeks { 7 } else { 1 };
    let of = |row: &DayCells<'_>| date.iter_days().take(days).filter_map(|d| row.on(d)).collect::<Vec<_>>();
    let cells: Vec<Cell> = rows.iter().flat_map(of).collect();
    let last = date.iter_days().nth(days - 1).unwrap_or(date);
    let before = rows.iter().all(|row| row.is_before(last));
    match cells.as_slice() {
        [] => (Cell { state: CellState::Closed, eighths: 0 }, before),
        [one] => (*one, before),
        many => (heat::merge(many), before),
    }
}

fn cells(view: &mut ViewContext, line: &MapLine<'_>, place: Rect, dates: &[NaiveDate], each: usize) {
    let zoom = view.model.coverage.zoom;
    let rows = known(view.model, line);
    let from = view.model.answers.coverage.range.map(|(from, _)| from);
    let Some(from) = from.filter(|_| !rows.is_empty()) else {
        return view.canvas.repeat(place.x, place.y, place.width, "╌", Role::Border);
    };
    let of = |family: Option<Family>| -> Vec<DayCells<'_>> {
        let fits = |row: &&&CoverageRow| family.is_none_or(|family| row.timeframe.family() == family);
        rows.iter().filter(fits).map(|row| DayCells::new(from, &row.cells, None)).collect()
    };
    let columns = dates.iter().flat_map(|date| std::iter::repeat_n(*date, each));
    let (upper, lower) = (of(Some(Family::Minute)), of(Some(Family::Day)));
    if is_split(view, line) && !upper.is_empty() && !lower.is_empty() {
        for (x, date) in (place.x..place.right()).zip(columns) {
            let (above, below) = (merged(&upper, date, zoom), merged(&lower, date, zoom));
            heat::pair(&mut view.canvas, x, place.y, above, below);
        }
        return;
    }
    let all = of(None);
    let looks = columns.map(|date| {
        let (cell, before) = merged(&all, date, zoom);
        heat::look(cell, before)
    });
    heat::strip(&mut view.canvas, place.x, place.y, place.width, looks);
}

/// What is missing of a line, and for the selected one what fetching it takes.
fn note(view: &mut ViewContext, line: &MapLine<'_>, is_selected: bool, place: Rect) {
    let model = view.model;
    let class = model.series_at(line.anchor()).map(|row| row.asset_class);
    let selected = model.selected_hole().filter(|_| is_selected).map(|(_, gap)| gap);
    let newest = || {
        let rows = known(model, line).into_iter();
        rows.filter_map(|row| row.gaps.iter().rev().find(|gap| !gap.not_entitled)).max_by_key(|gap| gap.range.end)
    };
    let Some((gap, class)) = selected.or_else(newest).zip(class) else { return };
    let text = attempts::hole(gap, class, view.now());
    let mut key = if is_selected { attempts::fetches(model, gap) } else { Line::new() };
    // The line below the map says in words what the key does.
    key.spans.truncate(3);
    let role = if is_selected { Role::Text } else { Role::Muted };
    let mut whole = Line::of(role, text);
    whole.spans.extend(key.spans);
    view.canvas.line(place.x, place.y, place.width, &whole);
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
