//! The protocol of `barkeep attach`: commands and questions in, replies out.

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::detail::Detail;
use super::execution::{Execution, ExecutionDetail, Request, SeriesRun};
use super::names::{AssetClassName, CriticalityName, SeriesPair, SymbolName, TimeframeName, WhenText};
use super::records::{Alert, FeatureFailure, OperatorAction, QuarantinedBar};
use super::{each, mirror, wrap};
use barkeep_market::{AssetClass, Criticality, Symbol, Timeframe};
use barkeep_pipeline::index::coverage::SeriesKey;
use barkeep_pipeline::select::{self, TimeBound};
use barkeep_plan::Plan;
use barkeep_runtime::console::{
    ConsoleRequest, ConsoleResponse, CoverageRow, LogLine, MOST_ROWS, SeriesName, SessionCoverage,
};
use barkeep_service::handle::{CommandReply, EngineCommand, ExecutionSelector, TriggerScope};
use barkeep_store::{Trigger, Verdict};

mirror! {
    /// Which series.
    Selection of select::Selection {
        /// Empty: every active symbol.
        #[schema(value_type = Vec<SymbolName>)]
        symbols: Vec<Symbol>,
        /// `null`: those of each symbol.
        #[schema(value_type = Option<Vec<TimeframeName>>)]
        timeframes: Option<Vec<Timeframe>>,
        #[schema(value_type = Option<WhenText>)]
        from: Option<TimeBound>,
        #[schema(value_type = Option<WhenText>)]
        to: Option<TimeBound>,
        /// For symbols that are not registered yet.
        #[schema(value_type = Option<AssetClassName>)]
        class: Option<AssetClass>,
    }
}

/// What a trigger brings up to date.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Scope {
    Selection(Selection),
    /// Every active symbol of a criticality.
    Tier(TierName),
    /// Every series that is not fresh.
    Stale,
}

impl From<TriggerScope> for Scope {
    fn from(scope: TriggerScope) -> Self {
        match scope {
            TriggerScope::Selection(selection) => Self::Selection(selection.into()),
            TriggerScope::Tier(criticality) => Self::Tier(criticality.into()),
            TriggerScope::Stale => Self::Stale,
        }
    }
}

impl From<Scope> for TriggerScope {
    fn from(wire: Scope) -> Self {
        match wire {
            Scope::Selection(selection) => Self::Selection(selection.into()),
            Scope::Tier(criticality) => Self::Tier(criticality.into()),
            Scope::Stale => Self::Stale,
        }
    }
}

wrap! {
    /// Every active symbol of this criticality.
    TierName(Criticality) as CriticalityName
}
wrap! {
    /// Symbols by name.
    SymbolNames(Vec<Symbol>) as Vec<SymbolName>
}
wrap! {
    /// Series by name: `["AAPL", "5m"]`.
    SeriesNames(Vec<SeriesKey>) as Vec<SeriesPair>
}
wrap! {
    /// One execution, or all (`null`); it cannot be left out.
    ExecutionOrAll(ExecutionSelector) as Option<ExecutionId>
}
wrap! {
    /// The execution that was started.
    StartedExecution(Uuid) as ExecutionId
}
wrap! {
    /// A plan: what `barkeep plan --json` prints.
    PlanDocument(Box<Plan>) as Object
}
wrap! {
    /// The state of each day of each series.
    CoverageRows(Vec<CoverageRow>) as Vec<Object>
}
wrap! {
    /// The state of each part of a trading day.
    SessionDocument(SessionCoverage) as Object
}
wrap! {
    /// Lines of the log: `{seq, at, level, source, text}`.
    LogLines(Vec<LogLine>) as Vec<Object>
}

