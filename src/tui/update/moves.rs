//! Moving the selection: rows, lists, days, timeframes, zoom.

use chrono::{Datelike as _, Days};

use crate::model::cursor::{ListCursor, RowKey};
use crate::model::map::MapLine;
use crate::model::msg::Effects;
use crate::model::screen::{ListId, Screen};
use crate::model::sort::{Sort, SortBy};
use crate::model::{Model, Zoom};
use barkeep_market::Symbol;
use barkeep_market::ts::DAY;
use barkeep_runtime::console::{Level, SeriesName};

impl Model {
    /// The series in a row of the table, by name.
    pub(super) fn name_at(&self, row: usize) -> Option<SeriesName> {
        self.series_at(row).map(|row| (row.symbol.clone(), row.timeframe))
    }

    /// Puts the selection of a list on a row.
    pub(super) fn select(&mut self, list: ListId, row: usize) {
        let list = if list == ListId::Coverage { ListId::Symbols } else { list };
        let key = self.key_of(list, row);
        self.cursors.insert(list, ListCursor { index: row, key });
    }

    /// Puts the selection of the table on a series, if it is shown.
    pub(super) fn select_series(&mut self, name: &SeriesName) {
        if let Some(row) = (0..self.symbols.order.len()).find(|row| self.name_at(*row).as_ref() == Some(name)) {
            self.select(ListId::Symbols, row);
        }
    }

    /// Changes the table while what is selected stays selected. What was never chosen stays at the top.
    pub(super) fn keep_selection(&mut self, change: impl FnOnce(&mut Self)) {
        change(self);
        let chosen = self.cursors.get(&ListId::Symbols).is_some_and(|cursor| cursor.index > 0);
        if let Some(row) = self.cursor(ListId::Symbols).filter(|_| chosen) {
            self.select(ListId::Symbols, row);
        } else {
            self.cursors.remove(&ListId::Symbols);
        }
    }

    /// Rows of a screenful of the list in focus.
    pub(super) fn page(&self) -> isize {
        let height = self.hits.window_of(self.focus()).height;
        isize::try_from(height.saturating_sub(1).max(1)).unwrap_or(1)
    }

    pub(super) fn move_by(&mut self, rows: isize) {
        let list = self.focus();
        let (Some(row), len) = (self.cursor(list), self.len_of(list)) else { return };
        if list == ListId::Coverage {
            let lines = self.map_lines();
            let Some(at) = self.map_cursor(&lines) else { return };
            let to = at.saturating_add_signed(rows).min(lines.len().saturating_sub(1));
            let Some(row) = lines.get(to).filter(|_| to != at).map(MapLine::anchor) else { return };
            return self.select_by_hand(list, row);
        }
        let last = len.saturating_sub(1);
        let to = row.saturating_add_signed(rows).min(last);
        if list == ListId::Log {
            // Whoever goes to the end wants to stay there.
            self.log.follow = to == last && rows > 0;
        }
        self.select_by_hand(list, to);
    }

    /// The same when the operator does it: the detail screen then shows what is selected in the table.
    pub(super) fn select_by_hand(&mut self, list: ListId, row: usize) {
        self.select(list, row);
        if matches!(list, ListId::Symbols | ListId::Coverage) {
            self.detail.series = None;
            self.detail.at = None;
        }
    }

    /// Gives each timeframe of the selected symbol a line of the map; says whether there was anything to unfold.
    pub(super) fn unfold(&mut self) -> bool {
        let lines = self.map_lines();
        let line = self.map_cursor(&lines).and_then(|at| lines.get(at));
        if self.coverage.zoom == Zoom::Session || !line.is_some_and(MapLine::is_folded) {
            return false;
        }
        self.selected_symbol().is_some_and(|symbol| self.coverage.unfolded.insert(symbol))
    }

    /// Puts the timeframes of the selected symbol into one line again; says whether they had several.
    pub(super) fn fold(&mut self) -> bool {
        self.selected_symbol().is_some_and(|symbol| self.coverage.unfolded.remove(&symbol))
    }

    fn selected_symbol(&self) -> Option<Symbol> {
        self.cursor(ListId::Coverage).and_then(|row| self.series_at(row)).map(|row| row.symbol.clone())
    }

    /// Moves the cursor of the chart by so many bars; it begins at the newest.
    fn move_in_chart(&mut self, step: i64) {
        let Some(detail) = self.detail_series().and_then(|name| self.answers.detail(&name).value) else { return };
        let last = detail.bars.len().saturating_sub(1);
        let at = self.detail.at.and_then(|at| detail.bars.binary_search_by_key(&at, |bar| bar.ts).ok());
        let to = at.unwrap_or(last).saturating_add_signed(isize::try_from(step).unwrap_or(0)).min(last);
        self.detail.at = detail.bars.get(to).map(|bar| bar.ts);
    }

