//! The state of everything at one instant, and the events of a stream of them.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::each;
use super::execution::{Execution, SeriesRun};
use super::holes::{Hole, HoleCounts};
use super::records::Alert;
use barkeep_market::Ts;
use barkeep_monitor::snapshot::{self as model, MarketView, RpoCount, SeriesView, TierCounts, VendorView};
use barkeep_plan::budget::Budget;
use barkeep_runtime::console::Access;
use barkeep_service::activity::{ActivityView, VendorSilence};
use barkeep_service::handle::{self, EngineState, Process, Tick};
use barkeep_service::progress::RunView;
use barkeep_store::{EnginePause, OpenAlertCount, Storage, Worker};
use barkeep_vendor::limit::{HeldPlace, LimitSnapshot};

/// The rate limit of the vendor as this process sees it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RateLimit {
    /// Requests per minute; `null` when unlimited.
    limit: Option<u32>,
    /// Requests per minute now: below the limit after a 429.
    effective: u32,
    /// Requests this process has started in the last minute.
    used: u32,
    /// Until the next request may start, in seconds; 0 when it may start now.
    next_free_in_seconds: f64,
    /// The same under its older name.
    next_free_in: f64,
    /// How much longer a 429 blocks all requests, in seconds.
    frozen_for_seconds: Option<f64>,
    /// The same under its older name.
    frozen_for: Option<f64>,
    /// Requests waiting for their turn.
    waiting: usize,
    /// Requests per minute that somebody else seems to make with the same key; `null` without a sign of it.
    foreign_per_minute: Option<u32>,
    /// The places taken, soonest free first: `{free_in_seconds, on_the_wire}`; at most 600, none when unlimited.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    held: Vec<HeldPlace>,
}

impl From<LimitSnapshot> for RateLimit {
    fn from(limit: LimitSnapshot) -> Self {
        let next_free_in = limit.next_free_in.as_secs_f64();
        let frozen_for = limit.frozen_for.map(|time| time.as_secs_f64());
        Self {
            limit: limit.limit,
            effective: limit.effective,
            used: limit.used,
            next_free_in_seconds: next_free_in,
            next_free_in,
            frozen_for_seconds: frozen_for,
            frozen_for,
            waiting: limit.waiting,
            foreign_per_minute: limit.foreign_per_minute,
            held: limit.held,
        }
    }
}

impl From<RateLimit> for LimitSnapshot {
    fn from(wire: RateLimit) -> Self {
        let duration = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Self {
            limit: wire.limit,
            effective: wire.effective,
            used: wire.used,
            next_free_in: duration(wire.next_free_in_seconds),
            frozen_for: wire.frozen_for_seconds.map(duration),
            waiting: wire.waiting,
            foreign_per_minute: wire.foreign_per_minute,
            held: wire.held,
        }
    }
}

/// What the engine does.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Live {
    /// When this was true.
    #[schema(value_type = String, format = DateTime)]
    at: Ts,
    /// `idle`, `running`, `pausing`, `paused`, `draining`, `standby` or `failed`; `status` in `/api/v1/status`.
    #[schema(value_type = String, example = "idle")]
    state: EngineState,
    /// Why, when it failed or stands by.
    reason: Option<String>,
    /// What the vendor said when it refused the key, until it accepts one.
    key_refused: Option<String>,
    /// Since when and for how many attempts the vendor has not answered: `{since, attempts, error}`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    vendor_silent: Option<VendorSilence>,
    /// Since when a write to the database has not ended; `null` unless that takes long.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    write_waits_since: Option<Ts>,
    /// Who paused the engine and when: `{by, since}`.
    #[schema(value_type = Option<Object>)]
    paused: Option<EnginePause>,
    /// Executions under way.
    #[schema(value_type = Vec<Object>)]
    runs: Vec<RunView>,
    limit: RateLimit,
    /// Requests waiting for the rate limit, sent, or being stored.
    in_flight: usize,
    /// What the schedule does next: `{what, at}`.
    #[schema(value_type = Vec<Object>)]
    next: Vec<Tick>,
    /// Requests, bars and latencies of the last minutes.
    #[schema(value_type = Object)]
    pulse: ActivityView,
    /// The process that runs the engine; `null` in what is read from a database alone.
    #[schema(value_type = Option<Object>)]
    process: Option<Process>,
    /// The processes that work on the database, the leader first: `{worker_id, host, version, role, since, heartbeat, items}`,
    /// with the role `leader`, `standby` or `command`, and the items of a shared plan that it works on; `null` on SQLite, where one process works.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    fleet: Option<Vec<Worker>>,
}

impl From<&handle::Live> for Live {
    fn from(live: &handle::Live) -> Self {
        Self {
            at: live.at,
            state: live.state,
            reason: live.reason.clone(),
            key_refused: live.key_refused.clone(),
            vendor_silent: live.vendor_silent.clone(),
            write_waits_since: live.write_waits_since,
            paused: live.paused.clone(),
            runs: live.runs.clone(),
            limit: live.limit.clone().into(),
            in_flight: live.in_flight,
            next: live.next.clone(),
            pulse: live.pulse.clone(),
            process: live.process.clone(),
            fleet: live.fleet.clone(),
        }
    }
}

impl From<Live> for handle::Live {
    fn from(wire: Live) -> Self {
        Self {
            at: wire.at,
            state: wire.state,
            reason: wire.reason,
            key_refused: wire.key_refused,
            vendor_silent: wire.vendor_silent,
            write_waits_since: wire.write_waits_since,
            paused: wire.paused,
            runs: wire.runs,
            limit: wire.limit.into(),
            in_flight: wire.in_flight,
            next: wire.next,
            pulse: wire.pulse,
            process: wire.process,
            fleet: wire.fleet,
        }
    }
}

