//! The start after a death, a database that goes away, and the stop.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{MOST_RESUMED, Service};
use crate::schedule::Due;
use barkeep_market::Symbol;
use barkeep_pipeline::backfill::{Backfill, close_dead_executions};
use barkeep_pipeline::index::coverage::SeriesKey;
use barkeep_pipeline::select::Selection;
use barkeep_store::{ExecutionRow, ExecutionStatus, StoreError, Trigger};

/// How long executions have to end when the service stops.
const DRAIN: Duration = Duration::from_secs(10);

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

        let policy = Arc::clone(&self.engine.config.current().policy);
        let newest = self.engine.store.executions(1).await?.into_iter().next();
        let dead = close_dead_executions(self.engine.store.as_ref(), now).await?;
        let interrupted = self.engine.store.executions(MOST_RESUMED).await?;
        let mut resumed = Vec::new();
        if policy.scheduler_recovery.resume_interrupted {
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
                    self.start(Backfill::new(selection, self.mode(), Trigger::CatchUp));
                    // Taken up: it must not be taken up again at the next start.
                    let noted = "interrupted; taken up again by a later execution".to_owned();
                    let closed =
                        ExecutionRow { status: ExecutionStatus::Cancelled, error_message: Some(noted), ..row.clone() };
                    self.engine.store.put_execution(&closed).await?;
                }
            }
        }

        let last_activity = newest.map(|row| row.completed_at.unwrap_or(row.started_at));
        let patience = i64::try_from(policy.scheduler_recovery.catch_up_after.as_millis()).unwrap_or(i64::MAX);
        let long_down = last_activity.is_some_and(|t| now - t > patience);
        let trigger = if long_down { Trigger::CatchUp } else { Trigger::Schedule };
        if long_down {
            tracing::warn!(since = ?last_activity, "catching up after a long downtime");
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

    pub(super) fn lost(&mut self, error: &StoreError) {
        tracing::error!(error = %error, "the database does not answer");
        self.database_lost = error.is_transient();
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
