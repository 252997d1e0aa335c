//! The silence after the last bar.

use super::part::Part;
use super::run::{Rule, Run, SilenceVerdict};
use super::seen::Seen;
use super::window::Measure;
use crate::interval::Interval;
use crate::timeframe::Family;

/// A stretch of the tail in one part of one session; of days and weeks all of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TailRun {
    part: Part,
    slots: u32,
    /// Absent with too few sessions.
    measured: Option<Measured>,
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    surprise: f64,
    rule: Option<Rule>,
}

/// Measures the tail's stretches in the sessions `seen` of one part, all by the same sessions before them.
pub(super) fn stretches(seen: &[Seen], family: Family, by: Option<&Measure<'_>>) -> Vec<TailRun> {
    let Some(first) = seen.iter().find(|s| !s.tail.is_empty()) else { return Vec::new() };
    let one = |seen: &Seen, run: (u32, u32), all: bool| {
        let slots = run.1 - run.0;
        let measured = by.map(|by| {
            let surprise = by.surprise(&seen.piece, run);
            let rule = by.tail(&seen.piece, surprise, slots, all);
            Measured { surprise, rule }
        });
        TailRun { part: seen.piece.part, slots, measured }
    };
    if family == Family::Day {
        let days: usize = seen.iter().map(|s| s.tail.len()).sum();
        return vec![one(first, (0, days as u32), true)];
    }
    seen.iter().flat_map(|s| s.tail.iter().map(|run| one(s, *run, s.is_all(*run)))).collect()
}

/// The tail as one run: late when any stretch of it is; else unjudged when one of them could not be measured.
pub(super) fn tail_run(range: Interval, stretches: &[TailRun]) -> Option<Run> {
    let slots: u32 = stretches.iter().map(|s| s.slots).sum();
    let first = stretches.first().filter(|_| slots > 0)?;
    let most = |late: bool| {
        let of_kind = stretches.iter().filter_map(|s| Some((s.part, s.measured?)));
        let of_kind = of_kind.filter(|(_, m)| m.rule.is_some() == late);
        // The first of equals.
        of_kind.reduce(|most, next| if next.1.surprise > most.1.surprise { next } else { most })
    };
    let (verdict, decided) = match (most(true), most(false)) {
        (Some(late), _) => (SilenceVerdict::Late, Some(late)),
        (None, Some(open)) if stretches.iter().all(|s| s.measured.is_some()) => (SilenceVerdict::Open, Some(open)),
        _ => (SilenceVerdict::Unjudged, None),
    };
    Some(Run {
        range,
        part: decided.map_or(first.part, |(part, _)| part),
        verdict,
        surprise: decided.map(|(_, m)| m.surprise),
        slots,
        rule: decided.and_then(|(_, m)| m.rule),
    })
}
