//! The metrics, in the text format of Prometheus (`OpenMetrics`).
//!
//! Requests are counted here as they are answered; figures of the engine and the database come from the newest snapshot
//! at each scrape.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::pages::CacheReport;
use crate::process_metrics::ProcessMetrics;
use barkeep_market::freshness::Tier;
use barkeep_monitor::holes::HoleCounts;
use barkeep_monitor::snapshot::Snapshot;
use barkeep_store::ExecutionStatus;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: String,
    method: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Lookup {
    cache: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfCache {
    cache: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfTier {
    tier: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfState {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfKind {
    kind: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Build {
    version: &'static str,
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

/// All metrics.
pub(super) struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Answered, Total>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    lookups: Family<Lookup, Total>,
    evictions: Family<OfCache, Total>,
    entries: Family<OfCache, Gauge>,
    bytes: Family<OfCache, Gauge>,
    connections: Gauge,
    streams: Gauge,
    series: Family<OfTier, Gauge>,
    ranges: Family<OfState, Gauge>,
    breached: Family<OfCriticality, Gauge>,
    state: Family<OfState, Gauge>,
    workers: Family<OfWorker, Gauge>,
    stale_answers: Total,
    symbols: Gauge,
    in_flight: Gauge,
    limit_used: Gauge,
    limit: Gauge,
    worst_staleness: Family<OfCriticality, Gauge>,
    last_success: Gauge,
    alerts_by_kind: Family<OfKind, Gauge>,
    build: Family<Build, Gauge>,
    process: ProcessMetrics,
    quarantine: Gauge,
    alerts: Gauge,
    vendor: [Total; 5],
}

fn latency() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0])
}

/// Names and help texts of the vendor's totals, in the order they are set.
const VENDOR: [(&str, &str); 5] = [
    ("barkeep_vendor_requests", "Requests made to the vendor since the database was created, retries included"),
    ("barkeep_vendor_rate_limited", "Vendor responses with status 429"),
    ("barkeep_vendor_failures", "Failed requests to the vendor"),
    ("barkeep_vendor_retries", "Retried requests to the vendor"),
    ("barkeep_vendor_bytes", "Bytes received from the vendor"),
];

impl Metrics {
    pub(super) fn new() -> Self {
        let metrics = Self {
            registry: Mutex::default(),
            requests: Family::default(),
            seconds: Family::new_with_constructor(latency),
            lookups: Family::default(),
            evictions: Family::default(),
            entries: Family::default(),
            bytes: Family::default(),
            connections: Gauge::default(),
            streams: Gauge::default(),
            series: Family::default(),
            ranges: Family::default(),
            breached: Family::default(),
            state: Family::default(),
            workers: Family::default(),
            stale_answers: Total::default(),
            symbols: Gauge::default(),
            in_flight: Gauge::default(),
            limit_used: Gauge::default(),
            limit: Gauge::default(),
            worst_staleness: Family::default(),
            last_success: Gauge::default(),
            alerts_by_kind: Family::default(),
            build: Family::default(),
            process: ProcessMetrics::default(),
            quarantine: Gauge::default(),
            alerts: Gauge::default(),
            vendor: std::array::from_fn(|_| Total::default()),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut r = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        r.register("barkeep_http_requests", "HTTP requests answered by the API", self.requests.clone());
        r.register(
            "barkeep_http_request_seconds",
            "Time from receiving an HTTP request to its response, in seconds",
            self.seconds.clone(),
        );
        r.register("barkeep_cache_lookups", "Lookups in the API's caches", self.lookups.clone());
        r.register("barkeep_cache_evictions", "Entries dropped to make room for others", self.evictions.clone());
        r.register("barkeep_cache_entries", "Entries in the API's caches", self.entries.clone());
        r.register("barkeep_cache_bytes", "Bytes held by the API's caches", self.bytes.clone());
        r.register("barkeep_http_connections", "Open connections to the API", self.connections.clone());
        r.register("barkeep_http_event_streams", "Open event streams", self.streams.clone());
        r.register("barkeep_series", "Series by staleness tier", self.series.clone());
        r.register(
            "barkeep_ranges",
            "Ranges of series in doubt by state: vendor behind, holes, halts, bars not believed",
            self.ranges.clone(),
        );
        r.register(
            "barkeep_rpo_breaches",
            "Series past their recovery point objective by criticality",
            self.breached.clone(),
        );
        r.register("barkeep_engine_state", "1 for the current state of the engine", self.state.clone());
        r.register(
            "barkeep_workers",
            "Processes that work on a PostgreSQL database by role (leader, standby, command) and host; none on SQLite",
            self.workers.clone(),
        );
        r.register(
            "barkeep_stale_answers",
            "Answers that this process left out because the vendor was asked again after them",
            self.stale_answers.clone(),
        );
        r.register("barkeep_symbols", "Registered symbols", self.symbols.clone());
        r.register(
            "barkeep_requests_in_flight",
            "Vendor requests waiting for the rate limit, sent, or being stored",
            self.in_flight.clone(),
        );
        r.register("barkeep_limit_used", "Requests that count against the vendor's limit now", self.limit_used.clone());
        r.register("barkeep_quarantine_pending", "Quarantined bars pending review", self.quarantine.clone());
        r.register("barkeep_alerts_open", "Open alerts", self.alerts.clone());
        r.register("barkeep_alerts", "Open alerts by kind", self.alerts_by_kind.clone());
        r.register(
            "barkeep_limit",
            "Requests per minute that the vendor's limit allows; 0 without one",
            self.limit.clone(),
        );
        r.register(
            "barkeep_worst_staleness_seconds",
            "How far the series that is furthest behind is behind, by criticality, in seconds of market time",
            self.worst_staleness.clone(),
        );
        r.register(
            "barkeep_last_success_timestamp_seconds",
            "When the last run that completed ended, of those that are shown; 0 before the first",
            self.last_success.clone(),
        );
        r.register("barkeep_build_info", "Always 1; the label names the version", self.build.clone());
        self.build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION") }).set(1);
        self.process.register(&mut r);
        for ((name, help), total) in VENDOR.into_iter().zip(&self.vendor) {
            r.register(name, help, total.clone());
        }
    }

    /// Counts an answered request. `route` is a pattern, never the requested path, so that nobody can fill the memory.
    pub(super) fn answered(&self, route: &str, method: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.seconds.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&Answered { route, method: method.to_owned(), status }).inc();
    }

    /// Counts an event stream until the guard is dropped; `None` when there are `most` already.
    pub(super) fn stream(&self, most: i64) -> Option<Streaming> {
        let streaming = Streaming(self.streams.clone());
        (streaming.0.inc() < most).then_some(streaming)
    }

    /// The text of one scrape, with the newest figures.
    pub(super) fn text(&self, snapshot: &Snapshot, connections: usize, caches: &[CacheReport]) -> String {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let data = &snapshot.data;
        for tier in Tier::ALL {
            self.series.get_or_create(&OfTier { tier: tier.name() }).set(count(data.tiers.of(tier)));
        }
        for (state, n) in HoleCounts::NAMES.into_iter().zip(data.holes.all()) {
            self.ranges.get_or_create(&OfState { state }).set(count(n));
        }
        for rpo in &data.rpo {
            let criticality = rpo.criticality.name();
            self.breached.get_or_create(&OfCriticality { criticality }).set(count(rpo.breached));
        }
        self.state.clear();
        self.state.get_or_create(&OfState { state: snapshot.live.state.name() }).set(1);
        self.workers.clear();
        for worker in snapshot.live.fleet.iter().flatten() {
            self.workers.get_or_create(&OfWorker { role: worker.role.name(), host: worker.host.clone() }).inc();
        }
        let stale = snapshot.live.process.as_ref().map_or(0, |process| process.stale_answers);
        self.stale_answers.inner().store(stale, Ordering::Relaxed);
        self.symbols.set(count(data.symbols_total));
        self.in_flight.set(count(snapshot.live.in_flight));
        self.limit_used.set(i64::from(snapshot.live.limit.used));
        self.quarantine.set(count(data.quarantine_pending));
        self.alerts.set(count(data.open_alerts()));
        self.alerts_by_kind.clear();
        for open in &data.open_alerts {
            self.alerts_by_kind.get_or_create(&OfKind { kind: open.kind.clone() }).inc_by(count(open.open));
        }
        self.limit.set(data.vendor.limit_per_minute.map_or(0, i64::from));
        for rpo in &data.rpo {
            let of_class = data.series.iter().filter(|s| s.criticality == rpo.criticality && s.tracked);
            let worst = of_class.filter_map(|s| s.staleness_seconds).max().unwrap_or(0);
            let criticality = rpo.criticality.name();
            self.worst_staleness.get_or_create(&OfCriticality { criticality }).set(worst);
        }
        let completed = data.executions.iter().filter(|run| run.status == ExecutionStatus::Completed);
        let last = completed.filter_map(|run| run.completed_at).max();
        self.last_success.set(last.map_or(0, |t| t.ms() / 1_000));
        self.process.read();
        self.connections.set(count(connections));
        let t = snapshot.request_totals();
        let totals = [t.total_requests, t.rate_limited_count, t.failures, t.retries, t.bytes];
        for (total, now) in self.vendor.iter().zip(totals) {
            total.inner().store(now.max(0).unsigned_abs(), Ordering::Relaxed);
        }
        for CacheReport { name: cache, stats, size } in caches {
            for (result, counter) in [("hit", &stats.hits), ("miss", &stats.misses)] {
                let total = self.lookups.get_or_create_owned(&Lookup { cache, result });
                total.inner().store(counter.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            let evictions = self.evictions.get_or_create_owned(&OfCache { cache });
            evictions.inner().store(stats.evictions.load(Ordering::Relaxed), Ordering::Relaxed);
            self.entries.get_or_create(&OfCache { cache }).set(count(size.entries));
            self.bytes.get_or_create(&OfCache { cache }).set(count(size.bytes));
        }
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner));
        text
    }
}

/// An open event stream.
#[derive(Debug)]
pub(super) struct Streaming(Gauge);

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.dec();
    }
}
