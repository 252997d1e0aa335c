//! A service on standby carries out items of the plans that others have made.
//!
//! It fetches, judges and stores as a run does, through its own connections; each of its pages is refused once its item is
//! not its own any more. It plans nothing, and closes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::queue::{End, ItemOutcome, SharedItem};
use super::survey::PlanningContext;
use super::{Backfill, RunError};
use crate::events::{Listener, Silent};
use crate::fetch::plan_start::{PlanHistory, PlanNews};
use crate::fetch::{Fetcher, ItemError, VendorCapabilities};
use crate::index::registry::SeriesRegistry;
use crate::ingest::{Ingest, IngestContext, ItemReport};
use crate::progress::RunProgress;
use crate::{EngineContext, RunContext};
use barkeep_config::Mode;
use barkeep_progress::series_statuses::SeriesStatuses;
use barkeep_store::{Attempts, PlanItem, RequestPurpose, SharedPlans, StoreError};
use barkeep_vendor::Class;

/// How often it is looked for items, and whether those under way are still to be carried out.
const LOOK: Duration = Duration::from_millis(500);
/// How long what is known of an execution is kept without an item of it.
const KEPT: Duration = Duration::from_secs(10);
/// How long nothing is taken after something went wrong here: others may do better.
const PAUSE: Duration = Duration::from_secs(30);

/// Takes items until `cancel`; those under way are then given back, their pages in flight committed.
pub async fn help(engine: &EngineContext, cancel: &CancellationToken) {
    let store = Arc::clone(&engine.store);
    let Some(plans) = store.shared_plans() else { return };
    let mut helper = Helper {
        engine,
        plans,
        runs: BTreeMap::new(),
        under_way: BTreeMap::new(),
        tasks: JoinSet::new(),
        not_before: Instant::now(),
    };
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            Some(ended) = helper.tasks.join_next(), if !helper.tasks.is_empty() => helper.ended(ended).await,
            _ = looks.tick() => helper.look().await,
        }
        helper.take().await;
    }
    helper.under_way.values().for_each(CancellationToken::cancel);
    while let Some(ended) = helper.tasks.join_next().await {
        helper.ended(ended).await;
    }
    engine.gate.resume();
}

/// An item: its execution and its number.
type Key = (Uuid, u64);

struct Helper<'e> {
    engine: &'e EngineContext,
    plans: &'e dyn SharedPlans,
    runs: BTreeMap<Uuid, Arc<HelpedRun>>,
    under_way: BTreeMap<Key, CancellationToken>,
    tasks: JoinSet<(Key, Result<ItemOutcome, StoreError>)>,
    not_before: Instant,
}

