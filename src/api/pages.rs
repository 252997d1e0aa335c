//! Pages of rows of one series, newest page first, rows ascending, as bytes ready to send.
//!
//! A page is named by the series and the question, and is kept until the series is written to ([`super::marks`]). Paging
//! is by time, not by count: `before` of the next page is the first time of this one, so bars that come meanwhile move
//! nothing.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use chrono::NaiveDate;
use serde::Serialize;
use tokio::time::Instant;

use super::cache::{Cache, Tally, Weight};
use super::marks::Marks;
use super::problem::Problem;
use crate::clock::Clock;
use crate::config::policy::CachePolicy;
use crate::market::features::Features;
use crate::market::split::{self, Split};
use crate::market::{AssetClass, Bar, Interval, Symbol, Timeframe, Ts};
use crate::store::{SeriesId, Store, StoredBar};

/// Bytes either cache may hold.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Rows read at a time while filtering, and at most for one page.
const CHUNK: usize = 10_000;
const MOST_READ: usize = 100_000;
/// Fewest rows the hot-symbol cache reads, so that the next, larger question finds them.
const DEPTH: usize = 1_000;
/// Longest wait for a mark while the database is away; then the last known page must do.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Rows {
    /// Features with their bars, adjusted for splits.
    Features,
    /// Bars as they were traded, or adjusted; only those with at least this score, in bits.
    Bars { raw: bool, min_quality: Option<u64> },
}

/// A question; also the name of its page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) series: SeriesId,
    pub(super) symbol: Symbol,
    pub(super) timeframe: Timeframe,
    pub(super) class: AssetClass,
    pub(super) rows: Rows,
    /// Where the range asked for begins; the earliest instant when it is open.
    pub(super) from: Ts,
    /// Where it ends, exclusive.
    pub(super) until: Ts,
    pub(super) limit: usize,
    /// Prices are in the terms of this day.
    pub(super) today: NaiveDate,
}

/// A whole answer.
pub(super) struct Page {
    pub(super) body: Bytes,
    pub(super) count: usize,
    /// Older rows may follow before this time.
    pub(super) next: Option<Ts>,
}

impl Weight for Page {
    fn weight(&self) -> usize {
        self.body.len() + 200
    }
}

/// What lies in a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) count: usize,
    pub(super) first: Option<Ts>,
    pub(super) last: Option<Ts>,
    pub(super) next: Option<Ts>,
    /// When the rows were read.
    pub(super) at: Ts,
}

/// Writes what stands before the rows of an answer; behind them stands `}`.
pub(super) type Head = fn(&Wanted, &Shape) -> String;

/// The newest rows of a hot series, as JSON, and where each begins.
struct Window {
    text: Bytes,
    /// Time and place of every row, ascending.
    places: Vec<(Ts, usize)>,
    /// Whether there are no older ones.
    whole: bool,
}

impl Weight for Window {
    fn weight(&self) -> usize {
        self.text.len() + self.places.len() * size_of::<(Ts, usize)>()
    }
}

/// How a page was come by.
pub(super) struct Served {
    pub(super) page: Arc<Page>,
    /// The database could not be asked whether it still holds.
    pub(super) unproven: bool,
}

type HotKey = (SeriesId, Rows, NaiveDate);

struct Hot {
    top: usize,
    ttl: Duration,
    most_records: usize,
    windows: Cache<HotKey, Window>,
    /// Which symbols are hot, and since when that is known.
    symbols: Mutex<(Option<Instant>, Arc<HashSet<Symbol>>)>,
    turn: tokio::sync::Mutex<()>,
}

/// Reads pages, and keeps them by the policy.
pub(super) struct Pages {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    marks: Marks,
    queries: Option<Cache<Wanted, Page>>,
    hot: Option<Hot>,
}

