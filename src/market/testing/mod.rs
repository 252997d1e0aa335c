//! Values for tests, with everything a test does not care about filled in: `Bar { volume: 0.0, ..bar(ts, 10.0) }`.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test whose time cannot be read shall fail")]

use chrono::{DateTime, NaiveDate};

use crate::dividend::Dividend;
use crate::{Bar, Ts};

/// An instant by its name in RFC 3339: `2024-03-05T18:00:00Z`.
#[must_use]
pub fn at(text: &str) -> Ts {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc().into()
}

/// A bar that did not move, with a volume of 1,000.
#[must_use]
pub fn bar(ts: Ts, price: f64) -> Bar {
    candle(ts, [price; 4])
}

/// A bar of an open, high, low and close, with a volume of 1,000.
#[must_use]
pub fn candle(ts: Ts, [open, high, low, close]: [f64; 4]) -> Bar {
    Bar { ts, open, high, low, close, volume: 1_000.0, vwap: None, trades: None }
}

/// A payment in dollars that the vendor says no more about.
#[must_use]
pub fn dividend(ex_date: NaiveDate, cash_amount: f64) -> Dividend {
    Dividend {
        id: format!("E{ex_date}"),
        ex_date,
        cash_amount,
        currency: Some("USD".to_owned()),
        kind: None,
        frequency: None,
        declaration_date: None,
        record_date: None,
        pay_date: None,
    }
}
