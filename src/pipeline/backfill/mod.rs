//! A backfill from beginning to end: plan, fetch, plan again, until the vendor has nothing more.
//!
//! A run works in rounds. Each round plans from what coverage says, carries the plan out, and ends; another follows
//! while answers showed something new (a leading gap, a symbol missing from a grouped answer, an end-of-day plan).
//! A series that failed in this run is not requested again by it; its gap stays open for the next.
//!
//! The way of a run: `planning` reads what is known, `survey` works out the plan, `opening` makes ready, `modes` carries out the plan of each
//! round, `local` computes what needs no request, `split_watch` holds splits against prices, `closing` adds up with what
//! `unfinished` finds and `naming` learns. `wanted` says which range each series should have, `refetch` what is different
//! when stored bars are asked again.

mod closing;
mod helping;
mod local;
mod modes;
mod naming;
mod opening;
mod planning;
mod queue;
mod refetch;
mod split_watch;
mod survey;
mod turn;
mod unfinished;
mod wanted;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use self::helping::help;
use self::planning::estimated_seconds;
pub use self::refetch::RESTATED;
use self::split_watch::SplitWatch;
use self::survey::PlanningContext;
use self::wanted::Wanted;
pub use self::wanted::gaps;
use super::features::FeatureRunner;
use super::fetch::Fetcher;
use super::select::{SelectError, Selection};
use super::summary::Summary;
use super::{EngineContext, RunContext};
use crate::claim::Claim;
use crate::events::{Event, Listener};
use crate::index::coverage::CoverageIndex;
use crate::progress::{RunInfo, RunProgress};
use barkeep_config::Mode;
use barkeep_market::{Family, Symbol};
use barkeep_names::dead::close_failed;
pub use barkeep_names::dead::{close_dead_executions, close_open, close_own};
use barkeep_plan::Plan;
use barkeep_progress::series_statuses::SeriesStatuses;
use barkeep_store::{ExecutionRow, StoreError, Trigger};
use barkeep_vendor::Fault;

/// Rounds a run may take. Two are usual; a new fact about the vendor's plan takes one more each.
const MOST_ROUNDS: usize = 8;

/// What to do.
#[derive(Clone, Debug)]
pub struct Backfill {
    /// The execution's id; a new one for every run.
    pub execution_id: Uuid,
    pub selection: Selection,
    pub mode: Mode,
    pub trigger: Trigger,
    /// Leave old gaps to the daily full check and request only what is missing up to now.
    pub newest_only: bool,
    /// Run exactly this plan instead of making one.
    pub plan: Option<Plan>,
    /// Started because nothing else waits: its requests let everybody else go first.
    pub idle: bool,
    /// Wait until all of it is free, although the schedule asks.
    pub whole: bool,
}

/// Why a run could not be finished at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Selection(#[from] SelectError),
    /// It was cancelled before its turn came, or came to anything.
    #[error("cancelled before it began")]
    CancelledInLine,
    #[error(transparent)]
    KeyRefused(Fault),
    #[error(transparent)]
    Store(#[from] StoreError),
}

const TAKEN_OVER: &str = "another execution has taken over the series, after this process sent no heartbeat for 30 s; nothing more was requested";

impl Backfill {
    /// A run of everything that is missing.
    #[must_use]
    pub fn new(selection: Selection, mode: Mode, trigger: Trigger) -> Self {
        Self {
            execution_id: Uuid::new_v4(),
            selection,
            mode,
            trigger,
            newest_only: false,
            plan: None,
            idle: false,
            whole: false,
        }
    }

    /// Runs to the end, or until `cancel`. Pages in flight are committed either way.
    ///
    /// # Errors
    /// When the run could not be finished at all. One that ends with gaps is no error; its [`Summary`] says so.
    pub async fn run(
        &self,
        engine: &EngineContext,
        listener: Arc<dyn Listener>,
        cancel: CancellationToken,
    ) -> Result<Summary, RunError> {
        self.run_with(engine, self.progress(engine, listener), cancel).await
    }

    /// The progress of this run, before it begins. `listener` gets every event after it is counted.
    #[must_use]
    pub fn progress(&self, engine: &EngineContext, listener: Arc<dyn Listener>) -> Arc<RunProgress> {
        let run = RunInfo { execution_id: self.execution_id, trigger: self.trigger, mode: self.mode };
        Arc::new(RunProgress::new(&run, Arc::clone(&engine.clock), listener))
    }

    /// The same for a caller that reads the progress while it runs.
    ///
    /// # Errors
    /// As [`Backfill::run`].
    pub async fn run_with(
        &self,
        engine: &EngineContext,
        progress: Arc<RunProgress>,
        cancel: CancellationToken,
    ) -> Result<Summary, RunError> {
        let shared = engine;
        let claim = shared.claims.open(&shared.store, self.execution_id);
        match self.run_claimed(shared, &claim, progress, cancel).await {
            Err(RunError::Store(error)) => {
                let error = close_failed(shared.store.as_ref(), self.execution_id, error, shared.clock.now()).await;
                // It is not waited for once more.
                drop(claim);
                Err(RunError::Store(error))
            }
            outcome => {
                claim.release().await;
                outcome
            }
        }
    }

