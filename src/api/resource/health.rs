//! Liveness and readiness. Both need no key and reveal nothing else.

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

/// Longest wait for the database.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);

/// What answers here.
#[derive(Serialize, ToSchema)]
pub(crate) struct Root {
    name: &'static str,
    version: &'static str,
    links: Links,
}

/// Where to go on.
#[derive(Serialize, ToSchema)]
struct Links {
    docs: &'static str,
    openapi: &'static str,
    health: &'static str,
    metrics: &'static str,
}

/// Whether the process is up.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `healthy`, or `draining` while the service stops.
    status: &'static str,
    version: &'static str,
    /// Whether the engine starts scheduled work: it is neither paused nor failed.
    scheduler_running: bool,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
}

/// Whether the service can do its work.
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

/// Name, version and links
#[utoipa::path(get, path = "/", operation_id = "get_root", tag = "service", responses((status = 200, body = Root, description = "Name, version and links")))]
pub(crate) async fn root(params: Params) -> Result<Json<Root>, Problem> {
    params.only(&[])?;
    let links = Links { docs: "/docs", openapi: "/openapi.json", health: "/health", metrics: "/metrics" };
    Ok(Json(Root { name: "barkeep", version: env!("CARGO_PKG_VERSION"), links }))
}

/// Liveness
#[utoipa::path(get, path = "/health", operation_id = "get_health", tag = "service",
    description = "200 while the process is up, 503 once it is stopping.",
    responses((status = 200, body = Health, description = "The process is up"), (status = 503, body = Health, description = "The process is stopping")))]
pub(crate) async fn health(State(api): State<App>, params: Params) -> Result<Response, Problem> {
    params.only(&[])?;
    let state = api.console.handle.live().state;
    let draining = state == EngineState::Draining || api.stop.is_cancelled();
    let health = Health {
        status: if draining { "draining" } else { "healthy" },
        version: env!("CARGO_PKG_VERSION"),
        scheduler_running: matches!(state, EngineState::Idle | EngineState::Running),
        timestamp: api.console.engine.clock.now(),
    };
    let status = if draining { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    Ok((status, Json(health)).into_response())
}

/// Readiness
#[utoipa::path(get, path = "/ready", operation_id = "get_readiness", tag = "service",
    description = "200 when the database answers and the engine has not failed, else 503.",
    responses((status = 200, body = Ready, description = "The service is ready")))]
pub(crate) async fn ready(State(api): State<App>, params: Params) -> Result<Json<Ready>, Problem> {
    params.only(&[])?;
    let engine = &api.console.engine;
    let state = api.console.handle.live().state;
    if matches!(state, EngineState::Draining | EngineState::Failed) || api.stop.is_cancelled() {
        return Err(Problem::unavailable(format!("the engine is {}", state.name())));
    }
    if engine.store.is_silent() {
        return Err(Problem::unavailable("the database does not answer"));
    }
    match tokio::time::timeout(DATABASE_TIMEOUT, engine.store.ping()).await {
        Ok(Ok(())) => Ok(Json(Ready {
            status: "ready",
            database: engine.store.dialect(),
            engine: state,
            timestamp: engine.clock.now(),
        })),
        _ => Err(Problem::unavailable("the database does not answer")),
    }
}
