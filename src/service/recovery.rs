//! The start after a death, a database that goes away, and the stop.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{MOST_RESUMED, Service};
use crate::lease::{idle_services, left_behind};
use crate::schedule::Due;
use barkeep_market::ts::{MINUTE, millis};
use barkeep_market::{Symbol, Ts};
use barkeep_pipeline::backfill::{Backfill, close_dead_executions, close_open};
use barkeep_pipeline::index::coverage::SeriesKey;
use barkeep_pipeline::select::Selection;
use barkeep_store::{ExecutionRow, ExecutionStatus, StoreError, Trigger};
use barkeep_vendor::counters::MINUTES;

/// How long executions have to end when the service stops.
const DRAIN: Duration = Duration::from_secs(10);

/// What an execution that has not ended is taken up for. The schedule's own runs come again by themselves.
fn wanted(row: &ExecutionRow) -> Option<Selection> {
    if matches!(row.trigger, Trigger::Schedule | Trigger::CatchUp) {
        return None;
    }
    serde_json::from_str(row.selection.as_deref()?).ok()
}

impl Service {
    /// Closes what a dead process left behind, takes it up again, and catches up.
    pub(super) async fn recover(&mut self) -> Result<(), StoreError> {
        let now = self.engine.clock.now();
        // The files may be others than those of the process before.
        let settings = Arc::clone(&self.engine.config.current().settings);
        self.assign_tiers(&settings).await?;
        let symbols = self.engine.store.symbols().await?;
        let paused: Vec<Symbol> = symbols.into_iter().filter(|row| row.paused).map(|row| row.symbol).collect();
        self.engine.gate.pause_symbols(&paused);
        let series = self.engine.store.series().await?;
        let resting: Vec<SeriesKey> =
            series.into_iter().filter(|row| row.paused).map(|row| (row.symbol, row.timeframe)).collect();
        self.engine.gate.pause_series(&resting);

        self.restore_pause().await?;
        let store = &self.engine.store;
        let recent = store.requests_by_minute(now - MINUTES as i64 * MINUTE).await?;
        self.pulse.begin(store.request_totals().await?, recent);

        let policy = Arc::clone(&self.engine.config.current().policy);
        let newest = self.engine.store.executions(1).await?.into_iter().next();
        let dead = self.close_dead(now).await?;
        self.take_up(&dead, true).await?;

        let last_activity = newest.map(|row| row.completed_at.unwrap_or(row.started_at));
        let patience = millis(policy.scheduler_recovery.catch_up_after);
        let long_down = last_activity.is_some_and(|t| now - t > patience);
        let trigger = if long_down { Trigger::CatchUp } else { Trigger::Schedule };
        if let Some(since) = last_activity.filter(|_| long_down) {
            tracing::warn!(%since, "catching up after a long downtime");
        }
        let is_paused = self.engine.gate.paused().is_some();
        for criticality in policy.scheduler_recovery.catch_up_order.iter().copied() {
            if is_paused {
                // Made up for once somebody resumes.
                self.missed.push(Due::Tier(criticality));
            } else {
                self.start_tier(criticality, trigger).await?;
            }
        }
        Ok(())
    }