impl Pages {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, policy: &CachePolicy) -> Self {
        let hot = policy.hot_symbols.as_ref().map(|p| Hot {
            top: p.top_symbols,
            ttl: p.ttl,
            most_records: p.max_records_per_symbol,
            windows: Cache::new(p.ttl, p.top_symbols * Timeframe::ALL.len(), MOST_BYTES),
            symbols: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        });
        let queries = policy.queries.as_ref().map(|p| Cache::new(p.ttl, p.max_queries, MOST_BYTES));
        Self { marks: Marks::new(Arc::clone(&store)), store, clock, queries, hot }
    }

    /// What the caches did so far.
    pub(super) fn tallies(&self) -> Vec<(&'static str, Arc<Tally>)> {
        let hot = self.hot.as_ref().map(|hot| ("hot_symbols", hot.windows.tally()));
        let queries = self.queries.as_ref().map(|queries| ("queries", queries.tally()));
        hot.into_iter().chain(queries).collect()
    }

    /// The page, `None` when the series does not exist.
    pub(super) async fn page(&self, wanted: &Wanted, head: Head) -> Result<Option<Served>, Problem> {
        let mark = match tokio::time::timeout(PATIENCE, self.marks.of(wanted.series)).await {
            Ok(Ok(Some(mark))) => mark,
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(e)) if !e.is_transient() => return Err(e.into()),
            _ => {
                let known = self.queries.as_ref().and_then(|queries| queries.last_known(wanted));
                let lost = || Problem::unavailable("the database does not answer").hint("try again in a few seconds");
                return known.map(|page| Some(Served { page, unproven: true })).ok_or_else(lost);
            }
        };
        let page = match &self.queries {
            Some(queries) => queries.get_or(wanted, mark, || self.read(wanted, mark, head)).await?,
            None => Arc::new(self.read(wanted, mark, head).await?),
        };
        Ok(Some(Served { page, unproven: false }))
    }

    async fn read(&self, wanted: &Wanted, mark: i64, head: Head) -> Result<Page, Problem> {
        let at = self.clock.now();
        if let Some(hot) = &self.hot
            && wanted.limit <= hot.most_records
            && !matches!(wanted.rows, Rows::Bars { min_quality: Some(_), .. })
            && hot.is_hot(self.store.as_ref(), &wanted.symbol).await
        {
            let window = self.window(hot, wanted, mark).await?;
            if let Some((rows, next)) = cut(&window, wanted) {
                return Ok(page(wanted, head, &window.text, &window.places, rows, next, at));
            }
        }
        let read = read(self.store.as_ref(), wanted, wanted.limit).await?;
        let next = read.more.then_some(read.before);
        Ok(page(wanted, head, &read.text, &read.places, 0..read.places.len(), next, at))
    }

    /// The newest rows of a hot series, at least as many as were asked for.
    async fn window(&self, hot: &Hot, wanted: &Wanted, mark: i64) -> Result<Arc<Window>, Problem> {
        let key = (wanted.series, wanted.rows, wanted.today);
        let enough = |window: &Window| window.whole || window.places.len() >= wanted.limit;
        if let Some(window) = hot.windows.find(&key, mark, enough) {
            return Ok(window);
        }
        let depth = wanted.limit.next_power_of_two().max(DEPTH).min(hot.most_records).max(wanted.limit);
        let newest = Wanted { from: Ts::MIN, until: Ts::MAX, limit: depth, ..wanted.clone() };
        let window = Arc::new(read(self.store.as_ref(), &newest, depth).await?.window());
        hot.windows.put(&key, mark, Arc::clone(&window));
        Ok(window)
    }
}

impl Hot {
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

/// Which of the newest rows make a page, and where older ones follow; `None` when they do not reach back far enough.
fn cut(window: &Window, wanted: &Wanted) -> Option<(Range<usize>, Option<Ts>)> {
    let begin = window.places.partition_point(|(t, _)| *t < wanted.from);
    let end = window.places.partition_point(|(t, _)| *t < wanted.until).max(begin);
    let start = begin.max(end.saturating_sub(wanted.limit));
    // Full, or all there is from `from` on.
    let reaches = window.whole || end - start == wanted.limit || begin > 0;
    let older = if start > begin { true } else { begin == 0 && !window.whole };
    let first = window.places.get(start).map(|(t, _)| *t);
    reaches.then(|| (start..end, first.filter(|_| older && end > start)))
}

fn page(
    wanted: &Wanted,
    head: Head,
    text: &[u8],
    places: &[(Ts, usize)],
    rows: Range<usize>,
    next: Option<Ts>,
    at: Ts,
) -> Page {
    let chosen = places.get(rows.clone()).unwrap_or_default();
    let (first, last) = (chosen.first(), chosen.last().map(|(t, _)| *t));
    // Rows are separated by one comma each.
    let to = places.get(rows.end).map_or(text.len(), |(_, place)| place.saturating_sub(1));
    let lines = first.and_then(|(_, from)| text.get(*from..to)).unwrap_or_default();
    let shape = Shape { count: chosen.len(), first: first.map(|(t, _)| *t), last, next, at };
    let head = head(wanted, &shape);
    let mut body = Vec::with_capacity(head.len() + lines.len() + 3);
    body.extend_from_slice(head.as_bytes());
    body.push(b'[');
    body.extend_from_slice(lines);
    body.extend_from_slice(b"]}");
    Page { body: body.into(), count: shape.count, next }
}

/// Rows that were read, as JSON with a comma between them.
struct Read {
    text: Vec<u8>,
    places: Vec<(Ts, usize)>,
    more: bool,
    before: Ts,
}

impl Read {
    fn push(&mut self, time: Ts, row: &impl Serialize) -> Result<(), Problem> {
        if !self.places.is_empty() {
            self.text.push(b',');
        }
        self.places.push((time, self.text.len()));
        serde_json::to_writer(&mut self.text, row).map_err(|e| Problem::internal(&e.to_string()))
    }

