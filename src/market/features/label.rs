//! Features that are words.
//!
//! Each has a fixed set of words, stored and shown as they are written here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::asset::UnknownWord;
use barkeep_base::text::printable;

macro_rules! label {
    ($(#[$doc:meta])* $name:ident, $what:literal, $choices:literal: $($(#[$of:meta])* $variant:ident = $word:literal),+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$of])* $variant),+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                let known = Self::ALL.iter().copied().find(|label| label.name() == s);
                known.ok_or_else(|| UnknownWord { word: printable(s), what: $what, choices: $choices })
            }
        }
    };
}

label! {
    /// Where a bar lies against the five before it.
    Structure, "a structure", "bullish, bearish, range":
    /// A higher high than all five, and a higher low.
    Bullish = "bullish",
    /// A lower high than the highest, and a lower low than all five.
    Bearish = "bearish",
    Range = "range"
}

label! {
    /// The way the close went in five bars.
    Direction, "a direction", "up, down, neutral":
    /// More than 1 % up.
    Up = "up",
    /// More than 1 % down.
    Down = "down",
    Neutral = "neutral"
}

label! {
    /// How restless the series is, against its own last fifty bars.
    VolatilityRegime, "a volatility regime", "low, medium, high":
    /// Below 0.7 of the median.
    Low = "low",
    Medium = "medium",
    /// Above 1.3 of the median.
    High = "high"
}

label! {
    /// The short average against the long one.
    TrendRegime, "a trend regime", "uptrend, downtrend, ranging":
    Uptrend = "uptrend",
    Downtrend = "downtrend",
    /// Exactly equal.
    Ranging = "ranging"
}

label! {
    /// How narrow the Bollinger bands are, against their own last fifty bars.
    CompressionRegime, "a compression regime", "compressed, expanded":
    /// Below 0.7 of the median width.
    Compressed = "compressed",
    Expanded = "expanded"
}
