//! The console over HTTP: what a dashboard elsewhere asks and orders, in the engine's own types.

use axum::extract::State;
use axum::{Extension, Json};

use crate::App;
use crate::body::Input;
use crate::guard::keys::Caller;
use crate::params::Params;
use crate::problem::{Kind, Problem};
use barkeep_base::text::printable;
use barkeep_runtime::console::{Access, Console as _, ConsoleRequest, ConsoleResponse, ReadError};
use barkeep_service::handle::{CommandReply, EngineCommand};
use barkeep_store::Role;

/// Order something
#[utoipa::path(post, path = "/api/v1/console/order", tag = "console",
    description = "The console protocol of `barkeep attach`; it changes with the program. The body is an action \
        (`{\"action\": NAME, \"of\": …}`: trigger, preview, pause, resume, pause_symbols, resume_symbols, cancel, \
        retry_failed, decide), the answer `{\"answer\": started | nothing | planned | done, \"of\": …}`. A key with the role \
        `read` may only `preview`.",
    request_body = crate::protocol::ActionBody,
    responses((status = 200, body = Object, description = "What became of it")))]
pub(crate) async fn order(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    Input(action): Input<EngineCommand>,
) -> Result<Json<CommandReply>, Problem> {
    params.only(&[])?;
    if caller.role < Role::Operate && !matches!(action, EngineCommand::Preview(_)) {
        return Err(Problem::new(Kind::Forbidden, "this key may only look").hint("use a key with the role operate"));
    }
    let access = if caller.role == Role::Operate { Access::Operate } else { Access::Read };
    let now = api.desk.engine.clock.now();
    let answer = api.desk.as_somebody(&caller.actor, access).order(action).await?;
    if let CommandReply::Started(id) = &answer {
        api.started.note(*id, now, &[]);
    }
    Ok(Json(answer))
}

/// Ask something
#[utoipa::path(post, path = "/api/v1/console/ask", tag = "console",
    description = "The console protocol of `barkeep attach`; it changes with the program. The body is a question \
        (`{\"ask\": NAME, …}`: detail, coverage, session, history, execution, requests, quarantine, failures, alerts, actions, \
        log), the answer `{\"reply\": NAME, \"of\": …}`.",
    request_body = crate::protocol::QuestionBody,
    responses((status = 200, body = Object, description = "The answer, of the same name")))]
pub(crate) async fn ask(
    State(api): State<App>,
    params: Params,
    Input(question): Input<ConsoleRequest>,
) -> Result<Json<ConsoleResponse>, Problem> {
    params.only(&[])?;
    api.desk.ask(question).await.map(Json).map_err(|e| match e {
        ReadError::NotFound(what) => Problem::not_found(printable(&what)),
        ReadError::Refused(why) => Problem::new(Kind::Invalid, printable(&why)),
        ReadError::Unavailable(_) => Problem::unavailable("the database does not answer"),
    })
}
