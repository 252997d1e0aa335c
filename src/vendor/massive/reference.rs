//! Splits, dividends, market status, holidays and tickers: small answers, checked like the big ones.

use super::address::Base;
use super::wire::{
    Counts, DetailsBody, DividendRow, Envelope, HolidayRow, Object, Raw, SplitRow, StatusBody, TickerRow, json, object,
    row, shown,
};
use crate::{Cursor, DividendPage, Fault, Holiday, MarketStatus, SplitPage, Ticker, TickerDetails};
use barkeep_market::Ts;
use barkeep_market::dividend::Dividend;
use barkeep_market::split::Split;

/// So many rows of which none can be read have another shape than ours; a single one may be a slip.
const OTHER_SHAPE: u64 = 2;

/// What happened to shares, as far as one page tells.
pub(super) struct Listed<T> {
    pub(super) rows: Vec<(String, T)>,
    pub(super) unreadable: u64,
    pub(super) next: Option<Cursor>,
}

/// Reads a page of splits. Every row of an asked ticker comes back, also two that contradict each other: which one is
/// right, prices decide.
pub(super) fn splits(body: &[u8], tickers: &[String], base: &Base, path: &str) -> Result<SplitPage, Fault> {
    let Listed { rows, unreadable, next } = listed(body, tickers, base, path, "split", split)?;
    Ok(SplitPage { splits: rows, unreadable, next })
}

/// Reads a page of dividends.
pub(super) fn dividends(body: &[u8], tickers: &[String], base: &Base, path: &str) -> Result<DividendPage, Fault> {
    let Listed { rows, unreadable, next } = listed(body, tickers, base, path, "dividend", dividend)?;
    Ok(DividendPage { dividends: rows, unreadable, next })
}

/// Reads a page of a list of `what`; `path` is the endpoint, which the next page must keep.
fn listed<T>(
    body: &[u8],
    tickers: &[String],
    base: &Base,
    path: &str,
    what: &str,
    read: fn(&Raw) -> Result<(String, T), String>,
) -> Result<Listed<T>, Fault> {
    let mut envelope: Envelope<Raw> = object(body)?;
    let (mut rows, mut unreadable, mut why) = (Vec::new(), 0, None);
    for raw in envelope.rows(Counts::Loose)? {
        match read(&raw) {
            Ok((ticker, one)) if tickers.contains(&ticker) => rows.push((ticker, one)),
            Ok((ticker, _)) => {
                let ticker = shown(&ticker);
                let text = format!("the answer holds a {what} of {ticker}, which was not requested");
                return Err(Fault::malformed(text));
            }
            Err(reason) => {
                unreadable += 1;
                why.get_or_insert(reason);
            }
        }
    }
    if let Some(why) = why.filter(|_| rows.is_empty() && unreadable >= OTHER_SHAPE) {
        return Err(Fault::malformed(format!("none of the {unreadable} rows is a {what}: {why}")));
    }
    let belongs = |s: &[String]| path.split('/').skip(1).eq(s.iter().map(String::as_str));
    let next = envelope.next_url().map(|url| base.cursor(url, path, belongs)).transpose()?;
    Ok(Listed { rows, unreadable, next })
}

fn split(raw: &Raw) -> Result<(String, Split), String> {
    let SplitRow { ticker, execution_date: date, split_from: from, split_to: to } = row(raw)?;
    let split = Split { date, from, to };
    if split.is_sound() { Ok((ticker, split)) } else { Err(format!("{from} for {to} shares on {date}")) }
}

fn dividend(raw: &Raw) -> Result<(String, Dividend), String> {
    let row: DividendRow = row(raw)?;
    let dividend = Dividend {
        id: shown(&row.id),
        ex_date: row.ex_dividend_date,
        cash_amount: row.cash_amount,
        currency: text(row.currency),
        kind: text(row.distribution_type),
        frequency: row.frequency,
        declaration_date: row.declaration_date,
        record_date: row.record_date,
        pay_date: row.pay_date,
    };
    let Dividend { cash_amount, ex_date, .. } = dividend;
    if dividend.is_sound() {
        Ok((row.ticker, dividend))
    } else {
        Err(format!("an amount of {cash_amount} on {ex_date}"))
    }
}

pub(super) fn market_status(body: &[u8]) -> Result<MarketStatus, Fault> {
    let status: StatusBody = object(body)?;
    Ok(MarketStatus {
        market: shown(&status.market),
        server_time: status.server_time.map(|t| Ts(t.timestamp_millis())),
    })
}

/// Reads announced holidays. A status barkeep does not know is left out with a warning: better the rules of the
/// calendar than a guess.
pub(super) fn holidays(body: &[u8]) -> Result<Vec<Holiday>, Fault> {
    let rows: Vec<Object<HolidayRow>> = json(body)?;
    let mut days = Vec::with_capacity(rows.len());
    for Object(row) in rows {
        let close = match (row.status.as_str(), row.close) {
            ("closed", _) => None,
            ("early-close", Some(close)) => Some(Ts(close.timestamp_millis())),
            ("early-close", None) => {
                return Err(Fault::malformed(format!("the early close on {} names no time", row.date)));
            }
            (other, _) => {
                tracing::warn!(date = %row.date, status = shown(other), "an announced market day of unknown kind");
                continue;
            }
        };
        let (exchange, name) = (shown(&row.exchange), shown(&row.name));
        days.push(Holiday { exchange, name, date: row.date, close });
    }
    Ok(days)
}

pub(super) fn tickers(body: &[u8]) -> Result<Vec<Ticker>, Fault> {
    let mut envelope: Envelope<Object<TickerRow>> = object(body)?;
    let rows = envelope.rows(Counts::Loose)?;
    Ok(rows.into_iter().map(|Object(row)| known(row)).collect())
}

fn known(row: TickerRow) -> Ticker {
    Ticker {
        ticker: shown(&row.ticker),
        name: text(row.name).unwrap_or_default(),
        market: text(row.market).unwrap_or_default(),
        kind: text(row.kind),
        active: row.active.unwrap_or(true),
    }
}

fn text(text: Option<String>) -> Option<String> {
    text.map(|t| shown(&t))
}

/// Reads what the vendor knows of the ticker that was asked for.
pub(super) fn details(body: &[u8], asked: &str) -> Result<TickerDetails, Fault> {
    let body: DetailsBody = object(body)?;
    if let Some(status) = body.status.as_deref().filter(|s| !matches!(*s, "OK" | "DELAYED")) {
        return Err(Fault::malformed(format!("the vendor answered 200 with status {}", shown(status))));
    }
    let Some(Object(row)) = body.results else {
        return Err(Fault::malformed(format!("the answer says nothing about {asked}")));
    };
    if row.known.ticker != asked {
        let ticker = shown(&row.known.ticker);
        return Err(Fault::malformed(format!("the answer is for {ticker}, the request was for {asked}")));
    }
    let delisted_on = row.delisted_utc.as_deref().map(date_of).transpose()?;
    let active = row.known.active.unwrap_or(delisted_on.is_none());
    let Ticker { ticker, name, market, kind, .. } = known(row.known);
    Ok(TickerDetails {
        ticker,
        name,
        market,
        kind,
        active,
        listed_on: row.list_date,
        delisted_on,
        currency: text(row.currency_name),
        composite_figi: text(row.composite_figi),
    })
}

/// The date of an instant in RFC 3339, or a date by itself.
fn date_of(text: &str) -> Result<chrono::NaiveDate, Fault> {
    let date = text.split(['T', ' ']).next().unwrap_or(text);
    date.parse().map_err(|_| Fault::malformed(format!("'{}' is not a date", shown(text))))
}
