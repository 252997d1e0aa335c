//! The newest rows of the busiest symbols, read once and kept as one piece that many pages are cut from.
//!
//! Which symbols are busy is asked once in a while, by one caller at a time. Like a page, a window holds until the series
//! is written to.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use chrono::NaiveDate;
use tokio::time::Instant;

use super::read::{Read, read};
use super::{MOST_BYTES, Rows, Wanted};
use crate::cache::{Cache, Tally, Weight};
use crate::problem::Problem;
use barkeep_config::policy::HotSymbols;
use barkeep_market::{Symbol, Timeframe, Ts};
use barkeep_store::{SeriesId, Store};

/// Fewest rows the hot-symbol cache reads, so that the next, larger question finds them.
const DEPTH: usize = 1_000;

/// The newest rows of a hot series, as JSON, and where each begins.
pub(super) struct Window {
    pub(super) text: Bytes,
    /// Time and place of every row, ascending.
    pub(super) places: Vec<(Ts, usize)>,
    /// Whether there are no older ones.
    whole: bool,
}

impl Window {
    fn of(read: Read) -> Self {
        Self { text: read.text.into(), places: read.places, whole: !read.more }
    }

    /// Which of the newest rows make a page, and where older ones follow; `None` when they do not reach back far enough.
    pub(super) fn cut(&self, wanted: &Wanted) -> Option<(Range<usize>, Option<Ts>)> {
        let begin = self.places.partition_point(|(t, _)| *t < wanted.from);
        let end = self.places.partition_point(|(t, _)| *t < wanted.until).max(begin);
        let start = begin.max(end.saturating_sub(wanted.limit));
        // Full, or all there is from `from` on.
        let reaches = self.whole || end - start == wanted.limit || begin > 0;
        let older = if start > begin { true } else { begin == 0 && !self.whole };
        let first = self.places.get(start).map(|(t, _)| *t);
        reaches.then(|| (start..end, first.filter(|_| older && end > start)))
    }
}

impl Weight for Window {
    fn weight(&self) -> usize {
        self.text.len() + self.places.len() * size_of::<(Ts, usize)>()
    }
}

type Key = (SeriesId, Rows, NaiveDate);

/// The busiest symbols, and windows on their series.
pub(super) struct Hot {
    top: usize,
    ttl: Duration,
    most_records: usize,
    windows: Cache<Key, Window>,
    /// Which symbols are hot, and since when that is known.
    symbols: Mutex<(Option<Instant>, Arc<HashSet<Symbol>>)>,
    turn: tokio::sync::Mutex<()>,
}

impl Hot {
    pub(super) fn new(policy: &HotSymbols) -> Self {
        Self {
            top: policy.top_symbols,
            ttl: policy.ttl,
            most_records: policy.max_records_per_symbol,
            windows: Cache::new(policy.ttl, policy.top_symbols * Timeframe::ALL.len(), MOST_BYTES),
            symbols: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn tally(&self) -> Arc<Tally> {
        self.windows.tally()
    }

    /// Whether windows answer such a question.
    pub(super) async fn serves(&self, store: &dyn Store, wanted: &Wanted) -> bool {
        wanted.limit <= self.most_records
            && !matches!(wanted.rows, Rows::Bars { min_quality: Some(_), .. })
            && self.is_hot(store, &wanted.symbol).await
    }

    /// The newest rows of a hot series, at least as many as were asked for.
    pub(super) async fn window(&self, store: &dyn Store, wanted: &Wanted, mark: i64) -> Result<Arc<Window>, Problem> {
        let key = (wanted.series, wanted.rows, wanted.today);
        let enough = |window: &Window| window.whole || window.places.len() >= wanted.limit;
        if let Some(window) = self.windows.find(&key, mark, enough) {
            return Ok(window);
        }
        let depth = wanted.limit.next_power_of_two().max(DEPTH).min(self.most_records).max(wanted.limit);
        let newest = Wanted { from: Ts::MIN, until: Ts::MAX, limit: depth, ..wanted.clone() };
        let window = Arc::new(Window::of(read(store, &newest, depth).await?));
        self.windows.put(&key, mark, Arc::clone(&window));
        Ok(window)
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
                tracing::debug!(error = %e, "which symbols are hot could not be read");
                return false;
            }
        };
        let hot = busiest.contains(symbol);
        *self.symbols.lock().unwrap_or_else(PoisonError::into_inner) = (Some(Instant::now()), busiest);
        hot
    }
}
