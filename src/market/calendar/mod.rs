//! When the exchange trades: sessions, trading time, and how many bars a range can hold.
//!
//! Stocks and funds follow the New York Stock Exchange (rules and a table of exceptions) and what the vendor announces on top
//! ([`Calendar::with_override`]); crypto trades always. Sessions exist from 1900 to 2199; outside those years there are
//! none, and every function still answers, in bounded time.
//!
//! Staleness of tens of thousands of series is a difference of two sums of trading time, so each year's sessions are
//! built once, with running sums, when first asked for; all calendars without overrides share them.

mod count;
mod rules;
mod session;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use chrono::{Datelike, NaiveDate};

use super::asset::AssetClass;
use super::interval::{Interval, IntervalSet};
use super::timeframe::Family;
use super::ts::{HOUR, Ts};
pub use session::Session;
use session::{Slot, Year};

/// The years that have sessions.
const FIRST_YEAR: i32 = 1900;
const LAST_YEAR: i32 = 2199;

/// From 20:00 to 04:00 New York.
const NIGHT: i64 = 8 * HOUR;

/// What is announced for a date against the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Override {
    /// No session.
    Closed,
    /// A session whose regular hours end at this instant. Extended hours end four hours later, as they do on the
    /// exchange's own early closes. An instant outside that day's regular hours changes nothing.
    EarlyClose(Ts),
}

/// The exchange calendar. Cheap to clone.
#[derive(Clone)]
pub struct Calendar {
    overrides: BTreeMap<NaiveDate, Override>,
    /// Since when stocks also trade at night, once that was seen.
    nights_from: Option<Ts>,
    /// One cell per year from [`FIRST_YEAR`], filled when first needed.
    years: Arc<[OnceLock<Year>]>,
}

static BY_RULE: LazyLock<Arc<[OnceLock<Year>]>> =
    LazyLock::new(|| (FIRST_YEAR..=LAST_YEAR).map(|_| OnceLock::new()).collect());

impl Default for Calendar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calendar").field("overrides", &self.overrides).finish_non_exhaustive()
    }
}

impl Calendar {
    /// The built-in rules.
    #[must_use]
    pub fn new() -> Self {
        Self { overrides: BTreeMap::new(), nights_from: None, years: Arc::clone(&BY_RULE) }
    }

    /// The calendar with one date changed. The last override of a date wins.
    #[must_use]
    pub fn with_override(mut self, date: NaiveDate, o: Override) -> Self {
        self.overrides.insert(date, o);
        let changed = cell_of(date.year());
        let kept =
            |(k, year): (usize, &OnceLock<Year>)| if changed == Some(k) { OnceLock::new() } else { year.clone() };
        self.years = self.years.iter().enumerate().map(kept).collect();
        self
    }

    /// The calendar of a market that also trades at night, between the sessions, from an instant on.
    ///
    /// Bars of the night are believed then. They are no part of [`trading`](Self::trading): nobody waits for one, and a
    /// night without any is not a gap.
    #[must_use]
    pub fn with_nights_from(mut self, from: Option<Ts>) -> Self {
        self.nights_from = from;
        self
    }

    /// Whether bars of some night before `t` are believed.
    #[must_use]
    pub fn has_nights_before(&self, t: Ts) -> bool {
        self.nights_from.is_some_and(|from| from < t)
    }

    /// Whether `t` lies in a night that is traded.
    #[must_use]
    pub fn trades_at_night(&self, t: Ts) -> bool {
        self.nights_from.is_some_and(|from| from <= t) && self.night_before(t).is_some()
    }

    /// The traded nights inside `range`, and of stocks and funds alone.
    #[must_use]
    pub fn nights(&self, class: AssetClass, range: Interval) -> IntervalSet {
        let Some(from) = self.nights_from.filter(|_| !class.is_continuous()) else { return IntervalSet::new() };
        let after = Interval::new(range.start, range.end.max(range.start) + NIGHT);
        let night = |slot: &Slot| {
            let open = slot.session.extended_open;
            let over = self.session_before(open).map_or(Ts::MIN, |last| last.extended_close);
            Interval::new((open - NIGHT).max(over).max(from), open).intersect(range)
        };
        self.slots(after).map(night).filter(|night| !night.is_empty()).collect()
    }

    /// Where a range of minutes that starts with a session's first begins with the traded night before it; `start` itself
    /// elsewhere.
    #[must_use]
    pub fn evening_of(&self, class: AssetClass, family: Family, start: Ts) -> Ts {
        let opens = family == Family::Minute && self.session_after(start).is_some_and(|s| s.extended_open == start);
        let night = Interval::new(if opens { start - NIGHT } else { start }, start);
        self.nights(class, night).hull().map_or(start, |night| night.start)
    }

