//! What a run would request: everything that is known is read at one moment, and the plan made from that.
//!
//! A preview and a run plan alike; a run that has learned something about the vendor's plan says so with its capabilities.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::survey::{Basis, PlanningContext, Survey, beside};
use super::wanted::Beginnings;
use super::{Backfill, Run, RunError};
use crate::fetch::plan_start::{self, PlanStarts};
use crate::fetch::{Delays, VendorCapabilities, flat_file_terms};
use crate::index::coverage::CoverageIndex;
use crate::planning_inputs;
use crate::select::Selection;
use crate::{EngineContext, RunContext};
use barkeep_config::Mode;
use barkeep_market::{AssetClass, Interval, Source};
use barkeep_plan::budget::{Budget, Tokens};
use barkeep_plan::{FamilyState, Horizon, Item, Plan, estimate};
use barkeep_store::{StoreError, Trigger};

impl Backfill {
    pub(super) async fn planning_context(&self, engine: &RunContext) -> Result<PlanningContext, RunError> {
        let now = engine.clock.now();
        let known = engine.store.symbols().await?;
        let mut targets = self.selection.targets(&known, &engine.settings, now)?;
        for class in AssetClass::ALL {
            self.selection.range(class, engine.settings.backfill.history, now)?;
        }
        let series = engine.store.series().await?;
        let coverage = CoverageIndex::of(engine.store.as_ref(), &targets, &series, now).await?;
        self.selection.drop_paused(&mut targets, |symbol, tf| coverage.is_paused(symbol, tf))?;
        let configured = engine.settings.vendor.delay;
        let delays = Delays {
            exchange: coverage.delay(AssetClass::Stock, &targets, configured),
            continuous: coverage.delay(AssetClass::Crypto, &targets, configured),
        };
        let beginnings = Beginnings::of(&targets, &series);
        // Whoever asks for stored bars again wants to know whether there are more by now.
        let plan_starts = if self.selection.refetch && !self.idle {
            PlanStarts::new()
        } else {
            plan_start::known(engine.store.as_ref(), now).await?
        };
        Ok(PlanningContext { now, targets: Arc::new(targets), coverage, delays, beginnings, plan_starts })
    }

    /// What a run would request now. Whoever drops this future no longer wants it, and its planning ends.
    ///
    /// # Errors
    /// When the selection cannot be carried out, or the database not be read.
    pub async fn preview(&self, engine: &EngineContext) -> Result<Plan, RunError> {
        let engine = &engine.for_run();
        let context = Arc::new(self.planning_context(engine).await?);
        let market = self.market(engine, &context, &VendorCapabilities::default()).await?;
        let tokens = planning_inputs::tokens(engine).await?;
        let stop = CancellationToken::new();
        let _unwanted = stop.clone().drop_guard();
        let survey = self.survey(engine, &context, stop);
        let planned = beside(move || {
            let mut plan = survey.plan(&market)?;
            plan.estimated_seconds = seconds(&plan.items, &tokens);
            plan.budget = Some(Budget::over(&plan.items, &market.staleness, &tokens));
            Ok(plan)
        });
        let plan = planned.await?.ok_or(RunError::CancelledInLine)?;
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
        let context = Arc::new(any.planning_context(engine).await?);
        let market = any.market(engine, &context, &VendorCapabilities::default()).await?;
        let stop = CancellationToken::new();
        let _unwanted = stop.clone().drop_guard();
        let surveys: Vec<Survey> = selections
            .into_iter()
            .map(|selection| Self::new(selection, mode, trigger).survey(engine, &context, stop.clone()))
            .collect();
        let costs = beside(move || surveys.iter().map(|survey| Ok(survey.plan(&market)?.requests)).collect());
        costs.await?.ok_or(RunError::CancelledInLine)
    }

