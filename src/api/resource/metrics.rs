//! Metrics for Prometheus.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::App;
use crate::engine_metrics::Figures;
use crate::params::Params;
use crate::problem::Problem;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// Longest wait for the database; a scrape is answered without it.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(1);
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Metrics in the text format of Prometheus
#[utoipa::path(get, path = "/metrics", operation_id = "get_metrics", tag = "service",
    description = "Version 0.0.4 of the text format; OpenMetrics 1.0 where the `Accept` header prefers it.",
    responses((status = 200, description = "All metrics",
        content((String = "text/plain"), (String = "application/openmetrics-text")))))]
pub(crate) async fn metrics(
    State(api): State<App>,
    headers: HeaderMap,
    params: Params,
) -> Result<([(HeaderName, HeaderValue); 2], String), Problem> {
    params.only(&[])?;
    let pages = api.pages.get(&api.console.engine);
    let engine = &api.console.engine;
    let last = tokio::time::timeout(DATABASE_TIMEOUT, engine.store.last_success()).await;
    let figures = Figures {
        snapshot: &api.console.snapshot(),
        requests: &engine.requests,
        last_success: last.ok().and_then(Result::ok).flatten().and_then(|row| row.completed_at),
        data_age: api.console.publisher.reading().began.elapsed(),
    };
    let open = api.metrics.text(&figures, api.connections.now(), &pages.reports());
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let vary = (header::VARY, HeaderValue::from_static("accept"));
    Ok(if prefers_open_metrics(&accepted.collect::<Vec<_>>().join(",")) {
        ([(header::CONTENT_TYPE, OPEN_METRICS), vary], open)
    } else {
        ([(header::CONTENT_TYPE, PLAIN), vary], plain(&open))
    })
}

/// Whether an `Accept` header gives `OpenMetrics` a higher weight than plain text, which is the answer in all other cases.
fn prefers_open_metrics(accept: &str) -> bool {
    let weight = |wanted: &[&str]| {
        let weights = accept.split(',').filter_map(|part| {
            let mut parts = part.split(';').map(str::trim);
            let kind = parts.next()?.to_ascii_lowercase();
            let weight = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
            let weight = weight.map_or(Some(1.0), |q| q.trim().parse::<f64>().ok())?;
            wanted.contains(&kind.as_str()).then_some(weight)
        });
        weights.fold(0.0, f64::max)
    };
    weight(&["application/openmetrics-text"]) > weight(&["text/plain", "text/*"])
}

/// The text format from `OpenMetrics`: a counter is named as its sample is, and no end is marked.
fn plain(open: &str) -> String {
    let counters: Vec<&str> =
        open.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut text = String::with_capacity(open.len());
    for line in open.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        let described = line.strip_prefix("# TYPE ").or_else(|| line.strip_prefix("# HELP "));
        let name = described.and_then(|rest| rest.split(' ').next()).filter(|name| counters.contains(name));
        match name.and_then(|name| Some((line.get(..7)?, name, line.get(7 + name.len()..)?))) {
            Some((keyword, name, rest)) => {
                text.push_str(keyword);
                text.push_str(name);
                text.push_str("_total");
                text.push_str(rest);
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_sent_to_those_who_prefer_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                          application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,\
                          text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for (accept, open) in [
            (prometheus, true),
            ("application/openmetrics-text; version=1.0.0", true),
            ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", true),
            ("", false),
            ("*/*", false),
            ("text/html,application/xhtml+xml,*/*;q=0.8", false),
            ("text/plain;version=0.0.4", false),
            ("text/plain, application/openmetrics-text;q=0.9", false),
            ("text/plain, application/openmetrics-text", false),
            ("application/openmetrics-text;q=0", false),
            ("application/openmetrics-text;q=nonsense", false),
        ] {
            assert_eq!(prefers_open_metrics(accept), open, "{accept}");
        }
    }

    #[test]
    fn counters_are_named_as_their_samples() {
        let open = "# HELP a_requests Requests.\n# TYPE a_requests counter\na_requests_total{x=\"1\"} 5\n\
                    # HELP a_requests_open Open.\n# TYPE a_requests_open gauge\na_requests_open 1\n# EOF\n";
        let text = "# HELP a_requests_total Requests.\n# TYPE a_requests_total counter\na_requests_total{x=\"1\"} 5\n\
                    # HELP a_requests_open Open.\n# TYPE a_requests_open gauge\na_requests_open 1\n";
        assert_eq!(plain(open), text);
    }
}