    /// The session whose night `t` lies in, traded or not: the eight hours before its extended hours begin, as far as the
    /// session before it is over. Weekends and holidays have no night of their own.
    #[must_use]
    pub fn night_before(&self, t: Ts) -> Option<Session> {
        let next = self.session_after(t).filter(|next| t < next.extended_open && next.extended_open - t <= NIGHT)?;
        self.session_before(t).is_none_or(|last| last.extended_close <= t).then_some(next)
    }

    /// The session of a New York date; `None` when the exchange is closed.
    #[must_use]
    pub fn session(&self, date: NaiveDate) -> Option<Session> {
        let year = self.year(date.year());
        let found = year.binary_search_by_key(&date, |s| s.session.date).ok()?;
        year.get(found).map(|s| s.session)
    }

    /// The sessions of the dates `from` to `to`, both included.
    #[must_use]
    pub fn sessions(&self, from: NaiveDate, to: NaiveDate) -> Vec<Session> {
        let years = from.year().max(FIRST_YEAR)..=to.year().min(LAST_YEAR);
        let all = years.flat_map(|y| self.year(y)).map(|s| s.session);
        all.filter(|s| from <= s.date && s.date <= to).collect()
    }

    /// The last session whose extended hours start before `t`; `None` before the first of all.
    #[must_use]
    pub fn session_before(&self, t: Ts) -> Option<Session> {
        (FIRST_YEAR..=year_of(t)).rev().find_map(|y| {
            let year = self.year(y);
            let after = year.partition_point(|s| s.session.extended_open < t);
            after.checked_sub(1).and_then(|k| year.get(k)).map(|s| s.session)
        })
    }

    /// The first session whose extended hours start at or after `t`; `None` after the last of all.
    #[must_use]
    pub fn session_after(&self, t: Ts) -> Option<Session> {
        (year_of(t)..=LAST_YEAR).find_map(|y| {
            let year = self.year(y);
            year.get(year.partition_point(|s| s.session.extended_open < t)).map(|s| s.session)
        })
    }

    /// When bars of a family can start, inside `range`: extended hours for minutes of stocks and funds, the whole New
    /// York day of each session for their days, always for crypto.
    #[must_use]
    pub fn trading(&self, class: AssetClass, family: Family, range: Interval) -> IntervalSet {
        self.open_hours(class, range, |s| match family {
            Family::Minute => s.session.extended(),
            Family::Day => s.day,
        })
    }

    /// Regular hours inside `range`; always for crypto.
    #[must_use]
    pub fn regular(&self, class: AssetClass, range: Interval) -> IntervalSet {
        self.open_hours(class, range, |s| s.session.regular())
    }

    fn open_hours(&self, class: AssetClass, range: Interval, hours: impl Fn(&Slot) -> Interval) -> IntervalSet {
        if class.is_continuous() {
            return range.into();
        }
        self.slots(range).map(|s| hours(s).intersect(range)).collect()
    }

    /// Milliseconds of trading inside `range`: extended hours for stocks and funds, all of it for crypto. Takes a
    /// few lookups per year of the range.
    #[must_use]
    pub fn market_time(&self, class: AssetClass, range: Interval) -> i64 {
        if class.is_continuous() || range.is_empty() {
            return range.len();
        }
        let (first, last) = (year_of(range.start), year_of(range.end));
        let whole: i64 = (first..last).map(|y| traded_before(self.year(y), Ts::MAX)).sum();
        whole + traded_before(self.year(last), range.end) - traded_before(self.year(first), range.start)
    }

    /// The sessions whose New York day overlaps `range`, in order.
    fn slots(&self, range: Interval) -> impl Iterator<Item = &Slot> {
        let first = year_of(range.start);
        let years = if range.is_empty() { first..first } else { first..year_of(range.end) + 1 };
        years.flat_map(move |y| {
            let year = self.year(y);
            let from = year.partition_point(|s| s.day.end <= range.start);
            let to = year.partition_point(|s| s.day.start < range.end);
            year.get(from..to).unwrap_or_default()
        })
    }

    fn year(&self, year: i32) -> &[Slot] {
        let cell = cell_of(year).and_then(|k| self.years.get(k));
        cell.map_or(&[], |c| c.get_or_init(|| session::build(year, |date| self.overrides.get(&date).copied())))
    }
}

/// Extended trading time of the year's sessions before `t`.
fn traded_before(year: &[Slot], t: Ts) -> i64 {
    let after = year.partition_point(|s| s.session.extended_open < t);
    let last = after.checked_sub(1).and_then(|k| year.get(k));
    last.map_or(0, |s| s.before + (t.min(s.session.extended_close) - s.session.extended_open))
}

fn cell_of(year: i32) -> Option<usize> {
    usize::try_from(year - FIRST_YEAR).ok()
}

/// The New York year of an instant, held to the years that have sessions. Years end in winter, five hours behind UTC;
/// without the time zone's own arithmetic this is several times faster.
fn year_of(t: Ts) -> i32 {
    (t - 5 * HOUR).utc_date().year().clamp(FIRST_YEAR, LAST_YEAR)
}

#[cfg(test)]
mod tests;
