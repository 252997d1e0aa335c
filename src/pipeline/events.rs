//! What a run tells while it runs. The command line draws it; nothing in the engine depends on who listens.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use barkeep_base::timing::Spent;
use barkeep_market::{Criticality, Symbol, Timeframe};
use barkeep_plan::{Item, Request};
use barkeep_store::{HealthListener, RequestRow, StoreError, WriteOutcome};

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A round of work is about to start.
    Planned {
        requests: u64,
        /// No plan for the same gaps can take fewer.
        lower_bound: u64,
        items: usize,
        estimated_seconds: f64,
    },
    /// An item has its turn; its first request may still wait for a token.
    Started { item: u64, head: ItemInfo },
    /// A token is taken and a request starts.
    Requested {
        ticker: Option<String>,
        /// 1 for the first try.
        attempt: u32,
    },
    /// A request ended, well or not.
    Answered(Box<RequestRow>),
    /// A page was committed. `done` is the share of the item's time range that is now answered, 0 to 1.
    Committed { item: u64, symbol: Symbol, timeframe: Timeframe, rows: u64, outcome: WriteOutcome, done: f64 },
    /// All of an item is committed.
    Finished { item: u64 },
    /// An item ended without all of its bars.
    Failed { item: u64, symbol: Option<Symbol>, timeframe: Option<Timeframe>, reason: String },
    /// A request waits for a token, a back-off or the vendor's own delay.
    Waiting {
        ticker: Option<String>,
        why: String,
        wait: Duration,
        /// The number of the attempt that follows, when it is a retry.
        retry: Option<u32>,
    },
}

/// What an item is about, as far as a view tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemInfo {
    /// Absent when it serves many symbols.
    pub symbol: Option<Symbol>,
    /// The ticker that is asked; absent when many are.
    pub ticker: Option<String>,
    /// Absent for splits.
    pub timeframe: Option<Timeframe>,
    /// What is computed from the answers.
    pub derives: Vec<Timeframe>,
    pub criticality: Criticality,
    /// Pages expected.
    pub pages: u64,
}

impl ItemInfo {
    #[must_use]
    pub fn of(item: &Item) -> Self {
        let symbol = item.symbols.first().filter(|_| item.symbols.len() == 1).cloned();
        let (symbol, ticker, timeframe, derives) = match &item.ask {
            Request::Aggregates { ticker, timeframe, derives, .. } => {
                (symbol, Some(ticker.clone()), Some(*timeframe), derives.clone())
            }
            Request::GroupedDaily { .. } => (None, None, Some(Timeframe::D1), Vec::new()),
            Request::Splits { tickers } => {
                (None, tickers.first().filter(|_| tickers.len() == 1).cloned(), None, Vec::new())
            }
        };
        Self { symbol, ticker, timeframe, derives, criticality: item.criticality, pages: item.requests }
    }

    /// What is asked, in words: `AAPL 5m`, `market 1d`, `splits`.
    #[must_use]
    pub fn label(&self) -> String {
        match (&self.symbol, self.timeframe) {
            (Some(symbol), Some(tf)) => format!("{symbol} {tf}"),
            (None, Some(tf)) => format!("market {tf}"),
            _ => "splits".to_owned(),
        }
    }
}

/// How long an item of a plan took, and on what.
#[derive(Clone, Debug)]
pub struct Job {
    /// The symbols it was for.
    pub symbols: Vec<Symbol>,
    /// What was asked; absent for splits.
    pub timeframe: Option<Timeframe>,
    /// What was computed from the answers.
    pub derives: Vec<Timeframe>,
    pub took: Duration,
    pub spent: Arc<Spent>,
}

/// Hears the events of a run. Called from many tasks; must return at once.
pub trait Listener: Send + Sync {
    fn hear(&self, event: Event);

    /// An item has ended, well or not.
    fn timed(&self, _job: Job) {}
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Listener for Silent {
    fn hear(&self, _event: Event) {}
}

impl HealthListener for Silent {
    fn lost(&self, _: &StoreError) {}

    fn back(&self, _: Duration) {}
}
