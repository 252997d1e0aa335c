//! Keeps the newest [`Snapshot`] for everybody who looks: one reader of the database, however many views.
//!
//! What the engine does is passed on at once, at most ten times a second. What the database holds is read again after
//! something was written, never for more than a twentieth of the time, and now and then anyway, because
//! another process may have written; a SQLite file that rests is not read, only looked at, and a server is asked whether
//! there are other symbols. Ages grow between two readings
//! by themselves. While the database does not answer, the last reading stays, with its time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::change_detector::ChangeDetector;
use crate::ledger::Ledger;
use crate::snapshot::{Data, FreshnessContext, Snapshot};
use barkeep_base::clock::Moment;
use barkeep_market::Ts;
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::backfill::Backfill;
use barkeep_pipeline::index::series::SeriesIndex;
use barkeep_pipeline::select::Selection;
use barkeep_plan::budget::Budget;
use barkeep_service::handle::{EngineState, Live};
use barkeep_store::{StoreError, Trigger};

/// Between two snapshots of a busy engine.
const BETWEEN: Duration = Duration::from_millis(100);
/// Ages and the exchange's phase move on this often, and may take about a thousandth of the time: working them out takes
/// a tenth of what reading takes.
const AGEING: Duration = Duration::from_secs(15);
/// The same while the engine does nothing.
const AGEING_IDLE: Duration = Duration::from_secs(30);
const AGEING_SHARE: u32 = 100;
/// Without a reason to, the database is read this often, and that may take a five-hundredth of the time.
const ANYWAY: Duration = Duration::from_secs(30);
const IDLE_SHARE: u32 = 500;
/// After a change it is read no sooner than this after the last time, and may take a twentieth of the time.
const SOONEST: Duration = Duration::from_millis(400);
const BUSY_SHARE: u32 = 20;
/// How often a server is asked whether another process has added or changed symbols, while anybody watches.
const ASK: Duration = Duration::from_millis(1_500);
/// What the limit allows is worked out this often, and may take a five-hundredth of the time.
const BUDGET_EVERY: Duration = Duration::from_mins(1);
/// The same while the database rests: time alone makes bars due.
const BUDGET_AT_REST: Duration = Duration::from_mins(15);

/// A write that takes longer than this is told; ordinary ones end in less.
const LONG_WRITE: Duration = Duration::from_secs(2);
/// How often writes under way are looked at.
const WRITES_EVERY: Duration = Duration::from_secs(1);

/// What was read last.
#[derive(Clone)]
pub struct Reading {
    pub data: Arc<Data>,
    pub index: Arc<SeriesIndex>,
    pub ledger: Arc<Ledger>,
    /// When the reading began.
    pub began: Instant,
    /// How often somebody had asked for one by then: what they had seen written is in it.
    asked: u64,
}

/// The board, shared by the task that writes on it and everybody who looks.
pub struct SnapshotPublisher {
    engine: EngineContext,
    snapshot: watch::Sender<Arc<Snapshot>>,
    reading: watch::Sender<Reading>,
    wanted: Notify,
    asked: AtomicU64,
    /// A run has ended, so the limit allows something else now.
    run_ended: Notify,
    budget: Mutex<Option<Budget>>,
    budget_changed: Notify,
}

