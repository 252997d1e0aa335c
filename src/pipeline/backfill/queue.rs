//! The items of a round that have not begun, and those that other workers of the database carry out.
//!
//! While other services live, items are rows that any of them takes in one order; this process takes its own from there
//! too. What is planned, computed and closed stays here: what others have done is counted as if it had been done here, and
//! a family gets its features when its last item has ended, whoever ended it. An item whose worker died over it is planned
//! again from what is stored.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Run;
use crate::events::{Event, ItemInfo, Listener as _};
use crate::fetch::plan_start::PlanNews;
use crate::fetch::{ItemError, VendorCapabilities};
use barkeep_base::process::worker_mark;
use barkeep_plan::{Item, Request};
use barkeep_store::{Attempts, EndedItem, HeldItem, ItemPage, PlanItem, SharedPlans, StoreError, WorkerRole};
use barkeep_vendor::{Class, Fault};

/// How often it is looked whether there are others to share with.
const LOOK: Duration = Duration::from_secs(5);
/// How often it is looked what others have done.
const COLLECT: Duration = Duration::from_millis(250);
/// Items that others can take: with fewer, as many again are added.
const OPEN: usize = 64;

/// An item as other workers read it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SharedItem {
    pub(super) item: Item,
    /// What is known by then of the vendor's plan, as far as fetching needs it.
    pub(super) known: VendorCapabilities,
}

/// How an item ended at another worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ItemOutcome {
    /// Attempts that no page has told of.
    pub(super) attempts: Attempts,
    pub(super) learned: VendorCapabilities,
    pub(super) plan: PlanNews,
    pub(super) end: End,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    Fetched,
    Failed {
        class: Class,
        message: String,
    },
    /// It was given back, for somebody else to take.
    Released,
}

/// An item that others can take, or have taken.
struct Out {
    item: Item,
    is_begun: bool,
    /// Pages of it that are counted here.
    pages: u64,
    /// Why it is to end.
    stopped: Option<&'static str>,
}

/// An item that another worker has ended.
pub(super) struct EndedElsewhere {
    pub(super) number: u64,
    pub(super) item: Item,
    pub(super) outcome: Result<(), ItemError>,
}

pub(super) struct Queue<'r, 'b> {
    run: &'r Run<'b>,
    /// Those that were begun elsewhere and given back keep their number.
    waiting: VecDeque<(Option<u64>, Item)>,
    /// Under way in this process.
    here: BTreeMap<u64, Item>,
    /// Set once others share.
    out: Option<BTreeMap<u64, Out>>,
    may_share: bool,
    looked: Option<Instant>,
    collected: Option<Instant>,
    /// What the last look brought: its rows are deleted with the next.
    heard: Vec<u64>,
    is_withdrawn: bool,
}

impl<'r, 'b> Queue<'r, 'b> {
    /// `may_share`: whether others may take of it, when there are any.
    pub(super) fn new(run: &'r Run<'b>, items: Vec<Item>, may_share: bool) -> Self {
        // A file is kept on the disk of whoever began it, a fixed plan has no second round, and what is compared with stored
        // bars is remembered here.
        let is_here_only = run.backfill.plan.is_some() || run.backfill.selection.refetch || run.backfill.idle;
        let has_files = items.iter().any(|item| matches!(item.request, Request::FlatFile { .. }));
        Self {
            run,
            waiting: items.into_iter().map(|item| (None, item)).collect(),
            here: BTreeMap::new(),
            out: None,
            may_share: may_share && !is_here_only && !has_files,
            looked: None,
            collected: None,
            heard: Vec::new(),
            is_withdrawn: false,
        }
    }

