//! The state of everything, as the dashboard shows it.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};

use crate::App;
use crate::params::Params;
use crate::problem::Problem;

/// The state of everything at one instant
#[utoipa::path(get, path = "/api/v1/snapshot", tag = "console",
    description = "What `barkeep status --json` prints and the dashboard shows: `seq`, the members of the live half (what \
        the engine does) and those of the data half (what the database holds, every series).",
    responses((status = 200, body = Object, description = "A snapshot")))]
pub(crate) async fn snapshot(
    State(api): State<App>,
    params: Params,
) -> Result<([(HeaderName, HeaderValue); 1], Vec<u8>), Problem> {
    params.only(&[])?;
    let snapshot = api.desk.snapshot();
    let body = serde_json::to_vec(snapshot.as_ref()).map_err(|e| Problem::internal(&e.to_string()))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body))
}
