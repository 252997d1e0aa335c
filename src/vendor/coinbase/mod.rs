//! The vendor Coinbase: the public candles of its exchange, without a key.
//!
//! An answer is a window: at most 300 candles of the width that is asked for, newest first, without those in which nothing
//! traded. No answer names a next one, so the client cuts a range into windows itself, oldest first, and a page says up to
//! where it answers. There are no plans, whole markets, splits, or holidays.

mod client;
mod page;
mod refusal;

use std::fmt;

use async_trait::async_trait;
use chrono::{NaiveDate, SecondsFormat};

use self::client::Http;
use super::{
    AggregateQuery, Class, Cursor, Dated, DividendPage, Fault, GroupedPage, Holiday, MarketStatus, Page, SplitPage,
    Ticker, TickerDetails, Vendor,
};
use barkeep_config::{CoinbaseSettings, VendorSettings};
use barkeep_market::source::Reach;
use barkeep_market::{AssetClass, Interval, Source, Ts};

/// The client of the public market data.
pub struct Coinbase {
    http: Http,
}

impl fmt::Debug for Coinbase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Coinbase(…)")
    }
}

impl Coinbase {
    /// Sets the client up; nothing is sent. Time-outs and sizes are those of the usual vendor.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: &CoinbaseSettings, common: &VendorSettings) -> Result<Self, String> {
        Ok(Self { http: Http::new(settings, common)? })
    }
}

/// The most candles of one answer.
const fn most() -> u64 {
    match Source::Coinbase.reach() {
        Reach::Window(most) | Reach::Traded(most) => most,
    }
}

/// The window that an answer is for: the one a cursor names, or the first of the range.
fn window(query: &AggregateQuery, cursor: Option<&Cursor>) -> Result<Interval, Fault> {
    let refuse = |why: &str| Fault::new(Class::Permanent, why.to_owned());
    let tf = query.timeframe;
    if !Source::Coinbase.serves(tf) {
        return Err(refuse(&format!("Coinbase has no bars of {tf}; they are computed from finer ones")));
    }
    let start = match cursor {
        None => query.range.start,
        Some(Cursor(start)) => Ts(start.parse().map_err(|_| refuse("a cursor without a window"))?),
    };
    let end = start + i64::try_from(most()).unwrap_or(i64::MAX).saturating_mul(tf.width());
    let window = Interval::new(start, end).intersect(query.range);
    let whole = tf.span(AssetClass::Crypto, window.start).start == window.start;
    if window.is_empty() || !whole || query.ticker.is_empty() || !query.class.is_continuous() {
        return Err(refuse("an empty range or product, or one that is not crypto, cannot be requested"));
    }
    Ok(window)
}

/// Path and query of a window. Both ends are inclusive and name starts of candles.
fn path(query: &AggregateQuery, window: Interval) -> String {
    let text = |t: Ts| t.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true);
    let last = query.timeframe.span(AssetClass::Crypto, window.end - 1).start;
    let (product, seconds) = (segment(&query.ticker), query.timeframe.width() / 1_000);
    format!("/products/{product}/candles?granularity={seconds}&start={}&end={}", text(window.start), text(last))
}

