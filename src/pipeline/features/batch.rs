//! Pieces of features on their way to the database: written together, and what became of each series.

use std::collections::{BTreeMap, BTreeSet};

use barkeep_store::{FeatureOutcome, FeatureWrite, SeriesId, StoreError};

/// Pieces on their way to the database, and what became of earlier ones.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) writes: Vec<FeatureWrite>,
    pub(super) rows: usize,
    pub(super) written: BTreeMap<SeriesId, u64>,
    pub(super) failed: BTreeMap<SeriesId, String>,
    pub(super) superseded: BTreeSet<SeriesId>,
}

impl Batch {
    /// Whether nothing more of a series should be written.
    pub(super) fn is_over(&self, series: SeriesId) -> bool {
        self.failed.contains_key(&series) || self.superseded.contains(&series)
    }

    pub(super) fn note(&mut self, series: SeriesId, outcome: FeatureOutcome) {
        *self.written.entry(series).or_default() += outcome.written;
        if outcome.superseded {
            self.superseded.insert(series);
        }
    }

    pub(super) fn refuse(&mut self, series: SeriesId, why: &StoreError) {
        // A symbol that was removed meanwhile needs no features and is nobody's failure.
        let gone = matches!(why, StoreError::NotFound(_));
        if gone {
            self.superseded.insert(series);
        } else {
            self.failed.insert(series, why.to_string());
        }
    }
}
