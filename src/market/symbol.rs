//! What a user names.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use barkeep_base::text::printable;

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
