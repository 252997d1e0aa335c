//! A point in time as barkeep keeps it: whole milliseconds since 1970-01-01T00:00:00Z.
//!
//! The vendor speaks milliseconds, SQLite stores integers, and a plain integer sorts, subtracts and hashes without
//! surprises. Conversions to calendar dates always name the time zone.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::{America::New_York, Tz};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds in a second, a minute, an hour and a day.
pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// A length of time in whole milliseconds, held at the longest that fits.
#[must_use]
pub fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds since the Unix epoch, UTC. Displays and serialises as RFC 3339 with a `Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ts(pub i64);

impl Ts {
    /// The earliest and latest instants that still convert to a calendar date (years 1 to 9999).
    pub const MIN: Self = Self(-62_135_596_800_000);
    pub const MAX: Self = Self(253_402_300_799_999);

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// Rounds down to a multiple of `step_ms` on the epoch grid; right for instants before 1970 too.
    #[must_use]
    pub const fn floor(self, step_ms: i64) -> Self {
        Self(self.0 - self.0.rem_euclid(step_ms))
    }

    /// Rounds up to a multiple of `step_ms` on the epoch grid.
    #[must_use]
    pub const fn ceil(self, step_ms: i64) -> Self {
        let down = self.floor(step_ms);
        if down.0 == self.0 { down } else { Self(down.0 + step_ms) }
    }

    /// Midnight UTC of a date.
    #[must_use]
    pub fn utc_midnight(date: NaiveDate) -> Self {
        Self(date.and_time(NaiveTime::MIN).and_utc().timestamp_millis())
    }

    /// Midnight in New York of a date. New York never skips or repeats midnight.
    #[must_use]
    pub fn ny_midnight(date: NaiveDate) -> Self {
        Self::ny(date, NaiveTime::MIN)
    }

    /// A wall-clock time in New York. A time that the autumn change repeats means its first occurrence, one that the
    /// spring change skips means the instant of the change; no exchange opens or closes in either hour.
    #[must_use]
    pub fn ny(date: NaiveDate, time: NaiveTime) -> Self {
        Self::in_zone(New_York, date, time)
    }

    fn in_zone(zone: Tz, date: NaiveDate, time: NaiveTime) -> Self {
        let local = date.and_time(time);
        zone.from_local_datetime(&local).earliest().map_or_else(
            || {
                let an_hour_on = local + chrono::TimeDelta::hours(1);
                let later = zone.from_local_datetime(&an_hour_on).earliest();
                Self(later.map_or_else(|| local.and_utc().timestamp_millis(), |t| t.timestamp_millis() - HOUR))
            },
            |t| Self(t.timestamp_millis()),
        )
    }

    /// The calendar date in UTC.
    #[must_use]
    pub fn utc_date(self) -> NaiveDate {
        self.to_utc().date_naive()
    }

    /// The calendar date in New York, which is the session date of a US bar.
    #[must_use]
    pub fn ny_date(self) -> NaiveDate {
        self.to_utc().with_timezone(&New_York).date_naive()
    }

    /// As a `chrono` instant. Values outside years 1 to 9999 are held at those ends.
    #[must_use]
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.clamp(Self::MIN, Self::MAX).0).unwrap_or_default()
    }
}

impl From<DateTime<Utc>> for Ts {
    fn from(t: DateTime<Utc>) -> Self {
        Self(t.timestamp_millis())
    }
}

/// Adds milliseconds, staying inside the range of `i64`.
impl Add<i64> for Ts {
    type Output = Self;
    fn add(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl Sub<i64> for Ts {
    type Output = Self;
    fn sub(self, ms: i64) -> Self {
        Self(self.0.saturating_sub(ms))
    }
}

impl Add<Duration> for Ts {
    type Output = Self;
    fn add(self, time: Duration) -> Self {
        self + millis(time)
    }
}

impl Sub<Duration> for Ts {
    type Output = Self;
    fn sub(self, time: Duration) -> Self {
        self - millis(time)
    }
}

/// The distance between two instants in milliseconds.
impl Sub for Ts {
    type Output = i64;
    fn sub(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

impl fmt::Display for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By hand: a page of 500 rows has as many times, and chrono takes half a microsecond for each.
        let t = (*self).clamp(Self::MIN, Self::MAX).0;
        let (date, ms) = (Self(t).utc_date(), t.rem_euclid(DAY));
        let digit = |n: i64, unit: i64| b'0' + u8::try_from(n / unit % 10).unwrap_or_default();
        let (year, month, day) = (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
        let (hour, minute, second) = (ms / HOUR, ms / MINUTE % 60, ms / SECOND % 60);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let numbers =
            [(0, year, 4), (5, month, 2), (8, day, 2), (11, hour, 2), (14, minute, 2), (17, second, 2), (20, ms, 3)];
        for (at, number, digits) in numbers {
            let mut unit = 10_i64.pow(digits);
            for place in text.iter_mut().skip(at).take(digits as usize) {
                unit /= 10;
                *place = digit(number, unit);
            }
        }
        let mut end = text.len();
        if ms % SECOND == 0 {
            text.iter_mut().skip(19).take(1).for_each(|dot| *dot = b'Z');
            end = 20;
        }
        f.write_str(text.get(..end).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default())
    }
}

impl fmt::Debug for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Ts {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ts {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let t = DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
        Ok(Self(t.timestamp_millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(y: i32, m: u32, d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(y, m, d).unwrap()
    }

    #[test]
    fn midnight_in_new_york_follows_daylight_saving() {
        assert_eq!(Ts::ny_midnight(date(2024, 3, 8)).to_string(), "2024-03-08T05:00:00Z");
        assert_eq!(Ts::ny_midnight(date(2024, 3, 11)).to_string(), "2024-03-11T04:00:00Z");
    }

    #[test]
    fn a_skipped_wall_clock_time_means_the_change_itself() {
        let skipped = Ts::ny(date(2024, 3, 10), NaiveTime::from_hms_opt(2, 0, 0).unwrap());
        assert_eq!(skipped.to_string(), "2024-03-10T06:00:00Z");
    }

    #[test]
    fn flooring_works_before_1970() {
        assert_eq!(Ts(-1).floor(MINUTE), Ts(-MINUTE));
        assert_eq!(Ts(-1).ceil(MINUTE), Ts(0));
        assert_eq!(Ts(MINUTE).ceil(MINUTE), Ts(MINUTE));
    }

    #[test]
    fn a_length_that_no_instant_has_ends_at_the_last_one() {
        assert_eq!(Ts(0) + Duration::from_millis(1_500), Ts(1_500));
        assert_eq!(Ts(5_000) - Duration::from_secs(6), Ts(-1_000));
        assert_eq!((millis(Duration::MAX), Ts(1) + Duration::MAX), (i64::MAX, Ts(i64::MAX)));
    }

    #[test]
    fn a_time_is_written_as_chrono_does() {
        use chrono::SecondsFormat::{Millis, Secs};
        let mut all = vec![Ts::MIN, Ts::MAX, Ts(0), Ts(-1), Ts(999), Ts(SECOND), Ts(DAY - 1), Ts(951_782_400_000)];
        all.extend((0..2_000).map(|k| Ts(Ts::MIN.0 + k * ((Ts::MAX.0 - Ts::MIN.0) / 2_000) + k * k * 7_919)));
        for t in all.clone().into_iter().chain(all.into_iter().map(|t| t.floor(SECOND).max(Ts::MIN))) {
            let precision = if t.0.rem_euclid(SECOND) == 0 { Secs } else { Millis };
            assert_eq!(t.to_string(), t.to_utc().to_rfc3339_opts(precision, true));
        }
    }

    #[test]
    fn extreme_values_still_print() {
        assert!(Ts(i64::MAX).to_string().starts_with("9999-"));
        assert!(Ts(i64::MIN).to_string().starts_with("0001-"));
    }
}
