//! Pages of rows of one series, newest page first, rows ascending, as bytes ready to send.
//!
//! A page is named by the series and the question, and is kept until the series is written to ([`super::marks`]). Paging
//! is by time, not by count: `before` of the next page is the first time of this one, so bars that come meanwhile move
//! nothing. What is not kept comes from the window on a busy series (`hot`), else from the database (`read`).

mod hot;
mod lines;
mod read;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use chrono::NaiveDate;

use self::hot::Hot;
pub(super) use self::lines::BarRow;
use self::read::read;
use super::cache::{Cache, Tally, Weight};
use super::marks::CacheVersions;
use super::problem::Problem;
use barkeep_base::clock::Clock;
use barkeep_config::policy::CachePolicy;
use barkeep_market::{AssetClass, Symbol, Timeframe, Ts};
use barkeep_store::{SeriesId, Store};

/// Bytes either cache may hold.
const MOST_BYTES: usize = 64 * 1024 * 1024;
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

/// How a page was come by.
pub(super) struct Served {
    pub(super) page: Arc<Page>,
    /// The database could not be asked whether it still holds.
    pub(super) unproven: bool,
}

/// Reads pages, and keeps them by the policy.
pub(super) struct Pages {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    marks: CacheVersions,
    queries: Option<Cache<Wanted, Page>>,
    hot: Option<Hot>,
}

impl Pages {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, policy: &CachePolicy) -> Self {
        let hot = policy.hot_symbols.as_ref().map(Hot::new);
        let queries = policy.queries.as_ref().map(|p| Cache::new(p.ttl, p.max_queries, MOST_BYTES));
        Self { marks: CacheVersions::new(Arc::clone(&store)), store, clock, queries, hot }
    }

    /// What the caches did so far.
    pub(super) fn tallies(&self) -> Vec<(&'static str, Arc<Tally>)> {
        let hot = self.hot.as_ref().map(|hot| ("hot_symbols", hot.tally()));
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
            && hot.serves(self.store.as_ref(), wanted).await
        {
            let window = hot.window(self.store.as_ref(), wanted, mark).await?;
            if let Some((rows, next)) = window.cut(wanted) {
                return Ok(page(wanted, head, &window.text, &window.places, rows, next, at));
            }
        }
        let read = read(self.store.as_ref(), wanted, wanted.limit).await?;
        let next = read.more.then_some(read.before);
        Ok(page(wanted, head, &read.text, &read.places, 0..read.places.len(), next, at))
    }
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
