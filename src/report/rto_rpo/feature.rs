//! The features of one series cannot be computed: its oldest bars are so large that their average overflows.
//!
//! The bars are written to the temporary database through the store, as any bars are. Measured from the row of the failure in
//! the log until the same run stores the next rows of another series. Afterwards the bars are corrected, and the next run has
//! to resolve the failure.

use std::time::Duration;

use tokio::time::Instant;

use super::context::{DrillContext, stored};
use super::outcome::{DrillError, Measurement};
use super::workload::{Workload, holding_vendor};
use crate::child::Process;
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_market::ts::{DAY, HOUR};
use barkeep_market::{Bar, Timeframe, Ts};
use barkeep_store::{
    self, ExecutionStatus, FeatureFailureRow, PageCommit, SeriesRow, SeriesWrite, Store, StoreError, StoredBar,
};

/// More bars than any average covers.
const BARS: i64 = 60;
/// Older than everything the service requests.
const OLDER: i64 = 60 * DAY;
/// A price whose sum with itself overflows, and one that is fine.
const TOO_LARGE: f64 = f64::MAX;
const SOUND: f64 = 100.0;
/// Time limit of each step.
const TIMEOUT: Duration = Duration::from_mins(2);

pub(super) async fn drill(workload: &Workload<'_>) -> Result<Measurement, DrillError> {
    if !workload.live.settings.features.enabled {
        return Err(DrillError::Missing("features.enabled is false, so no feature can fail".to_owned()));
    }
    let failed = |e: StoreError| DrillError::failed(e.to_string());
    let context = DrillContext::start(workload, holding_vendor(0), None).await?;
    context.register().await?;
    let store = context.open_read_only().await?;
    let series = store.series().await.map_err(failed)?;
    let chosen = |row: &&SeriesRow| context.symbols().first() == Some(&row.symbol) && row.timeframe == Timeframe::H1;
    let series =
        series.into_iter().find(|row| chosen(&row)).ok_or_else(|| DrillError::failed("no series is registered"))?;
    let oldest = (SystemClock.now() - OLDER).floor(HOUR);
    put(&context, &series, oldest, TOO_LARGE).await?;

    let mut service = context.service().await?;
    let failure = until_failed(&context, store.as_ref(), &mut service).await?;
    let (seconds, before) = until_more(&context, store.as_ref(), &mut service, failure.failure.failed_at).await?;
    let status = until_ended(&context, store.as_ref(), &mut service).await?;
    if status != ExecutionStatus::Completed {
        return Err(DrillError::failed(format!("the run ended with status {}", status.name())));
    }
    let after = stored(store.as_ref()).await.unwrap_or(before) - before;
    let others = store.feature_freshness().await.map_err(failed)?;
    let others = others.iter().filter(|row| row.last_computed_at.is_some()).count();
    context.stop(service).await?;

    put(&context, &series, oldest, SOUND).await?;
    let mut service = context.service().await?;
    let deadline = Instant::now() + TIMEOUT;
    while !store.feature_failures(true, 1).await.map_err(failed)?.is_empty() {
        context.pause(&mut service, deadline, "the failure was not resolved").await?;
    }
    context.stop(service).await?;
    store.close().await;
    let evidence = vec![
        format!("{} {}: {}", series.symbol, series.timeframe, failure.failure.error_message),
        format!(
            "skipped and logged; the run continued and stored {after} more bars, {others} other series have their features, \
             and it ended with status {}",
            status.name()
        ),
        "bars corrected, service started again: the failure is resolved".to_owned(),
    ];
    Ok(Measurement { seconds, evidence })
}

/// Writes hourly bars of one price.
async fn put(context: &DrillContext, series: &SeriesRow, oldest: Ts, price: f64) -> Result<(), DrillError> {
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
    let write = SeriesWrite { bars: (0..BARS).map(bar).collect(), ..SeriesWrite::nothing(series.id) };
    let failed = |e: StoreError| DrillError::failed(e.to_string());
    let store = barkeep_store::open(&context.database, false).await.map_err(failed)?;
    let page =
        PageCommit { writes: vec![write], request: None, statuses: Vec::new(), of_item: None, features: Vec::new() };
    let outcome = store.commit_page(page).await.map_err(failed);
    store.close().await;
    outcome.map(|_| ())
}

/// Has the vendor answer a page at a time, so that pages are left when it happens.
async fn until_failed(
    context: &DrillContext,
    store: &dyn Store,
    service: &mut Process,
) -> Result<FeatureFailureRow, DrillError> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let open = store.feature_failures(true, 1).await.map_err(|e| DrillError::failed(e.to_string()))?;
        if let Some(row) = open.into_iter().next() {
            return Ok(row);
        }
        context.sim.allow_pages(1);
        context.pause(service, deadline, "no feature failed").await?;
    }
}

/// Waits until more is stored; the seconds since the failure, and the number of bars before.
async fn until_more(
    context: &DrillContext,
    store: &dyn Store,
    service: &mut Process,
    failed_at: Ts,
) -> Result<(f64, i64), DrillError> {
    let no_answer = || DrillError::failed("the database does not answer");
    let before = stored(store).await.ok_or_else(no_answer)?;
    context.sim.allow_all_pages();
    let deadline = Instant::now() + TIMEOUT;
    while stored(store).await.ok_or_else(no_answer)? <= before {
        context.pause(service, deadline, "nothing was stored after the failure").await?;
    }
    Ok(((SystemClock.now() - failed_at) as f64 / 1_000.0, before))
}

async fn until_ended(
    context: &DrillContext,
    store: &dyn Store,
    service: &mut Process,
) -> Result<ExecutionStatus, DrillError> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let all = store.executions(8).await.map_err(|e| DrillError::failed(e.to_string()))?;
        let open = all.iter().any(|row| row.completed_at.is_none());
        if let (false, Some(worst)) = (open, all.iter().map(|row| row.status).max_by_key(|status| *status as usize)) {
            return Ok(worst);
        }
        context.pause(service, deadline, "the run did not end").await?;
    }
}
