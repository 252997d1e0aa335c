//! Bars that cannot be true: what stands around them, and what an operator or time decides.
//!
//! Accepting stores the bar as the vendor sent it, with the low score it deserves, and computes the coarser bars above
//! it again. Rejecting leaves the bars as they are; either way the bar is not requested again. A decision can be taken
//! back: the bar waits again, and what an accepted one replaced is stored again.
//!
//! An absurd value that the vendor repeats days later is accepted without anybody: then it is what the vendor means. It
//! gets a low score and says so in its notes.

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::derive;
use crate::features::{Refresh, SeriesRef};
use crate::index::registry::{SeriesIds, series_ids};
use crate::ingest;
use barkeep_base::clock::Clock;
use barkeep_config::Settings;
use barkeep_market::quality::{SEEN_TWICE, absurd};
use barkeep_market::ts::DAY;
use barkeep_market::{Bar, Calendar, Interval, Symbol, Timeframe, Ts};
use barkeep_plan::Horizon;
use barkeep_store::{
    Coverage, CoverageState, OperatorAction, PageCommit, QuarantineRow, SeriesId, SeriesWrite, Store, StoreError,
    StoredBar, Verdict,
};

/// Bars shown on each side of a quarantined one.
const NEIGHBORS: usize = 3;
/// Equal answers so far apart are what the vendor means.
const TWICE_APART: i64 = 2 * DAY;
/// The score of a bar that is believed only because the vendor insists; less if it deserves less.
const SEEN_TWICE_SCORE: f64 = 0.3;

