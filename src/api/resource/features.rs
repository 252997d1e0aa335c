//! Quantitative features of a series.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::series::{RangeQuery, answer, next_link};
use crate::App;
use crate::guard::keys::Caller;
use crate::pages::{PageQuery, PageSummary, Rows};
use crate::params::{OfSymbol, Params};
use crate::problem::Problem;
use crate::resource::historical::opened;
use barkeep_market::{Symbol, Timeframe, Ts};

/// A page of features. Rows ascend by time.
#[derive(Serialize, ToSchema)]
#[schema(as = FeaturePage)]
#[allow(dead_code, reason = "the schema of a response that is written as bytes")]
pub(crate) struct FeaturePage {
    symbol: String,
    timeframe: String,
    records_returned: usize,
    /// Times of the first and the last row; `null` without rows.
    date_range: DateRange,
    /// Prices are in the terms of this day: splits up to it are applied.
    #[schema(format = Date)]
    adjusted_as_of: String,
    /// URL of the page of older rows; `null` on the last page.
    next: Option<String>,
    /// When the rows were read.
    #[schema(format = DateTime)]
    timestamp: String,
    features: Vec<FeatureRow>,
}

/// The first and the last row of a page.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "the schema of a response that is written as bytes")]
struct DateRange {
    #[schema(format = DateTime)]
    start: Option<String>,
    #[schema(format = DateTime)]
    end: Option<String>,
}

/// A bar with its features; a feature that cannot be computed yet is `null`.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "the schema of a response that is written as bytes")]
struct FeatureRow {
    symbol: String,
    timeframe: String,
    /// The bar's start.
    #[schema(format = DateTime)]
    time: String,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    log_return: Option<f64>,
    volatility_20: Option<f64>,
    volatility_50: Option<f64>,
    atr: Option<f64>,
    rolling_volume_20: Option<f64>,
    volume_ratio: Option<f64>,
    structure_label: Option<String>,
    trend_direction: Option<String>,
    volatility_regime: Option<String>,
    trend_regime: Option<String>,
    compression_regime: Option<String>,
    rsi_14: Option<f64>,
    macd: Option<f64>,
    macd_signal: Option<f64>,
    macd_hist: Option<f64>,
    sma_20: Option<f64>,
    sma_50: Option<f64>,
    ema_20: Option<f64>,
    ema_50: Option<f64>,
    bb_upper: Option<f64>,
    bb_middle: Option<f64>,
    bb_lower: Option<f64>,
    quality_score: f64,
    /// The bar may still change.
    provisional: bool,
}

/// Features of a series, the newest page first
#[utoipa::path(get, path = "/api/v1/features/quant/{symbol}", operation_id = "get_features", tag = "data",
    description = "Rows ascend within a page; `next` leads to the page of older rows. Paging is by time, so bars that arrive \
        meanwhile move nothing. Headers tell the age of the data: none while fresh, `Warning` and `X-Data-Status` when \
        aging, also `X-Data-Age-Seconds` when stale. A series without data is 404 and triggers a backfill.",
    params(
        ("symbol" = String, Path, example = "AAPL"),
        ("timeframe" = Option<crate::types::TimeframeName>, Query, description = "`1d` by default"),
        ("start" = Option<crate::types::WhenText>, Query, description = "First day (2024-01-31) or time (RFC 3339)"),
        ("end" = Option<crate::types::WhenText>, Query, description = "Last day or time, inclusive"),
        ("before" = Option<crate::types::WhenText>, Query, description = "Only rows before this day or time: `next` of the previous page"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 10000, description = "Rows, 500 by default")),
    responses((status = 200, body = FeaturePage, description = "A page of features")))]
pub(crate) async fn quant(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    OfSymbol(symbol): OfSymbol,
    params: Params,
) -> Result<Response, Problem> {
    let range = RangeQuery::read(&params.only(&["timeframe", "start", "end", "before", "limit"])?)?;
    answer(&api, &caller, &symbol, &range, Rows::Features, head, "features").await
}

#[derive(Serialize)]
struct Opening<'a> {
    symbol: &'a Symbol,
    timeframe: Timeframe,
    records_returned: usize,
    date_range: Span,
    adjusted_as_of: NaiveDate,
    next: Option<String>,
    timestamp: Ts,
}

#[derive(Serialize)]
struct Span {
    start: Option<Ts>,
    end: Option<Ts>,
}

fn head(query: &PageQuery, summary: &PageSummary) -> String {
    let opening = Opening {
        symbol: &query.symbol,
        timeframe: query.timeframe,
        records_returned: summary.count,
        date_range: Span { start: summary.first, end: summary.last },
        adjusted_as_of: query.today,
        next: summary.next.map(|before| next_link(query, before)),
        timestamp: summary.at,
    };
    opened(&opening, "features")
}
