//! Splits, and lists that go on.

use chrono::NaiveDate;

use crate::data::random::of_name;
use crate::http::answer::{Answer, Refusal, listing};
use crate::http::page::json;
use crate::http::request::{Judge, VendorRequest};
use crate::shared::Shared;
use barkeep_market::split::Split;

/// Splits and dividends are each served by two endpoints.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ActionsApi {
    /// `/stocks/v1/…`
    New,
    /// `/v3/reference/…`, deprecated since 2026-02-18.
    V3,
}

impl ActionsApi {
    /// Rows by default and at most.
    pub(super) const fn limits(self) -> (usize, usize) {
        match self {
            Self::New => (100, 5_000),
            Self::V3 => (10, 1_000),
        }
    }

    /// Whether rows are asked for with the oldest `date` first.
    pub(super) fn ascending(self, request: &VendorRequest, date: &str) -> bool {
        match self {
            Self::New => request.param("sort").and_then(|sort| sort.strip_suffix(".asc")) == Some(date),
            Self::V3 => request.param("order") == Some("asc"),
        }
    }
}

pub(crate) fn splits(
    shared: &Shared,
    request: &VendorRequest,
    judge: &Judge,
    api: ActionsApi,
) -> Result<Answer, Refusal> {
    let names: Vec<String> = match (request.param("ticker"), request.param("ticker.any_of")) {
        (Some(one), _) => vec![one.to_owned()],
        (None, Some(many)) => many.split(',').map(|name| name.trim().to_owned()).collect(),
        (None, None) => shared.market(false).into_iter().collect(),
    };
    let filters = DateFilter::of(request, "execution_date")?;
    let kind = request.param("adjustment_type");
    let mut found: Vec<(Split, String, f64)> = Vec::new();
    let view = shared.view(&judge.book, judge.now);
    for name in names {
        let all = view.listed_splits(&name);
        for split in &all {
            let factor = all.iter().filter(|s| s.date >= split.date).map(|s| s.from / s.to).product();
            if filters.iter().all(|f| f.lets(split.date)) && kind.is_none_or(|k| k == adjustment_type(split)) {
                found.push((*split, name.clone(), factor));
            }
        }
    }
    found.sort_by(|a, b| (a.0.date, &a.1).cmp(&(b.0.date, &b.1)));
    if !api.ascending(request, "execution_date") {
        found.reverse();
    }
    let rows: Vec<String> = found.iter().map(|(split, name, factor)| split_row(api, split, name, *factor)).collect();
    page(shared, request, judge, &rows, api.limits(), false)
}

fn split_row(api: ActionsApi, split: &Split, name: &str, factor: f64) -> String {
    let Split { date, from, to } = split;
    let id = format!("E{:016x}", of_name(u64::from(date.to_epoch_days().unsigned_abs()), name));
    let ticker = json(name);
    match api {
        ActionsApi::New => format!(
            r#"{{"adjustment_type":"{}","execution_date":"{date}","historical_adjustment_factor":{factor},"id":"{id}","split_from":{from},"split_to":{to},"ticker":{ticker}}}"#,
            adjustment_type(split)
        ),
        ActionsApi::V3 => format!(
            r#"{{"execution_date":"{date}","id":"{id}","split_from":{from},"split_to":{to},"ticker":{ticker}}}"#
        ),
    }
}

fn adjustment_type(split: &Split) -> &'static str {
    if split.from > split.to { "reverse_split" } else { "forward_split" }
}

/// One bound on a date.
pub(crate) struct DateFilter {
    bound: NaiveDate,
    lets: fn(&NaiveDate, &NaiveDate) -> bool,
}

impl DateFilter {
    pub(crate) fn lets(&self, date: NaiveDate) -> bool {
        (self.lets)(&date, &self.bound)
    }

    /// The bounds that a request sets on a field: the field itself, or with `.gt`, `.gte`, `.lt` or `.lte`.
    pub(crate) fn of(request: &VendorRequest, field: &str) -> Result<Vec<Self>, Refusal> {
        type Compare = fn(&NaiveDate, &NaiveDate) -> bool;
        const COMPARISONS: [(&str, Compare); 5] = [
            ("", |a, b| a == b),
            (".gt", |a, b| a > b),
            (".gte", |a, b| a >= b),
            (".lt", |a, b| a < b),
            (".lte", |a, b| a <= b),
        ];
        let mut filters = Vec::new();
        for (ending, lets) in COMPARISONS {
            let name = format!("{field}{ending}");
            if let Some(text) = request.param(&name) {
                let bound = text.parse().map_err(|_| Refusal::BadParameter(format!("Could not parse '{name}'")))?;
                filters.push(Self { bound, lets });
            }
        }
        Ok(filters)
    }
}

/// One page of rows; the cursor remembers all parameters and how many rows came before.
pub(crate) fn page(
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
