//! Executions: started, heard to their end, cancelled.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Active, Ended, MOST_RESUMED, Service};
use crate::handle::{CommandError, CommandReply};
use crate::progress::EventSinks;
use barkeep_pipeline::backfill::{Backfill, RunError};
use barkeep_pipeline::index::coverage::SeriesKey;
use barkeep_store::{ExecutionRow, ExecutionStatus};

impl Service {
    pub(super) fn start(&mut self, backfill: Backfill) -> Uuid {
        let id = backfill.execution_id;
        let sinks = EventSinks {
            execution_id: id,
            clock: Arc::clone(&self.engine.clock),
            pulse: Arc::clone(&self.pulse),
            events: self.events.clone(),
            changed: self.changed.clone(),
        };
        let progress = backfill.progress(&self.engine, Arc::new(sinks));
        let cancel = CancellationToken::new();
        let engine = self.engine.clone();
        let (followed, stop) = (Arc::clone(&progress), cancel.clone());
        let selection = backfill.selection.clone();
        let task = self.running.spawn(async move {
            let outcome = backfill.run_with(&engine, followed, stop).await;
            (id, outcome)
        });
        self.active.insert(id, Active { selection, cancel, progress, task: task.id() });
        self.executions += 1;
        id
    }

    pub(super) async fn ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        let (id, outcome) = match ended {
            Ok(ended) => ended,
            Err(e) => {
                tracing::error!(error = %e, "an execution broke");
                let broken = self.active.iter().find(|(_, active)| active.task == e.id()).map(|(id, _)| *id);
                if let Some(id) = broken {
                    self.active.remove(&id);
                    self.engine.gate.forget(id);
                    self.close_broken(id).await;
                }
                return;
            }
        };
        let active = self.active.remove(&id);
        self.engine.gate.forget(id);
        // However it ended, what it wrote is written.
        self.rows_written += active.map_or(0, |active| active.progress.totals().written);
        match outcome {
            Ok(summary) => {
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
                // The fault says that the vendor refused the key.
                let reason = fault.to_string();
                self.key_refused = Some(reason.clone());
                tracing::error!("{reason}; paused until the key is changed and the engine resumed");
                self.pause_for_key();
                self.failed = Some(reason);
            }
            Err(RunError::Store(e)) => self.lost(&e),
        }
    }

    /// An execution that hit a bug is not left as running.
    async fn close_broken(&self, id: Uuid) {
        let now = self.engine.clock.now();
        let closed = match self.engine.store.execution(id).await {
            Ok(Some(row)) => {
                let row = ExecutionRow {
                    status: ExecutionStatus::Failed,
                    completed_at: Some(now),
                    duration_seconds: Some((now - row.started_at).max(0) as f64 / 1000.0),
                    error_message: Some("barkeep hit a bug; see the log".to_owned()),
                    ..row
                };
                self.engine.store.put_execution(&row).await
            }
            Ok(None) => Ok(()),
            Err(e) => Err(e),
        };
        if let Err(e) = closed {
            tracing::error!(error = %e, "a broken execution could not be closed");
        }
    }

    /// An execution ended by the service's own stop is taken up again at the next start.
    pub(super) async fn mark_interrupted(&self, id: Uuid) {
        let rows = self.engine.store.executions(MOST_RESUMED).await.unwrap_or_default();
        if let Some(row) = rows.into_iter().find(|row| row.execution_id == id) {
            let row = ExecutionRow { status: ExecutionStatus::Interrupted, ..row };
            if let Err(e) = self.engine.store.put_execution(&row).await {
                tracing::error!(error = %e, "an interrupted execution could not be marked");
            }
        }
    }

    pub(super) fn cancel(&mut self, id: Option<Uuid>) -> Result<CommandReply, CommandError> {
        let chosen: Vec<&Active> =
            self.active.iter().filter(|(running, _)| id.is_none_or(|id| id == **running)).map(|(_, a)| a).collect();
        if chosen.is_empty() {
            return match id {
                Some(id) => Err(CommandError::Refused(format!("execution {id} is not running"))),
                None => Ok(CommandReply::Nothing("nothing is running".to_owned())),
            };
        }
        for active in chosen {
            active.cancel.cancel();
        }
        Ok(CommandReply::Done)
    }

    /// Takes series out of a running execution.
    pub(super) async fn cancel_series(&mut self, id: Uuid, series: &[SeriesKey]) -> Result<CommandReply, CommandError> {
        let refused = |e: String| CommandError::Refused(e);
        let active = self.active.get(&id).ok_or_else(|| refused(format!("execution {id} is not running")))?;
        let known = self.engine.store.symbols().await.map_err(|e| refused(e.to_string()))?;
        let (config, now) = (self.engine.config.current(), self.engine.clock.now());
        let targets = active.selection.targets(&known, &config.settings, now)?;
        let is_part = |(symbol, tf): &&SeriesKey| {
            targets.iter().any(|target| target.row.symbol == *symbol && target.requested.contains(tf))
        };
        if let Some((symbol, tf)) = series.iter().find(|key| !is_part(key)) {
            return Err(refused(format!("{symbol} {tf} is not part of execution {id}")));
        }
        self.engine.gate.cancel_series(id, series);
        Ok(CommandReply::Done)
    }
}
