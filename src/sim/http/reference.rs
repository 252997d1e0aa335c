//! Splits and tickers.

use chrono::NaiveDate;

use crate::data::hours::is_crypto;
use crate::data::random::of_name;
use crate::http::answer::{Answer, Refusal, listing};
use crate::http::page::json;
use crate::http::request::{Judge, VendorRequest};
use crate::shared::Shared;
use barkeep_market::split::Split;

/// The two split endpoints.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SplitsApi {
    /// `/stocks/v1/splits`
    New,
    /// `/v3/reference/splits`, deprecated since 2026-02-18.
    V3,
}

impl SplitsApi {
    /// Rows by default and at most.
    const fn limits(self) -> (usize, usize) {
        match self {
            Self::New => (100, 5_000),
            Self::V3 => (10, 1_000),
        }
    }

    fn ascending(self, request: &VendorRequest) -> bool {
        match self {
            Self::New => request.param("sort") == Some("execution_date.asc"),
            Self::V3 => request.param("order") == Some("asc"),
        }
    }
}

pub(crate) fn splits(
    shared: &Shared,
    request: &VendorRequest,
    judge: &Judge,
    api: SplitsApi,
) -> Result<Answer, Refusal> {
    let names: Vec<String> = match (request.param("ticker"), request.param("ticker.any_of")) {
        (Some(one), _) => vec![one.to_owned()],
        (None, Some(many)) => many.split(',').map(|name| name.trim().to_owned()).collect(),
        (None, None) => shared.market(false).into_iter().collect(),
    };
    let filters = date_filters(request)?;
    let kind = request.param("adjustment_type");
    let mut found: Vec<(Split, String, f64)> = Vec::new();
    for name in names {
        let all = shared.bars.splits(&name);
        for split in &all {
            let factor = all.iter().filter(|s| s.date >= split.date).map(|s| s.from / s.to).product();
            if filters.iter().all(|f| f.lets(split.date)) && kind.is_none_or(|k| k == adjustment_type(split)) {
                found.push((*split, name.clone(), factor));
            }
        }
    }
    found.sort_by(|a, b| (a.0.date, &a.1).cmp(&(b.0.date, &b.1)));
    if !api.ascending(request) {
        found.reverse();
    }
    let rows: Vec<String> = found.iter().map(|(split, name, factor)| split_row(api, split, name, *factor)).collect();
    page(shared, request, judge, &rows, api.limits(), false)
}

fn split_row(api: SplitsApi, split: &Split, name: &str, factor: f64) -> String {
    let Split { date, from, to } = split;
    let id = format!("E{:016x}", of_name(u64::from(date.to_epoch_days().unsigned_abs()), name));
    let ticker = json(name);
    match api {
        SplitsApi::New => format!(
            r#"{{"adjustment_type":"{}","execution_date":"{date}","historical_adjustment_factor":{factor},"id":"{id}","split_from":{from},"split_to":{to},"ticker":{ticker}}}"#,
            adjustment_type(split)
        ),
        SplitsApi::V3 => format!(
            r#"{{"execution_date":"{date}","id":"{id}","split_from":{from},"split_to":{to},"ticker":{ticker}}}"#
        ),
    }
}

fn adjustment_type(split: &Split) -> &'static str {
    if split.from > split.to { "reverse_split" } else { "forward_split" }
}

/// One bound on `execution_date`.
struct DateFilter {
    bound: NaiveDate,
    lets: fn(&NaiveDate, &NaiveDate) -> bool,
}

impl DateFilter {
    fn lets(&self, date: NaiveDate) -> bool {
        (self.lets)(&date, &self.bound)
    }
}

fn date_filters(request: &VendorRequest) -> Result<Vec<DateFilter>, Refusal> {
    type Compare = fn(&NaiveDate, &NaiveDate) -> bool;
    const COMPARISONS: [(&str, Compare); 5] = [
        ("execution_date", |a, b| a == b),
        ("execution_date.gt", |a, b| a > b),
        ("execution_date.gte", |a, b| a >= b),
        ("execution_date.lt", |a, b| a < b),
        ("execution_date.lte", |a, b| a <= b),
    ];
    let mut filters = Vec::new();
    for (name, lets) in COMPARISONS {
        if let Some(text) = request.param(name) {
            let bound = text.parse().map_err(|_| Refusal::BadParameter(format!("Could not parse '{name}'")))?;
            filters.push(DateFilter { bound, lets });
        }
    }
    Ok(filters)
}

