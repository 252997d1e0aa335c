//! Bringing the features of some series up to date.
//!
//! A series is computed from the newest state kept before its first changed bar, piece by piece, so that memory stays
//! small and a cancelled or killed process keeps the pieces it has written. Pieces of many series share a transaction.
//! A series that cannot be computed or written is noted, skipped and tried again by the next run; only a lost database
//! ends the work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::batch::Batch;
use crate::recent::{Bars, Recent};
use crate::splits::{basis, in_effect};
use barkeep_base::clock::Clock;
use barkeep_base::timing::{self, Phase};
use barkeep_config::Settings;
use barkeep_market::features::{State, bars_per_year, extend};
use barkeep_market::split::Split;
use barkeep_market::{AssetClass, Bar, Calendar, Interval, Source, Symbol, Timeframe, Ts};
use barkeep_store::adjusted::Adjusting;
use barkeep_store::{FeatureBar, FeatureProgress, FeatureRow, FeatureWrite, SeriesId, Store, StoreError, TimeRange};

/// Bars computed at a time. A multiple of the spacing of states.
const PIECE: usize = 4_096;
/// Pieces are written together until they hold this many rows, or are this many.
const MOST_ROWS: usize = 4 * PIECE;
const MOST_WRITES: usize = 256;
/// Tries when bars change while they are computed.
const ROUNDS: usize = 3;
/// The splits of up to so many symbols are read one by one.
const FEW: usize = 8;

/// What bringing features up to date works with.
pub struct Refresh<'a> {
    pub store: &'a dyn Store,
    pub calendar: &'a Calendar,
    pub settings: &'a Settings,
    pub clock: &'a dyn Clock,
    /// The run that failures are noted under.
    pub execution: Option<Uuid>,
    /// Between two pieces, work stops here; what is left stays out of date.
    pub cancel: &'a CancellationToken,
}

/// A series to be brought up to date.
#[derive(Clone, Copy, Debug)]
pub struct SeriesRef {
    pub series: SeriesId,
    pub vendor: Source,
    pub class: AssetClass,
    /// The same symbol's daily series: a week in which shares were split is built from its days.
    pub daily: Option<SeriesId>,
}

/// What was done to one series.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// As it was before.
    pub progress: FeatureProgress,
    pub vendor: Source,
    pub class: AssetClass,
    /// Rows inserted or changed.
    pub written: u64,
    /// Whether there was anything to do.
    pub touched: bool,
    /// Whether all features are up to date now.
    pub complete: bool,
    pub failure: Option<String>,
}

