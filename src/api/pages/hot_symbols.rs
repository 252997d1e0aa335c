//! The newest rows of the busiest symbols, read once and cached in one piece that many pages are cut from.
//!
//! Which symbols are busy is read once in a while, by one caller at a time. Like a page, the rows are valid until the
//! series is written to.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use chrono::NaiveDate;
use tokio::time::Instant;

use super::read::{Read, read};
use super::{CacheReport, Hours, MAX_BYTES, PageQuery, Rows};
use crate::cache::{VersionedCache, Weight};
use crate::problem::Problem;
use barkeep_config::policy::HotSymbols;
use barkeep_market::{Symbol, Timeframe, Ts};
use barkeep_store::{SeriesId, Store, TimeRange};

/// Fewest rows that are read, so that the next, larger query finds them.
const MIN_ROWS: usize = 1_000;

/// The newest rows of a hot series, as JSON, and where each begins.
pub(super) struct NewestRows {
    pub(super) text: Bytes,
    /// Time of every row and where it begins in the text, ascending.
    pub(super) offsets: Vec<(Ts, usize)>,
    /// Whether there are no older ones.
    whole: bool,
}

impl NewestRows {
    fn of(read: Read) -> Self {
        Self { text: read.text.into(), offsets: read.offsets, whole: read.next.is_none() }
    }

    /// Which of the newest rows make a page, and where older ones follow; `None` when they do not reach back far enough.
    pub(super) fn cut(&self, query: &PageQuery) -> Option<(Range<usize>, Option<Ts>)> {
        let begin = self.offsets.partition_point(|(t, _)| Some(*t) < query.range.from);
        let end = self.offsets.partition_point(|(t, _)| query.range.until.is_none_or(|until| *t < until)).max(begin);
        let start = begin.max(end.saturating_sub(query.limit));
        // Full, or all there is from `from` on.
        let reaches = self.whole || end - start == query.limit || begin > 0;
        let older = if start > begin { true } else { begin == 0 && !self.whole };
        let first = self.offsets.get(start).map(|(t, _)| *t);
        reaches.then(|| (start..end, first.filter(|_| older && end > start)))
    }
}

impl Weight for NewestRows {
    fn weight(&self) -> usize {
        self.text.len() + self.offsets.len() * size_of::<(Ts, usize)>()
    }
}

type Key = (SeriesId, Rows, NaiveDate);

/// The busiest symbols, and the newest rows of their series.
pub(super) struct HotSymbolCache {
    top: usize,
    ttl: Duration,
    max_rows: usize,
    rows: VersionedCache<Key, NewestRows>,
    /// Which symbols are hot, and when that was read.
    symbols: Mutex<(Option<Instant>, Arc<HashSet<Symbol>>)>,
    turn: tokio::sync::Mutex<()>,
}

impl HotSymbolCache {
    pub(super) fn new(policy: &HotSymbols) -> Self {
        Self {
            top: policy.top_symbols,
            ttl: policy.ttl,
            max_rows: policy.max_records_per_symbol,
            rows: VersionedCache::new(policy.ttl, policy.top_symbols * Timeframe::ALL.len(), MAX_BYTES),
            symbols: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn report(&self) -> CacheReport {
        CacheReport { name: "hot_symbols", stats: self.rows.stats(), size: self.rows.size() }
    }

    /// Whether it answers such a query.
    pub(super) async fn serves(&self, store: &dyn Store, query: &PageQuery) -> bool {
        query.limit <= self.max_rows
            && !matches!(
                query.rows,
                Rows::Bars { min_quality: Some(_), .. } | Rows::Bars { hours: Hours::Regular { .. }, .. }
            )
            && self.is_hot(store, &query.symbol).await
    }

    /// The newest rows of a hot series, at least as many as the query wants.
    pub(super) async fn newest_rows(
        &self,
        store: &dyn Store,
        query: &PageQuery,
        version: i64,
    ) -> Result<Arc<NewestRows>, Problem> {
        let key = (query.series, query.rows, query.today);
        let enough = |rows: &NewestRows| rows.whole || rows.offsets.len() >= query.limit;
        if let Some(rows) = self.rows.find(&key, version, enough) {
            return Ok(rows);
        }
        let depth = query.limit.next_power_of_two().max(MIN_ROWS).min(self.max_rows).max(query.limit);
        let newest = PageQuery { range: TimeRange::default(), limit: depth, ..query.clone() };
        let rows = Arc::new(NewestRows::of(read(store, &newest, depth).await?));
        self.rows.put(&key, version, Arc::clone(&rows));
        Ok(rows)
    }

    async fn is_hot(&self, store: &dyn Store, symbol: &Symbol) -> bool {
        let known = || {
            let known = self.symbols.lock().unwrap_or_else(PoisonError::into_inner);
            known.0.filter(|since| since.elapsed() < self.ttl.max(Duration::from_secs(1))).map(|_| Arc::clone(&known.1))
        };
        if let Some(symbols) = known() {
            return symbols.contains(symbol);
        }
        let _turn = self.turn.lock().await;
        if let Some(symbols) = known() {
            return symbols.contains(symbol);
        }
        let busiest = match store.busiest_symbols(self.top).await {
            Ok(symbols) => Arc::new(symbols.into_iter().collect::<HashSet<_>>()),
            Err(e) => {
                tracing::debug!(error = %e, "cannot read the symbols with the largest volume");
                return false;
            }
        };
        let hot = busiest.contains(symbol);
        *self.symbols.lock().unwrap_or_else(PoisonError::into_inner) = (Some(Instant::now()), busiest);
        hot
    }
}
