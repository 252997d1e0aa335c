//! How far each series of a run is: the rows of `series_status`, kept while pages are committed and closed at the end.

use std::collections::BTreeMap;

use crate::index::coverage::SeriesKey;
use barkeep_market::Ts;
use barkeep_store::{SeriesRunState, SeriesStatus, WriteOutcome};

/// The status rows of a run, shared by its tasks.
#[derive(Debug)]
pub struct SeriesStatuses {
    rows: BTreeMap<SeriesKey, SeriesStatus>,
    /// Why features could not be computed, by series.
    feature_failures: BTreeMap<SeriesKey, String>,
}

impl SeriesStatuses {
    #[must_use]
    pub fn new(pending: &[SeriesStatus]) -> Self {
        let rows = pending.iter().map(|s| ((s.symbol.clone(), s.timeframe), s.clone())).collect();
        Self { rows, feature_failures: BTreeMap::new() }
    }

    #[must_use]
    pub const fn feature_failures(&self) -> &BTreeMap<SeriesKey, String> {
        &self.feature_failures
    }

    /// What the row of a series will be once `received` more bars are committed. `None` for a series that was not
    /// requested and is only filled along the way.
    #[must_use]
    pub fn status_after(&self, key: &SeriesKey, received: u64, at: Ts) -> Option<SeriesStatus> {
        let status = self.rows.get(key)?;
        Some(SeriesStatus {
            status: SeriesRunState::InProgress,
            records_processed: status.records_processed + received as i64,
            started_at: status.started_at.or(Some(at)),
            ..status.clone()
        })
    }

    /// Adds a commit.
    pub fn add(&mut self, key: &SeriesKey, received: u64, outcome: WriteOutcome, at: Ts) {
        if let Some(status) = self.rows.get_mut(key) {
            status.status = SeriesRunState::InProgress;
            status.records_processed += received as i64;
            status.records_inserted += (outcome.inserted + outcome.revised) as i64;
            status.started_at = status.started_at.or(Some(at));
        }
    }

    /// Adds what became of the features of a series.
    pub fn add_features(&mut self, key: &SeriesKey, written: u64, failure: Option<&str>) {
        match failure {
            Some(why) => self.feature_failures.insert(key.clone(), why.to_owned()),
            None => self.feature_failures.remove(key),
        };
        if let Some(status) = self.rows.get_mut(key) {
            status.features_computed += written as i64;
        }
    }

    /// Closes every row: failed with its reason, or completed. A series whose bars are complete is completed, and says so
    /// when its features are not.
    pub fn close(&mut self, reasons: &BTreeMap<SeriesKey, String>, at: Ts) -> Vec<SeriesStatus> {
        for (key, status) in &mut self.rows {
            let reason = reasons.get(key);
            status.status = if reason.is_some() { SeriesRunState::Failed } else { SeriesRunState::Completed };
            let features = self.feature_failures.get(key).map(|why| format!("features: {why}"));
            status.error_message = reason.cloned().or(features);
            let started = *status.started_at.get_or_insert(at);
            status.completed_at = Some(at);
            status.duration_seconds = Some((at - started).max(0) as f64 / 1000.0);
        }
        self.rows.values().cloned().collect()
    }
}
