//! Whether a page as a whole can be true.
//!
//! One impossible bar among many is the engine's to judge. Where many are impossible, or the same is wrong with all, it is
//! the answer that is wrong: another range, another span, another unit.

pub(crate) mod moved;

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveTime, Weekday};

use crate::{AggregateQuery, Fault};
use barkeep_market::ts::{DAY, HOUR, MINUTE, SECOND};
use barkeep_market::{AssetClass, Bar, Calendar, Family, Interval, Timeframe, Ts, quality};

/// So many rows that cannot be true are believed to be single faults, whatever their share.
const SINGLE_FAULTS: usize = 4;
/// And so many of a hundred.
const SHARE_PERCENT: usize = 3;

/// Chance above which bars may lie on a coarser grid by themselves: one in a hundred thousand.
const BY_CHANCE: f64 = 1e-5;

/// Refuses a page in which too much is impossible. `bars` are in order, equal ones once.
pub(crate) fn check(bars: &[Bar], query: &AggregateQuery) -> Result<(), Fault> {
    let mut hours = Hours::new(query);
    // How many there are of each, and when the first is.
    let mut reasons: BTreeMap<Wrong, (usize, Ts)> = BTreeMap::new();
    let (before, after) = (bars.iter().map(Some), bars.iter().skip(1).map(Some).chain([None]));
    let neighbors = std::iter::once(None).chain(before).zip(after);
    for (bar, (before, after)) in bars.iter().zip(neighbors) {
        let has_double = [before, after].into_iter().flatten().any(|other| other.ts == bar.ts);
        if let Some(wrong) = wrong(bar, query, hours.as_mut()).or(has_double.then_some(Wrong::Contradicted)) {
            reasons.entry(wrong).or_insert((0, bar.ts)).0 += 1;
        }
    }
    if hours.is_some_and(|hours| hours.round_the_clock()) {
        reasons.retain(|wrong, _| !matches!(wrong, Wrong::OutsideHours | Wrong::NoSession));
    }
    let (all, bad) = (bars.len(), reasons.values().map(|(n, _)| n).sum::<usize>());
    if bad > SINGLE_FAULTS && bad * 100 > all * SHARE_PERCENT {
        return Err(Fault::malformed(told(&reasons, query.timeframe, all)));
    }
    match coarser(bars, query) {
        Some(wider) => {
            let asked = query.timeframe.name();
            Err(Fault::malformed(format!("the {all} bars are {wider} apart, {asked} bars were requested")))
        }
        None => Ok(()),
    }
}

/// Why a bar cannot be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    /// So many milliseconds after the start of a bar.
    OffGrid(i64),
    OutsideHours,
    NoSession,
    Values(&'static str),
    /// Another bar has its time and other values.
    Contradicted,
}

fn wrong(bar: &Bar, query: &AggregateQuery, hours: Option<&mut Hours>) -> Option<Wrong> {
    let (timeframe, class) = (query.timeframe, query.class);
    let start = timeframe.span(class, bar.ts).start;
    if start != bar.ts {
        return Some(Wrong::OffGrid(bar.ts - start));
    }
    let values = quality::impossible(bar, timeframe, class).map(Wrong::Values);
    let hours = hours.and_then(|hours| hours.wrong(bar.ts));
    values.or(hours)
}

/// The reason given: the most frequent one.
fn told(reasons: &BTreeMap<Wrong, (usize, Ts)>, timeframe: Timeframe, all: usize) -> String {
    let off_grid = reasons.iter().filter(|(wrong, _)| matches!(wrong, Wrong::OffGrid(_)));
    let off: usize = off_grid.map(|(_, (n, _))| n).sum();
    let most = reasons.iter().max_by_key(|(_, (n, _))| *n);
    let (wrong, (n, first)) = most.map_or((Wrong::OutsideHours, (0, Ts(0))), |(wrong, found)| (*wrong, *found));
    let what = match wrong {
        _ if off >= n => {
            let by = match wrong {
                Wrong::OffGrid(by) if n == off => format!("{} ", length(by)),
                _ => String::new(),
            };
            let which = if off == all { "every time is".to_owned() } else { format!("{off} of {all} times are") };
            format!("{which} {by}off the {} grid", timeframe.name())
        }
        Wrong::Values(reason) => format!("{n} of {all} bars are impossible: {reason}"),
        Wrong::Contradicted => format!("{n} of {all} bars share their time with a bar of other values"),
        Wrong::NoSession => format!("{n} of {all} bars lie on days without a session"),
        Wrong::OutsideHours | Wrong::OffGrid(_) => {
            format!("{n} of {all} bars lie outside the trading hours, 04:00 to 20:00 New York")
        }
    };
    format!("{what} (the first at {first})")
}

