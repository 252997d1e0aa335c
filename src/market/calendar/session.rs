//! One trading day of the exchange, and all of a year's.

use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate, NaiveTime, Weekday};

use super::{Override, rules};
use crate::interval::Interval;
use crate::ts::{HOUR, MINUTE, Ts};

/// One trading day: regular hours 09:30 to 16:00 New York, or to 13:00 on an early close; extended hours 04:00 to
/// 20:00, or to 17:00. The hours are today's whatever the date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    pub date: NaiveDate,
    pub open: Ts,
    pub close: Ts,
    pub extended_open: Ts,
    pub extended_close: Ts,
    pub early_close: bool,
}

impl Session {
    /// 09:30 to 16:00, or to 13:00.
    #[must_use]
    pub const fn regular(&self) -> Interval {
        Interval::new(self.open, self.close)
    }

    /// 04:00 to 20:00, or to 17:00.
    #[must_use]
    pub const fn extended(&self) -> Interval {
        Interval::new(self.extended_open, self.extended_close)
    }

    fn on(date: NaiveDate, early_close: bool) -> Self {
        // New York changes its clocks at 02:00, so all hours of a session are the same distance from its noon.
        let noon = Ts::ny(date, NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default());
        Self {
            date,
            open: noon - (2 * HOUR + 30 * MINUTE),
            close: noon + if early_close { HOUR } else { 4 * HOUR },
            extended_open: noon - 8 * HOUR,
            extended_close: noon + if early_close { 5 * HOUR } else { 8 * HOUR },
            early_close,
        }
    }

    /// The session with another close, extended hours ending four hours after it; `None` when `close` is not between
    /// the open and the ordinary close, and so says nothing.
    fn closing_at(date: NaiveDate, close: Ts) -> Option<Self> {
        let full = Self::on(date, false);
        let moved = full.close - close;
        (full.open < close && moved >= 0).then_some(Self {
            close,
            extended_close: full.extended_close - moved,
            early_close: moved > 0,
            ..full
        })
    }
}

/// A session with what the year's sums need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub session: Session,
    /// The New York day, midnight to midnight.
    pub day: Interval,
    /// Extended trading time, in milliseconds, of the year's earlier sessions.
    pub before: i64,
}

/// The sessions of one year in order. Cheap to clone.
pub(super) type Year = Arc<[Slot]>;

/// Builds a year from the rules and what overrides them.
pub(super) fn build(year: i32, overridden: impl Fn(NaiveDate) -> Option<Override>) -> Year {
    let (closed, early) = (rules::closures(year), rules::early_closes(year));
    let by_rule = |date: NaiveDate| {
        let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        (!weekend && !closed.contains(&date)).then(|| Session::on(date, early.contains(&date)))
    };
    let first = NaiveDate::from_yo_opt(year, 1).into_iter();
    let mut before = 0;
    first
        .flat_map(|day| day.iter_days().take_while(|d| d.year() == year))
        .filter_map(|date| match overridden(date) {
            None => by_rule(date),
            Some(Override::Closed) => None,
            Some(Override::EarlyClose(close)) => Session::closing_at(date, close).or_else(|| by_rule(date)),
        })
        .map(|session| {
            let day = Interval::new(Ts::ny_midnight(session.date), Ts::ny_midnight(session.date + Days::new(1)));
            let slot = Slot { session, day, before };
            before += session.extended().len();
            slot
        })
        .collect()
}
