//! The engine from outside: commands in, an immutable snapshot and events out.
//!
//! Everything that steers a running engine goes through a [`Handle`]; everything that shows one reads its [`Live`]
//! state. States are confirmed by the engine, never guessed by a view.

mod live;

use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use uuid::Uuid;

pub use self::live::{EngineState, Live, Process, Tick};
use crate::progress::RunEvent;
use barkeep_config::BoundSetting;
use barkeep_market::{Criticality, Symbol, Timeframe};
use barkeep_pipeline::index::coverage::SeriesKey;
use barkeep_pipeline::names::Wanted;
use barkeep_pipeline::select::{SelectError, Selection};
use barkeep_plan::Plan;
use barkeep_store::{Trigger, Verdict};

/// The target of operator actions on the engine as a whole.
pub const ENGINE: &str = "engine";
pub const PAUSE: &str = "pause";
pub const RESUME: &str = "resume";

/// The target of operator actions on one series.
#[must_use]
pub fn series_target(symbol: &Symbol, timeframe: Timeframe) -> String {
    format!("{symbol} {timeframe}")
}

/// Which symbols a trigger means.
#[derive(Clone, Debug, PartialEq)]
pub enum TriggerScope {
    /// Exactly this.
    Selection(Selection),
    /// Every active symbol of a tier.
    Tier(Criticality),
    /// Every series that is not fresh.
    Stale,
}

/// A symbol to track, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSymbol {
    pub symbol: Symbol,
    pub wanted: Wanted,
}

/// What to change of a tracked symbol; what is left out stays.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::option_option, reason = "no first day and no change of it mean different things")]
pub struct SymbolChange {
    pub symbol: Symbol,
    pub active: Option<bool>,
    pub criticality: Option<Criticality>,
    /// The first day of its history; none: as the settings say.
    pub history_from: Option<Option<NaiveDate>>,
}

impl SymbolChange {
    /// No change yet.
    #[must_use]
    pub const fn of(symbol: Symbol) -> Self {
        Self { symbol, active: None, criticality: None, history_from: None }
    }

    /// `active false, critical, since 2024-01-01`.
    fn words(&self) -> String {
        let active = self.active.map(|active| format!("active {active}"));
        let criticality = self.criticality.map(|criticality| criticality.to_string());
        let since =
            self.history_from.map(|date| date.map_or_else(|| "since none".to_owned(), |date| format!("since {date}")));
        active.into_iter().chain(criticality).chain(since).collect::<Vec<_>>().join(", ")
    }
}

/// A command and who gave it.
#[derive(Clone, Debug)]
pub struct IssuedCommand {
    pub action: EngineCommand,
    /// The name kept with the action: `scheduler`, `tui`, the name of an API key.
    pub by: String,
}

/// What can be asked of a running engine.
#[derive(Clone, Debug)]
pub enum EngineCommand {
    Trigger {
        what: TriggerScope,
        trigger: Trigger,
    },
    /// What a trigger would ask, without asking it.
    Preview(TriggerScope),
    /// Until somebody resumes, over restarts too; why may be said.
    Pause(Option<String>),
    Resume,
    PauseSymbols(Vec<Symbol>),
    ResumeSymbols(Vec<Symbol>),
    /// Makes no request for the sake of these series. What comes with a request for another timeframe of the same family
    /// is kept all the same.
    PauseSeries(Vec<SeriesKey>),
    ResumeSeries(Vec<SeriesKey>),
    /// Tracks symbols, all or none of them; one that was tracked before is tracked again.
    AddSymbols(Vec<NewSymbol>),
    /// Changes tracked symbols, all or none of them.
    ChangeSymbols(Vec<SymbolChange>),
    /// Deletes symbols with all their bars.
    RemoveSymbols(Vec<Symbol>),
    /// One execution, or all of them.
    Cancel(ExecutionSelector),
    /// Takes series out of a running execution; the rest of it goes on.
    CancelSeries {
        execution: Uuid,
        series: Vec<SeriesKey>,
    },
    /// The failed series of an execution, of the newest one when none is named.
    RetryFailed(ExecutionSelector),
    /// An operator's word on a quarantined bar.
    Decide {
        id: i64,
        verdict: Verdict,
    },
    /// Settings and policy read again, from where they were read at start. The API has a path of its own for it.
    Reload,
}

/// An execution by id, or none in particular. Over the wire that is `null`; leaving it out is a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ExecutionSelector(pub Option<Uuid>);

impl<'de> Deserialize<'de> for ExecutionSelector {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        // Through a value, because to serde an absent `Option` is `None`.
        let value = serde_json::Value::deserialize(d)?;
        serde_json::from_value(value).map(Self).map_err(serde::de::Error::custom)
    }
}

