//! Pages of rows of one series, newest page first, rows ascending, as bytes ready to send.
//!
//! A page is named by its query and is kept until the series is written to ([`super::cache_version`]). Paging is by time,
//! not by count: `before` of the next page is the first time of this one, so bars that arrive meanwhile move nothing.
//! What is not cached is cut from the newest rows of a busy series (`hot_symbols`) or read from the database (`read`).

mod body;
mod hot_symbols;
mod read;
mod rows;
mod score;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use chrono::NaiveDate;

use self::body::PageBody;
use self::hot_symbols::HotSymbolCache;
use self::read::read;
pub(super) use self::rows::BarRow;
pub(super) use self::score::Score;
use super::cache::{CacheSize, CacheStats, VersionedCache, Weight};
use super::cache_version::CacheVersions;
use super::problem::Problem;
use barkeep_base::clock::Clock;
use barkeep_config::policy::CachePolicy;
use barkeep_market::dividend::Adjustment;
use barkeep_market::{AssetClass, Symbol, Timeframe, Ts};
use barkeep_store::{SeriesId, Store, TimeRange};

/// Bytes either cache may hold.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// A page that is at least this part of a text shares it.
const LEAST_SHARE: usize = 4;
/// Longest wait for a version while the database is away; then the last known page is served.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Rows {
    /// Features with their bars, adjusted for splits.
    Features,
    /// Bars as they were traded, or adjusted; only those with at least this score.
    Bars { adjust: Adjustment, min_quality: Option<Score>, hours: Hours },
}

/// Which hours of the day, and what the bars are read from and called where they are not all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Hours {
    All,
    Regular { stored: Timeframe, name: &'static str },
}

/// Which page of which rows; also the key of the page in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PageQuery {
    pub(super) series: SeriesId,
    pub(super) symbol: Symbol,
    pub(super) timeframe: Timeframe,
    pub(super) class: AssetClass,
    pub(super) rows: Rows,
    pub(super) range: TimeRange,
    pub(super) limit: usize,
    /// Prices are in the terms of this day.
    pub(super) today: NaiveDate,
}

/// A whole answer: what comes before its rows, and the rows, which may be a part of the newest rows of a busy series.
pub(super) struct Page {
    head: Bytes,
    rows: Bytes,
    /// Bytes that are in memory because of it: as long as a page lives, so does all that its rows are a part of.
    held: usize,
    pub(super) count: usize,
    /// Older rows may follow before this time.
    pub(super) next: Option<Ts>,
}

impl Page {
    /// The page as it is sent, without a copy of its rows.
    pub(super) fn body(&self) -> Body {
        Body::new(PageBody::new(self.head.clone(), self.rows.clone()))
    }
}

impl Weight for Page {
    fn weight(&self) -> usize {
        self.head.len() + self.held + 200
    }
}

/// What lies in a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageSummary {
    pub(super) count: usize,
    pub(super) first: Option<Ts>,
    pub(super) last: Option<Ts>,
    pub(super) next: Option<Ts>,
    /// When the rows were read.
    pub(super) at: Ts,
}

/// Writes the members of an answer that come before its rows; after the rows comes only `}`.
pub(super) type WriteHead = fn(&PageQuery, &PageSummary) -> String;

/// A page, and whether it is known to be current.
pub(super) struct CachedPage {
    pub(super) page: Arc<Page>,
    /// The database did not answer, so the page may be out of date.
    pub(super) unverified: bool,
}

/// What a cache is called in the metrics, what it has done and what it holds.
pub(super) struct CacheReport {
    pub(super) name: &'static str,
    pub(super) stats: Arc<CacheStats>,
    pub(super) size: CacheSize,
}

/// Reads pages, and caches them as the policy says.
pub(super) struct ResponseCache {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    versions: CacheVersions,
    queries: Option<VersionedCache<PageQuery, Page>>,
    hot: Option<HotSymbolCache>,
}

