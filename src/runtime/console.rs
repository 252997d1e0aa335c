//! What a view may see, ask and do: the same on an engine in this process and, over HTTP, on one elsewhere.
//!
//! A screen knows a [`Console`] and nothing else: not the store, not the vendor. Snapshots come by themselves; details
//! are asked for when somebody looks at them; orders are answered by the engine.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use barkeep_market::{Symbol, Timeframe, Ts};
pub use barkeep_monitor::history::{Execution, ExecutionDetail};
use barkeep_monitor::snapshot::Snapshot;
pub use barkeep_pipeline::names::search::FoundTicker;
use barkeep_pipeline::quarantine::QuarantineView;
use barkeep_service::handle::{CommandError, CommandReply, EngineCommand};
// A view names these rows without knowing the store.
pub use barkeep_base::log::{Level, LogLine};
pub use barkeep_monitor::coverage::selection as gap_selection;
pub use barkeep_monitor::coverage::{Cell, CellState, CoverageRow, SessionCoverage};
pub use barkeep_monitor::detail::{ChartPoint, Detail, Gap};
pub use barkeep_monitor::{MOST_DAYS, MOST_ROWS, MOST_SERIES, ReadError, SeriesName};
pub use barkeep_store::{
    AlertRow, CoverageState, EnginePause, ExecutionStatus, FeatureFailureRow, OpenAlertCount, OperatorAction,
    OperatorActionRow, QuarantineRow, RequestRow, SeriesRunState, SeriesStatus, SplitRow, Trigger, Verdict,
};

/// What can be asked about what is stored. Answered from the database when asked.
#[derive(Clone, Debug, PartialEq)]
pub enum ConsoleRequest {
    /// Everything about one series.
    Detail {
        symbol: Symbol,
        timeframe: Timeframe,
    },
    /// How each day of some series stands, both dates included; at most [`MOST_SERIES`] and [`MOST_DAYS`].
    Coverage {
        series: Vec<SeriesName>,
        from: NaiveDate,
        to: NaiveDate,
    },
    /// How each piece of one trading date of a series stands.
    Session {
        symbol: Symbol,
        timeframe: Timeframe,
        date: NaiveDate,
    },
    /// The newest executions.
    History {
        limit: usize,
    },
    /// One execution, series by series.
    Execution {
        id: Uuid,
    },
    /// The newest requests, of one symbol or of all.
    Requests {
        symbol: Option<Symbol>,
        limit: usize,
    },
    /// Quarantined bars pending review.
    Quarantine {
        limit: usize,
    },
    /// A quarantined bar, decided or not, with what is stored around it.
    QuarantinedBar {
        id: i64,
    },
    /// Series and features that failed.
    Failures {
        limit: usize,
    },
    Alerts {
        limit: usize,
    },
    /// Who did what.
    Actions {
        limit: usize,
    },
    /// The last lines of the log.
    Log {
        limit: usize,
    },
    /// The vendor's tickers that match a text: a request to the vendor, so only for who may operate.
    Tickers {
        search: String,
    },
}

/// The answer to a [`ConsoleRequest`], of the same name.
#[derive(Clone, Debug, PartialEq)]
pub enum ConsoleResponse {
    Detail(Box<Detail>),
    /// In the order of the request; series that are not tracked are left out.
    Coverage(Vec<CoverageRow>),
    Session(SessionCoverage),
    History(Vec<Execution>),
    Execution(Box<ExecutionDetail>),
    Requests(Vec<RequestRow>),
    Quarantine(Vec<QuarantineRow>),
    QuarantinedBar(Box<QuarantineView>),
    Failures {
        series: Vec<SeriesStatus>,
        features: Vec<FeatureFailureRow>,
    },
    Alerts(Vec<AlertRow>),
    Actions(Vec<OperatorActionRow>),
    /// Oldest first.
    Log(Vec<LogLine>),
    /// Best matches first.
    Tickers(Vec<FoundTicker>),
}

/// What somebody may do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    Operate,
    Read,
}

/// Whether the engine can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// In this process.
    Embedded,
    /// Over HTTP.
    Connected { url: String },
    /// What is shown is the last that was heard.
    Lost { url: String, since: Ts, error: String },
}

/// A way to an engine for a view.
#[async_trait]
pub trait Console: Send + Sync {
    /// The newest snapshot, and whenever it changes.
    fn watch(&self) -> watch::Receiver<Arc<Snapshot>>;

    /// Log lines from now on. A receiver that is too slow misses lines.
    fn notices(&self) -> broadcast::Receiver<Arc<LogLine>>;

    fn link(&self) -> watch::Receiver<Link>;

    fn access(&self) -> Access;

    /// Gives an order and waits for what becomes of it.
    async fn order(&self, action: EngineCommand) -> Result<CommandReply, CommandError>;

    async fn ask(&self, question: ConsoleRequest) -> Result<ConsoleResponse, ReadError>;
}
