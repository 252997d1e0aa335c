//! What a run reports while it runs. Nothing in the engine depends on who listens.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::SeriesKey;
use barkeep_base::timing::Spent;
use barkeep_market::{Criticality, Symbol, Timeframe};
use barkeep_plan::{Item, Request};
use barkeep_store::{HealthListener, StoreError, WriteOutcome};
use barkeep_vendor::dispatch::Attempt;

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
    Started { item: u64, info: ItemInfo },
    /// A token is taken and a request starts.
    Requested {
        ticker: Option<String>,
        /// 1 for the first try.
        attempt: u32,
    },
    /// A request ended, with bars or with a fault.
    Ended(Box<Attempt>),
    /// The vendor sent a page of an item. `done` is the share of the item's time range that is answered by now, 0 to 1.
    PageFetched {
        item: u64,
        done: f64,
        /// Whether another page follows.
        more: bool,
    },
    /// The bars of one series of a page were committed.
    Committed {
        /// Absent when no request was made for them: they were computed from stored bars.
        item: Option<u64>,
        symbol: Symbol,
        timeframe: Timeframe,
        /// Bars the page has for this series.
        received: u64,
        outcome: WriteOutcome,
        /// The share of the item's time range that is answered and committed, 0 to 1.
        done: f64,
    },
    /// All of an item is committed.
    Finished { item: u64 },
    /// An item ended without all of its bars.
    Failed {
        item: u64,
        /// The series that stay incomplete; none when splits could not be fetched.
        series: Vec<SeriesKey>,
        reason: String,
    },
    /// The run waits for its turn, and why; without a reason that has come.
    Queued { why: Option<String> },
    /// A request waits for a token, a back-off or the vendor's own delay.
    Waiting {
        ticker: Option<String>,
        why: String,
        wait: Duration,
        /// The number of the attempt that follows, when it is a retry.
        retry: Option<u32>,
    },
}

/// What an item is about, as far as a view shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemInfo {
    /// Absent when it serves many symbols.
    pub symbol: Option<Symbol>,
    /// The ticker in the request; absent when there are many.
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
        let (symbol, ticker, timeframe, derives) = match &item.request {
            Request::Aggregates { ticker, timeframe, derives, .. } => {
                (symbol, Some(ticker.clone()), Some(*timeframe), derives.clone())
            }
            Request::GroupedDaily { .. } | Request::FlatFile { .. } => {
                (None, None, item.request.timeframe(), Vec::new())
            }
            Request::Splits { tickers } => {
                (None, tickers.first().filter(|_| tickers.len() == 1).cloned(), None, Vec::new())
            }
        };
        Self { symbol, ticker, timeframe, derives, criticality: item.criticality, pages: item.requests }
    }

    /// What is requested, in words: `AAPL 5m`, `market 1d`, `splits`.
    #[must_use]
    pub fn label(&self) -> String {
        match (&self.symbol, self.timeframe) {
            (Some(symbol), Some(tf)) => format!("{symbol} {tf}"),
            (None, Some(tf)) => format!("market {tf}"),
            _ => "splits".to_owned(),
        }
    }
}

/// How long an item of a plan took, or the features of what it brought, and on what.
#[derive(Clone, Debug)]
pub struct ItemTiming {
    /// The symbols it was for.
    pub symbols: Arc<[Symbol]>,
    /// Whether features were brought up to date; nothing is requested for them.
    pub is_features: bool,
    /// What was requested; absent for splits and features.
    pub timeframe: Option<Timeframe>,
    /// What was computed from the answers.
    pub derives: Vec<Timeframe>,
    pub took: Duration,
    pub spent: Arc<Spent>,
}

impl ItemTiming {
    #[must_use]
    pub fn of_features(symbols: impl IntoIterator<Item = Symbol>, took: Duration, spent: Arc<Spent>) -> Self {
        let symbols = symbols.into_iter().collect();
        Self { symbols, is_features: true, timeframe: None, derives: Vec::new(), took, spent }
    }
}

/// Gets the events of a run. Called from many tasks; must return at once.
pub trait Listener: Send + Sync {
    fn on_event(&self, event: Event);

    /// An item has ended, with or without all of its bars.
    fn on_timing(&self, _timing: ItemTiming) {}
}

/// Ignores every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Listener for Silent {
    fn on_event(&self, _event: Event) {}
}

impl HealthListener for Silent {
    fn lost(&self, _: &StoreError) {}

    fn back(&self, _: Duration) {}
}
