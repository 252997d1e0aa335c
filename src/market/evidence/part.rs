//! The parts of a trading day whose silence is judged apart.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumCount, IntoStaticStr, VariantArray};

use crate::asset::{UnknownWord, named};
use barkeep_base::variants::all;

/// A part of a trading day. A symbol that trades every minute at noon may be silent for an hour at 05:00.
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
pub enum Part {
    /// Stocks and funds from 04:00 New York to the open.
    Pre,
    /// Open to close.
    Regular,
    /// From the close to 20:00; never judged after an early close.
    Post,
    /// The UTC day of a continuous market, and the one slot that a day or week is to a daily or weekly series.
    Day,
}

impl Part {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }

    /// Whether a session is expected to have a bar in this part: regular hours, and the day where there is no other part.
    #[must_use]
    pub const fn is_main(self) -> bool {
        matches!(self, Self::Regular | Self::Day)
    }
}

impl FromStr for Part {
    type Err = UnknownWord;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        named(s, "a part of a session")
    }
}
