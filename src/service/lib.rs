//! The engine as a service: one task that owns every execution, follows the schedule and obeys orders.
//!
//! Nothing is guessed: an execution is shown from its own events, `Paused` only once nothing is in flight, `Failed`
//! with its reason. Executions run side by side and meet at the gate, where the most important request goes first.

pub mod activity;
pub mod background;
mod commands;
mod eta;
mod executions;
pub mod handle;
pub mod instance;
mod lease;
mod pause;
mod preview;
pub mod progress;
mod recovery;
pub mod reload;
pub mod schedule;
mod symbols;
mod timetable;

pub use background::{radar, retention};
pub use lease::{idle_services, left_behind};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, broadcast, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::activity::Activity;
use crate::handle::{EngineState, Handle, Live, Process, QueuedCommand, Tick};
use crate::lease::Lease;
use crate::progress::{RunEvent, RunProgress};
use crate::reload::Reload;
use crate::schedule::{Due, Schedule};
use barkeep_config::Mode;
use barkeep_market::{Calendar, Criticality, Ts};
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::RunError;
use barkeep_pipeline::holidays::HolidayError;
use barkeep_pipeline::select::Selection;
use barkeep_pipeline::summary::Summary;
use barkeep_store::{StoreError, Trigger, Worker};

/// Orders that may wait.
const ORDERS: usize = 64;
/// Events a slow listener may lag behind.
const EVENTS: usize = 4_096;
/// The wall clock is looked at this often, so that a step of it is noticed.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// A run changes by the page, thousands a second; nobody looks that often.
const BETWEEN_VIEWS: Duration = Duration::from_millis(50);
/// How often a lost database is looked for.
const DATABASE_PROBE: Duration = Duration::from_secs(5);
/// Orders that may wait for their turn.
const MOST_QUEUED: usize = 100;
/// Newest executions that a start looks through for interrupted ones. Scheduled runs lie between them, several for each
/// start, and an order that was accepted must not fall out of sight behind them.
const MOST_RESUMED: usize = 1_000;

type Ended = (Uuid, Result<Summary, RunError>);

/// A running execution.
struct Active {
    selection: Selection,
    newest_only: bool,
    trigger: Trigger,
    cancel: CancellationToken,
    progress: Arc<RunProgress>,
    task: tokio::task::Id,
}

/// A service before it runs.
pub struct Service {
    engine: EngineContext,
    /// Absent where the settings cannot be read again.
    reload: Option<Reload>,
    schedule: Schedule,
    radar: radar::Radar,
    commands: mpsc::Receiver<QueuedCommand>,
    live: watch::Sender<Arc<Live>>,
    events: broadcast::Sender<Arc<RunEvent>>,
    /// Rung by trackers at every change.
    changed: watch::Sender<u64>,
    pulse: Arc<Activity>,
    active: BTreeMap<Uuid, Active>,
    running: JoinSet<Ended>,
    /// Asking for announced holidays, beside everything else.
    announcements: JoinSet<Result<Calendar, HolidayError>>,
    /// Asking for dividends, the same way.
    dividends: JoinSet<()>,
    /// Plans that somebody wants to see, worked out one after the other.
    previews: JoinSet<()>,
    preview_turn: Arc<Mutex<()>>,
    /// When old rows are deleted next.
    prune_at: Ts,
    /// Beats that fell while nothing could be started; made up for afterwards, once each.
    missed: Vec<Due>,
    /// Cancelled when the service stops.
    stop: CancellationToken,
    failed: Option<String>,
    /// Who works instead, in words.
    stands_by: Option<String>,
    /// See [`Live::fleet`].
    fleet: Option<Vec<Worker>>,
    key_refused: Option<String>,
    database_lost: bool,
    draining: bool,
    started_at: Ts,
    executions: u64,
    rows_written: u64,
}

impl Service {
    /// A service on an engine, and the handle to it.
    #[must_use]
    pub fn new(engine: EngineContext, reload: Option<Reload>) -> (Self, Handle) {
        let now = engine.clock.now();
        let (sender, commands) = mpsc::channel(ORDERS);
        let (events, _) = broadcast::channel(EVENTS);
        let (changed, _) = watch::channel(0);
        let schedule = Schedule::new(&engine.config.current().policy, now);
        let first = Live {
            next: ticks(&schedule, now),
            process: Some(process(now)),
            // Whose turn it is is asked first.
            state: if engine.store.is_shared() { EngineState::Standby } else { EngineState::Idle },
            ..Live::from_outside(false, None, engine.limiter.snapshot(), now)
        };
        let (live, watch) = watch::channel(Arc::new(first));
        let handle = Handle { commands: sender, live: watch, events: events.clone() };
        let service = Self {
            engine,
            reload,
            schedule,
            radar: radar::Radar::default(),
            commands,
            live,
            events,
            changed,
            pulse: Arc::default(),
            active: BTreeMap::new(),
            running: JoinSet::new(),
            announcements: JoinSet::new(),
            dividends: JoinSet::new(),
            previews: JoinSet::new(),
            preview_turn: Arc::default(),
            prune_at: now + retention::AFTER_START,
            missed: Vec::new(),
            stop: CancellationToken::new(),
            failed: None,
            stands_by: None,
            fleet: None,
            key_refused: None,
            database_lost: false,
            draining: false,
            started_at: now,
            executions: 0,
            rows_written: 0,
        };
        (service, handle)
    }

