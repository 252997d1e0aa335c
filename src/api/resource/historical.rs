//! Stored bars of a series.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::series::{RangeQuery, answer, next_link};
use crate::App;
use crate::guard::keys::Caller;
use crate::pages::{BarRow, Hours, PageQuery, PageSummary, Rows};
use crate::params::{OfSymbol, Params};
use crate::problem::Problem;
use barkeep_market::dividend::Adjustment;
use barkeep_market::{Symbol, Ts};

/// A page of bars. Rows ascend by time.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "the schema of a response that is written as bytes")]
pub(crate) struct BarPage {
    symbol: String,
    timeframe: String,
    /// Times of the first and the last row; `null` without rows.
    #[schema(format = DateTime)]
    start_date: Option<String>,
    #[schema(format = DateTime)]
    end_date: Option<String>,
    count: usize,
    /// The day in whose terms prices are; `null` for prices as they were traded.
    #[schema(format = Date)]
    adjusted_as_of: Option<String>,
    /// URL of the page of older rows; `null` on the last page.
    next: Option<String>,
    /// When the rows were read.
    #[schema(format = DateTime)]
    timestamp: String,
    data: Vec<BarRow<'static>>,
}

/// Bars of a series, the newest page first
#[utoipa::path(get, path = "/api/v1/historical/{symbol}", operation_id = "get_bars", tag = "data",
    description = "Prices are adjusted for splits unless `adjust` says otherwise. Paging and headers are those of the features. With \
        `min_quality` a page can be short although there is a `next`.",
    params(
        ("symbol" = String, Path, example = "AAPL"),
        ("timeframe" = Option<crate::types::TimeframeName>, Query, description = "`1d` by default"),
        ("start" = Option<crate::types::WhenText>, Query, description = "First day (2024-01-31) or time (RFC 3339)"),
        ("end" = Option<crate::types::WhenText>, Query, description = "Last day or time, inclusive"),
        ("before" = Option<crate::types::WhenText>, Query, description = "Only rows before this day or time: `next` of the previous page"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 10000, description = "Rows, 500 by default"),
        ("adjust" = Option<String>, Query, description = "`none` (as traded), `splits` (the default) or `total` (splits, and dividends reinvested)"),
        ("adjusted" = Option<bool>, Query, description = "`false` is `adjust=none`, `true` is `adjust=splits`"),
        ("session" = Option<String>, Query, description = "`all` (the default) or `regular`: stocks and funds from 09:30 to 16:00 New York only; bars of 1h and 4h then start at 09:30 and are called 1h@rth and 4h@rth"),
        ("min_quality" = Option<f64>, Query, minimum = 0, maximum = 1, description = "Only bars with at least this score")),
    responses((status = 200, body = BarPage, description = "A page of bars")))]
pub(crate) async fn bars(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    OfSymbol(symbol): OfSymbol,
    params: Params,
) -> Result<Response, Problem> {
    let known = ["timeframe", "start", "end", "before", "limit", "adjust", "adjusted", "session", "min_quality"];
    let params = params.only(&known)?;
    let range = RangeQuery::read(&params)?;
    let adjust = match (params.parse::<Adjustment>("adjust")?, params.text("adjusted")) {
        (Some(_), Some(_)) => return Err(Problem::invalid("adjusted", "it cannot be used together with 'adjust'")),
        (Some(adjust), None) => adjust,
        (None, _) => {
            if params.flag("adjusted", true)? {
                Adjustment::Splits
            } else {
                Adjustment::None
            }
        }
    };
    let min_quality = params.score("min_quality")?;
    answer(&api, &caller, &symbol, &range, Rows::Bars { adjust, min_quality, hours: Hours::All }, head, "bars").await
}

#[derive(Serialize)]
struct Opening<'a> {
    symbol: &'a Symbol,
    timeframe: &'static str,
    start_date: Option<Ts>,
    end_date: Option<Ts>,
    count: usize,
    adjusted_as_of: Option<NaiveDate>,
    next: Option<String>,
    timestamp: Ts,
}

fn head(query: &PageQuery, summary: &PageSummary) -> String {
    let raw = matches!(query.rows, Rows::Bars { adjust: Adjustment::None, .. });
    let opening = Opening {
        symbol: &query.symbol,
        timeframe: match query.rows {
            Rows::Bars { hours: Hours::Regular { name, .. }, .. } => name,
            _ => query.timeframe.name(),
        },
        start_date: summary.first,
        end_date: summary.last,
        count: summary.count,
        adjusted_as_of: (!raw).then_some(query.today),
        next: summary.next.map(|before| next_link(query, before)),
        timestamp: summary.at,
    };
    opened(&opening, "data")
}

/// An object with one more member to come.
pub(super) fn opened(object: &impl Serialize, member: &str) -> String {
    // Names, numbers and times always serialize.
    let text = serde_json::to_string(object).unwrap_or_default();
    format!("{},\"{member}\":", text.strip_suffix('}').unwrap_or(&text))
}