    fn survey(&self, engine: &RunContext, context: &Arc<PlanningContext>, stop: CancellationToken) -> Survey {
        let (calendar, settle) = (Arc::clone(&engine.calendar), engine.settings.backfill.settle);
        let (delays, now) = (context.delays, context.now);
        Survey {
            engine: engine.clone(),
            context: Arc::clone(context),
            selection: self.selection.clone(),
            newest_only: self.newest_only,
            coverage: None,
            starts: context.plan_starts.clone(),
            basis: Basis::of(&self.selection, None),
            horizons: Box::new(move |state| {
                let (class, family) = (state.class, state.base.family());
                Horizon::at(&calendar, class, family, delays.of(state.vendor, class), settle, now)
            }),
            without: BTreeSet::new(),
            stop,
        }
    }

    pub(super) async fn market(
        &self,
        engine: &RunContext,
        context: &PlanningContext,
        capabilities: &VendorCapabilities,
    ) -> Result<barkeep_plan::PlanInputs, StoreError> {
        let backfill = &engine.settings.backfill;
        Ok(barkeep_plan::PlanInputs {
            grouped_daily: engine.settings.vendor.grouped_daily && !capabilities.grouped_refused,
            not_grouped: capabilities.not_grouped.clone(),
            not_grouped_dates: capabilities.not_grouped_dates.clone(),
            // Files know no vwap, so they are no second opinion on stored bars.
            flat_files: flat_file_terms(&engine.settings.vendor, capabilities, context.now)
                .filter(|_| !self.selection.refetch),
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
    pub(super) fn open_needs(&self, coverage: Option<CoverageIndex>, settled_only: bool) -> Survey {
        self.survey(coverage, settled_only, Basis::of(&self.backfill.selection, Some(&self.fetcher)))
    }

    /// What can be computed from stored bars.
    pub(super) fn local_needs(&self, coverage: CoverageIndex) -> Survey {
        self.survey(Some(coverage), true, Basis::Covered)
    }

    fn survey(&self, coverage: Option<CoverageIndex>, settled_only: bool, basis: Basis) -> Survey {
        let fetcher = Arc::clone(&self.fetcher);
        let horizons = Box::new(move |state: &FamilyState| {
            let horizon = fetcher.horizon(state.vendor, state.class, state.base.family());
            // Whole bars only: the settled part of a bar that is not yet final can never be covered.
            let settled = state.base.snap_in(state.class, Interval::before(horizon.settled));
            if settled_only { Horizon { end: settled.end, ..horizon } } else { horizon }
        });
        Survey {
            engine: self.engine().clone(),
            context: Arc::clone(&self.context),
            selection: self.backfill.selection.clone(),
            newest_only: self.backfill.newest_only,
            coverage,
            starts: self.fetcher.plan_starts(),
            basis,
            horizons,
            without: self.failed().keys().cloned().collect(),
            stop: self.fetcher.cancel.clone(),
        }
    }
}

/// Seconds until the last request of these items may start.
pub(super) async fn estimated_seconds(engine: &RunContext, items: &[Item]) -> Result<f64, StoreError> {
    Ok(seconds(items, &planning_inputs::tokens(engine).await?))
}

/// The vendors are asked side by side, so the slowest decides.
fn seconds(items: &[Item], tokens: &BTreeMap<Source, Tokens>) -> f64 {
    let of = |(vendor, tokens): (&Source, &Tokens)| {
        let mine = items.iter().filter(|item| item.request.vendor() == *vendor && item.request.is_limited());
        let requests = mine.map(|item| item.requests).sum();
        // Without a limit the wait is too short to report.
        let limit = if vendor.is_usual() && tokens.window < vendor.window() { 0 } else { tokens.limit };
        let window = tokens.window.as_millis();
        let used = tokens.used.iter().filter(|at| tokens.now - **at < i64::try_from(window).unwrap_or(i64::MAX));
        estimate::seconds(requests, limit, used.count() as u64, tokens.window.as_secs_f64())
    };
    tokens.iter().map(of).fold(0.0, f64::max)
}
