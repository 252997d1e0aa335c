//! The vendor of bars: what can be asked, what comes back, what can go wrong.
//!
//! [`Vendor`] is one attempt at one request. [`dispatch::Dispatcher`] is what the engine uses: it takes a rate-limit
//! token, makes the attempt, classes the outcome, waits and tries again.

mod answer;
pub mod coinbase;
pub mod counters;
pub mod dispatch;
pub mod fault;
pub mod http;
mod journal;
pub mod limit;
pub mod massive;
pub mod paging;
mod refusal;
pub mod retry;
pub mod ring;
mod sound;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod without_key;

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::NaiveDate;

pub use fault::{Class, Fault};
pub use without_key::WithoutKey;

use barkeep_market::dividend::Dividend;
use barkeep_market::{AssetClass, Bar, Interval, Source, Timeframe, Ts, split::Split};

/// Aggregates of one ticker: the bars whose start lies in `range`.
///
/// `range` must be made of whole bars of `timeframe` (see [`Timeframe::snap_out`]).
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateQuery {
    pub vendor: Source,
    /// The vendor's ticker, `AAPL` or `X:BTCUSD`.
    pub ticker: String,
    pub class: AssetClass,
    pub timeframe: Timeframe,
    pub range: Interval,
    /// Whether bars between the sessions are believed: the market is known to trade at night.
    pub nights: bool,
}

/// Where the next page is: path and query of the vendor's `next_url`. Never contains a host or a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(pub String);

/// One page of bars, structurally sound: it parsed, its counts agree, its ticker and times belong to the query.
///
/// Single bars may still be impossible (a zero price, an off-grid time); the engine quarantines those.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// In ascending order of time as the vendor should send them; sorted by the client when it does not. Daily bars
    /// carry their session midnight whatever the vendor wrote. Equal duplicates are dropped, differing ones kept.
    pub bars: Vec<Bar>,
    /// Base aggregates (minutes or days) the vendor used: its `queryCount`.
    pub query_count: u64,
    /// The vendor used as many as fit into one page, so the answer goes on unless its last bar ends the range.
    pub full: bool,
    /// The page holds all there is up to here, whatever its last bar; `None`: up to its last bar, or to the end of the range
    /// when no page follows.
    pub answers_to: Option<Ts>,
    /// Rows left out because they lie outside the asked range, by no more than a bar or a day.
    pub dropped: u64,
    pub next: Option<Cursor>,
    /// The vendor's id of this answer, for support tickets.
    pub request_id: Option<String>,
    /// The vendor's clock when it answered, to the second: the `Date` header.
    pub server_time: Option<Ts>,
    /// The vendor said `DELAYED`: valid data of a delayed plan.
    pub delayed: bool,
    /// The vendor says that these prices are adjusted for splits, although raw ones were asked for. Where no split has
    /// happened since, that makes no difference.
    pub adjusted: bool,
    /// Size of the body after decompression, bytes.
    pub bytes: u64,
}

/// The whole market on one date, at most one row per ticker, every bar at its session midnight.
///
/// Rows of tickers that nobody asked for are often garbage, so a bad row never spoils the page: it is left out, and
/// whoever wants its ticker asks for it by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupedPage {
    pub date: NaiveDate,
    pub bars: Vec<(String, Bar)>,
    /// Tickers that came twice with different values, without a bar here.
    pub conflicting: BTreeSet<String>,
    /// Tickers without a bar here, because their row is no row or holds impossible values.
    pub unreadable: BTreeSet<String>,
    /// Rows left out because they are of another day.
    pub dropped: u64,
    /// As in [`Page`].
    pub server_time: Option<Ts>,
    /// As in [`Page`].
    pub adjusted: bool,
    pub request_id: Option<String>,
    pub bytes: u64,
}

/// A day on which the exchange is closed or closes early, as the vendor announces it.
#[derive(Clone, Debug, PartialEq)]
pub struct Holiday {
    pub exchange: String,
    pub name: String,
    pub date: NaiveDate,
    /// `None` when closed all day, else the early close.
    pub close: Option<Ts>,
}

