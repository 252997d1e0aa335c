//! Features that are words.
//!
//! Each has a fixed set of words, stored and shown as they are written here, in lower case.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr, VariantArray};

use crate::asset::{UnknownWord, named};

macro_rules! label {
    ($(#[$doc:meta])* $name:ident, $what:literal: $($(#[$of:meta])* $variant:ident),+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[derive(Display, IntoStaticStr, VariantArray)]
        #[serde(rename_all = "snake_case")]
        #[strum(serialize_all = "snake_case", const_into_str)]
        pub enum $name {
            $($(#[$of])* $variant),+
        }

        impl $name {
            #[must_use]
            pub const fn name(self) -> &'static str {
                self.into_str()
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                named(s, $what)
            }
        }
    };
}

label! {
    /// Where a bar lies against the five before it.
    Structure, "a structure":
    /// A higher high than all five, and a higher low.
    Bullish,
    /// A lower high than the highest, and a lower low than all five.
    Bearish,
    Range
}

label! {
    /// The way the close went in five bars.
    Direction, "a direction":
    /// More than 1 % up.
    Up,
    /// More than 1 % down.
    Down,
    Neutral
}

label! {
    /// How restless the series is, against its own last fifty bars.
    VolatilityRegime, "a volatility regime":
    /// Below 0.7 of the median.
    Low,
    Medium,
    /// Above 1.3 of the median.
    High
}

label! {
    /// The short average against the long one.
    TrendRegime, "a trend regime":
    Uptrend,
    Downtrend,
    /// Exactly equal.
    Ranging
}

label! {
    /// How narrow the Bollinger bands are, against their own last fifty bars.
    CompressionRegime, "a compression regime":
    /// Below 0.7 of the median width.
    Compressed,
    Expanded
}
