//! How the table of series is ordered.

use std::cmp::Ordering;

use crate::engine::snapshot::SeriesView;

/// What a table of series can be sorted by; also the names of its columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SortBy {
    /// Worst first: tier and RPO, then how far behind.
    #[default]
    Staleness,
    Symbol,
    Class,
    Criticality,
    Timeframe,
    Newest,
    Bars,
    Checked,
}

impl SortBy {
    pub const ALL: [Self; 8] = [
        Self::Staleness,
        Self::Symbol,
        Self::Class,
        Self::Criticality,
        Self::Timeframe,
        Self::Newest,
        Self::Bars,
        Self::Checked,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Staleness => "staleness",
            Self::Symbol => "symbol",
            Self::Class => "class",
            Self::Criticality => "RPO",
            Self::Timeframe => "timeframe",
            Self::Newest => "newest bar",
            Self::Bars => "bars",
            Self::Checked => "checked",
        }
    }

    /// The next one, in a circle.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|by| *by == self).unwrap_or(0);
        Self::ALL.get(at + 1).copied().unwrap_or_default()
    }
}

/// What by, and which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    pub by: SortBy,
    /// Against its natural direction (worst, largest, newest or A first).
    pub reversed: bool,
}

impl Sort {
    /// Compares two series; never equal for two different ones, so that rows do not jump.
    #[must_use]
    pub fn compare(self, a: &SeriesView, b: &SeriesView) -> Ordering {
        let natural = match self.by {
            SortBy::Staleness => worst(a).cmp(&worst(b)).reverse(),
            SortBy::Symbol => Ordering::Equal,
            SortBy::Class => a.asset_class.cmp(&b.asset_class),
            SortBy::Criticality => a.criticality.cmp(&b.criticality),
            SortBy::Timeframe => a.timeframe.cmp(&b.timeframe),
            SortBy::Newest => b.newest_bar.cmp(&a.newest_bar),
            SortBy::Bars => b.bars.cmp(&a.bars),
            SortBy::Checked => b.checked_at.cmp(&a.checked_at),
        };
        let name = || a.symbol.cmp(&b.symbol).then(a.timeframe.cmp(&b.timeframe));
        match (self.reversed, self.by) {
            (false, _) => natural.then_with(name),
            (true, SortBy::Symbol) => name().reverse(),
            (true, _) => natural.reverse().then_with(name),
        }
    }
}

/// Grows with how bad a series is. A series that nobody keeps is not bad at all.
fn worst(row: &SeriesView) -> (bool, bool, usize, i64) {
    use crate::market::freshness::Tier;
    let rank = match row.tier {
        Tier::Fresh => 0,
        Tier::Aging => 1,
        Tier::Unknown => 2,
        Tier::Missing => 3,
        Tier::Stale => 4,
    };
    (row.tracked, row.breached, rank, row.staleness_seconds.unwrap_or(0))
}
