//! A backfill from beginning to end: plan, fetch, look again, until nothing more can be had.
//!
//! A run works in rounds. Each round plans from what coverage says, carries the plan out, and ends; another follows
//! while answers taught something new (a clipped head, a symbol missing from a grouped answer, an end-of-day plan).
//! A series that failed in this run is not asked again by it; its gap stays open for the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Engine;
use super::features::Featurer;
use super::fetch::{Delays, Facts, Fetcher, ItemError};
use super::ingest::{Arrival, Ingest, Part, Verdict, settled};
use super::outlook;
use super::owner;
use super::progress::{Event, Listener};
use super::registrar::Registrar;
use super::select::{SelectError, Selection, Target};
use super::splits;
use super::summary::{Summary, Tally, Unfinished};
use super::survey::{SeriesKey, Survey};
use crate::config::{Mode, RateLimit};
use crate::market::ts::DAY;
use crate::market::{AssetClass, Family, Interval, Symbol, Ts};
use crate::plan::budget::Budget;
use crate::plan::{self, Ask, FamilyState, Horizon, Item, Need, Plan, estimate};
use crate::store::{ExecutionRow, ExecutionStatus, SeriesState, SeriesStatus, StoreError, Trigger};
use crate::vendor::{Class, Fault};

/// Rounds a run may take. Two are usual; a new fact about the vendor's plan takes one more each.
const MOST_ROUNDS: usize = 8;

/// Base bars are read back in stretches of this length when coarser ones are computed from stored bars.
const LOCAL_STRETCH: i64 = 60 * DAY;

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

/// Everything planning needs, read at one moment.
struct Scene {
    now: Ts,
    targets: Vec<Target>,
    survey: Survey,
    delays: Delays,
}

impl Backfill {
    /// A run of everything that is missing.
    #[must_use]
    pub fn new(selection: Selection, mode: Mode, trigger: Trigger) -> Self {
        Self { execution_id: Uuid::new_v4(), selection, mode, trigger, newest_only: false, plan: None }
    }

    async fn scene(&self, engine: &Engine) -> Result<Scene, RunError> {
        let now = engine.clock.now();
        let known = engine.store.symbols().await?;
        let mut targets = self.selection.targets(&known, &engine.settings, now)?;
        for class in AssetClass::ALL {
            self.selection.range(class, engine.settings.backfill.history, now)?;
        }
        let survey = Survey::read(engine.store.as_ref(), &targets, now).await?;
        self.selection.leave_resting(&mut targets, |symbol, tf| survey.is_resting(symbol, tf))?;
        let configured = engine.settings.vendor.delay;
        let delays = Delays {
            exchange: survey.delay(AssetClass::Stock, &targets, configured),
            continuous: survey.delay(AssetClass::Crypto, &targets, configured),
        };
        Ok(Scene { now, targets, survey, delays })
    }

    /// What a run would ask now.
    pub async fn preview(&self, engine: &Engine) -> Result<Plan, RunError> {
        let scene = self.scene(engine).await?;
        let settle = engine.settings.backfill.settle;
        let horizon = |state: &FamilyState| {
            let (class, family) = (state.class, state.base.family());
            Horizon::at(&engine.calendar, class, family, scene.delays.of(class), settle, scene.now)
        };
        let needs = self.needs(engine, &scene.targets, &scene.survey, scene.now, horizon)?;
        let market = self.market(engine, &scene, &Facts::default()).await?;
        let mut plan = plan::build(&engine.calendar, &needs, &market);
        plan.estimated_seconds = estimated_seconds(engine, plan.requests).await?;
        plan.budget = Some(Budget::of(&plan.items, &market.staleness, &outlook::tokens(engine).await?));
        Ok(plan)
    }

