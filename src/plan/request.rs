//! A plan: what will be asked, in what order, and the proof that it cannot be less.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::budget::Budget;
use barkeep_market::{AssetClass, Criticality, Interval, Symbol, Timeframe};

/// One thing to ask; a range may take several pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Request {
    /// One ticker over one range.
    Aggregates {
        ticker: String,
        asset_class: AssetClass,
        timeframe: Timeframe,
        /// Timeframes computed from the answer, at no request.
        derives: Vec<Timeframe>,
        #[serde(flatten)]
        range: Interval,
    },
    /// The whole market on one date.
    GroupedDaily { asset_class: AssetClass, date: NaiveDate },
    /// Splits of some tickers.
    Splits { tickers: Vec<String> },
}

/// One item of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    #[serde(flatten)]
    pub request: Request,
    /// The symbols that need it.
    pub symbols: Vec<Symbol>,
    pub criticality: Criticality,
    /// Whether it brings the newest bars.
    pub newest: bool,
    /// Requests it takes, pages included: as many as the symbol's observed trading needs, or, for a symbol never asked
    /// before, at most, as far as the calendar tells.
    pub requests: u64,
}

/// What will be asked, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub plan_id: Uuid,
    /// Expected: from what the vendor counted before, or the most there can be where it never did.
    pub requests: u64,
    /// One page for each range: what it takes if hardly a minute had a trade. Retries are not counted.
    #[serde(default)]
    pub requests_low: u64,
    /// A trade in every minute the calendar allows.
    #[serde(default)]
    pub requests_high: u64,
    /// No plan for these gaps can take fewer requests, if the symbols trade as often as expected.
    pub lower_bound: u64,
    /// Whether `requests` equals `lower_bound`.
    pub optimal: bool,
    /// Time until the last request may start, at the current limit.
    pub estimated_seconds: f64,
    /// Bars a liquid symbol would have in the gaps, base timeframes only.
    pub expected_bars: u64,
    /// Series that will be computed from stored bars, without a request.
    pub derived_locally: u64,
    /// What the limit allows of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    pub items: Vec<Item>,
}