    fn window(self) -> Window {
        Window { text: self.text.into(), places: self.places, whole: !self.more }
    }
}

/// One row of features as it is sent.
#[derive(Serialize)]
struct FeatureLine<'a> {
    symbol: &'a Symbol,
    timeframe: Timeframe,
    time: Ts,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    #[serde(flatten)]
    features: &'a Features,
    quality_score: f64,
    provisional: bool,
}

/// One bar as it is sent.
#[derive(Serialize)]
struct BarLine<'a> {
    time: Ts,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    vwap: Option<f64>,
    trades: Option<i64>,
    provisional: bool,
    quality_score: f64,
    quality_notes: Option<&'a str>,
    fetched_at: Ts,
}

async fn read(store: &dyn Store, wanted: &Wanted, limit: usize) -> Result<Read, Problem> {
    // One row more than asked for tells whether there are older ones.
    let most = limit.saturating_add(1);
    let splits = match wanted.rows {
        Rows::Bars { raw: true, .. } => Vec::new(),
        _ => store.splits(&wanted.symbol).await?,
    };
    let mut read = Read { text: Vec::new(), places: Vec::new(), more: false, before: wanted.from };
    if wanted.from >= wanted.until {
        return Ok(read);
    }
    match wanted.rows {
        Rows::Features => {
            let range = Interval::new(wanted.from, wanted.until);
            let mut rows = store.features(wanted.series, range, most).await?;
            read.more = rows.len() > limit;
            rows.drain(..rows.len().saturating_sub(limit));
            let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(read) };
            read.before = first.ts;
            let span = Interval::new(first.ts, last.ts + 1);
            let mut bars = store.bars(wanted.series, span, usize::MAX).await?;
            adjust(&mut bars, &splits, wanted);
            let mut bars = bars.into_iter().peekable();
            for row in &rows {
                while bars.next_if(|bar| bar.bar.ts < row.ts).is_some() {}
                // A bar taken back between the two readings has no features any more either.
                let Some(StoredBar { bar, quality_score, provisional, .. }) = bars.next_if(|bar| bar.bar.ts == row.ts)
                else {
                    continue;
                };
                let Bar { open, high, low, close, volume, .. } = bar;
                let (symbol, timeframe, time, features) = (&wanted.symbol, wanted.timeframe, row.ts, &row.features);
                let line = FeatureLine {
                    symbol,
                    timeframe,
                    time,
                    open,
                    high,
                    low,
                    close,
                    volume,
                    features,
                    quality_score,
                    provisional,
                };
                read.push(row.ts, &line)?;
            }
        }
        Rows::Bars { min_quality, .. } => {
            let (mut bars, more, before) = bars_before(store, wanted, min_quality.map(f64::from_bits), limit).await?;
            (read.more, read.before) = (more, before);
            adjust(&mut bars, &splits, wanted);
            for StoredBar { bar, provisional, quality_score, quality_notes, fetched_at } in &bars {
                let Bar { ts: time, open, high, low, close, volume, vwap, trades } = *bar;
                let line = BarLine {
                    time,
                    open,
                    high,
                    low,
                    close,
                    volume,
                    vwap,
                    trades,
                    provisional: *provisional,
                    quality_score: *quality_score,
                    quality_notes: quality_notes.as_deref(),
                    fetched_at: *fetched_at,
                };
                read.push(time, &line)?;
            }
        }
    }
    Ok(read)
}

fn adjust(stored: &mut [StoredBar], splits: &[Split], wanted: &Wanted) {
    if splits.is_empty() {
        return;
    }
    let mut bars: Vec<Bar> = stored.iter().map(|b| b.bar).collect();
    split::adjust(&mut bars, splits, wanted.class, wanted.today);
    for (stored, bar) in stored.iter_mut().zip(bars) {
        stored.bar = bar;
    }
}

/// The newest `limit` bars of the range that are good enough, ascending; whether older ones may follow, and before when.
async fn bars_before(
    store: &dyn Store,
    wanted: &Wanted,
    least: Option<f64>,
    limit: usize,
) -> Result<(Vec<StoredBar>, bool, Ts), Problem> {
    let chunk = if least.is_some() { CHUNK } else { limit.saturating_add(1) };
    let (mut newest_first, mut until, mut seen) = (Vec::new(), wanted.until, 0);
    loop {
        let bars = store.bars_before(wanted.series, until, chunk).await?;
        let full = bars.len() == chunk;
        seen += bars.len();
        for bar in bars.into_iter().rev() {
            if bar.bar.ts < wanted.from {
                newest_first.reverse();
                return Ok((newest_first, false, wanted.from));
            }
            if least.is_none_or(|least| bar.quality_score >= least) {
                if newest_first.len() == limit {
                    newest_first.reverse();
                    return Ok((newest_first, true, until));
                }
                until = bar.bar.ts;
                newest_first.push(bar);
            } else {
                until = bar.bar.ts;
            }
        }
        if !full || seen >= MOST_READ {
            newest_first.reverse();
            return Ok((newest_first, full, until));
        }
    }
}
