//! The engine as a service: one task that owns every execution, follows the schedule and obeys orders.
//!
//! Nothing is guessed: an execution is shown from its own events, `Paused` only once nothing is in flight, `Failed`
//! with its reason. Executions run side by side and meet at the gate, where the most important request goes first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Engine;
use super::backfill::{Backfill, RunError, close_dead_executions};
use super::freshness::{Inventory, Judge};
use super::handle::{Action, Answer, Beat, EngineState, Handle, Live, Mail, Order, OrderError, Process, What};
use super::holidays::{self, HolidayError};
use super::progress::Listener;
use super::pulse::Pulse;
use super::quarantine;
use super::schedule::{Due, Schedule};
use super::select::Selection;
use super::summary::Summary;
use super::track::{RunEvent, Tracker, Wires};
use crate::config::{Loaded, Policy};
use crate::market::freshness::Tier;
use crate::market::{Calendar, Criticality, Symbol, Ts};
use crate::store::{ExecutionRow, ExecutionStatus, OperatorAction, SeriesState, StoreError, SymbolRow, Trigger};

/// Orders that may wait.
const ORDERS: usize = 64;
/// Events a slow listener may lag behind.
const EVENTS: usize = 4_096;
/// The wall clock is looked at this often, so that a step of it is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// How long executions have to end when the service stops.
const DRAIN: Duration = Duration::from_secs(10);
/// A run changes by the page, thousands a second; nobody looks that often.
const BETWEEN_VIEWS: Duration = Duration::from_millis(50);
/// How often a lost database is looked for.
const DATABASE_PROBE: Duration = Duration::from_secs(5);
/// Interrupted executions that are taken up again at a start.
const MOST_RESUMED: usize = 20;

type Ended = (Uuid, Result<Summary, RunError>);

/// A running execution.
struct Active {
    cancel: CancellationToken,
    tracker: Arc<Tracker>,
}

/// A service before it runs.
pub struct Service {
    engine: Engine,
    policy: Arc<Policy>,
    schedule: Schedule,
    orders: mpsc::Receiver<Mail>,
    live: watch::Sender<Arc<Live>>,
    events: broadcast::Sender<Arc<RunEvent>>,
    /// Rung by trackers at every change.
    changed: watch::Sender<u64>,
    pulse: Arc<Pulse>,
    active: BTreeMap<Uuid, Active>,
    running: JoinSet<Ended>,
    /// Asking for announced holidays, beside everything else.
    announcements: JoinSet<Result<Calendar, HolidayError>>,
    /// Beats that fell while nothing could be started; made up for afterwards, once each.
    missed: Vec<Due>,
    /// Cancelled when the service stops.
    stop: CancellationToken,
    failed: Option<String>,
    key_refused: Option<String>,
    database_lost: bool,
    draining: bool,
    started_at: Ts,
    executions: u64,
    requests: u64,
    rows_written: u64,
}

impl Service {
    /// A service on an engine, and the handle to it.
    #[must_use]
    pub fn new(engine: Engine, policy: Arc<Policy>) -> (Self, Handle) {
        let now = engine.clock.now();
        let (sender, orders) = mpsc::channel(ORDERS);
        let (events, _) = broadcast::channel(EVENTS);
        let (changed, _) = watch::channel(0);
        let schedule = Schedule::new(&policy, now);
        let first = Live {
            next: beats(&schedule, now),
            process: Some(process(now)),
            ..Live::from_outside(false, engine.limiter.snapshot(), now)
        };
        let (live, watch) = watch::channel(Arc::new(first));
        let handle = Handle { orders: sender, live: watch, events: events.clone() };
        let service = Self {
            engine,
            policy,
            schedule,
            orders,
            live,
            events,
            changed,
            pulse: Arc::default(),
            active: BTreeMap::new(),
            running: JoinSet::new(),
            announcements: JoinSet::new(),
            missed: Vec::new(),
            stop: CancellationToken::new(),
            failed: None,
            key_refused: None,
            database_lost: false,
            draining: false,
            started_at: now,
            executions: 0,
            requests: 0,
            rows_written: 0,
        };
        (service, handle)
    }

