//! The wall itself: a tile for a series or for a symbol. Its color is the tier, a letter stands on it when it is not fresh,
//! and signs say that it is later than allowed or being fetched.

use std::collections::HashSet;

use ratatui::layout::Rect;

use super::counts::shade_of;
use crate::draw::canvas::width;
use crate::draw::glyphs::{FETCHING, LATE, TILE};
use crate::draw::theme::Role;
use crate::now::wall::{Wall, WallSymbol, is_late};
use crate::view::context::ViewContext;
use barkeep_market::freshness::Tier;
use barkeep_market::{Symbol, Timeframe};
use barkeep_monitor::snapshot::{SeriesView, Snapshot};
use barkeep_service::progress::ItemState;

/// Names of symbols, with a space behind them.
const NAME: u16 = 6;
/// Between groups of columns, at the least and at the most.
const GAP: u16 = 2;
const WIDEST_GAP: u16 = 6;
const TILE_WIDTH: u16 = 2;

/// How the tiles of a symbol stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Under the names of their timeframes.
    Headed,
    /// One cell each, close together.
    Dense,
}

impl Form {
    /// Rows above the tiles.
    pub(super) const fn heading(self) -> u16 {
        match self {
            Self::Headed => 1,
            Self::Dense => 0,
        }
    }

    /// The cells of a tile, and from one tile to the next.
    fn column(self, timeframe: Timeframe) -> (u16, u16) {
        match self {
            Self::Headed => (TILE_WIDTH, width(timeframe.name()).max(TILE_WIDTH) + 1),
            Self::Dense => (1, 1),
        }
    }

    /// A symbol with all of its tiles.
    fn group(self, wall: &Wall) -> u16 {
        let columns = wall.timeframes.iter().map(|tf| self.column(*tf).1).sum::<u16>();
        NAME + columns.saturating_sub(self.heading())
    }

    /// How many symbols stand beside each other.
    pub(super) fn groups(self, wall: &Wall, width: u16) -> u16 {
        (width + GAP) / (self.group(wall) + GAP)
    }
}

/// What is on the wire or being stored.
struct Fetched<'a> {
    series: HashSet<(&'a Symbol, Timeframe)>,
    /// For all symbols at once.
    all: HashSet<Timeframe>,
}

impl<'a> Fetched<'a> {
    fn of(snap: &'a Snapshot) -> Self {
        let mut fetched = Self { series: HashSet::new(), all: HashSet::new() };
        let items = snap.live.runs.iter().flat_map(|run| &run.items);
        for item in items.filter(|i| matches!(i.state, ItemState::Fetching { .. } | ItemState::Storing)) {
            for timeframe in item.info.timeframe.into_iter().chain(item.info.derives.iter().copied()) {
                match &item.info.symbol {
                    Some(symbol) => drop(fetched.series.insert((symbol, timeframe))),
                    None => drop(fetched.all.insert(timeframe)),
                }
            }
        }
        fetched
    }

    fn has(&self, row: &SeriesView) -> bool {
        self.all.contains(&row.timeframe) || self.series.contains(&(&row.symbol, row.timeframe))
    }
}

fn tile(view: &mut ViewContext, x: u16, y: u16, wide: u16, row: &SeriesView, fetched: bool) {
    let tier = row.tier;
    let calm = tier == Tier::Fresh && !row.paused;
    let role = if row.paused { Role::Paused } else { shade_of(view, tier) };
    let letter = if row.paused { 'P' } else { tier.letter() };
    let text: String = match (is_late(row), calm, fetched) {
        (true, _, false) => [letter, LATE].iter().rev().take(usize::from(wide)).rev().collect(),
        (true, _, true) => [LATE, FETCHING].iter().take(usize::from(wide)).collect(),
        (false, true, true) => [TILE, FETCHING].iter().rev().take(usize::from(wide)).rev().collect(),
        (false, true, false) => std::iter::repeat_n(TILE, usize::from(wide)).collect(),
        (false, false, true) => [letter, FETCHING].iter().rev().take(usize::from(wide)).rev().collect(),
        (false, false, false) => [letter, ' '].iter().take(usize::from(wide)).collect(),
    };
    match (is_late(row), calm) {
        (true, _) => drop(view.canvas.text(x, y, wide, &text, Role::Breach)),
        (false, true) => {
            for (x, c) in (x..).zip(text.chars()) {
                let role = if c == FETCHING { Role::Running } else { role };
                view.canvas.glyph(x, y, c.encode_utf8(&mut [0; 4]), role);
            }
        }
        (false, false) => view.canvas.tile(x, y, &text, role),
    }
}

/// All series by symbol and timeframe, in as many columns of symbols as fit, each column from the top to the bottom.
pub(super) fn series(view: &mut ViewContext, at: Rect, form: Form) {
    let model = view.model;
    let (wall, rows) = (&model.wall, &model.snap.data.series);
    let (beside, group, heading) = (form.groups(wall, at.width), form.group(wall), form.heading());
    if beside == 0 || at.height <= heading {
        return;
    }
    let fetched = Fetched::of(&model.snap);
    let all = u16::try_from(wall.symbols.len()).unwrap_or(u16::MAX);
    let spare = at.width.saturating_sub(beside * group);
    let gap = (spare / beside.saturating_sub(1).max(1)).clamp(GAP, WIDEST_GAP);
    // As few rows as the columns allow.
    let deep = all.div_ceil(beside).clamp(1, at.height - heading);
    let shown = wall.symbols.chunks(usize::from(deep)).take(usize::from(beside));
    for (k, symbols) in (0_u16..).zip(shown) {
        let left = at.x + k * (group + gap);
        let mut x = left + NAME;
        for timeframe in wall.timeframes.iter().filter(|_| form == Form::Headed) {
            let (_, step) = form.column(*timeframe);
            view.canvas.text(x, at.y, step - 1, timeframe.name(), Role::Header);
            x += step;
        }
        for (y, symbol) in (at.y + heading..at.bottom()).zip(symbols) {
            let worst = rows.get(symbol.worst as usize);
            let name = worst.map_or("", |row| row.symbol.as_str());
            let calm = worst.is_none_or(|row| row.tier == Tier::Fresh && !is_late(row));
            view.canvas.text(left, y, NAME - 1, name, if calm { Role::Muted } else { Role::Strong });
            let mut x = left + NAME;
            for timeframe in &wall.timeframes {
                let (wide, step) = form.column(*timeframe);
                match symbol.at(*timeframe).and_then(|k| rows.get(k as usize)) {
                    Some(row) => tile(view, x, y, wide, row, fetched.has(row)),
                    None => view.canvas.glyph(x, y, "·", Role::Border),
                }
                x += step;
            }
        }
    }
}

/// One tile for each symbol, that of its worst series; returns the rows it took.
pub(super) fn symbols(view: &mut ViewContext, at: Rect, symbols: &[WallSymbol], wide: u16) -> u16 {
    let model = view.model;
    let rows = &model.snap.data.series;
    let fetched = Fetched::of(&model.snap);
    let pitch = if wide > 1 { wide + 1 } else { 1 };
    let per_row = usize::from((at.width / pitch).max(1));
    let mut taken = 0;
    for (y, line) in (at.y..at.bottom()).zip(symbols.chunks(per_row)) {
        for (k, symbol) in (0_u16..).zip(line) {
            let Some(row) = rows.get(symbol.worst as usize) else { continue };
            let busy = symbol.all().filter_map(|k| rows.get(k as usize)).any(|row| fetched.has(row));
            tile(view, at.x + k * pitch, y, wide, row, busy);
        }
        taken += 1;
    }
    taken
}
