//! What a run would request: everything that is known is read at one moment, and the plan made from that.
//!
//! A preview and a run plan alike; a run that has learned something about the vendor's plan says so with its capabilities.

use std::collections::HashMap;

use super::refetch::unverified;
use super::wanted::{Beginnings, Wanted};
use super::{Backfill, Run, RunError};
use crate::fetch::plan_start::{self, PlanStarts};
use crate::fetch::{Delays, VendorCapabilities, Verification};
use crate::index::coverage::CoverageIndex;
use crate::names::listing::clipped;
use crate::planning_inputs;
use crate::select::{Selection, Target};
use crate::{EngineContext, RunContext};
use barkeep_base::clock::Moment;
use barkeep_config::{Mode, RateLimit};
use barkeep_market::{AssetClass, Interval, Timeframe, Ts};
use barkeep_plan::budget::Budget;
use barkeep_plan::{FamilyState, Horizon, Need, Needs, Plan, estimate};
use barkeep_store::{StoreError, Trigger};
use barkeep_vendor::limit::{WINDOW, place};

/// Everything planning needs, read at one moment.
pub(super) struct PlanningContext {
    pub(super) now: Ts,
    pub(super) targets: Vec<Target>,
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

/// What planning counts as known.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) coverage: &'a CoverageIndex,
    pub(super) starts: &'a PlanStarts,
    pub(super) basis: Basis<'a>,
}

/// What makes a range need no request.
#[derive(Clone, Copy)]
pub(super) enum Basis<'a> {
    /// That it is covered.
    Covered,
    /// That it was answered again, in a run that asks stored bars again. Nothing was before its first request.
    AnsweredAgain(Option<&'a Verification>),
}

impl<'a> Basis<'a> {
    const fn of(selection: &Selection, verification: Option<&'a Verification>) -> Self {
        if selection.refetch { Self::AnsweredAgain(verification) } else { Self::Covered }
    }
}

impl Backfill {
    pub(super) async fn planning_context(&self, engine: &RunContext) -> Result<PlanningContext, RunError> {
        let now = engine.clock.now();
        let known = engine.store.symbols().await?;
        let mut targets = self.selection.targets(&known, &engine.settings, now)?;
        for class in AssetClass::ALL {
            self.selection.range(class, engine.settings.backfill.history, now)?;
        }
        let coverage = CoverageIndex::read(engine.store.as_ref(), &targets, now).await?;
        self.selection.drop_paused(&mut targets, |symbol, tf| coverage.is_paused(symbol, tf))?;
        let configured = engine.settings.vendor.delay;
        let delays = Delays {
            exchange: coverage.delay(AssetClass::Stock, &targets, configured),
            continuous: coverage.delay(AssetClass::Crypto, &targets, configured),
        };
        let beginnings = Beginnings::read(engine.store.as_ref(), &targets).await?;
        // Whoever asks for stored bars again wants to know whether there are more by now.
        let plan_starts = if self.selection.refetch && !self.idle {
            PlanStarts::new()
        } else {
            plan_start::known(engine.store.as_ref(), now).await?
        };
        Ok(PlanningContext { now, targets, coverage, delays, beginnings, plan_starts })
    }

    /// What a run would request now.
    ///
    /// # Errors
    /// When the selection cannot be carried out, or the database not be read.
    pub async fn preview(&self, engine: &EngineContext) -> Result<Plan, RunError> {
        let engine = &engine.for_run();
        let context = self.planning_context(engine).await?;
        let market = self.market(engine, &context, &VendorCapabilities::default()).await?;
        let mut plan = self.plan(engine, &context, &market)?;
        plan.estimated_seconds = estimated_seconds(engine, plan.requests).await?;
        plan.budget = Some(Budget::of(&plan.items, &market.staleness, &planning_inputs::tokens(engine).await?));
        Ok(plan)
    }

    /// The requests that each of these selections would take by itself. They are of the same series and differ in their
    /// ranges, so what planning needs is read once.
    ///
    /// # Errors
    /// As [`preview`](Self::preview).
    pub async fn costs(
        engine: &EngineContext,
        mode: Mode,
        trigger: Trigger,
        selections: Vec<Selection>,
    ) -> Result<Vec<u64>, RunError> {
        let Some(first) = selections.first() else { return Ok(Vec::new()) };
        let engine = &engine.for_run();
        let any = Self::new(Selection { from: None, to: None, ..first.clone() }, mode, trigger);
        let context = any.planning_context(engine).await?;
        let market = any.market(engine, &context, &VendorCapabilities::default()).await?;
        let cost = |selection| Ok(Self::new(selection, mode, trigger).plan(engine, &context, &market)?.requests);
        selections.into_iter().map(cost).collect()
    }

