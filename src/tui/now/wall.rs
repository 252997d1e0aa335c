//! The series of a snapshot as the freshness wall shows them: by symbol and timeframe, critical symbols first, each always
//! in its place; and, for more symbols than any wall holds, how many are how far behind.

use std::collections::BTreeMap;

use crate::now::digest::is_loading;
use barkeep_market::freshness::Tier;
use barkeep_market::{Criticality, Symbol, Timeframe};
use barkeep_monitor::snapshot::{Data, SeriesView};

const TIMEFRAMES: usize = Timeframe::ALL.len();

/// The tracked series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wall {
    /// The timeframes that occur, finest first.
    pub timeframes: Vec<Timeframe>,
    pub symbols: Vec<WallSymbol>,
    /// By criticality, in the order of [`Criticality::ALL`].
    classes: [CriticalityCounts; Criticality::ALL.len()],
    pub spread: Spread,
}

/// How the series of one criticality keep its recovery point. Those that fail are counted too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CriticalityCounts {
    pub series: usize,
    pub late: usize,
    /// Not fetched up to their newest bar yet.
    pub loading: usize,
    /// Asked, and without any bar.
    pub empty: usize,
}

impl CriticalityCounts {
    /// Series that are as fresh as they must be.
    #[must_use]
    pub const fn within(&self) -> usize {
        self.series.saturating_sub(self.late + self.loading + self.empty)
    }

    fn add(&mut self, row: &SeriesView) {
        self.series += 1;
        if is_loading(row) {
            self.loading += 1;
        } else if row.breached {
            self.late += 1;
        } else if row.bars == 0 {
            self.empty += 1;
        }
    }
}

/// One symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallSymbol {
    pub criticality: Criticality,
    /// Its series by timeframe, in the order of [`Timeframe::ALL`]: indexes into the series of the snapshot.
    series: [Option<u32>; TIMEFRAMES],
    /// The one that is worst off.
    pub worst: u32,
}

impl WallSymbol {
    /// The series of a timeframe.
    #[must_use]
    pub fn at(&self, timeframe: Timeframe) -> Option<u32> {
        self.series.get(timeframe as usize).copied().flatten()
    }

    /// All of its series.
    pub fn all(&self) -> impl Iterator<Item = u32> {
        self.series.into_iter().flatten()
    }
}

impl Wall {
    /// The tracked series of a snapshot.
    #[must_use]
    pub fn of(data: &Data) -> Self {
        let mut symbols: BTreeMap<(Criticality, &Symbol), WallSymbol> = BTreeMap::new();
        let mut occurs = [false; TIMEFRAMES];
        let mut classes = [CriticalityCounts::default(); Criticality::ALL.len()];
        let mut spread = Spread::default();
        for (k, row) in (0_u32..).zip(&data.series).filter(|(_, row)| row.tracked) {
            let own = symbols.entry((row.criticality, &row.symbol)).or_insert(WallSymbol {
                criticality: row.criticality,
                series: [None; TIMEFRAMES],
                worst: k,
            });
            let worst = data.series.get(own.worst as usize).map_or(0, rank);
            if rank(row) > worst {
                own.worst = k;
            }
            let at = row.timeframe as usize;
            if let (Some(place), Some(occurs)) = (own.series.get_mut(at), occurs.get_mut(at)) {
                (*place, *occurs) = (Some(k), true);
            }
            spread.add(row);
            if let Some(class) = classes.get_mut(row.criticality as usize) {
                class.add(row);
            }
        }
        let timeframes = Timeframe::ALL.into_iter().zip(occurs).filter(|(_, occurs)| *occurs).map(|(tf, _)| tf);
        Self { timeframes: timeframes.collect(), symbols: symbols.into_values().collect(), classes, spread }
    }

    /// The series of one criticality.
    #[must_use]
    pub fn class(&self, criticality: Criticality) -> CriticalityCounts {
        self.classes.get(criticality as usize).copied().unwrap_or_default()
    }
}

/// Whether a series is later than allowed. What a first fetch has not brought yet is not late.
#[must_use]
pub fn is_late(row: &SeriesView) -> bool {
    row.breached && !is_loading(row)
}

/// The greater, the worse.
fn rank(row: &SeriesView) -> u8 {
    match row.tier {
        _ if is_late(row) => 9,
        Tier::Missing => 7,
        Tier::Stale => 6,
        Tier::Unknown => 5,
        Tier::Loading => 4,
        Tier::Aging => 3,
        Tier::Ended => 1,
        Tier::Fresh if row.paused => 2,
        Tier::Fresh => 0,
    }
}

/// Steps of the distribution: each is the 24th part of a factor of ten.
pub const STEPS: usize = 112;
const PER_DECADE: f64 = 24.0;

/// How many series are how far behind, on a logarithmic scale from 1 minute to 30 days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    pub steps: Vec<AgeStep>,
    /// Series whose age is not known: without bars, loading, ended.
    pub ageless: usize,
}

/// One step of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgeStep {
    pub series: usize,
    /// Of these, later than allowed.
    pub late: usize,
}

impl Default for Spread {
    fn default() -> Self {
        Self { steps: vec![AgeStep::default(); STEPS], ageless: 0 }
    }
}

impl Spread {
    fn add(&mut self, row: &SeriesView) {
        let Some(behind) = row.staleness_seconds.filter(|_| !is_loading(row)) else {
            self.ageless += 1;
            return;
        };
        if let Some(step) = self.steps.get_mut(step_of(behind)) {
            step.series += 1;
            step.late += usize::from(is_late(row));
        }
    }
}

/// The step of an age in seconds; everything beyond an end belongs to the last step before it.
#[must_use]
pub fn step_of(seconds: i64) -> usize {
    let minutes = seconds.max(60) as f64 / 60.0;
    ((minutes.log10() * PER_DECADE) as usize).min(STEPS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_goes_from_a_minute_to_thirty_days() {
        let month = 30 * 86_400;
        assert_eq!([0, 60, 66, 600, month, month * 9].map(step_of), [0, 0, 0, 24, STEPS - 1, STEPS - 1]);
        assert!((1..month).step_by(997).collect::<Vec<_>>().windows(2).all(|w| step_of(w[0]) <= step_of(w[1])));
    }
}
