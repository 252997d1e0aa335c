//! Executions: started, heard to their end, cancelled.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Active, Ended, MOST_QUEUED, Service};
use crate::handle::{CommandError, CommandReply};
use crate::progress::EventSinks;
use barkeep_pipeline::backfill::{Backfill, RunError, close_own};
use barkeep_pipeline::index::coverage::SeriesKey;
use barkeep_pipeline::select::Selection;
use barkeep_pipeline::summary::Summary;
use barkeep_store::{ExecutionRow, ExecutionStatus, StoreError};

impl Active {
    fn is_queued(&self) -> bool {
        self.progress.reading().queued.is_some()
    }
}

impl Service {
    /// Takes an order for so many symbols. It is kept before anybody is told that it was taken.
    pub(super) async fn order(&mut self, backfill: Backfill, symbols: usize) -> Result<CommandReply, CommandError> {
        let waiting = || self.active.iter().filter(|(_, active)| active.is_queued());
        let same = waiting().find(|(_, active)| active.selection == backfill.selection && !active.newest_only);
        if let Some((id, _)) = same {
            return Err(CommandError::Refused(format!("execution {id} is already queued for exactly this")));
        }
        if let Some((id, _)) = waiting().next().filter(|_| waiting().count() >= MOST_QUEUED) {
            let text = format!("{MOST_QUEUED} executions wait for their turn, the first is {id}; cancel some, or wait");
            return Err(CommandError::Refused(text));
        }
        backfill.enqueue(&self.engine, symbols).await.map_err(|e| CommandError::Refused(e.to_string()))?;
        Ok(CommandReply::Started(self.start(backfill)))
    }

    /// Starts what the schedule asks for, unless the same waits for its turn already.
    pub(super) fn start_scheduled(&mut self, backfill: Backfill) {
        let includes = |active: &Active| {
            let same = active.newest_only == backfill.newest_only || !active.newest_only;
            let mut symbols = backfill.selection.symbols.iter();
            same && active.trigger.is_scheduled() && symbols.all(|symbol| active.selection.symbols.contains(symbol))
        };
        let waiting = self.active.iter().find(|(_, active)| active.is_queued() && includes(active));
        if let Some((id, active)) = waiting {
            let why = active.progress.reading().queued.unwrap_or_default();
            tracing::info!(execution = %id, why, "not started again: a scheduled run for the same waits for its turn");
            return;
        }
        self.start(backfill);
    }

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
        let (selection, newest_only, trigger) = (backfill.selection.clone(), backfill.newest_only, backfill.trigger);
        let task = self.running.spawn(async move {
            let outcome = backfill.run_with(&engine, followed, stop).await;
            (id, outcome)
        });
        self.active.insert(id, Active { selection, newest_only, trigger, cancel, progress, task: task.id() });
        self.executions += 1;
        id
    }

    pub(super) async fn ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        let (id, outcome) = match ended {
            Ok(ended) => ended,
            Err(e) => {
                tracing::error!(error = %e, "an execution ended unexpectedly");
                let broken = self.active.iter().find(|(_, active)| active.task == e.id()).map(|(id, _)| *id);
                if let Some(id) = broken {
                    self.active.remove(&id);
                    self.pulse.ended(ExecutionStatus::Failed);
                    self.engine.gate.forget(id);
                    self.close(id, ExecutionStatus::Failed, "barkeep hit a bug; see the log").await;
                }
                return;
            }
        };
        let active = self.active.remove(&id);
        self.engine.gate.forget(id);
        if let Some(status) = self.how_ended(&outcome) {
            self.pulse.ended(status);
        }
        // However it ended, what it wrote is written.
        self.rows_written += active.as_ref().map_or(0, |active| active.progress.totals().written);
        if let Some(active) = active.filter(|_| !self.draining && outcome.is_ok()) {
            self.make_up_for_left_out(&active);
        }
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
            // An order that waits when the service stops is taken up again at the next start.
            Err(RunError::CancelledInLine) if self.draining => {}
            Err(e @ RunError::CancelledInLine) => {
                tracing::info!(execution = %id, "{e}");
                self.close(id, ExecutionStatus::Cancelled, &e.to_string()).await;
            }
            Err(RunError::Selection(e)) => {
                tracing::info!(execution = %id, "nothing to do: {e}");
                self.close(id, ExecutionStatus::Failed, &e.to_string()).await;
            }
            Err(RunError::KeyRefused(fault)) => {
                // The fault says that the vendor refused the key.
                let reason = fault.to_string();
                self.key_refused = Some(reason.clone());
                self.close(id, ExecutionStatus::Failed, &reason).await;
                tracing::error!("{reason}; paused until the key is changed and the engine resumed");
                self.pause_for_key();
                self.failed = Some(reason);
            }
            // Its successor fetches what is left; nothing is wrong here.
            Err(RunError::Store(e @ StoreError::TakenOver(_))) => {
                tracing::warn!(execution = %id, "execution ended: {e}");
            }
            Err(RunError::Store(e)) => self.lost(&e),
        }
    }

    /// The status of an execution that is over; `None` while it is only put off to the next start.
    fn how_ended(&self, outcome: &Result<Summary, RunError>) -> Option<ExecutionStatus> {
        match outcome {
            Ok(summary) if self.draining && summary.status == ExecutionStatus::Cancelled => {
                Some(ExecutionStatus::Interrupted)
            }
            Ok(summary) => Some(summary.status),
            Err(RunError::CancelledInLine) if self.draining => None,
            Err(RunError::CancelledInLine) => Some(ExecutionStatus::Cancelled),
            Err(RunError::Selection(_) | RunError::KeyRefused(_) | RunError::Store(_)) => Some(ExecutionStatus::Failed),
        }
    }

    /// An execution that ended without closing its row is not left as running or queued.
    async fn close(&self, id: Uuid, status: ExecutionStatus, why: &str) {
        let now = self.engine.clock.now();
        if let Err(e) = close_own(self.engine.store.as_ref(), id, status, why, now).await {
            tracing::error!(execution = %id, error = %e, "an execution could not be closed");
        }
    }

    /// What a scheduled run left to others is asked for once they have ended.
    fn make_up_for_left_out(&mut self, active: &Active) {
        let symbols = active.progress.left_out();
        if symbols.is_empty() {
            return;
        }
        tracing::info!(symbols = symbols.len(), "left to other executions; requested after them");
        let selection = Selection { symbols, ..active.selection.clone() };
        let backfill = Backfill::new(selection, self.mode(), active.trigger);
        self.start_scheduled(Backfill { newest_only: active.newest_only, whole: true, ..backfill });
    }

    /// An execution ended by the service's own stop is taken up again at the next start.
    pub(super) async fn mark_interrupted(&self, id: Uuid) {
        let mark = self.engine.store.mark();
        if let Some(row) = self.engine.store.execution(id).await.ok().flatten().filter(|row| row.owner == mark) {
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