    fn needs(
        &self,
        engine: &Engine,
        targets: &[Target],
        survey: &Survey,
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

    async fn market(&self, engine: &Engine, scene: &Scene, facts: &Facts) -> Result<plan::Market, StoreError> {
        let backfill = &engine.settings.backfill;
        let recheck = i64::try_from(backfill.splits_recheck.as_millis()).unwrap_or(i64::MAX);
        Ok(plan::Market {
            grouped_daily: engine.settings.vendor.grouped_daily && !facts.grouped_refused,
            not_grouped: facts.not_grouped.clone(),
            not_grouped_dates: facts.not_grouped_dates.clone(),
            overlap: i64::try_from(backfill.overlap.as_millis()).unwrap_or(i64::MAX),
            density: outlook::density(engine, &scene.targets).await?,
            staleness: outlook::staleness(engine, &scene.targets, scene.delays, scene.now).await?,
            splits_due: splits::due(engine.store.as_ref(), &scene.targets, recheck, scene.now).await?,
        })
    }

    /// Runs to the end, or until `cancel`. Pages in flight are committed either way.
    pub async fn run(
        &self,
        engine: &Engine,
        listener: Arc<dyn Listener>,
        cancel: CancellationToken,
    ) -> Result<Summary, RunError> {
        let mut scene = self.scene(engine).await?;
        close_dead_executions(engine, scene.now).await?;
        let execution_id = self.execution_id;
        let claim = engine.claims.claim(execution_id, &mut scene.targets).map_err(RunError::Busy)?;
        let pending = pending(&scene.targets, execution_id);
        let execution = opening(&scene, self, execution_id);
        let tally = Arc::new(Mutex::new(Tally::new(&pending)));
        let registrar =
            Arc::new(Registrar::new(Arc::clone(&engine.store), scene.targets.clone(), execution.clone(), pending));
        let (ingest, writer) =
            Ingest::start(Arc::clone(&engine.store), Arc::clone(&engine.calendar), Arc::clone(&tally));
        let stop = cancel.child_token();
        let featurer = Arc::new(Featurer {
            engine: engine.clone(),
            registrar: Arc::clone(&registrar),
            tally: Arc::clone(&tally),
            execution: execution_id,
            targets: scene.targets.clone(),
            cancel: stop.clone(),
            waiting: Mutex::new(BTreeMap::new()),
            places: tokio::sync::Semaphore::new(super::features::PLACES),
        });
        let fetcher = Arc::new(Fetcher {
            engine: engine.clone(),
            dispatcher: engine.dispatcher(Some(execution_id), Arc::clone(&listener)),
            scheduled: matches!(self.trigger, Trigger::Schedule | Trigger::CatchUp),
            registrar,
            ingest,
            listener,
            cancel: stop,
            facts: Mutex::new(Facts::default()),
            execution: execution_id,
            now: scene.now,
            delays: scene.delays,
        });
        let run = Run { wish: self, scene, tally, execution, failed: Mutex::new(BTreeMap::new()), fetcher, featurer };
        let outcome = run.rounds().await;
        let summary = run.finish(outcome, &cancel).await;
        drop(run);
        // Every sender is gone, so the writer ends once its queue is empty.
        let _ = writer.await;
        drop(claim);
        summary
    }
}

/// Seconds until the last of `requests` may start.
async fn estimated_seconds(engine: &Engine, requests: u64) -> Result<f64, StoreError> {
    let RateLimit::PerMinute(limit) = engine.settings.vendor.rate_limit else { return Ok(0.0) };
    let used = engine.store.recent_starts(60_000, engine.clock.now()).await?.len();
    Ok(estimate::seconds(requests, u64::from(limit), used as u64, 60.0))
}

/// Executions whose process is gone are no longer running. Returns them as they were closed.
pub async fn close_dead_executions(engine: &Engine, now: Ts) -> Result<Vec<ExecutionRow>, StoreError> {
    let mut all = Vec::new();
    for row in engine.store.running_executions().await? {
        if owner::is_dead(&row.owner) {
            tracing::warn!(execution = %row.execution_id, "the process that ran this execution is gone");
            let closed = ExecutionRow {
                status: ExecutionStatus::Interrupted,
                completed_at: Some(now),
                duration_seconds: Some((now - row.started_at).max(0) as f64 / 1000.0),
                error_message: Some("its process ended before it did".to_owned()),
                ..row
            };
            engine.store.put_execution(&closed).await?;
            all.push(closed);
        }
    }
    Ok(all)
}

fn opening(scene: &Scene, wish: &Backfill, execution_id: Uuid) -> ExecutionRow {
    ExecutionRow {
        execution_id,
        trigger: wish.trigger,
        mode: wish.mode.name().to_owned(),
        started_at: scene.now,
        completed_at: None,
        duration_seconds: None,
        total_symbols: scene.targets.len() as i64,
        successful_symbols: 0,
        failed_symbols: 0,
        total_records_processed: 0,
        requests: 0,
        rate_limited: 0,
        retries: 0,
        status: ExecutionStatus::Running,
        error_message: None,
        owner: owner::mark(),
        selection: serde_json::to_string(&wish.selection).ok(),
    }
}

fn pending(targets: &[Target], execution_id: Uuid) -> Vec<SeriesStatus> {
    let of = |target: &Target, timeframe| SeriesStatus {
        execution_id,
        symbol: target.row.symbol.clone(),
        asset_class: target.row.asset_class,
        timeframe,
        status: SeriesState::Pending,
        records_processed: 0,
        records_inserted: 0,
        features_computed: 0,
        error_message: None,
        started_at: None,
        completed_at: None,
        duration_seconds: None,
    };
    targets.iter().flat_map(|target| target.asked.iter().map(move |tf| of(target, *tf))).collect()
}

/// A run under way.
struct Run<'a> {
    wish: &'a Backfill,
    scene: Scene,
    tally: Arc<Mutex<Tally>>,
    execution: ExecutionRow,
    /// Families that failed in this run, with the reason.
    failed: Mutex<BTreeMap<(Symbol, Family), String>>,
    fetcher: Arc<Fetcher>,
    featurer: Arc<Featurer>,
}

