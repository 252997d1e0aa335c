//! The events of a script.

use std::time::Duration;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::fault::FaultRule;
use crate::plan::{Older, SimDelay};
use crate::script::when::{self, Offset, When};
use barkeep_market::Family;

/// Every ticker.
pub(crate) const ANY: &str = "*";

/// A whole script: what happens to the market, what its vendor knows of it, and which answers go wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    pub events: Vec<ScriptEvent>,
    /// Added to the faults in force; setting another script takes them away again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultRule>,
}

impl From<Vec<ScriptEvent>> for Script {
    fn from(events: Vec<ScriptEvent>) -> Self {
        Self { events, faults: Vec::new() }
    }
}

/// New values of bars. Factors come first; a value that is given replaces what they made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// Factor on open, high, low, close and vwap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// Factor on the volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub o: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub h: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub c: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vw: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<i64>,
}

impl Change {
    /// Prices times `factor`.
    #[must_use]
    pub fn prices(factor: f64) -> Self {
        Self { price: Some(factor), ..Self::default() }
    }
}

/// A market with hours of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Market {
    #[default]
    Stocks,
    Crypto,
}

/// One event. `from` and `to` are a range of bars, `since` and `until` a time on the vendor's clock; `to` and `until` as
/// moments are not part of the range, as dates they are. A ticker is in the vendor's form (`X:BTCUSD`); `*` is every one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScriptEvent {
    /// Bars appear so long after their end.
    Late {
        ticker: String,
        #[serde(with = "when::duration")]
        delay: Duration,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<When>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<When>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<When>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<When>,
    },
    /// Answers end at `bars_from` until `published_at`.
    LateUntil { ticker: String, bars_from: When, published_at: When },
    /// Bars are missing at the vendor, until they are filled in or for ever.
    Hole {
        ticker: String,
        from: When,
        to: When,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filled_at: Option<When>,
        /// Before that the bars were there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<When>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        family: Option<Family>,
    },
    /// Values change for good. Afterwards they are the truth.
    Correction {
        ticker: String,
        from: When,
        to: When,
        at: When,
        change: Change,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        family: Option<Family>,
    },
    /// The vendor has values that are not the truth.
    Wrong {
        ticker: String,
        from: When,
        to: When,
        change: Change,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<When>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<When>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        family: Option<Family>,
    },
    /// The vendor has bars where nothing traded: every minute, or a day bar on every date.
    Extra {
        ticker: String,
        from: When,
        to: When,
        family: Family,
        /// Without one: the last close before the range.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<When>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<When>,
    },
    /// `on` is the first day it trades.
    Listed {
        ticker: String,
        #[serde(deserialize_with = "when::date")]
        on: NaiveDate,
    },
    /// `on` is the last day it trades.
    Delisted {
        ticker: String,
        #[serde(deserialize_with = "when::date")]
        on: NaiveDate,
    },
    /// The company trades as `from` before `on`, as `to` from that day on.
    Renamed {
        from: String,
        to: String,
        #[serde(deserialize_with = "when::date")]
        on: NaiveDate,
    },
    /// From `on` the ticker is another company's, with other prices.
    Reused {
        ticker: String,
        #[serde(deserialize_with = "when::date")]
        on: NaiveDate,
        /// The ticker whose bars it takes. Without one they are made up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        company: Option<String>,
    },
    /// No such ticker.
    Unknown { ticker: String },
    /// A split, and how the vendor lists it.
    Split {
        ticker: String,
        #[serde(deserialize_with = "when::date")]
        date: NaiveDate,
        /// Old shares.
        from: f64,
        /// New shares.
        to: f64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        listed_at: Option<When>,
        /// Listed for this date too.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "when::some_date")]
        also_on: Option<NaiveDate>,
        /// Listed twice.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        duplicate: bool,
        /// A second row of the same date with this ratio, `[from, to]`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        contradicting: Option<(f64, f64)>,
        /// Whether it really happened; a listed split that did not leaves prices alone.
        #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
        in_prices: bool,
    },
    /// Nothing trades.
    Halt {
        #[serde(default)]
        market: Market,
        from: When,
        to: When,
    },
    /// The vendor announces that the stock market stays closed; whether it does is another matter (`halt`).
    Closure {
        #[serde(deserialize_with = "when::date")]
        on: NaiveDate,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<When>,
        /// The announcement is taken back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<When>,
    },
    /// The vendor's clock, and its `Date` header, are ahead of the time (or behind it, when negative).
    Skew {
        seconds: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<When>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<When>,
    },
    /// Dates in paths are read in another zone.
    Zone {
        ticker: String,
        offset: Offset,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<When>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<When>,
    },
    /// What the plan includes, in place of the configured one. Its history moves with the vendor's clock.
    Plan {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        history_days: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delay: Option<SimDelay>,
        #[serde(default)]
        older: Older,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<When>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<When>,
    },
}

