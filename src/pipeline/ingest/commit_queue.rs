//! Which page is prepared and committed when.
//!
//! Pages of one family follow each other, because each is scored against the bars before it; pages of different families
//! are prepared side by side. A transaction takes every page that is prepared when it begins: one when the vendor is the
//! slower side, many when the database is, which then saves it most of its round trips and disk flushes. While one is
//! written, a second that is large enough already waits in the writer's queue. A page is never split, so a crash still
//! loses no committed page and tears none. Where the database has several writers, each takes the pages of its own series
//! and waits for no other.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::IngestContext;
use super::page_job::{PageJob, PageState, Received};
use super::prepare::prepare;
use crate::events::{Event, ItemTiming, Listener as _};
use barkeep_base::format::{count, plural};
use barkeep_base::text::printable;
use barkeep_base::timing::{self, Phase};
use barkeep_features::{PageSeries, Recent};
use barkeep_market::Symbol;
use barkeep_store::{PageCommit, SeriesId, SeriesWrite, Store, StoreError, WriteOutcome};

/// Pages between here and the database. With more, fetchers wait.
const PAGES: usize = 8;
/// Further ones for each writer beside the first.
const PAGES_MORE: usize = 4;
/// Pages prepared at once, at least.
const PREPARING: usize = 2;
/// Bars that a transaction takes of further pages, beside its first: 8 MB on their way to the database, with features 16.
const BARS: usize = 60_000;
const BARS_WITH_FEATURES: usize = BARS / 2;
/// Transactions handed to a writer: the one it works on, and one so that it need not wait for this queue in between
/// (measured: 3 to 10 ms while both processors decode).
const TRANSACTIONS: usize = 2;
/// Bars that make a second transaction worthwhile; fewer wait for more pages.
const MIN_SECOND_BATCH: usize = BARS / 2;

type Prepared = (PageJob, Result<(), StoreError>);
/// The writer, its pages and what became of them.
type Committed = (usize, Vec<PageJob>, Result<Vec<Vec<WriteOutcome>>, StoreError>);

pub(super) struct CommitQueue {
    context: IngestContext,
    /// In the order they came.
    fetched: VecDeque<PageJob>,
    prepared: Vec<PageJob>,
    /// Families with a page between here and the database, by their base series.
    busy: BTreeSet<SeriesId>,
    preparing: JoinSet<Prepared>,
    committing: JoinSet<Committed>,
    /// Transactions under way, by writer.
    transactions: Vec<usize>,
    /// Pages of the transactions under way.
    committing_pages: usize,
    /// Ends the run; what comes after it must not wait for a lost database in turn.
    failure: Option<StoreError>,
}

impl CommitQueue {
    pub(super) fn new(context: IngestContext) -> Self {
        Self {
            transactions: vec![0; context.store.writers().max(1)],
            context,
            fetched: VecDeque::new(),
            prepared: Vec::new(),
            busy: BTreeSet::new(),
            preparing: JoinSet::new(),
            committing: JoinSet::new(),
            committing_pages: 0,
            failure: None,
        }
    }

