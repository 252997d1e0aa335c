//! The rate limit agreed with the vendor.

use std::fmt;
use std::str::FromStr;

use crate::yaml::word::ParseWordError;

/// How many requests the vendor allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RateLimit {
    /// At most this many request starts in any trailing 60 s.
    PerMinute(u32),
    /// No agreed limit; stays under 100 a second as the vendor asks.
    Unlimited,
}

impl RateLimit {
    /// Above this the vendor's "under 100 requests a second" would bind first.
    pub const HIGHEST: u32 = 6000;
    pub const EXPECTED: &str = "write requests per minute from 1 to 6000, or unlimited";

    /// Requests per minute; `None` when unlimited.
    #[must_use]
    pub const fn per_minute(self) -> Option<u32> {
        match self {
            Self::PerMinute(n) => Some(n),
            Self::Unlimited => None,
        }
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerMinute(n) => write!(f, "{n}"),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl FromStr for RateLimit {
    type Err = ParseWordError;
    fn from_str(s: &str) -> Result<Self, ParseWordError> {
        match (s, s.parse()) {
            ("unlimited", _) => Ok(Self::Unlimited),
            (_, Ok(n)) if (1..=Self::HIGHEST).contains(&n) => Ok(Self::PerMinute(n)),
            _ => Err(ParseWordError::new(s, "a rate limit; use 1 to 6000 requests per minute, or unlimited")),
        }
    }
}
