//! What a user names: a symbol, its asset class and how much it matters.

use barkeep_base::text::printable;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

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

/// A symbol as the user writes it: 1 to 32 characters, letters, digits and `. - _ : /`.
///
/// Case is kept, because the vendor's tickers are case-sensitive (`PEBpE` is a preferred share of `PEB`). Cheap to clone:
/// a view of fifty thousand series names each of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Symbol(Arc<str>);

/// A text that cannot be a symbol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a symbol; use 1 to 32 letters, digits or . - _ : / (for example AAPL, BRK.B, BTC)")]
pub struct InvalidSymbol(pub String);

impl Symbol {
    /// The longest symbol accepted, in characters.
    pub const MAX_LEN: usize = 32;

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the vendor calls it. Crypto maps to `X:<BASE>USD`, everything else is its own ticker.
    ///
    /// A symbol already in the vendor's form (`X:BTCUSD`) stays as it is; `BTC`, `BTC-USD`, `BTC/USD` and `BTCUSD` all
    /// name the same pair.
    #[must_use]
    pub fn vendor_ticker(&self, class: AssetClass) -> String {
        if class != AssetClass::Crypto || self.0.starts_with("X:") {
            return self.0.to_string();
        }
        let plain: String = self.0.chars().filter(char::is_ascii_alphanumeric).collect();
        let base = match plain.strip_suffix("USD") {
            Some(base) if !base.is_empty() => base,
            _ => &plain,
        };
        format!("X:{base}USD")
    }
}

impl FromStr for Symbol {
    type Err = InvalidSymbol;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_:/".contains(c);
        let starts_well = s.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        if starts_well && s.len() <= Self::MAX_LEN && s.chars().all(allowed) && !s.contains("..") {
            Ok(Self(s.into()))
        } else {
            Err(InvalidSymbol(printable(s)))
        }
    }
}

impl TryFrom<String> for Symbol {
    type Error = InvalidSymbol;
    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sym(s: &str) -> Symbol {
        s.parse().unwrap()
    }

    #[test]
    fn crypto_maps_to_the_vendor_pair() {
        for s in ["BTC", "BTC-USD", "BTC/USD", "BTCUSD", "X:BTCUSD"] {
            assert_eq!(sym(s).vendor_ticker(AssetClass::Crypto), "X:BTCUSD", "{s}");
        }
        assert_eq!(sym("BRK.B").vendor_ticker(AssetClass::Stock), "BRK.B");
        assert_eq!(sym("PEBpE").vendor_ticker(AssetClass::Stock), "PEBpE");
    }

    #[test]
    fn refuses_what_no_vendor_ticker_can_be() {
        let long = "A".repeat(33);
        for s in ["", " ", "A B", "../x", "..", "A\nB", "A\u{1b}[2J", "'; DROP", "€", "AAPL\u{202e}", "-A", &long] {
            assert!(s.parse::<Symbol>().is_err(), "{s:?}");
        }
    }

    #[test]
    fn an_error_never_carries_control_characters() {
        let message = "A\u{1b}]2;PWNED\u{7}\u{202e}".parse::<Symbol>().unwrap_err().to_string();
        assert!(message.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{message:?}");
    }
}
