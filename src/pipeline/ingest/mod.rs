//! From answers to rows.
//!
//! Pages arrive over a bounded queue; when the database is slow the queue fills and the fetchers wait. A page is validated,
//! scored and derived (`prepare`) while others are being committed; those that are ready when the database is free share
//! one transaction (`commit_queue`), each of them whole, and only then is each acknowledged.

mod commit_queue;
mod prepare;

pub use prepare::derive_again;

use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::gate::Permit;
use super::summary::RunCounts;
use crate::index::registry::SeriesIds;
use barkeep_base::timing::{self, Spent};
use barkeep_market::{Bar, Calendar, Interval, Timeframe, Ts};
use barkeep_plan::Horizon;
use barkeep_store::{RequestRow, Store, StoreError, WriteOutcome};

/// Pages that may wait to be taken up. Each holds at most 50,000 bars of 80 bytes.
const QUEUE: usize = 2;

/// What an answer says about the range it answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All bars the vendor has in it are here.
    Answered,
    /// There are none, believed until the given time.
    Empty { until: Ts },
    /// The plan does not include it, believed until the given time.
    Refused { until: Ts },
}

/// One family's share of a page.
#[derive(Clone, Debug)]
pub struct Part {
    pub keys: Arc<SeriesIds>,
    /// The range this answers for, in whole base bars.
    pub answered: Interval,
    pub verdict: Verdict,
    pub bars: Vec<Bar>,
    pub horizon: Horizon,
}

/// A page on its way to the database.
#[derive(Debug)]
pub struct Arrival {
    pub parts: Vec<Part>,
    pub request: Option<RequestRow>,
    pub fetched_at: Ts,
    /// Only this timeframe is written, computed from what is stored (no new base bars).
    pub only: Option<Timeframe>,
    /// Given back once the page is committed, so that an empty gate means that nothing is on its way.
    pub pass: Option<Permit>,
}

/// What one part's commit did, by timeframe.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    pub symbol: barkeep_market::Symbol,
    pub timeframe: Timeframe,
    pub outcome: WriteOutcome,
}

type Outcome = Result<Vec<Committed>, StoreError>;

/// A page with whoever waits for its commit, and the account its time goes to.
#[derive(Debug)]
struct Queued {
    arrival: Arrival,
    ack: oneshot::Sender<Outcome>,
    spent: Arc<Spent>,
}

/// The sending end of the ingest queue.
#[derive(Clone)]
pub struct Ingest {
    queue: mpsc::Sender<Queued>,
}

impl Ingest {
    /// Starts the task that turns pages into rows. It ends when every `Ingest` is dropped and all it took is settled.
    #[must_use]
    pub fn start(
        store: Arc<dyn Store>,
        calendar: Arc<Calendar>,
        tally: Arc<Mutex<RunCounts>>,
    ) -> (Self, JoinHandle<()>) {
        let (queue, arrivals) = mpsc::channel(QUEUE);
        (Self { queue }, tokio::spawn(commit_queue::CommitQueue::new(store, calendar, tally).serve(arrivals)))
    }

    /// Queues a page, waiting while the queue is full. The receiver yields once it is committed.
    pub async fn send(&self, arrival: Arrival) -> oneshot::Receiver<Outcome> {
        let (ack, committed) = oneshot::channel();
        let spent = timing::current().unwrap_or_default();
        // A closed queue drops the sender, which the receiver reports.
        let _ = self.queue.send(Queued { arrival, ack, spent }).await;
        committed
    }
}

/// The outcome of a queued page.
pub async fn settled(ack: oneshot::Receiver<Outcome>) -> Outcome {
    ack.await.unwrap_or_else(|_| Err(StoreError::Unreachable("the writer has stopped".to_owned())))
}
