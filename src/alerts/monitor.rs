//! The task that looks at the conditions while the service runs, and tells what changed.
//!
//! It stands beside the service, not in it: reading everything may wait for a lost database, and that loss itself must
//! be told meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::inputs::Rows;
use super::{AlertState, DatabaseLoss, Inputs, Kind, Notifier, conditions};
use barkeep_config::{Environment, alert_secrets};
use barkeep_market::Ts;
use barkeep_monitor::change_detector::ChangeDetector;
use barkeep_monitor::snapshot::FreshnessContext;
use barkeep_pipeline::EngineContext;
use barkeep_service::handle::{EngineState, Live};
use barkeep_store::{HealthListener, StoreError};

/// What can be judged while the database is away.
const WITHOUT_DATABASE: [Kind; 4] =
    [Kind::VendorKeyRefused, Kind::VendorUnreachable, Kind::DatabaseLost, Kind::ClockSkew];

/// A lost database is tried about this often (see [`barkeep_store::Retry`]).
const TRY: Duration = Duration::from_secs(2);

/// How often the loss itself is looked at.
const GLANCE: Duration = Duration::from_secs(1);

/// Time that queued alerts have to go out when the service stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Whether the database answers, as heard from the store: since when it does not.
#[derive(Debug, Default)]
pub struct DatabaseHealth(watch::Sender<Option<Instant>>);

impl DatabaseHealth {
    fn lost_for(&self) -> Option<Duration> {
        self.0.borrow().map(|since| since.elapsed())
    }

    fn loss(&self, now: Ts) -> Option<DatabaseLoss> {
        let lost = self.lost_for()?;
        let since = now - lost;
        let failures = u32::try_from(lost.as_secs() / TRY.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        Some(DatabaseLoss { since, failures })
    }
}

impl HealthListener for DatabaseHealth {
    fn lost(&self, _: &StoreError) {
        self.0.send_replace(Some(Instant::now()));
    }

    fn back(&self, _: Duration) {
        self.0.send_replace(None);
    }
}

/// What was read last, used again while the database rests.
struct Seen {
    rest: ChangeDetector,
    rows: Option<Arc<Rows>>,
}

/// Everything a patrol needs.
pub struct AlertMonitor {
    pub engine: EngineContext,
    pub notifier: Notifier,
    pub database: Arc<DatabaseHealth>,
    pub live: watch::Receiver<Arc<Live>>,
}

/// Ticks that do not catch up.
fn interval(every: Duration) -> tokio::time::Interval {
    let mut look = tokio::time::interval(every);
    look.set_missed_tick_behavior(MissedTickBehavior::Skip);
    look
}

impl AlertMonitor {
    /// Looks every so often until `shutdown`.
    ///
    /// # Errors
    /// When the open alerts cannot be read at the start.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), StoreError> {
        let mut watch = AlertState::load(self.engine.store.as_ref()).await?;
        let mut seen = Seen { rest: ChangeDetector::new(Instant::now()), rows: None };
        let started = self.engine.clock.now();
        let mut config = self.engine.config.subscribe();
        let mut every = self.every();
        let mut look = interval(every);
        let mut health = self.database.0.subscribe();
        // The first look comes after one period: a service that has just started has had no time to succeed.
        look.tick().await;
        let mut stood_by = false;
        let mut was_lost = self.database.lost_for().is_some();
        loop {
            let whole = tokio::select! {
                () = shutdown.cancelled() => break,
                _ = look.tick() => true,
                Ok(()) = config.changed() => {
                    self.renew_receivers();
                    if self.every() != every {
                        every = self.every();
                        look = interval(every);
                        look.tick().await;
                    }
                    true
                }
                Ok(()) = health.changed() => false,
                // A loss grows by itself; while all is well there is nothing to glance at.
                () = tokio::time::sleep(GLANCE.min(every)), if was_lost => false,
            };
            // Alerts are the affair of the service that works; after a take-over the open ones are read anew.
            if self.live.borrow().state == EngineState::Standby {
                stood_by = true;
                continue;
            }
            if std::mem::take(&mut stood_by) {
                watch = AlertState::load(self.engine.store.as_ref()).await?;
            }
            let lost = self.database.lost_for().is_some();
            if lost || was_lost {
                self.judge(&mut watch, &WITHOUT_DATABASE, &self.without_database(started));
            } else if whole {
                self.look(&mut watch, &mut seen, started).await;
            }
            was_lost = lost;
        }
        self.notifier.close(LAST_WORDS).await;
        Ok(())
    }

