//! Tickers: which there are, and what is known of one.

use std::collections::BTreeSet;
use std::fmt::Write;

use chrono::NaiveDate;

use crate::data::hours::{date_of, is_crypto};
use crate::http::answer::{Answer, Refusal};
use crate::http::listed;
use crate::http::page::json;
use crate::http::reference::page;
use crate::http::request::{Judge, VendorRequest};
use crate::script::lineage::Standing;
use crate::shared::Shared;

/// A ticker as the vendor knows it now.
struct Known<'a> {
    ticker: &'a str,
    /// The ticker under which its company first had bars.
    company: String,
    /// The first day, where a script says it.
    listed: Option<NaiveDate>,
    /// The last day it traded.
    last: Option<NaiveDate>,
}

/// `/v3/reference/tickers`
pub(crate) fn list(shared: &Shared, request: &VendorRequest, judge: &Judge) -> Result<Answer, Refusal> {
    let market = request.param("market");
    let search = request.param("search").map(str::to_uppercase);
    let active = request.param("active") != Some("false");
    let names: Vec<String> = if let Some(one) = request.param("ticker") {
        vec![one.to_owned()]
    } else {
        let mut all: BTreeSet<String> = shared.market(false);
        all.extend(shared.market(true));
        if search.is_some() {
            all.extend(listed::tickers().map(str::to_owned));
        }
        all.into_iter().collect()
    };
    // A spelling that is unknown finds those that differ in their separators.
    let loose = search.as_ref().is_some_and(|text| judge.book.is_unknown(text));
    let plain = |text: &str| if loose { text.replace(['.', '-', '/', ' '], "") } else { text.to_owned() };
    let fits = |name: &&String| {
        market.is_none_or(|market| market == market_of(name))
            && search.as_ref().is_none_or(|text| {
                let long = listed::of(name).map_or("", |(long, _)| long);
                plain(&name.to_uppercase()).contains(&plain(text)) || long.to_uppercase().contains(text)
            })
    };
    // Tickers of the market need no second look, unless a script says otherwise.
    let sure = |name: &str| request.param("ticker").is_none() && (search.is_none() || listed::of(name).is_none());
    let known = names.iter().filter(fits).filter_map(|name| known(shared, judge, name, sure(name)));
    let mut rows: Vec<String> =
        known.filter(|known| known.last.is_none() == active).map(|known| row(&known, judge)).collect();
    if request.param("order") == Some("desc") {
        rows.reverse();
    }
    page(shared, request, judge, &rows, (100, 1_000), true)
}

/// `/v3/reference/tickers/{ticker}`
pub(crate) fn one(shared: &Shared, name: &str, judge: &Judge) -> Result<Answer, Refusal> {
    let known = known(shared, judge, name, false).ok_or(Refusal::TickerNotFound)?;
    let body = format!(r#"{{"request_id":"{}","results":{},"status":"OK"}}"#, judge.request_id, row(&known, judge));
    Ok(Answer::Json(body, 1))
}

/// `listed`: it is in a list of tickers that exist.
fn known<'a>(shared: &Shared, judge: &Judge, ticker: &'a str, listed: bool) -> Option<Known<'a>> {
    let exists = |name: &str| {
        (listed && name == ticker) || shared.bars.base_width(name).is_some() || shared.bars.first_date(name).is_some()
    };
    let known = match judge.book.standing(ticker, date_of(is_crypto(ticker), judge.now.ms())) {
        None => Known { ticker, company: ticker.to_owned(), listed: None, last: None },
        Some(Standing::Unknown) => return None,
        Some(Standing::Active { source, listed }) => Known { ticker, company: source, listed, last: None },
        Some(Standing::Ended { source, last }) => Known { ticker, company: source, listed: None, last: Some(last) },
    };
    exists(&known.company).then_some(known)
}

fn market_of(name: &str) -> &'static str {
    if is_crypto(name) { "crypto" } else { "stocks" }
}

fn row(known: &Known<'_>, judge: &Judge) -> String {
    let (ticker, updated) = (json(known.ticker), judge.now.utc_date());
    let active = known.last.is_none();
    let mut life = String::new();
    if let Some(listed) = known.listed {
        let _ = write!(life, r#","list_date":"{listed}""#);
    }
    if let Some(last) = known.last {
        let _ = write!(life, r#","delisted_utc":"{last}T00:00:00Z""#);
    }
    if is_crypto(known.ticker) {
        let base = known.ticker.trim_start_matches("X:").trim_end_matches("USD");
        let made_up = || format!("{base} - United States Dollar");
        let (base, long) =
            (json(base), json(&listed::of(known.ticker).map_or_else(made_up, |(long, _)| long.to_owned())));
        return format!(
            r#"{{"ticker":{ticker},"name":{long},"market":"crypto","locale":"global","active":{active},"currency_symbol":"USD","currency_name":"United States Dollar","base_currency_symbol":{base},"base_currency_name":{base},"last_updated_utc":"{updated}T00:00:00Z"{life}}}"#
        );
    }
    let (long, kind) = match listed::of(&known.company) {
        Some((long, kind)) => (json(long), kind),
        None => (json(&format!("{} Inc.", known.company)), "CS"),
    };
    format!(
        r#"{{"ticker":{ticker},"name":{long},"market":"stocks","locale":"us","primary_exchange":"XNYS","type":"{kind}","active":{active},"currency_name":"usd","last_updated_utc":"{updated}T00:00:00Z"{life}}}"#
    )
}
