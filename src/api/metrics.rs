//! The metrics, in the text format of Prometheus (`OpenMetrics`).
//!
//! Requests are counted here as they are answered; all other figures are set at each scrape.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::engine_metrics::{EngineMetrics, Figures};
use crate::pages::CacheReport;
use crate::process_metrics::ProcessMetrics;

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
struct Build {
    version: &'static str,
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
    engine: EngineMetrics,
    build: Family<Build, Gauge>,
    process: ProcessMetrics,
}

fn latency() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0])
}

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
            engine: EngineMetrics::default(),
            build: Family::default(),
            process: ProcessMetrics::default(),
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
        self.engine.register(&mut r);
        r.register("barkeep_build_info", "Always 1; the label names the version", self.build.clone());
        self.build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION") }).set(1);
        self.process.register(&mut r);
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
    pub(super) fn text(&self, figures: &Figures<'_>, connections: usize, caches: &[CacheReport]) -> String {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        // One scrape at a time: some figures are cleared before they are set.
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        self.engine.set(figures);
        self.process.read();
        self.connections.set(count(connections));
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
        let _ = encode(&mut text, &registry);
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
