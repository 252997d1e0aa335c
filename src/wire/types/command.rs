//! Commands to the engine, and what became of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::names::{AssetClassName, CriticalityName, SeriesPair, SymbolName, TimeframeName, WhenText};
use super::symbols::{SymbolToAdd, SymbolToChange};
use super::{each, mirror, wrap};
use barkeep_market::{AssetClass, Criticality, Source, Symbol, Timeframe};
use barkeep_pipeline::index::coverage::SeriesKey;
use barkeep_pipeline::select::{self, TimeBound};
use barkeep_plan::Plan;
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
        /// Where symbols come from that are not registered yet: `massive` (the default) or `coinbase`.
        #[serde(default)]
        #[schema(value_type = Option<String>)]
        vendor: Option<Source>,
        /// Whether stored bars are requested again, too, and compared.
        #[serde(default)]
        refetch: bool,
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

/// A command to the engine.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", content = "of", rename_all = "snake_case")]
pub enum Command {
    Trigger(TriggerBody),
    /// What a trigger would request, without requesting it.
    Preview(Scope),
    Pause,
    Resume,
    PauseSymbols(SymbolNames),
    ResumeSymbols(SymbolNames),
    PauseSeries(SeriesNames),
    ResumeSeries(SeriesNames),
    /// Tracks symbols, all or none of them.
    AddSymbols(Vec<SymbolToAdd>),
    /// Changes tracked symbols, all or none of them.
    ChangeSymbols(Vec<SymbolToChange>),
    /// Deletes symbols with all their bars.
    RemoveSymbols(SymbolNames),
    /// One execution, or with `null` all of them.
    Cancel(ExecutionOrAll),
    /// Takes series out of a running execution.
    CancelSeries(CancelSeriesBody),
    /// The failed series of an execution, with `null` of the newest one.
    RetryFailed(ExecutionOrAll),
    /// Accepts or rejects a quarantined bar; `pending` takes a decision back.
    Decide(DecideBody),
}

// What commands carry has names of its own, because client generators cannot name it by themselves.

/// What to bring up to date, and why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TriggerBody {
    what: Scope,
    #[schema(value_type = TriggerName)]
    trigger: Trigger,
}

/// Series of an execution.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CancelSeriesBody {
    #[schema(value_type = ExecutionId)]
    execution: Uuid,
    series: SeriesNames,
}

/// The result of a review.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DecideBody {
    /// The id of the quarantined bar.
    id: i64,
    #[schema(value_type = VerdictName)]
    verdict: Verdict,
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
    /// A decision is taken back.
    Pending,
}

/// The id of an execution.
#[derive(ToSchema)]
#[schema(format = "uuid")]
#[allow(dead_code, reason = "a schema, never built")]
pub(super) struct ExecutionId(String);

impl From<Command> for EngineCommand {
    fn from(wire: Command) -> Self {
        match wire {
            Command::Trigger(body) => Self::Trigger { what: body.what.into(), trigger: body.trigger },
            Command::Preview(what) => Self::Preview(what.into()),
            Command::Pause => Self::Pause(None),
            Command::Resume => Self::Resume,
            Command::PauseSymbols(symbols) => Self::PauseSymbols(symbols.into()),
            Command::ResumeSymbols(symbols) => Self::ResumeSymbols(symbols.into()),
            Command::PauseSeries(series) => Self::PauseSeries(series.into()),
            Command::ResumeSeries(series) => Self::ResumeSeries(series.into()),
            Command::AddSymbols(all) => Self::AddSymbols(each(all)),
            Command::ChangeSymbols(all) => Self::ChangeSymbols(each(all)),
            Command::RemoveSymbols(symbols) => Self::RemoveSymbols(symbols.into()),
            Command::Cancel(execution) => Self::Cancel(execution.into()),
            Command::CancelSeries(body) => Self::CancelSeries { execution: body.execution, series: body.series.into() },
            Command::RetryFailed(execution) => Self::RetryFailed(execution.into()),
            Command::Decide(body) => Self::Decide { id: body.id, verdict: body.verdict },
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
            EngineCommand::Trigger { what, trigger } => Self::Trigger(TriggerBody { what: what.into(), trigger }),
            EngineCommand::Preview(what) => Self::Preview(what.into()),
            EngineCommand::Pause(_) => Self::Pause,
            EngineCommand::Resume => Self::Resume,
            EngineCommand::PauseSymbols(symbols) => Self::PauseSymbols(symbols.into()),
            EngineCommand::ResumeSymbols(symbols) => Self::ResumeSymbols(symbols.into()),
            EngineCommand::PauseSeries(series) => Self::PauseSeries(series.into()),
            EngineCommand::ResumeSeries(series) => Self::ResumeSeries(series.into()),
            EngineCommand::AddSymbols(all) => Self::AddSymbols(each(all)),
            EngineCommand::ChangeSymbols(all) => Self::ChangeSymbols(each(all)),
            EngineCommand::RemoveSymbols(symbols) => Self::RemoveSymbols(symbols.into()),
            EngineCommand::Cancel(execution) => Self::Cancel(execution.into()),
            EngineCommand::CancelSeries { execution, series } => {
                Self::CancelSeries(CancelSeriesBody { execution, series: series.into() })
            }
            EngineCommand::RetryFailed(execution) => Self::RetryFailed(execution.into()),
            EngineCommand::Decide { id, verdict } => Self::Decide(DecideBody { id, verdict }),
            EngineCommand::Reload => return Err(LocalOnly("reload")),
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
