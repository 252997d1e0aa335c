//! What a run needs before its first request: its rows, the writer, and those who fetch and compute.
//!
//! Nothing is written yet. The rows are stored with the first answer, so that a refused key leaves nothing behind.

use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::planning::PlanningContext;
use super::{Backfill, Run};
use crate::RunContext;
use crate::events::Listener;
use crate::features::{FeatureRunner, PLACES};
use crate::fetch::Fetcher;
use crate::index::registry::SeriesRegistry;
use crate::ingest::Ingest;
use crate::select::Target;
use crate::summary::RunCounts;
use barkeep_base::process as owner;
use barkeep_store::{ExecutionRow, ExecutionStatus, SeriesRunState, SeriesStatus, Trigger};

impl<'a> Run<'a> {
    /// A run that has not asked for anything. The writer ends when the run is dropped and its queue is empty.
    pub(super) fn open(
        wish: &'a Backfill,
        engine: &RunContext,
        scene: PlanningContext,
        listener: Arc<dyn Listener>,
        cancel: &CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let pending = pending(&scene.targets, wish.execution_id);
        let execution = row(wish, &scene);
        let tally = Arc::new(Mutex::new(RunCounts::new(&pending)));
        let registrar =
            Arc::new(SeriesRegistry::new(Arc::clone(&engine.store), scene.targets.clone(), execution.clone(), pending));
        let (ingest, writer) =
            Ingest::start(Arc::clone(&engine.store), Arc::clone(&engine.calendar), Arc::clone(&tally));
        let stop = cancel.child_token();
        let featurer = Arc::new(FeatureRunner {
            engine: engine.clone(),
            registrar: Arc::clone(&registrar),
            tally: Arc::clone(&tally),
            execution: wish.execution_id,
            targets: scene.targets.clone(),
            cancel: stop.clone(),
            waiting: Mutex::default(),
            places: Semaphore::new(PLACES),
        });
        let fetcher = Arc::new(Fetcher {
            engine: engine.clone(),
            dispatcher: engine.dispatcher(Some(wish.execution_id), Arc::clone(&listener)),
            scheduled: matches!(wish.trigger, Trigger::Schedule | Trigger::CatchUp),
            registrar,
            ingest,
            listener,
            cancel: stop,
            facts: Mutex::default(),
            execution: wish.execution_id,
            now: scene.now,
            delays: scene.delays,
        });
        let failed = Mutex::default();
        (Self { wish, scene, tally, execution, failed, fetcher, featurer }, writer)
    }
}

/// The execution as it begins.
fn row(wish: &Backfill, scene: &PlanningContext) -> ExecutionRow {
    ExecutionRow {
        execution_id: wish.execution_id,
        trigger: wish.trigger,
        mode: wish.mode.name().to_owned(),
        started_at: scene.now,
        completed_at: None,
        duration_seconds: None,
        total_symbols: scene.targets.len() as i64,
        successful_symbols: 0,
        failed_symbols: 0,
        total_records_processed: 0,
        requests: 0,
        rate_limited: 0,
        retries: 0,
        status: ExecutionStatus::Running,
        error_message: None,
        owner: owner::mark(),
        selection: serde_json::to_string(&wish.selection).ok(),
    }
}

/// The series asked for, none of them begun.
fn pending(targets: &[Target], execution_id: Uuid) -> Vec<SeriesStatus> {
    let of = |target: &Target, timeframe| SeriesStatus {
        execution_id,
        symbol: target.row.symbol.clone(),
        asset_class: target.row.asset_class,
        timeframe,
        status: SeriesRunState::Pending,
        records_processed: 0,
        records_inserted: 0,
        features_computed: 0,
        error_message: None,
        started_at: None,
        completed_at: None,
        duration_seconds: None,
    };
    targets.iter().flat_map(|target| target.asked.iter().map(move |tf| of(target, *tf))).collect()
}