    fn plans(&self) -> Option<&'r dyn SharedPlans> {
        let run = self.run;
        run.fetcher.engine.store.shared_plans()
    }

    /// Whether others have items of this round, or may take some.
    pub(super) fn is_shared(&self) -> bool {
        self.out.as_ref().is_some_and(|out| !out.is_empty())
    }

    /// The next item to be carried out here, and its number.
    pub(super) async fn next(&mut self) -> Result<Option<(u64, Item)>, StoreError> {
        self.look().await?;
        let taken = match (self.plans(), self.out.is_some()) {
            (Some(plans), true) => {
                self.refill(plans).await?;
                let taken = plans.take(Some(self.run.backfill.execution_id)).await?;
                taken.and_then(|row| Some((row.number, self.out.as_mut()?.remove(&row.number)?.item)))
            }
            _ => self.waiting.pop_front().map(|(number, item)| (number.unwrap_or_else(fresh_number), item)),
        };
        if let Some((number, item)) = &taken {
            self.here.insert(*number, item.clone());
        }
        Ok(taken)
    }

    /// An item has ended here.
    pub(super) async fn ended(&mut self, number: u64) -> Result<(), StoreError> {
        let was_here = self.here.remove(&number).is_some();
        match self.plans().filter(|_| was_here && self.out.is_some()) {
            Some(plans) => plans.end(self.run.backfill.execution_id, number, None).await,
            None => Ok(()),
        }
    }

    /// Begins to share when there is enough to do, and somebody to do it.
    async fn look(&mut self) -> Result<(), StoreError> {
        let is_due = self.looked.is_none_or(|at| at.elapsed() >= LOOK);
        let is_worthwhile = self.waiting.len() > 1 && self.run.fetcher.registry.is_done();
        let Some(plans) = self.plans().filter(|_| self.may_share && self.out.is_none() && is_due && is_worthwhile)
        else {
            return Ok(());
        };
        self.looked = Some(Instant::now());
        let store = &self.run.engine().store;
        let own = store.mark();
        let is_free = |role, worker| role == WorkerRole::Standby && worker_mark(worker) != own;
        if !store.workers().await?.iter().any(|worker| is_free(worker.role, worker.worker_id)) {
            return Ok(());
        }
        let here = self.here.iter().map(|(number, item)| self.row(*number, item)).collect::<Result<Vec<_>, _>>()?;
        plans.publish(here, true).await?;
        tracing::info!(items = self.waiting.len(), "the plan is shared with the services on standby");
        self.out = Some(BTreeMap::new());
        Ok(())
    }

    async fn refill(&mut self, plans: &dyn SharedPlans) -> Result<(), StoreError> {
        let open = self.out.iter().flat_map(BTreeMap::values).filter(|out| !out.is_begun).count();
        if open >= OPEN || self.waiting.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(OPEN);
        for (number, item) in self.waiting.iter_mut().take(OPEN) {
            rows.push((*number.get_or_insert_with(fresh_number), item.clone()));
        }
        let published = rows.iter().map(|(number, item)| self.row(*number, item)).collect::<Result<Vec<_>, _>>()?;
        plans.publish(published, false).await?;
        self.waiting.drain(..rows.len());
        let out = self.out.get_or_insert_default();
        out.extend(
            rows.into_iter().map(|(number, item)| (number, Out { item, is_begun: false, pages: 0, stopped: None })),
        );
        Ok(())
    }

    fn row(&self, number: u64, item: &Item) -> Result<PlanItem, StoreError> {
        let fetcher = &self.run.fetcher;
        let known = {
            let capabilities = fetcher.capabilities();
            VendorCapabilities { end_of_day: capabilities.end_of_day.clone(), ..VendorCapabilities::default() }
        };
        let family = item.request.family();
        let families = item.symbols.iter().filter_map(|symbol| Some((symbol.clone(), family?))).collect();
        let shared = SharedItem { item: item.clone(), known };
        Ok(PlanItem {
            execution_id: self.run.backfill.execution_id,
            number,
            priority: fetcher.priority(item).rank().0.into(),
            item: serde_json::to_string(&shared).map_err(|e| StoreError::Refused(e.to_string()))?,
            families,
        })
    }

    /// When it is to be looked again what others have done.
    pub(super) fn collect_at(&self) -> Instant {
        self.collected.map_or_else(Instant::now, |at| at + COLLECT)
    }

    /// Looks what others have done; those of their items that have ended. Must not be dropped before it ends.
    pub(super) async fn collect(&mut self) -> Result<Vec<EndedElsewhere>, StoreError> {
        self.collected = Some(Instant::now());
        let Some(plans) = self.plans() else { return Ok(Vec::new()) };
        let execution = self.run.backfill.execution_id;
        let collected = plans.collect(execution, self.heard.clone()).await?;
        self.heard = collected.ended.iter().map(|ended| ended.number).collect();
        let mut stop = Vec::new();
        for held in &collected.held {
            stop.extend(self.hear(held));
        }
        if !stop.is_empty() {
            plans.stop(execution, stop).await?;
        }
        if self.here.is_empty() {
            self.find_lost(plans).await?;
        }
        let ended = collected.ended.into_iter().filter_map(|ended| self.take_back(ended)).collect();
        // What was given back and not begun has its turn again at once.
        self.heard.retain(|number| self.waiting.iter().all(|(waiting, _)| *waiting != Some(*number)));
        if self.out.is_some() && !self.is_withdrawn {
            self.refill(plans).await?;
        }
        Ok(ended)
    }

    /// Items that were taken here by a statement whose answer was lost.
    async fn find_lost(&mut self, plans: &dyn SharedPlans) -> Result<(), StoreError> {
        let execution = self.run.backfill.execution_id;
        for lost in plans.own().await?.into_iter().filter(|item| item.execution_id == execution) {
            plans.end(execution, lost.number, None).await?;
            let out = self.out.as_mut().and_then(|out| out.remove(&lost.number));
            self.waiting.extend(out.map(|out| (Some(lost.number), out.item)));
        }
        Ok(())
    }

    /// Another worker has an item; its number when that is to be ended.
    fn hear(&mut self, held: &HeldItem) -> Option<u64> {
        let (run, out) = (self.run, self.out.as_mut()?.get_mut(&held.number)?);
        begin(run, held.number, out);
        count(run, held.number, out, &held.pages);
        let purpose = run.fetcher.purpose(&out.item)?;
        let refusal = run.engine().gate.refusal(&purpose).filter(|_| out.stopped.is_none())?;
        out.stopped = Some(refusal.reason());
        Some(held.number)
    }

    /// Another worker has ended an item, or died over it.
    fn take_back(&mut self, ended: EndedItem) -> Option<EndedElsewhere> {
        let (run, number) = (self.run, ended.number);
        let mut out = self.out.as_mut()?.remove(&number)?;
        begin(run, number, &mut out);
        count(run, number, &mut out, &ended.pages);
        let outcome: Option<ItemOutcome> = ended.outcome.and_then(|text| serde_json::from_str(&text).ok());
        let end = outcome.map(|outcome| {
            run.fetcher.progress.add_attempts(outcome.attempts);
            run.fetcher.capabilities().add(outcome.learned);
            run.fetcher.plan_history().add(&outcome.plan);
            outcome.end
        });
        let end = match end {
            // It stopped by itself, so another may go on.
            Some(End::Failed { class: Class::Cancelled, .. }) if out.stopped.is_none() => Some(End::Released),
            other => other,
        };
        let outcome = match end {
            Some(End::Failed { class, message }) => {
                let message = out.stopped.map_or(message, str::to_owned);
                Err(ItemError::Vendor(Fault::new(class, message)))
            }
            Some(End::Fetched) => Ok(()),
            Some(End::Released) | None if self.is_withdrawn => return None,
            Some(End::Released) | None if out.pages == 0 => {
                self.waiting.push_front((Some(number), out.item));
                return None;
            }
            // Its pages are stored; the next round asks for the rest.
            Some(End::Released) | None => {
                run.again.store(true, Ordering::Relaxed);
                run.fetcher.progress.on_event(Event::Finished { item: number });
                return None;
            }
        };
        Some(EndedElsewhere { number, item: out.item, outcome })
    }

    /// Nothing more begins, and others end what they have.
    pub(super) async fn withdraw(&mut self) -> Result<(), StoreError> {
        self.waiting.clear();
        if std::mem::replace(&mut self.is_withdrawn, true) {
            return Ok(());
        }
        let execution = self.run.backfill.execution_id;
        let (Some(plans), Some(out)) = (self.plans(), self.out.as_mut()) else { return Ok(()) };
        for number in plans.withdraw(execution, out.keys().copied().collect()).await? {
            out.remove(&number);
        }
        Ok(())
    }

    /// The database, or the execution, is lost: what others do is not waited for.
    pub(super) fn give_up(&mut self) {
        self.waiting.clear();
        self.out.iter_mut().for_each(BTreeMap::clear);
        self.is_withdrawn = true;
    }
}