impl EngineCommand {
    /// The verb kept in `operator_actions`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Trigger { .. } => "trigger",
            Self::Preview(_) => "preview",
            Self::Pause(_) | Self::PauseSymbols(_) | Self::PauseSeries(_) => PAUSE,
            Self::Resume | Self::ResumeSymbols(_) | Self::ResumeSeries(_) => RESUME,
            Self::AddSymbols(_) => "add_symbol",
            Self::ChangeSymbols(_) => "change_symbol",
            Self::RemoveSymbols(_) => "remove_symbol",
            Self::Cancel(_) | Self::CancelSeries { .. } => "cancel",
            Self::RetryFailed(_) => "retry",
            Self::Decide { .. } => "decide",
            Self::Reload => "reload",
        }
    }

    /// What it is done to, one row each: the engine, an execution, every symbol or series named.
    #[must_use]
    pub fn targets(&self) -> Vec<Option<String>> {
        match self {
            Self::Pause(_) | Self::Resume | Self::Reload => vec![Some(ENGINE.to_owned())],
            Self::PauseSymbols(symbols) | Self::ResumeSymbols(symbols) | Self::RemoveSymbols(symbols) => {
                symbols.iter().map(|symbol| Some(symbol.to_string())).collect()
            }
            Self::AddSymbols(all) => all.iter().map(|new| Some(new.symbol.to_string())).collect(),
            Self::ChangeSymbols(all) => all.iter().map(|change| Some(change.symbol.to_string())).collect(),
            Self::PauseSeries(series) | Self::ResumeSeries(series) => {
                series.iter().map(|(symbol, tf)| Some(series_target(symbol, *tf))).collect()
            }
            Self::CancelSeries { execution, .. } => vec![Some(execution.to_string())],
            Self::Cancel(ExecutionSelector(id)) | Self::RetryFailed(ExecutionSelector(id)) => {
                vec![id.map(|id| id.to_string())]
            }
            Self::Decide { id, .. } => vec![Some(format!("quarantine {id}"))],
            Self::Trigger { .. } | Self::Preview(_) => vec![None],
        }
    }

    /// The rest of what was asked.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Trigger { what, .. } | Self::Preview(what) => Some(match what {
                TriggerScope::Tier(criticality) => format!("tier {criticality}"),
                TriggerScope::Stale => "everything stale".to_owned(),
                TriggerScope::Selection(selection) => serde_json::to_string(selection).ok()?,
            }),
            Self::Pause(reason) => reason.clone(),
            Self::ChangeSymbols(all) => {
                let same = all.iter().all(|change| all.first().is_some_and(|first| first.words() == change.words()));
                let named = |change: &SymbolChange| format!("{} {}", change.symbol, change.words());
                Some(match all.first() {
                    Some(first) if same => first.words(),
                    _ => all.iter().map(named).collect::<Vec<_>>().join("; "),
                })
            }
            Self::RemoveSymbols(_) => Some("with all data".to_owned()),
            Self::Decide { verdict, .. } => Some(verdict.name().to_owned()),
            Self::CancelSeries { series, .. } => {
                let names: Vec<String> = series.iter().map(|(symbol, tf)| series_target(symbol, *tf)).collect();
                Some(names.join(", "))
            }
            _ => None,
        }
    }
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq)]
pub enum CommandReply {
    /// An execution was started.
    Started(Uuid),
    /// There is nothing to do: nothing is missing, or nothing matched.
    Nothing(String),
    Planned(Box<Plan>),
    Done,
}

/// Why an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("{0}")]
    Refused(String),
    /// A trigger or preview of what cannot be fetched.
    #[error(transparent)]
    Selection(#[from] SelectError),
    /// The new settings cannot be used; says where and why.
    #[error("{0}; the settings are unchanged")]
    Config(String),
    /// Settings that changed and are bound at start, each with where it was changed. Nothing else was put in force either.
    #[error("changed, but only read at start: {}; the settings are unchanged", listed(.0))]
    NeedsRestart(Vec<BoundSetting>),
    #[error("this process cannot read its settings again")]
    CannotReload,
    #[error("the engine has stopped")]
    Stopped,
}

fn listed(settings: &[BoundSetting]) -> String {
    settings.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

pub(crate) type QueuedCommand = (IssuedCommand, oneshot::Sender<Result<CommandReply, CommandError>>);

/// A way to a running engine. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(crate) commands: mpsc::Sender<QueuedCommand>,
    pub(crate) live: watch::Receiver<Arc<Live>>,
    pub(crate) events: broadcast::Sender<Arc<RunEvent>>,
}

impl Handle {
    /// Gives an order and waits for what becomes of it. Waits too while the engine's queue of orders is full.
    ///
    /// # Errors
    /// When the engine refuses the order, fails to carry it out, or has stopped.
    pub async fn order(&self, action: EngineCommand, by: &str) -> Result<CommandReply, CommandError> {
        let (reply, answer) = oneshot::channel();
        let order = IssuedCommand { action, by: by.to_owned() };
        self.commands.send((order, reply)).await.map_err(|_| CommandError::Stopped)?;
        answer.await.unwrap_or(Err(CommandError::Stopped))
    }

    /// The newest state.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.borrow())
    }

    /// Yields whenever the state has changed.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Live>> {
        self.live.clone()
    }

    /// Returns once the service has ended.
    pub async fn closed(&self) {
        self.commands.closed().await;
    }

    /// Everything that happens from now on. A receiver that is too slow misses events.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Arc<RunEvent>> {
        self.events.subscribe()
    }
}
