//! What a run did, as one object: the last line of `backfill --json`.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use crate::index::coverage::SeriesKey;
use barkeep_market::Ts;
use barkeep_store::{ExecutionStatus, SeriesRunState, SeriesStatus, WriteOutcome};

/// A series that did not get all it should.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unfinished {
    pub symbol: String,
    pub timeframe: String,
    pub gaps: usize,
    pub reason: String,
}

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub execution_id: Uuid,
    pub status: ExecutionStatus,
    /// Requests made, retries included.
    pub requests: u64,
    /// Answers with status 429.
    pub rate_limited: u64,
    pub retries: u64,
    /// The fewest requests that could have brought these answers: full pages, no retry, no probe.
    pub requests_needed: u64,
    /// `requests / requests_needed`: 1 is the minimum. Absent when nothing was answered.
    pub plan_efficiency: Option<f64>,
    /// Bars inserted or changed, all timeframes.
    pub bars_written: u64,
    /// Bars the vendor sent again with the values already stored.
    pub bars_unchanged: u64,
    /// Bars newly put in quarantine.
    pub quarantined: u64,
    /// Feature rows inserted or changed.
    pub features_written: u64,
    /// Series whose features could not be computed; their bars are stored all the same.
    pub features_failed: u64,
    pub series_total: u64,
    pub series_failed: u64,
    /// Holes left in the asked range, over all series.
    pub gaps_left: u64,
    pub duration_seconds: f64,
    /// Why, for each series that is not complete.
    pub unfinished: Vec<Unfinished>,
}

impl Summary {
    /// Whether everything asked for is stored or proven absent.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.status == ExecutionStatus::Completed
    }
}

/// The running count of a run, shared by its tasks.
#[derive(Debug)]
pub struct RunCounts {
    statuses: BTreeMap<SeriesKey, SeriesStatus>,
    pub written: u64,
    pub unchanged: u64,
    pub quarantined: u64,
    /// Bars the vendor sent or that were computed from them.
    pub processed: u64,
    /// Commits that answered for something; a round without any brought nothing.
    pub commits: u64,
    pub features: u64,
    /// Why features could not be computed, by series.
    pub feature_failures: BTreeMap<SeriesKey, String>,
}

impl RunCounts {
    /// A tally of nothing over the given series, all pending.
    #[must_use]
    pub fn new(pending: &[SeriesStatus]) -> Self {
        let statuses = pending.iter().map(|s| ((s.symbol.clone(), s.timeframe), s.clone())).collect();
        Self {
            statuses,
            written: 0,
            unchanged: 0,
            quarantined: 0,
            processed: 0,
            commits: 0,
            features: 0,
            feature_failures: BTreeMap::new(),
        }
    }

    /// What the status row of a series will be once `received` more bars are committed. `None` for a series that was not
    /// asked for and is only filled along the way.
    #[must_use]
    pub fn status_after(&self, key: &SeriesKey, received: u64, at: Ts) -> Option<SeriesStatus> {
        let status = self.statuses.get(key)?;
        Some(SeriesStatus {
            status: SeriesRunState::InProgress,
            records_processed: status.records_processed + received as i64,
            started_at: status.started_at.or(Some(at)),
            ..status.clone()
        })
    }

    /// Adds a commit.
    pub fn add(&mut self, key: &SeriesKey, received: u64, outcome: WriteOutcome, at: Ts) {
        self.written += outcome.inserted + outcome.revised;
        self.unchanged += outcome.unchanged;
        self.quarantined += outcome.quarantined;
        self.processed += received;
        self.commits += 1;
        if let Some(status) = self.statuses.get_mut(key) {
            status.status = SeriesRunState::InProgress;
            status.records_processed += received as i64;
            status.records_inserted += (outcome.inserted + outcome.revised) as i64;
            status.started_at = status.started_at.or(Some(at));
        }
    }

    /// Adds what became of the features of a series.
    pub fn add_features(&mut self, key: &SeriesKey, written: u64, failure: Option<&str>) {
        self.features += written;
        match failure {
            Some(why) => self.feature_failures.insert(key.clone(), why.to_owned()),
            None => self.feature_failures.remove(key),
        };
        if let Some(status) = self.statuses.get_mut(key) {
            status.features_computed += written as i64;
        }
    }

    /// Closes every status row: failed with its reason, or completed. A series whose bars are complete is completed, and
    /// says so when its features are not.
    pub fn close(&mut self, reasons: &BTreeMap<SeriesKey, String>, at: Ts) -> Vec<SeriesStatus> {
        for (key, status) in &mut self.statuses {
            let reason = reasons.get(key);
            status.status = if reason.is_some() { SeriesRunState::Failed } else { SeriesRunState::Completed };
            let features = self.feature_failures.get(key).map(|why| format!("features: {why}"));
            status.error_message = reason.cloned().or(features);
            let started = *status.started_at.get_or_insert(at);
            status.completed_at = Some(at);
            status.duration_seconds = Some((at - started).max(0) as f64 / 1000.0);
        }
        self.statuses.values().cloned().collect()
    }
}
