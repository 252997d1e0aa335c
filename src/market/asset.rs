//! What kind of instrument a symbol is, and how much it matters.

use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumCount, IntoStaticStr, VariantArray};

use super::ts::Ts;
use barkeep_base::text::printable;
use barkeep_base::variants::all;

/// The kind of instrument; it decides the calendar, the vendor ticker and the quality thresholds.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    IntoStaticStr,
    EnumCount,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum AssetClass {
    Stock,
    Etf,
    Crypto,
}

impl AssetClass {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
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

/// A word that is none of those there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{word}' is not {what}; use one of {choices}")]
pub struct UnknownWord {
    pub word: String,
    pub what: &'static str,
    pub choices: String,
}

/// The variant of that name; `what` says what a variant is, for the message: `a criticality`.
pub(crate) fn named<T>(word: &str, what: &'static str) -> Result<T, UnknownWord>
where
    T: VariantArray + Copy + Into<&'static str>,
{
    let names = || T::VARIANTS.iter().map(|variant| -> &'static str { (*variant).into() });
    let known = T::VARIANTS.iter().zip(names()).find(|(_, name)| *name == word);
    known.map(|(variant, _)| *variant).ok_or_else(|| UnknownWord {
        word: printable(word),
        what,
        choices: names().collect::<Vec<_>>().join(", "),
    })
}

impl FromStr for AssetClass {
    type Err = UnknownWord;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        named(s, "an asset class")
    }
}

/// How stale a symbol may become, from most to least important.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    IntoStaticStr,
    EnumCount,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Criticality {
    Critical,
    Standard,
    Low,
}

impl Criticality {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

impl FromStr for Criticality {
    type Err = UnknownWord;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        named(s, "a criticality")
    }
}
