//! How many bars a range can hold: an upper bound for planning, and how many to expect of a liquid symbol.

use chrono::{Datelike, Days};

use super::Calendar;
use crate::asset::AssetClass;
use crate::interval::Interval;
use crate::timeframe::{Family, Timeframe};
use crate::ts::{DAY, HOUR, MINUTE, Ts};

/// The regular hours of a short session, less half an hour.
const SHORT_SESSION: i64 = 3 * HOUR;
/// A day of crypto, less an hour.
const LONG_DAY: i64 = 23 * HOUR;

impl Calendar {
    /// Whether a range has as much trading as a session: what is missing where the bars of an answer are a day off.
    #[must_use]
    pub fn holds_a_session(&self, class: AssetClass, range: Interval) -> bool {
        let enough = if class.is_continuous() { LONG_DAY } else { SHORT_SESSION };
        !range.is_empty() && self.regular(class, bounded(range)).total() >= enough
    }

    /// The most base aggregates the vendor can have in `range`, partly covered ones included: minutes of extended
    /// hours and of traded nights for the minute family, sessions for the day family. This is what its page limit counts.
    #[must_use]
    pub fn base_slots(&self, class: AssetClass, family: Family, range: Interval) -> u64 {
        let range = bounded(range);
        match (class.is_continuous(), family) {
            (true, Family::Minute) => touched(range, MINUTE),
            (true, Family::Day) => touched(range, DAY),
            (false, Family::Minute) => {
                let open = self.trading(class, family, range).union(&self.nights(class, range));
                open.iter().map(|hours| touched(hours, MINUTE)).sum()
            }
            (false, Family::Day) => self.slots(range).count() as u64,
        }
    }

    /// How many bars that start in `range` a liquid symbol is expected to have.
    ///
    /// Stocks and funds: bars that hold any of the regular hours (a full day has 78 of `5m`, 26 of `15m` and 7 of `1h`,
    /// the 09:00 one included), one `1d` bar a session, one `1w` bar a week with a session. Crypto: every bar.
    #[must_use]
    pub fn expected_bars(&self, class: AssetClass, tf: Timeframe, range: Interval) -> u64 {
        let range = bounded(range);
        match (class.is_continuous(), tf) {
            (true, Timeframe::W1) => {
                // 1970-01-04 was a Sunday.
                let to_epoch = |t: Ts| t - 3 * DAY;
                starts(Interval::new(to_epoch(range.start), to_epoch(range.end)), tf.width())
            }
            (true, _) => starts(range, tf.width()),
            (false, Timeframe::D1) => self.slots(range).filter(|s| range.contains(s.day.start)).count() as u64,
            (false, Timeframe::W1) => {
                let mut last = None;
                let sundays = self.slots(tf.snap_out(class, range)).map(|s| {
                    let since_sunday = s.session.date.weekday().num_days_from_sunday();
                    s.session.date - Days::new(u64::from(since_sunday))
                });
                sundays
                    .filter(|sunday| last.replace(*sunday) != Some(*sunday))
                    .filter(|sunday| range.contains(class.midnight(*sunday)))
                    .count() as u64
            }
            (false, _) => {
                let in_session = self.slots(range).map(|s| {
                    let first = s.session.open.floor(tf.width()).max(range.start);
                    starts(Interval::new(first, s.session.close.min(range.end)), tf.width())
                });
                in_session.sum()
            }
        }
    }
}

/// Multiples of `step` in `[start, end)`.
fn starts(range: Interval, step: i64) -> u64 {
    ((range.end.ceil(step) - range.start.ceil(step)) / step).max(0) as u64
}

/// Steps of the grid that `range` touches.
fn touched(range: Interval, step: i64) -> u64 {
    if range.is_empty() { 0 } else { starts(Interval::new(range.start.floor(step), range.end), step) }
}

/// The part of `range` that has calendar dates, so that grid arithmetic cannot overflow.
fn bounded(range: Interval) -> Interval {
    let held = |t: Ts| t.clamp(Ts::MIN, Ts::MAX);
    Interval::new(held(range.start), held(range.end))
}
