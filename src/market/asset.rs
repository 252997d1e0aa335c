//! What kind of instrument a symbol is, and how much it matters.

use barkeep_base::text::printable;
use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::ts::Ts;

/// The kind of instrument; it decides the calendar, the vendor ticker and the quality thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetClass {
    Stock,
    Etf,
    Crypto,
}

impl AssetClass {
    pub const ALL: [Self; 3] = [Self::Stock, Self::Etf, Self::Crypto];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Etf => "etf",
            Self::Crypto => "crypto",
        }
    }

    /// Whether the instrument trades around the clock, every day of the year.
    #[must_use]
    pub const fn is_continuous(self) -> bool {
        matches!(self, Self::Crypto)
    }

    /// Midnight of a trading date: New York for stocks and funds, UTC for crypto.
    #[must_use]
    pub fn midnight(self, date: NaiveDate) -> Ts {
        if self.is_continuous() { Ts::utc_midnight(date) } else { Ts::ny_midnight(date) }
    }

    /// The trading date of an instant: New York for stocks and funds, UTC for crypto.
    #[must_use]
    pub fn date_of(self, t: Ts) -> NaiveDate {
        if self.is_continuous() { t.utc_date() } else { t.ny_date() }
    }
}

impl fmt::Display for AssetClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no asset class or criticality.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{word}' is not {what}; use one of {choices}")]
pub struct UnknownWord {
    pub word: String,
    pub what: &'static str,
    pub choices: &'static str,
}

impl FromStr for AssetClass {
    type Err = UnknownWord;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|c| c.name() == s).ok_or_else(|| UnknownWord {
            word: printable(s),
            what: "an asset class",
            choices: "stock, etf, crypto",
        })
    }
}

/// How stale a symbol may become, from most to least important.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    Critical,
    Standard,
    Low,
}

impl Criticality {
    pub const ALL: [Self; 3] = [Self::Critical, Self::Standard, Self::Low];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Standard => "standard",
            Self::Low => "low",
        }
    }
}

impl fmt::Display for Criticality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Criticality {
    type Err = UnknownWord;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|c| c.name() == s).ok_or_else(|| UnknownWord {
            word: printable(s),
            what: "a criticality",
            choices: "critical, standard, low",
        })
    }
}
