//! `/_sim`: how a test watches and steers a server it started as another process. No key is needed.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::ConfigChange;
use crate::data::hours::is_crypto;
use crate::fault::{FaultCount, FaultRule};
use crate::http::log::LoggedRequest;
use crate::lock;
use crate::script::event::Script;
use crate::script::truth::{WantedBars, had, truth};
use crate::script::when::When;
use crate::shared::Shared;
use barkeep_market::Ts;

/// `requests` (GET, DELETE), `faults` and `script` (GET, POST, DELETE), `config` (POST), `stats` and `truth` (GET).
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sim/requests", get(requests).delete(forget_requests))
        .route("/_sim/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/_sim/config", post(configure))
        .route("/_sim/stats", get(stats))
        .route("/_sim/script", get(script).post(set_script).delete(clear_script))
        .route("/_sim/truth", get(truly))
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

async fn script(State(shared): State<Arc<Shared>>) -> Json<Script> {
    Json(shared.book().script.clone())
}

/// Takes a script as YAML or JSON in place of the one in force.
async fn set_script(State(shared): State<Arc<Shared>>, body: String) -> Response {
    let set = Script::parse(&body, "script").map_err(|e| e.0).and_then(|script| shared.set_script(script));
    set.map_or_else(|why| refused(&why), |()| StatusCode::NO_CONTENT.into_response())
}

async fn clear_script(State(shared): State<Arc<Shared>>) -> StatusCode {
    // An empty script is always right.
    let _ = shared.set_script(Script::default());
    StatusCode::NO_CONTENT
}

/// Asked for bars: what really traded, or with `at` what the vendor had then.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TruthQuery {
    ticker: String,
    timeframe: String,
    from: When,
    to: When,
    at: Option<When>,
}

async fn truly(State(shared): State<Arc<Shared>>, query: Result<Query<TruthQuery>, QueryRejection>) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(e) => return refused(&format!("{}; ask for ticker, timeframe, from and to", e.body_text())),
    };
    let crypto = is_crypto(&query.ticker);
    let timeframe = match query.timeframe.parse() {
        Ok(timeframe) => timeframe,
        Err(e) => return refused(&format!("{e}")),
    };
    let wanted = WantedBars::new(&query.ticker, timeframe, Ts(query.from.start(crypto)), Ts(query.to.end(crypto)));
    let at = query.at.map(|at| Ts(at.start(crypto)));
    let work = tokio::task::spawn_blocking(move || {
        let book = shared.book();
        let view = shared.view(&book, at.unwrap_or(Ts::MAX));
        Ok::<_, String>(match at {
            Some(at) => json!(had(view, &wanted, at).map_err(|e| e.0)?),
            None => json!(truth(view, &wanted).map_err(|e| e.0)?),
        })
    });
    match work.await.map_err(|e| e.to_string()).flatten() {
        Ok(rows) => Json(rows).into_response(),
        Err(why) => refused(&why),
    }
}

fn refused(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response()
}

fn parse<T: DeserializeOwned>(body: &str) -> Result<T, Box<Response>> {
    serde_json::from_str(body).map_err(|e| Box::new(refused(&e.to_string())))
}