/// A command to the engine.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", content = "of", rename_all = "snake_case")]
pub enum Command {
    Trigger {
        what: Scope,
        /// `schedule`, `manual`, `api`, `catch_up` or `cli`.
        #[schema(value_type = TriggerName)]
        trigger: Trigger,
    },
    /// What a trigger would request, without requesting it.
    Preview(Scope),
    Pause,
    Resume,
    PauseSymbols(SymbolNames),
    ResumeSymbols(SymbolNames),
    PauseSeries(SeriesNames),
    ResumeSeries(SeriesNames),
    /// One execution, or with `null` all of them.
    Cancel(ExecutionOrAll),
    /// Takes series out of a running execution.
    CancelSeries {
        #[schema(value_type = ExecutionId)]
        execution: Uuid,
        series: SeriesNames,
    },
    /// The failed series of an execution, with `null` of the newest one.
    RetryFailed(ExecutionOrAll),
    /// Accepts or rejects a quarantined bar.
    Decide {
        id: i64,
        #[schema(value_type = VerdictName)]
        verdict: Verdict,
    },
}

/// Why an execution is started.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "the schema of a type of the store, never built")]
enum TriggerName {
    Schedule,
    Manual,
    Api,
    CatchUp,
    Cli,
}

/// What becomes of a quarantined bar.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "the schema of a type of the store, never built")]
enum VerdictName {
    Accepted,
    Rejected,
}

/// The id of an execution.
#[derive(ToSchema)]
#[schema(format = "uuid")]
#[allow(dead_code, reason = "a schema, never built")]
struct ExecutionId(String);

impl From<Command> for EngineCommand {
    fn from(wire: Command) -> Self {
        match wire {
            Command::Trigger { what, trigger } => Self::Trigger { what: what.into(), trigger },
            Command::Preview(what) => Self::Preview(what.into()),
            Command::Pause => Self::Pause,
            Command::Resume => Self::Resume,
            Command::PauseSymbols(symbols) => Self::PauseSymbols(symbols.into()),
            Command::ResumeSymbols(symbols) => Self::ResumeSymbols(symbols.into()),
            Command::PauseSeries(series) => Self::PauseSeries(series.into()),
            Command::ResumeSeries(series) => Self::ResumeSeries(series.into()),
            Command::Cancel(execution) => Self::Cancel(execution.into()),
            Command::CancelSeries { execution, series } => Self::CancelSeries { execution, series: series.into() },
            Command::RetryFailed(execution) => Self::RetryFailed(execution.into()),
            Command::Decide { id, verdict } => Self::Decide { id, verdict },
        }
    }
}

/// A command that only the process of the engine can give itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not available over HTTP")]
pub struct LocalOnly(&'static str);

impl TryFrom<EngineCommand> for Command {
    type Error = LocalOnly;

    fn try_from(command: EngineCommand) -> Result<Self, LocalOnly> {
        Ok(match command {
            EngineCommand::Trigger { what, trigger } => Self::Trigger { what: what.into(), trigger },
            EngineCommand::Preview(what) => Self::Preview(what.into()),
            EngineCommand::Pause => Self::Pause,
            EngineCommand::Resume => Self::Resume,
            EngineCommand::PauseSymbols(symbols) => Self::PauseSymbols(symbols.into()),
            EngineCommand::ResumeSymbols(symbols) => Self::ResumeSymbols(symbols.into()),
            EngineCommand::PauseSeries(series) => Self::PauseSeries(series.into()),
            EngineCommand::ResumeSeries(series) => Self::ResumeSeries(series.into()),
            EngineCommand::Cancel(execution) => Self::Cancel(execution.into()),
            EngineCommand::CancelSeries { execution, series } => {
                Self::CancelSeries { execution, series: series.into() }
            }
            EngineCommand::RetryFailed(execution) => Self::RetryFailed(execution.into()),
            EngineCommand::Decide { id, verdict } => Self::Decide { id, verdict },
            EngineCommand::Reload(_) => return Err(LocalOnly("reload")),
        })
    }
}

/// What became of a command.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "answer", content = "of", rename_all = "snake_case")]
pub enum CommandResult {
    /// An execution was started.
    Started(StartedExecution),
    /// Why there is nothing to do.
    Nothing(String),
    /// The answer to `preview`: what `barkeep plan --json` prints.
    Planned(PlanDocument),
    Done,
}

impl From<CommandReply> for CommandResult {
    fn from(reply: CommandReply) -> Self {
        match reply {
            CommandReply::Started(id) => Self::Started(id.into()),
            CommandReply::Nothing(why) => Self::Nothing(why),
            CommandReply::Planned(plan) => Self::Planned(plan.into()),
            CommandReply::Done => Self::Done,
        }
    }
}

impl From<CommandResult> for CommandReply {
    fn from(wire: CommandResult) -> Self {
        match wire {
            CommandResult::Started(id) => Self::Started(id.into()),
            CommandResult::Nothing(why) => Self::Nothing(why),
            CommandResult::Planned(plan) => Self::Planned(plan.into()),
            CommandResult::Done => Self::Done,
        }
    }
}

/// How many rows to return at most: a whole number from 0 to 1000, written as an integer or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(minimum = 0, maximum = 1000)]
pub struct RowLimit(usize);

impl<'de> Deserialize<'de> for RowLimit {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(d)?;
        if number.fract() == 0.0 && (0.0..=MOST_ROWS as f64).contains(&number) {
            Ok(Self(number as usize))
        } else {
            Err(serde::de::Error::custom(format_args!("limit is not a whole number from 0 to {MOST_ROWS}")))
        }
    }
}

