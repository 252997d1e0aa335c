//! Splits, market status, holidays and tickers: small answers, checked like the big ones.

use super::address::Base;
use super::wire::{Counts, Envelope, HolidayRow, Object, SplitRow, StatusBody, TickerRow, json, object};
use crate::{Cursor, Fault, Holiday, MarketStatus, Ticker};
use barkeep_base::text::printable;
use barkeep_market::Ts;
use barkeep_market::split::Split;

/// Splits by ticker, and where the next page is.
pub(super) type SplitPage = (Vec<(String, Split)>, Option<Cursor>);

/// Reads a page of splits; `path` is the endpoint, which the next page must keep.
pub(super) fn splits(body: &[u8], tickers: &[String], base: &Base, path: &str) -> Result<SplitPage, Fault> {
    let mut envelope: Envelope<SplitRow> = object(body)?;
    let mut splits = Vec::new();
    for row in envelope.rows(Counts::Loose)? {
        let ticker = printable(&row.ticker);
        if !tickers.contains(&row.ticker) {
            return Err(Fault::malformed(format!("the answer holds a split of {ticker}, which was not requested")));
        }
        let (from, to) = (row.split_from, row.split_to);
        if !(from > 0.0 && to > 0.0 && from.is_finite() && to.is_finite()) {
            let text = format!("the split of {ticker} on {} is impossible: {from} for {to}", row.execution_date);
            return Err(Fault::malformed(text));
        }
        splits.push((row.ticker, Split { date: row.execution_date, from, to }));
    }
    let next = match envelope.next_url.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => Some(base.cursor(url, path, |s| path.split('/').skip(1).eq(s.iter().map(String::as_str)))?),
        None => None,
    };
    Ok((splits, next))
}

pub(super) fn market_status(body: &[u8]) -> Result<MarketStatus, Fault> {
    let status: StatusBody = object(body)?;
    Ok(MarketStatus {
        market: printable(&status.market),
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
                tracing::warn!(date = %row.date, status = printable(other), "an announced market day of unknown kind");
                continue;
            }
        };
        let (exchange, name) = (printable(&row.exchange), printable(&row.name));
        days.push(Holiday { exchange, name, date: row.date, close });
    }
    Ok(days)
}

pub(super) fn tickers(body: &[u8]) -> Result<Vec<Ticker>, Fault> {
    let mut envelope: Envelope<TickerRow> = object(body)?;
    let rows = envelope.rows(Counts::Loose)?;
    let text = |text: Option<String>| text.map(|t| printable(&t));
    let known = |row: TickerRow| Ticker {
        ticker: printable(&row.ticker),
        name: text(row.name).unwrap_or_default(),
        market: text(row.market).unwrap_or_default(),
        kind: text(row.kind),
        active: row.active.unwrap_or(true),
    };
    Ok(rows.into_iter().map(known).collect())
}