impl ResponseCache {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, policy: &CachePolicy) -> Self {
        let hot = policy.hot_symbols.as_ref().map(HotSymbolCache::new);
        let queries = policy.queries.as_ref().map(|p| VersionedCache::new(p.ttl, p.max_queries, MAX_BYTES));
        Self { versions: CacheVersions::new(Arc::clone(&store)), store, clock, queries, hot }
    }

    /// The caches that are switched on.
    pub(super) fn reports(&self) -> Vec<CacheReport> {
        let hot = self.hot.as_ref().map(HotSymbolCache::report);
        let queries = self.queries.as_ref();
        let queries = queries.map(|c| CacheReport { name: "queries", stats: c.stats(), size: c.size() });
        hot.into_iter().chain(queries).collect()
    }

    /// The page, `None` when the series does not exist.
    pub(super) async fn page(&self, query: &PageQuery, head: WriteHead) -> Result<Option<CachedPage>, Problem> {
        let version = match tokio::time::timeout(DATABASE_TIMEOUT, self.versions.of(query.series)).await {
            Ok(Ok(Some(version))) => version,
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(e)) if !e.is_transient() => return Err(e.into()),
            _ => {
                let known = self.queries.as_ref().and_then(|queries| queries.last_known(query));
                let lost = || Problem::unavailable("the database does not answer").hint("try again in a few seconds");
                return known.map(|page| Some(CachedPage { page, unverified: true })).ok_or_else(lost);
            }
        };
        let page = match &self.queries {
            Some(queries) => queries.get_or_read(query, version, || self.read(query, version, head)).await?,
            None => Arc::new(self.read(query, version, head).await?),
        };
        Ok(Some(CachedPage { page, unverified: false }))
    }

    async fn read(&self, query: &PageQuery, version: i64, head: WriteHead) -> Result<Page, Problem> {
        let at = self.clock.now();
        if let Some(hot) = &self.hot
            && hot.serves(self.store.as_ref(), query).await
        {
            let newest = hot.newest_rows(self.store.as_ref(), query, version).await?;
            if let Some((rows, next)) = newest.cut(query) {
                return Ok(page(query, head, &newest.text, &newest.offsets, rows, next, at));
            }
        }
        let read = read(self.store.as_ref(), query, query.limit).await?;
        let (text, rows) = (Bytes::from(read.text), 0..read.offsets.len());
        Ok(page(query, head, &text, &read.offsets, rows, read.next, at))
    }
}

fn page(
    query: &PageQuery,
    head: WriteHead,
    text: &Bytes,
    offsets: &[(Ts, usize)],
    rows: Range<usize>,
    next: Option<Ts>,
    at: Ts,
) -> Page {
    let chosen = offsets.get(rows.clone()).unwrap_or_default();
    let (first, last) = (chosen.first(), chosen.last().map(|(t, _)| *t));
    // Rows are separated by one comma each.
    let to = offsets.get(rows.end).map_or(text.len(), |(_, offset)| offset.saturating_sub(1));
    let lines = first.and_then(|(_, from)| text.get(*from..to)).unwrap_or_default();
    let summary = PageSummary { count: chosen.len(), first: first.map(|(t, _)| *t), last, next, at };
    let mut head = head(query, &summary);
    head.push('[');
    // A few rows of many are copied, so that a small page keeps no large text alive.
    let shares = lines.len() >= text.len() / LEAST_SHARE;
    let (rows, held) =
        if shares { (text.slice_ref(lines), text.len()) } else { (Bytes::copy_from_slice(lines), lines.len()) };
    Page { head: head.into(), rows, held, count: summary.count, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_part_of_a_text_is_shared_and_a_small_one_keeps_no_text_alive() {
        let row = format!(r#"{{"v":"{}"}}"#, "x".repeat(100));
        let text = Bytes::from(vec![row.clone(); 100].join(","));
        let offsets: Vec<(Ts, usize)> = (0..100).map(|k| (Ts(k as i64), k * (row.len() + 1))).collect();
        let query = PageQuery {
            series: SeriesId(1),
            symbol: "AAPL".parse().unwrap(),
            timeframe: Timeframe::D1,
            class: AssetClass::Stock,
            rows: Rows::Features,
            range: TimeRange::default(),
            limit: 500,
            today: NaiveDate::default(),
        };
        let lies_within = |page: &Page| text.as_ptr_range().contains(&page.rows.as_ptr());
        let cut =
            |rows: Range<usize>| page(&query, |_, _| r#"{"rows":"#.to_owned(), &text, &offsets, rows, None, Ts(0));
        for rows in [50..100, 0..50, 0..100] {
            let page = cut(rows.clone());
            assert!(lies_within(&page) && page.weight() > text.len(), "what it keeps alive counts");
            assert_eq!(page.rows, vec![row.clone(); rows.len()].join(","));
        }
        let page = cut(97..100);
        assert!(!lies_within(&page) && page.weight() < 1_000);
        assert_eq!((page.rows, page.count), (vec![row; 3].join(",").into(), 3));
        assert_eq!(cut(100..100).rows.len(), 0);
    }
}
