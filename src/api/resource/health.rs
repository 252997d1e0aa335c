//! Whether the service lives and whether it can work. Both need no key and tell nothing else.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::params::Params;
use crate::problem::Problem;
use barkeep_market::Ts;
use barkeep_service::handle::EngineState;

/// Longest wait for the database's word.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize, ToSchema)]
pub(crate) struct Root {
    name: &'static str,
    version: &'static str,
    /// Where to go from here.
    links: Links,
}

#[derive(Serialize, ToSchema)]
struct Links {
    docs: &'static str,
    openapi: &'static str,
    health: &'static str,
    metrics: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `healthy`, or `draining` while the service stops.
    status: &'static str,
    version: &'static str,
    /// Whether the engine takes up work by itself: neither paused nor failed.
    scheduler_running: bool,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    /// `ready`.
    status: &'static str,
    database: &'static str,
    #[schema(value_type = String, example = "idle")]
    engine: EngineState,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
}

/// What this is
#[utoipa::path(get, path = "/", tag = "service", responses((status = 200, body = Root)))]
pub(crate) async fn root(params: Params) -> Result<Json<Root>, Problem> {
    params.only(&[])?;
    let links = Links { docs: "/docs", openapi: "/openapi.json", health: "/health", metrics: "/metrics" };
    Ok(Json(Root { name: "barkeep", version: env!("CARGO_PKG_VERSION"), links }))
}

/// Whether the process lives
#[utoipa::path(get, path = "/health", tag = "service",
    description = "200 as long as the process answers, 503 from the moment it is told to stop.",
    responses((status = 200, body = Health), (status = 503, body = Health)))]
pub(crate) async fn health(State(api): State<App>, params: Params) -> Result<Response, Problem> {
    params.only(&[])?;
    let state = api.desk.handle.live().state;
    let draining = state == EngineState::Draining || api.stop.is_cancelled();
    let health = Health {
        status: if draining { "draining" } else { "healthy" },
        version: env!("CARGO_PKG_VERSION"),
        scheduler_running: matches!(state, EngineState::Idle | EngineState::Running),
        timestamp: api.desk.engine.clock.now(),
    };
    let status = if draining { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    Ok((status, Json(health)).into_response())
}

/// Whether it can do its work
#[utoipa::path(get, path = "/ready", tag = "service",
    description = "200 when the database answers and the engine has not failed, else 503.",
    responses((status = 200, body = Ready)))]
pub(crate) async fn ready(State(api): State<App>, params: Params) -> Result<Json<Ready>, Problem> {
    params.only(&[])?;
    let engine = &api.desk.engine;
    let state = api.desk.handle.live().state;
    if matches!(state, EngineState::Draining | EngineState::Failed) || api.stop.is_cancelled() {
        return Err(Problem::unavailable(format!("the engine is {}", state.name())));
    }
    match tokio::time::timeout(PATIENCE, engine.store.ping()).await {
        Ok(Ok(())) => Ok(Json(Ready {
            status: "ready",
            database: engine.store.dialect(),
            engine: state,
            timestamp: engine.clock.now(),
        })),
        _ => Err(Problem::unavailable("the database does not answer")),
    }
}