/// What the database holds.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Data<'a> {
    #[schema(value_type = String, format = DateTime)]
    generated_at: Ts,
    /// `sqlite` or `postgres`.
    database: String,
    /// The name of its file, or of the database on a server.
    #[serde(default)]
    database_name: String,
    /// `{bytes, layout}`: what the database takes with its indexes, at most a minute old, and what bars and features are: `layout.kind`
    /// is `plain`, `hash` or `years` (with `partitions`), `hypertables` (with `chunks`, `compressed`), `distributed` (with
    /// `shards`, `nodes`) or `other`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    storage: Option<Storage>,
    /// How long reading all of this took, milliseconds.
    read_ms: f64,
    symbols_total: usize,
    series_total: usize,
    /// Series by tier: `{fresh, aging, stale, missing, unknown, loading, ended}`.
    #[schema(value_type = Object)]
    tiers: TierCounts,
    /// How the tracked series of each criticality keep to their recovery point objective.
    #[schema(value_type = Vec<Object>)]
    rpo: Vec<RpoCount>,
    /// Quarantined bars pending review.
    quarantine_pending: usize,
    feature_failures_open: i64,
    #[schema(value_type = Object)]
    market: MarketView,
    #[schema(value_type = Object)]
    vendor: VendorView,
    /// How the rate limit suffices for everything that is missing; `null` until it has been computed.
    #[schema(value_type = Option<Object>)]
    budget: Option<Budget>,
    /// Newest first.
    executions: Vec<Execution>,
    /// Newest first, open and resolved ones.
    alerts: Vec<Alert>,
    /// Open alerts by kind and severity; all of them, unlike `alerts`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    open_alerts: Vec<OpenAlertCount>,
    /// Series whose last attempt within a day failed, newest first; the first of `failing_total`.
    failing: Vec<SeriesRun>,
    #[serde(default)]
    failing_total: usize,
    /// Ranges in doubt, over all series.
    #[serde(default)]
    holes: HoleCounts,
    /// What the vendor does not have although it should, newest first; the first 50 of `suspect` and `vendor_holes`.
    #[serde(default)]
    newest_holes: Vec<Hole>,
    /// Every series. `bars` is the number of stored bars (`data_point_count` in the staleness report, `records` in the
    /// list of symbols), `newest_bar` the newest of them (`latest_data`), `tier` its age (`status`),
    /// `holes` its ranges in doubt (absent when there is none).
    #[schema(value_type = Vec<Object>)]
    series: Cow<'a, [SeriesView]>,
}

impl<'a> From<&'a model::Data> for Data<'a> {
    fn from(data: &'a model::Data) -> Self {
        Self {
            generated_at: data.generated_at,
            database: data.database.clone(),
            database_name: data.database_name.clone(),
            storage: data.storage.clone(),
            read_ms: data.read_ms,
            symbols_total: data.symbols_total,
            series_total: data.series_total,
            tiers: data.tiers,
            rpo: data.rpo.clone(),
            quarantine_pending: data.quarantine_pending,
            feature_failures_open: data.feature_failures_open,
            market: data.market,
            vendor: data.vendor.clone(),
            budget: data.budget.clone(),
            executions: each(data.executions.clone()),
            alerts: each(data.alerts.clone()),
            open_alerts: data.open_alerts.clone(),
            failing: each(data.failing.clone()),
            failing_total: data.failing_total,
            holes: data.holes.into(),
            newest_holes: each(data.newest_holes.clone()),
            // By far the largest part, so it is not copied.
            series: Cow::Borrowed(&data.series),
        }
    }
}

impl From<Data<'_>> for model::Data {
    fn from(wire: Data<'_>) -> Self {
        Self {
            generated_at: wire.generated_at,
            database: wire.database,
            database_name: wire.database_name,
            storage: wire.storage,
            read_ms: wire.read_ms,
            symbols_total: wire.symbols_total,
            series_total: wire.series_total,
            tiers: wire.tiers,
            rpo: wire.rpo,
            quarantine_pending: wire.quarantine_pending,
            feature_failures_open: wire.feature_failures_open,
            market: wire.market,
            vendor: wire.vendor,
            budget: wire.budget,
            executions: each(wire.executions),
            alerts: each(wire.alerts),
            open_alerts: wire.open_alerts,
            failing: each(wire.failing),
            failing_total: wire.failing_total,
            holes: wire.holes.into(),
            newest_holes: each(wire.newest_holes),
            series: wire.series.into_owned(),
        }
    }
}

/// The state of everything at one instant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Snapshot<'a> {
    /// Grows with every snapshot of a process.
    seq: u64,
    #[serde(flatten)]
    live: Live,
    #[serde(flatten)]
    data: Data<'a>,
}

impl<'a> From<&'a model::Snapshot> for Snapshot<'a> {
    fn from(snapshot: &'a model::Snapshot) -> Self {
        Self { seq: snapshot.seq, live: snapshot.live.as_ref().into(), data: snapshot.data.as_ref().into() }
    }
}

impl From<Snapshot<'_>> for model::Snapshot {
    fn from(wire: Snapshot<'_>) -> Self {
        Self { seq: wire.seq, live: Arc::new(wire.live.into()), data: Arc::new(wire.data.into()) }
    }
}

/// The first event of a stream.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct HelloEvent {
    /// What the API key allows.
    pub access: Access,
}

/// The event `snapshot`.
#[derive(Clone, Debug, Deserialize)]
pub struct SnapshotEvent {
    /// Grows with every snapshot of a process.
    pub seq: u64,
    pub live: Live,
    /// Absent when it is that of the event before.
    #[serde(default)]
    pub data: Option<Data<'static>>,
}