    /// Runs until `shutdown`, then lets executions end in order.
    ///
    /// # Errors
    /// When the database cannot be read at the start, or is taken away. Other losses are waited out.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), StoreError> {
        let store = Arc::clone(&self.engine.store);
        if store.is_readonly() {
            self.look_on(&shutdown).await;
            return Ok(());
        }
        let mut lease = Lease::ask(&store).await?;
        while self.stand_by(&mut lease, &shutdown).await && !self.work(&mut lease, &shutdown).await? {
            self.give_way().await;
        }
        self.drain().await;
        drop(lease);
        if let Err(e) = store.resign().await {
            tracing::warn!(error = %e, "cannot release the lease; it expires in 15 s");
        }
        Ok(())
    }

    /// Works until `shutdown` (true), or until another has the lease.
    async fn work(&mut self, lease: &mut Lease, shutdown: &CancellationToken) -> Result<bool, StoreError> {
        self.recover().await?;
        let store = Arc::clone(&self.engine.store);
        let mut gone = std::pin::pin!(async move { store.gone().await });
        let mut changed = self.changed.subscribe();
        let mut left = self.engine.gate.left();
        loop {
            self.fleet = lease.fleet();
            self.publish();
            let soon = Instant::now() + BETWEEN_VIEWS;
            let now = self.engine.clock.now();
            let until_beat = Duration::from_millis((self.schedule.next(now) - now).max(0).unsigned_abs());
            let sleep = if self.database_lost { DATABASE_PROBE } else { until_beat.min(LONGEST_SLEEP) };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(true),
                error = &mut gone => return self.taken_away(error, shutdown).await.map(|()| true),
                elected = lease.elected() => {
                    if elected.is_some() {
                        return Ok(false);
                    }
                    if !self.database_lost && let Err(e) = self.take_up_orphans().await {
                        self.lost(&e);
                    }
                }
                Some(command) = self.commands.recv() => self.handle_command(command).await,
                Some(ended) = self.running.join_next() => self.ended(ended).await,
                Some(heard) = self.announcements.join_next() => self.heard(heard),
                // Many changes make one publication: the loop only sees the newest, and not at once.
                () = async {
                    tokio::select! {
                        _ = changed.changed() => {}
                        _ = left.changed() => {}
                        () = self.engine.limiter.moved() => {}
                    }
                    tokio::time::sleep_until(soon).await;
                } => {}
                () = tokio::time::sleep(sleep) => {}
            }
            if self.database_lost {
                self.probe_database().await;
            }
            self.tick().await;
        }
    }

    /// How backfills that begin now go about it, unless somebody says otherwise.
    fn mode(&self) -> Mode {
        self.engine.config.current().settings.backfill.mode
    }

    /// The state that fits `paused` and `in_flight`, both read at one moment.
    fn state(&self, paused: bool, in_flight: usize) -> EngineState {
        if self.draining {
            EngineState::Draining
        } else if self.stands_by.is_some() {
            EngineState::Standby
        } else if self.failed.is_some() {
            EngineState::Failed
        } else if paused && in_flight > 0 {
            EngineState::Pausing
        } else if paused {
            EngineState::Paused
        } else if self.active.is_empty() {
            EngineState::Idle
        } else {
            EngineState::Running
        }
    }

    fn publish(&self) {
        let now = self.engine.clock.now();
        let (paused, in_flight) = self.engine.gate.look();
        let pulse = self.pulse.view(now, &self.engine.requests);
        let process = Process {
            executions_begun: self.executions,
            requests_made: pulse.requests,
            bars_written: self.rows_written,
            stale_answers: self.engine.store.stale_answers(),
            ..process(self.started_at)
        };
        let limit = self.engine.limiter.snapshot();
        let mut runs: Vec<_> = self.active.values().map(|a| a.progress.view()).collect();
        // They share the limit, so none is done before what all of them have left.
        let left = runs.iter().map(|run| run.requests_left).sum();
        for run in &mut runs {
            run.not_before = eta::last_start(&limit, left, now).filter(|_| run.requests_left > 0);
        }
        let live = Live {
            at: now,
            state: self.state(paused.is_some(), in_flight),
            reason: self.failed.clone().or_else(|| self.stands_by.clone()),
            key_refused: self.key_refused.clone(),
            vendor_silent: self.pulse.silence(),
            // The board looks at the database; this task may be waiting for it.
            write_waits_since: None,
            paused,
            runs,
            limit,
            in_flight,
            next: ticks(&self.schedule, now),
            pulse,
            process: Some(process),
            fleet: self.fleet.clone(),
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
        stale_answers: 0,
    }
}

fn ticks(schedule: &Schedule, now: Ts) -> Vec<Tick> {
    let name = |due| match due {
        Due::Tier(criticality) => Criticality::name(criticality).to_owned(),
        Due::Sweep => "sweep".to_owned(),
    };
    schedule.upcoming(now).into_iter().map(|(due, at)| Tick { what: name(due), at }).collect()
}
