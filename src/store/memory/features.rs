//! The features of one series and how far they are up to date; they live and go with the series.

use std::collections::BTreeMap;

use crate::{FeatureOutcome, FeatureProgress, FeatureRow, FeatureWrite, SeriesRow, TimeRange};

use crate::tables::features;
use barkeep_market::features::State;
use barkeep_market::{Interval, Ts};

#[derive(Debug, Default)]
pub(super) struct SeriesFeatures {
    rows: BTreeMap<Ts, FeatureRow>,
    /// By the bar after which each holds.
    states: BTreeMap<Ts, State>,
    stale_from: Option<Ts>,
    changes: i64,
    splits: String,
}

impl SeriesFeatures {
    pub(super) fn count(&self) -> usize {
        self.rows.len()
    }

    /// The newest rows in a range, ascending.
    pub(super) fn newest(&self, range: TimeRange, limit: Option<usize>) -> Vec<FeatureRow> {
        let Interval { start, end } = range.closed();
        let rows: Vec<FeatureRow> = self.rows.range(start..end.max(start)).map(|(_, row)| *row).collect();
        let older = limit.map_or(0, |limit| rows.len().saturating_sub(limit));
        rows.into_iter().skip(older).collect()
    }

    /// The newest state kept before `t`.
    pub(super) fn state(&self, t: Ts) -> Option<State> {
        self.states.range(..t).next_back().map(|(_, state)| *state)
    }

    /// Notes that the bars changed from `first` on.
    pub(super) fn mark(&mut self, first: Ts) {
        self.changes += 1;
        self.stale_from = Some(self.stale_from.map_or(first, |from| from.min(first)));
    }

    pub(super) fn progress(&self, series: SeriesRow, failing: bool) -> FeatureProgress {
        let stale_from = features::stale_from(&self.splits, &series, self.stale_from);
        FeatureProgress { series, stale_from, changes: self.changes, splits: self.splits.clone(), failing }
    }

    /// Takes a write that was checked.
    pub(super) fn put(&mut self, write: &FeatureWrite) -> FeatureOutcome {
        if self.changes != write.changes {
            return features::SUPERSEDED;
        }
        let range = write.replaces;
        let change = features::diff(&self.newest(range.into(), None), write);
        for ts in &change.vanished {
            self.rows.remove(ts);
        }
        self.rows.extend(change.changed.into_iter().map(|row| (row.ts, *row)));
        self.states.retain(|ts, _| *ts < range.start && Some(*ts) != write.spent);
        self.states.extend(write.states.iter().map(|state| (state.through, *state)));
        self.stale_from = write.stale_from;
        self.splits.clone_from(&write.splits);
        change.outcome
    }
}
