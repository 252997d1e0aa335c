//! `/_sim`: how a test watches and steers a server it started as another process. No key is needed.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::ConfigChange;
use crate::fault::{FaultCount, FaultRule};
use crate::http::log::LoggedRequest;
use crate::lock;
use crate::shared::Shared;

/// `requests` (GET, DELETE), `faults` (GET, POST, DELETE), `config` (POST), `stats` (GET).
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sim/requests", get(requests).delete(forget_requests))
        .route("/_sim/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/_sim/config", post(configure))
        .route("/_sim/stats", get(stats))
}

async fn requests(State(shared): State<Arc<Shared>>) -> Json<Vec<LoggedRequest>> {
    Json(shared.log.all())
}

async fn forget_requests(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.log.clear();
    lock(&shared.limiter).forget_figures();
    StatusCode::NO_CONTENT
}

async fn faults(State(shared): State<Arc<Shared>>) -> Json<Vec<FaultCount>> {
    Json(shared.faults.counts())
}

async fn clear_faults(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.faults.clear();
    StatusCode::NO_CONTENT
}

/// Takes one rule or a list.
async fn add_faults(State(shared): State<Arc<Shared>>, body: String) -> Response {
    let rules = match serde_json::from_str::<Value>(&body) {
        Ok(Value::Array(_)) => parse::<Vec<FaultRule>>(&body),
        _ => parse::<FaultRule>(&body).map(|rule| vec![rule]),
    };
    match rules {
        Ok(rules) => {
            for rule in rules {
                shared.faults.add(rule);
            }
            StatusCode::NO_CONTENT.into_response()
        }
        Err(response) => *response,
    }
}

async fn configure(State(shared): State<Arc<Shared>>, body: String) -> Response {
    match parse::<ConfigChange>(&body) {
        Ok(change) => {
            shared.configure(&change);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(response) => *response,
    }
}

async fn stats(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let (total, rate_limited) = shared.log.totals();
    let busiest = lock(&shared.limiter).busiest_minute();
    Json(json!({ "total": total, "rate_limited": rate_limited, "max_in_60s": busiest }))
}

fn parse<T: DeserializeOwned>(body: &str) -> Result<T, Box<Response>> {
    serde_json::from_str(body)
        .map_err(|e| Box::new((StatusCode::BAD_REQUEST, Json(json!({ "error": e.to_string() }))).into_response()))
}
