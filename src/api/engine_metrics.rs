//! The metrics of what the product is for: how fresh the data are, what runs, and what the vendor's limit allows.
//!
//! All of them are set at a scrape, from the newest snapshot and the counters of the process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use barkeep_alerts::conditions::Kind;
use barkeep_market::Ts;
use barkeep_market::freshness::Tier;
use barkeep_monitor::holes::HoleCounts;
use barkeep_monitor::snapshot::Snapshot;
use barkeep_service::handle::EngineState;
use barkeep_store::ExecutionStatus;
use barkeep_vendor::counters::Counts;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfTier {
    tier: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfState {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfStatus {
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfClass {
    class: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfKind {
    kind: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfCriticality {
    criticality: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfWorker {
    role: &'static str,
    host: String,
}

type Total = Counter<u64, AtomicU64>;

/// What a scrape is answered from.
pub(super) struct Figures<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// Requests of this process.
    pub(super) requests: &'a Counts,
    /// End of the last execution that was good for at least one symbol; absent before the first, and where it could not
    /// be read: it stays what it was.
    pub(super) last_success: Option<Ts>,
    /// How long ago the database was read.
    pub(super) data_age: Duration,
}

#[derive(Debug, Default)]
pub(super) struct EngineMetrics {
    series: Family<OfTier, Gauge>,
    tracked: Family<OfCriticality, Gauge>,
    breached: Family<OfCriticality, Gauge>,
    allowed: Family<OfCriticality, Gauge>,
    worst: Family<OfCriticality, Gauge>,
    ranges: Family<OfState, Gauge>,
    state: Family<OfState, Gauge>,
    workers: Family<OfWorker, Gauge>,
    stale_answers: Total,
    symbols: Gauge,
    bars: Gauge,
    data_age: Gauge<f64, AtomicU64>,
    last_success: Gauge,
    running: Family<OfStatus, Gauge>,
    ended: Family<OfStatus, Total>,
    written: Total,
    in_flight: Gauge,
    limit: Gauge,
    limit_used: Gauge,
    faults: Family<OfClass, Total>,
    quarantine: Gauge,
    feature_failures: Gauge,
    alerts: Gauge,
    alerts_by_kind: Family<OfKind, Gauge>,
    vendor: [Total; 5],
}

/// Names and help texts of the vendor's totals, in the order they are set.
const VENDOR: [(&str, &str); 5] = [
    ("barkeep_vendor_requests", "Requests made to the vendor since the database was created, retries included"),
    ("barkeep_vendor_rate_limited", "Vendor responses with status 429"),
    ("barkeep_vendor_failures", "Failed requests to the vendor"),
    ("barkeep_vendor_retries", "Retried requests to the vendor"),
    ("barkeep_vendor_bytes", "Bytes received from the vendor"),
];

const STATES: [EngineState; 6] = [
    EngineState::Idle,
    EngineState::Running,
    EngineState::Pausing,
    EngineState::Paused,
    EngineState::Draining,
    EngineState::Failed,
];

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The counters are kept elsewhere; none of them falls while the process lives.
fn set(total: &Total, now: u64) {
    total.inner().store(now, Ordering::Relaxed);
}

impl EngineMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register("barkeep_series", "Series by staleness tier", self.series.clone());
        r.register(
            "barkeep_ranges",
            "Doubtful ranges of series by state: vendor behind, holes, halts, bars in quarantine",
            self.ranges.clone(),
        );
        r.register(
            "barkeep_rpo_breaches",
            "Series past their recovery point objective by criticality",
            self.breached.clone(),
        );
        r.register(
            "barkeep_rpo_series",
            "Series held to a recovery point objective by criticality",
            self.tracked.clone(),
        );
        r.register(
            "barkeep_rpo_seconds",
            "Recovery point objective by criticality: how far behind a series may be, in seconds of market time",
            self.allowed.clone(),
        );
        r.register(
            "barkeep_worst_staleness_seconds",
            "Staleness of the stalest series by criticality, in seconds of market time",
            self.worst.clone(),
        );
        r.register(
            "barkeep_last_success_timestamp_seconds",
            "End of the last execution with at least one successful symbol; 0 before the first",
            self.last_success.clone(),
        );
        r.register("barkeep_engine_state", "1 for the current state of the engine, else 0", self.state.clone());
        r.register("barkeep_symbols", "Registered symbols", self.symbols.clone());
        r.register("barkeep_bars", "Stored bars", self.bars.clone());
        r.register(
            "barkeep_data_age_seconds",
            "How long ago these figures were read from the database; grows while it does not answer",
            self.data_age.clone(),
        );
        r.register("barkeep_executions_open", "Executions of this service that have not ended", self.running.clone());
        r.register(
            "barkeep_executions_ended",
            "Executions of this service that ended since it started, by how they ended",
            self.ended.clone(),
        );
        r.register("barkeep_bars_written", "Bars inserted or revised since the service started", self.written.clone());
        r.register(
            "barkeep_requests_in_flight",
            "Vendor requests waiting for the rate limit, sent, or being stored",
            self.in_flight.clone(),
        );
        r.register("barkeep_limit_used", "Requests that count against the vendor's limit now", self.limit_used.clone());
        r.register(
            "barkeep_limit",
            "Requests per minute that the vendor's limit allows; 0 without one",
            self.limit.clone(),
        );
        r.register(
            "barkeep_workers",
            "Processes that work on a PostgreSQL database by role (leader, standby, command) and host; none on SQLite",
            self.workers.clone(),
        );
        r.register(
            "barkeep_stale_answers",
            "Responses dropped because a newer one was already stored",
            self.stale_answers.clone(),
        );
        r.register("barkeep_quarantine_pending", "Quarantined bars pending review", self.quarantine.clone());
        r.register(
            "barkeep_feature_failures_open",
            "Series whose features cannot be computed",
            self.feature_failures.clone(),
        );
        r.register("barkeep_alerts_open", "Open alerts", self.alerts.clone());
        r.register("barkeep_alerts", "Open alerts by kind", self.alerts_by_kind.clone());
        for ((name, help), total) in VENDOR.into_iter().zip(&self.vendor) {
            r.register(name, help, total.clone());
        }
        r.register(
            "barkeep_vendor_faults",
            "Failed requests to the vendor since the service started, by class",
            self.faults.clone(),
        );
    }

    pub(super) fn set(&self, figures: &Figures<'_>) {
        self.set_data(figures.snapshot);
        self.set_engine(figures.snapshot);
        self.data_age.set(figures.data_age.as_secs_f64());
        if let Some(last) = figures.last_success {
            self.last_success.set(last.ms() / 1_000);
        }
        for (class, n) in figures.requests.by_class() {
            set(&self.faults.get_or_create(&OfClass { class: class.name() }), n);
        }
    }

    /// What the database holds.
    fn set_data(&self, snapshot: &Snapshot) {
        let data = &snapshot.data;
        for tier in Tier::ALL {
            self.series.get_or_create(&OfTier { tier: tier.name() }).set(count(data.tiers.of(tier)));
        }
        for (state, n) in HoleCounts::NAMES.into_iter().zip(data.holes.all()) {
            self.ranges.get_or_create(&OfState { state }).set(count(n));
        }
        for rpo in &data.rpo {
            let of = OfCriticality { criticality: rpo.criticality.name() };
            let kept = data.series.iter().filter(|s| s.criticality == rpo.criticality && s.tracked);
            self.tracked.get_or_create(&of).set(count(rpo.series));
            self.breached.get_or_create(&of).set(count(rpo.breached));
            self.allowed.get_or_create(&of).set(i64::try_from(rpo.acceptable_staleness_seconds).unwrap_or(i64::MAX));
            self.worst.get_or_create(&of).set(kept.filter_map(|s| s.staleness_seconds).max().unwrap_or(0));
        }
        self.symbols.set(count(data.symbols_total));
        self.bars.set(data.series.iter().map(|s| s.bars).sum());
        self.limit.set(data.vendor.limit_per_minute.map_or(0, i64::from));
        self.quarantine.set(count(data.quarantine_pending));
        self.feature_failures.set(data.feature_failures_open);
        self.alerts.set(count(data.open_alerts()));
        // A kind without an open alert is 0, one that this version does not know is kept as it is written.
        self.alerts_by_kind.clear();
        for kind in Kind::ALL {
            self.alerts_by_kind.get_or_create(&OfKind { kind: kind.name().to_owned() }).set(0);
        }
        for open in &data.open_alerts {
            self.alerts_by_kind.get_or_create(&OfKind { kind: open.kind.clone() }).inc_by(count(open.open));
        }
        let t = snapshot.request_totals();
        let totals = [t.total_requests, t.rate_limited_count, t.failures, t.retries, t.bytes];
        for (total, now) in self.vendor.iter().zip(totals) {
            set(total, now.max(0).unsigned_abs());
        }
    }

    /// What the engine does and did.
    fn set_engine(&self, snapshot: &Snapshot) {
        let live = &snapshot.live;
        for state in STATES {
            self.state.get_or_create(&OfState { state: state.name() }).set(i64::from(state == live.state));
        }
        self.workers.clear();
        for worker in live.fleet.iter().flatten() {
            self.workers.get_or_create(&OfWorker { role: worker.role.name(), host: worker.host.clone() }).inc();
        }
        set(&self.stale_answers, live.process.as_ref().map_or(0, |process| process.stale_answers));
        self.in_flight.set(count(live.in_flight));
        self.limit_used.set(i64::from(live.limit.used));
        let queued = live.runs.iter().filter(|run| run.queued.is_some()).count();
        for (status, n) in [(ExecutionStatus::Queued, queued), (ExecutionStatus::Running, live.runs.len() - queued)] {
            self.running.get_or_create(&OfStatus { status: status.name() }).set(count(n));
        }
        for status in ExecutionStatus::ALL.into_iter().filter(|status| !status.is_open()) {
            let ended = live.pulse.ended.get(&status).copied().unwrap_or(0);
            set(&self.ended.get_or_create(&OfStatus { status: status.name() }), ended);
        }
        let before = live.process.as_ref().map_or(0, |process| process.bars_written);
        set(&self.written, before + live.runs.iter().map(|run| run.written).sum::<u64>());
    }
}