/// A question about what is stored.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Question {
    /// Everything about one series.
    Detail {
        #[schema(value_type = SymbolName)]
        symbol: Symbol,
        #[schema(value_type = TimeframeName)]
        timeframe: Timeframe,
    },
    /// The state of each day of some series, both dates included.
    Coverage {
        #[schema(value_type = Vec<SeriesPair>, max_items = 200)]
        series: Vec<SeriesName>,
        #[schema(value_type = String, format = Date)]
        from: NaiveDate,
        #[schema(value_type = String, format = Date)]
        to: NaiveDate,
    },
    /// The state of each part of one trading day of a series.
    Session {
        #[schema(value_type = SymbolName)]
        symbol: Symbol,
        #[schema(value_type = TimeframeName)]
        timeframe: Timeframe,
        #[schema(value_type = String, format = Date)]
        date: NaiveDate,
    },
    /// The newest executions.
    History {
        limit: RowLimit,
    },
    /// One execution with each of its series.
    Execution {
        #[schema(value_type = ExecutionId)]
        id: Uuid,
    },
    /// The newest vendor requests, of one symbol or of all.
    Requests {
        #[schema(value_type = Option<SymbolName>)]
        symbol: Option<Symbol>,
        limit: RowLimit,
    },
    /// Quarantined bars pending review.
    Quarantine {
        limit: RowLimit,
    },
    /// Series and features that failed.
    Failures {
        limit: RowLimit,
    },
    Alerts {
        limit: RowLimit,
    },
    /// What operators did.
    Actions {
        limit: RowLimit,
    },
    /// The last lines of the log.
    Log {
        limit: RowLimit,
    },
}

impl From<Question> for ConsoleRequest {
    fn from(wire: Question) -> Self {
        match wire {
            Question::Detail { symbol, timeframe } => Self::Detail { symbol, timeframe },
            Question::Coverage { series, from, to } => Self::Coverage { series, from, to },
            Question::Session { symbol, timeframe, date } => Self::Session { symbol, timeframe, date },
            Question::History { limit } => Self::History { limit: limit.0 },
            Question::Execution { id } => Self::Execution { id },
            Question::Requests { symbol, limit } => Self::Requests { symbol, limit: limit.0 },
            Question::Quarantine { limit } => Self::Quarantine { limit: limit.0 },
            Question::Failures { limit } => Self::Failures { limit: limit.0 },
            Question::Alerts { limit } => Self::Alerts { limit: limit.0 },
            Question::Actions { limit } => Self::Actions { limit: limit.0 },
            Question::Log { limit } => Self::Log { limit: limit.0 },
        }
    }
}

