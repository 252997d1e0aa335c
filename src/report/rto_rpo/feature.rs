//! The features of one series cannot be computed: its oldest bars are so large that their average is no number.
//!
//! The bars get into the scratch database as any bars do, through the store; the engine finds out by itself. Measured from
//! the failure's row in the log until the next rows of anything else are stored by the same run. Afterwards the bars are
//! corrected, and the failure has to be resolved by the next run.

use std::time::Duration;

use tokio::time::Instant;

use super::drill::{Measured, Stop};
use super::ground::{DrillContext, stored};
use super::work::{Work, slow_vendor};
use crate::child::Process;
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_market::ts::{DAY, HOUR};
use barkeep_market::{Bar, Timeframe, Ts};
use barkeep_store::{
    self, ExecutionStatus, FeatureFailureRow, PageCommit, SeriesRow, SeriesWrite, Store, StoreError, StoredBar,
};

/// So many bars that each average is over some of them only.
const BARS: i64 = 60;
/// Before everything the service is going to ask for.
const OLDER: i64 = 60 * DAY;
/// The last price whose sum with itself is no number any more, and one that is fine.
const TOO_LARGE: f64 = f64::MAX;
const SOUND: f64 = 100.0;
/// Longest wait for a step of the drill.
const LONGEST: Duration = Duration::from_mins(2);

pub(super) async fn drill(work: &Work<'_>) -> Result<Measured, Stop> {
    if !work.live.settings.features.enabled {
        return Err(Stop::Missing("features.enabled is false, so no feature can fail".to_owned()));
    }
    let failed = |e: StoreError| Stop::failed(e.to_string());
    let stage = DrillContext::raise(work, slow_vendor(), None).await?;
    stage.register().await?;
    let store = stage.look().await?;
    let series = store.series().await.map_err(failed)?;
    let chosen = |row: &&SeriesRow| stage.symbols().first() == Some(&row.symbol) && row.timeframe == Timeframe::H1;
    let series = series.into_iter().find(|row| chosen(&row)).ok_or_else(|| Stop::failed("no series is registered"))?;
    let oldest = (SystemClock.now() - OLDER).floor(HOUR);
    put(&stage, &series, oldest, TOO_LARGE).await?;

    let mut service = stage.service().await?;
    let failure = until_failed(&stage, store.as_ref(), &mut service).await?;
    let (seconds, before) = until_more(&stage, store.as_ref(), &mut service, failure.failure.failed_at).await?;
    let status = until_ended(&stage, store.as_ref(), &mut service).await?;
    if status != ExecutionStatus::Completed {
        return Err(Stop::failed(format!("the run ended as {}", status.name())));
    }
    let after = stored(store.as_ref()).await.unwrap_or(before) - before;
    let others = store.feature_freshness().await.map_err(failed)?;
    let others = others.iter().filter(|row| row.last_computed_at.is_some()).count();
    stage.end(service).await?;

    put(&stage, &series, oldest, SOUND).await?;
    let mut service = stage.service().await?;
    let deadline = Instant::now() + LONGEST;
    while !store.feature_failures(true, 1).await.map_err(failed)?.is_empty() {
        stage.pause(&mut service, deadline, "the failure was not resolved").await?;
    }
    stage.end(service).await?;
    store.close().await;
    let evidence = vec![
        format!("{} {}: {}", series.symbol, series.timeframe, failure.failure.error_message),
        format!(
            "skipped and logged; the run went on and stored {after} bars more, {others} other series have their features, \
             and it ended as {}",
            status.name()
        ),
        "bars corrected, service started again: the failure is resolved".to_owned(),
    ];
    Ok(Measured { seconds, evidence })
}

/// Writes hourly bars of one price.
async fn put(stage: &DrillContext, series: &SeriesRow, oldest: Ts, price: f64) -> Result<(), Stop> {
    let now = SystemClock.now();
    let bar = |k: i64| StoredBar {
        bar: Bar {
            ts: oldest + k * HOUR,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 1.0,
            vwap: None,
            trades: None,
        },
        provisional: false,
        quality_score: 1.0,
        quality_notes: None,
        fetched_at: now,
    };
    let write = SeriesWrite {
        series: series.id,
        bars: (0..BARS).map(bar).collect(),
        rescored: Vec::new(),
        replaces: None,
        quarantine: Vec::new(),
        coverage: Vec::new(),
        checked_at: None,
    };
    let failed = |e: StoreError| Stop::failed(e.to_string());
    let store = barkeep_store::open(&stage.database, false).await.map_err(failed)?;
    let page = PageCommit { writes: vec![write], request: None, statuses: Vec::new() };
    let outcome = store.commit_page(page).await.map_err(failed);
    store.close().await;
    outcome.map(|_| ())
}

async fn until_failed(
    stage: &DrillContext,
    store: &dyn Store,
    service: &mut Process,
) -> Result<FeatureFailureRow, Stop> {
    let deadline = Instant::now() + LONGEST;
    loop {
        let open = store.feature_failures(true, 1).await.map_err(|e| Stop::failed(e.to_string()))?;
        if let Some(row) = open.into_iter().next() {
            return Ok(row);
        }
        stage.pause(service, deadline, "no feature failed").await?;
    }
}

/// Waits until something more is stored; for how long since the failure, and how many bars there were before.
async fn until_more(
    stage: &DrillContext,
    store: &dyn Store,
    service: &mut Process,
    failed_at: Ts,
) -> Result<(f64, i64), Stop> {
    let no_answer = || Stop::failed("the database does not answer");
    let before = stored(store).await.ok_or_else(no_answer)?;
    let deadline = Instant::now() + LONGEST;
    while stored(store).await.ok_or_else(no_answer)? <= before {
        stage.pause(service, deadline, "nothing was stored after the failure").await?;
    }
    Ok(((SystemClock.now() - failed_at) as f64 / 1_000.0, before))
}

async fn until_ended(stage: &DrillContext, store: &dyn Store, service: &mut Process) -> Result<ExecutionStatus, Stop> {
    let deadline = Instant::now() + LONGEST;
    loop {
        let all = store.executions(8).await.map_err(|e| Stop::failed(e.to_string()))?;
        let open = all.iter().any(|row| row.completed_at.is_none());
        if let (false, Some(worst)) = (open, all.iter().map(|row| row.status).max_by_key(|status| *status as usize)) {
            return Ok(worst);
        }
        stage.pause(service, deadline, "the run did not end").await?;
    }
}