    /// Takes up what was ordered and has not ended: what waited, and what `dead` processes and earlier stops interrupted.
    async fn take_up(&mut self, dead: &[ExecutionRow], whole: bool) -> Result<(), StoreError> {
        let queued = self.engine.store.queued_executions().await?;
        let mark = self.engine.store.mark();
        let marks: Vec<String> = queued.iter().map(|row| row.owner.clone()).collect();
        let gone = self.engine.store.dead(&marks).await?;
        let idle = idle_services(self.engine.store.as_ref()).await?;
        let is_left = |row: &ExecutionRow| gone.contains(&row.owner) || idle.contains(&row.owner);
        let mut open: Vec<ExecutionRow> = queued.into_iter().filter(is_left).collect();
        if self.engine.config.current().policy.scheduler_recovery.resume_interrupted {
            let mut ended = self.engine.store.executions(MOST_RESUMED).await?;
            ended.retain(|row| row.status == ExecutionStatus::Interrupted);
            if !whole {
                // What another process closed for the dead, such as a command, nobody has taken up.
                let marks: Vec<String> = ended.iter().map(|row| row.owner.clone()).collect();
                let gone = self.engine.store.dead(&marks).await?;
                ended.retain(|row| gone.contains(&row.owner));
            }
            open.extend(ended);
            open.extend(dead.iter().cloned());
        }
        for row in open {
            if self.active.contains_key(&row.execution_id) {
                continue;
            }
            let Some(selection) = wanted(&row) else { continue };
            tracing::info!(execution = %row.execution_id, was = row.status.name(), "resuming an execution");
            let id = row.execution_id;
            let backfill = Backfill { execution_id: id, ..Backfill::new(selection, self.mode(), row.trigger) };
            let from = row.owner.clone();
            let queued = ExecutionRow {
                status: ExecutionStatus::Queued,
                completed_at: None,
                duration_seconds: None,
                error_message: None,
                owner: mark.clone(),
                ..row
            };
            match self.engine.store.take_execution(&queued, &from).await {
                Ok(()) => drop(self.start(backfill)),
                // Whoever was first goes on with it.
                Err(StoreError::TakenOver(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes up what others leave behind while this service leads.
    pub(super) async fn take_up_orphans(&mut self) -> Result<(), StoreError> {
        let dead = self.close_dead(self.engine.clock.now()).await?;
        self.take_up(&dead, false).await
    }

    /// Executions of dead processes: closed, or left to [`Self::take_up`].
    async fn close_dead(&self, now: Ts) -> Result<Vec<ExecutionRow>, StoreError> {
        let resumes = self.engine.config.current().policy.scheduler_recovery.resume_interrupted;
        let kept =
            |row: &ExecutionRow| resumes && wanted(row).is_some() && !self.active.contains_key(&row.execution_id);
        let mut left = close_dead_executions(self.engine.store.as_ref(), now, &kept).await?;
        for row in left_behind(self.engine.store.as_ref(), |id| self.active.contains_key(&id)).await? {
            tracing::warn!(execution = %row.execution_id, "the service that ran this execution lost the lease");
            if kept(&row) {
                left.push(row);
            } else {
                let why = "its service lost the lease";
                close_open(self.engine.store.as_ref(), row.execution_id, ExecutionStatus::Interrupted, why, now)
                    .await?;
            }
        }
        Ok(left)
    }

    pub(super) fn lost(&mut self, error: &StoreError) {
        if !error.is_transient() {
            tracing::error!(%error, "an execution ended");
            self.failed = Some(error.to_string());
            return;
        }
        tracing::error!(%error, "the database does not answer");
        self.database_lost = true;
        self.failed = Some(format!("the database does not answer: {error}"));
    }

    /// The database is no more what was opened: nothing of what is under way can be kept, and nothing new is begun. Where
    /// somebody looks at a screen, it shows the reason until it is closed.
    pub(super) async fn taken_away(
        &mut self,
        error: StoreError,
        shutdown: &CancellationToken,
    ) -> Result<(), StoreError> {
        tracing::error!(%error, "the service stops");
        self.failed = Some(error.to_string());
        self.stop.cancel();
        for active in self.active.values() {
            active.cancel.cancel();
        }
        self.publish();
        if self.reload.as_ref().is_some_and(|reload| reload.has_screen) {
            // Orders are turned down: their answers are dropped.
            while tokio::select! { () = shutdown.cancelled() => false, order = self.commands.recv() => order.is_some() }
            {
            }
        }
        self.running.abort_all();
        Err(error)
    }

    pub(super) async fn probe_database(&mut self) {
        if self.engine.store.ping().await.is_ok() {
            tracing::info!("the database answers again");
            self.database_lost = false;
            self.failed = None;
            if let Err(e) = self.take_up(&[], true).await {
                self.lost(&e);
                return;
            }
            let policy = Arc::clone(&self.engine.config.current().policy);
            for criticality in policy.scheduler_recovery.catch_up_order.iter().copied() {
                if let Err(e) = self.start_tier(criticality, Trigger::CatchUp).await {
                    self.lost(&e);
                    return;
                }
            }
        }
    }

    pub(super) async fn drain(&mut self) {
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
}