/// The vendor's view of the market now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketStatus {
    /// `open`, `closed` or `extended-hours`.
    pub market: String,
    pub server_time: Option<Ts>,
}

/// A ticker the vendor knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticker {
    pub ticker: String,
    pub name: String,
    /// `stocks`, `crypto`, ...
    pub market: String,
    /// The vendor's type code: `CS`, `ETF`, ...
    pub kind: Option<String>,
    pub active: bool,
}

/// What the vendor knows of one ticker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickerDetails {
    pub ticker: String,
    pub name: String,
    /// `stocks`, `crypto`, ...
    pub market: String,
    /// The vendor's type code: `CS`, `ETF`, ...
    pub kind: Option<String>,
    pub active: bool,
    pub listed_on: Option<NaiveDate>,
    /// The last day, or the day after; the vendor writes either.
    pub delisted_on: Option<NaiveDate>,
    pub currency: Option<String>,
    /// The same for one security under all its names, and different for two securities under one name.
    pub composite_figi: Option<String>,
}

/// One page of splits, as the vendor sent them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SplitPage {
    pub splits: Vec<(String, Split)>,
    /// Rows left out because they are no splits.
    pub unreadable: u64,
    pub next: Option<Cursor>,
}

/// One page of dividends, as the vendor sent them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DividendPage {
    pub dividends: Vec<(String, Dividend)>,
    /// Rows left out because they are no dividends.
    pub unreadable: u64,
    pub next: Option<Cursor>,
}

/// An answer with the vendor's clock, to the second, when it was given: the `Date` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated<T> {
    pub value: T,
    pub server_time: Option<Ts>,
    /// Of the body.
    pub bytes: u64,
    pub request_id: Option<String>,
}

impl<T> Dated<T> {
    /// A value that no answer brought, or one of which nothing else is known.
    pub const fn of(value: T, server_time: Option<Ts>) -> Self {
        Self { value, server_time, bytes: 0, request_id: None }
    }

    /// The same answer with another reading of its value.
    pub fn map<U>(self, read: impl FnOnce(T) -> U) -> Dated<U> {
        let Self { value, server_time, bytes, request_id } = self;
        Dated { value: read(value), server_time, bytes, request_id }
    }
}

/// A vendor of bars. Every method is exactly one request; pages follow by cursor.
///
/// # Errors
/// Every method fails with a [`Fault`] whose [`Class`] says what to do about it: the request could not be made or was not
/// answered, the vendor refused it, or its answer cannot be believed. None of them tries again.
#[async_trait]
pub trait Vendor: Send + Sync {
    /// Why nothing can be asked of it at all, if so; no request is made then.
    fn unavailable(&self) -> Option<Fault> {
        None
    }

    /// One page of aggregates: the first without a cursor, later ones with the cursor of the page before.
    async fn aggregates(&self, query: &AggregateQuery, cursor: Option<&Cursor>) -> Result<Page, Fault>;

    /// Daily bars of every ticker of a market (`Stock` and `Etf` mean US stocks) on one date.
    async fn grouped_daily(&self, class: AssetClass, date: NaiveDate) -> Result<GroupedPage, Fault>;

    /// Splits of the given tickers, one page.
    async fn splits(&self, tickers: &[String], cursor: Option<&Cursor>) -> Result<Dated<SplitPage>, Fault>;

    /// Dividends of the given tickers with an ex-date from `since` on, one page.
    async fn dividends(
        &self,
        tickers: &[String],
        since: Option<NaiveDate>,
        cursor: Option<&Cursor>,
    ) -> Result<Dated<DividendPage>, Fault>;

    async fn market_status(&self) -> Result<Dated<MarketStatus>, Fault>;

    /// Announced holidays and early closes, about a year ahead.
    async fn upcoming_holidays(&self) -> Result<Dated<Vec<Holiday>>, Fault>;

    /// Tickers that match a search text, one page.
    async fn tickers(&self, search: &str, limit: u32) -> Result<Dated<Vec<Ticker>>, Fault>;

    /// What the vendor knows of exactly this ticker; `None` when it knows none of that name.
    async fn ticker(&self, ticker: &str) -> Result<Dated<Option<TickerDetails>>, Fault>;
}
