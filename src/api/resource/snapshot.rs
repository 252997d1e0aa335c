//! The snapshot that the dashboard shows.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};

use crate::App;
use crate::params::Params;
use crate::problem::Problem;
use crate::types::Snapshot;

/// Snapshot of the engine and all series
#[utoipa::path(get, path = "/api/v1/snapshot", operation_id = "get_snapshot", tag = "console",
    description = "What the dashboard shows: what the engine does, and what the database holds of every series.",
    responses((status = 200, body = Snapshot, description = "The snapshot")))]
pub(crate) async fn snapshot(
    State(api): State<App>,
    params: Params,
) -> Result<([(HeaderName, HeaderValue); 1], Vec<u8>), Problem> {
    params.only(&[])?;
    let snapshot = api.console.snapshot();
    let body = serde_json::to_vec(&Snapshot::from(snapshot.as_ref())).map_err(|e| Problem::internal(&e.to_string()))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body))
}