    pub(super) fn follow_log(&mut self, follow: bool) {
        if !follow && let Some(row) = self.cursor(ListId::Log) {
            self.select(ListId::Log, row);
        }
        self.log.follow = follow;
    }

    pub(super) fn set_pane(&mut self, pane: usize) {
        if let Some(slot) = self.panes.get_mut(self.screen as usize) {
            *slot = pane;
        }
    }

    /// Gives the focus to a list of this screen.
    pub(super) fn focus_list(&mut self, list: ListId) {
        if let Some(pane) = self.screen.lists().iter().position(|l| *l == list) {
            self.set_pane(pane);
        }
    }

    pub(super) fn next_pane(&mut self, step: isize) {
        let lists = self.screen.lists();
        let count = match self.screen {
            Screen::Executions if self.executions.open.is_none() => 1,
            _ => lists.len(),
        };
        let at = lists.iter().position(|list| *list == self.focus()).unwrap_or(0);
        let next = (at + count).saturating_add_signed(step) % count.max(1);
        self.set_pane(next);
    }

    /// Sorts the table of series.
    pub(super) fn sort(&mut self, sort: Sort) {
        self.symbols.sort = sort;
        self.keep_selection(Self::reorder);
    }

    /// The same by a column, and against its direction when it is sorted by it already.
    pub(super) fn sort_by(&mut self, by: SortBy) {
        let Sort { by: before, reversed } = self.symbols.sort;
        self.sort(Sort { by, reversed: before == by && !reversed });
    }

    /// Left and right: days of the map, bars of the chart, columns of the other lists.
    pub(super) fn sideways(&mut self, step: i64) {
        match self.screen {
            Screen::Detail => return self.move_in_chart(step),
            Screen::Coverage => {}
            _ => {
                let outside = self.hits.columns_outside;
                if let Some(skipped) = &mut self.wide {
                    *skipped = if step < 0 { skipped.saturating_sub(1) } else { *skipped + usize::from(outside > 0) };
                }
                return;
            }
        }
        let days = if self.coverage.zoom == Zoom::Weeks { 7 } else { 1 };
        let now = self.shown_now();
        let date = self.coverage_date();
        let moved =
            if step < 0 { date.checked_sub_days(Days::new(days)) } else { date.checked_add_days(Days::new(days)) };
        let (first, last) = self.answers.coverage.range.unwrap_or(((now - 364 * DAY).utc_date(), now.utc_date()));
        if let Some(moved) = moved {
            self.coverage.date = Some(moved.clamp(first, last));
        }
    }

    pub(super) fn next_timeframe(&mut self, step: i64, effects: &mut Effects) {
        let Some((symbol, timeframe)) = self.detail_series() else { return };
        let mut known: Vec<_> =
            self.snap.data.series.iter().filter(|row| row.symbol == symbol).map(|row| row.timeframe).collect();
        known.sort_unstable();
        let next = if step < 0 {
            known.iter().rev().find(|tf| **tf < timeframe)
        } else {
            known.iter().find(|tf| **tf > timeframe)
        };
        let Some(next) = next else {
            let which = if step < 0 { "shorter" } else { "longer" };
            self.show_toast(Level::Info, format!("{symbol} has no {which} timeframe"), effects);
            return;
        };
        let next = (symbol, *next);
        self.select_series(&next);
        self.detail.series = Some(next);
        self.detail.at = None;
        for list in Screen::Detail.lists() {
            self.cursors.remove(list);
        }
    }

    pub(super) fn zoom(&mut self, step: i8) {
        let folds = self.coverage.zoom != Zoom::Session && if step > 0 { self.unfold() } else { self.fold() };
        if folds {
            return;
        }
        let zoom = &mut self.coverage.zoom;
        *zoom = match (*zoom, step > 0) {
            (Zoom::Weeks, true) | (Zoom::Session, false) => Zoom::Days,
            (Zoom::Days, true) => Zoom::Session,
            (Zoom::Days, false) => Zoom::Weeks,
            (same, _) => same,
        };
        if *zoom == Zoom::Session && self.coverage.date.is_none() {
            // On a weekend the newest day has no session to look at.
            let today = self.shown_now().utc_date();
            let crypto = self.cursor(ListId::Symbols).and_then(|row| self.series_at(row));
            let always = crypto.is_some_and(|row| row.asset_class.is_continuous());
            let back = match today.weekday() {
                chrono::Weekday::Sat if !always => 1,
                chrono::Weekday::Sun if !always => 2,
                _ => 0,
            };
            self.coverage.date = today.checked_sub_days(Days::new(back));
        }
    }

    /// What the selected row of a list is.
    #[must_use]
    pub fn selected_key(&self, list: ListId) -> Option<RowKey> {
        self.key_of(list, self.cursor(list)?)
    }
}
