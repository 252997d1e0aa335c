//! Whether a page as a whole can be true.
//!
//! One impossible bar among many is the engine's to judge. Where many are impossible, or the same is wrong with all, it is
//! the answer that is wrong: another range, another span, another unit.

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

/// Refuses a page in which too much is impossible. `bars` are in order.
pub(super) fn check(bars: &[Bar], query: &AggregateQuery) -> Result<(), Fault> {
    let mut hours = Hours::new(query);
    let mut reasons: BTreeMap<Wrong, usize> = BTreeMap::new();
    let mut first: Option<Ts> = None;
    for bar in bars {
        if let Some(wrong) = wrong(bar, query, &mut hours) {
            *reasons.entry(wrong).or_default() += 1;
            first.get_or_insert(bar.ts);
        }
    }
    let (all, bad) = (bars.len(), reasons.values().sum::<usize>());
    if bad > SINGLE_FAULTS && bad * 100 > all * SHARE_PERCENT {
        let first = first.map(|t| format!(" (the first at {t})")).unwrap_or_default();
        return Err(Fault::malformed(format!("{}{first}", told(&reasons, query.timeframe, all))));
    }
    match coarser(bars, query) {
        Some(wider) => {
            let asked = query.timeframe.name();
            Err(Fault::malformed(format!("the {all} bars are {wider} apart, {asked} bars were asked for")))
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
}

fn wrong(bar: &Bar, query: &AggregateQuery, hours: &mut Option<Hours>) -> Option<Wrong> {
    let (timeframe, class) = (query.timeframe, query.class);
    let start = timeframe.span(class, bar.ts).start;
    if start != bar.ts {
        return Some(Wrong::OffGrid(bar.ts - start));
    }
    let values = quality::impossible(bar, timeframe, class).map(Wrong::Values);
    values.or_else(|| hours.as_mut().and_then(|hours| hours.wrong(bar.ts)))
}

/// The reason given: the most frequent one.
fn told(reasons: &BTreeMap<Wrong, usize>, timeframe: Timeframe, all: usize) -> String {
    let off: usize = reasons.iter().filter(|(wrong, _)| matches!(wrong, Wrong::OffGrid(_))).map(|(_, n)| n).sum();
    let most = reasons.iter().max_by_key(|(_, n)| **n);
    let (wrong, n) = most.map_or((Wrong::OutsideHours, 0), |(wrong, n)| (*wrong, *n));
    let grid = timeframe.name();
    if off >= n {
        let by = match wrong {
            Wrong::OffGrid(by) if n == off => format!("{} ", length(by)),
            _ => String::new(),
        };
        return if off == all {
            format!("every time is {by}off the {grid} grid")
        } else {
            format!("{off} of {all} times are {by}off the {grid} grid")
        };
    }
    match wrong {
        Wrong::Values(reason) => format!("{n} of {all} bars are impossible: {reason}"),
        Wrong::NoSession => format!("{n} of {all} bars lie on days without a session"),
        Wrong::OutsideHours | Wrong::OffGrid(_) => {
            format!("{n} of {all} bars lie outside the trading hours, 04:00 to 20:00 New York")
        }
    }
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
    /// The New York day last looked at, and its trading hours.
    day: Interval,
    open: Interval,
}

impl Hours {
    /// `None` when bars can start at any time: those of crypto, and weeks.
    fn new(query: &AggregateQuery) -> Option<Self> {
        let nothing = Interval::new(Ts(0), Ts(0));
        let limited = !query.class.is_continuous() && query.timeframe != Timeframe::W1;
        limited.then(|| Self { calendar: Calendar::new(), timeframe: query.timeframe, day: nothing, open: nothing })
    }

    fn wrong(&mut self, ts: Ts) -> Option<Wrong> {
        if !self.day.contains(ts) {
            self.day = Timeframe::D1.span(AssetClass::Stock, ts);
            self.open = self.trading();
        }
        if self.open.is_empty() {
            return Some(Wrong::NoSession);
        }
        let bar = Interval::new(ts, ts + self.timeframe.width());
        (self.timeframe.family() == Family::Minute && !bar.overlaps(self.open)).then_some(Wrong::OutsideHours)
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
pub(super) fn is_cut(bars: &[Bar], query: &AggregateQuery) -> bool {
    let class = query.class;
    let calendar = Calendar::new();
    let end = |bar: &Bar| query.timeframe.end_of(class, bar.ts);
    let silent = |from: Ts, to: Ts| calendar.market_time(class, Interval::new(from, to));
    let Some(last) = bars.last() else { return true };
    let silences = bars.iter().zip(bars.iter().skip(1)).map(|(a, b)| silent(end(a), b.ts));
    silent(end(last), query.range.end) > silences.max().unwrap_or(0)
}
