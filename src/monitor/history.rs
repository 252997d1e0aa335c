//! What ran and how it went: the execution history, one execution in detail, and the health of the scheduler.
//!
//! Rows of runs still under way and of processes that died in the middle are as good as any other: what is not known yet
//! is absent, never a zero and never an error.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::context::FreshnessContext;
use crate::freshness_report::StalenessReport;
use crate::ledger::{Ledger, dead_owners};
use barkeep_config::Policy;
use barkeep_market::Ts;
use barkeep_market::ts::{DAY, millis};
use barkeep_pipeline::index::series::SeriesIndex;
use barkeep_store::{
    ExecutionRow, ExecutionStatus, FeatureFailureRow, SeriesRunState, SeriesStatus, Store, StoreError, Trigger,
};

/// Failures shown, of the last day.
const RECENT_FAILURES: usize = 10;

/// An execution as reports show it: its row without what only the engine needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    pub execution_id: Uuid,
    pub trigger: Trigger,
    pub mode: String,
    pub started_at: Ts,
    /// Absent while it runs.
    pub completed_at: Option<Ts>,
    pub duration_seconds: Option<f64>,
    pub total_symbols: i64,
    pub successful_symbols: i64,
    pub failed_symbols: i64,
    /// Bars received from the vendor.
    pub total_records_processed: i64,
    pub requests: i64,
    pub rate_limited: i64,
    pub retries: i64,
    pub status: ExecutionStatus,
    pub error_message: Option<String>,
    /// Symbols that succeeded, in percent with one decimal; absent while it runs and when it had no symbols.
    pub success_rate: Option<f64>,
    /// Still marked as running although its process is gone.
    pub crashed: bool,
}

impl Execution {
    /// What is shown of a row; `is_dead` says whether the process that ran it is.
    #[must_use]
    pub fn new(row: ExecutionRow, is_dead: bool) -> Self {
        let share = row.successful_symbols as f64 / row.total_symbols.max(1) as f64;
        let known = row.completed_at.is_some() && row.total_symbols > 0;
        let success_rate = known.then(|| (share * 1000.0).round() / 10.0);
        let crashed = row.status.is_open() && is_dead;
        Self {
            execution_id: row.execution_id,
            trigger: row.trigger,
            mode: row.mode,
            started_at: row.started_at,
            completed_at: row.completed_at,
            duration_seconds: row.duration_seconds,
            total_symbols: row.total_symbols,
            successful_symbols: row.successful_symbols,
            failed_symbols: row.failed_symbols,
            total_records_processed: row.total_records_processed,
            requests: row.requests,
            rate_limited: row.rate_limited,
            retries: row.retries,
            status: row.status,
            error_message: row.error_message,
            success_rate,
            crashed,
        }
    }
}

impl Execution {
    /// Whether nobody works on it any more.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.crashed || !self.status.is_open()
    }

    /// The state of one of its series, as it is printed. When its process dies the row stays as it was.
    #[must_use]
    pub const fn state_of(&self, series: &SeriesStatus) -> &'static str {
        match series.status {
            SeriesRunState::Pending if self.is_over() => "not started",
            SeriesRunState::InProgress if self.is_over() => "interrupted",
            state => state.name(),
        }
    }

    /// The status, as it is printed.
    #[must_use]
    pub const fn status_name(&self) -> &'static str {
        if self.crashed { "running (its process is gone)" } else { self.status.name() }
    }
}

/// The newest executions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionHistory {
    pub executions: Vec<Execution>,
}

impl ExecutionHistory {
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(store: &dyn Store, limit: usize) -> Result<Self, StoreError> {
        Ok(Self { executions: newest(store, limit).await? })
    }
}

/// The newest executions; which processes are dead is asked of the database, where several work on it.
pub(crate) async fn newest(store: &dyn Store, limit: usize) -> Result<Vec<Execution>, StoreError> {
    let rows = store.executions(limit).await?;
    let dead = dead_owners(store, &rows).await?;
    let shown = |row: ExecutionRow| {
        let is_dead = dead.contains(&row.owner);
        Execution::new(row, is_dead)
    };
    Ok(rows.into_iter().map(shown).collect())
}

/// One execution with each of its series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionDetail {
    #[serde(flatten)]
    pub execution: Execution,
    pub series: Vec<SeriesStatus>,
}

impl ExecutionDetail {
    /// # Errors
    /// `NotFound` when there is no such execution, and what goes wrong with the database.
    pub async fn read(store: &dyn Store, id: Uuid) -> Result<Self, StoreError> {
        let row = store.execution(id).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("no execution has the id {id}")))?;
        let is_dead = row.status.is_open() && !store.dead(std::slice::from_ref(&row.owner)).await?.is_empty();
        Ok(Self { execution: Execution::new(row, is_dead), series: store.series_statuses(id).await? })
    }
}

