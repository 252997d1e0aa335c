//! What is missing and the plan for it, worked out beside the runtime.
//!
//! Ten thousand symbols keep a processor busy for a while. Meanwhile keys are answered, pages committed and signals
//! heard, and whoever no longer wants the plan need not wait for it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::RunError;
use super::refetch::unverified;
use super::wanted::{Beginnings, Wanted};
use crate::RunContext;
use crate::fetch::plan_start::PlanStarts;
use crate::fetch::{Delays, Fetcher};
use crate::index::coverage::CoverageIndex;
use crate::names::listing::clipped;
use crate::select::{SelectError, Selection, Target};
use barkeep_market::{AssetClass, Family, Source, Symbol, Timeframe, Ts};
use barkeep_plan::{FamilyState, Horizon, Need, Needs, Plan, PlanInputs, build_checked};
use barkeep_store::StoreError;

/// Everything planning needs, read at one moment.
pub(super) struct PlanningContext {
    pub(super) now: Ts,
    pub(super) targets: Arc<Vec<Target>>,
    pub(super) coverage: CoverageIndex,
    pub(super) delays: Delays,
    pub(super) beginnings: Beginnings,
    /// How far back the vendor's plan reaches, as far as it was learned before and holds for this run.
    pub(super) plan_starts: PlanStarts,
}

impl PlanningContext {
    pub(super) fn wanted<'a>(&'a self, selection: &'a Selection, engine: &'a RunContext) -> Wanted<'a> {
        let history = engine.settings.backfill.history;
        Wanted { selection, beginnings: &self.beginnings, history, now: self.now }
    }
}

/// What makes a range need no request.
#[derive(Clone)]
pub(super) enum Basis {
    /// That it is covered.
    Covered,
    /// That it was answered again, in a run that asks stored bars again. Nothing was before its first request.
    AnsweredAgain(Option<Arc<Fetcher>>),
}

impl Basis {
    pub(super) fn of(selection: &Selection, run: Option<&Arc<Fetcher>>) -> Self {
        if selection.refetch { Self::AnsweredAgain(run.cloned()) } else { Self::Covered }
    }
}

/// Where the horizon of a family lies.
pub(super) type Horizons = Box<dyn Fn(&FamilyState) -> Horizon + Send>;

/// All that needs are worked out from.
pub(super) struct Survey {
    pub(super) engine: RunContext,
    pub(super) context: Arc<PlanningContext>,
    pub(super) selection: Selection,
    pub(super) newest_only: bool,
    /// Where it is newer than that of the context.
    pub(super) coverage: Option<CoverageIndex>,
    pub(super) starts: PlanStarts,
    pub(super) basis: Basis,
    pub(super) horizons: Horizons,
    /// Families that are not asked any more.
    pub(super) without: BTreeSet<(Symbol, Family)>,
    /// When nobody wants the result.
    pub(super) stop: CancellationToken,
}

/// Why there is no result.
pub(super) enum Halt {
    /// Nobody wants it.
    Stopped,
    Failed(RunError),
}

impl From<SelectError> for Halt {
    fn from(error: SelectError) -> Self {
        Self::Failed(error.into())
    }
}

/// Carries work out on a thread where it may take long; `None` when it was stopped.
pub(super) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Halt> + Send + 'static,
) -> Result<Option<T>, RunError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(result)) => Ok(Some(result)),
        Ok(Err(Halt::Stopped)) => Ok(None),
        Ok(Err(Halt::Failed(error))) => Err(error),
        Err(error) => {
            tracing::error!(%error, "planning failed unexpectedly");
            Err(RunError::Store(StoreError::Refused(
                "planning failed unexpectedly; the log says where, please report it".to_owned(),
            )))
        }
    }
}

/// Fails when nobody wants the result.
pub(super) fn wanted(stop: &CancellationToken) -> Result<(), Halt> {
    if stop.is_cancelled() { Err(Halt::Stopped) } else { Ok(()) }
}

impl Survey {
    /// What each family lacks.
    pub(super) fn needs(&self) -> Result<Vec<Need>, Halt> {
        let engine = &self.engine;
        let wanted_ranges = self.context.wanted(&self.selection, engine);
        let coverage = self.coverage.as_ref().unwrap_or(&self.context.coverage);
        let mut needs = Needs::new(&engine.calendar, self.newest_only);
        let mut horizons: HashMap<(Source, AssetClass, Timeframe), Horizon> = HashMap::new();
        for target in self.context.targets.iter() {
            wanted(&self.stop)?;
            for state in coverage.families(target) {
                let range = clipped(wanted_ranges.range(&state, &self.starts)?, &target.row);
                if !self.without.is_empty() && self.without.contains(&(state.symbol.clone(), state.base.family())) {
                    continue;
                }
                let horizon = horizons.entry((state.vendor, state.class, state.base));
                let horizon = *horizon.or_insert_with(|| (self.horizons)(&state));
                let state = match &self.basis {
                    Basis::AnsweredAgain(run) => unverified(state, run.as_ref().and_then(|r| r.verification.as_ref())),
                    Basis::Covered => state,
                };
                needs.add(state, range, horizon);
            }
        }
        Ok(needs.into_vec())
    }

    /// The requests for that.
    pub(super) fn plan(&self, market: &PlanInputs) -> Result<Plan, Halt> {
        let needs = self.needs()?;
        build_checked(&self.engine.calendar, &needs, market, || wanted(&self.stop))
    }
}
