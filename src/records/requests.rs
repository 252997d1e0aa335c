//! What was asked of the vendor, and what its limit allows.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};
use uuid::Uuid;

use barkeep_base::variants::all;
use barkeep_market::{Interval, Timeframe, Ts};

/// Why a request was made.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, EnumCount, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum RequestPurpose {
    /// Bars that are not known.
    #[default]
    Backfill,
    /// A hole that the vendor had answered for.
    Recheck,
    /// Stored bars, compared again.
    Verify,
    /// What a name is, splits, holidays.
    Lookup,
}

impl RequestPurpose {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// One request as it was made; a row of `vendor_requests`. Holds no key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestRow {
    pub execution_id: Option<Uuid>,
    /// `aggregates` (of another vendor than the usual one: `candles`), `grouped_daily`, `flat_file`, `splits`,
    /// `market_status`, `holidays`, `tickers`.
    pub endpoint: Cow<'static, str>,
    pub ticker: Option<String>,
    pub timeframe: Option<Timeframe>,
    pub asked: Option<Interval>,
    /// 1 for the first try.
    pub attempt: u32,
    pub started_at: Ts,
    pub latency_ms: i64,
    /// HTTP status, when an answer came.
    pub status: Option<u16>,
    /// `ok`, or the name of the error class.
    pub outcome: String,
    pub error: Option<String>,
    /// Bars in the answer.
    pub rows: i64,
    pub query_count: Option<i64>,
    pub bytes: i64,
    pub request_id: Option<String>,
    /// Bars the answer inserted, revised or removed, over all series it served; set by the commit of its page, `None`
    /// when no page was committed from it.
    pub changed: Option<i64>,
    #[serde(default)]
    pub purpose: RequestPurpose,
}

/// Which requests are meant; everything that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFilter {
    /// As the vendor writes it. Requests that serve many tickers at once name none.
    pub ticker: Option<String>,
    pub execution: Option<Uuid>,
}

/// Totals over `vendor_requests`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestTotals {
    pub total_requests: i64,
    /// Answers with status 429.
    pub rate_limited_count: i64,
    pub failures: i64,
    pub retries: i64,
    pub bytes: i64,
}

impl RequestTotals {
    /// Each figure by itself.
    #[must_use]
    pub fn combine(self, other: Self, figure: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            total_requests: figure(self.total_requests, other.total_requests),
            rate_limited_count: figure(self.rate_limited_count, other.rate_limited_count),
            failures: figure(self.failures, other.failures),
            retries: figure(self.retries, other.retries),
            bytes: figure(self.bytes, other.bytes),
        }
    }
}

/// What was requested in one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestMinute {
    pub start: Ts,
    pub requests: u32,
    /// Answers with status 429, in the minute in which their request started.
    pub rate_limited: u32,
}

/// What the vendor counted in a whole answer, all pages of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedAnswer {
    pub ticker: String,
    pub timeframe: Timeframe,
    /// What was asked.
    pub asked: Interval,
    /// Base aggregates the vendor had in it (`queryCount`), never 0.
    pub counted: u64,
}
