//! A backfill from beginning to end: plan, fetch, look again, until nothing more can be had.
//!
//! A run works in rounds. Each round plans from what coverage says, carries the plan out, and ends; another follows
//! while answers taught something new (a clipped head, a symbol missing from a grouped answer, an end-of-day plan).
//! A series that failed in this run is not asked again by it; its gap stays open for the next.
//!
//! The way of a run: `planning` reads what is known, `opening` makes ready, `modes` carries out the plan of each
//! round, `local` computes what needs no request, `closing` adds up with what `unfinished` finds.

mod closing;
mod dead;
mod local;
mod modes;
mod opening;
mod planning;
mod unfinished;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use self::dead::close_dead_executions;
use self::planning::{PlanningContext, estimated_seconds};
use super::features::FeatureRunner;
use super::fetch::Fetcher;
use super::select::{SelectError, Selection};
use super::summary::{RunCounts, Summary};
use super::{EngineContext, RunContext};
use crate::events::{Event, Listener};
use crate::index::coverage::CoverageIndex;
use barkeep_config::Mode;
use barkeep_market::{Family, Symbol};
use barkeep_plan::Plan;
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
    /// Leave old holes to the daily sweep and ask only for what is missing up to now.
    pub newest_only: bool,
    /// Run exactly this plan instead of making one.
    pub plan: Option<Plan>,
}

/// Why a run could not be finished at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Selection(#[from] SelectError),
    /// Every series named is being worked on by another execution.
    #[error("execution {0} already works on all of these series")]
    Busy(Uuid),
    #[error("the vendor refused the key: {0}")]
    KeyRefused(Fault),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Backfill {
    /// A run of everything that is missing.
    #[must_use]
    pub fn new(selection: Selection, mode: Mode, trigger: Trigger) -> Self {
        Self { execution_id: Uuid::new_v4(), selection, mode, trigger, newest_only: false, plan: None }
    }

    /// Runs to the end, or until `cancel`. Pages in flight are committed either way.
    pub async fn run(
        &self,
        engine: &EngineContext,
        listener: Arc<dyn Listener>,
        cancel: CancellationToken,
    ) -> Result<Summary, RunError> {
        let engine = &engine.for_run();
        let mut scene = self.scene(engine).await?;
        close_dead_executions(engine.store.as_ref(), scene.now).await?;
        let claim = engine.claims.claim(self.execution_id, &mut scene.targets).map_err(RunError::Busy)?;
        let (run, writer) = Run::open(self, engine, scene, listener, &cancel);
        let outcome = run.rounds().await;
        let summary = run.finish(outcome, &cancel).await;
        drop(run);
        // Every sender is gone, so the writer ends once its queue is empty.
        let _ = writer.await;
        drop(claim);
        summary
    }
}

/// A run under way.
struct Run<'a> {
    wish: &'a Backfill,
    scene: PlanningContext,
    tally: Arc<Mutex<RunCounts>>,
    execution: ExecutionRow,
    /// Families that failed in this run, with the reason.
    failed: Mutex<BTreeMap<(Symbol, Family), String>>,
    fetcher: Arc<Fetcher>,
    featurer: Arc<FeatureRunner>,
}

impl Run<'_> {
    fn engine(&self) -> &RunContext {
        &self.fetcher.engine
    }

    fn failed(&self) -> MutexGuard<'_, BTreeMap<(Symbol, Family), String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tally(&self) -> MutexGuard<'_, RunCounts> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress_mark(&self) -> (u64, u64) {
        let commits = self.tally().commits;
        (commits, self.fetcher.facts().learnt)
    }

    /// Round after round until one brings nothing new, then what needs no request.
    async fn rounds(&self) -> Result<(), RunError> {
        for round in 0..MOST_ROUNDS {
            if self.fetcher.cancel.is_cancelled() {
                break;
            }
            let survey = match round {
                0 => None,
                _ => Some(
                    CoverageIndex::read(self.engine().store.as_ref(), &self.scene.targets, self.engine().clock.now())
                        .await?,
                ),
            };
            let needs = self.open_needs(survey.as_ref().unwrap_or(&self.scene.survey), round > 0)?;
            let plan = match (&self.wish.plan, round) {
                (Some(fixed), 0) => fixed.clone(),
                (Some(_), _) => break,
                (None, _) => {
                    let facts = self.fetcher.facts().clone();
                    let mut market = self.wish.market(self.engine(), &self.scene, &facts).await?;
                    if round > 0 {
                        market.splits_due.clear();
                    }
                    barkeep_plan::build(&self.engine().calendar, &needs, &market)
                }
            };
            if plan.items.is_empty() {
                break;
            }
            let estimated_seconds = estimated_seconds(self.engine(), plan.requests).await?;
            self.fetcher.listener.hear(Event::Planned {
                requests: plan.requests,
                lower_bound: plan.lower_bound,
                items: plan.items.len(),
                estimated_seconds,
            });
            let before = self.progress_mark();
            self.execute(plan.items).await?;
            if self.progress_mark() == before {
                break;
            }
        }
        self.derive_stored().await
    }
}