    fn plan(
        &self,
        engine: &RunContext,
        context: &PlanningContext,
        market: &barkeep_plan::Market,
    ) -> Result<Plan, RunError> {
        let settle = engine.settings.backfill.settle;
        let horizon = |state: &FamilyState| {
            let (class, family) = (state.class, state.base.family());
            Horizon::at(&engine.calendar, class, family, context.delays.of(class), settle, context.now)
        };
        let known = Known {
            coverage: &context.coverage,
            starts: &context.plan_starts,
            basis: Basis::of(&self.selection, None),
        };
        let needs = self.needs(engine, context, known, horizon)?;
        Ok(barkeep_plan::build(&engine.calendar, &needs, market))
    }

    pub(super) fn needs(
        &self,
        engine: &RunContext,
        context: &PlanningContext,
        known: Known<'_>,
        horizon: impl Fn(&FamilyState) -> Horizon,
    ) -> Result<Vec<Need>, RunError> {
        let wanted = context.wanted(&self.selection, engine);
        let mut needs = Needs::new(&engine.calendar, self.newest_only);
        let mut horizons: HashMap<(AssetClass, Timeframe), Horizon> = HashMap::new();
        let coverage = known.coverage;
        let states = context.targets.iter().flat_map(|t| coverage.families(t).into_iter().map(move |state| (t, state)));
        for (target, state) in states {
            let range = clipped(wanted.range(&state, known.starts)?, &target.row);
            let horizon = *horizons.entry((state.class, state.base)).or_insert_with(|| horizon(&state));
            let state = match known.basis {
                Basis::AnsweredAgain(verification) => unverified(state, verification),
                Basis::Covered => state,
            };
            needs.add(state, range, horizon);
        }
        Ok(needs.into_vec())
    }

    pub(super) async fn market(
        &self,
        engine: &RunContext,
        context: &PlanningContext,
        capabilities: &VendorCapabilities,
    ) -> Result<barkeep_plan::Market, StoreError> {
        let backfill = &engine.settings.backfill;
        Ok(barkeep_plan::Market {
            grouped_daily: engine.settings.vendor.grouped_daily && !capabilities.grouped_refused,
            not_grouped: capabilities.not_grouped.clone(),
            not_grouped_dates: capabilities.not_grouped_dates.clone(),
            overlap: backfill.overlap,
            density: planning_inputs::density(engine, &context.targets).await?,
            staleness: planning_inputs::staleness(engine, &context.targets, context.delays, context.now).await?,
            splits_due: planning_inputs::splits_due(engine, &context.targets, backfill.splits_recheck, context.now)
                .await?,
        })
    }
}

impl Run<'_> {
    /// What is still missing. Later rounds leave the newest, provisional bars alone: they were just requested.
    pub(super) fn open_needs(&self, coverage: &CoverageIndex, settled_only: bool) -> Result<Vec<Need>, RunError> {
        let verification = self.fetcher.verification.as_ref();
        self.needs(coverage, settled_only, Basis::of(&self.backfill.selection, verification))
    }

    /// What can be computed from stored bars.
    pub(super) fn local_needs(&self, coverage: &CoverageIndex) -> Result<Vec<Need>, RunError> {
        self.needs(coverage, true, Basis::Covered)
    }

    fn needs(&self, coverage: &CoverageIndex, settled_only: bool, basis: Basis<'_>) -> Result<Vec<Need>, RunError> {
        let horizon = |state: &FamilyState| {
            let horizon = self.fetcher.horizon(state.class, state.base.family());
            // Whole bars only: the settled part of a bar that is not yet final can never be covered.
            let settled = state.base.snap_in(state.class, Interval::new(Ts::MIN, horizon.settled));
            if settled_only { Horizon { end: settled.end, ..horizon } } else { horizon }
        };
        let starts = self.fetcher.plan_starts();
        let known = Known { coverage, starts: &starts, basis };
        let needs = self.backfill.needs(self.engine(), &self.context, known, horizon)?;
        let failed = self.failed();
        let open = |need: &Need| !failed.contains_key(&(need.state.symbol.clone(), need.state.base.family()));
        Ok(needs.into_iter().filter(open).collect())
    }
}

/// Seconds until the last of `requests` may start.
pub(super) async fn estimated_seconds(engine: &RunContext, requests: u64) -> Result<f64, StoreError> {
    let RateLimit::PerMinute(limit) = engine.settings.vendor.rate_limit else { return Ok(0.0) };
    let used = place::taken(&engine.store.places().await?, &Moment::now(engine.clock.as_ref())).len();
    Ok(estimate::seconds(requests, u64::from(limit), used as u64, WINDOW.as_secs_f64()))
}