    async fn run_claimed(
        &self,
        shared: &EngineContext,
        claim: &Claim,
        progress: Arc<RunProgress>,
        cancel: CancellationToken,
    ) -> Result<Summary, RunError> {
        let before = shared.store.execution(self.execution_id).await?;
        let (engine, context) = self.take_turn(shared, claim, before.as_ref(), &progress, &cancel).await?;
        let engine = &engine;
        // Whoever takes the series over ends it at once.
        let stop = cancel.child_token();
        let (run, writer) = Run::open(self, engine, context, before.as_ref(), progress, &stop);
        if let Some(before) = &before {
            // Whoever watches the queued execution sees that it has started.
            engine.store.take_execution(&run.execution, &before.owner).await?;
        }
        let outcome = {
            let mut rounds = Box::pin(run.rounds());
            tokio::select! {
                outcome = &mut rounds => outcome,
                () = claim.lost().cancelled() => {
                    stop.cancel();
                    let _ = rounds.await;
                    Err(RunError::Store(StoreError::TakenOver(TAKEN_OVER.to_owned())))
                }
            }
        };
        let summary = if outcome.is_ok() && cancel.is_cancelled() && run.left_nothing() {
            Err(RunError::CancelledInLine)
        } else {
            run.finish(outcome, &cancel).await
        };
        if run.split_watch().reopened {
            shared.calendar.publish(crate::calendar(engine.store.as_ref()).await?);
        }
        drop(run);
        // Every sender is gone, so the writer ends once its queue is empty.
        let _ = writer.await;
        summary
    }
}

/// A run under way.
struct Run<'a> {
    backfill: &'a Backfill,
    context: Arc<PlanningContext>,
    statuses: Arc<Mutex<SeriesStatuses>>,
    execution: ExecutionRow,
    /// Families that failed in this run, with the reason.
    failed: Mutex<BTreeMap<(Symbol, Family), String>>,
    split_watch: Mutex<SplitWatch>,
    /// A worker died over an item, or gave it back: what is left of it is planned again.
    again: AtomicBool,
    fetcher: Arc<Fetcher>,
    feature_runner: Arc<FeatureRunner>,
}

impl Run<'_> {
    fn engine(&self) -> &RunContext {
        &self.fetcher.engine
    }

    fn failed(&self) -> MutexGuard<'_, BTreeMap<(Symbol, Family), String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn split_watch(&self) -> MutexGuard<'_, SplitWatch> {
        self.split_watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn statuses(&self) -> MutexGuard<'_, SeriesStatuses> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wanted(&self) -> Wanted<'_> {
        self.context.wanted(&self.backfill.selection, self.engine())
    }

    fn progress_mark(&self) -> (u64, u64) {
        (self.fetcher.progress.totals().commits, self.fetcher.capabilities().learned)
    }

    /// A run of the schedule that has not asked anything comes again by itself: nothing of it is stored, and to close
    /// thousands of series that were never begun would only keep the service from stopping.
    fn left_nothing(&self) -> bool {
        let is_asked = self.fetcher.progress.totals().requests > 0 || self.fetcher.registry.is_done();
        self.fetcher.scheduled && !is_asked
    }

    /// Round after round until one brings nothing new, then what needs no request.
    async fn rounds(&self) -> Result<(), RunError> {
        for round in 0..MOST_ROUNDS {
            if self.fetcher.cancel.is_cancelled() {
                break;
            }
            let coverage = match round {
                0 => None,
                _ => Some(
                    CoverageIndex::read(self.engine().store.as_ref(), &self.context.targets, self.engine().clock.now())
                        .await?
                        .asked_since(self.context.now),
                ),
            };
            let mut plan = match (&self.backfill.plan, round) {
                (Some(fixed), 0) => fixed.clone(),
                (Some(_), _) => break,
                (None, _) => {
                    let capabilities = self.fetcher.capabilities().clone();
                    let mut market = tokio::select! {
                        () = self.fetcher.cancel.cancelled() => break,
                        market = self.backfill.market(self.engine(), &self.context, &capabilities) => market?,
                    };
                    if round > 0 {
                        market.splits_due.clear();
                    }
                    let survey = self.open_needs(coverage, round > 0);
                    let Some(plan) = survey::beside(move || survey.plan(&market)).await? else { break };
                    plan
                }
            };
            if round > 0 {
                // Asked about once in a run.
                plan.keep_rechecks(0);
            } else if self.fetcher.scheduled {
                let settings = &self.engine().settings;
                plan.keep_rechecks(settings.backfill.idle_per_minute(settings.vendor.rate_limit) as u64);
            }
            if plan.items.is_empty() {
                break;
            }
            let estimated_seconds = estimated_seconds(self.engine(), &plan.items).await?;
            self.fetcher.progress.on_event(Event::Planned {
                requests: plan.requests,
                lower_bound: plan.lower_bound,
                items: plan.items.len(),
                estimated_seconds,
            });
            let before = self.progress_mark();
            self.execute(plan.items).await?;
            if !self.again.swap(false, Ordering::Relaxed) && self.progress_mark() == before {
                break;
            }
        }
        self.derive_stored().await
    }
}