impl Helper<'_> {
    fn has_room(&self) -> bool {
        let engine = self.engine;
        // Where the limit is what all wait for, more than one would only stand in line before more important ones.
        let is_free = self.tasks.is_empty() || engine.limiter.expected_wait().is_zero();
        let may = engine.gate.paused().is_none() && engine.vendor.unavailable().is_none();
        may && is_free && self.tasks.len() < engine.gate.width() && Instant::now() >= self.not_before
    }

    async fn take(&mut self) {
        while self.has_room() {
            match self.plans.take(None).await {
                Ok(Some(row)) => self.begin(row).await,
                Ok(None) => return,
                Err(error) => return self.back_off(&error),
            }
        }
    }

    async fn begin(&mut self, row: PlanItem) {
        let key = (row.execution_id, row.number);
        let begun = async {
            let shared: SharedItem =
                serde_json::from_str(&row.item).map_err(|e| StoreError::Unusable(format!("an item of a plan: {e}")))?;
            Ok::<_, RunError>((shared, self.run(row.execution_id).await?))
        };
        match begun.await {
            Ok((shared, run)) => {
                let cancel = CancellationToken::new();
                self.under_way.insert(key, cancel.clone());
                self.runs.insert(row.execution_id, Arc::clone(&run));
                self.tasks.spawn(async move { (key, run.carry_out(key.1, shared, cancel).await) });
            }
            Err(error) => {
                self.back_off(&error);
                self.end(key, &ItemOutcome::released()).await;
            }
        }
    }

    async fn run(&self, execution: Uuid) -> Result<Arc<HelpedRun>, RunError> {
        match self.runs.get(&execution) {
            Some(run) => Ok(Arc::clone(run)),
            None => Ok(Arc::new(HelpedRun::open(self.engine, execution).await?)),
        }
    }

    fn back_off(&mut self, error: &impl std::fmt::Display) {
        tracing::warn!(%error, "cannot carry out an item of a shared plan");
        self.not_before = Instant::now() + PAUSE;
    }

    async fn ended(&mut self, ended: Result<(Key, Result<ItemOutcome, StoreError>), tokio::task::JoinError>) {
        let (key, outcome) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // Which item it was is not known: all are given back.
                self.back_off(&error);
                for (key, cancel) in std::mem::take(&mut self.under_way) {
                    cancel.cancel();
                    self.end(key, &ItemOutcome::released()).await;
                }
                return;
            }
        };
        self.under_way.remove(&key);
        let outcome = outcome.unwrap_or_else(|error| {
            // Nothing more is written with what belongs to a refused page.
            self.runs.remove(&key.0);
            if matches!(error, StoreError::TakenOver(_)) {
                tracing::warn!(execution = %key.0, "stopped work on an item of a shared plan: {error}");
            } else {
                self.back_off(&error);
            }
            ItemOutcome::released()
        });
        if let End::Failed { class: class @ (Class::Auth | Class::Transient), message } = &outcome.end {
            // It may be the key or the network of this service alone.
            self.back_off(&format!("{class}: {message}"));
            return self.end(key, &ItemOutcome { end: End::Released, ..outcome }).await;
        }
        self.end(key, &outcome).await;
    }

    async fn end(&self, (execution, number): Key, outcome: &ItemOutcome) {
        let ended = match serde_json::to_string(outcome) {
            Ok(text) => self.plans.end(execution, number, Some(text)).await,
            Err(error) => Err(StoreError::Refused(error.to_string())),
        };
        if let Err(error) = ended {
            tracing::warn!(%execution, %error, "cannot record how an item of a shared plan ended");
        }
    }

    /// Ends what is not to be carried out any more, and follows the pause of the engine.
    async fn look(&mut self) {
        self.runs.retain(|_, run| run.is_wanted());
        match self.engine.store.engine_pause().await {
            Ok(Some(pause)) if self.engine.gate.paused().is_none() => self.engine.gate.pause(pause),
            Ok(None) if self.engine.gate.paused().is_some() => self.engine.gate.resume(),
            _ => {}
        }
        let Ok(own) = self.plans.own().await else { return };
        for lost in own.iter().map(|item| (item.execution_id, item.number)) {
            // It was taken, and the answer that said so was lost.
            if !self.under_way.contains_key(&lost) {
                self.end(lost, &ItemOutcome::released()).await;
            }
        }
        let kept: BTreeSet<Key> =
            own.iter().filter(|item| !item.is_stopped).map(|item| (item.execution_id, item.number)).collect();
        self.under_way.iter().filter(|(key, _)| !kept.contains(key)).for_each(|(_, cancel)| cancel.cancel());
    }
}

impl ItemOutcome {
    fn released() -> Self {
        Self {
            attempts: Attempts::default(),
            learned: VendorCapabilities::default(),
            plan: PlanNews::default(),
            end: End::Released,
        }
    }
}

/// What the items of one execution are carried out with.
struct HelpedRun {
    engine: RunContext,
    context: PlanningContext,
    execution: Uuid,
    is_scheduled: bool,
    registry: Arc<SeriesRegistry>,
    ingest: Ingest,
    progress: Arc<RunProgress>,
    capabilities: Arc<Mutex<VendorCapabilities>>,
    plan_history: Arc<Mutex<PlanHistory>>,
    used: Mutex<Instant>,
}