/// One word for the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nothing has run yet.
    Unknown,
    Healthy,
    /// It works, with failures: the last run was not complete, a process died, features failed, or too much is stale.
    Degraded,
    /// No run has succeeded for longer than `no_successful_backfill` allows.
    Unhealthy,
}

/// A feature failure as reports show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecentFailure {
    #[serde(flatten)]
    pub row: FeatureFailureRow,
    /// `error_message` once more, by the name that readers of the original's health report know.
    pub error: String,
}

impl From<FeatureFailureRow> for RecentFailure {
    fn from(row: FeatureFailureRow) -> Self {
        Self { error: row.failure.error_message.clone(), row }
    }
}

/// The health of the scheduler, in the words of the HTTP API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchedulerHealth {
    pub status: Health,
    /// The newest one, whatever its state.
    pub last_execution: Option<Execution>,
    /// Series that are stale now.
    pub stale_features_count: usize,
    /// Unresolved feature failures of the last day, newest first.
    pub recent_failures: Vec<RecentFailure>,
    /// Active symbols.
    pub total_symbols_monitored: usize,
    pub timestamp: Ts,
}

impl SchedulerHealth {
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(store: &dyn Store, context: FreshnessContext<'_>, now: Ts) -> Result<Self, StoreError> {
        let index = SeriesIndex::read(store, now).await?;
        let ledger = Ledger::read(store, &index, context.calendar).await?;
        Self::of(store, &index, &ledger, context, now).await
    }

    /// The same over symbols and series already read.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn of(
        store: &dyn Store,
        index: &SeriesIndex,
        ledger: &Ledger,
        context: FreshnessContext<'_>,
        now: Ts,
    ) -> Result<Self, StoreError> {
        let last = newest(store, 1).await?.pop();
        let success = store.last_success().await?.and_then(|row| row.completed_at);
        let mut failures = store.feature_failures(true, RECENT_FAILURES).await?;
        failures.retain(|row| row.failure.failed_at >= now - DAY);
        let report = StalenessReport::of(index, ledger, context, 0, now);
        let symbols = index.symbols.iter().filter(|s| s.active).count();
        let status = health(last.as_ref(), success, &report, !failures.is_empty(), context.policy, now);
        Ok(Self {
            status,
            last_execution: last,
            stale_features_count: report.summary.stale_count,
            recent_failures: failures.into_iter().map(RecentFailure::from).collect(),
            total_symbols_monitored: symbols,
            timestamp: now,
        })
    }
}

fn health(
    last: Option<&Execution>,
    success: Option<Ts>,
    report: &StalenessReport,
    failures: bool,
    policy: &Policy,
    now: Ts,
) -> Health {
    let Some(last) = last else { return Health::Unknown };
    let thresholds = &policy.monitoring_thresholds;
    let patience = millis(thresholds.no_successful_backfill.0);
    // Before the first success the clock runs from the newest start: a first run under way is no failure.
    let quiet_since = success.unwrap_or(last.started_at);
    let working = last.status.is_open() && !last.crashed;
    if now - quiet_since > patience || (success.is_none() && !working) {
        return Health::Unhealthy;
    }
    let clean = working || last.status == ExecutionStatus::Completed;
    let stale_share = report.summary.stale_count as f64 / report.total.max(1) as f64;
    if clean && !failures && stale_share <= thresholds.stale_features.0 { Health::Healthy } else { Health::Degraded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_store::testing;

    fn row(status: ExecutionStatus, total: i64, good: i64) -> ExecutionRow {
        ExecutionRow {
            completed_at: (status != ExecutionStatus::Running).then_some(Ts(1)),
            total_symbols: total,
            successful_symbols: good,
            failed_symbols: total - good,
            ..testing::execution(Uuid::new_v4(), status)
        }
    }

    #[test]
    fn a_success_rate_has_one_decimal_and_is_absent_when_unknown() {
        use ExecutionStatus as S;
        let rate = |status, total, good| Execution::new(row(status, total, good), false).success_rate;
        assert_eq!(rate(S::CompletedWithErrors, 3, 2), Some(66.7));
        assert_eq!(rate(S::Completed, 25, 25), Some(100.0));
        assert_eq!(rate(S::Failed, 7, 0), Some(0.0));
        assert_eq!(rate(S::Running, 3, 1), None);
        assert_eq!(rate(S::Completed, 0, 0), None);
    }

    #[test]
    fn only_a_running_row_of_a_dead_process_is_a_crash() {
        let crashed = |status, is_dead| Execution::new(row(status, 1, 0), is_dead).crashed;
        assert!(crashed(ExecutionStatus::Running, true));
        assert!(!crashed(ExecutionStatus::Failed, true));
        assert!(!crashed(ExecutionStatus::Running, false));
    }
}
