//! The console protocol: what `barkeep attach` asks and commands.

use axum::extract::State;
use axum::{Extension, Json};

use crate::App;
use crate::body::Input;
use crate::guard::keys::Caller;
use crate::params::Params;
use crate::problem::{Kind, Problem};
use crate::types::{Command, CommandResult, Question, Reply};
use barkeep_base::text::printable;
use barkeep_runtime::console::{Access, Console as _, ReadError};
use barkeep_store::KeyRole;

/// Give the engine a command
#[utoipa::path(post, path = "/api/v1/console/order", operation_id = "send_command", tag = "console",
    description = "The console protocol of `barkeep attach`; it changes with the program. A key with \
        the role `read` may only `preview`.",
    request_body = Command,
    responses((status = 200, body = CommandResult, description = "The result of the command")))]
pub(crate) async fn order(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    Input(command): Input<Command>,
) -> Result<Json<CommandResult>, Problem> {
    params.only(&[])?;
    if caller.role < KeyRole::Operate && !matches!(command, Command::Preview(_)) {
        return Err(Problem::new(Kind::Forbidden, "this key is read-only").hint("use a key with the role operate"));
    }
    let access = if caller.role == KeyRole::Operate { Access::Operate } else { Access::Read };
    let now = api.console.engine.clock.now();
    let result = api.console.as_somebody(&caller.actor, access).order(command.into()).await?.into();
    if let CommandResult::Started(id) = &result {
        api.recent_jobs.add(id.clone().into(), now, &[]);
    }
    Ok(Json(result))
}

/// Ask a question
#[utoipa::path(post, path = "/api/v1/console/ask", operation_id = "ask_question", tag = "console",
    description = "The console protocol of `barkeep attach`; it changes with the program. The \
        reply has the name of the question. `tickers` costs a request to the vendor and takes a key with the role \
        `operate`.",
    request_body = Question,
    responses((status = 200, body = Reply, description = "The reply, named like the question")))]
pub(crate) async fn ask(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    Input(question): Input<Question>,
) -> Result<Json<Reply>, Problem> {
    params.only(&[])?;
    if caller.role < KeyRole::Operate && matches!(question, Question::Tickers { .. }) {
        return Err(Problem::new(Kind::Forbidden, "this key is read-only, and a search costs a request to the vendor")
            .hint("use a key with the role operate"));
    }
    api.console.ask(question.into()).await.map(|response| Json(response.into())).map_err(|e| match e {
        ReadError::NotFound(what) => Problem::not_found(printable(&what)),
        ReadError::Refused(why) => Problem::new(Kind::Invalid, printable(&why)),
        ReadError::Unavailable(_) => Problem::unavailable("the database does not answer"),
    })
}