impl HelpedRun {
    async fn open(shared: &EngineContext, execution: Uuid) -> Result<Self, RunError> {
        let mut engine = shared.for_run();
        // A service on standby has not heard what was announced since it started.
        engine.calendar = Arc::new(crate::calendar(engine.store.as_ref()).await?);
        let row = engine.store.execution(execution).await?;
        let selection = row.as_ref().and_then(|row| serde_json::from_str(row.selection.as_deref()?).ok());
        let Some((row, selection)) = row.zip(selection) else {
            return Err(StoreError::NotFound(format!("execution {execution} is not there")).into());
        };
        let backfill = Backfill { execution_id: execution, ..Backfill::new(selection, Mode::Pipeline, row.trigger) };
        let context = backfill.planning_context(&engine).await?;
        let (store, targets) = (Arc::clone(&engine.store), Arc::clone(&context.targets));
        let series = store.series().await?;
        let is_scheduled = backfill.is_scheduled();
        let progress = backfill.progress(shared, Arc::new(Silent));
        let statuses = SeriesStatuses::new(execution, Arc::clone(&targets));
        let (ingest, _) = Ingest::start(IngestContext {
            store: Arc::clone(&store),
            calendar: Arc::clone(&engine.calendar),
            statuses: Arc::new(Mutex::new(statuses)),
            progress: Arc::clone(&progress),
            // Features are computed by whoever planned.
            recent: None,
        });
        let plan_history = PlanHistory::new(context.plan_starts.clone());
        Ok(Self {
            engine,
            context,
            execution,
            is_scheduled,
            registry: Arc::new(SeriesRegistry::registered(store, targets, row, series)),
            ingest,
            progress,
            capabilities: Arc::default(),
            plan_history: Arc::new(Mutex::new(plan_history)),
            used: Mutex::new(Instant::now()),
        })
    }

    fn is_wanted(self: &Arc<Self>) -> bool {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::strong_count(self) > 1 || used.elapsed() < KEPT
    }

    /// Carries out an item, unless the database fails.
    async fn carry_out(
        &self,
        number: u64,
        shared: SharedItem,
        cancel: CancellationToken,
    ) -> Result<ItemOutcome, StoreError> {
        let report = Arc::new(ItemReport::new(self.execution, number, Arc::clone(&self.progress)));
        let listener = Arc::clone(&report) as Arc<dyn Listener>;
        let fetcher = Fetcher {
            engine: self.engine.clone(),
            dispatcher: self.engine.dispatcher(Some(self.execution), RequestPurpose::Backfill, listener),
            scheduled: self.is_scheduled,
            registry: Arc::clone(&self.registry),
            ingest: self.ingest.reporting(Arc::clone(&report)),
            progress: Arc::clone(&self.progress),
            cancel: cancel.clone(),
            capabilities: Arc::clone(&self.capabilities),
            execution: self.execution,
            now: self.context.now,
            delays: self.context.delays,
            plan_history: Arc::clone(&self.plan_history),
            verification: None,
            flat_files: None,
            idle: false,
        };
        fetcher.capabilities().add(shared.known);
        let outcome = fetcher.fetch(number, &shared.item).await;
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let end = match outcome {
            Ok(()) => End::Fetched,
            Err(ItemError::Store(error)) => return Err(error),
            Err(ItemError::Vendor(fault)) => match fault.class {
                // The database could not be asked for a place: another worker may be able to.
                Class::Journal => return Err(StoreError::Unreachable(fault.message)),
                class => End::Failed { class, message: fault.message },
            },
        };
        let learned = fetcher.capabilities().news();
        let plan = fetcher.plan_history().news();
        Ok(ItemOutcome { attempts: report.rest(), learned, plan, end })
    }
}
