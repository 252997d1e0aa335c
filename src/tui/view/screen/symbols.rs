//! The Symbols screen: every series as a row, filtered, sorted, marked; how far behind it is, its last sessions, and
//! the reason.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::actions::ActionId;
use crate::draw::canvas::{Canvas, Line};
use crate::draw::context::DrawContext;
use crate::draw::format;
use crate::draw::hits::HitMap;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::ListId;
use crate::model::sort::SortBy;
use crate::now::reasons::Reasons;
use crate::view::context::ViewContext;
use crate::view::description::panel;
use crate::view::phrase;
use crate::widgets::heat;
use crate::widgets::table::{Column, Slot, Table, range};
use barkeep_market::Ts;
use barkeep_market::freshness::Tier;
use barkeep_monitor::snapshot::SeriesView;
use barkeep_runtime::console::{Access, Cell, CellState};

#[derive(Clone, Copy)]
enum SymbolColumn {
    Symbol,
    Timeframe,
    Tier,
    Behind,
    Class,
    Criticality,
    Newest,
    Bars,
    Coverage,
    Strip,
    Reason,
    First,
    Checked,
    Gaps,
}

const COLUMNS: [Column<SymbolColumn>; 11] = [
    Column::new(SymbolColumn::Symbol, "SYMBOL", 7, 19).up_to(10).sorts(SortBy::Symbol),
    Column::new(SymbolColumn::Timeframe, "TF", 3, 18).sorts(SortBy::Timeframe),
    Column::new(SymbolColumn::Tier, "TIER", 9, 20).up_to(13).sorts(SortBy::Staleness),
    Column::new(SymbolColumn::Behind, "BEHIND", 7, 17).right(),
    Column::new(SymbolColumn::Criticality, "RPO", 8, 11).sorts(SortBy::Criticality),
    Column::new(SymbolColumn::Class, "CLASS", 6, 5).sorts(SortBy::Class),
    Column::new(SymbolColumn::Newest, "NEWEST BAR", 13, 12).sorts(SortBy::Newest),
    Column::new(SymbolColumn::Bars, "BARS", 9, 7).right().sorts(SortBy::Bars),
    Column::new(SymbolColumn::Coverage, "COVER", 6, 8).right(),
    Column::new(SymbolColumn::Strip, "SESSIONS", 16, 14).up_to(30),
    Column::new(SymbolColumn::Reason, "REASON", 24, 13).up_to(60),
];

/// Only among all columns.
const MORE: [Column<SymbolColumn>; 3] = [
    Column::new(SymbolColumn::First, "FIRST BAR", 13, 0),
    Column::new(SymbolColumn::Checked, "CHECKED", 13, 0).sorts(SortBy::Checked),
    Column::new(SymbolColumn::Gaps, "GAPS", 6, 0).right(),
];

/// The columns in so much room: the last thirty sessions have a cell each where that leaves the reason its place.
fn columns(width: u16, all: bool) -> Vec<Column<SymbolColumn>> {
    let more = MORE.into_iter().filter(|_| all);
    let columns = COLUMNS.into_iter().chain(more).map(|column| match column.key {
        SymbolColumn::Strip if width >= 140 && !all => Column::new(SymbolColumn::Strip, "LAST 30 SESSIONS", 30, 14),
        _ => column,
    });
    columns.collect()
}

/// Draws it into `area`.
pub fn draw(model: &Model, context: &DrawContext, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let view = &mut ViewContext::new(model, context, area, buf, hits);
    let area = panel::beside_lists(view, area);
    let state = &model.symbols;
    let len = state.order.len();
    let before = model.hits.window_of(ListId::Symbols);
    let cursor = model.cursor(ListId::Symbols);
    let frame = area.height >= 3;
    let rows = usize::from(area.height.saturating_sub(if frame { 3 } else { 1 }));
    let tail = Line::of(Role::Muted, range(before.around(cursor, len, rows), len));
    let heading = heading(model);
    let inner = view.list_panel(ListId::Symbols, area, heading, &tail);
    let reasons = Reasons::of(&model.snap);
    let empty = nothing(model);
    let columns = columns(inner.width, model.wide.is_some());
    let table = Table {
        list: ListId::Symbols,
        columns: &columns,
        len,
        cursor,
        focused: true,
        sort: Some(state.sort),
        wide: model.wide,
        before,
        empty: &empty,
    };
    let marked = |k: usize| {
        !state.marks.is_empty()
            && model.series_at(k).is_some_and(|row| state.marks.contains(&(row.symbol.clone(), row.timeframe)))
    };
    table.draw(&mut view.canvas, view.hits, inner, marked, |canvas, slot, key, k| {
        let Some(row) = model.series_at(k) else { return };
        cell(model, canvas, slot, key, row, &reasons);
    });
}

fn heading(model: &Model) -> Line {
    let state = &model.symbols;
    let (shown, all) = (state.order.len(), model.snap.data.series.len());
    let mut line = Line::of(Role::Title, "Series ").span(Role::Strong, format::count(shown));
    if shown != all {
        line = line.span(Role::Muted, format!(" of {}", format::count(all)));
    }
    if !state.filter.is_empty() {
        line = line.span(Role::Muted, "  filter ").span(Role::Accent, state.filter.clone());
    }
    if let Some(error) = &state.query.error {
        line = line.span(Role::Bad, format!("  {error}"));
    }
    line = line.span(Role::Muted, "  sorted by ").span(Role::Text, state.sort.by.name());
    if state.sort.reversed {
        line = line.span(Role::Muted, ", reversed");
    }
    if !state.marks.is_empty() {
        line = line.span(Role::Marked, format!("  ✓ {} marked", format::count(state.marks.len())));
    }
    line
}