impl SnapshotPublisher {
    /// Reads everything once.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn new(engine: EngineContext, live: Arc<Live>) -> Result<Arc<Self>, StoreError> {
        let began = Instant::now();
        let reading = read(&engine, began, 0).await?;
        let first = Snapshot { seq: 1, live, data: Arc::clone(&reading.data) };
        let (snapshot, reading) = (watch::channel(Arc::new(first)).0, watch::channel(reading).0);
        Ok(Arc::new(Self {
            engine,
            snapshot,
            reading,
            wanted: Notify::new(),
            asked: AtomicU64::new(0),
            run_ended: Notify::new(),
            budget: Mutex::new(None),
            budget_changed: Notify::new(),
        }))
    }

    /// The newest snapshot, and whenever it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.subscribe()
    }

    /// What was read last.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.reading.borrow().clone()
    }

    /// A reading that began after this call, unless reading takes long: then one of the last seconds.
    pub async fn fresh(&self) -> Reading {
        const CHEAP_MS: f64 = 20.0;
        const RECENT: Duration = Duration::from_secs(2);
        let ticket = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let mut readings = self.reading.subscribe();
        let enough = |r: &Reading| r.asked >= ticket || (r.data.read_ms > CHEAP_MS && r.began.elapsed() < RECENT);
        self.wanted.notify_one();
        // The board may have stopped, or the database be away: then the last reading is what there is.
        let waited = tokio::time::timeout(RECENT, readings.wait_for(enough)).await;
        match waited {
            Ok(Ok(reading)) => reading.clone(),
            _ => self.reading(),
        }
    }

    /// Keeps the board until `stop`.
    pub async fn keep(self: Arc<Self>, mut live: watch::Receiver<Arc<Live>>, stop: CancellationToken) {
        let mut pending: Option<JoinHandle<Result<Reading, StoreError>>> = None;
        let mut published = Instant::now();
        let mut rest = ChangeDetector::new(published);
        // A database on a server has no files to look at.
        let mut files = self.engine.store.stamps();
        let (mut aged, mut last, mut looked, mut writes_seen) = (published, published, published, published);
        let (mut changed, mut wanted) = (false, false);
        let (mut state, mut runs) = (live.borrow().state, live.borrow().runs.len());
        let (mut config, mut calendar) = (self.engine.config.subscribe(), self.engine.calendar.subscribe());
        // By itself: a database that is away keeps whoever asks it waiting.
        let asking = files.is_none().then(|| tokio::spawn(Arc::clone(&self).ask_for_symbols()));
        loop {
            let stuck = self.snapshot.borrow().live.write_waits_since.is_some();
            let cost = Duration::from_secs_f64(self.reading.borrow().data.read_ms.max(0.0) / 1000.0);
            let anyway = last + ANYWAY.max(cost * IDLE_SHARE);
            let due = if wanted {
                last
            } else if changed {
                looked + SOONEST.max(cost * BUSY_SHARE)
            } else {
                anyway
            };
            let ageing = if is_busy(state) { AGEING } else { AGEING_IDLE };
            let age = aged + ageing.max(cost * AGEING_SHARE);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                outcome = async { match pending.as_mut() { Some(task) => task.await, None => std::future::pending().await } } => {
                    pending = None;
                    match outcome {
                        Ok(Ok(reading)) => { self.reading.send_replace(reading); }
                        Ok(Err(e)) => {
                            tracing::warn!(error = %e, "the state of the database could not be read");
                            rest.forget();
                        }
                        Err(e) => {
                            tracing::error!(error = %e, "reading the state of the database ended unexpectedly");
                            rest.forget();
                        }
                    }
                    aged = Instant::now();
                    self.publish(&live);
                    published = aged;
                }
                () = self.wanted.notified() => wanted = true,
                // What is stored is judged otherwise from now on; the vendor's limit is read with it.
                () = async {
                    tokio::select! {
                        _ = config.changed() => {}
                        _ = calendar.changed() => {}
                    }
                } => {
                    wanted = true;
                    self.run_ended.notify_one();
                    self.age();
                    self.publish(&live);
                    published = Instant::now();
                }
                moved = live.changed() => {
                    if moved.is_err() {
                        break;
                    }
                    changed = true;
                    let (now_state, now_runs) = {
                        let newest = live.borrow_and_update();
                        (newest.state, newest.runs.len())
                    };
                    if now_runs < runs {
                        self.run_ended.notify_one();
                    }
                    runs = now_runs;
                    if now_state == state {
                        tokio::time::sleep_until(published + BETWEEN).await;
                    }
                    state = now_state;
                    self.publish(&live);
                    published = Instant::now();
                }
                () = tokio::time::sleep_until(due), if pending.is_none() => {
                    let asked = std::mem::take(&mut wanted);
                    (looked, changed) = (Instant::now(), false);
                    rest.look(self.engine.store.stamp(), looked);
                    let idle = looked >= anyway;
                    if !asked && (rest.holds(looked) || (!idle && rest.is_unwritten())) {
                        if idle {
                            last = looked;
                        }
                        continue;
                    }
                    last = looked;
                    rest.read(last);
                    pending = Some(tokio::spawn(Arc::clone(&self).reread()));
                }
                // Another process may have written, while anybody watches: a glance at the files is far cheaper than a reading.
                Ok(()) = async { match files.as_mut() { Some(files) => files.changed().await, None => std::future::pending().await } },
                    if !changed && self.snapshot.receiver_count() > 0 =>
                {
                    changed = rest.look(self.engine.store.stamp(), Instant::now());
                }
                () = self.budget_changed.notified() => {
                    self.age();
                    self.publish(&live);
                    published = Instant::now();
                }
                // While nothing is being done nothing is written.
                () = tokio::time::sleep_until(writes_seen + WRITES_EVERY), if stuck || is_busy(state) => {
                    // From a fixed time on, so that what else happens does not put it off.
                    writes_seen = Instant::now();
                    if self.write_waits_since().is_some() != stuck {
                        self.publish(&live);
                        published = Instant::now();
                    }
                }
                () = tokio::time::sleep_until(age) => {
                    aged = Instant::now();
                    self.age();
                    self.publish(&live);
                    published = aged;
                }
            }
        }
        for task in pending.map(|task| task.abort_handle()).into_iter().chain(asking.map(|task| task.abort_handle())) {
            // It only reads; when the database is away it would wait for it.
            task.abort();
        }
    }

    /// Has the database read again when its symbols are not the same any more.
    async fn ask_for_symbols(self: Arc<Self>) {
        let mut known = None;
        loop {
            tokio::time::sleep(ASK).await;
            if self.snapshot.receiver_count() == 0 {
                continue;
            }
            match self.engine.store.symbols_mark().await {
                Ok(Some(mark)) if known == Some(mark) => {}
                Ok(Some(mark)) => {
                    known = Some(mark);
                    self.wanted.notify_one();
                }
                Ok(None) => return,
                // That it cannot be read is told where it is read.
                Err(_) => {}
            }
        }
    }

    fn publish(&self, live: &watch::Receiver<Arc<Live>>) {
        let (mut live, data) = (Arc::clone(&live.borrow()), Arc::clone(&self.reading.borrow().data));
        if let Some(since) = self.write_waits_since() {
            live = Arc::new(Live { write_waits_since: Some(since), ..Live::clone(&live) });
        }
        self.snapshot.send_modify(|s| *s = Arc::new(Snapshot { seq: s.seq + 1, live, data }));
    }

    /// Since when a write has not ended, when that takes long.
    fn write_waits_since(&self) -> Option<Ts> {
        let waited = self.engine.store.oldest_write().filter(|waited| *waited > LONG_WRITE)?;
        Some(self.engine.clock.now() - waited)
    }

    /// The same rows at a later time.
    fn age(&self) {
        let reading = self.reading();
        let mut data = Data::clone(&reading.data);
        let (config, calendar) = (self.engine.config.current(), self.engine.calendar.current());
        let context = FreshnessContext::of(&config, &calendar);
        data.judge(context, &reading.index, &reading.ledger, self.engine.clock.now());
        data.budget.clone_from(&self.budget());
        self.reading.send_modify(|r| r.data = Arc::new(data));
    }

    fn budget(&self) -> MutexGuard<'_, Option<Budget>> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reread(self: Arc<Self>) -> Result<Reading, StoreError> {
        let (began, asked) = (Instant::now(), self.asked.load(Ordering::Relaxed));
        let mut reading = read(&self.engine, began, asked).await?;
        Arc::make_mut(&mut reading.data).budget.clone_from(&self.budget());
        Ok(reading)
    }

    /// Works out what the limit allows, after every run and now and then, until `stop`. Nothing is asked of the vendor
    /// for it.
    pub async fn keep_budget(self: Arc<Self>, stop: CancellationToken) {
        let (mut pause, mut soonest) = (Duration::ZERO, Duration::ZERO);
        let mut rest = ChangeDetector::new(Instant::now());
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                () = async {
                    tokio::time::sleep(soonest).await;
                    self.run_ended.notified().await;
                } => {}
            }
            let began = Instant::now();
            let backfill = Backfill {
                newest_only: true,
                ..Backfill::new(
                    Selection::default(),
                    self.engine.config.current().settings.backfill.mode,
                    Trigger::Schedule,
                )
            };
            // Without symbols there is nothing to plan; a database that is away is told elsewhere.
            let plan = backfill.preview(&self.engine).await.ok();
            *self.budget() = plan.and_then(|plan| plan.budget);
            self.budget_changed.notify_one();
            let cost = began.elapsed();
            rest.look(self.engine.store.stamp(), began);
            let every = if rest.is_resting(began) { BUDGET_AT_REST } else { BUDGET_EVERY };
            (pause, soonest) = (every.max(cost * IDLE_SHARE), SOONEST.max(cost * BUSY_SHARE));
        }
    }
}

async fn read(engine: &EngineContext, began: Instant, asked: u64) -> Result<Reading, StoreError> {
    let (config, calendar) = (engine.config.current(), engine.calendar.current());
    let context = FreshnessContext::of(&config, &calendar);
    let (data, index, ledger) = Data::read(engine.store.as_ref(), context, engine.clock.now()).await?;
    // Other processes may have asked the vendor since.
    engine.limiter.observe(&engine.store.places().await?, &Moment::now(engine.clock.as_ref()));
    Ok(Reading { data: Arc::new(data), index: Arc::new(index), ledger: Arc::new(ledger), began, asked })
}

/// Whether an engine does something that a view should follow closely.
#[must_use]
pub const fn is_busy(state: EngineState) -> bool {
    matches!(state, EngineState::Running | EngineState::Pausing | EngineState::Draining)
}
