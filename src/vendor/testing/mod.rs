//! Questions and answers for tests, with everything a test does not care about filled in: `Page { full: true,
//! ..page(bars) }`.

use barkeep_market::{AssetClass, Bar, Interval, Source, Timeframe};

use crate::{AggregateQuery, Page};

/// Bars of one ticker of Massive: a coin if it begins with `X:`, else a stock.
#[must_use]
pub fn query(ticker: &str, timeframe: Timeframe, range: Interval) -> AggregateQuery {
    AggregateQuery {
        vendor: Source::Massive,
        ticker: ticker.to_owned(),
        class: if ticker.starts_with("X:") { AssetClass::Crypto } else { AssetClass::Stock },
        timeframe,
        range,
        nights: false,
    }
}

/// The only page of an answer.
#[must_use]
pub fn page(bars: Vec<Bar>) -> Page {
    Page {
        bars,
        query_count: 0,
        full: false,
        answers_to: None,
        dropped: 0,
        next: None,
        request_id: None,
        server_time: None,
        delayed: false,
        adjusted: false,
        bytes: 0,
    }
}
