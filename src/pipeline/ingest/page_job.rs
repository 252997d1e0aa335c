//! A page of bars on its way from the vendor's answer to the database.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::report::ItemReport;
use crate::gate::GatePermit;
use crate::index::coverage::SeriesKey;
use crate::index::registry::SeriesIds;
use barkeep_base::timing::Spent;
use barkeep_market::{AssetClass, Bar, Interval, Timeframe, Ts};
use barkeep_plan::Horizon;
use barkeep_store::{PageCommit, RequestRow, SeriesId, StoreError};

/// What an answer says about the range it answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerVerdict {
    /// All bars the vendor has in it are here.
    Answered,
    /// There are none; valid until the given time.
    Empty { until: Ts },
    /// The plan does not include it; valid until the given time.
    Refused { until: Ts },
}

/// What an answer holds for one family of one symbol. A grouped day holds one for each symbol.
#[derive(Clone, Debug)]
pub struct FamilyAnswer {
    pub ids: Arc<SeriesIds>,
    /// The range this answers for, in whole base bars.
    pub answered: Interval,
    pub verdict: AnswerVerdict,
    pub bars: Vec<Bar>,
    pub horizon: Horizon,
}

/// The item of the plan that a page belongs to, for progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageOf {
    pub item: u64,
    /// The share of the item's range that is answered once this page is committed, 0 to 1.
    pub done: f64,
}

/// A page from its answer to its commit.
#[derive(Debug)]
pub struct PageJob {
    pub(super) state: PageState,
    /// The base series of its families. Pages of one family follow each other.
    pub(super) families: BTreeSet<SeriesId>,
    pub(super) fetched_at: Ts,
    pub(super) of: Option<PageOf>,
    /// Set when the page is queued, where the item is of another worker's plan.
    pub(super) report: Option<Arc<ItemReport>>,
    /// Whoever waits for the commit; set when the page is queued.
    pub(super) reply: Option<oneshot::Sender<Result<(), StoreError>>>,
    /// Where the time it takes is added up.
    pub(super) spent: Arc<Spent>,
    /// The same of the features that come with its bars.
    pub(super) spent_on_features: Arc<Spent>,
    /// Returned once the page is committed, so that an empty gate means that nothing is on its way.
    permit: Option<GatePermit>,
}

/// How far a page is.
#[derive(Debug)]
pub(super) enum PageState {
    /// As the vendor sent it.
    Fetched(Fetched),
    /// Validated, scored and derived: `commit` is what the database has to change.
    Prepared { commit: PageCommit, received: Vec<Received> },
    /// Handed to the database.
    Committing { received: Vec<Received> },
}

#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) answers: Vec<FamilyAnswer>,
    /// Recorded in the same transaction as the bars it brought.
    pub(super) request: Option<RequestRow>,
    /// Only this timeframe is written, computed from stored bars (no new base bars).
    pub(super) only: Option<Timeframe>,
}

/// How many bars of a series a page holds, derived ones included; in the order of the writes of the commit.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) series: SeriesKey,
    pub(super) class: AssetClass,
    pub(super) bars: u64,
    /// What is wrong with the first bar that cannot be believed.
    pub(super) doubt: Option<String>,
}

impl PageJob {
    /// An answer as it arrived, with the request that brought it, if it is to be recorded with it. It tells of the time
    /// when it was asked for: nothing later is in it, whenever it is read.
    #[must_use]
    pub fn fetched(answers: Vec<FamilyAnswer>, request: Option<RequestRow>, now: Ts) -> Self {
        let fetched_at = request.as_ref().map_or(now, |request| request.started_at);
        let families = answers.iter().map(|answer| answer.ids.base_id).collect();
        let state = PageState::Fetched(Fetched { answers, request, only: None });
        Self {
            state,
            families,
            fetched_at,
            of: None,
            report: None,
            reply: None,
            spent: Arc::default(),
            spent_on_features: Arc::default(),
            permit: None,
        }
    }

    /// Stored bars from which `timeframe` is computed; nothing else is written.
    #[must_use]
    pub fn derived(stored: FamilyAnswer, timeframe: Timeframe, at: Ts) -> Self {
        let mut job = Self::fetched(vec![stored], None, at);
        if let PageState::Fetched(fetched) = &mut job.state {
            fetched.only = Some(timeframe);
        }
        job
    }

    /// The same for an item of the plan. It keeps the item's permit until it is committed.
    #[must_use]
    pub fn of_item(self, item: u64, done: f64, permit: GatePermit) -> Self {
        Self { of: Some(PageOf { item, done }), permit: Some(permit), ..self }
    }

    /// Bars to be written; none before the page is prepared.
    pub(super) fn bars(&self) -> usize {
        match &self.state {
            PageState::Fetched(_) => 0,
            PageState::Prepared { received, .. } | PageState::Committing { received } => {
                received.iter().map(|series| series.bars).sum::<u64>() as usize
            }
        }
    }

    /// The series that its writer is chosen by; none before the page is prepared.
    pub(super) fn first_written(&self) -> Option<SeriesId> {
        match &self.state {
            PageState::Prepared { commit, .. } => commit.writes.first().map(|write| write.series),
            PageState::Fetched(_) | PageState::Committing { .. } => None,
        }
    }

    /// Takes out what the database has to change.
    pub(super) fn start_commit(&mut self) -> PageCommit {
        let taken = PageState::Committing { received: Vec::new() };
        match std::mem::replace(&mut self.state, taken) {
            PageState::Prepared { commit, received } => {
                self.state = PageState::Committing { received };
                commit
            }
            other => {
                self.state = other;
                PageCommit::default()
            }
        }
    }

    /// Tells whoever waits that the page is committed, or why not, and returns the permit.
    pub(super) fn finish(self, outcome: Result<(), StoreError>) {
        if let Some(reply) = self.reply {
            // The fetcher may have given up waiting; a committed page stays committed all the same.
            let _ = reply.send(outcome);
        }
        drop(self.permit);
    }
}

/// A page that was queued and is not committed yet.
#[derive(Debug)]
pub struct PendingCommit(pub(super) oneshot::Receiver<Result<(), StoreError>>);

impl PendingCommit {
    /// Waits for the commit.
    ///
    /// # Errors
    /// Why the page could not be written.
    pub async fn wait(self) -> Result<(), StoreError> {
        self.0.await.unwrap_or_else(|_| Err(StoreError::Unreachable("the writer has stopped".to_owned())))
    }
}
