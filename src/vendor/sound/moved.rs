//! Whether the times of a page lie a whole day off.
//!
//! Such bars are on the grid and inside trading hours, so none of them looks wrong. The page as a whole does: rows beyond
//! one end of the range and a session missing at the other, rows on closed days that fit the calendar a day on or back, a
//! next page that begins before the last bar of this one. What a page alone cannot tell is asked by those who fetch it.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};

use super::SINGLE_FAULTS;
use crate::{AggregateQuery, Fault};
use barkeep_market::ts::{DAY, HOUR};
use barkeep_market::{Bar, Calendar, Family, Interval, Timeframe, Ts};

/// No time zone is as far from another. Where only one end of an answer is known, nothing nearer is called a day off.
const ANOTHER_ZONE: i64 = 14 * HOUR;
/// Where both ends are known: no bar or two beyond the end.
const NEAR: i64 = HOUR;

/// A page and its place in the answer.
pub(crate) struct Placed<'a> {
    /// In order.
    pub(crate) bars: &'a [Bar],
    /// Times of rows outside the requested range.
    pub(crate) outside: &'a [Ts],
    pub(crate) first: bool,
    pub(crate) last: bool,
    /// Where the vendor says that the next page begins.
    pub(crate) next_start: Option<Ts>,
}

/// Refuses a page that lies a day off.
pub(crate) fn check(page: &Placed<'_>, query: &AggregateQuery) -> Result<(), Fault> {
    if page.is_beyond(query) {
        let (n, range) = (page.outside.len(), query.range);
        let other = if page.first && page.last { " and its other end has none" } else { "" };
        let text = format!("{n} bars lie outside the requested range {range}{other}: all are a day off");
        return Err(Fault::malformed(text));
    }
    if let Some(day) = page.fits_beside(query) {
        let text = format!(
            "bars lie on {day}, a day without a session, and fit the calendar one day earlier or later: all are a day off"
        );
        return Err(Fault::malformed(text));
    }
    match (page.next_start, page.bars.last()) {
        (Some(next), Some(last)) if next > query.range.start && next <= last.ts => {
            let text = format!("the next page begins at {next}, the last bar of this one at {}", last.ts);
            Err(Fault::malformed(text))
        }
        _ => Ok(()),
    }
}

impl Placed<'_> {
    /// Whether rows lie beyond one end of the range and the other end lacks a session. Of a page that is not the whole
    /// answer only one end is known; so many rows there, so far away, are no date that was read in another zone.
    fn is_beyond(&self, query: &AggregateQuery) -> bool {
        let Interval { start, end } = query.range;
        let whole = self.first && self.last;
        let minutes = query.timeframe.family() == Family::Minute;
        let far = |edge: i64| !minutes || edge >= if whole { NEAR } else { ANOTHER_ZONE };
        let all = |is_moved: &dyn Fn(Ts) -> bool| self.outside.iter().all(|t| is_moved(*t));
        let late = all(&|t| t >= end && query.range.contains(t - DAY)) && self.outside.iter().any(|t| far(*t - end));
        let early =
            all(&|t| t < start && query.range.contains(t + DAY)) && self.outside.iter().any(|t| far(start - *t));
        if !late && !early {
            return false;
        }
        if !whole {
            return !minutes || self.outside.len() > SINGLE_FAULTS;
        }
        let edge = |bar: Option<&Bar>| bar.map(|bar| bar.ts);
        let missing = if late {
            Interval::new(start, edge(self.bars.first()).unwrap_or(end))
        } else {
            Interval::new(edge(self.bars.last()).map_or(start, |t| query.timeframe.end_of(query.class, t)), end)
        };
        Calendar::new().holds_a_session(query.class, missing)
    }

    /// The first closed day with rows of a page whose days are all sessions when they are moved by one day.
    fn fits_beside(&self, query: &AggregateQuery) -> Option<NaiveDate> {
        if query.class.is_continuous() || query.timeframe == Timeframe::W1 {
            return None;
        }
        let calendar = Calendar::new();
        let minutes = query.timeframe.family() == Family::Minute;
        // Bars at night have days of their own.
        let hours = 4 * HOUR..20 * HOUR;
        let by_day = |t: &Ts| !minutes || hours.contains(&(*t - Timeframe::D1.span(query.class, *t).start));
        let times = self.bars.iter().map(|bar| bar.ts).chain(self.outside.iter().copied());
        let dates: Vec<NaiveDate> = times.filter(by_day).map(|t| query.class.date_of(t)).collect();
        let is_session = |date: NaiveDate| calendar.session(date).is_some();
        let days: BTreeSet<NaiveDate> = dates.iter().copied().collect();
        let closed: BTreeSet<NaiveDate> = days.iter().copied().filter(|day| !is_session(*day)).collect();
        let first = closed.first().copied()?;
        let on_closed = dates.iter().filter(|date| closed.contains(date)).count();
        if days.len() < 2 || (minutes && on_closed <= SINGLE_FAULTS) {
            return None;
        }
        let all = |beside: fn(NaiveDate, Days) -> Option<NaiveDate>| {
            days.iter().all(|day| beside(*day, Days::new(1)).is_some_and(is_session))
        };
        let (start, end) = (self.bars.first()?.ts, query.timeframe.end_of(query.class, self.bars.last()?.ts));
        // One wrong row beside right ones: their session at the other end is there.
        let lacks = |edge| calendar.holds_a_session(query.class, edge);
        let late = all(NaiveDate::checked_sub_days)
            && (!self.first || lacks(Interval::new(query.range.start, start.max(query.range.start))));
        let early = all(NaiveDate::checked_add_days)
            && (!self.last || lacks(Interval::new(end.min(query.range.end), query.range.end)));
        (late || early).then_some(first)
    }
}
