//! The Symbols screen: every series as a row, filtered, sorted, marked; how far behind it is, its last sessions, and
//! what holds it back.

use std::collections::HashSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::draw::format;
use crate::draw::hits::HitMap;
use crate::draw::look::Look;
use crate::draw::pen::{Pen, Words};
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::ListId;
use crate::model::sort::SortBy;
use crate::view::stage::ViewContext;
use crate::view::{phrase, verdict};
use crate::widgets::heat;
use crate::widgets::table::{Column, Slot, Table, range};
use barkeep_market::freshness::Tier;
use barkeep_market::{Symbol, Timeframe};
use barkeep_monitor::snapshot::SeriesView;
use barkeep_runtime::console::{Cell, CellState};

#[derive(Clone, Copy)]
enum Is {
    Symbol,
    Timeframe,
    Tier,
    Behind,
    Class,
    Criticality,
    Newest,
    Bars,
    Cover,
    Strip,
    Note,
}

const COLUMNS: [Column<Is>; 11] = [
    Column::new(Is::Symbol, "SYMBOL", 7, 20).up_to(10).sorts(SortBy::Symbol),
    Column::new(Is::Timeframe, "TF", 3, 18).sorts(SortBy::Timeframe),
    Column::new(Is::Tier, "TIER", 9, 19).up_to(13).sorts(SortBy::Staleness),
    Column::new(Is::Behind, "BEHIND", 7, 17).right(),
    Column::new(Is::Criticality, "RPO", 8, 11).sorts(SortBy::Criticality),
    Column::new(Is::Class, "CLASS", 6, 5).sorts(SortBy::Class),
    Column::new(Is::Newest, "NEWEST BAR", 13, 12).sorts(SortBy::Newest),
    Column::new(Is::Bars, "BARS", 9, 7).right().sorts(SortBy::Bars),
    Column::new(Is::Cover, "COVER", 5, 8).right(),
    Column::new(Is::Strip, "LAST 30 SESSIONS", 16, 10).up_to(30),
    Column::new(Is::Note, "REASON", 24, 13).up_to(60),
];

/// Draws it into `area`.
pub fn draw(model: &Model, look: &Look, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let stage = &mut ViewContext::new(model, look, area, buf, hits);
    let state = &model.symbols;
    let len = state.order.len();
    let before = model.hits.window_of(ListId::Symbols);
    let cursor = model.cursor(ListId::Symbols);
    let frame = area.height >= 3;
    let rows = usize::from(area.height.saturating_sub(if frame { 3 } else { 1 }));
    let tail = Words::of(Role::Muted, range(before.around(cursor, len, rows), len));
    let heading = heading(model);
    let inner = stage.list_panel(ListId::Symbols, area, heading, &tail);
    let failing: HashSet<(&Symbol, Timeframe)> =
        model.snap.data.failing.iter().map(|row| (&row.symbol, row.timeframe)).collect();
    let empty = nothing(model);
    let table = Table {
        list: ListId::Symbols,
        columns: &COLUMNS,
        len,
        cursor,
        focused: true,
        sort: Some(state.sort),
        before,
        empty: &empty,
    };
    let marked = |k: usize| {
        !state.marks.is_empty()
            && model.series_at(k).is_some_and(|row| state.marks.contains(&(row.symbol.clone(), row.timeframe)))
    };
    table.draw(&mut stage.pen, stage.hits, inner, marked, |pen, slot, key, k| {
        let Some(row) = model.series_at(k) else { return };
        cell(model, pen, slot, key, row, failing.contains(&(&row.symbol, row.timeframe)));
    });
}

fn heading(model: &Model) -> Words {
    let state = &model.symbols;
    let (shown, all) = (state.order.len(), model.snap.data.series.len());
    let mut words = Words::of(Role::Title, "Series ").say(Role::Strong, format::count(shown));
    if shown != all {
        words = words.say(Role::Muted, format!(" of {}", format::count(all)));
    }
    if !state.filter.is_empty() {
        words = words.say(Role::Muted, "  filter ").say(Role::Accent, state.filter.clone());
    }
    if let Some(error) = &state.query.error {
        words = words.say(Role::Bad, format!("  {error}"));
    }
    words = words.say(Role::Muted, "  sorted by ").say(Role::Text, state.sort.by.name());
    if state.sort.reversed {
        words = words.say(Role::Muted, ", reversed");
    }
    if !state.marks.is_empty() {
        words = words.say(Role::Marked, format!("  ✓ {} marked", format::count(state.marks.len())));
    }
    words
}

