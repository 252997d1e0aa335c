//! What a frame showed where: for the mouse, for paging, and for knowing when the next frame is due.
//!
//! Drawing changes nothing but this; the model keeps it until the next frame.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use ratatui::layout::{Position, Rect};

use crate::actions::ActionId;
use crate::draw::format;
use crate::model::screen::{ListId, Screen};
use crate::model::sort::SortBy;
use crate::terminal::keys::Key;
use barkeep_market::Ts;
use barkeep_market::ts::MINUTE;

/// What a click on a place means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClickTarget {
    Screen(Screen),
    /// Anywhere in a list: it takes the focus, and the wheel scrolls it.
    List(ListId),
    Row(ListId, usize),
    /// A column of the coverage map.
    Day(usize, NaiveDate),
    /// A bar of a chart.
    Bar(Ts),
    Column(SortBy),
    Action(ActionId),
    /// The first of several keys.
    Begin(Key),
    /// A line of the palette or of the help.
    Line(usize),
    Yes,
    No,
}

/// The rows of a list that a frame showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListWindow {
    /// The first of them.
    pub offset: usize,
    /// How many fit.
    pub height: usize,
}

impl ListWindow {
    /// The window for a list of `len` rows in `height` lines that keeps the cursor in sight and moves as little as
    /// possible.
    #[must_use]
    pub fn around(self, cursor: Option<usize>, len: usize, height: usize) -> Self {
        let cursor = cursor.unwrap_or(0);
        let lowest = (cursor + 1).saturating_sub(height);
        let offset = self.offset.max(lowest).min(cursor).min(len.saturating_sub(height));
        Self { offset, height }
    }
}

/// What a frame showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HitMap {
    areas: Vec<(Rect, ClickTarget)>,
    windows: BTreeMap<ListId, ListWindow>,
    /// The days of the coverage map, both included.
    pub days: Option<(NaiveDate, NaiveDate)>,
    /// Whether something on the screen changes by itself with every second.
    pub ticking: bool,
    /// When something else on the screen changes by itself.
    pub changes_at: Option<Ts>,
    /// Columns of a list that lie right of what is in sight.
    pub columns_outside: usize,
    /// Where the terminal's cursor is: in a line of text.
    pub caret: Option<Position>,
}

impl HitMap {
    /// What was drawn at `area`; later ones lie above earlier ones.
    pub fn add(&mut self, area: Rect, target: ClickTarget) {
        self.areas.push((area, target));
    }

    /// Which rows of a list were drawn.
    pub fn window(&mut self, list: ListId, window: ListWindow) {
        self.windows.insert(list, window);
    }

    /// The window of a list in this frame.
    #[must_use]
    pub fn window_of(&self, list: ListId) -> ListWindow {
        self.windows.get(&list).copied().unwrap_or_default()
    }

    /// To be called by whatever draws a text that counts seconds.
    pub fn tick(&mut self) {
        self.ticking = true;
    }

    /// To be called by whatever draws a text that changes by itself at a moment known before.
    pub fn changes_at(&mut self, at: Ts) {
        self.changes_at = Some(self.changes_at.map_or(at, |sooner| sooner.min(at)));
    }

    /// To be called by whatever draws how far `at` is away, as [`format::ahead`] or [`format::rough`] prints it.
    pub fn counts(&mut self, now: Ts, at: Ts) {
        let (ahead, apart) = (at > now, (at - now).abs());
        if apart <= format::CLOSE {
            self.tick();
        } else if ahead {
            // A countdown shows whole minutes and changes just after the last one is full.
            self.changes_at(now + apart % MINUTE + 1);
        } else {
            self.changes_at(now + (MINUTE - apart % MINUTE));
        }
    }

    /// The topmost target at a place.
    #[must_use]
    pub fn at(&self, column: u16, row: u16) -> Option<ClickTarget> {
        let place = Position::new(column, row);
        self.areas.iter().rev().find(|(area, _)| area.contains(place)).map(|(_, target)| *target)
    }

    /// Every place a mouse can mean.
    #[must_use]
    pub fn areas(&self) -> &[(Rect, ClickTarget)] {
        &self.areas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_moves_no_further_than_the_cursor_makes_it() {
        let window = ListWindow { offset: 10, height: 5 };
        for (cursor, len, height, offset) in [
            (12, 100, 5, 10),
            (9, 100, 5, 9),
            (15, 100, 5, 11),
            (99, 100, 5, 95),
            (0, 0, 5, 0),
            (3, 4, 10, 0),
            (7, 9, 0, 7),
        ] {
            assert_eq!(window.around(Some(cursor), len, height).offset, offset, "{cursor} of {len} in {height}");
        }
    }

    #[test]
    fn the_uppermost_is_hit() {
        let mut hits = HitMap::default();
        hits.add(Rect::new(0, 0, 10, 10), ClickTarget::List(ListId::Log));
        hits.add(Rect::new(2, 2, 3, 1), ClickTarget::Row(ListId::Log, 7));
        assert_eq!(hits.at(2, 2), Some(ClickTarget::Row(ListId::Log, 7)));
        assert_eq!(hits.at(2, 3), Some(ClickTarget::List(ListId::Log)));
        assert_eq!(hits.at(20, 3), None);
    }
}
