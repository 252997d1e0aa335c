//! When stocks begin to trade at night.
//!
//! A bar at which its market is closed waits in quarantine. Where they come night after night, for several symbols, it is
//! the hours that have changed: the nights open, what waits is stored, and later bars of the night are believed. A night
//! is never waited for: no bar of it is late, and one without bars is no gap.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::RunContext;
use crate::derive;
use crate::index::registry::{SeriesIds, series_ids};
use crate::ingest::{CLOSED, derive_again};
use crate::quarantine::refresh_features;
use barkeep_market::{Calendar, Family, Interval, Symbol, Ts};
use barkeep_plan::Horizon;
use barkeep_store::{
    Coverage, CoverageState, OperatorAction, PageCommit, QuarantineRow, SeriesId, SeriesWrite, StoreError, Verdict,
};

/// Sessions with bars in the night before them that open the nights, and symbols that each of them needs.
const SESSIONS: usize = 5;
const SYMBOLS: usize = 3;

/// Opens the nights when the bars that wait in quarantine say so, and stores them. Says whether they were opened.
///
/// What a killed process left waiting is stored by the next run that puts a bar aside.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn open(engine: &RunContext) -> Result<bool, StoreError> {
    let store = engine.store.as_ref();
    let waiting: Vec<(NaiveDate, QuarantineRow)> = store
        .quarantine(true)
        .await?
        .into_iter()
        .filter(|row| row.reason == CLOSED && row.timeframe.family() == Family::Minute)
        .filter_map(|row| Some((engine.calendar.night_before(row.bar.ts)?.date, row)))
        .collect();
    let known = store.nights_from().await?;
    let from = match known {
        Some(from) => from,
        None => match first_night(&engine.calendar, &waiting) {
            Some(from) => from,
            None => return Ok(false),
        },
    };
    if known.is_none() {
        store.set_nights_from(from).await?;
        tracing::info!(%from, "stocks trade overnight now: night bars are believed, and those in quarantine are stored");
    }
    let rows = waiting.into_iter().map(|(_, row)| row).filter(|row| row.bar.ts >= from);
    let mut by_series: BTreeMap<SeriesId, Vec<QuarantineRow>> = BTreeMap::new();
    rows.for_each(|row| by_series.entry(row.series_id).or_default().push(row));
    let mut released = 0;
    for rows in by_series.into_values() {
        released += release(engine, rows).await?;
    }
    if known.is_none() {
        let action = OperatorAction {
            at: engine.clock.now(),
            actor: "engine".to_owned(),
            action: "open nights".to_owned(),
            target: None,
            detail: Some(format!("bars of the night are believed from {from} on; {released} that waited are stored")),
            result: "ok".to_owned(),
        };
        store.record_action(&action).await?;
    }
    Ok(known.is_none())
}

/// When the first of the nights begins that are believed together.
fn first_night(calendar: &Calendar, waiting: &[(NaiveDate, QuarantineRow)]) -> Option<Ts> {
    let mut traded: BTreeMap<NaiveDate, BTreeSet<&Symbol>> = BTreeMap::new();
    for (date, row) in waiting {
        traded.entry(*date).or_default().insert(&row.symbol);
    }
    let nights: Vec<NaiveDate> =
        traded.into_iter().filter(|(_, symbols)| symbols.len() >= SYMBOLS).map(|(date, _)| date).collect();
    let first = nights.first().filter(|_| nights.len() >= SESSIONS)?;
    let open = calendar.session(*first)?.extended_open;
    Some(calendar.session_before(open).map_or(open, |last| last.extended_close))
}

/// Stores the bars of one series that wait, the newest of each time; says how many.
async fn release(engine: &RunContext, rows: Vec<QuarantineRow>) -> Result<usize, StoreError> {
    let (store, now) = (engine.store.as_ref(), engine.clock.now());
    let Some(ids) = ids_of(engine, &rows).await? else { return Ok(0) };
    // They are in the order they came, the newest first.
    let mut newest: BTreeMap<Ts, &QuarantineRow> = BTreeMap::new();
    for row in &rows {
        newest.entry(row.bar.ts).or_insert(row);
    }
    let accepted: BTreeSet<i64> = newest.values().map(|row| row.id).collect();
    let bars: Vec<_> = newest.values().map(|row| row.bar).collect();
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return Ok(0) };
    let hull = Interval::new(first.ts, ids.base.end_of(ids.class, last.ts));

    let scored = derive::score(store, &ids, ids.base_id, &bars, |_| true, now).await?;
    let slot = |row: &&QuarantineRow| {
        let slot = ids.base.span(ids.class, row.bar.ts);
        Coverage::answered(slot, CoverageState::Present, row.request_id.clone(), row.detected_at)
    };
    let write = SeriesWrite {
        bars: scored.bars,
        rescored: scored.rescored,
        coverage: newest.values().map(slot).collect(),
        ..SeriesWrite::nothing(ids.base_id)
    };
    store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await?;
    let (kept, replaced): (Vec<i64>, Vec<i64>) = rows.iter().map(|row| row.id).partition(|id| accepted.contains(id));
    store.close_quarantine(&kept, Verdict::Accepted, now).await?;
    store.close_quarantine(&replaced, Verdict::Rejected, now).await?;
    let horizon = Horizon { end: Ts::MAX, settled: now };
    derive_again(store, &engine.calendar, &ids, hull, horizon, now).await?;
    refresh_features(store, &engine.calendar, &engine.settings, engine.clock.as_ref(), &ids).await?;
    Ok(kept.len())
}

/// The series of the symbol that the rows are of; `None` once it is gone.
async fn ids_of(engine: &RunContext, rows: &[QuarantineRow]) -> Result<Option<SeriesIds>, StoreError> {
    let store = engine.store.as_ref();
    let Some(row) = rows.first() else { return Ok(None) };
    let Some(symbol) = store.symbols().await?.into_iter().find(|known| known.symbol == row.symbol) else {
        return Ok(None);
    };
    let series = store.series().await?;
    let id_of = |tf| series.iter().find(|s| s.symbol == row.symbol && s.timeframe == tf).map(|s| s.id);
    let ids = series_ids(store, &symbol, Family::Minute, &engine.settings, id_of).await?;
    // A finer base since then: its bars are another series.
    Ok((ids.base_id == row.series_id).then_some(ids))
}
