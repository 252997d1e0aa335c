//! How the table of series is ordered.

use std::cmp::Ordering;

use strum::{EnumCount, IntoStaticStr, VariantArray};

use barkeep_base::variants::all;
use barkeep_market::Ts;
use barkeep_market::freshness::Tier;
use barkeep_monitor::snapshot::SeriesView;

/// What a table of series can be sorted by; also the names of its columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, EnumCount, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SortBy {
    /// Worst first: tier and RPO, then how far behind.
    #[default]
    Staleness,
    Symbol,
    Class,
    Criticality,
    Timeframe,
    #[strum(to_string = "newest bar")]
    Newest,
    Bars,
    Checked,
}

impl SortBy {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }

    /// Its name in one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.name().split(' ').next().unwrap_or_default()
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
    /// The series that fit, as indexes in this order. Each series is judged once and then compared as a number; names
    /// decide between equals, so that rows do not jump.
    #[must_use]
    pub fn order(self, series: &[SeriesView], fits: impl Fn(&SeriesView) -> bool) -> Vec<u32> {
        let name = |k: u32| series.get(k as usize).map(|row| (&row.symbol, row.timeframe));
        // The store hands series out by name; then their places say what their names would.
        let named = series.is_sorted_by_key(|row| (&row.symbol, row.timeframe));
        let fitting = (0..).zip(series).filter(|(_, row)| fits(row));
        let mut rows: Vec<(u64, u32)> = fitting.map(|(k, row)| (self.rank(row), k)).collect();
        let by_name = |a: u32, b: u32| if named { a.cmp(&b) } else { name(a).cmp(&name(b)) };
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| by_name(a.1, b.1)));
        if self.reversed && self.by == SortBy::Symbol {
            rows.reverse();
        }
        rows.into_iter().map(|(_, k)| k).collect()
    }

    /// Compares two series; never equal for two different ones.
    #[must_use]
    pub fn compare(self, a: &SeriesView, b: &SeriesView) -> Ordering {
        let name = a.symbol.cmp(&b.symbol).then(a.timeframe.cmp(&b.timeframe));
        let name = if self.reversed && self.by == SortBy::Symbol { name.reverse() } else { name };
        self.rank(a).cmp(&self.rank(b)).then(name)
    }

    /// Sorts ascending: the smallest rank is the first row.
    fn rank(self, row: &SeriesView) -> u64 {
        /// Keeps the order of signed numbers; what is absent is least.
        fn ordered(value: Option<i64>) -> u64 {
            value.map_or(0, |v| (v as u64) ^ (1 << 63))
        }
        let rank = match self.by {
            SortBy::Staleness => !severity(row),
            SortBy::Symbol => return 0,
            SortBy::Class => row.asset_class as u64,
            SortBy::Criticality => row.criticality as u64,
            SortBy::Timeframe => row.timeframe as u64,
            SortBy::Newest => !ordered(row.newest_bar.map(Ts::ms)),
            SortBy::Bars => !ordered(Some(row.bars)),
            SortBy::Checked => !ordered(row.checked_at.map(Ts::ms)),
        };
        if self.reversed { !rank } else { rank }
    }
}

/// Grows with how bad a series is: whether it is tracked, whether it is later than allowed, its tier, and how far behind
/// it is. A series that is not tracked is never bad.
fn severity(row: &SeriesView) -> u64 {
    let rank = match row.tier {
        Tier::Ended => 0,
        Tier::Fresh => 1,
        Tier::Loading => 2,
        Tier::Aging => 3,
        Tier::Unknown => 4,
        Tier::Missing => 5,
        Tier::Stale => 6,
    };
    let behind = row.staleness_seconds.unwrap_or(0).clamp(0, (1 << 40) - 1) as u64;
    u64::from(row.tracked) << 62 | u64::from(row.breached) << 61 | rank << 48 | behind
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_market::{AssetClass, Criticality, Timeframe};
    use barkeep_monitor::holes::HoleCounts;

    fn rows() -> Vec<SeriesView> {
        let row = |symbol: &str, timeframe, tier, behind: Option<i64>, bars| SeriesView {
            symbol: symbol.parse().unwrap(),
            asset_class: AssetClass::Stock,
            criticality: Criticality::Low,
            timeframe,
            tier,
            staleness_seconds: behind,
            breached: behind.is_some_and(|b| b > 90_000),
            tracked: symbol != "ZZ",
            paused: false,
            bars,
            first_bar: None,
            newest_bar: behind.map(|b| Ts(-b)),
            answered_until: None,
            checked_at: None,
            holes: HoleCounts::default(),
            gaps: None,
        };
        vec![
            row("AA", Timeframe::M5, Tier::Fresh, Some(10), 5),
            row("AA", Timeframe::D1, Tier::Stale, Some(30_000), 9),
            row("BB", Timeframe::M5, Tier::Missing, None, 0),
            row("CC", Timeframe::M5, Tier::Aging, Some(99_000), 5),
            row("ZZ", Timeframe::M5, Tier::Stale, Some(999_000), 1),
        ]
    }

    #[test]
    fn the_worst_stands_first_and_untracked_ones_last() {
        let all = rows();
        let order = |by, reversed| Sort { by, reversed }.order(&all, |_| true);
        assert_eq!(order(SortBy::Staleness, false), [3, 1, 2, 0, 4]);
        assert_eq!(order(SortBy::Staleness, true), [4, 0, 2, 1, 3]);
        assert_eq!(order(SortBy::Bars, false), [1, 0, 3, 4, 2]);
        assert_eq!(order(SortBy::Newest, false), [0, 1, 3, 4, 2]);
        assert_eq!(order(SortBy::Timeframe, false), [0, 2, 3, 4, 1]);
        assert_eq!(order(SortBy::Symbol, true), [4, 3, 2, 1, 0]);
        assert_eq!(Sort::default().order(&all, |row| row.bars == 5), [3, 0]);
    }

    #[test]
    fn the_order_is_that_of_comparing_two_by_two_whatever_order_they_come_in() {
        for rotated in 0..5 {
            let mut all = rows();
            all.rotate_left(rotated);
            for by in SortBy::ALL {
                for reversed in [false, true] {
                    let sort = Sort { by, reversed };
                    let order = sort.order(&all, |_| true);
                    let pairs = order.windows(2).map(|w| (&all[w[0] as usize], &all[w[1] as usize]));
                    assert!(pairs.into_iter().all(|(a, b)| sort.compare(a, b).is_lt()), "{by:?} {reversed} {rotated}");
                }
            }
        }
    }
}
