//! A run's turn: it begins once the series it wants are its own.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::survey::PlanningContext;
use super::{Backfill, RunError, close_dead_executions, opening};
use crate::claim::{Claim, keep, waits_for};
use crate::progress::RunProgress;
use crate::review::review;
use crate::{EngineContext, RunContext};
use barkeep_store::{ExecutionRow, SeriesClaiming, StoreError};

impl Backfill {
    /// Whether the schedule asks for it, rather than somebody who waits for it.
    #[must_use]
    pub const fn is_scheduled(&self) -> bool {
        self.trigger.is_scheduled()
    }

    /// Notes an order, so that it outlives this process, with so many symbols.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enqueue(&self, engine: &EngineContext, symbols: usize) -> Result<(), StoreError> {
        engine.store.put_execution(&opening::queued(self, engine.clock.now(), symbols, engine.store.mark())).await
    }

    /// Waits until the series are free, and reads then what is known of them.
    pub(super) async fn take_turn(
        &self,
        shared: &EngineContext,
        claim: &Claim,
        before: Option<&ExecutionRow>,
        progress: &RunProgress,
        cancel: &CancellationToken,
    ) -> Result<(RunContext, PlanningContext), RunError> {
        let mut engine = shared.for_run();
        // With thousands of symbols reading takes a while; whoever stops the service does not wait for it.
        let mut context = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(RunError::CancelledInLine),
            context = self.planning_context(&engine) => context?,
        };
        let mut noted = before.is_some() || self.is_scheduled();
        let mut waited = false;
        let granted = loop {
            match claim.ask(&context.targets, self.is_scheduled() && !self.whole).await? {
                SeriesClaiming::Granted(granted) => break granted,
                SeriesClaiming::Waits(holder) => {
                    if !noted {
                        self.enqueue(shared, context.targets.len()).await?;
                        noted = true;
                    }
                    waited = true;
                    progress.wait_for(Some(waits_for(&holder)));
                    tokio::select! {
                        () = cancel.cancelled() => return Err(RunError::CancelledInLine),
                        () = shared.claims.moved() => {}
                    }
                }
            }
        };
        progress.wait_for(None);
        if waited || review(&engine, &context.targets).await? > 0 {
            engine = shared.for_run();
            context = self.planning_context(&engine).await?;
            if waited && review(&engine, &context.targets).await? > 0 {
                context = self.planning_context(&engine).await?;
            }
        }
        close_dead_executions(engine.store.as_ref(), context.now, |_| false).await?;
        let left_out = keep(Arc::make_mut(&mut context.targets), &granted);
        progress.leave_out(left_out);
        Ok((engine, context))
    }
}
