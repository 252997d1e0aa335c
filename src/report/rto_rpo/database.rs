//! The database is lost in the middle of a run and comes back; the same process continues.
//!
//! Measured from the loss until the first page is stored after it, including the time the database was away.

use std::time::Duration;

use tokio::time::Instant;

use super::cluster::Cluster;
use super::context::{DrillContext, stored};
use super::outcome::{DrillDatabase, DrillError, Measurement};
use super::reference::ReferenceRun;
use super::workload::{Workload, answered_pages, holding_vendor, repeated_requests};
use crate::child::Process;
use barkeep_config::postgres_programs;
use barkeep_store::sqlite::hold;
use barkeep_store::{Store, sqlite_file};

/// How long the database is away; beyond the 5 s that SQLite itself waits for a lock.
const AWAY: Duration = Duration::from_secs(6);
/// It is lost when one of so many pages was answered.
const SHARE: usize = 4;
/// Beyond the target, so that a miss is measured and not only stated.
const EXTRA_TIME: Duration = Duration::from_mins(1);

pub(super) async fn drill(
    workload: &Workload<'_>,
    reference: &ReferenceRun,
    engine: Option<DrillDatabase>,
) -> Result<Measurement, DrillError> {
    match (engine, postgres_programs()) {
        (Some(DrillDatabase::Sqlite), _) | (None, None) => on_sqlite(workload, reference).await,
        (_, Some((initdb, postgres))) => {
            let mut cluster = Cluster::start(&initdb, &postgres).await?;
            let result = on_postgres(workload, reference, &mut cluster).await;
            cluster.remove().await;
            result
        }
        (Some(DrillDatabase::Postgres), None) => {
            Err(DrillError::Missing("initdb and postgres are not installed".to_owned()))
        }
    }
}

async fn on_postgres(
    workload: &Workload<'_>,
    reference: &ReferenceRun,
    cluster: &mut Cluster,
) -> Result<Measurement, DrillError> {
    let held = holding_vendor(reference.requests / SHARE);
    let context = DrillContext::start(workload, held, Some(cluster.url())).await?;
    context.register().await?;
    let store = context.open_read_only().await?;
    let mut service = start_service(&context, reference).await?;
    let lost = Instant::now();
    cluster.stop().await?;
    context.sim.allow_all_pages();
    tokio::time::sleep(AWAY).await;
    // What is stored is counted before the service can add to it.
    let failed = |e: std::io::Error| DrillError::failed(format!("the service: {e}"));
    service.pause().map_err(failed)?;
    cluster.restart().await?;
    let back = lost.elapsed();
    let before = count(&context, store.as_ref(), &mut service).await?;
    service.resume().map_err(failed)?;
    let what = format!("PostgreSQL server stopped and started again, away for {:.1} s", back.as_secs_f64());
    finish(&context, store.as_ref(), reference, service, Loss { lost, before, what }).await
}

async fn on_sqlite(workload: &Workload<'_>, reference: &ReferenceRun) -> Result<Measurement, DrillError> {
    let context = DrillContext::start(workload, holding_vendor(reference.requests / SHARE), None).await?;
    context.register().await?;
    let store = context.open_read_only().await?;
    let mut service = start_service(&context, reference).await?;
    let path =
        sqlite_file(&context.database).ok_or_else(|| DrillError::failed("the temporary database is not a file"))?;
    let lost = Instant::now();
    let lock = hold(&path).await.map_err(|e| DrillError::failed(e.to_string()))?;
    context.sim.allow_all_pages();
    tokio::time::sleep(AWAY).await;
    // The lock keeps nobody from reading.
    let before = count(&context, store.as_ref(), &mut service).await?;
    lock.release().await;
    let what = format!("the SQLite file was locked by another connection for {:.1} s", lost.elapsed().as_secs_f64());
    finish(&context, store.as_ref(), reference, service, Loss { lost, before, what }).await
}

/// Starts a service and waits until it is in the middle of its work.
async fn start_service(context: &DrillContext, reference: &ReferenceRun) -> Result<Process, DrillError> {
    let mut service = context.service().await?;
    let enough = reference.requests / SHARE;
    context
        .until_requests(&mut service, "the service made no requests", |log| answered_pages(log).len() >= enough)
        .await?;
    Ok(service)
}

/// What is stored.
async fn count(context: &DrillContext, store: &dyn Store, service: &mut Process) -> Result<i64, DrillError> {
    let deadline = Instant::now() + EXTRA_TIME;
    loop {
        if let Some(bars) = stored(store).await {
            return Ok(bars);
        }
        context.pause(service, deadline, "the database did not answer").await?;
    }
}

/// The database was away.
struct Loss {
    /// Since then.
    lost: Instant,
    /// Bars stored when it came back.
    before: i64,
    /// For the evidence.
    what: String,
}

/// Waits until rows are stored again and the work is done, and returns the measurement.
async fn finish(
    context: &DrillContext,
    store: &dyn Store,
    reference: &ReferenceRun,
    mut service: Process,
    loss: Loss,
) -> Result<Measurement, DrillError> {
    let longest = context.loaded.policy.rto_by_failure_type.database_connection_loss.target + EXTRA_TIME;
    let deadline = loss.lost + longest;
    while stored(store).await.is_none_or(|bars| bars <= loss.before) {
        context.pause(&mut service, deadline, "nothing was stored after the loss").await?;
    }
    let seconds = loss.lost.elapsed().as_secs_f64();
    let planner = context.planner().await?;
    context.until_complete(&planner, &mut service, longest).await?;
    let bars = reference.equals(planner.store.as_ref()).await?;
    planner.store.close().await;
    let twice = repeated_requests(&context.sim.log());
    if twice > 0 {
        return Err(DrillError::failed(format!("{twice} pages were fetched again, so fetched data was lost")));
    }
    let id = service.id();
    context.stop(service).await?;
    let evidence = vec![
        loss.what,
        format!("process {id} continued; no page was fetched twice"),
        format!("{bars} bars, equal to an undisturbed run"),
    ];
    Ok(Measurement { seconds, evidence })
}