    fn every(&self) -> Duration {
        self.engine.config.current().settings.alerts.check_every
    }

    /// Tells those that the settings name now. What was queued for those of before still goes out.
    fn renew_receivers(&mut self) {
        let settings = &self.engine.config.current().settings.alerts;
        let secrets = alert_secrets(settings, &Environment::of_process()).map_err(|e| e.to_string());
        match secrets.and_then(|secrets| Notifier::start(settings, &secrets)) {
            Ok(notifier) => {
                let before = std::mem::replace(&mut self.notifier, notifier);
                tokio::spawn(before.close(settings.timeout));
            }
            Err(e) => tracing::error!(error = e, "alerts still go to the previous receivers"),
        }
    }

    /// How far this machine's clock is ahead of the vendor's, milliseconds, as its answers told.
    fn clock_skew(&self) -> Option<i64> {
        self.engine.requests.read().clock_skew_ms
    }

    fn without_database(&self, watching_since: Ts) -> Inputs {
        let now = self.engine.clock.now();
        let (key_refused, vendor_silent) = {
            let live = self.live.borrow();
            (live.key_refused.clone(), live.vendor_silent.clone())
        };
        let database_lost = self.database.loss(now);
        Inputs {
            now,
            watching_since,
            key_refused,
            vendor_silent,
            database_lost,
            clock_skew_ms: self.clock_skew(),
            ..Inputs::default()
        }
    }

    async fn look(&self, watch: &mut AlertState, seen: &mut Seen, watching_since: Ts) {
        let Some(rows) = self.rows(seen).await else { return };
        let (config, calendar) = (self.engine.config.current(), self.engine.calendar.current());
        let known = self.without_database(watching_since);
        let read = Inputs::of(&rows, FreshnessContext::of(&config, &calendar), watching_since, known.now);
        let Inputs { key_refused, vendor_silent, database_lost, clock_skew_ms, .. } = known;
        let inputs = Inputs { key_refused, vendor_silent, database_lost, clock_skew_ms, ..read };
        self.judge(watch, &Kind::ALL, &inputs);
        if let Err(e) = watch.save(self.engine.store.as_ref()).await {
            tracing::warn!(error = %e, "cannot store alerts; they are stored at the next check");
        }
    }

    /// What is stored now; nothing when it cannot be read in time.
    async fn rows(&self, seen: &mut Seen) -> Option<Arc<Rows>> {
        let (store, now) = (Arc::clone(&self.engine.store), Instant::now());
        seen.rest.look(store.stamp(), now);
        if let Some(rows) = seen.rows.as_ref().filter(|_| seen.rest.holds(now)) {
            return Some(Arc::clone(rows));
        }
        seen.rest.read(now);
        seen.rows = None;
        let at = self.engine.clock.now();
        // A task of its own: when the database goes away now, reading waits for it and is then of no more use.
        let calendar = self.engine.calendar.current();
        let reading = tokio::spawn(async move { Rows::read(store.as_ref(), &calendar, at).await });
        match tokio::time::timeout(self.every(), reading).await {
            Ok(Ok(Ok(rows))) => seen.rows = Some(Arc::new(rows)),
            Ok(Ok(Err(e))) => tracing::warn!(error = %e, "cannot read the alert conditions"),
            Ok(Err(e)) => tracing::error!(error = %e, "checking the alert conditions ended unexpectedly"),
            Err(_) => tracing::warn!("reading the alert conditions takes too long"),
        }
        seen.rows.clone()
    }

    fn judge(&self, watch: &mut AlertState, kinds: &[Kind], inputs: &Inputs) {
        let wrong = conditions(inputs, &self.engine.config.current().policy);
        for change in watch.step(inputs.now, kinds, &wrong) {
            self.notifier.send(&change);
        }
    }
}