/// A length in the largest unit that holds it whole.
fn length(ms: i64) -> String {
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s")];
    let whole = units.iter().find(|(unit, _)| ms % unit == 0);
    whole.map_or_else(|| format!("{ms} ms"), |(unit, name)| format!("{} {name}", ms / unit))
}

/// When bars of stocks and funds can start, day by day. Closures by rule are used for daily bars alone: a minute bar on
/// such a day says that the rule is wrong, which is for those who know the announcements.
struct Hours {
    calendar: Calendar,
    timeframe: Timeframe,
    /// Whether nights are traded.
    nights: bool,
    /// The New York day last looked at, and its trading hours.
    day: Interval,
    open: Interval,
    /// The hours of the day in which there are bars, one bit each.
    seen: u32,
}

/// A stock that has bars in so many hours of the day trades at night. A page that is merely shifted has them in sixteen.
const NIGHT_AND_DAY: u32 = 20;

impl Hours {
    /// `None` when bars can start at any time: those of crypto, and weeks.
    fn new(query: &AggregateQuery) -> Option<Self> {
        let nothing = Interval::new(Ts(0), Ts(0));
        let limited = !query.class.is_continuous() && query.timeframe != Timeframe::W1;
        limited.then(|| Self {
            calendar: Calendar::new(),
            timeframe: query.timeframe,
            nights: query.nights,
            day: nothing,
            open: nothing,
            seen: 0,
        })
    }

    fn wrong(&mut self, ts: Ts) -> Option<Wrong> {
        if !self.day.contains(ts) {
            self.day = Timeframe::D1.span(AssetClass::Stock, ts);
            self.open = self.trading();
        }
        let bar = Interval::new(ts, ts + self.timeframe.width());
        if self.timeframe.family() == Family::Minute {
            for hour in (ts - self.day.start) / HOUR..=(bar.end - 1 - self.day.start) / HOUR {
                self.seen |= 1 << hour.rem_euclid(24);
            }
        }
        let minutes = self.timeframe.family() == Family::Minute;
        let closed = self.open.is_empty() || (minutes && !bar.overlaps(self.open));
        if !closed || (minutes && self.nights && self.calendar.night_before(ts).is_some()) {
            return None;
        }
        Some(if self.open.is_empty() { Wrong::NoSession } else { Wrong::OutsideHours })
    }

    /// Whether the bars come at all hours. When a symbol trades is then for those to judge who know its history.
    const fn round_the_clock(&self) -> bool {
        self.seen.count_ones() >= NIGHT_AND_DAY
    }

    fn trading(&self) -> Interval {
        let date = self.day.start.ny_date();
        let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).map_or(self.day.start, |time| Ts::ny(date, time));
        let closed = match self.timeframe.family() {
            Family::Minute => matches!(date.weekday(), Weekday::Sat | Weekday::Sun),
            Family::Day => self.calendar.session(date).is_none(),
        };
        if closed { Interval::new(self.day.start, self.day.start) } else { Interval::new(at(4), at(20)) }
    }
}

/// The width of the bars when they are plainly of a coarser timeframe than was asked for: all on its grid, which by chance
/// happens to a few bars only, and mostly one after the other.
fn coarser(bars: &[Bar], query: &AggregateQuery) -> Option<&'static str> {
    let (asked, class) = (query.timeframe, query.class);
    if bars.len() <= SINGLE_FAULTS {
        return None;
    }
    let on_its_grid = |wider: Timeframe| bars.iter().all(|bar| wider.span(class, bar.ts).start == bar.ts);
    let wider =
        Timeframe::ALL.into_iter().rev().take_while(|wider| *wider > asked).find(|wider| on_its_grid(*wider))?;
    let by_chance = (asked.width() as f64 / wider.width() as f64).powf(bars.len() as f64);
    let gaps = bars.iter().zip(bars.iter().skip(1)).map(|(a, b)| b.ts - a.ts);
    let adjacent = gaps.filter(|gap| *gap == wider.width()).count();
    (by_chance < BY_CHANCE && adjacent * 2 >= bars.len() - 1).then_some(wider.name())
}

/// Whether a full page stops too early to be the whole answer: what follows its last bar is longer than any silence in it.
pub(crate) fn is_cut(bars: &[Bar], query: &AggregateQuery) -> bool {
    let class = query.class;
    let calendar = Calendar::new();
    let end = |bar: &Bar| query.timeframe.end_of(class, bar.ts);
    let silent = |from: Ts, to: Ts| calendar.market_time(class, Interval::new(from, to));
    let Some(last) = bars.last() else { return true };
    let silences = bars.iter().zip(bars.iter().skip(1)).map(|(a, b)| silent(end(a), b.ts));
    silent(end(last), query.range.end) > silences.max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