fn nothing(model: &Model) -> Vec<Line> {
    if model.snap.data.series.is_empty() {
        return vec![
            Line::of(Role::Strong, "No symbols yet."),
            match model.keymap.hint(ActionId::AddSymbols).filter(|_| model.access == Access::Operate) {
                Some(key) => Line::of(Role::Key, key).span(Role::Muted, " adds some, for example SPY QQQ BTC"),
                None => Line::of(Role::Accent, "barkeep symbols add SPY QQQ AAPL BTC ETH"),
            },
        ];
    }
    vec![
        Line::of(Role::Strong, "No series matches ").span(Role::Accent, model.symbols.filter.clone()),
        Line::of(Role::Muted, format!("Press Esc to show all {}", format::count(model.snap.data.series.len()))),
    ]
}

fn cell(model: &Model, canvas: &mut Canvas, slot: Slot, key: SymbolColumn, row: &SeriesView, reasons: &Reasons<'_>) {
    match key {
        SymbolColumn::Symbol => {
            slot.text(canvas, row.symbol.as_str(), if row.tracked { Role::Strong } else { Role::Muted });
        }
        SymbolColumn::Timeframe => slot.text(canvas, row.timeframe.name(), Role::Text),
        SymbolColumn::Tier => slot.line(canvas, &phrase::series_tier(row, slot.width)),
        SymbolColumn::Behind => match row.staleness_seconds {
            Some(seconds) => {
                let role = if row.tier == Tier::Fresh { Role::Text } else { row.tier.into() };
                slot.text(canvas, &format::age(seconds.saturating_mul(1000)), role);
            }
            None => slot.text(canvas, "-", Role::Muted),
        },
        SymbolColumn::Class => slot.text(canvas, row.asset_class.name(), Role::Muted),
        SymbolColumn::Criticality => slot.text(canvas, row.criticality.name(), Role::Text),
        SymbolColumn::Newest => match row.newest_bar {
            Some(t) => slot.text(canvas, &format::stamp(t, canvas.now), Role::Text),
            None => slot.text(canvas, "no bars yet", Role::Missing),
        },
        SymbolColumn::Bars => slot.text(canvas, &format::count(row.bars), Role::Text),
        SymbolColumn::Coverage => {
            let known = model.answers.strips.row(&(row.symbol.clone(), row.timeframe));
            let share = known.and_then(|row| row.complete);
            let role = if share.is_some_and(|s| s < 1.0) { Role::Aging } else { Role::Muted };
            slot.text(canvas, &share.map_or_else(|| "-".to_owned(), format::percent), role);
        }
        SymbolColumn::Strip => match sessions(model, row, usize::from(slot.width)) {
            Some(cells) => {
                let start = slot.x + slot.width.saturating_sub(u16::try_from(cells.len()).unwrap_or(slot.width));
                let first = heat::first_asked(&cells);
                let looks = cells.iter().enumerate().map(|(k, cell)| heat::look(*cell, k < first));
                heat::strip(canvas, start, slot.y, slot.width, looks);
            }
            None => canvas.repeat(slot.x, slot.y, slot.width, "╌", Role::Border),
        },
        SymbolColumn::First => time(canvas, slot, row.first_bar),
        SymbolColumn::Checked => time(canvas, slot, row.checked_at),
        SymbolColumn::Gaps => match row.gaps {
            Some(gaps) => slot.text(canvas, &format::count(gaps), if gaps > 0 { Role::Aging } else { Role::Muted }),
            None => slot.text(canvas, "-", Role::Muted),
        },
        SymbolColumn::Reason => slot.line(canvas, &note(row, reasons)),
    }
}

fn time(canvas: &mut Canvas, slot: Slot, at: Option<Ts>) {
    match at {
        Some(at) => slot.text(canvas, &format::stamp(at, canvas.now), Role::Text),
        None => slot.text(canvas, "-", Role::Muted),
    }
}

/// Why a series is not fresh; empty when it is.
fn note(row: &SeriesView, reasons: &Reasons<'_>) -> Line {
    if row.paused {
        return Line::of(Role::Paused, "paused");
    }
    if !row.tracked {
        return Line::of(Role::Muted, "not tracked");
    }
    if reasons.has_failed(row) {
        return Line::of(Role::Bad, reasons.why(row));
    }
    if row.tier == Tier::Fresh {
        return Line::new();
    }
    Line::of(Role::Muted, reasons.why(row))
}

/// The last `count` days that trade, oldest first.
fn sessions(model: &Model, row: &SeriesView, count: usize) -> Option<Vec<Cell>> {
    Some(last_open(&model.answers.strips.row(&(row.symbol.clone(), row.timeframe))?.cells, count))
}

fn last_open(cells: &[Cell], count: usize) -> Vec<Cell> {
    let open = cells.iter().rev().filter(|c| !matches!(c.state, CellState::Closed | CellState::Ahead));
    let mut last: Vec<Cell> = open.take(count).copied().collect();
    last.reverse();
    last
}
