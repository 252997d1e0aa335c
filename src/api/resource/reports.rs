//! The three reports for administrators. They are computed on request, over all series, from the series index in memory.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::params::Params;
use crate::problem::Problem;
use crate::types::{Execution, HoleCounts, Rpo, SeriesAge};
use crate::{Api, App};
use barkeep_market::{Symbol, Timeframe, Ts};
use barkeep_monitor::freshness_report::StalenessReport;
use barkeep_monitor::history::{self, ExecutionHistory, Health, SchedulerHealth};
use barkeep_monitor::publisher::Reading;
use barkeep_monitor::snapshot::FreshnessContext;

/// Up to this many milliseconds for reading the database, it is read again for a report.
const CHEAP_MS: f64 = 200.0;
/// Longest wait for that.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// What the database holds: as of now where that is cheap to read, else as of the last reading of the snapshot publisher,
/// which follows every write within seconds.
pub(super) async fn reading(api: &Api) -> Reading {
    let requested = Instant::now();
    let mut reading = api.console.publisher.reading();
    while reading.data.read_ms <= CHEAP_MS && reading.began < requested && requested.elapsed() < READ_TIMEOUT {
        reading = api.console.publisher.fresh().await;
        if reading.began < requested {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    reading
}

/// A series whose features could not be computed.
#[derive(Serialize, ToSchema)]
struct RecentFailure {
    #[schema(value_type = String)]
    symbol: Symbol,
    #[schema(value_type = String, example = "1d")]
    timeframe: Timeframe,
    error: String,
    #[schema(value_type = String, format = DateTime)]
    failed_at: Ts,
    retry_count: i64,
    #[schema(value_type = Option<String>, format = "uuid")]
    execution_id: Option<Uuid>,
}

impl From<history::RecentFailure> for RecentFailure {
    fn from(history::RecentFailure { row, .. }: history::RecentFailure) -> Self {
        Self {
            symbol: row.failure.symbol,
            timeframe: row.failure.timeframe,
            error: row.failure.error_message,
            failed_at: row.failure.failed_at,
            retry_count: row.retry_count,
            execution_id: row.failure.execution_id,
        }
    }
}

/// How the scheduler is.
#[derive(Serialize, ToSchema)]
pub(crate) struct SchedulerHealthReport {
    /// `unknown` (nothing has run yet), `healthy`, `degraded` or `unhealthy`.
    #[schema(value_type = String, example = "healthy")]
    status: Health,
    /// The newest execution in any state; `null` when nothing has run yet.
    last_execution: Option<Execution>,
    /// Series that are stale now.
    stale_features_count: usize,
    /// Unresolved failures of the last 24 hours, newest first, at most 10.
    recent_failures: Vec<RecentFailure>,
    /// Active symbols.
    total_symbols_monitored: usize,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
}

/// Health of the scheduler
#[utoipa::path(get, path = "/api/v1/admin/scheduler-health", operation_id = "get_scheduler_health", tag = "reports",
    responses((status = 200, body = SchedulerHealthReport, description = "The health report")))]
pub(crate) async fn scheduler_health(
    State(api): State<App>,
    params: Params,
) -> Result<Json<SchedulerHealthReport>, Problem> {
    params.only(&[])?;
    let engine = &api.console.engine;
    let now = engine.clock.now();
    let reading = reading(&api).await;
    let (config, calendar) = (engine.config.current(), engine.calendar.current());
    let context = FreshnessContext::of(&config, &calendar);
    let health = SchedulerHealth::of(engine.store.as_ref(), &reading.index, &reading.ledger, context, now).await?;
    Ok(Json(SchedulerHealthReport {
        status: health.status,
        last_execution: health.last_execution.map(Execution::from),
        stale_features_count: health.stale_features_count,
        recent_failures: health.recent_failures.into_iter().map(RecentFailure::from).collect(),
        total_symbols_monitored: health.total_symbols_monitored,
        timestamp: health.timestamp,
    }))
}

/// How many series are in each tier, over all series; the sum of the counts is `total_monitored`.
#[derive(Serialize, ToSchema)]
struct Summary {
    fresh_count: usize,
    aging_count: usize,
    stale_count: usize,
    missing_count: usize,
    unknown_count: usize,
    /// Their first backfill is not done yet; in no other count.
    loading_count: usize,
    /// Delisted or renamed, and stored up to their last day; in no other count.
    ended_count: usize,
    total_monitored: usize,
}

/// The stalest series of each tier, at most `limit`.
#[derive(Serialize, ToSchema)]
struct ByStatus {
    fresh: Vec<SeriesAge>,
    aging: Vec<SeriesAge>,
    stale: Vec<SeriesAge>,
    missing: Vec<SeriesAge>,
    unknown: Vec<SeriesAge>,
    loading: Vec<SeriesAge>,
    ended: Vec<SeriesAge>,
}

/// How old every series is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Staleness {
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
    summary: Summary,
    by_status: ByStatus,
    /// Series past their recovery point objective, by criticality.
    rpo: Vec<Rpo>,
    /// Ranges in doubt, over all series.
    holes: HoleCounts,
}

/// Staleness of every series
#[utoipa::path(get, path = "/api/v1/admin/features/staleness", operation_id = "get_staleness", tag = "reports",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Series of each tier, 50 by default")),
    responses((status = 200, body = Staleness, description = "The staleness report")))]
pub(crate) async fn staleness(State(api): State<App>, params: Params) -> Result<Json<Staleness>, Problem> {
    let limit = params.only(&["limit"])?.count("limit", 1..=500, 50)?;
    let engine = &api.console.engine;
    let reading = reading(&api).await;
    let (config, calendar) = (engine.config.current(), engine.calendar.current());
    let now = engine.clock.now();
    let context = FreshnessContext::of(&config, &calendar);
    let report = StalenessReport::of(&reading.index, &reading.ledger, context, limit, now);
    let s = report.summary;
    let ages =
        |rows: Vec<barkeep_monitor::freshness_report::SeriesAge>| rows.into_iter().map(SeriesAge::from).collect();
    let by = report.by_status;
    Ok(Json(Staleness {
        timestamp: report.generated_at,
        summary: Summary {
            fresh_count: s.fresh_count,
            aging_count: s.aging_count,
            stale_count: s.stale_count,
            missing_count: s.missing_count,
            unknown_count: s.unknown_count,
            loading_count: s.loading_count,
            ended_count: s.ended_count,
            total_monitored: report.total,
        },
        by_status: ByStatus {
            fresh: ages(by.fresh),
            aging: ages(by.aging),
            stale: ages(by.stale),
            missing: ages(by.missing),
            unknown: ages(by.unknown),
            loading: ages(by.loading),
            ended: ages(by.ended),
        },
        rpo: report.rpo.into_iter().map(Rpo::from).collect(),
        holes: report.holes.into(),
    }))
}

/// Executions, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct History {
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
    /// Newest first.
    executions: Vec<Execution>,
}

/// Execution history, newest first
#[utoipa::path(get, path = "/api/v1/admin/scheduler/execution-history", operation_id = "list_executions", tag = "reports",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Executions, 20 by default")),
    responses((status = 200, body = History, description = "The newest executions")))]
pub(crate) async fn history(State(api): State<App>, params: Params) -> Result<Json<History>, Problem> {
    let limit = params.only(&["limit"])?.count("limit", 1..=100, 20)?;
    let engine = &api.console.engine;
    let history = ExecutionHistory::read(engine.store.as_ref(), limit).await?;
    let executions = history.executions.into_iter().map(Execution::from).collect();
    Ok(Json(History { timestamp: engine.clock.now(), executions }))
}
