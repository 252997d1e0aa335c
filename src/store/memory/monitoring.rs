//! How features fare: which series cannot be computed, and how fresh each one is.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::{FeatureFailure, FeatureFailureRow, FeatureFreshness};
use barkeep_market::{Symbol, Timeframe, Ts};

#[derive(Debug, Default)]
pub(super) struct Monitoring {
    /// By key.
    failures: Vec<FeatureFailureRow>,
    last_failure: i64,
    freshness: BTreeMap<(Symbol, Timeframe), FeatureFreshness>,
}

impl Monitoring {
    /// Takes a failure whose execution exists. A series that fails again is one row, counted.
    pub(super) fn log(&mut self, failure: &FeatureFailure) {
        if let Some(row) = self.open_of(&failure.symbol, failure.timeframe).next() {
            row.failure.clone_from(failure);
            row.retry_count += 1;
            return;
        }
        self.last_failure += 1;
        self.failures.push(FeatureFailureRow {
            id: self.last_failure,
            failure: failure.clone(),
            retry_count: 0,
            resolved: false,
            resolved_at: None,
        });
    }

    pub(super) fn resolve(&mut self, symbol: &Symbol, timeframe: Timeframe, at: Ts) -> u64 {
        let mut resolved = 0;
        for row in self.open_of(symbol, timeframe) {
            (row.resolved, row.resolved_at) = (true, Some(at));
            resolved += 1;
        }
        resolved
    }

    /// Newest first.
    pub(super) fn failures(&self, only_open: bool, limit: usize) -> Vec<FeatureFailureRow> {
        let mut rows: Vec<&FeatureFailureRow> =
            self.failures.iter().filter(|row| !(only_open && row.resolved)).collect();
        rows.sort_by_key(|row| Reverse((row.failure.failed_at, row.id)));
        rows.into_iter().take(limit).cloned().collect()
    }

    pub(super) fn open_count(&self) -> i64 {
        self.failures.iter().filter(|row| !row.resolved).count() as i64
    }

    pub(super) fn is_failing(&self, symbol: &Symbol, timeframe: Timeframe) -> bool {
        self.failures.iter().any(|row| is_open_of(row, symbol, timeframe))
    }

    pub(super) fn put_freshness(&mut self, rows: &[FeatureFreshness]) {
        for row in rows {
            let key = (row.symbol.clone(), row.timeframe);
            let before = self.freshness.get(&key).and_then(|old| old.last_computed_at);
            let last_computed_at = row.last_computed_at.or(before);
            self.freshness.insert(key, FeatureFreshness { last_computed_at, ..row.clone() });
        }
    }

    /// By symbol, fine to coarse.
    pub(super) fn freshness(&self) -> Vec<FeatureFreshness> {
        self.freshness.values().cloned().collect()
    }

    pub(super) fn forget(&mut self, symbol: &Symbol) {
        self.failures.retain(|row| row.failure.symbol != *symbol);
        self.freshness.retain(|(of, _), _| of != symbol);
    }

    fn open_of(&mut self, symbol: &Symbol, timeframe: Timeframe) -> impl Iterator<Item = &mut FeatureFailureRow> {
        self.failures.iter_mut().filter(move |row| is_open_of(row, symbol, timeframe))
    }
}

fn is_open_of(row: &FeatureFailureRow, symbol: &Symbol, timeframe: Timeframe) -> bool {
    !row.resolved && row.failure.symbol == *symbol && row.failure.timeframe == timeframe
}
