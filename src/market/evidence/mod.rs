//! Believable silence.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A part of a session that has habits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Pre,
    Regular,
    Post,
    /// The day of a market that never closes, and the one bar of a session in the day family.
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
}

impl FromStr for Part {
    type Err = ();
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|part| part.name() == s).ok_or(())
    }
}
