//! The database goes away in the middle of a run and comes back; the same process goes on.
//!
//! Measured from the loss until the first page is stored after it, so the time the database is away counts.

use std::time::Duration;

use tokio::time::Instant;

use super::cluster::Cluster;
use super::drill::{Engine, Measured, Stop};
use super::ground::{DrillContext, stored};
use super::work::{Undisturbed, Work, asked_twice, pages, slow_vendor};
use crate::child::Process;
use barkeep_config::postgres_programs;
use barkeep_store::sqlite::hold;
use barkeep_store::{Store, sqlite_file};

/// How long the database is away; beyond the 5 s that SQLite itself waits for a lock.
const AWAY: Duration = Duration::from_secs(6);
/// Beyond the target, so that a miss is measured and not only stated.
const LONGER: Duration = Duration::from_mins(1);

pub(super) async fn drill(
    work: &Work<'_>,
    undisturbed: &Undisturbed,
    engine: Option<Engine>,
) -> Result<Measured, Stop> {
    match (engine, postgres_programs()) {
        (Some(Engine::Sqlite), _) | (None, None) => on_sqlite(work, undisturbed).await,
        (_, Some((initdb, postgres))) => {
            let mut cluster = Cluster::start(&initdb, &postgres).await?;
            let result = on_postgres(work, undisturbed, &mut cluster).await;
            cluster.end().await;
            result
        }
        (Some(Engine::Postgres), None) => Err(Stop::Missing("initdb and postgres are not installed".to_owned())),
    }
}

async fn on_postgres(work: &Work<'_>, undisturbed: &Undisturbed, cluster: &mut Cluster) -> Result<Measured, Stop> {
    let stage = DrillContext::raise(work, slow_vendor(), Some(cluster.url())).await?;
    stage.register().await?;
    let store = stage.look().await?;
    let service = begin(&stage, undisturbed).await?;
    let lost = Instant::now();
    cluster.stop().await?;
    tokio::time::sleep(AWAY).await;
    cluster.go_on().await?;
    let back = lost.elapsed();
    let what = format!("PostgreSQL server stopped at once and started again, away for {:.1} s", back.as_secs_f64());
    finish(&stage, store.as_ref(), undisturbed, service, lost, what).await
}

async fn on_sqlite(work: &Work<'_>, undisturbed: &Undisturbed) -> Result<Measured, Stop> {
    let stage = DrillContext::raise(work, slow_vendor(), None).await?;
    stage.register().await?;
    let store = stage.look().await?;
    let service = begin(&stage, undisturbed).await?;
    let path = sqlite_file(&stage.database).ok_or_else(|| Stop::failed("the scratch database is no file"))?;
    let lost = Instant::now();
    let lock = hold(&path).await.map_err(|e| Stop::failed(e.to_string()))?;
    tokio::time::sleep(AWAY).await;
    lock.release().await;
    let what = format!("the SQLite file was locked by another connection for {:.1} s", lost.elapsed().as_secs_f64());
    finish(&stage, store.as_ref(), undisturbed, service, lost, what).await
}

/// A service in the middle of its work.
async fn begin(stage: &DrillContext, undisturbed: &Undisturbed) -> Result<Process, Stop> {
    let mut service = stage.service().await?;
    let enough = undisturbed.requests / 4;
    stage.until_asked(&mut service, "the service did not ask", |log| pages(log).len() >= enough).await?;
    Ok(service)
}

/// Waits until rows come again and the work is done, and says what was seen.
async fn finish(
    stage: &DrillContext,
    store: &dyn Store,
    undisturbed: &Undisturbed,
    mut service: Process,
    lost: Instant,
    what: String,
) -> Result<Measured, Stop> {
    let longest = stage.loaded.policy.rto_by_failure_type.database_connection_loss.target + LONGER;
    let deadline = lost + longest;
    let mut before = None;
    loop {
        match (stored(store).await, before) {
            (Some(now), Some(then)) if now > then => break,
            (Some(now), None) => before = Some(now),
            _ => {}
        }
        stage.pause(&mut service, deadline, "nothing was stored again").await?;
    }
    let seconds = lost.elapsed().as_secs_f64();
    let planner = stage.planner().await?;
    stage.until_complete(&planner, &mut service, longest).await?;
    let bars = undisturbed.equals(planner.store.as_ref()).await?;
    planner.store.close().await;
    let twice = asked_twice(&stage.sim.log());
    if twice > 0 {
        return Err(Stop::failed(format!("{twice} pages were fetched again: what had been fetched was lost")));
    }
    let id = service.id();
    stage.end(service).await?;
    let evidence = vec![
        what,
        format!("process {id} went on; no page was fetched twice"),
        format!("{bars} bars, equal to an undisturbed run"),
    ];
    Ok(Measured { seconds, evidence })
}
