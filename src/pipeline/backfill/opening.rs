//! What a run needs before its first request: its rows, the writer, and those who fetch and compute.
//!
//! Nothing is written yet. The rows are stored with the first answer, so that a refused key leaves nothing behind.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::survey::PlanningContext;
use super::{Backfill, Run};
use crate::RunContext;
use crate::events::Listener;
use crate::features::{FeatureRunner, PLACES, Recent};
use crate::fetch::plan_start::PlanHistory;
use crate::fetch::{Fetcher, FlatSource, Verification};
use crate::index::registry::SeriesRegistry;
use crate::ingest::{Ingest, IngestContext};
use crate::progress::RunProgress;
use barkeep_market::Ts;
use barkeep_progress::series_statuses::SeriesStatuses;
use barkeep_store::{ExecutionRow, ExecutionStatus, RequestPurpose, Trigger};

impl<'a> Run<'a> {
    /// A run that has not requested anything. The writer ends when the run is dropped and its queue is empty.
    pub(super) fn open(
        backfill: &'a Backfill,
        engine: &RunContext,
        context: PlanningContext,
        before: Option<&ExecutionRow>,
        progress: Arc<RunProgress>,
        cancel: &CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let execution = row(backfill, &context, before, engine.store.mark());
        let statuses = Arc::new(Mutex::new(SeriesStatuses::new(backfill.execution_id, Arc::clone(&context.targets))));
        let registry =
            Arc::new(SeriesRegistry::new(Arc::clone(&engine.store), Arc::clone(&context.targets), execution.clone()));
        let recent: Arc<Recent> = Arc::default();
        let (ingest, writer) = Ingest::start(IngestContext {
            store: Arc::clone(&engine.store),
            calendar: Arc::clone(&engine.calendar),
            statuses: Arc::clone(&statuses),
            progress: Arc::clone(&progress),
            recent: engine.settings.features.enabled.then(|| Arc::clone(&recent)),
        });
        let stop = cancel.child_token();
        let refetch = backfill.selection.refetch;
        let purpose = if refetch { RequestPurpose::Verify } else { RequestPurpose::Backfill };
        let feature_runner = Arc::new(FeatureRunner {
            engine: engine.clone(),
            registry: Arc::clone(&registry),
            statuses: Arc::clone(&statuses),
            progress: Arc::clone(&progress),
            execution: backfill.execution_id,
            targets: Arc::clone(&context.targets),
            cancel: stop.clone(),
            waiting: Mutex::default(),
            recent,
            places: Semaphore::new(PLACES),
        });
        let fetcher = Arc::new(Fetcher {
            engine: engine.clone(),
            dispatcher: engine.dispatcher(
                Some(backfill.execution_id),
                purpose,
                Arc::clone(&progress) as Arc<dyn Listener>,
            ),
            scheduled: matches!(backfill.trigger, Trigger::Schedule | Trigger::CatchUp),
            registry,
            ingest,
            progress,
            cancel: stop,
            capabilities: Arc::default(),
            execution: backfill.execution_id,
            now: context.now,
            delays: context.delays,
            plan_history: Arc::new(Mutex::new(PlanHistory::new(context.plan_starts.clone()))),
            verification: refetch.then(Verification::default),
            flat_files: FlatSource::new(&engine.settings.vendor),
            idle: backfill.idle,
        });
        let (failed, split_watch, again) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        let context = Arc::new(context);
        (Self { backfill, context, statuses, execution, failed, split_watch, again, fetcher, feature_runner }, writer)
    }
}

/// The execution as it begins. One that is taken up again goes on counting.
fn row(backfill: &Backfill, context: &PlanningContext, before: Option<&ExecutionRow>, owner: String) -> ExecutionRow {
    let fresh = queued(backfill, context.now, context.targets.len(), owner);
    let count = |of: fn(&ExecutionRow) -> i64| before.map_or(0, of);
    ExecutionRow {
        status: ExecutionStatus::Running,
        total_records_processed: count(|row| row.total_records_processed),
        requests: count(|row| row.requests),
        rate_limited: count(|row| row.rate_limited),
        retries: count(|row| row.retries),
        late_bars: count(|row| row.late_bars),
        changed_bars: count(|row| row.changed_bars),
        ..fresh
    }
}

/// An execution that was ordered and waits for its turn.
pub(super) fn queued(backfill: &Backfill, now: Ts, symbols: usize, owner: String) -> ExecutionRow {
    ExecutionRow {
        execution_id: backfill.execution_id,
        trigger: backfill.trigger,
        mode: backfill.mode.name().to_owned(),
        started_at: now,
        completed_at: None,
        duration_seconds: None,
        total_symbols: symbols as i64,
        successful_symbols: 0,
        failed_symbols: 0,
        total_records_processed: 0,
        requests: 0,
        rate_limited: 0,
        retries: 0,
        status: ExecutionStatus::Queued,
        error_message: None,
        owner,
        selection: serde_json::to_string(&backfill.selection).ok(),
        late_bars: 0,
        changed_bars: 0,
    }
}
