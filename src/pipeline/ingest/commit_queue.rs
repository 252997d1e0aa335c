//! Which page is worked on when.
//!
//! Pages of one family follow each other, because each is scored against the bars before it; pages of different families
//! are prepared side by side. A transaction takes every page that is ready when it begins: one when the vendor is the
//! slower side, many when the database is, which then saves it most of its round trips and disk flushes. While one is
//! written, a second that is worth it already waits in the writer's queue. A page is never split, so a crash still loses
//! no committed page and tears none.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::prepare::{Prepared, prepare};
use super::{Arrival, Committed, Outcome, Queued};
use crate::gate::Permit;
use crate::summary::RunCounts;
use barkeep_base::timing::{self, Phase, Spent};
use barkeep_market::Calendar;
use barkeep_store::{SeriesId, Store, StoreError, WriteOutcome};

/// Pages taken up and not yet settled. With more, fetchers wait.
const PAGES: usize = 8;
/// Pages prepared at once.
const PREPARING: usize = 2;
/// Bars that a transaction takes of further pages, beside its first: 8 MB on their way to the database.
const BARS: usize = 60_000;
/// Transactions handed to the writer: the one it works on, and one so that it need not wait for this desk in between
/// (measured: 3 to 10 ms while both processors decode).
const TRANSACTIONS: usize = 2;
/// Bars that make a second transaction worth it; fewer wait for company.
const WORTH: usize = BARS / 2;

/// A page that waits for its commit.
struct Ready {
    prepared: Prepared,
    waiting: Waiting,
}

/// What outlives the preparation of a page.
struct Waiting {
    families: BTreeSet<SeriesId>,
    ack: oneshot::Sender<Outcome>,
    spent: Arc<Spent>,
    /// Dropped with the rest once the page is settled.
    _pass: Option<Permit>,
}

impl Waiting {
    fn settle(self, outcome: Outcome) {
        // The sender may have given up waiting; the page is committed all the same.
        let _ = self.ack.send(outcome);
    }
}

/// What a task brings back.
enum Done {
    Prepared(Waiting, Box<Result<Prepared, StoreError>>),
    Committed(Vec<Ready>, Result<Vec<Vec<WriteOutcome>>, StoreError>),
}

pub(super) struct CommitQueue {
    store: Arc<dyn Store>,
    calendar: Arc<Calendar>,
    tally: Arc<Mutex<RunCounts>>,
    /// In the order they came.
    queued: VecDeque<Queued>,
    ready: Vec<Ready>,
    /// Families with a page between here and the database, by their base series.
    busy: BTreeSet<SeriesId>,
    tasks: JoinSet<Done>,
    preparing: usize,
    /// Pages of the transactions under way, and these.
    committing: usize,
    transactions: usize,
    /// Ends the run; what comes after it must not wait for a lost database in turn.
    failure: Option<StoreError>,
}

fn families(arrival: &Arrival) -> BTreeSet<SeriesId> {
    arrival.parts.iter().map(|part| part.keys.base_id).collect()
}

impl CommitQueue {
    pub(super) fn new(store: Arc<dyn Store>, calendar: Arc<Calendar>, tally: Arc<Mutex<RunCounts>>) -> Self {
        Self {
            store,
            calendar,
            tally,
            queued: VecDeque::new(),
            ready: Vec::new(),
            busy: BTreeSet::new(),
            tasks: JoinSet::new(),
            preparing: 0,
            committing: 0,
            transactions: 0,
            failure: None,
        }
    }

    pub(super) async fn serve(mut self, mut arrivals: mpsc::Receiver<Queued>) {
        let mut open = true;
        while open || !self.tasks.is_empty() {
            let taken = self.queued.len() + self.preparing + self.ready.len() + self.committing;
            // Only channels and task handles are waited for here; nothing that may not be dropped half-way.
            tokio::select! {
                biased;
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => match done {
                    Ok(done) => self.note(done),
                    Err(e) => self.broke(&e),
                },
                next = arrivals.recv(), if open && taken < PAGES => match next {
                    Some(page) => self.queued.push_back(page),
                    None => open = false,
                },
            }
            self.refuse_after_failure();
            self.start_preparing();
            self.start_commit();
        }
    }

    fn refuse_after_failure(&mut self) {
        let Some(failure) = &self.failure else { return };
        for page in self.queued.drain(..) {
            let _ = page.ack.send(Err(failure.clone()));
        }
        for page in self.ready.drain(..) {
            page.waiting.settle(Err(failure.clone()));
        }
    }