fn nothing(model: &Model) -> Vec<Words> {
    if model.snap.data.series.is_empty() {
        return vec![
            Words::of(Role::Strong, "No symbols yet."),
            Words::of(Role::Muted, "Add some; the next run fetches them:"),
            Words::of(Role::Accent, "barkeep symbols add SPY QQQ AAPL BTC ETH"),
        ];
    }
    vec![
        Words::of(Role::Strong, "No series matches ").say(Role::Accent, model.symbols.filter.clone()),
        Words::of(Role::Muted, format!("Press Esc to show all {}", format::count(model.snap.data.series.len()))),
    ]
}

fn cell(model: &Model, pen: &mut Pen, slot: Slot, key: Is, row: &SeriesView, failed: bool) {
    match key {
        Is::Symbol => slot.text(pen, row.symbol.as_str(), if row.tracked { Role::Strong } else { Role::Muted }),
        Is::Timeframe => slot.text(pen, row.timeframe.name(), Role::Text),
        Is::Tier => slot.words(pen, &phrase::series_tier(row, slot.width)),
        Is::Behind => match row.staleness_seconds {
            Some(seconds) => {
                let role = if row.tier == Tier::Fresh { Role::Text } else { row.tier.into() };
                slot.text(pen, &format::age(seconds.saturating_mul(1000)), role);
            }
            None => slot.text(pen, "-", Role::Muted),
        },
        Is::Class => slot.text(pen, row.asset_class.name(), Role::Muted),
        Is::Criticality => slot.text(pen, row.criticality.name(), Role::Text),
        Is::Newest => match row.newest_bar {
            Some(t) => slot.text(pen, &format::stamp(t, pen.now), Role::Text),
            None => slot.text(pen, "no bars yet", Role::Missing),
        },
        Is::Bars => slot.text(pen, &format::count(row.bars), Role::Text),
        Is::Cover => {
            let share = sessions(model, row, 30).and_then(|cells| share(&cells));
            let role = if share.is_some_and(|s| s < 1.0) { Role::Aging } else { Role::Muted };
            slot.text(pen, &share.map_or_else(|| "-".to_owned(), format::percent), role);
        }
        Is::Strip => match sessions(model, row, usize::from(slot.width)) {
            Some(cells) => {
                let start = slot.x + slot.width.saturating_sub(u16::try_from(cells.len()).unwrap_or(slot.width));
                heat::strip(pen, start, slot.y, slot.width, cells.into_iter());
            }
            None => pen.repeat(slot.x, slot.y, slot.width, "╌", Role::Border),
        },
        Is::Note => slot.words(pen, &note(model, row, failed)),
    }
}

/// What holds a series back; nothing when it is fresh.
fn note(model: &Model, row: &SeriesView, failed: bool) -> Words {
    if row.paused {
        return Words::of(Role::Paused, "paused");
    }
    if !row.tracked {
        return Words::of(Role::Muted, "not tracked");
    }
    if failed {
        return Words::of(Role::Bad, verdict::reason(&model.snap, row));
    }
    if row.tier == Tier::Fresh {
        return Words::new();
    }
    Words::of(Role::Muted, verdict::reason(&model.snap, row))
}

/// The last `count` days that trade, oldest first.
fn sessions(model: &Model, row: &SeriesView, count: usize) -> Option<Vec<Cell>> {
    let cells = &model.answers.strips.row(&(row.symbol.clone(), row.timeframe))?.cells;
    let open = cells.iter().rev().filter(|c| !matches!(c.state, CellState::Closed | CellState::Ahead));
    let mut last: Vec<Cell> = open.take(count).copied().collect();
    last.reverse();
    Some(last)
}

/// The share that the vendor has answered for.
pub(crate) fn share(cells: &[Cell]) -> Option<f64> {
    let due = cells.iter().filter(|c| !matches!(c.state, CellState::Closed | CellState::Ahead));
    let (count, eighths) = due.fold((0_u32, 0_u32), |(n, sum), c| {
        let answered = match c.state {
            CellState::NoTrade => 8,
            CellState::Present | CellState::Quarantined => u32::from(c.eighths),
            _ => 0,
        };
        (n + 1, sum + answered)
    });
    (count > 0).then(|| f64::from(eighths) / f64::from(count * 8))
}