/// A product as one segment of a path.
fn segment(product: &str) -> String {
    use std::fmt::Write as _;
    product.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b == b'-' {
            out.push(char::from(b));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

fn unknown(what: &str) -> Fault {
    Fault::new(Class::Permanent, format!("Coinbase has no {what}"))
}

#[async_trait]
impl Vendor for Coinbase {
    async fn aggregates(&self, query: &AggregateQuery, cursor: Option<&Cursor>) -> Result<Page, Fault> {
        let window = window(query, cursor)?;
        let answer = self.http.get(&path(query, window), &query.ticker).await?;
        let page = page::candles(&answer.body, query, window);
        let page = page.map_err(|fault| Fault { status: Some(200), server_time: answer.server_time, ..fault })?;
        let next = (window.end < query.range.end).then(|| Cursor(window.end.ms().to_string()));
        Ok(Page { next, server_time: answer.server_time, ..page })
    }

    async fn grouped_daily(&self, _: AssetClass, _: NaiveDate) -> Result<GroupedPage, Fault> {
        Err(unknown("whole markets"))
    }

    async fn splits(&self, _: &[String], _: Option<&Cursor>) -> Result<Dated<SplitPage>, Fault> {
        Ok(Dated::of(SplitPage::default(), None))
    }

    async fn dividends(
        &self,
        _: &[String],
        _: Option<NaiveDate>,
        _: Option<&Cursor>,
    ) -> Result<Dated<DividendPage>, Fault> {
        Ok(Dated::of(DividendPage::default(), None))
    }

    async fn market_status(&self) -> Result<Dated<MarketStatus>, Fault> {
        Err(unknown("market status"))
    }

    async fn upcoming_holidays(&self) -> Result<Dated<Vec<Holiday>>, Fault> {
        Ok(Dated::of(Vec::new(), None))
    }

    async fn tickers(&self, _: &str, _: u32) -> Result<Dated<Vec<Ticker>>, Fault> {
        Err(unknown("search of products"))
    }

    async fn ticker(&self, ticker: &str) -> Result<Dated<Option<TickerDetails>>, Fault> {
        match self.http.get(&format!("/products/{}", segment(ticker)), ticker).await {
            Ok(answer) => {
                let value = page::product(&answer.body, ticker).map(Some)?;
                Ok(Dated { bytes: answer.body.len() as u64, ..Dated::of(value, answer.server_time) })
            }
            Err(fault) if fault.status == Some(404) && fault.class == Class::Permanent => {
                Ok(Dated::of(None, fault.server_time))
            }
            Err(fault) => Err(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use barkeep_market::Timeframe;
    use barkeep_market::ts::{DAY, HOUR, MINUTE};

    fn query(timeframe: Timeframe, length: i64) -> AggregateQuery {
        let start = Ts(1_709_510_400_000);
        AggregateQuery {
            vendor: Source::Coinbase,
            class: AssetClass::Crypto,
            ..testing::query("BTC-USD", timeframe, Interval::new(start, start + length))
        }
    }

    #[test]
    fn a_range_is_cut_into_windows_that_touch() {
        let query = query(Timeframe::M1, 11 * HOUR);
        let first = window(&query, None).unwrap();
        let second = window(&query, Some(&Cursor(first.end.ms().to_string()))).unwrap();
        let third = window(&query, Some(&Cursor(second.end.ms().to_string()))).unwrap();
        assert_eq!([first.len(), second.len(), third.len()].map(|len| len / MINUTE), [300, 300, 60]);
        assert_eq!((first.start, second.start, third.end), (query.range.start, first.end, query.range.end));
    }

    #[test]
    fn both_ends_of_a_path_are_starts_of_candles() {
        for (timeframe, length, path_of) in [
            (Timeframe::M1, 2 * MINUTE, "granularity=60&start=2024-03-04T00:00:00Z&end=2024-03-04T00:01:00Z"),
            (Timeframe::H1, HOUR, "granularity=3600&start=2024-03-04T00:00:00Z&end=2024-03-04T00:00:00Z"),
            (Timeframe::D1, 3 * DAY, "granularity=86400&start=2024-03-04T00:00:00Z&end=2024-03-06T00:00:00Z"),
        ] {
            let query = query(timeframe, length);
            let asked = path(&query, window(&query, None).unwrap());
            assert_eq!(asked, format!("/products/BTC-USD/candles?{path_of}"));
        }
        assert_eq!(segment("A/B?c#d"), "A%2FB%3Fc%23d");
    }

    #[test]
    fn what_it_does_not_have_is_not_requested() {
        for timeframe in [Timeframe::M30, Timeframe::H4, Timeframe::W1] {
            let fault = window(&query(timeframe, 7 * DAY), None).unwrap_err();
            assert!(fault.class == Class::Permanent && fault.message.contains(timeframe.name()), "{fault}");
        }
        let stock = AggregateQuery { class: AssetClass::Stock, ..query(Timeframe::H1, DAY) };
        assert!(window(&stock, None).is_err());
        assert!(window(&query(Timeframe::H1, 0), None).is_err());
        let past = Cursor((query(Timeframe::H1, DAY).range.end + HOUR).ms().to_string());
        assert!(window(&query(Timeframe::H1, DAY), Some(&past)).is_err());
        assert!(window(&query(Timeframe::H1, DAY), Some(&Cursor("/v2/aggs".to_owned()))).is_err());
    }
}