/// `/v3/reference/tickers`
pub(crate) fn tickers(shared: &Shared, request: &VendorRequest, judge: &Judge) -> Result<Answer, Refusal> {
    let market = request.param("market");
    let search = request.param("search").map(str::to_uppercase);
    let names: Vec<String> = match request.param("ticker") {
        Some(one) => known(shared, one).then(|| one.to_owned()).into_iter().collect(),
        None => shared.market(false).into_iter().chain(shared.market(true)).collect(),
    };
    let fits = |name: &&String| {
        market.is_none_or(|market| market == market_of(name))
            && search.as_ref().is_none_or(|text| name.to_uppercase().contains(text))
            && request.param("active") != Some("false")
    };
    let mut rows: Vec<String> = names.iter().filter(fits).map(|name| ticker_row(name, judge)).collect();
    if request.param("order") == Some("desc") {
        rows.reverse();
    }
    page(shared, request, judge, &rows, (100, 1_000), true)
}

/// `/v3/reference/tickers/{ticker}`
pub(crate) fn ticker(shared: &Shared, name: &str, judge: &Judge) -> Result<Answer, Refusal> {
    if !known(shared, name) {
        return Err(Refusal::TickerNotFound);
    }
    let body =
        format!(r#"{{"request_id":"{}","results":{},"status":"OK"}}"#, judge.request_id, ticker_row(name, judge));
    Ok(Answer::Json(body, 1))
}

fn known(shared: &Shared, name: &str) -> bool {
    shared.bars.base_width(name).is_some() || shared.bars.first_date(name).is_some()
}

fn market_of(name: &str) -> &'static str {
    if is_crypto(name) { "crypto" } else { "stocks" }
}

fn ticker_row(name: &str, judge: &Judge) -> String {
    let (ticker, updated) = (json(name), judge.now.utc_date());
    if is_crypto(name) {
        let base = name.trim_start_matches("X:").trim_end_matches("USD");
        let (base, long) = (json(base), json(&format!("{base} - United States Dollar")));
        return format!(
            r#"{{"ticker":{ticker},"name":{long},"market":"crypto","locale":"global","active":true,"currency_symbol":"USD","currency_name":"United States Dollar","base_currency_symbol":{base},"base_currency_name":{base},"last_updated_utc":"{updated}T00:00:00Z"}}"#
        );
    }
    let long = json(&format!("{name} Inc."));
    format!(
        r#"{{"ticker":{ticker},"name":{long},"market":"stocks","locale":"us","primary_exchange":"XNYS","type":"CS","active":true,"currency_name":"usd","last_updated_utc":"{updated}T00:00:00Z"}}"#
    )
}

/// One page of rows; the cursor remembers all parameters and how many rows came before.
fn page(
    shared: &Shared,
    request: &VendorRequest,
    judge: &Judge,
    rows: &[String],
    (default, most): (usize, usize),
    count: bool,
) -> Result<Answer, Refusal> {
    let limit = match request.param("limit").map(str::parse) {
        None => default,
        Some(Ok(limit)) if (1..=most).contains(&limit) => limit,
        Some(_) => {
            return Err(Refusal::BadParameter(format!("The parameter 'limit' must be a number from 1 to {most}")));
        }
    };
    let before: usize = request.param("offset").and_then(|text| text.parse().ok()).unwrap_or(0);
    let shown = rows.get(before..).unwrap_or_default();
    let shown = shown.get(..limit).unwrap_or(shown);
    let after = before + shown.len();
    let next = (after < rows.len()).then(|| {
        let cursor = request.cursor_with("offset", &format!("offset={after}"));
        let path = format!("{}?cursor={cursor}", request.path);
        shared.link(judge, &path, None);
        format!("{}{path}", shared.next_origin(request))
    });
    Ok(listing(shown, &judge.request_id, count, next.as_deref()))
}
