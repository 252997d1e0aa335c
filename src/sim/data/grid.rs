//! Where bars begin and end: `(multiplier, timespan)` as a grid of time.
//!
//! Minutes and hours sit on the epoch grid, days begin at midnight (New York, or UTC for crypto), weeks on Sunday, months,
//! quarters and years on their first day.

use chrono::{Datelike, NaiveDate};

use crate::data::hours::{date_of, midnight};
use barkeep_market::ts::{HOUR, MINUTE};

/// A regular division of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grid {
    step: Step,
    crypto: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// So many milliseconds from the epoch on.
    Millis(i64),
    /// So many days, counted from a day since the epoch.
    Days {
        len: i64,
        from: i64,
    },
    Months(i64),
}

/// Days from 1970-01-01 to the first Sunday.
const FIRST_SUNDAY: i64 = 3;
/// The largest multiplier accepted.
pub(crate) const LARGEST: i64 = 100_000;

impl Grid {
    /// `None` for a timespan that has no bars here.
    pub(crate) fn of(crypto: bool, multiplier: i64, timespan: &str) -> Option<Self> {
        let step = match timespan {
            "minute" => Step::Millis(multiplier * MINUTE),
            "hour" => Step::Millis(multiplier * HOUR),
            "day" => Step::Days { len: multiplier, from: 0 },
            "week" => Step::Days { len: 7 * multiplier, from: FIRST_SUNDAY },
            "month" => Step::Months(multiplier),
            "quarter" => Step::Months(3 * multiplier),
            "year" => Step::Months(12 * multiplier),
            _ => return None,
        };
        Some(Self { step, crypto })
    }

    /// Width of bars that are built from minutes; `None` for those built from days.
    pub(crate) fn millis(self) -> Option<i64> {
        if let Step::Millis(step) = self.step { Some(step) } else { None }
    }

    /// Start and end of the bar that holds an instant.
    pub(crate) fn span(self, t: i64) -> (i64, i64) {
        let at = |date| midnight(self.crypto, date);
        match self.step {
            Step::Millis(step) => {
                let start = t - t.rem_euclid(step);
                (start, start + step)
            }
            Step::Days { len, from } => {
                let day = i64::from(date_of(self.crypto, t).to_epoch_days());
                let start = day - (day - from).rem_euclid(len);
                (at(day_number(start)), at(day_number(start + len)))
            }
            Step::Months(len) => {
                let date = date_of(self.crypto, t);
                let month = i64::from(date.year()) * 12 + i64::from(date.month0());
                let start = month - month.rem_euclid(len);
                (at(month_number(start)), at(month_number(start + len)))
            }
        }
    }
}

fn day_number(days: i64) -> NaiveDate {
    i32::try_from(days).ok().and_then(NaiveDate::from_epoch_days).unwrap_or(NaiveDate::MAX)
}

fn month_number(months: i64) -> NaiveDate {
    let year = i32::try_from(months.div_euclid(12)).unwrap_or(i32::MAX);
    NaiveDate::from_ymd_opt(year, months.rem_euclid(12) as u32 + 1, 1).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_market::Ts;

    fn at(text: &str) -> i64 {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    #[test]
    fn bars_begin_where_the_vendor_begins_them() {
        let noon = at("2024-03-13T17:30:00Z");
        for (crypto, n, span, start, end) in [
            (false, 4, "hour", "2024-03-13T16:00:00Z", "2024-03-13T20:00:00Z"),
            (false, 1, "day", "2024-03-13T04:00:00Z", "2024-03-14T04:00:00Z"),
            (true, 1, "day", "2024-03-13T00:00:00Z", "2024-03-14T00:00:00Z"),
            (false, 1, "week", "2024-03-10T05:00:00Z", "2024-03-17T04:00:00Z"),
            (true, 1, "week", "2024-03-10T00:00:00Z", "2024-03-17T00:00:00Z"),
            (false, 1, "month", "2024-03-01T05:00:00Z", "2024-04-01T04:00:00Z"),
            (false, 1, "quarter", "2024-01-01T05:00:00Z", "2024-04-01T04:00:00Z"),
            (true, 1, "year", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ] {
            let got = Grid::of(crypto, n, span).unwrap().span(noon);
            assert_eq!((Ts(got.0), Ts(got.1)), (Ts(at(start)), Ts(at(end))), "{n} {span}");
        }
        assert_eq!(Grid::of(false, 1, "second"), None);
    }
}
