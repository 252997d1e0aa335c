//! Engine control.

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::body::Input;
use crate::guard::keys::Caller;
use crate::params::{Named, Params};
use crate::problem::Problem;
use crate::resource::admin::execution::meant;
use crate::resource::symbols::timeframes_of;
use crate::types::{CriticalityName, SymbolName, TimeframeName};
use crate::{Api, App};
use barkeep_base::ids::IdText;
use barkeep_base::text::printable;
use barkeep_market::{Criticality, Symbol, Timeframe, Ts};
use barkeep_pipeline::select::Selection;
use barkeep_service::handle::{CommandReply, EngineCommand, EngineState, ExecutionSelector, TriggerScope};
use barkeep_store::Trigger;

/// The result of a command.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    /// `started`, `nothing` or `done`.
    result: &'static str,
    /// The execution that was started.
    #[schema(value_type = Option<String>, format = "uuid")]
    execution_id: Option<Uuid>,
    /// Why there was nothing to do.
    detail: Option<String>,
    /// The state of the engine; `pausing` until requests in flight are committed.
    #[schema(value_type = String, example = "paused")]
    engine: EngineState,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
}

/// Gives the engine a command and translates the result.
pub(super) async fn execute(api: &Api, caller: &Caller, action: EngineCommand) -> Result<Json<Done>, Problem> {
    let now = api.console.engine.clock.now();
    let answer = api.console.handle.order(action, &caller.actor).await?;
    let (result, execution_id, detail) = match answer {
        CommandReply::Started(id) => {
            api.recent_jobs.add(id, now, &[]);
            ("started", Some(id), None)
        }
        CommandReply::Nothing(why) => ("nothing", None, Some(why)),
        CommandReply::Done | CommandReply::Planned(_) => ("done", None, None),
    };
    Ok(Json(Done { result, execution_id, detail, engine: api.console.handle.live().state, timestamp: now }))
}

/// Pause the engine: requests in flight are committed, no new ones start, also after a restart
#[utoipa::path(post, path = "/api/v1/admin/engine/pause", operation_id = "pause_engine", tag = "engine",
    params(("reason" = Option<String>, Query, description = "Shown with the pause")),
    responses((status = 200, body = Done, description = "The engine is pausing or paused")))]
pub(crate) async fn pause(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Json<Done>, Problem> {
    let reason = params.only(&["reason"])?.text("reason").map(printable);
    execute(&api, &caller, EngineCommand::Pause(reason)).await
}

/// Read settings and policy again, from the files, environment and flags of the start
#[utoipa::path(post, path = "/api/v1/admin/engine/reload", operation_id = "reload_settings", tag = "engine",
    description = "All of them take effect, or none: a file that cannot be used is 422 with its place, a changed setting \
        that is only read at start is 409 and named in `needs_restart`.",
    responses((status = 200, body = Done, description = "The settings are in force")))]
