//! From answers to rows.
//!
//! Pages arrive over a bounded queue; when the database is slow the queue fills and the fetchers wait. A page is validated,
//! sorted (`checks`), scored and derived (`prepare`) while others are being committed; those that are ready when the database is free share
//! one transaction (`commit_queue`), each of them whole, and only then is each acknowledged.

mod checks;
mod commit_queue;
pub(crate) mod ledger;
mod page_job;
mod prepare;
mod report;

pub(crate) use checks::CLOSED;
pub use page_job::{AnswerVerdict, FamilyAnswer, PageJob, PendingCommit};
pub use prepare::derive_again;
pub use report::ItemReport;

use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::progress::RunProgress;
use barkeep_base::timing;
use barkeep_features::Recent;
use barkeep_market::Calendar;
use barkeep_progress::series_statuses::SeriesStatuses;
use barkeep_store::Store;

/// Pages that may wait to be taken up. Each holds at most 50,000 bars of 80 bytes.
const QUEUE: usize = 2;

/// The sending end of the ingest queue.
#[derive(Clone)]
pub struct Ingest {
    queue: mpsc::Sender<PageJob>,
    /// Set where pages belong to an item of another worker's plan.
    report: Option<Arc<ItemReport>>,
}

/// What pages are prepared and committed with.
#[derive(Clone)]
pub struct IngestContext {
    pub store: Arc<dyn Store>,
    pub calendar: Arc<Calendar>,
    /// The status rows of the run, written with the bars.
    pub statuses: Arc<Mutex<SeriesStatuses>>,
    /// Counts every commit.
    pub progress: Arc<RunProgress>,
    /// Bars on their way to features, where those are wanted.
    pub recent: Option<Arc<Recent>>,
}

impl Ingest {
    /// Starts the task that turns pages into rows. It ends when every `Ingest` is dropped and all it took is committed.
    #[must_use]
    pub fn start(context: IngestContext) -> (Self, JoinHandle<()>) {
        let (queue, pages) = mpsc::channel(QUEUE);
        (Self { queue, report: None }, tokio::spawn(commit_queue::CommitQueue::new(context).run(pages)))
    }

    /// The same queue for the pages of an item of another worker's plan.
    #[must_use]
    pub fn reporting(&self, report: Arc<ItemReport>) -> Self {
        Self { queue: self.queue.clone(), report: Some(report) }
    }

    /// Queues a page, waiting while the queue is full.
    pub async fn send(&self, mut page: PageJob) -> PendingCommit {
        let (reply, pending) = oneshot::channel();
        page.reply = Some(reply);
        page.report.clone_from(&self.report);
        page.spent = timing::current().unwrap_or_default();
        // A closed queue drops the sender, which the receiver reports.
        let _ = self.queue.send(page).await;
        PendingCommit(pending)
    }
}