fn yes() -> bool {
    true
}

impl ScriptEvent {
    /// All bars of a ticker appear `delay` after their end.
    #[must_use]
    pub fn late(ticker: &str, delay: Duration) -> Self {
        Self::Late { ticker: ticker.to_owned(), delay, from: None, to: None, since: None, until: None }
    }

    /// Answers end at `bars_from` until `published_at`.
    #[must_use]
    pub fn late_until(ticker: &str, bars_from: impl Into<When>, published_at: impl Into<When>) -> Self {
        let ticker = ticker.to_owned();
        Self::LateUntil { ticker, bars_from: bars_from.into(), published_at: published_at.into() }
    }

    /// A hole in both families, for ever or until it is filled.
    #[must_use]
    pub fn hole(ticker: &str, from: impl Into<When>, to: impl Into<When>, filled_at: Option<When>) -> Self {
        let (from, to) = (from.into(), to.into());
        Self::Hole { ticker: ticker.to_owned(), from, to, filled_at, since: None, family: None }
    }

    /// New values in both families.
    #[must_use]
    pub fn correction(
        ticker: &str,
        from: impl Into<When>,
        to: impl Into<When>,
        at: impl Into<When>,
        change: Change,
    ) -> Self {
        let (from, to, at) = (from.into(), to.into(), at.into());
        Self::Correction { ticker: ticker.to_owned(), from, to, at, change, family: None }
    }

    #[must_use]
    pub fn delisted(ticker: &str, on: NaiveDate) -> Self {
        Self::Delisted { ticker: ticker.to_owned(), on }
    }

    #[must_use]
    pub fn listed(ticker: &str, on: NaiveDate) -> Self {
        Self::Listed { ticker: ticker.to_owned(), on }
    }

    #[must_use]
    pub fn renamed(from: &str, to: &str, on: NaiveDate) -> Self {
        Self::Renamed { from: from.to_owned(), to: to.to_owned(), on }
    }

    #[must_use]
    pub fn reused(ticker: &str, on: NaiveDate) -> Self {
        Self::Reused { ticker: ticker.to_owned(), on, company: None }
    }

    #[must_use]
    pub fn unknown(ticker: &str) -> Self {
        Self::Unknown { ticker: ticker.to_owned() }
    }

    /// A split that the vendor lists from `listed_at` on, or always.
    #[must_use]
    pub fn split(ticker: &str, date: NaiveDate, from: f64, to: f64, listed_at: Option<When>) -> Self {
        Self::Split {
            ticker: ticker.to_owned(),
            date,
            from,
            to,
            listed_at,
            also_on: None,
            duplicate: false,
            contradicting: None,
            in_prices: true,
        }
    }

    /// The stock market stands still.
    #[must_use]
    pub fn halt(from: impl Into<When>, to: impl Into<When>) -> Self {
        Self::Halt { market: Market::Stocks, from: from.into(), to: to.into() }
    }

    /// The ticker it is about; `None` when it is about the market or the server.
    pub(crate) fn ticker(&self) -> Option<&str> {
        match self {
            Self::Late { ticker, .. }
            | Self::LateUntil { ticker, .. }
            | Self::Hole { ticker, .. }
            | Self::Correction { ticker, .. }
            | Self::Wrong { ticker, .. }
            | Self::Extra { ticker, .. }
            | Self::Listed { ticker, .. }
            | Self::Delisted { ticker, .. }
            | Self::Renamed { from: ticker, .. }
            | Self::Reused { ticker, .. }
            | Self::Unknown { ticker }
            | Self::Split { ticker, .. }
            | Self::Zone { ticker, .. } => Some(ticker),
            Self::Halt { .. } | Self::Closure { .. } | Self::Skew { .. } | Self::Plan { .. } => None,
        }
    }

    /// Whether it is about a ticker's bars, and so decides what a view of them shows.
    pub(crate) fn marks(&self, name: &str, crypto: bool) -> bool {
        match self {
            Self::Halt { market, .. } => (*market == Market::Crypto) == crypto,
            Self::Late { ticker, .. }
            | Self::LateUntil { ticker, .. }
            | Self::Hole { ticker, .. }
            | Self::Correction { ticker, .. }
            | Self::Wrong { ticker, .. }
            | Self::Extra { ticker, .. }
            | Self::Split { ticker, .. } => ticker == ANY || ticker == name,
            _ => false,
        }
    }
}

/// Whether a moment of the vendor's clock lies in `[since, until)`.
pub(crate) fn holds(since: Option<When>, until: Option<When>, crypto: bool, now: i64) -> bool {
    since.is_none_or(|since| since.start(crypto) <= now) && until.is_none_or(|until| now < until.end(crypto))
}
