//! What the service reports at `/metrics`, before and after a scenario.

use serde::Serialize;

use super::http::ServiceClient;

/// The route of the scenarios in the service's metrics.
const ROUTE: &str = "/api/v1/features/quant/{symbol}";

/// Counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counters {
    requests: f64,
    seconds: f64,
    hits: f64,
    misses: f64,
}

/// What the service itself measured during a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ServerSide {
    /// Requests of these pages, including those of other clients.
    pub requests: u64,
    /// From the head of a request to its answer.
    pub avg_ms: f64,
    /// Share of cache lookups that were hits, 0 to 1; absent without lookups.
    pub cache_hit_share: Option<f64>,
}

impl Counters {
    /// `None` when `/metrics` cannot be read.
    pub(super) async fn read(target: &ServiceClient) -> Option<Self> {
        target.text("/metrics").await.ok().map(|text| Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut all = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let has = |label: &str, value: &str| labels.contains(&format!("{label}=\"{value}\""));
            match name {
                "barkeep_http_request_seconds_sum" if has("route", ROUTE) => all.seconds += value,
                "barkeep_http_request_seconds_count" if has("route", ROUTE) => all.requests += value,
                "barkeep_cache_lookups_total" if has("result", "hit") => all.hits += value,
                "barkeep_cache_lookups_total" if has("result", "miss") => all.misses += value,
                _ => {}
            }
        }
        all
    }
}

impl ServerSide {
    /// The difference of two readings; `None` without requests in between.
    pub(super) fn between(before: Option<Counters>, after: Option<Counters>) -> Option<Self> {
        let (before, after) = (before?, after?);
        let requests = after.requests - before.requests;
        if requests < 1.0 {
            return None;
        }
        let (hits, misses) = (after.hits - before.hits, after.misses - before.misses);
        Some(Self {
            requests: requests as u64,
            avg_ms: (after.seconds - before.seconds) * 1e3 / requests,
            cache_hit_share: (hits + misses > 0.0).then(|| hits / (hits + misses)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_counters() {
        let text = |count: u32, sum: f64, hits: u32| {
            format!(
                "# HELP barkeep_http_request_seconds Time\n\
                 barkeep_http_request_seconds_sum{{route=\"{ROUTE}\"}} {sum}\n\
                 barkeep_http_request_seconds_count{{route=\"{ROUTE}\"}} {count}\n\
                 barkeep_http_request_seconds_sum{{route=\"/health\"}} 99\n\
                 barkeep_cache_lookups_total{{cache=\"queries\",result=\"hit\"}} {hits}\n\
                 barkeep_cache_lookups_total{{cache=\"queries\",result=\"miss\"}} 10\n# EOF\n"
            )
        };
        let before = Counters::parse(&text(10, 1.0, 5));
        let after = Counters::parse(&text(30, 2.0, 25));
        let side = ServerSide::between(Some(before), Some(after)).unwrap();
        assert_eq!((side.requests, side.avg_ms, side.cache_hit_share), (20, 50.0, Some(1.0)));
        assert_eq!(ServerSide::between(Some(after), Some(after)), None);
        assert_eq!(ServerSide::between(None, Some(after)), None);
    }
}
