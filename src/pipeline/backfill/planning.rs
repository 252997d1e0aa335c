//! What a run would ask: everything that is known is read at one moment, and the plan made from that.
//!
//! A preview and a run plan alike; a run that has learnt something about the vendor's plan says so with its facts.

use super::{Backfill, Run, RunError};
use crate::fetch::{Delays, VendorCapabilities};
use crate::index::coverage::CoverageIndex;
use crate::planning_inputs as outlook;
use crate::select::Target;
use crate::splits;
use crate::{EngineContext, RunContext};
use barkeep_config::RateLimit;
use barkeep_market::{AssetClass, Interval, Ts};
use barkeep_plan::budget::Budget;
use barkeep_plan::{FamilyState, Horizon, Need, Plan, estimate};
use barkeep_store::StoreError;

/// Everything planning needs, read at one moment.
pub(super) struct PlanningContext {
    pub(super) now: Ts,
    pub(super) targets: Vec<Target>,
    pub(super) survey: CoverageIndex,
    pub(super) delays: Delays,
}

impl Backfill {
    pub(super) async fn scene(&self, engine: &RunContext) -> Result<PlanningContext, RunError> {
        let now = engine.clock.now();
        let known = engine.store.symbols().await?;
        let mut targets = self.selection.targets(&known, &engine.settings, now)?;
        for class in AssetClass::ALL {
            self.selection.range(class, engine.settings.backfill.history, now)?;
        }
        let survey = CoverageIndex::read(engine.store.as_ref(), &targets, now).await?;
        self.selection.leave_resting(&mut targets, |symbol, tf| survey.is_resting(symbol, tf))?;
        let configured = engine.settings.vendor.delay;
        let delays = Delays {
            exchange: survey.delay(AssetClass::Stock, &targets, configured),
            continuous: survey.delay(AssetClass::Crypto, &targets, configured),
        };
        Ok(PlanningContext { now, targets, survey, delays })
    }

    /// What a run would ask now.
    pub async fn preview(&self, engine: &EngineContext) -> Result<Plan, RunError> {
        let engine = &engine.for_run();
        let scene = self.scene(engine).await?;
        let settle = engine.settings.backfill.settle;
        let horizon = |state: &FamilyState| {
            let (class, family) = (state.class, state.base.family());
            Horizon::at(&engine.calendar, class, family, scene.delays.of(class), settle, scene.now)
        };
        let needs = self.needs(engine, &scene.targets, &scene.survey, scene.now, horizon)?;
        let market = self.market(engine, &scene, &VendorCapabilities::default()).await?;
        let mut plan = barkeep_plan::build(&engine.calendar, &needs, &market);
        plan.estimated_seconds = estimated_seconds(engine, plan.requests).await?;
        plan.budget = Some(Budget::of(&plan.items, &market.staleness, &outlook::tokens(engine).await?));
        Ok(plan)
    }

    pub(super) fn needs(
        &self,
        engine: &RunContext,
        targets: &[Target],
        survey: &CoverageIndex,
        now: Ts,
        horizon: impl Fn(&FamilyState) -> Horizon,
    ) -> Result<Vec<Need>, RunError> {
        let mut needs = Vec::new();
        for state in targets.iter().flat_map(|target| survey.families(target)) {
            let range = self.selection.range(state.class, engine.settings.backfill.history, now)?;
            let horizon = horizon(&state);
            let need = Need::of(&engine.calendar, state, range, horizon);
            needs.push(if self.newest_only { need.newest(&engine.calendar) } else { need });
        }
        Ok(needs)
    }

    pub(super) async fn market(
        &self,
        engine: &RunContext,
        scene: &PlanningContext,
        facts: &VendorCapabilities,
    ) -> Result<barkeep_plan::Market, StoreError> {
        let backfill = &engine.settings.backfill;
        let recheck = i64::try_from(backfill.splits_recheck.as_millis()).unwrap_or(i64::MAX);
        Ok(barkeep_plan::Market {
            grouped_daily: engine.settings.vendor.grouped_daily && !facts.grouped_refused,
            not_grouped: facts.not_grouped.clone(),
            not_grouped_dates: facts.not_grouped_dates.clone(),
            overlap: i64::try_from(backfill.overlap.as_millis()).unwrap_or(i64::MAX),
            density: outlook::density(engine, &scene.targets).await?,
            staleness: outlook::staleness(engine, &scene.targets, scene.delays, scene.now).await?,
            splits_due: splits::due(engine.store.as_ref(), &scene.targets, recheck, scene.now).await?,
        })
    }
}

impl Run<'_> {
    /// What is still missing. Later rounds leave the newest, provisional bars alone: they were just asked.
    pub(super) fn open_needs(&self, survey: &CoverageIndex, settled_only: bool) -> Result<Vec<Need>, RunError> {
        let horizon = |state: &FamilyState| {
            let horizon = self.fetcher.horizon(state.class, state.base.family());
            // Whole bars only: the settled part of a bar that is not yet final can never be covered.
            let settled = state.base.snap_in(state.class, Interval::new(Ts::MIN, horizon.settled));
            if settled_only { Horizon { end: settled.end, ..horizon } } else { horizon }
        };
        let needs = self.wish.needs(self.engine(), &self.scene.targets, survey, self.scene.now, horizon)?;
        let failed = self.failed();
        let open = |need: &Need| !failed.contains_key(&(need.state.symbol.clone(), need.state.base.family()));
        Ok(needs.into_iter().filter(open).collect())
    }
}

/// Seconds until the last of `requests` may start.
pub(super) async fn estimated_seconds(engine: &RunContext, requests: u64) -> Result<f64, StoreError> {
    let RateLimit::PerMinute(limit) = engine.settings.vendor.rate_limit else { return Ok(0.0) };
    let used = engine.store.recent_starts(60_000, engine.clock.now()).await?.len();
    Ok(estimate::seconds(requests, u64::from(limit), used as u64, 60.0))
}