    fn start_preparing(&mut self) {
        // Families of pages passed over: a later page of theirs must not overtake.
        let mut passed = BTreeSet::new();
        let mut at = 0;
        while let Some(page) = self.queued.get(at).filter(|_| self.preparing < PREPARING) {
            let families = families(&page.arrival);
            if !families.is_disjoint(&self.busy) || !families.is_disjoint(&passed) {
                passed.extend(families);
                at += 1;
                continue;
            }
            let Some(Queued { mut arrival, ack, spent }) = self.queued.remove(at) else { return };
            self.busy.extend(families.iter().copied());
            let waiting = Waiting { families, ack, spent, _pass: arrival.pass.take() };
            let (store, calendar, tally) = (self.store.clone(), self.calendar.clone(), self.tally.clone());
            self.preparing += 1;
            self.tasks.spawn(async move {
                let work = prepare(store.as_ref(), &calendar, &tally, arrival);
                let prepared = timing::scope(waiting.spent.clone(), work).await;
                Done::Prepared(waiting, Box::new(prepared))
            });
        }
    }

    fn start_commit(&mut self) {
        let ready: usize = self.ready.iter().map(Ready::bars).sum();
        let worth = self.transactions == 0 || (self.transactions < TRANSACTIONS && ready >= WORTH);
        if self.ready.is_empty() || !worth {
            return;
        }
        let mut bars = 0;
        let more = self.ready.iter().skip(1).take_while(|page| {
            bars += page.bars();
            bars <= BARS
        });
        let count = 1 + more.count();
        let pages: Vec<Ready> = self.ready.drain(..count).collect();
        self.committing += pages.len();
        self.transactions += 1;
        let store = self.store.clone();
        self.tasks.spawn(commit(store, pages));
    }

    fn note(&mut self, done: Done) {
        match done {
            Done::Prepared(waiting, prepared) => {
                self.preparing = self.preparing.saturating_sub(1);
                match *prepared {
                    Ok(prepared) => self.ready.push(Ready { prepared, waiting }),
                    Err(e) => {
                        self.release(&waiting);
                        self.failure.get_or_insert_with(|| e.clone());
                        waiting.settle(Err(e));
                    }
                }
            }
            Done::Committed(pages, Ok(outcomes)) => {
                self.committed(&pages);
                for (page, outcomes) in pages.into_iter().zip(outcomes) {
                    self.release(&page.waiting);
                    let committed = self.count(page.prepared, outcomes);
                    page.waiting.settle(Ok(committed));
                }
            }
            Done::Committed(pages, Err(e)) => {
                self.committed(&pages);
                self.failure.get_or_insert_with(|| e.clone());
                for page in pages {
                    self.release(&page.waiting);
                    page.waiting.settle(Err(e.clone()));
                }
            }
        }
    }

    /// A task that panicked took its pages with it; whoever waits for them is told by the dropped channel.
    fn broke(&mut self, error: &tokio::task::JoinError) {
        tracing::error!(%error, "a page could not be worked on");
        let lost = StoreError::Refused("an ingest task broke; see the log".to_owned());
        self.failure.get_or_insert(lost);
        (self.preparing, self.committing, self.transactions) = (0, 0, 0);
    }

    fn committed(&mut self, pages: &[Ready]) {
        self.committing = self.committing.saturating_sub(pages.len());
        self.transactions = self.transactions.saturating_sub(1);
    }

    fn release(&mut self, page: &Waiting) {
        self.busy.retain(|family| !page.families.contains(family));
    }

    fn count(&self, prepared: Prepared, outcomes: Vec<WriteOutcome>) -> Vec<Committed> {
        let Prepared { names, received, fetched_at, .. } = prepared;
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let done = names.into_iter().zip(received).zip(outcomes);
        done.map(|(((symbol, timeframe), received), outcome)| {
            tally.add(&(symbol.clone(), timeframe), received, outcome, fetched_at);
            Committed { symbol, timeframe, outcome }
        })
        .collect()
    }
}

impl Ready {
    fn bars(&self) -> usize {
        self.prepared.received.iter().sum::<u64>() as usize
    }
}

/// Commits pages together, and shares the time out by their bars.
async fn commit(store: Arc<dyn Store>, mut pages: Vec<Ready>) -> Done {
    let start = Instant::now();
    let commits = pages.iter_mut().map(|page| std::mem::take(&mut page.prepared.page)).collect::<Vec<_>>();
    let outcome = store.commit_pages(commits.into()).await;
    let took = start.elapsed();
    let all = pages.iter().map(Ready::bars).sum::<usize>() + pages.len();
    for page in &pages {
        let share = (page.bars() + 1) as f64 / all as f64;
        page.waiting.spent.add(Phase::Database, took.mul_f64(share));
    }
    Done::Committed(pages, outcome)
}
