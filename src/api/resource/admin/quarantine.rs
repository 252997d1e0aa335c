//! Bars in quarantine, beside what is stored around them, and the decisions about them.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::engine::{Done, execute};
use crate::App;
use crate::guard::keys::Caller;
use crate::params::{Named, Params};
use crate::problem::{Kind, Problem};
use crate::types::{QuarantinedBar, each};
use barkeep_market::{Bar, Ts};
use barkeep_pipeline::quarantine::{self, DecisionError, QuarantineView};
use barkeep_service::handle::EngineCommand;
use barkeep_store::{StoredBar, Verdict};

/// A stored bar as it was traded, not adjusted for splits.
#[derive(Serialize, ToSchema)]
struct RawBar {
    /// The bar's start.
    #[schema(value_type = String, format = DateTime)]
    ts: Ts,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    vwap: Option<f64>,
    trades: Option<i64>,
    provisional: bool,
    quality_score: f64,
    quality_notes: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    fetched_at: Ts,
}

impl From<StoredBar> for RawBar {
    fn from(row: StoredBar) -> Self {
        let StoredBar { bar, provisional, quality_score, quality_notes, fetched_at } = row;
        let Bar { ts, open, high, low, close, volume, vwap, trades } = bar;
        Self { ts, open, high, low, close, volume, vwap, trades, provisional, quality_score, quality_notes, fetched_at }
    }
}

/// A quarantined bar and what is stored around it.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuarantineEntry {
    /// The bar as the vendor sent it.
    sent: QuarantinedBar,
    /// What is stored for its time now.
    stored: Option<RawBar>,
    /// Whether accepting would replace a stored bar of other values.
    replaces: bool,
    /// The stored bars before it, ascending.
    before: Vec<RawBar>,
    /// The stored bars after it, ascending.
    after: Vec<RawBar>,
}

impl From<QuarantineView> for QuarantineEntry {
    fn from(view: QuarantineView) -> Self {
        let QuarantineView { sent, stored, replaces, before, after } = view;
        let stored = stored.map(RawBar::from);
        Self { sent: sent.into(), stored, replaces, before: each(before), after: each(after) }
    }
}

/// Bars that cannot be true, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Quarantine {
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
    /// All that there are, beyond `limit` too.
    total: usize,
    /// Newest first.
    bars: Vec<QuarantineEntry>,
}

/// Bars in quarantine
#[utoipa::path(get, path = "/api/v1/admin/quarantine", operation_id = "list_quarantine", tag = "quarantine",
    params(
        ("all" = Option<bool>, Query, description = "Include reviewed bars"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Bars, 20 by default"),
    ),
    responses((status = 200, body = Quarantine, description = "The bars, newest first")))]
pub(crate) async fn list(State(api): State<App>, params: Params) -> Result<Json<Quarantine>, Problem> {
    let params = params.only(&["all", "limit"])?;
    let (all, limit) = (params.flag("all", false)?, params.count("limit", 1..=100, 20)?);
    let store = api.console.engine.store.as_ref();
    let rows = store.quarantine(!all).await?;
    let total = rows.len();
    let mut bars = Vec::with_capacity(limit.min(total));
    for row in rows.into_iter().take(limit) {
        bars.push(quarantine::view_of(store, row).await?.into());
    }
    Ok(Json(Quarantine { timestamp: api.console.engine.clock.now(), total, bars }))
}

/// A bar in quarantine with what is stored around it
#[utoipa::path(get, path = "/api/v1/admin/quarantine/{id}", operation_id = "get_quarantined_bar", tag = "quarantine",
    params(("id" = i64, Path)),
    responses((status = 200, body = QuarantineEntry, description = "The bar, reviewed or not")))]
pub(crate) async fn one(
    State(api): State<App>,
    Named(id): Named<i64>,
    params: Params,
) -> Result<Json<QuarantineEntry>, Problem> {
    params.only(&[])?;
    Ok(Json(view(&api, id).await?.into()))
}

async fn view(api: &App, id: i64) -> Result<QuarantineView, Problem> {
    quarantine::view(api.console.engine.store.as_ref(), id).await.map_err(|e| match e {
        DecisionError::Store(e) => e.into(),
        e => Problem::not_found(e.to_string()).at("id").hint("GET /api/v1/admin/quarantine?all=true lists them"),
    })
}

/// Accept a bar: it is stored with a low quality score, and coarser bars are derived again
#[utoipa::path(post, path = "/api/v1/admin/quarantine/{id}/accept", operation_id = "accept_quarantined_bar",
    tag = "quarantine",
    description = "Accepting a bar that would replace a stored bar with other values is a conflict, unless `replace=true`.",
    params(("id" = i64, Path), ("replace" = Option<bool>, Query, description = "Also replace a stored bar")),
    responses((status = 200, body = Done, description = "The bar is stored")))]
pub(crate) async fn accept(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<i64>,
    params: Params,
) -> Result<Json<Done>, Problem> {
    let replace = params.only(&["replace"])?.flag("replace", false)?;
    let found = view(&api, id).await?;
    if let Some(stored) = found.stored.as_ref().filter(|_| found.replaces && !replace) {
        let score = stored.quality_score;
        let why = format!("accepting bar {id} would replace the stored bar at that time (score {score})");
        return Err(Problem::new(Kind::Conflict, why).at("replace").hint("replace=true replaces it"));
    }
    execute(&api, &caller, EngineCommand::Decide { id, verdict: Verdict::Accepted }).await
}

/// Reject a bar: it is never stored
#[utoipa::path(post, path = "/api/v1/admin/quarantine/{id}/reject", operation_id = "reject_quarantined_bar",
    tag = "quarantine", params(("id" = i64, Path)),
    responses((status = 200, body = Done, description = "The bar is left out for good")))]
pub(crate) async fn reject(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<i64>,
    params: Params,
) -> Result<Json<Done>, Problem> {
    params.only(&[])?;
    view(&api, id).await?;
    execute(&api, &caller, EngineCommand::Decide { id, verdict: Verdict::Rejected }).await
}

/// Take a decision back: the bar waits again, and what an accepted one replaced is stored again
#[utoipa::path(post, path = "/api/v1/admin/quarantine/{id}/undo", operation_id = "undo_quarantine_decision",
    tag = "quarantine", params(("id" = i64, Path)),
    responses((status = 200, body = Done, description = "The bar is pending review again")))]
pub(crate) async fn undo(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<i64>,
    params: Params,
) -> Result<Json<Done>, Problem> {
    params.only(&[])?;
    view(&api, id).await?;
    execute(&api, &caller, EngineCommand::Decide { id, verdict: Verdict::Pending }).await
}
