//! Times and durations as scripts write them. Errors quote the text, which is how its line is found again.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveDate};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::data::hours::midnight;
use barkeep_market::Ts;

/// A moment, or a whole day of the ticker's market (New York for stocks, UTC for crypto).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    At(Ts),
    On(NaiveDate),
}

impl When {
    /// The moment itself, or the day's midnight.
    pub(crate) fn start(self, crypto: bool) -> i64 {
        match self {
            Self::At(at) => at.ms(),
            Self::On(date) => midnight(crypto, date),
        }
    }

    /// The moment itself, or the midnight after the day: a range `from: D, to: D` is one day.
    pub(crate) fn end(self, crypto: bool) -> i64 {
        match self {
            Self::At(at) => at.ms(),
            Self::On(date) => midnight(crypto, date.succ_opt().unwrap_or(date)),
        }
    }
}

impl From<Ts> for When {
    fn from(at: Ts) -> Self {
        Self::At(at)
    }
}

impl From<NaiveDate> for When {
    fn from(date: NaiveDate) -> Self {
        Self::On(date)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => write!(f, "{at}"),
            Self::On(date) => write!(f, "{date}"),
        }
    }
}

impl FromStr for When {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(date) = text.parse() {
            return Ok(Self::On(date));
        }
        let at = DateTime::parse_from_rfc3339(text).map_err(|_| {
            format!("`{text}` is not a time; write a date such as 2026-11-23 or a moment such as 2026-11-23T15:30:00Z")
        })?;
        Ok(Self::At(Ts(at.timestamp_millis())))
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A difference from UTC, such as `-05:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset(pub FixedOffset);

impl Serialize for Offset {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let wrong = |_| format!("`{text}` is not an offset from UTC; write one such as -05:00 or +00:00");
        text.parse().map(Self).map_err(wrong).map_err(serde::de::Error::custom)
    }
}

/// `deserialize_with` for a date.
pub(crate) fn date<'de, D: Deserializer<'de>>(d: D) -> Result<NaiveDate, D::Error> {
    let text = String::deserialize(d)?;
    text.parse().map_err(|_| serde::de::Error::custom(format!("`{text}` is not a date; write one such as 2026-11-23")))
}

/// `deserialize_with` for a date that may be left out.
pub(crate) fn some_date<'de, D: Deserializer<'de>>(d: D) -> Result<Option<NaiveDate>, D::Error> {
    date(d).map(Some)
}

/// A duration as text: `90m`, `3h 20m`, `2d`.
pub(crate) mod duration {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&humantime::format_duration(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(d)?;
        let wrong =
            |_| serde::de::Error::custom(format!("`{text}` is not a duration; write one such as 90m, 3h or 2d"));
        humantime::parse_duration(&text).map_err(wrong)
    }
}