impl From<ConsoleRequest> for Question {
    fn from(request: ConsoleRequest) -> Self {
        match request {
            ConsoleRequest::Detail { symbol, timeframe } => Self::Detail { symbol, timeframe },
            ConsoleRequest::Coverage { series, from, to } => Self::Coverage { series, from, to },
            ConsoleRequest::Session { symbol, timeframe, date } => Self::Session { symbol, timeframe, date },
            ConsoleRequest::History { limit } => Self::History { limit: RowLimit(limit) },
            ConsoleRequest::Execution { id } => Self::Execution { id },
            ConsoleRequest::Requests { symbol, limit } => Self::Requests { symbol, limit: RowLimit(limit) },
            ConsoleRequest::Quarantine { limit } => Self::Quarantine { limit: RowLimit(limit) },
            ConsoleRequest::Failures { limit } => Self::Failures { limit: RowLimit(limit) },
            ConsoleRequest::Alerts { limit } => Self::Alerts { limit: RowLimit(limit) },
            ConsoleRequest::Actions { limit } => Self::Actions { limit: RowLimit(limit) },
            ConsoleRequest::Log { limit } => Self::Log { limit: RowLimit(limit) },
        }
    }
}

/// The reply to a [`Question`], of the same name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "reply", content = "of", rename_all = "snake_case")]
pub enum Reply {
    Detail(Box<Detail>),
    /// In the order of the question; series that are not tracked are left out.
    Coverage(CoverageRows),
    Session(SessionDocument),
    History(Vec<Execution>),
    Execution(Box<ExecutionDetail>),
    Requests(Vec<Request>),
    Quarantine(Vec<QuarantinedBar>),
    Failures {
        series: Vec<SeriesRun>,
        features: Vec<FeatureFailure>,
    },
    Alerts(Vec<Alert>),
    Actions(Vec<OperatorAction>),
    /// Oldest first: `{seq, at, level, source, text}`.
    Log(LogLines),
}

impl From<ConsoleResponse> for Reply {
    fn from(response: ConsoleResponse) -> Self {
        match response {
            ConsoleResponse::Detail(detail) => Self::Detail(Box::new((*detail).into())),
            ConsoleResponse::Coverage(rows) => Self::Coverage(rows.into()),
            ConsoleResponse::Session(session) => Self::Session(session.into()),
            ConsoleResponse::History(executions) => Self::History(each(executions)),
            ConsoleResponse::Execution(detail) => Self::Execution(Box::new((*detail).into())),
            ConsoleResponse::Requests(rows) => Self::Requests(each(rows)),
            ConsoleResponse::Quarantine(rows) => Self::Quarantine(each(rows)),
            ConsoleResponse::Failures { series, features } => {
                Self::Failures { series: each(series), features: each(features) }
            }
            ConsoleResponse::Alerts(rows) => Self::Alerts(each(rows)),
            ConsoleResponse::Actions(rows) => Self::Actions(each(rows)),
            ConsoleResponse::Log(lines) => Self::Log(lines.into()),
        }
    }
}

impl From<Reply> for ConsoleResponse {
    fn from(wire: Reply) -> Self {
        match wire {
            Reply::Detail(detail) => Self::Detail(Box::new((*detail).into())),
            Reply::Coverage(rows) => Self::Coverage(rows.into()),
            Reply::Session(session) => Self::Session(session.into()),
            Reply::History(executions) => Self::History(each(executions)),
            Reply::Execution(detail) => Self::Execution(Box::new((*detail).into())),
            Reply::Requests(rows) => Self::Requests(each(rows)),
            Reply::Quarantine(rows) => Self::Quarantine(each(rows)),
            Reply::Failures { series, features } => Self::Failures { series: each(series), features: each(features) },
            Reply::Alerts(rows) => Self::Alerts(each(rows)),
            Reply::Actions(rows) => Self::Actions(each(rows)),
            Reply::Log(lines) => Self::Log(lines.into()),
        }
    }
}
