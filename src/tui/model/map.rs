//! The lines of the coverage map: a symbol, or one of its timeframes once it is unfolded.

use std::collections::HashMap;

use crate::model::Model;
use crate::model::screen::ListId;
use barkeep_market::Symbol;
use barkeep_monitor::snapshot::SeriesView;
use barkeep_runtime::console::{Gap, SeriesName};

/// A line of the map: rows of the table of series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapLine<'a> {
    /// One row, or all of a folded symbol, fine to coarse.
    pub rows: &'a [usize],
    /// Whether it is the first line of its symbol.
    pub is_first: bool,
}

impl MapLine<'_> {
    /// Whether it stands for several series.
    #[must_use]
    pub const fn is_folded(&self) -> bool {
        self.rows.len() > 1
    }

    /// The row that the selection stands on when it comes to this line: the first of the table.
    #[must_use]
    pub fn anchor(&self) -> usize {
        self.rows.iter().copied().min().unwrap_or(0)
    }
}

/// The rows of each symbol.
#[must_use]
pub fn groups(series: &[SeriesView], order: &[u32]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<&Symbol, usize> = HashMap::new();
    let at = |row: usize| order.get(row).and_then(|k| series.get(*k as usize));
    for row in 0..order.len() {
        let Some(view) = at(row) else { continue };
        let group = *known.entry(&view.symbol).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(group) {
            group.push(row);
        }
    }
    for group in &mut groups {
        group.sort_by_key(|row| at(*row).map(|view| view.timeframe));
    }
    groups
}

impl Model {
    /// The lines of the map.
    #[must_use]
    pub fn map_lines(&self) -> Vec<MapLine<'_>> {
        let mut lines = Vec::with_capacity(self.symbols.groups.len());
        for group in &self.symbols.groups {
            let symbol = group.first().and_then(|row| self.series_at(*row)).map(|view| &view.symbol);
            if group.len() > 1 && symbol.is_some_and(|symbol| self.coverage.unfolded.contains(symbol)) {
                let each = group.chunks(1).enumerate();
                lines.extend(each.map(|(k, rows)| MapLine { rows, is_first: k == 0 }));
            } else {
                lines.push(MapLine { rows: group, is_first: true });
            }
        }
        lines
    }

    /// The line that the selection is on.
    #[must_use]
    pub fn map_cursor(&self, lines: &[MapLine<'_>]) -> Option<usize> {
        let row = self.cursor(ListId::Coverage)?;
        lines.iter().position(|line| line.rows.contains(&row))
    }

    /// The gap that the selected date lies in, and whose it is; without a chosen date the newest that can be fetched. Of a
    /// folded symbol that of another timeframe counts, too.
    #[must_use]
    pub fn selected_hole(&self) -> Option<(SeriesName, &Gap)> {
        let row = self.cursor(ListId::Coverage)?;
        let lines = self.map_lines();
        let line = lines.get(self.map_cursor(&lines)?)?;
        let others = line.rows.iter().copied().filter(|other| *other != row);
        std::iter::once(row).chain(others).find_map(|row| {
            let view = self.series_at(row)?;
            let name = (view.symbol.clone(), view.timeframe);
            let class = view.asset_class;
            let mut fetchable = self.gaps_of(&name).iter().rev().filter(|gap| !gap.not_entitled);
            let gap = match self.coverage.date {
                None => fetchable.next(),
                Some(date) => fetchable
                    .find(|gap| (class.date_of(gap.range.start)..=class.date_of(gap.range.end - 1)).contains(&date)),
            };
            gap.map(|gap| (name, gap))
        })
    }

    /// What is missing of a series, with its cost where that is known.
    #[must_use]
    pub fn gaps_of(&self, name: &SeriesName) -> &[Gap] {
        let detail = self.answers.detail(name).value.map(|detail| detail.gaps.as_slice());
        let row = || self.answers.coverage.row(name).map(|row| row.gaps.as_slice());
        detail.or_else(row).unwrap_or_default()
    }
}