    pub(super) async fn run(mut self, mut pages: mpsc::Receiver<PageJob>) {
        let mut open = true;
        let most = PAGES + PAGES_MORE * (self.transactions.len() - 1);
        while open || !self.preparing.is_empty() || !self.committing.is_empty() {
            let pending = self.fetched.len() + self.preparing.len() + self.prepared.len() + self.committing_pages;
            // Only channels and task handles are waited for here; nothing that may not be dropped half-way.
            tokio::select! {
                biased;
                Some(done) = self.committing.join_next(), if !self.committing.is_empty() => self.on_committed(done),
                Some(done) = self.preparing.join_next(), if !self.preparing.is_empty() => self.on_prepared(done),
                next = pages.recv(), if open && pending < most => match next {
                    Some(page) => self.fetched.push_back(page),
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
        for page in self.fetched.drain(..).chain(self.prepared.drain(..)) {
            page.finish(Err(failure.clone()));
        }
    }

    fn start_preparing(&mut self) {
        // Families of pages passed over: a later page of theirs must not overtake.
        let mut passed = BTreeSet::new();
        let most = PREPARING.max(self.transactions.len());
        let mut at = 0;
        while let Some(page) = self.fetched.get(at).filter(|_| self.preparing.len() < most) {
            if !page.families.is_disjoint(&self.busy) || !page.families.is_disjoint(&passed) {
                passed.extend(page.families.iter().copied());
                at += 1;
                continue;
            }
            let Some(mut page) = self.fetched.remove(at) else { return };
            self.busy.extend(page.families.iter().copied());
            let context = self.context.clone();
            self.preparing.spawn(async move {
                let spent = Arc::clone(&page.spent);
                let outcome = timing::scope(spent, prepare(&context, &mut page)).await;
                (page, outcome)
            });
        }
    }

    fn start_commit(&mut self) {
        for writer in 0..self.transactions.len() {
            self.start_commit_of(writer);
        }
    }

    /// Hands a writer its pages that are prepared, if that is worthwhile.
    fn start_commit_of(&mut self, writer: usize) {
        let store = Arc::clone(&self.context.store);
        let is_its = |page: &PageJob| page.first_written().map_or(0, |series| store.writer_of(series)) == writer;
        let bars: usize = self.prepared.iter().filter(|page| is_its(page)).map(PageJob::bars).sum();
        let Some(transactions) = self.transactions.get_mut(writer) else { return };
        let worthwhile = *transactions == 0 || (*transactions < TRANSACTIONS && bars >= MIN_SECOND_BATCH);
        if !worthwhile {
            return;
        }
        // The first page always goes, however large; further ones as far as the batch holds them.
        let (mut further, mut is_full) = (None, false);
        let most = if self.context.recent.is_some() { BARS_WITH_FEATURES } else { BARS };
        let pages: Vec<PageJob> = self
            .prepared
            .extract_if(.., |page| {
                if is_full || !is_its(page) {
                    return false;
                }
                let held = further.map_or(0, |held: usize| held + page.bars());
                is_full = held > most;
                if !is_full {
                    further = Some(held);
                }
                !is_full
            })
            .collect();
        if pages.is_empty() {
            return;
        }
        *transactions += 1;
        self.committing_pages += pages.len();
        self.committing.spawn(commit(store, self.context.recent.clone(), writer, pages));
    }

    fn on_prepared(&mut self, done: Result<Prepared, JoinError>) {
        match done {
            Ok((page, Ok(()))) => self.prepared.push(page),
            Ok((page, Err(e))) => self.fail(page, e),
            Err(e) => self.panicked(&e),
        }
    }

    fn on_committed(&mut self, done: Result<Committed, JoinError>) {
        let (writer, pages, outcome) = match done {
            Ok(done) => done,
            Err(e) => {
                // Which pages were lost with the task cannot be told; nothing more is committed anyway.
                self.committing_pages = 0;
                return self.panicked(&e);
            }
        };
        self.committing_pages = self.committing_pages.saturating_sub(pages.len());
        self.transactions.get_mut(writer).into_iter().for_each(|under_way| *under_way = under_way.saturating_sub(1));
        match outcome {
            Ok(outcomes) => {
                for (page, outcomes) in pages.into_iter().zip(outcomes) {
                    self.release(&page);
                    self.report(&page, outcomes);
                    page.finish(Ok(()));
                }
            }
            Err(e) => pages.into_iter().for_each(|page| self.fail(page, e.clone())),
        }
    }

    fn fail(&mut self, page: PageJob, error: StoreError) {
        self.release(&page);
        self.failure.get_or_insert_with(|| error.clone());
        page.finish(Err(error));
    }

    /// A task that panicked took its pages with it; whoever waits for them sees the channel closed.
    fn panicked(&mut self, error: &JoinError) {
        tracing::error!(%error, "an ingest task panicked");
        let lost = StoreError::Refused("an ingest task panicked; see the log".to_owned());
        self.failure.get_or_insert(lost);
    }

    fn release(&mut self, page: &PageJob) {
        self.busy.retain(|family| !page.families.contains(family));
    }

    /// Counts a committed page, series by series.
    fn report(&self, page: &PageJob, outcomes: Vec<WriteOutcome>) {
        let PageState::Committing { received } = &page.state else { return };
        tell(received, &outcomes, page.families.len());
        if outcomes.iter().any(|outcome| outcome.features.is_some()) {
            let symbols: BTreeSet<Symbol> = received.iter().map(|received| received.series.0.clone()).collect();
            let spent = Arc::clone(&page.spent_on_features);
            self.context.progress.on_timing(ItemTiming::of_features(symbols, spent.total(), spent));
        }
        for (received, outcome) in received.iter().zip(outcomes) {
            let (symbol, timeframe) = received.series.clone();
            {
                let mut statuses = self.context.statuses.lock().unwrap_or_else(PoisonError::into_inner);
                statuses.add(&received.series, received.bars, outcome, page.fetched_at);
                if let Some(features) = outcome.features {
                    statuses.add_features(&received.series, features.written, None);
                    self.context.progress.add_features(features.written);
                }
            }
            self.context.progress.on_event(Event::Committed {
                item: page.of.map(|of| of.item),
                symbol,
                timeframe,
                received: received.bars,
                outcome,
                done: page.of.map_or(0.0, |of| of.done),
            });
        }
    }
}

/// Says in the log what a page brought. Coarser bars go without saying, and so does a page that changed nothing.
fn tell(received: &[Received], outcomes: &[WriteOutcome], families: usize) {
    for (Received { series: (symbol, timeframe), doubt, .. }, outcome) in received.iter().zip(outcomes) {
        if outcome.stale > 0 {
            tracing::warn!(
                "{symbol} {timeframe}: dropped an answer that was requested before a newer one already stored"
            );
        }
        if let Some(doubt) = doubt.as_ref().filter(|_| outcome.quarantined > 0) {
            let bars = plural(outcome.quarantined, "bar");
            tracing::warn!("{symbol} {timeframe}: {bars} quarantined, the first at {}", printable(doubt));
        }
    }
    let changes = |outcome: &WriteOutcome| outcome.inserted + outcome.revised;
    let Some((Received { series: (symbol, timeframe), .. }, own)) = received.iter().zip(outcomes).next() else {
        return;
    };
    if families > 1 {
        let written: u64 = outcomes.iter().map(changes).sum();
        if written > 0 {
            tracing::info!("{timeframe} of {families} symbols: {} written", plural(written, "bar"));
        }
    } else if changes(own) > 0 {
        let bars = plural(changes(own), "bar");
        let revised = if own.revised > 0 { format!(", {} of them revised", count(own.revised)) } else { String::new() };
        tracing::info!("{symbol} {timeframe}: {bars} written{revised}");
    }
}

/// Commits pages together, and shares the time out by their rows.
async fn commit(
    store: Arc<dyn Store>,
    recent: Option<Arc<Recent>>,
    writer: usize,
    mut pages: Vec<PageJob>,
) -> Committed {
    let mut commits = Vec::with_capacity(pages.len());
    for page in &mut pages {
        let mut commit = page.start_commit();
        if let Some(recent) = &recent
            && let Err(e) = add_features(store.as_ref(), recent, page, &mut commit).await
        {
            return (writer, pages, Err(e));
        }
        commits.push(commit);
    }
    let commits: Arc<[PageCommit]> = commits.into();
    let start = Instant::now();
    let outcome = store.commit_pages(Arc::clone(&commits)).await;
    if let (Some(recent), Ok(outcomes)) = (recent, &outcome) {
        let writes = commits.iter().flat_map(|page| &page.writes);
        writes.zip(outcomes.iter().flatten()).for_each(|(write, outcome)| recent.note(write, outcome));
    }
    let took = start.elapsed();
    let of_features = |commit: &PageCommit| commit.features.iter().map(|write| write.rows.len()).sum::<usize>();
    let all = pages.iter().map(|page| page.bars() + 1).chain(commits.iter().map(of_features)).sum::<usize>();
    let share = |rows: usize| took.mul_f64(rows as f64 / all as f64);
    for (page, commit) in pages.iter().zip(commits.iter()) {
        page.spent.add(Phase::Database, share(page.bars() + 1));
        page.spent_on_features.add(Phase::Database, share(of_features(commit)));
    }
    (writer, pages, outcome)
}

async fn add_features(
    store: &dyn Store,
    recent: &Recent,
    page: &PageJob,
    commit: &mut PageCommit,
) -> Result<(), StoreError> {
    let PageState::Committing { received } = &page.state else { return Ok(()) };
    let written = |(received, write): (&Received, &SeriesWrite)| {
        let (symbol, timeframe) = received.series.clone();
        PageSeries { series: write.series, symbol, timeframe, class: received.class }
    };
    let series: Vec<PageSeries> = received.iter().zip(&commit.writes).map(written).collect();
    timing::scope(Arc::clone(&page.spent_on_features), recent.add_features(store, &series, commit, page.fetched_at))
        .await
}
