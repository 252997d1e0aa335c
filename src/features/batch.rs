//! Pieces of features on their way to the database: written together, and what became of each series.

use std::collections::{BTreeMap, BTreeSet};

use barkeep_store::{FeatureOutcome, FeatureWrite, SeriesId, StoreError};

/// Pieces on their way to the database, and what became of earlier ones.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) writes: Vec<FeatureWrite>,
    pub(crate) rows: usize,
    pub(crate) written: BTreeMap<SeriesId, u64>,
    pub(crate) failed: BTreeMap<SeriesId, String>,
    pub(crate) superseded: BTreeSet<SeriesId>,
}

impl Batch {
    /// Whether nothing more of a series should be written.
    pub(crate) fn is_over(&self, series: SeriesId) -> bool {
        self.failed.contains_key(&series) || self.superseded.contains(&series)
    }

    pub(crate) fn note(&mut self, series: SeriesId, outcome: FeatureOutcome) {
        *self.written.entry(series).or_default() += outcome.written;
        if outcome.superseded {
            self.superseded.insert(series);
        }
    }

    pub(crate) fn refuse(&mut self, series: SeriesId, why: &StoreError) {
        // A symbol that was removed meanwhile needs no features and is nobody's failure.
        let gone = matches!(why, StoreError::NotFound(_));
        if gone {
            self.superseded.insert(series);
        } else {
            self.failed.insert(series, why.to_string());
        }
    }
}
