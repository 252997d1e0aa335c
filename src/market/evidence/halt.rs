//! When a whole market stood still.

use std::collections::BTreeMap;

use super::grid::pieces;
use super::profile::Profile;
use crate::asset::AssetClass;
use crate::calendar::Calendar;
use crate::interval::{Interval, IntervalSet};
use crate::timeframe::Timeframe;
use crate::ts::Ts;

/// Symbols that have to agree,
const FEWEST_SYMBOLS: u32 = 10;
/// this part of all that could,
const AGREEING: f64 = 0.9;
/// each with a bar in so many of its slots at that time of day.
const LIQUID: f64 = 0.9;

/// What one symbol says about a halt.
#[derive(Clone, Copy, Debug)]
pub struct Witness<'a> {
    /// The finest stored timeframe, and the profile of its family.
    pub timeframe: Timeframe,
    pub profile: &'a Profile,
    /// What its answers cover.
    pub answered: &'a IntervalSet,
    /// What is missing in them: its suspect slots, whole.
    pub missing: &'a IntervalSet,
}

/// When the market of `class` stood still: the slots that are missing in nearly all of its liquid symbols. Stocks and
/// funds are one market, crypto another; `witnesses` are symbols of one.
///
/// An hourly bar says nothing against a halt of twenty minutes, so symbols with coarser bars are heard only where those
/// with finer ones are too few to decide or agree with them.
#[must_use]
pub fn market_halts(calendar: &Calendar, class: AssetClass, witnesses: &[Witness<'_>]) -> IntervalSet {
    let disputed: IntervalSet = witnesses.iter().flat_map(|w| w.missing.iter()).collect();
    // At each instant: symbols that begin or cease to be heard, and to miss their bar.
    let mut changes: BTreeMap<Ts, BTreeMap<Timeframe, (i64, i64)>> = BTreeMap::new();
    for witness in witnesses {
        let heard = liquid(calendar, class, witness, &disputed).intersect(witness.answered);
        for range in heard.iter() {
            changes.entry(range.start).or_default().entry(witness.timeframe).or_default().0 += 1;
            changes.entry(range.end).or_default().entry(witness.timeframe).or_default().0 -= 1;
        }
        for range in heard.intersect(witness.missing).iter() {
            changes.entry(range.start).or_default().entry(witness.timeframe).or_default().1 += 1;
            changes.entry(range.end).or_default().entry(witness.timeframe).or_default().1 -= 1;
        }
    }
    let mut now: BTreeMap<Timeframe, (i64, i64)> = BTreeMap::new();
    let mut halted = Vec::new();
    let mut since: Option<Ts> = None;
    for (at, change) in changes {
        if let Some(since) = since.take() {
            halted.push(Interval::new(since, at));
        }
        for (timeframe, (heard, missing)) in change {
            let count = now.entry(timeframe).or_default();
            *count = (count.0 + heard, count.1 + missing);
        }
        since = is_halted(&now).then_some(at);
    }
    halted.into_iter().collect()
}

/// Whether the symbols of some timeframe and all finer ones agree.
fn is_halted(now: &BTreeMap<Timeframe, (i64, i64)>) -> bool {
    let sums = now.values().scan((0, 0), |sum, count| {
        *sum = (sum.0 + count.0, sum.1 + count.1);
        Some(*sum)
    });
    let mut enough = sums.filter(|(heard, _)| *heard >= i64::from(FEWEST_SYMBOLS));
    enough.any(|(heard, missing)| missing as f64 >= AGREEING * heard as f64)
}

/// The slots in the disputed sessions at whose time of day the symbol nearly always trades.
fn liquid(calendar: &Calendar, class: AssetClass, witness: &Witness<'_>, disputed: &IntervalSet) -> IntervalSet {
    let mut found = Vec::new();
    let touched = disputed.iter().flat_map(|range| pieces(calendar, class, witness.timeframe, range));
    for piece in touched {
        let sessions = witness.profile.part(piece.part).map_or(&[][..], |p| p.sessions());
        let share = |step: usize| {
            let count = |of: &[u16]| of.get(step).copied().map_or(0.0, f64::from);
            let slots: f64 = sessions.iter().map(|s| count(&s.slots)).sum();
            let traded: f64 = sessions.iter().map(|s| count(&s.traded)).sum();
            (traded + 0.5) / (slots + 1.0)
        };
        let mut from = 0;
        piece.by_step((0, piece.slots()), |step, n| {
            if share(step) >= LIQUID {
                found.push(piece.span_of((from, from + n)));
            }
            from += n;
        });
    }
    let found: IntervalSet = found.into_iter().collect();
    found.intersect(disputed)
}
