//! Metrics for Prometheus.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};

use crate::App;
use crate::params::Params;
use crate::problem::Problem;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Metrics in the text format of Prometheus
#[utoipa::path(get, path = "/metrics", operation_id = "get_metrics", tag = "service",
    responses((status = 200, body = String, content_type = "application/openmetrics-text", description = "All metrics")))]
pub(crate) async fn metrics(
    State(api): State<App>,
    params: Params,
) -> Result<([(HeaderName, HeaderValue); 1], String), Problem> {
    params.only(&[])?;
    let pages = api.pages.get(&api.console.engine);
    let text = api.metrics.text(&api.console.snapshot(), api.connections.now(), &pages.reports());
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text))
}