pub(crate) async fn reload(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Json<Done>, Problem> {
    params.only(&[])?;
    execute(&api, &caller, EngineCommand::Reload).await
}

/// Resume the engine
#[utoipa::path(post, path = "/api/v1/admin/engine/resume", operation_id = "resume_engine", tag = "engine", responses((status = 200, body = Done, description = "The engine runs again")))]
pub(crate) async fn resume(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Json<Done>, Problem> {
    params.only(&[])?;
    execute(&api, &caller, EngineCommand::Resume).await
}

/// What to bring up to date: exactly one of `symbols`, `tier` and `stale`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TriggerRequest {
    /// These symbols, at most 1000.
    #[schema(value_type = Option<Vec<SymbolName>>, min_items = 1, max_items = 1000)]
    symbols: Option<Vec<Symbol>>,
    /// Only with `symbols`.
    #[schema(value_type = Option<Vec<TimeframeName>>, min_items = 1, max_items = 8)]
    timeframes: Option<Vec<Timeframe>>,
    /// Every active symbol of a criticality.
    #[schema(value_type = Option<CriticalityName>)]
    tier: Option<Criticality>,
    /// Everything that is not fresh.
    #[serde(default)]
    stale: bool,
}

fn scope(request: TriggerRequest) -> Result<TriggerScope, Problem> {
    const MAX_SYMBOLS: usize = 1_000;
    let wrong = |why: &str| Err(Problem::invalid("body", why).hint("give exactly one of symbols, tier and stale"));
    match request {
        TriggerRequest { symbols: Some(symbols), timeframes, tier: None, stale: false } => {
            if !(1..=MAX_SYMBOLS).contains(&symbols.len()) {
                return Err(Problem::invalid(
                    "symbols",
                    &format!("has {} entries, not 1 to {MAX_SYMBOLS}", symbols.len()),
                ));
            }
            let timeframes = timeframes_of(timeframes)?;
            Ok(TriggerScope::Selection(Selection { symbols, timeframes, ..Selection::default() }))
        }
        TriggerRequest { timeframes: Some(_), .. } => wrong("timeframes need symbols"),
        TriggerRequest { tier: Some(tier), symbols: None, stale: false, .. } => Ok(TriggerScope::Tier(tier)),
        TriggerRequest { stale: true, symbols: None, tier: None, .. } => Ok(TriggerScope::Stale),
        _ => wrong("has none or several of symbols, tier and stale"),
    }
}

/// Bring something up to date now
#[utoipa::path(post, path = "/api/v1/admin/engine/trigger", operation_id = "trigger_engine", tag = "engine",
    params(("Idempotency-Key" = Option<crate::types::IdempotencyKey>, Header)),
    request_body = TriggerRequest,
    responses((status = 200, body = Done, description = "What was started, or why nothing was")))]
pub(crate) async fn trigger(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    Input(request): Input<TriggerRequest>,
) -> Result<Json<Done>, Problem> {
    params.only(&[])?;
    execute(&api, &caller, EngineCommand::Trigger { what: scope(request)?, trigger: Trigger::Api }).await
}

/// Cancel an execution; requests in flight are committed
#[utoipa::path(post, path = "/api/v1/admin/executions/{id}/cancel", operation_id = "cancel_execution", tag = "engine",
    params(("id" = String, Path, description = "Id of the execution, its first characters, or latest")),
    responses((status = 200, body = Done, description = "The execution is being cancelled")))]
pub(crate) async fn cancel(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    Named(text): Named<IdText>,
    params: Params,
) -> Result<Json<Done>, Problem> {
    params.only(&[])?;
    let id = meant(&api, &text).await?;
    check_exists(&api, id).await?;
    execute(&api, &caller, EngineCommand::Cancel(ExecutionSelector(Some(id)))).await
}

/// Retry the failed series of an execution
#[utoipa::path(post, path = "/api/v1/admin/executions/{id}/retry", operation_id = "retry_execution", tag = "engine",
    params(
        ("id" = String, Path, description = "Id of the execution, its first characters, or latest"),
        ("Idempotency-Key" = Option<crate::types::IdempotencyKey>, Header)),
    responses((status = 200, body = Done, description = "What was started, or why nothing was")))]
pub(crate) async fn retry(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    Named(text): Named<IdText>,
    params: Params,
) -> Result<Json<Done>, Problem> {
    params.only(&[])?;
    let id = meant(&api, &text).await?;
    check_exists(&api, id).await?;
    execute(&api, &caller, EngineCommand::RetryFailed(ExecutionSelector(Some(id)))).await
}

async fn check_exists(api: &Api, id: Uuid) -> Result<(), Problem> {
    let runs = api.console.handle.live().runs.iter().any(|run| run.execution_id == id);
    if runs || api.console.engine.store.execution(id).await?.is_some() {
        return Ok(());
    }
    Err(Problem::not_found(format!("no execution has the id {id}")).at("id"))
}