    /// Runs until `shutdown`, then lets executions end in order.
    ///
    /// # Errors
    /// When the database cannot be read at the start. Later losses are waited out.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), StoreError> {
        self.recover().await?;
        let mut changed = self.changed.subscribe();
        let mut left = self.engine.gate.left();
        loop {
            self.publish();
            let published = Instant::now();
            let now = self.engine.clock.now();
            let until_beat = Duration::from_millis((self.schedule.next(now) - now).max(0).unsigned_abs());
            let sleep = if self.database_lost { DATABASE_PROBE } else { until_beat.min(LONGEST_SLEEP) };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(mail) = self.orders.recv() => self.obey(mail).await,
                Some(ended) = self.running.join_next() => self.ended(ended).await,
                Some(heard) = self.announcements.join_next() => self.heard(heard),
                // Many changes make one publication: the loop only sees the newest, and not at once.
                Ok(()) = changed.changed() => tokio::time::sleep_until(published + BETWEEN_VIEWS).await,
                Ok(()) = left.changed() => {}
                () = tokio::time::sleep(sleep) => {}
            }
            if self.database_lost {
                self.probe_database().await;
            }
            self.beat().await;
        }
        self.drain().await;
        Ok(())
    }

    // -- the start ---------------------------------------------------------------------------------------------------

    /// Closes what a dead process left behind, takes it up again, and catches up.
    async fn recover(&mut self) -> Result<(), StoreError> {
        let now = self.engine.clock.now();
        let symbols = self.engine.store.symbols().await?;
        let paused: Vec<Symbol> = symbols.into_iter().filter(|row| row.paused).map(|row| row.symbol).collect();
        self.engine.gate.pause_symbols(&paused);

        let newest = self.engine.store.executions(1).await?.into_iter().next();
        let dead = close_dead_executions(&self.engine, now).await?;
        let interrupted = self.engine.store.executions(MOST_RESUMED).await?;
        let mut resumed = Vec::new();
        if self.policy.scheduler_recovery.resume_interrupted {
            let open = interrupted.iter().filter(|row| row.status == ExecutionStatus::Interrupted);
            for row in open.chain(dead.iter()) {
                let selection = row.selection.as_deref().and_then(|text| serde_json::from_str::<Selection>(text).ok());
                // The schedule's own runs come again by themselves.
                if matches!(row.trigger, Trigger::Schedule | Trigger::CatchUp) || resumed.contains(&row.execution_id) {
                    continue;
                }
                resumed.push(row.execution_id);
                if let Some(selection) = selection {
                    tracing::info!(execution = %row.execution_id, "taking up an interrupted execution again");
                    self.start(Backfill::new(selection, self.engine.settings.backfill.mode, Trigger::CatchUp));
                    // Taken up: it must not be taken up again at the next start.
                    let noted = "interrupted; taken up again by a later execution".to_owned();
                    let closed =
                        ExecutionRow { status: ExecutionStatus::Cancelled, error_message: Some(noted), ..row.clone() };
                    self.engine.store.put_execution(&closed).await?;
                }
            }
        }

        let last_activity = newest.map(|row| row.completed_at.unwrap_or(row.started_at));
        let patience = i64::try_from(self.policy.scheduler_recovery.catch_up_after.as_millis()).unwrap_or(i64::MAX);
        let long_down = last_activity.is_some_and(|t| now - t > patience);
        let trigger = if long_down { Trigger::CatchUp } else { Trigger::Schedule };
        if long_down {
            tracing::warn!(since = ?last_activity, "catching up after a long downtime");
        }
        for criticality in self.policy.scheduler_recovery.catch_up_order.clone() {
            self.start_tier(criticality, trigger).await?;
        }
        Ok(())
    }

    // -- the schedule ------------------------------------------------------------------------------------------------

    async fn beat(&mut self) {
        let mut due = self.schedule.due(self.engine.clock.now());
        if self.failed.is_some() || self.engine.gate.paused().is_some() {
            for beat in due {
                if !self.missed.contains(&beat) {
                    tracing::info!(?beat, "not started now: the engine is paused or failed");
                    self.missed.push(beat);
                }
            }
            return;
        }
        due.splice(0..0, std::mem::take(&mut self.missed));
        for (k, beat) in due.iter().enumerate() {
            // What was missed may have become due again.
            if due.iter().take(k).any(|earlier| earlier == beat) {
                continue;
            }
            let outcome = match *beat {
                Due::Tier(criticality) => self.start_tier(criticality, Trigger::Schedule).await,
                Due::Sweep => self.start_sweep().await,
            };
            if let Err(e) = outcome {
                self.lost(&e);
            }
        }
    }

    async fn start_tier(&mut self, criticality: Criticality, trigger: Trigger) -> Result<(), StoreError> {
        let symbols = self.symbols_of(|row| row.criticality == criticality).await?;
        if !symbols.is_empty() {
            let selection = Selection { symbols, ..Selection::default() };
            let mode = self.engine.settings.backfill.mode;
            self.start(Backfill { newest_only: true, ..Backfill::new(selection, mode, trigger) });
        }
        Ok(())
    }

    async fn start_sweep(&mut self) -> Result<(), StoreError> {
        let symbols = self.symbols_of(|_| true).await?;
        if !symbols.is_empty() {
            let (engine, stop) = (self.engine.clone(), self.stop.clone());
            self.announcements.spawn(async move { holidays::refresh(&engine, &stop).await });
            let selection = Selection { symbols, ..Selection::default() };
            self.start(Backfill::new(selection, self.engine.settings.backfill.mode, Trigger::Schedule));
        }
        Ok(())
    }

    /// Executions from now on know the holidays the vendor has announced.
    fn heard(&mut self, heard: Result<Result<Calendar, HolidayError>, tokio::task::JoinError>) {
        match heard {
            Ok(Ok(calendar)) => self.engine.calendar = Arc::new(calendar),
            Ok(Err(e)) => tracing::info!(error = %e, "announced holidays could not be asked; the built-in rules hold"),
            Err(e) => tracing::error!(error = %e, "asking for announced holidays broke"),
        }
    }

    async fn symbols_of(&self, wanted: impl Fn(&SymbolRow) -> bool) -> Result<Vec<Symbol>, StoreError> {
        let rows = self.engine.store.symbols().await?;
        Ok(rows.into_iter().filter(|row| row.active && !row.paused && wanted(row)).map(|row| row.symbol).collect())
    }

    // -- executions --------------------------------------------------------------------------------------------------

    fn start(&mut self, wish: Backfill) -> Uuid {
        let id = wish.execution_id;
        let wires = Wires {
            clock: Arc::clone(&self.engine.clock),
            pulse: Arc::clone(&self.pulse),
            events: self.events.clone(),
            changed: self.changed.clone(),
        };
        let tracker = Arc::new(Tracker::new(id, wish.trigger, wish.mode.name(), wires));
        let cancel = CancellationToken::new();
        let engine = self.engine.clone();
        let (listener, stop) = (Arc::clone(&tracker) as Arc<dyn Listener>, cancel.clone());
        self.running.spawn(async move {
            let outcome = wish.run(&engine, listener, stop).await;
            (id, outcome)
        });
        self.active.insert(id, Active { cancel, tracker });
        self.executions += 1;
        id
    }

    async fn ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        let (id, outcome) = match ended {
            Ok(ended) => ended,
            Err(e) => {
                tracing::error!(error = %e, "an execution broke");
                return;
            }
        };
        self.active.remove(&id);
        match outcome {
            Ok(summary) => {
                self.requests += summary.requests;
                self.rows_written += summary.bars_written;
                self.failed = None;
                if summary.requests > 0 {
                    self.key_refused = None;
                }
                tracing::info!(
                    execution = %id,
                    status = summary.status.name(),
                    requests = summary.requests,
                    written = summary.bars_written,
                    gaps_left = summary.gaps_left,
                    "execution ended"
                );
                if self.draining && summary.status == ExecutionStatus::Cancelled {
                    self.mark_interrupted(id).await;
                }
            }
            Err(RunError::Busy(other)) => tracing::debug!(execution = %id, by = %other, "already being worked on"),
            Err(RunError::Selection(e)) => tracing::info!(execution = %id, "nothing to do: {e}"),
            Err(RunError::KeyRefused(fault)) => {
                let reason = format!("the vendor refused the key: {fault}");
                self.key_refused = Some(fault.to_string());
                tracing::error!("{reason}; paused until the key is changed and the engine resumed");
                self.engine.gate.pause("barkeep: the vendor refused the key", self.engine.clock.now());
                self.failed = Some(reason);
            }
            Err(RunError::Store(e)) => self.lost(&e),
        }
    }

    /// An execution ended by the service's own stop is taken up again at the next start.
    async fn mark_interrupted(&self, id: Uuid) {
        let rows = self.engine.store.executions(MOST_RESUMED).await.unwrap_or_default();
        if let Some(row) = rows.into_iter().find(|row| row.execution_id == id) {
            let row = ExecutionRow { status: ExecutionStatus::Interrupted, ..row };
            if let Err(e) = self.engine.store.put_execution(&row).await {
                tracing::error!(error = %e, "an interrupted execution could not be marked");
            }
        }
    }

    fn lost(&mut self, error: &StoreError) {
        tracing::error!(error = %error, "the database does not answer");
        self.database_lost = error.is_transient();
        self.failed = Some(format!("the database does not answer: {error}"));
    }

    async fn probe_database(&mut self) {
        if self.engine.store.ping().await.is_ok() {
            tracing::info!("the database answers again");
            self.database_lost = false;
            self.failed = None;
            for criticality in self.policy.scheduler_recovery.catch_up_order.clone() {
                if let Err(e) = self.start_tier(criticality, Trigger::CatchUp).await {
                    self.lost(&e);
                    return;
                }
            }
        }
    }

    async fn drain(&mut self) {
        self.draining = true;
        self.stop.cancel();
        for active in self.active.values() {
            active.cancel.cancel();
        }
        self.publish();
        let deadline = tokio::time::Instant::now() + DRAIN;
        while !self.running.is_empty() {
            // Only the wait is bounded; an execution's own database work is never dropped in the middle, because it runs
            // on its own task.
            match tokio::time::timeout_at(deadline, self.running.join_next()).await {
                Ok(Some(ended)) => self.ended(ended).await,
                Ok(None) => break,
                Err(_) => {
                    tracing::warn!(executions = self.running.len(), "executions did not end in time");
                    break;
                }
            }
        }
        self.publish();
    }

    // -- orders ------------------------------------------------------------------------------------------------------

    async fn obey(&mut self, (order, reply): Mail) {
        let by = order.by.clone();
        let action = order.action.name().to_owned();
        let targets = order.action.targets();
        let detail = order.action.detail();
        let answer = self.carry_out(order).await;
        let result = match &answer {
            Ok(Answer::Started(id)) => format!("started {id}"),
            Ok(Answer::Nothing(why)) => format!("nothing to do: {why}"),
            Ok(Answer::Planned(plan)) => format!("planned {} requests", plan.requests),
            Ok(Answer::Done) => "ok".to_owned(),
            Err(e) => e.to_string(),
        };
        tracing::info!(by, action, result, "order");
        let at = self.engine.clock.now();
        for target in targets.into_iter().filter(|_| !self.database_lost) {
            let (actor, action, detail, result) = (by.clone(), action.clone(), detail.clone(), result.clone());
            let act = OperatorAction { at, actor, action, target, detail, result };
            if let Err(e) = self.engine.store.record_action(&act).await {
                tracing::error!(error = %e, "an order could not be noted");
            }
        }
        // Whoever asked may be gone.
        let _ = reply.send(answer);
    }

    async fn carry_out(&mut self, order: Order) -> Result<Answer, OrderError> {
        let refused = |e: StoreError| OrderError::Refused(e.to_string());
        match order.action {
            Action::Trigger { what, trigger } => {
                let Some(selection) = self.selection(what).await.map_err(refused)? else {
                    return Ok(Answer::Nothing("no symbol matches".to_owned()));
                };
                let wish = Backfill::new(selection, self.engine.settings.backfill.mode, trigger);
                self.check(&wish).await?;
                Ok(Answer::Started(self.start(wish)))
            }
            Action::Preview(what) => {
                let Some(selection) = self.selection(what).await.map_err(refused)? else {
                    return Ok(Answer::Nothing("no symbol matches".to_owned()));
                };
                let wish = Backfill::new(selection, self.engine.settings.backfill.mode, Trigger::Manual);
                let plan = wish.preview(&self.engine).await.map_err(|e| OrderError::Refused(e.to_string()))?;
                Ok(Answer::Planned(Box::new(plan)))
            }
            Action::Pause => {
                self.engine.gate.pause(&order.by, self.engine.clock.now());
                Ok(Answer::Done)
            }
            Action::Resume => {
                self.failed = None;
                self.engine.gate.resume();
                Ok(Answer::Done)
            }
            Action::PauseSymbols(symbols) => self.set_paused(&symbols, true).await,
            Action::ResumeSymbols(symbols) => self.set_paused(&symbols, false).await,
            Action::Cancel(id) => self.cancel(id),
            Action::RetryFailed(id) => self.retry(id).await,
            Action::Decide { id, verdict } => {
                let Engine { store, calendar, settings, clock, .. } = &self.engine;
                quarantine::decide(store.as_ref(), calendar, settings, clock.as_ref(), id, verdict)
                    .await
                    .map_err(refused)?;
                Ok(Answer::Done)
            }
            Action::Reload(loaded) => {
                self.reload(*loaded).await.map_err(refused)?;
                Ok(Answer::Done)
            }
        }
    }

    /// A trigger of what cannot be is refused before it becomes an execution.
    async fn check(&self, wish: &Backfill) -> Result<(), OrderError> {
        let refused = |e: String| OrderError::Refused(e);
        let known = self.engine.store.symbols().await.map_err(|e| refused(e.to_string()))?;
        let now = self.engine.clock.now();
        let targets = wish.selection.targets(&known, &self.engine.settings, now).map_err(|e| refused(e.to_string()))?;
        for target in &targets {
            let history = self.engine.settings.backfill.history;
            wish.selection.range(target.row.asset_class, history, now).map_err(|e| refused(e.to_string()))?;
        }
        Ok(())
    }

    async fn selection(&self, what: What) -> Result<Option<Selection>, StoreError> {
        let symbols = match what {
            What::Selection(selection) => return Ok(Some(selection)),
            What::Tier(criticality) => self.symbols_of(|row| row.criticality == criticality).await?,
            What::Stale => self.stale_symbols().await?,
        };
        Ok((!symbols.is_empty()).then_some(Selection { symbols, ..Selection::default() }))
    }

    async fn stale_symbols(&self) -> Result<Vec<Symbol>, StoreError> {
        let engine = &self.engine;
        let now = engine.clock.now();
        let inventory = Inventory::read(engine.store.as_ref(), now).await?;
        let settings = &engine.settings;
        let mut judge = Judge::new(&engine.calendar, settings, settings.staleness.limits, &inventory, now);
        let mut symbols: Vec<Symbol> = Vec::new();
        for (row, known) in inventory.iter().filter(|(row, known)| known.tracked && !row.paused) {
            let fresh = judge.judge(row.asset_class, known).tier == Tier::Fresh;
            if !fresh && symbols.last() != Some(&row.symbol) {
                symbols.push(row.symbol.clone());
            }
        }
        symbols.sort();
        symbols.dedup();
        Ok(symbols)
    }

    async fn set_paused(&mut self, symbols: &[Symbol], paused: bool) -> Result<Answer, OrderError> {
        let refused = |e: StoreError| OrderError::Refused(e.to_string());
        let rows = self.engine.store.symbols().await.map_err(refused)?;
        if let Some(unknown) = symbols.iter().find(|s| !rows.iter().any(|row| &row.symbol == *s)) {
            return Err(OrderError::Refused(format!("{unknown} is not registered")));
        }
        let changed: Vec<SymbolRow> = rows
            .into_iter()
            .filter(|row| symbols.contains(&row.symbol) && row.paused != paused)
            .map(|row| SymbolRow { paused, ..row })
            .collect();
        self.engine.store.put_symbols(&changed).await.map_err(refused)?;
        if paused {
            self.engine.gate.pause_symbols(symbols);
        } else {
            self.engine.gate.resume_symbols(symbols);
        }
        Ok(Answer::Done)
    }

    fn cancel(&mut self, id: Option<Uuid>) -> Result<Answer, OrderError> {
        let chosen: Vec<&Active> =
            self.active.iter().filter(|(running, _)| id.is_none_or(|id| id == **running)).map(|(_, a)| a).collect();
        if chosen.is_empty() {
            return match id {
                Some(id) => Err(OrderError::Refused(format!("execution {id} is not running"))),
                None => Ok(Answer::Nothing("nothing is running".to_owned())),
            };
        }
        for active in chosen {
            active.cancel.cancel();
        }
        Ok(Answer::Done)
    }

    async fn retry(&mut self, id: Option<Uuid>) -> Result<Answer, OrderError> {
        let refused = |e: StoreError| OrderError::Refused(e.to_string());
        let rows = self.engine.store.executions(1_000).await.map_err(refused)?;
        let ended = |row: &&ExecutionRow| !self.active.contains_key(&row.execution_id);
        let row = match id {
            Some(id) => rows
                .iter()
                .find(|row| row.execution_id == id)
                .ok_or_else(|| OrderError::Refused(format!("there is no execution {id}")))?,
            None => match rows.iter().filter(ended).find(|row| row.failed_symbols > 0) {
                Some(row) => row,
                None => return Ok(Answer::Nothing("no execution has failed series".to_owned())),
            },
        };
        let statuses = self.engine.store.series_statuses(row.execution_id).await.map_err(refused)?;
        let failed: Vec<_> = statuses.into_iter().filter(|s| s.status == SeriesState::Failed).collect();
        if failed.is_empty() {
            return Ok(Answer::Nothing("this execution has no failed series".to_owned()));
        }
        let before: Selection =
            row.selection.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let symbols = failed.iter().map(|s| s.symbol.clone()).collect();
        let timeframes = Some(failed.iter().map(|s| s.timeframe).collect());
        let selection = Selection { symbols, timeframes, class: None, ..before };
        let mode = self.engine.settings.backfill.mode;
        Ok(Answer::Started(self.start(Backfill::new(selection, mode, Trigger::Manual))))
    }

    /// Settings that can change while the service runs: tiers, cadences, thresholds, symbol defaults.
    async fn reload(&mut self, loaded: Loaded) -> Result<(), StoreError> {
        let now = self.engine.clock.now();
        let rows = self.engine.store.symbols().await?;
        let moved: Vec<SymbolRow> = rows
            .into_iter()
            .map(|row| SymbolRow {
                criticality: crate::config::criticality_of(&loaded.settings, &row.symbol),
                ..row.clone()
            })
            .collect();
        self.engine.store.put_symbols(&moved).await?;
        self.engine.settings = Arc::new(loaded.settings);
        self.policy = Arc::new(loaded.policy);
        self.schedule = Schedule::new(&self.policy, now);
        Ok(())
    }

    // -- what is shown -----------------------------------------------------------------------------------------------

    /// The state that fits `paused` and `in_flight`, both read at one moment.
    fn state(&self, paused: bool, in_flight: usize) -> EngineState {
        match () {
            () if self.draining => EngineState::Draining,
            () if self.failed.is_some() => EngineState::Failed,
            () if paused && in_flight > 0 => EngineState::Pausing,
            () if paused => EngineState::Paused,
            () if self.active.is_empty() => EngineState::Idle,
            () => EngineState::Running,
        }
    }

    fn publish(&self) {
        let now = self.engine.clock.now();
        let (paused, in_flight) = self.engine.gate.look();
        let live = Live {
            at: now,
            state: self.state(paused.is_some(), in_flight),
            reason: self.failed.clone(),
            key_refused: self.key_refused.clone(),
            paused,
            runs: self.active.values().map(|a| a.tracker.view()).collect(),
            limit: self.engine.limiter.snapshot(),
            in_flight,
            next: beats(&self.schedule, now),
            pulse: self.pulse.view(now),
            process: Some(Process {
                executions_begun: self.executions,
                requests_made: self.requests,
                bars_written: self.rows_written,
                ..process(self.started_at)
            }),
        };
        self.live.send_replace(Arc::new(live));
    }
}

/// This process, which has done nothing yet.
fn process(started_at: Ts) -> Process {
    Process {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at,
        executions_begun: 0,
        requests_made: 0,
        bars_written: 0,
    }
}

fn beats(schedule: &Schedule, now: Ts) -> Vec<Beat> {
    let name = |due| match due {
        Due::Tier(criticality) => Criticality::name(criticality).to_owned(),
        Due::Sweep => "sweep".to_owned(),
    };
    schedule.upcoming(now).into_iter().map(|(due, at)| Beat { what: name(due), at }).collect()
}
