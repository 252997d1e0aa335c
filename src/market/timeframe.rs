//! The eight bar widths and how the vendor names them.
//!
//! A timeframe belongs to a family. Inside a family coarser bars are sums of finer ones; across families they are not,
//! because a daily bar takes its prices from regular hours only while minute bars include extended hours (vendor
//! knowledge base, "Does a Form T trade update").

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Days};
use serde::{Deserialize, Serialize};

use super::asset::AssetClass;
use super::interval::Interval;
use super::ts::{DAY, HOUR, MINUTE, Ts};

/// Bars that can be computed from one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// `1m` to `4h`, built by the vendor from one-minute bars.
    Minute,
    /// `1d` and `1w`, built by the vendor from daily bars.
    Day,
}

impl Family {
    /// `minute` or `day`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Day => "day",
        }
    }
}

/// A bar width, ordered from fine to coarse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timeframe {
    #[serde(rename = "1m")]
    M1,
    #[serde(rename = "5m")]
    M5,
    #[serde(rename = "15m")]
    M15,
    #[serde(rename = "30m")]
    M30,
    #[serde(rename = "1h")]
    H1,
    #[serde(rename = "4h")]
    H4,
    #[serde(rename = "1d")]
    D1,
    #[serde(rename = "1w")]
    W1,
}

/// One row of the table all properties are read from.
struct Row {
    name: &'static str,
    family: Family,
    /// Nominal width in milliseconds; the true width of a day or week varies with daylight saving.
    width: i64,
    multiplier: u32,
    timespan: &'static str,
}

impl Timeframe {
    /// All timeframes, fine to coarse.
    pub const ALL: [Self; 8] = [Self::M1, Self::M5, Self::M15, Self::M30, Self::H1, Self::H4, Self::D1, Self::W1];

    const fn row(self) -> Row {
        const fn row(name: &'static str, family: Family, width: i64, multiplier: u32, timespan: &'static str) -> Row {
            Row { name, family, width, multiplier, timespan }
        }
        match self {
            Self::M1 => row("1m", Family::Minute, MINUTE, 1, "minute"),
            Self::M5 => row("5m", Family::Minute, 5 * MINUTE, 5, "minute"),
            Self::M15 => row("15m", Family::Minute, 15 * MINUTE, 15, "minute"),
            Self::M30 => row("30m", Family::Minute, 30 * MINUTE, 30, "minute"),
            Self::H1 => row("1h", Family::Minute, HOUR, 1, "hour"),
            Self::H4 => row("4h", Family::Minute, 4 * HOUR, 4, "hour"),
            Self::D1 => row("1d", Family::Day, DAY, 1, "day"),
            Self::W1 => row("1w", Family::Day, 7 * DAY, 1, "week"),
        }
    }

    /// The name users and tables know: `5m`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    #[must_use]
    pub const fn family(self) -> Family {
        self.row().family
    }

    /// Nominal width in milliseconds: exact for the minute family, 24 h and 168 h for days and weeks.
    #[must_use]
    pub const fn width(self) -> i64 {
        self.row().width
    }

    /// The vendor's multiplier and timespan, as in `/range/5/minute/`.
    #[must_use]
    pub const fn vendor_span(self) -> (u32, &'static str) {
        let row = self.row();
        (row.multiplier, row.timespan)
    }

    /// The span `[start, end)` of the bar that holds `t`.
    ///
    /// Minute-family bars sit on the epoch grid. A day runs from midnight to midnight, a week from Sunday midnight, in
    /// New York for stocks and funds and in UTC for crypto.
    #[must_use]
    pub fn span(self, class: AssetClass, t: Ts) -> Interval {
        match self {
            Self::D1 => {
                let date = class.date_of(t);
                Interval::new(class.midnight(date), class.midnight(date + Days::new(1)))
            }
            Self::W1 => {
                let date = class.date_of(t);
                let sunday = date - Days::new(u64::from(date.weekday().num_days_from_sunday()));
                Interval::new(class.midnight(sunday), class.midnight(sunday + Days::new(7)))
            }
            _ => {
                let start = t.floor(self.width());
                Interval::new(start, start + self.width())
            }
        }
    }

