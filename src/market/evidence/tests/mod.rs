//! A market to ask about: every slot of its hours has a bar, except where a test takes it away.

mod any;
mod clusters;
mod halts;
mod history;
mod rules;
mod stored;

use chrono::NaiveDate;

use super::*;
use crate::asset::AssetClass;
use crate::bar::Bar;
use crate::calendar::Calendar;
use crate::interval::{Interval, IntervalSet};
use crate::testing;
use crate::timeframe::Timeframe;
use crate::ts::{DAY, HOUR, MINUTE, Ts};

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// An instant written in New York's wall clock.
fn ny(text: &str) -> Ts {
    let local = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    Ts::ny(local.date(), local.time())
}

fn between(from: &str, to: &str) -> Interval {
    Interval::new(ny(from), ny(to))
}

fn bar(ts: Ts) -> Bar {
    Bar { volume: 500.0, trades: Some(7), ..testing::bar(ts, 10.0) }
}

/// One symbol's series and what is remembered of it.
#[derive(Clone)]
struct Symbol {
    class: AssetClass,
    timeframe: Timeframe,
    bars: Vec<Bar>,
    profile: Profile,
}

impl Symbol {
    /// A bar in every slot of regular hours (crypto: of every day) from one date to another, both included.
    fn liquid(class: AssetClass, timeframe: Timeframe, from: &str, to: &str) -> Self {
        let range = Interval::new(class.midnight(date(from)), class.midnight(date(to) + chrono::Days::new(1)));
        let calendar = Calendar::new();
        let hours = match timeframe {
            Timeframe::D1 | Timeframe::W1 => calendar.trading(class, timeframe.family(), range),
            _ => calendar.regular(class, range),
        };
        let mut bars: Vec<Bar> = Vec::new();
        for range in hours.iter() {
            let mut t = timeframe.span(class, range.start).start;
            while t < range.end {
                if bars.last().is_none_or(|b| b.ts < t) {
                    bars.push(bar(t));
                }
                t = timeframe.end_of(class, t);
            }
        }
        Self { class, timeframe, bars, profile: Profile::new() }
    }

    fn stock(timeframe: Timeframe, from: &str, to: &str) -> Self {
        Self::liquid(AssetClass::Stock, timeframe, from, to)
    }

    /// Without the bars that start in `hole`.
    fn without(mut self, hole: Interval) -> Self {
        self.bars.retain(|b| !hole.contains(b.ts));
        self
    }

    /// Asks about `range`, all of which becomes known; bars after it close it.
    fn ask(&mut self, range: Interval) -> Vec<Run> {
        self.ask_knowing(range, &IntervalSet::from(range))
    }

    fn ask_knowing(&mut self, range: Interval, known: &IntervalSet) -> Vec<Run> {
        let bars: Vec<Bar> = self.bars.iter().filter(|b| known.contains(b.ts)).copied().collect();
        self.ask_about(range, known, &bars, false)
    }

    fn ask_followed(&mut self, range: Interval) -> Vec<Run> {
        let bars: Vec<Bar> = self.bars.iter().filter(|b| range.contains(b.ts)).copied().collect();
        self.ask_about(range, &IntervalSet::from(range), &bars, true)
    }

    fn ask_about(&mut self, range: Interval, known: &IntervalSet, bars: &[Bar], followed: bool) -> Vec<Run> {
        let (class, timeframe) = (self.class, self.timeframe);
        let calendar = Calendar::new();
        let question = SilenceQuestion { calendar: &calendar, class, timeframe, known, bars, range, followed };
        let runs = judge(&mut self.profile, &question);
        assert!(runs.windows(2).all(|w| w[0].range.end <= w[1].range.start), "{runs:#?}");
        runs
    }
}

fn of(runs: &[Run], verdict: SilenceVerdict) -> Vec<Interval> {
    runs.iter().filter(|r| r.verdict == verdict).map(|r| r.range).collect()
}

fn suspects(runs: &[Run]) -> Vec<Interval> {
    of(runs, SilenceVerdict::Suspect)
}