impl Refresh<'_> {
    /// Brings the given series up to date. Series that no longer exist are left out of the answer.
    ///
    /// # Errors
    /// When the database cannot be read or written. A series whose features cannot be computed has its `failure`
    /// instead.
    pub async fn run(&self, series_refs: &[SeriesRef]) -> Result<Vec<Refreshed>, StoreError> {
        self.run_with(&Recent::default(), series_refs).await
    }

    /// The same where some of the bars were just written.
    ///
    /// # Errors
    /// When the database is lost.
    pub async fn run_with(&self, recent: &Recent, series_refs: &[SeriesRef]) -> Result<Vec<Refreshed>, StoreError> {
        let by_id: BTreeMap<SeriesId, &SeriesRef> = series_refs.iter().map(|s| (s.series, s)).collect();
        let ids: Vec<SeriesId> = by_id.keys().copied().collect();
        let mut progress = self.store.feature_progress(&ids).await?;
        let splits = self.splits(&progress).await?;
        let mut all: BTreeMap<SeriesId, Refreshed> = BTreeMap::new();
        for round in 1..=ROUNDS {
            let mut batch = Batch::default();
            for p in progress {
                let Some(series_ref) = by_id.get(&p.series.id) else { continue };
                let none = Vec::new();
                let series =
                    Series::new(series_ref, &p, splits.get(&p.series.symbol).unwrap_or(&none), self.clock.now());
                let touched = series.stale_from.is_some() | recent.close(p.series.id);
                let complete = match series.stale_from {
                    Some(first) => self.compute(&series, first, recent.take(&p), &mut batch).await?,
                    None => true,
                };
                let id = p.series.id;
                let fresh = || Refreshed {
                    progress: p.clone(),
                    vendor: series_ref.vendor,
                    class: series_ref.class,
                    written: 0,
                    touched: false,
                    complete,
                    failure: None,
                };
                let one = all.entry(id).or_insert_with(fresh);
                one.touched |= touched;
                one.complete = complete;
            }
            self.flush(&mut batch).await?;
            for (id, one) in &mut all {
                one.written += batch.written.get(id).copied().unwrap_or(0);
                if batch.is_over(*id) {
                    one.complete = false;
                }
                if let Some(failure) = batch.failed.remove(id) {
                    one.failure = Some(failure);
                }
            }
            let again: Vec<SeriesId> = batch.superseded.into_iter().collect();
            if again.is_empty() || round == ROUNDS || self.cancel.is_cancelled() {
                break;
            }
            progress = self.store.feature_progress(&again).await?;
        }
        let all: Vec<Refreshed> = all.into_values().collect();
        self.note_failures(&all).await?;
        Ok(all)
    }

    async fn splits(&self, progress: &[FeatureProgress]) -> Result<BTreeMap<Symbol, Vec<Split>>, StoreError> {
        let symbols: BTreeSet<&Symbol> = progress.iter().map(|p| &p.series.symbol).collect();
        let mut splits: BTreeMap<Symbol, Vec<Split>> = BTreeMap::new();
        if symbols.len() <= FEW {
            for symbol in symbols {
                splits.insert(symbol.clone(), self.store.splits(symbol).await?);
            }
        } else {
            for (symbol, split) in self.store.all_splits().await? {
                splits.entry(symbol).or_default().push(split);
            }
        }
        Ok(splits)
    }

    /// Computes a series from its first changed bar on; says whether it came to the end.
    async fn compute(
        &self,
        series: &Series<'_>,
        first: Ts,
        recent: Option<Bars>,
        batch: &mut Batch,
    ) -> Result<bool, StoreError> {
        match self.pieces(series, first, recent, batch).await {
            Ok(complete) => Ok(complete),
            Err(RefreshError::Store(e)) if e.is_transient() => Err(e),
            // Its symbol was removed meanwhile.
            Err(RefreshError::Store(StoreError::NotFound(_))) => Ok(false),
            Err(RefreshError::Store(e)) => {
                batch.failed.insert(series.target.series, e.to_string());
                Ok(false)
            }
            Err(RefreshError::Overflow(e)) => {
                batch.failed.insert(series.target.series, e.to_string());
                Ok(false)
            }
        }
    }

    /// Computes a series piece by piece; says whether it came to the end.
    ///
    /// A piece is read, computed and written before the next, so memory stays small and a process that is killed keeps
    /// what it has written: every write moves `stale_from` up to where the next piece begins.
    async fn pieces(
        &self,
        series: &Series<'_>,
        first: Ts,
        recent: Option<Bars>,
        batch: &mut Batch,
    ) -> Result<bool, RefreshError> {
        let id = series.target.series;
        let per_year = bars_per_year(series.target.class, series.timeframe);
        let (mut state, mut before) = self.start(series, first).await?;
        // They begin with the first bar, so they are of use where computing does.
        let mut recent = recent.filter(|_| state.is_none());
        // A state off the regular spacing was the end of the series when it was stored; the first newer one replaces it.
        let mut spent = state.filter(|s| !s.is_spaced()).map(|s| s.through);
        // Computing starts behind the state, which may lie well before the first changed bar; only rows from `first` on
        // are written.
        let mut next = TimeRange { from: state.map(|s| s.through + 1), until: None };
        let mut replaced = first;
        let mut all_final = true;
        loop {
            if self.cancel.is_cancelled() {
                return Ok(false);
            }
            let stored = match &mut recent {
                Some(bars) => bars.next(self.store, id, PIECE).await?,
                None => self.store.feature_bars(id, next, PIECE).await?,
            };
            let more = stored.len() == PIECE;
            // A provisional bar may still change, so no state is kept from the first one on.
            let settled = if all_final { stored.iter().take_while(|b| !b.provisional).count() } else { 0 };
            all_final &= settled == stored.len();
            let mut bars: Vec<Bar> = stored.into_iter().map(bar).collect();
            self.adjust(series, &mut bars).await?;
            let stretch =
                timing::measured(Phase::Features, || extend(state.as_ref(), &before, &bars, settled, per_year))?;
            let rows = bars.iter().zip(stretch.rows).filter(|(bar, _)| bar.ts >= replaced);
            let rows: Vec<FeatureRow> = rows.map(|(bar, features)| FeatureRow { ts: bar.ts, features }).collect();
            // `None` at the end of the series: rows beyond it, of bars that were removed, are then deleted too.
            let after = bars.last().filter(|_| more).map(|bar| bar.ts + 1);
            let mut states = stretch.keep;
            // Between two pieces only the spaced states are worth their row.
            states.retain(|s| !more || s.is_spaced());
            batch.rows += rows.len();
            batch.writes.push(FeatureWrite {
                series: id,
                changes: series.changes,
                replaces: after
                    .map_or_else(|| Interval::since(replaced), |end| Interval::new(replaced, end.max(replaced))),
                rows,
                spent: if states.is_empty() { None } else { spent.take() },
                states,
                stale_from: after.map(|t| t.max(first)),
                splits: series.basis.clone(),
                computed_at: self.clock.now(),
            });
            if batch.rows >= MOST_ROWS || batch.writes.len() >= MOST_WRITES {
                self.flush(batch).await?;
            }
            if batch.is_over(id) {
                return Ok(false);
            }
            let Some(after) = after else { return Ok(true) };
            // The next piece needs the state at the end of this one and the bars its windows look back on.
            (next, replaced) = ((after..).into(), replaced.max(after));
            state = stretch.end;
            before.append(&mut bars);
            before.drain(..before.len() - state.map_or(0, |s| s.context()).min(before.len()));
        }
    }

    /// The newest state before `first` with the bars that belong to it. One that does not fit the bars is passed over:
    /// without a state the computation begins at the first bar, which is always right.
    async fn start(&self, series: &Series<'_>, first: Ts) -> Result<(Option<State>, Vec<Bar>), StoreError> {
        let id = series.target.series;
        if series.from_anchor {
            return Ok((None, Vec::new()));
        }
        let state = match self.store.feature_state(id, first).await {
            Ok(state) => state,
            Err(StoreError::Unusable(why)) => {
                tracing::warn!(series = id.0, why, "a feature state cannot be read; computing from the first bar");
                None
            }
            Err(e) => return Err(e),
        };
        let Some(state) = state else { return Ok((None, Vec::new())) };
        let stored = self.store.newest_bars(id, (..state.through + 1).into(), state.context()).await?;
        let fits = stored.len() == state.context() && stored.last().is_some_and(|b| b.bar.ts == state.through);
        if !fits {
            return Ok((None, Vec::new()));
        }
        let mut before: Vec<Bar> = stored.into_iter().map(|b| b.bar).collect();
        self.adjust(series, &mut before).await?;
        Ok((Some(state), before))
    }

    /// Puts ascending bars in today's terms.
    async fn adjust(&self, series: &Series<'_>, bars: &mut [Bar]) -> Result<(), StoreError> {
        let SeriesRef { class, daily, .. } = *series.target;
        let adjusting = Adjusting { class, timeframe: series.timeframe, daily, splits: &series.splits };
        let mut bars: Vec<&mut Bar> = bars.iter_mut().collect();
        adjusting.adjust(self.store, &mut bars, series.today).await
    }

    /// Writes what is waiting. When it is refused, each piece is tried alone, so that one series does not spoil others.
    async fn flush(&self, batch: &mut Batch) -> Result<(), StoreError> {
        batch.rows = 0;
        let writes: Arc<[FeatureWrite]> = std::mem::take(&mut batch.writes).into();
        if writes.is_empty() {
            return Ok(());
        }
        let refused = match self.store.put_features(Arc::clone(&writes)).await {
            Ok(outcomes) => {
                for (write, outcome) in writes.iter().zip(outcomes) {
                    batch.note(write.series, outcome);
                }
                return Ok(());
            }
            Err(e) if e.is_transient() => return Err(e),
            Err(e) => e,
        };
        if let [write] = &*writes {
            batch.refuse(write.series, &refused);
            return Ok(());
        }
        for write in writes.iter() {
            if batch.is_over(write.series) {
                continue;
            }
            match self.store.put_features(Arc::new([write.clone()])).await {
                Ok(outcomes) => outcomes.into_iter().for_each(|outcome| batch.note(write.series, outcome)),
                Err(e) if e.is_transient() => return Err(e),
                Err(e) => batch.refuse(write.series, &e),
            }
        }
        Ok(())
    }
}

