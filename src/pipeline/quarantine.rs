//! An operator's review of a bar that cannot be true.
//!
//! Accepting stores the bar as the vendor sent it, with the low score it deserves, and computes the coarser bars above
//! it again. Rejecting leaves the bars as they are; either way the bar is not requested again.

use tokio_util::sync::CancellationToken;

use crate::derive;
use crate::features::{Refresh, SeriesRef};
use crate::index::registry::series_ids;
use crate::ingest;
use barkeep_base::clock::Clock;
use barkeep_config::Settings;
use barkeep_market::{Calendar, Interval, Symbol, Timeframe, Ts};
use barkeep_plan::Horizon;
use barkeep_store::{PageCommit, QuarantineRow, SeriesWrite, Store, StoreError, Verdict};

/// Why a decision was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DecisionError {
    #[error("no pending bar {0} in quarantine")]
    NotPending(i64),
    #[error("{0} is no longer registered, so its bar cannot be stored")]
    NotRegistered(Symbol),
    /// Its time is not on the timeframe's grid, or a value is not a finite number of zero or more.
    #[error("bar {id} cannot be stored ({reason}); it can only be rejected")]
    CannotBeStored { id: i64, reason: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides about one quarantined bar.
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
    let rows = store.quarantine(true).await?;
    let row = rows.into_iter().find(|row| row.id == id).ok_or(DecisionError::NotPending(id))?;
    if verdict != Verdict::Accepted {
        store.decide_quarantine(id, verdict, None, now).await?;
        return Ok(row);
    }
    let mut symbols = store.symbols().await?.into_iter();
    let symbol =
        symbols.find(|s| s.symbol == row.symbol).ok_or_else(|| DecisionError::NotRegistered(row.symbol.clone()))?;
    let bar = row.bar;
    let span = row.timeframe.span(symbol.asset_class, bar.ts);
    let prices = [bar.open, bar.high, bar.low, bar.close, bar.volume];
    if span.start != bar.ts || prices.iter().any(|x| !x.is_finite() || *x < 0.0) {
        return Err(DecisionError::CannotBeStored { id, reason: row.reason });
    }
    let series = store.series().await?;
    let id_of = |tf| series.iter().find(|s| s.symbol == row.symbol && s.timeframe == tf).map(|s| s.id);
    let ids = series_ids(store, &symbol, row.timeframe.family(), settings, id_of).await?;
    let scored = derive::score(store, &ids, row.series_id, &[bar], |_| true, now).await?;
    let accepted = scored.bars.into_iter().next();
    store.decide_quarantine(id, verdict, accepted, now).await?;

    let rescored = SeriesWrite { rescored: scored.rescored, ..SeriesWrite::nothing(row.series_id) };
    store.commit_page(PageCommit { writes: vec![rescored], ..PageCommit::default() }).await?;
    let horizon = Horizon { end: Ts::MAX, settled: now };
    ingest::derive_again(store, calendar, &ids, Interval::new(span.start, span.end), horizon, now).await?;
    if settings.features.enabled {
        let cancel = CancellationToken::new();
        let refresh = Refresh { store, calendar, settings, clock, execution: None, cancel: &cancel };
        let daily = id_of(Timeframe::D1);
        let stored = std::iter::once(ids.base_id).chain(ids.derived.iter().map(|(_, id)| *id));
        let series_refs: Vec<SeriesRef> = stored.map(|series| SeriesRef { series, class: ids.class, daily }).collect();
        refresh.report(&refresh.run(&series_refs).await?).await?;
    }
    Ok(row)
}
