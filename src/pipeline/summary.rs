//! What a run did, as one object: the last line of `backfill --json`.

use serde::Serialize;
use uuid::Uuid;

use barkeep_store::ExecutionStatus;

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
    /// Gaps left in the requested range, over all series.
    pub gaps_left: u64,
    pub duration_seconds: f64,
    /// What is worth knowing besides: names that ended, or are not listed yet.
    pub notes: Vec<String>,
    /// Why, for each series that is not complete.
    pub unfinished: Vec<Unfinished>,
}

impl Summary {
    /// Whether everything requested is stored or proven absent.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.status == ExecutionStatus::Completed
    }
}