impl Run<'_> {
    fn engine(&self) -> &Engine {
        &self.fetcher.engine
    }

    fn failed(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Symbol, Family), String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress_mark(&self) -> (u64, u64) {
        let commits = self.tally.lock().unwrap_or_else(PoisonError::into_inner).commits;
        (commits, self.fetcher.facts().learnt)
    }

    async fn rounds(&self) -> Result<(), RunError> {
        for round in 0..MOST_ROUNDS {
            if self.fetcher.cancel.is_cancelled() {
                break;
            }
            let survey = match round {
                0 => None,
                _ => Some(
                    Survey::read(self.engine().store.as_ref(), &self.scene.targets, self.engine().clock.now()).await?,
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
                    plan::build(&self.engine().calendar, &needs, &market)
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

    /// What is still missing. Later rounds leave the newest, provisional bars alone: they were just asked.
    fn open_needs(&self, survey: &Survey, settled_only: bool) -> Result<Vec<Need>, RunError> {
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

    async fn execute(&self, items: Vec<Item>) -> Result<(), RunError> {
        let (splits, items): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| matches!(item.ask, Ask::Splits { .. }));
        self.featurer.expect(&items);
        // Splits first: scores compare with the previous close across them.
        self.execute_group(splits, 1, std::time::Duration::ZERO).await?;
        let backfill = &self.engine().settings.backfill;
        match self.wish.mode {
            Mode::Sequential => self.execute_group(items, 1, std::time::Duration::ZERO).await,
            Mode::Pipeline => self.execute_group(items, backfill.concurrency.max(1), std::time::Duration::ZERO).await,
            Mode::Staggered => {
                let size = backfill.max_concurrent_symbols.max(1);
                let groups = by_symbol(items, size);
                let last = groups.len().saturating_sub(1);
                for (k, group) in groups.into_iter().enumerate() {
                    self.execute_group(group, size, backfill.stagger).await?;
                    if k < last && !self.fetcher.cancel.is_cancelled() {
                        pause(&self.fetcher.cancel, backfill.group_pause).await;
                    }
                }
                Ok(())
            }
        }
    }

    /// Runs items, at most `width` at once, the k-th of the first ones `stagger` times k later.
    async fn execute_group(
        &self,
        items: Vec<Item>,
        width: usize,
        stagger: std::time::Duration,
    ) -> Result<(), RunError> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let mut running: JoinSet<(Item, u64, Result<(), ItemError>)> = JoinSet::new();
        let mut fatal: Option<RunError> = None;
        let mut waiting = items.into_iter().enumerate();
        loop {
            while running.len() < width && fatal.is_none() && !self.fetcher.cancel.is_cancelled() {
                let Some((k, item)) = waiting.next() else { break };
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let fetcher = Arc::clone(&self.fetcher);
                let featurer = Arc::clone(&self.featurer);
                let delay = stagger * u32::try_from(k).unwrap_or(u32::MAX);
                running.spawn(async move {
                    if !delay.is_zero() {
                        pause(&fetcher.cancel, delay).await;
                    }
                    let fetched = fetcher.fetch(number, &item).await;
                    // What a failed item did bring has features too.
                    let featured = featurer.ended(&item).await.map_err(ItemError::Store);
                    let outcome = fetched.and(featured);
                    (item, number, outcome)
                });
            }
            let Some(done) = running.join_next().await else { break };
            match done {
                Ok((item, number, outcome)) => {
                    if let Some(error) = self.item_ended(&item, number, outcome) {
                        // The first fatal error counts; what runs is let finish, nothing new starts.
                        fatal.get_or_insert(error);
                        self.fetcher.cancel.cancel();
                    }
                }
                Err(e) => {
                    tracing::error!(error = %e, "a fetch task broke");
                    let lost = StoreError::Refused("a fetch task broke; see the log".to_owned());
                    fatal.get_or_insert(RunError::Store(lost));
                }
            }
        }
        fatal.map_or(Ok(()), Err)
    }

    /// Notes how an item ended; the error when the whole run must end with it.
    fn item_ended(&self, item: &Item, number: u64, outcome: Result<(), ItemError>) -> Option<RunError> {
        let fault = match outcome {
            Ok(()) => {
                self.fetcher.listener.hear(Event::Finished { item: number });
                return None;
            }
            Err(ItemError::Store(e)) => return Some(RunError::Store(e)),
            Err(ItemError::Vendor(fault)) => fault,
        };
        match fault.class {
            Class::Auth => return Some(RunError::KeyRefused(fault)),
            Class::Journal => return Some(RunError::Store(StoreError::Unreachable(fault.message))),
            Class::Cancelled if self.fetcher.cancel.is_cancelled() => return None,
            _ => {}
        }
        let (family, timeframe) = match &item.ask {
            Ask::Aggregates { timeframe, .. } => (timeframe.family(), Some(*timeframe)),
            Ask::GroupedDaily { .. } => (Family::Day, None),
            // Without splits the bars are still right; the next run asks again.
            Ask::Splits { .. } => {
                tracing::warn!(error = %fault, "splits could not be asked");
                return None;
            }
        };
        tracing::warn!(symbols = ?item.symbols, class = %fault.class, error = %fault, "an item failed; its gap stays open");
        let reason = match fault.class {
            Class::Cancelled => fault.message.clone(),
            class => format!("{class}: {fault}"),
        };
        let mut failed = self.failed();
        for symbol in &item.symbols {
            failed.entry((symbol.clone(), family)).or_insert_with(|| reason.clone());
        }
        drop(failed);
        let symbol = item.symbols.first().cloned();
        self.fetcher.listener.hear(Event::Failed { item: number, symbol, timeframe, reason });
        None
    }

    /// Computes coarser bars that are missing where their base is stored.
    async fn derive_stored(&self) -> Result<(), RunError> {
        let store = &self.engine().store;
        let survey = Survey::read(store.as_ref(), &self.scene.targets, self.engine().clock.now()).await?;
        for need in self.open_needs(&survey, true)? {
            let (state, horizon) = (&need.state, need.horizon);
            for (timeframe, spans) in &need.local {
                let family = state.base.family();
                let keys = self.fetcher.registrar.keys(&state.symbol, family, &self.engine().settings).await?;
                let keys = Arc::new(keys);
                for stretch in spans.iter().flat_map(|span| stretches(span, *timeframe, state.class)) {
                    if self.fetcher.cancel.is_cancelled() {
                        return Ok(());
                    }
                    // Nothing is answered here, so the computation may only use what coverage proves.
                    let part = Part {
                        keys: Arc::clone(&keys),
                        answered: stretch,
                        verdict: Verdict::Answered,
                        bars: stored_bars(self.engine(), keys.base_id, stretch).await?,
                        horizon,
                    };
                    let fetched_at = self.engine().clock.now();
                    let arrival =
                        Arrival { parts: vec![part], request: None, fetched_at, only: Some(*timeframe), pass: None };
                    settled(self.fetcher.ingest.send(arrival).await).await?;
                }
            }
        }
        Ok(())
    }

    /// Adds up, closes the execution and the status rows.
    async fn finish(&self, outcome: Result<(), RunError>, cancel: &CancellationToken) -> Result<Summary, RunError> {
        let engine = self.engine();
        match outcome {
            // A refused key leaves nothing behind.
            Err(RunError::KeyRefused(fault)) if !self.fetcher.registrar.is_done() => {
                return Err(RunError::KeyRefused(fault));
            }
            Err(RunError::Store(e)) => return Err(RunError::Store(e)),
            _ => {}
        }
        self.fetcher.registrar.register().await?;
        if !cancel.is_cancelled() {
            self.featurer.finish().await?;
        }
        let now = engine.clock.now();
        let unfinished = self.unfinished(now).await?;
        let counters = self.fetcher.dispatcher.counters();
        let cancelled = cancel.is_cancelled();
        let reasons: BTreeMap<SeriesKey, String> =
            unfinished.iter().map(|(key, (gaps, reason))| (key.clone(), describe(*gaps, reason))).collect();
        let statuses = {
            let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.close(&reasons, now)
        };
        engine.store.put_series_statuses(&statuses).await?;

        let failed_symbols: BTreeSet<&Symbol> = unfinished.keys().map(|(symbol, _)| symbol).collect();
        let status = match (&outcome, cancelled, unfinished.is_empty()) {
            (Err(_), ..) => ExecutionStatus::Failed,
            (_, true, _) => ExecutionStatus::Cancelled,
            (_, _, true) => ExecutionStatus::Completed,
            _ if failed_symbols.len() == self.scene.targets.len() && self.nothing_came() => ExecutionStatus::Failed,
            _ => ExecutionStatus::CompletedWithErrors,
        };
        let (written, unchanged, quarantined, processed) = {
            let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            (tally.written, tally.unchanged, tally.quarantined, tally.processed as i64)
        };
        let requests_needed = self.fetcher.facts().needed;
        let (features_written, features_failed) = {
            let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            (tally.features, tally.feature_failures.len() as u64)
        };
        let summary = Summary {
            execution_id: self.execution.execution_id,
            status,
            requests: counters.total_requests,
            rate_limited: counters.rate_limited_count,
            retries: counters.retries,
            requests_needed,
            plan_efficiency: (requests_needed > 0).then(|| counters.total_requests as f64 / requests_needed as f64),
            bars_written: written,
            bars_unchanged: unchanged,
            quarantined,
            features_written,
            features_failed,
            series_total: statuses.len() as u64,
            series_failed: unfinished.len() as u64,
            gaps_left: unfinished.values().map(|(gaps, _)| *gaps as u64).sum(),
            duration_seconds: (now - self.execution.started_at).max(0) as f64 / 1000.0,
            unfinished: unfinished
                .iter()
                .map(|((symbol, timeframe), (gaps, reason))| Unfinished {
                    symbol: symbol.to_string(),
                    timeframe: timeframe.to_string(),
                    gaps: *gaps,
                    reason: reason.clone(),
                })
                .collect(),
        };
        let total = self.scene.targets.len() as i64;
        let row = ExecutionRow {
            completed_at: Some(now),
            duration_seconds: Some(summary.duration_seconds),
            successful_symbols: total - failed_symbols.len() as i64,
            failed_symbols: failed_symbols.len() as i64,
            total_records_processed: processed,
            requests: summary.requests as i64,
            rate_limited: summary.rate_limited as i64,
            retries: summary.retries as i64,
            status,
            error_message: self.first_reason(&outcome),
            ..self.execution.clone()
        };
        engine.store.put_execution(&row).await?;
        outcome.map(|()| summary)
    }

    fn nothing_came(&self) -> bool {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).processed == 0
    }

    fn first_reason(&self, outcome: &Result<(), RunError>) -> Option<String> {
        match outcome {
            Err(e) => Some(e.to_string()),
            Ok(()) => self.failed().iter().next().map(|((symbol, _), reason)| format!("{symbol}: {reason}")),
        }
    }

    /// Series with holes left before the settled end, or whose family failed.
    async fn unfinished(&self, now: Ts) -> Result<BTreeMap<SeriesKey, (usize, String)>, RunError> {
        let engine = self.engine();
        let survey = Survey::read(engine.store.as_ref(), &self.scene.targets, now).await?;
        let failed = self.failed().clone();
        let mut unfinished = BTreeMap::new();
        let proven = self.scene.targets.iter().flat_map(|target| survey.proven(target));
        let believed = self.scene.targets.iter().flat_map(|target| survey.families(target));
        let before = self.scene.targets.iter().flat_map(|target| self.scene.survey.families(target));
        for ((state, believed), before) in proven.zip(believed).zip(before) {
            let mut range = self.wish.selection.range(state.class, engine.settings.backfill.history, self.scene.now)?;
            let horizon = self.fetcher.horizon(state.class, state.base.family());
            if self.wish.newest_only {
                // Older holes are the sweep's: this run neither asked for them nor failed with them.
                let asked = Need::of(&engine.calendar, before, range, horizon).newest(&engine.calendar).gaps.hull();
                range.start = range.start.max(asked.map_or(horizon.end, |asked| asked.start));
            }
            let reason = failed.get(&(state.symbol.clone(), state.base.family()));
            for tf in &state.asked {
                let gaps = Need::open_gaps(&engine.calendar, &state, *tf, range, horizon);
                if gaps > 0 || reason.is_some() {
                    let refused = Need::open_gaps(&engine.calendar, &believed, *tf, range, horizon) == 0;
                    let reason = reason.cloned().unwrap_or_else(|| self.why_open(refused));
                    unfinished.insert((state.symbol.clone(), *tf), (gaps, reason));
                }
            }
        }
        Ok(unfinished)
    }

    fn why_open(&self, refused: bool) -> String {
        match refused {
            true => "not_entitled: the plan of this key does not include all of the range",
            false if self.fetcher.cancel.is_cancelled() => "cancelled before it was asked",
            false => "not asked by this run; the next sweep does",
        }
        .to_owned()
    }
}

fn describe(gaps: usize, reason: &str) -> String {
    match gaps {
        0 => reason.to_owned(),
        1 => format!("1 gap left: {reason}"),
        n => format!("{n} gaps left: {reason}"),
    }
}

/// Items in groups of `size` symbols; items of one symbol stay together.
fn by_symbol(items: Vec<Item>, size: usize) -> Vec<Vec<Item>> {
    let mut groups: Vec<(BTreeSet<Option<Symbol>>, Vec<Item>)> = Vec::new();
    for item in items {
        let symbol = item.symbols.first().cloned();
        let place = groups.iter().position(|(names, _)| names.contains(&symbol));
        let place = place
            .or_else(|| groups.len().checked_sub(1).filter(|k| groups.get(*k).is_some_and(|(n, _)| n.len() < size)));
        match place.and_then(|k| groups.get_mut(k)) {
            Some((names, group)) => {
                names.insert(symbol);
                group.push(item);
            }
            None => groups.push((BTreeSet::from([symbol]), vec![item])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Waits, or returns early on cancel.
async fn pause(cancel: &CancellationToken, length: std::time::Duration) {
    tokio::select! {
        () = cancel.cancelled() => {}
        () = tokio::time::sleep(length) => {}
    }
}

/// A long span cut into stretches of whole bars.
fn stretches(span: Interval, tf: crate::market::Timeframe, class: AssetClass) -> Vec<Interval> {
    let mut all = Vec::new();
    let mut start = span.start;
    while start < span.end {
        let end = tf.span(class, start + LOCAL_STRETCH).end.min(span.end);
        all.push(Interval::new(start, end));
        start = end;
    }
    all
}

async fn stored_bars(
    engine: &Engine,
    series: crate::store::SeriesId,
    range: Interval,
) -> Result<Vec<crate::market::Bar>, StoreError> {
    let rows = engine.store.bars(series, range, usize::MAX).await?;
    Ok(rows.into_iter().map(|row| row.bar).collect())
}