/// As much of a bar as features are computed from; no feature looks at the open.
const fn bar(b: FeatureBar) -> Bar {
    let FeatureBar { ts, high, low, close, volume, .. } = b;
    Bar { ts, open: close, high, low, close, volume, vwap: None, trades: None }
}

/// A series as one computation sees it.
struct Series<'a> {
    target: &'a SeriesRef,
    timeframe: Timeframe,
    changes: i64,
    /// In effect today, by date.
    splits: Vec<Split>,
    basis: String,
    today: chrono::NaiveDate,
    /// The first bar to write; `None` when nothing is out of date.
    stale_from: Option<Ts>,
    /// Whether no state is of any use.
    from_anchor: bool,
}

impl<'a> Series<'a> {
    fn new(series_ref: &'a SeriesRef, progress: &FeatureProgress, splits: &[Split], now: Ts) -> Self {
        let today = series_ref.class.date_of(now);
        let splits = in_effect(series_ref.class, splits, today);
        let basis = basis(&splits);
        // Other splits put every earlier price in other terms, and the averages with them.
        let from_anchor = basis != progress.splits;
        let has_any = progress.series.first_ts.is_some();
        let stale_from = if from_anchor && has_any { Some(Ts::MIN) } else { progress.stale_from };
        let (timeframe, changes) = (progress.series.timeframe, progress.changes);
        Self { target: series_ref, timeframe, changes, splits, basis, today, stale_from, from_anchor }
    }
}

enum RefreshError {
    Store(StoreError),
    Overflow(barkeep_market::features::Overflow),
}

impl From<StoreError> for RefreshError {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl From<barkeep_market::features::Overflow> for RefreshError {
    fn from(e: barkeep_market::features::Overflow) -> Self {
        Self::Overflow(e)
    }
}