/// Why a decision was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DecisionError {
    #[error("quarantine has no bar {0}")]
    Unknown(i64),
    #[error("no pending bar {0} in quarantine")]
    NotPending(i64),
    #[error("bar {0} is not reviewed yet; there is nothing to undo")]
    NotDecided(i64),
    #[error("{0} is no longer registered, so its bar cannot be stored")]
    NotRegistered(Symbol),
    /// Its time is not on the timeframe's grid, or a value is not a finite number of zero or more.
    #[error("bar {id} cannot be stored ({reason}); it can only be rejected")]
    CannotBeStored { id: i64, reason: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A quarantined bar and what is stored around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuarantineView {
    /// The bar as the vendor sent it.
    pub sent: QuarantineRow,
    /// What is stored for its time now.
    pub stored: Option<StoredBar>,
    /// Whether accepting would replace a stored bar of other values.
    pub replaces: bool,
    /// Stored bars on both sides, ascending.
    pub before: Vec<StoredBar>,
    pub after: Vec<StoredBar>,
}

/// One quarantined bar with what is stored around it, decided or not.
///
/// # Errors
/// [`DecisionError::Unknown`], or when the database cannot be read.
pub async fn view(store: &dyn Store, id: i64) -> Result<QuarantineView, DecisionError> {
    let rows = store.quarantine(false).await?;
    let sent = rows.into_iter().find(|row| row.id == id).ok_or(DecisionError::Unknown(id))?;
    Ok(view_of(store, sent).await?)
}

/// The same of a row that was read.
///
/// # Errors
/// When the database cannot be read.
pub async fn view_of(store: &dyn Store, sent: QuarantineRow) -> Result<QuarantineView, StoreError> {
    let ts = sent.bar.ts;
    let stored = store.bars(sent.series_id, Interval::new(ts, ts + 1).into(), Some(1)).await?.pop();
    let before = store.newest_bars(sent.series_id, (..ts).into(), NEIGHBORS).await?;
    let after = store.bars(sent.series_id, (ts + 1..).into(), Some(NEIGHBORS)).await?;
    let replaces = stored.as_ref().is_some_and(|row| !row.bar.same_values(&sent.bar));
    Ok(QuarantineView { sent, stored, replaces, before, after })
}

/// A decision in words, for the record of what operators did.
#[must_use]
pub fn describe(row: &QuarantineRow, verdict: Verdict) -> String {
    let word = if verdict == Verdict::Pending { "undone" } else { verdict.name() };
    format!("{word}: {} {} {}", row.symbol, row.timeframe, row.bar.ts)
}

/// Decides about one quarantined bar, or with [`Verdict::Pending`] takes a decision back. Returns the row as it was.
///
/// # Errors
/// See [`DecisionError`]; nothing has changed then, unless the database failed half-way.
pub async fn decide(
    store: &dyn Store,
    calendar: &Calendar,
    settings: &Settings,
    clock: &dyn Clock,
    id: i64,
    verdict: Verdict,
) -> Result<QuarantineRow, DecisionError> {
    let now = clock.now();
    let undo = verdict == Verdict::Pending;
    let rows = store.quarantine(false).await?;
    let found = rows.into_iter().find(|row| row.id == id && (row.status == Verdict::Pending) != undo);
    let row = found.ok_or(if undo { DecisionError::NotDecided(id) } else { DecisionError::NotPending(id) })?;
    let bars_stay = verdict == Verdict::Rejected || row.status == Verdict::Rejected;
    let mut symbols = store.symbols().await?.into_iter();
    let symbol =
        symbols.find(|s| s.symbol == row.symbol).ok_or_else(|| DecisionError::NotRegistered(row.symbol.clone()))?;
    let span = row.timeframe.span(symbol.asset_class, row.bar.ts);
    if !undo && !bars_stay && !can_be_stored(&row.bar, span) {
        return Err(DecisionError::CannotBeStored { id, reason: row.reason });
    }
    let series = store.series().await?;
    let id_of = |tf| series.iter().find(|s| s.symbol == row.symbol && s.timeframe == tf).map(|s| s.id);
    let ids = series_ids(store, &symbol, row.timeframe.family(), settings, id_of).await?;
    if bars_stay {
        store.decide_quarantine(id, verdict, None, now).await?;
    } else if undo {
        store.decide_quarantine(id, verdict, None, now).await?;
        let rescored = derive::score_again(store, &ids, row.series_id, row.bar.ts).await?;
        rescore(store, row.series_id, rescored).await?;
    } else {
        accept(store, &ids, &row, now, |bar| bar).await?;
    }
    cover(store, &row, span, verdict, now).await?;
    let horizon = Horizon { end: Ts::MAX, settled: now };
    ingest::derive_again(store, calendar, &ids, Interval::new(span.start, span.end), horizon, now).await?;
    if bars_stay {
        return Ok(row);
    }
    refresh_features(store, calendar, settings, clock, &ids).await?;
    Ok(row)
}

/// Computes the features of a family again where its bars changed.
pub(crate) async fn refresh_features(
    store: &dyn Store,
    calendar: &Calendar,
    settings: &Settings,
    clock: &dyn Clock,
    ids: &SeriesIds,
) -> Result<(), StoreError> {
    if !settings.features.enabled {
        return Ok(());
    }
    let series = store.series().await?;
    let daily = series.iter().find(|s| s.symbol == ids.symbol && s.timeframe == Timeframe::D1).map(|s| s.id);
    let cancel = CancellationToken::new();
    let refresh = Refresh { store, calendar, settings, clock, execution: None, cancel: &cancel };
    let stored = std::iter::once(ids.base_id).chain(ids.derived.iter().map(|(_, id)| *id));
    let series_refs: Vec<SeriesRef> =
        stored.map(|series| SeriesRef { series, vendor: ids.vendor, class: ids.class, daily }).collect();
    refresh.report(&refresh.run(&series_refs).await?).await
}

/// What a decision says about its time: decided, it is answered for; taken back, it waits for somebody again. Of several
/// bars of one time that contradict each other, the last to be rejected decides.
async fn cover(
    store: &dyn Store,
    row: &QuarantineRow,
    slot: Interval,
    verdict: Verdict,
    now: Ts,
) -> Result<(), StoreError> {
    let pending = store.quarantine(true).await?;
    let waits = |other: &QuarantineRow| other.series_id == row.series_id && slot.contains(other.bar.ts);
    if slot.is_empty() || verdict == Verdict::Rejected && pending.iter().any(waits) {
        return Ok(());
    }
    let state = if verdict == Verdict::Pending { CoverageState::Quarantined } else { CoverageState::Present };
    let coverage = vec![Coverage::answered(slot, state, row.request_id.clone(), now)];
    let write = SeriesWrite { coverage, ..SeriesWrite::nothing(row.series_id) };
    store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await.map(drop)
}

/// Stores a quarantined bar with its score, changed by `mark`, and scores those behind it again.
async fn accept(
    store: &dyn Store,
    ids: &SeriesIds,
    row: &QuarantineRow,
    now: Ts,
    mark: impl Fn(StoredBar) -> StoredBar,
) -> Result<(), StoreError> {
    let scored = derive::score(store, ids, row.series_id, &[row.bar], |_| true, now).await?;
    let accepted = scored.bars.into_iter().next().map(mark);
    store.decide_quarantine(row.id, Verdict::Accepted, accepted, now).await?;
    rescore(store, row.series_id, scored.rescored).await
}

async fn rescore(
    store: &dyn Store,
    series: SeriesId,
    rescored: Vec<(Ts, f64, Option<String>)>,
) -> Result<(), StoreError> {
    let write = SeriesWrite { rescored, ..SeriesWrite::nothing(series) };
    store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await.map(drop)
}

fn can_be_stored(bar: &Bar, span: Interval) -> bool {
    let values = [bar.open, bar.high, bar.low, bar.close, bar.volume];
    span.start == bar.ts && values.iter().all(|x| x.is_finite() && *x >= 0.0)
}

/// Accepts the bars of an answer that are absurd, wait in quarantine with the same values since days, and so were sent
/// twice. Only of the base series: the others follow from it.
///
/// # Errors
/// When the database fails.
pub async fn accept_seen_twice(
    store: &dyn Store,
    ids: &SeriesIds,
    bad: &[(Bar, String)],
    now: Ts,
) -> Result<(), StoreError> {
    if !bad.iter().any(|(_, reason)| absurd::is_absurd(reason)) {
        return Ok(());
    }
    let waiting = store.quarantine(true).await?;
    for (bar, reason) in bad.iter().filter(|(_, reason)| absurd::is_absurd(reason)) {
        let same = |row: &&QuarantineRow| {
            row.series_id == ids.base_id
                && row.reason == *reason
                && row.bar.same_values(bar)
                && now - row.detected_at >= TWICE_APART
        };
        let Some(row) = waiting.iter().find(same) else { continue };
        if !can_be_stored(bar, ids.base.span(ids.class, bar.ts)) {
            continue;
        }
        accept(store, ids, row, now, seen_twice).await?;
        tracing::info!(symbol = %row.symbol, timeframe = %row.timeframe, at = %bar.ts, reason,
            "the vendor sent an absurd bar again; it is stored with a low score");
        let action = OperatorAction {
            at: now,
            actor: "engine".to_owned(),
            action: "decide".to_owned(),
            target: Some(format!("quarantine {}", row.id)),
            detail: Some(format!("{} ({SEEN_TWICE})", describe(row, Verdict::Accepted))),
            result: "ok".to_owned(),
        };
        store.record_action(&action).await?;
    }
    Ok(())
}

fn seen_twice(bar: StoredBar) -> StoredBar {
    let notes = bar.quality_notes.map_or_else(|| SEEN_TWICE.to_owned(), |notes| format!("{notes}; {SEEN_TWICE}"));
    StoredBar { quality_score: bar.quality_score.min(SEEN_TWICE_SCORE), quality_notes: Some(notes), ..bar }
}
