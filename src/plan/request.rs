//! What a plan consists of: requests, and the items that need them.

use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use barkeep_market::{AssetClass, Criticality, Family, Interval, Source, Symbol, Timeframe};

/// One thing to request; a range may take several pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Request {
    /// One ticker over one range.
    Aggregates {
        ticker: String,
        #[serde(default, skip_serializing_if = "Source::is_usual")]
        vendor: Source,
        asset_class: AssetClass,
        timeframe: Timeframe,
        /// Timeframes computed from the answer, at no request.
        derives: Vec<Timeframe>,
        #[serde(flatten)]
        range: Interval,
    },
    /// The whole market on one date.
    GroupedDaily { asset_class: AssetClass, date: NaiveDate },
    /// The minutes of all US stocks on one date, as a file of the vendor's storage. It takes no place of the limit.
    FlatFile { date: NaiveDate },
    /// Splits of some tickers.
    Splits { tickers: Vec<String> },
}

impl Request {
    /// Who is asked. Whole markets and splits are the usual vendor's alone.
    #[must_use]
    pub fn vendor(&self) -> Source {
        match self {
            Self::Aggregates { vendor, .. } => *vendor,
            Self::GroupedDaily { .. } | Self::FlatFile { .. } | Self::Splits { .. } => Source::default(),
        }
    }

    /// The timeframe it brings, if it brings bars.
    #[must_use]
    pub const fn timeframe(&self) -> Option<Timeframe> {
        match self {
            Self::Aggregates { timeframe, .. } => Some(*timeframe),
            Self::GroupedDaily { .. } => Some(Timeframe::D1),
            Self::FlatFile { .. } => Some(Timeframe::M1),
            Self::Splits { .. } => None,
        }
    }

    /// The family it brings bars of, if it brings any.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        self.timeframe().map(Timeframe::family)
    }

    /// Whether it takes a place of the vendor's limit.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        !matches!(self, Self::FlatFile { .. })
    }
}

/// One item of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    #[serde(flatten)]
    pub request: Request,
    /// The symbols that need it. One list for all days of a market that the same symbols lack.
    pub symbols: Arc<[Symbol]>,
    pub criticality: Criticality,
    /// Whether it brings the newest bars.
    pub newest: bool,
    /// Requests it takes, pages included: as many as the symbol's observed trading needs, or, for a symbol never requested
    /// before, at most, as far as the calendar tells.
    pub requests: u64,
    /// Asks about holes again that the vendor had answered for; goes last, and its failure is nobody's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recheck: bool,
}
