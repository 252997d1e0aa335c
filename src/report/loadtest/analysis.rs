//! Where the time of a scenario goes and what would help: rules over measured figures.
//!
//! Three times are compared: what a client waits for a page, what it waits for `/health` with the same concurrency (an
//! answer without any work), and what the service itself reports for a page.

use serde::Serialize;

use super::figures::Figures;
use super::server::ServerSide;

/// Above this share of the time it is the bottleneck.
const BOTTLENECK_SHARE: f64 = 0.6;
/// The limits of the original's report.
const HIGH_AVERAGE_MS: f64 = 500.0;
const HIGH_TAIL_MS: f64 = 2_000.0;
const HIGH_VARIANCE: f64 = 3.0;
const LOW_SUCCESS: f64 = 99.0;
/// Below this, most pages were not cached.
const LOW_HITS: f64 = 0.5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadBottleneck {
    /// Most of the time passes inside the service: reading and writing pages.
    Service,
    /// An answer without any work takes nearly as long: connections, processors, or this client.
    Connections,
    /// Neither: most of the time passes while answers are transferred.
    Transfer,
    /// The service reported no figures.
    Unknown,
}

/// Something out of the ordinary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadFinding {
    pub what: &'static str,
    pub measured: f64,
    pub limit: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Analysis {
    pub bottleneck: LoadBottleneck,
    /// Of the average time a client waited, 0 to 1; absent when nothing was measured.
    pub service_share: Option<f64>,
    pub health_share: Option<f64>,
    pub findings: Vec<LoadFinding>,
    pub recommendations: Vec<String>,
}

/// Applies the rules. `health_ms` is the average time of `/health` with the same concurrency.
#[must_use]
pub(super) fn analyse(figures: &Figures, server: Option<ServerSide>, health_ms: Option<f64>) -> Analysis {
    let findings = findings(figures);
    let average = figures.avg_response_time_ms.filter(|ms| *ms > 0.0);
    let share = |part: Option<f64>| Some((part? / average?).clamp(0.0, 1.0));
    let (service, health) = (share(server.map(|s| s.avg_ms)), share(health_ms));
    let bottleneck = match (service, health) {
        (Some(service), _) if service > BOTTLENECK_SHARE => LoadBottleneck::Service,
        (_, Some(health)) if health > BOTTLENECK_SHARE => LoadBottleneck::Connections,
        (Some(_), _) => LoadBottleneck::Transfer,
        (None, _) => LoadBottleneck::Unknown,
    };
    let recommendations = recommendations(figures, &findings, bottleneck, server);
    Analysis { bottleneck, service_share: service, health_share: health, findings, recommendations }
}

fn findings(figures: &Figures) -> Vec<LoadFinding> {
    let mut all = Vec::new();
    let mut above = |what, measured: Option<f64>, limit| {
        if let Some(measured) = measured.filter(|m| *m > limit) {
            all.push(LoadFinding { what, measured, limit });
        }
    };
    above("high_latency", figures.avg_response_time_ms, HIGH_AVERAGE_MS);
    above("tail_latency", figures.p99_response_time_ms, HIGH_TAIL_MS);
    let variance = figures.p95_response_time_ms.zip(figures.avg_response_time_ms).map(|(p95, avg)| p95 / avg);
    above("latency_variance", variance, HIGH_VARIANCE);
    if figures.success_rate < LOW_SUCCESS {
        all.push(LoadFinding { what: "reliability", measured: figures.success_rate, limit: LOW_SUCCESS });
    }
    all
}

