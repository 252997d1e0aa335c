//! The status in a few figures.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::reports::reading;
use crate::App;
use crate::params::Params;
use crate::problem::Problem;
use crate::types::{Hole, HoleCounts, each};
use barkeep_market::Ts;
use barkeep_service::handle::EngineState;
use barkeep_store::{Worker, WorkerRole};

/// The status in a few figures.
#[derive(Serialize, ToSchema)]
#[allow(clippy::struct_field_names, reason = "the names of the answer")]
pub(crate) struct Status {
    api_version: &'static str,
    /// The state of the engine: `idle`, `running`, `pausing`, `paused`, `draining`, `standby` or `failed`.
    #[schema(value_type = String, example = "idle")]
    status: EngineState,
    /// Why, when it failed or stands by.
    reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
    database: DatabaseStatus,
    data_quality: DataQuality,
    series: SeriesTiers,
    vendor: VendorStatus,
    fleet: FleetStatus,
}

#[derive(Serialize, ToSchema)]
struct FleetStatus {
    /// Whether several services may share the database; on SQLite there is one process.
    shared: bool,
    /// The host whose service works, and since when.
    leader: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    leads_since: Option<Ts>,
    /// Services that stand by.
    standby: usize,
    /// Single commands at work, such as a backfill.
    commands: usize,
}

impl FleetStatus {
    fn of(fleet: Option<&Vec<Worker>>) -> Self {
        let workers = fleet.map(Vec::as_slice).unwrap_or_default();
        let count = |role| workers.iter().filter(|worker| worker.role == role).count();
        let leader = workers.iter().find(|worker| worker.role == WorkerRole::Leader);
        Self {
            shared: fleet.is_some(),
            leader: leader.map(|worker| worker.host.clone()),
            leads_since: leader.map(|worker| worker.since),
            standby: count(WorkerRole::Standby),
            commands: count(WorkerRole::Command),
        }
    }
}

/// What the database holds.
#[derive(Serialize, ToSchema)]
struct DatabaseStatus {
    dialect: String,
    /// Symbols with at least one bar.
    symbols_available: usize,
    symbols_total: usize,
    series_total: usize,
    /// Stored bars.
    total_records: i64,
    /// The newest bar of all.
    #[schema(value_type = Option<String>, format = DateTime)]
    latest_data: Option<Ts>,
}

/// What is in doubt, or waits for somebody.
#[derive(Serialize, ToSchema)]
struct DataQuality {
    /// Quarantined bars pending review.
    quarantine_pending: usize,
    /// Ranges in doubt, over all series.
    holes: HoleCounts,
    /// What the vendor does not have although it should, newest first; the first 50.
    newest_holes: Vec<Hole>,
    feature_failures_open: i64,
    scheduler_status: &'static str,
    /// End of the last execution with at least one successful symbol.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_backfill: Option<Ts>,
}

/// Series by staleness tier.
#[derive(Serialize, ToSchema)]
struct SeriesTiers {
    fresh: usize,
    aging: usize,
    stale: usize,
    missing: usize,
    unknown: usize,
    /// Their first backfill is not done yet.
    loading: usize,
    /// Delisted or renamed, and stored up to their last day.
    ended: usize,
}

/// The vendor's limit, and what was asked so far.
#[derive(Serialize, ToSchema)]
struct VendorStatus {
    /// `null` when unlimited.
    limit_per_minute: Option<u32>,
    /// Requests that count against the limit now, of all processes that share the database.
    used: u32,
    total_requests: i64,
    rate_limited_count: i64,
    retries: i64,
    failures: i64,
}

/// Status in a few figures
#[utoipa::path(get, path = "/api/v1/status", operation_id = "get_status", tag = "data", responses((status = 200, body = Status, description = "The status")))]
pub(crate) async fn status(State(api): State<App>, params: Params) -> Result<Json<Status>, Problem> {
    params.only(&[])?;
    let data = reading(&api).await.data;
    let live = api.console.handle.live();
    let last = api.console.engine.store.last_success().await?;
    let with_bars = data.series.chunk_by(|a, b| a.symbol == b.symbol);
    let symbols_available = with_bars.filter(|series| series.iter().any(|s| s.bars > 0)).count();
    let (tiers, totals) = (data.tiers, data.vendor.totals.combine(live.pulse.all, i64::max));
    Ok(Json(Status {
        fleet: FleetStatus::of(live.fleet.as_ref()),
        api_version: env!("CARGO_PKG_VERSION"),
        status: live.state,
        reason: live.reason.clone(),
        timestamp: api.console.engine.clock.now(),
        database: DatabaseStatus {
            dialect: data.database.clone(),
            symbols_available,
            symbols_total: data.symbols_total,
            series_total: data.series_total,
            total_records: data.series.iter().map(|s| s.bars).sum(),
            latest_data: data.series.iter().filter_map(|s| s.newest_bar).max(),
        },
        data_quality: DataQuality {
            quarantine_pending: data.quarantine_pending,
            holes: data.holes.into(),
            newest_holes: each(data.newest_holes.clone()),
            feature_failures_open: data.feature_failures_open,
            scheduler_status: if matches!(live.state, EngineState::Idle | EngineState::Running) {
                "running"
            } else {
                "stopped"
            },
            last_backfill: last.and_then(|row| row.completed_at),
        },
        series: SeriesTiers {
            fresh: tiers.fresh,
            aging: tiers.aging,
            stale: tiers.stale,
            missing: tiers.missing,
            unknown: tiers.unknown,
            loading: tiers.loading,
            ended: tiers.ended,
        },
        vendor: VendorStatus {
            limit_per_minute: data.vendor.limit_per_minute,
            used: live.limit.used,
            total_requests: totals.total_requests,
            rate_limited_count: totals.rate_limited_count,
            retries: totals.retries,
            failures: totals.failures,
        },
    }))
}
