//! What a run tells while it runs. The command line draws it; nothing in the engine depends on who listens.

use std::sync::Arc;
use std::time::Duration;

use crate::market::{Symbol, Timeframe};
use crate::store::WriteOutcome;
use crate::timing::Spent;

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A round of work is about to start.
    Planned {
        requests: u64,
        items: usize,
        estimated_seconds: f64,
    },
    /// An item has its turn.
    Started {
        item: u64,
        symbol: Option<Symbol>,
        timeframe: Option<Timeframe>,
        pages: u64,
    },
    /// A page was committed. `done` is the share of the item's time range that is now answered, 0 to 1.
    Committed {
        item: u64,
        symbol: Symbol,
        timeframe: Timeframe,
        rows: u64,
        outcome: WriteOutcome,
        done: f64,
    },
    /// All of an item is committed.
    Finished {
        item: u64,
    },
    /// An item ended without all of its bars.
    Failed {
        item: u64,
        symbol: Option<Symbol>,
        timeframe: Option<Timeframe>,
        reason: String,
    },
    /// A request waits for a token, a back-off or the vendor's own delay.
    Waiting {
        ticker: Option<String>,
        why: String,
        wait: Duration,
    },
    /// The database does not answer; the run waits for it.
    DatabaseLost {
        error: String,
    },
    DatabaseBack {
        after: Duration,
    },
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
