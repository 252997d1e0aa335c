//! The parts of a trading day whose silence is judged apart.

use std::fmt;
use std::str::FromStr;

use barkeep_base::text::printable;
use serde::{Deserialize, Serialize};

use crate::asset::UnknownWord;

/// A part of a trading day. A symbol that trades every minute at noon may be silent for an hour at 05:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    pub const ALL: [Self; 4] = [Self::Pre, Self::Regular, Self::Post, Self::Day];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pre => "pre",
            Self::Regular => "regular",
            Self::Post => "post",
            Self::Day => "day",
        }
    }

    /// Whether a session is expected to have a bar in this part: regular hours, and the day where there is no other part.
    #[must_use]
    pub const fn is_main(self) -> bool {
        matches!(self, Self::Regular | Self::Day)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Part {
    type Err = UnknownWord;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|p| p.name() == s).ok_or_else(|| UnknownWord {
            word: printable(s),
            what: "a part of a session",
            choices: "pre, regular, post, day",
        })
    }
}