fn fresh_number() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

fn begin(run: &Run<'_>, number: u64, out: &mut Out) {
    if !std::mem::replace(&mut out.is_begun, true) {
        run.fetcher.progress.on_event(Event::Started { item: number, info: ItemInfo::of(&out.item) });
    }
}

/// Counts the pages of an item that are not counted yet.
fn count(run: &Run<'_>, number: u64, out: &mut Out, pages: &[ItemPage]) {
    for page in pages {
        // A commit whose answer was lost is there twice.
        if page.number < out.pages {
            continue;
        }
        out.pages = page.number + 1;
        let progress = &run.fetcher.progress;
        progress.add_attempts(page.attempts);
        if let Some(done) = page.done {
            progress.on_event(Event::PageFetched { item: number, done, more: done < 1.0 });
            if out.item.recheck {
                progress.add_recheck();
            }
        }
        for ((symbol, timeframe, received), outcome) in page.received.iter().zip(&page.outcomes) {
            let key = (symbol.clone(), *timeframe);
            run.statuses().add(&key, *received, *outcome, page.fetched_at);
            progress.on_event(Event::Committed {
                item: page.done.map(|_| number),
                symbol: key.0,
                timeframe: *timeframe,
                received: *received,
                outcome: *outcome,
                done: page.done.unwrap_or_default(),
            });
        }
    }
}