    /// Where the bar starting at `start` ends.
    #[must_use]
    pub fn end_of(self, class: AssetClass, start: Ts) -> Ts {
        self.span(class, start).end
    }

    /// The smallest interval of whole bars that holds `range`.
    #[must_use]
    pub fn snap_out(self, class: AssetClass, range: Interval) -> Interval {
        if range.is_empty() {
            return range;
        }
        Interval::new(self.span(class, range.start).start, self.span(class, range.end - 1).end)
    }

    /// The largest interval of whole bars inside `range`; empty when none fits.
    #[must_use]
    pub fn snap_in(self, class: AssetClass, range: Interval) -> Interval {
        let first = self.span(class, range.start);
        let start = if first.start == range.start { range.start } else { first.end };
        let end = self.span(class, range.end).start;
        Interval::new(start, end.max(start))
    }

    /// Whether bars of this timeframe can be computed from bars of `finer`.
    #[must_use]
    pub fn derives_from(self, finer: Self) -> bool {
        self > finer && self.family() == finer.family()
    }
}

/// Fine to coarse, each once.
#[must_use]
pub fn sorted(timeframes: &[Timeframe]) -> Vec<Timeframe> {
    let mut all = timeframes.to_vec();
    all.sort_unstable();
    all.dedup();
    all
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no timeframe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a timeframe; use one of 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w")]
pub struct UnknownTimeframe(pub String);

impl FromStr for Timeframe {
    type Err = UnknownTimeframe;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|tf| tf.name() == s);
        known.ok_or_else(|| UnknownTimeframe(barkeep_base::text::printable(s)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn names_round_trip() {
        for tf in Timeframe::ALL {
            assert_eq!(tf.name().parse::<Timeframe>().unwrap(), tf);
            assert_eq!(serde_json::to_string(&tf).unwrap(), format!("\"{tf}\""));
        }
        assert!("2h".parse::<Timeframe>().is_err());
    }

    #[test]
    fn a_stock_day_is_a_new_york_day_across_daylight_saving() {
        let span = Timeframe::D1.span(AssetClass::Stock, at("2024-03-10T12:00:00Z"));
        assert_eq!((span.start, span.end), (at("2024-03-10T05:00:00Z"), at("2024-03-11T04:00:00Z")));
        let crypto = Timeframe::D1.span(AssetClass::Crypto, at("2024-03-10T12:00:00Z"));
        assert_eq!(crypto.end - crypto.start, DAY);
    }

    #[test]
    fn a_week_starts_on_sunday() {
        let span = Timeframe::W1.span(AssetClass::Stock, at("2024-03-13T12:00:00Z"));
        assert_eq!((span.start, span.end), (at("2024-03-10T05:00:00Z"), at("2024-03-17T04:00:00Z")));
    }

    #[test]
    fn four_hour_bars_sit_on_the_utc_grid() {
        let span = Timeframe::H4.span(AssetClass::Stock, at("2024-01-02T14:30:00Z"));
        assert_eq!((span.start, span.end), (at("2024-01-02T12:00:00Z"), at("2024-01-02T16:00:00Z")));
    }

    #[test]
    fn snapping_out_and_in() {
        let range = Interval::new(at("2024-01-02T14:15:00Z"), at("2024-01-02T16:45:00Z"));
        let out = Timeframe::H1.snap_out(AssetClass::Stock, range);
        assert_eq!((out.start, out.end), (at("2024-01-02T14:00:00Z"), at("2024-01-02T17:00:00Z")));
        let inner = Timeframe::H1.snap_in(AssetClass::Stock, range);
        assert_eq!((inner.start, inner.end), (at("2024-01-02T15:00:00Z"), at("2024-01-02T16:00:00Z")));
        assert!(Timeframe::H4.snap_in(AssetClass::Stock, range).is_empty());
    }

    #[test]
    fn families_do_not_mix() {
        assert!(Timeframe::H4.derives_from(Timeframe::M5));
        assert!(Timeframe::W1.derives_from(Timeframe::D1));
        assert!(!Timeframe::D1.derives_from(Timeframe::M1));
        assert!(!Timeframe::M5.derives_from(Timeframe::M15));
    }
}