fn recommendations(
    figures: &Figures,
    findings: &[LoadFinding],
    bottleneck: LoadBottleneck,
    server: Option<ServerSide>,
) -> Vec<String> {
    let mut help: Vec<String> = figures.errors.iter().filter_map(|e| remedy(&e.kind, e.count)).collect();
    let slow = findings.iter().any(|f| f.what != "reliability");
    if !slow {
        return help;
    }
    let hits = server.and_then(|s| s.cache_hit_share);
    match bottleneck {
        LoadBottleneck::Service if hits.is_some_and(|share| share < LOW_HITS) => help.push(format!(
            "only {:.0} % of the lookups hit the cache: raise cache_policy (top_symbols, max_queries, ttl), or request \
             fewer different pages",
            hits.unwrap_or(0.0) * 100.0
        )),
        LoadBottleneck::Service => help.push(
            "most of the time passes inside the service: a faster disk, fewer rows per page, or less backfill at the same time"
                .to_owned(),
        ),
        LoadBottleneck::Connections => help.push(
            "an answer without any work takes nearly as long: fewer connections, more processors, or a client on another \
             machine"
                .to_owned(),
        ),
        LoadBottleneck::Transfer => {
            help.push("most of the time passes in transfer: fewer rows per page, or a client closer to the service".to_owned());
        }
        LoadBottleneck::Unknown => help.push("/metrics of the service could not be read; set BARKEEP_API_KEY".to_owned()),
    }
    help
}

fn remedy(kind: &str, count: usize) -> Option<String> {
    let to_do = match kind {
        "status 401" | "status 403" => "set BARKEEP_API_KEY to a key of the service",
        "status 404" => "the service does not have this series; choose others with --symbols",
        "status 429" => "the service refuses requests for a minute after too many wrong keys",
        "status 503" => "raise api.max_connections above --concurrency, and check the database",
        "timeout" => "raise --timeout, or lower --concurrency",
        "no connection" => "check that the service is still running",
        _ => return None,
    };
    Some(format!("{count} x {kind}: {to_do}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::loadtest::http::{PageResponse, RequestError};

    fn figures(ms: u64, failures: &[&str]) -> Figures {
        let good = (0..100).map(|_| Ok(PageResponse { took: Duration::from_millis(ms), rows: 1, bytes: 1 }));
        let bad = failures.iter().map(|kind| Err(RequestError { kind: (*kind).to_owned(), example: String::new() }));
        Figures::of(&good.chain(bad).collect::<Vec<_>>(), Duration::from_secs(1))
    }

    fn server(avg_ms: f64, hits: f64) -> ServerSide {
        ServerSide { requests: 100, avg_ms, cache_hit_share: Some(hits) }
    }

    #[test]
    fn the_largest_share_is_the_bottleneck() {
        let f = figures(600, &[]);
        let slow = analyse(&f, Some(server(540.0, 0.1)), Some(20.0));
        assert_eq!(slow.bottleneck, LoadBottleneck::Service);
        assert!(slow.recommendations[0].contains("cache_policy"), "{slow:?}");
        assert!(analyse(&f, Some(server(540.0, 0.9)), None).recommendations[0].contains("disk"));
        assert_eq!(analyse(&f, Some(server(50.0, 0.9)), Some(500.0)).bottleneck, LoadBottleneck::Connections);
        assert_eq!(analyse(&f, Some(server(50.0, 0.9)), Some(50.0)).bottleneck, LoadBottleneck::Transfer);
        assert_eq!(analyse(&f, None, None).bottleneck, LoadBottleneck::Unknown);
        assert_eq!(slow.findings.iter().map(|f| f.what).collect::<Vec<_>>(), ["high_latency"]);
    }

    #[test]
    fn nothing_is_recommended_for_what_is_fast() {
        let fast = analyse(&figures(5, &[]), Some(server(4.0, 0.0)), Some(1.0));
        assert!(fast.findings.is_empty() && fast.recommendations.is_empty(), "{fast:?}");
    }

    #[test]
    fn errors_have_their_own_remedies() {
        let all = analyse(&figures(5, &["status 404", "status 404", "status 401"]), None, None);
        assert_eq!(all.findings.iter().map(|f| f.what).collect::<Vec<_>>(), ["reliability"]);
        assert!(
            all.recommendations[0].starts_with("2 x status 404") && all.recommendations[1].contains("BARKEEP_API_KEY")
        );
    }
}
