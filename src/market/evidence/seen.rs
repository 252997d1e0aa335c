//! What an answer shows of one part of a session.

use super::grid::Piece;
use super::profile::SessionProfile;
use crate::bar::Bar;
use crate::interval::{Interval, IntervalSet};
use crate::ts::Ts;

/// Slots `[from, to)` of a piece.
pub(super) type Slots = (u32, u32);

#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub piece: Piece,
    /// Which session it is, counted from the first of the question.
    pub place: usize,
    /// From the first known slot to the last.
    pub known: Interval,
    /// Whether every slot is known.
    pub whole: bool,
    /// Runs of slots without a bar that a later bar closes.
    pub silent: Vec<Slots>,
    /// Such runs after the last bar of all.
    pub tail: Vec<Slots>,
    trades: Option<u64>,
    volume: f64,
}

impl Seen {
    /// `None` when no slot is known. Runs that begin at `tail` or later belong to the tail.
    pub(super) fn read(
        piece: Piece,
        place: usize,
        known: &IntervalSet,
        bars: &[Bar],
        tail: Option<Ts>,
    ) -> Option<Self> {
        let hours = piece.hours.intersect(piece.range);
        let all = (0, piece.slots());
        let ranges: Vec<Slots> = if known.covers(hours) {
            vec![all]
        } else {
            known.clip(piece.range).iter().map(|i| piece.known_in(i)).filter(|(from, to)| from < to).collect()
        };
        let (first, last) = (ranges.first()?.0, ranges.last()?.1);
        let whole = ranges == [all];
        let known = piece.span_of((first, last));
        let (trades, volume) = (Some(0), 0.0);
        let mut seen = Self { piece, place, known, whole, silent: Vec::new(), tail: Vec::new(), trades, volume };
        let from = bars.partition_point(|b| b.ts < known.start);
        let mut bars = bars.get(from..).unwrap_or_default();
        for range in ranges {
            bars = seen.read_range(range, bars, tail.unwrap_or(Ts(i64::MAX)));
        }
        Some(seen)
    }

    /// Reads the bars of known slots and returns those that follow.
    fn read_range<'b>(&mut self, (first, last): Slots, bars: &'b [Bar], tail: Ts) -> &'b [Bar] {
        let (piece, width) = (self.piece, self.piece.width());
        let slot = |t: Ts| ((t - piece.range.start) / width) as u32;
        let end = piece.start_of(last);
        let mut expected = piece.start_of(first);
        let mut trades = Some(0_u64);
        let mut volume = 0.0;
        let mut read = 0;
        for bar in bars {
            if bar.ts >= end {
                break;
            }
            read += 1;
            if bar.ts < expected {
                continue;
            }
            if bar.ts - expected >= width {
                let run = (slot(expected), slot(bar.ts));
                self.note(run, tail);
                expected = piece.start_of(run.1);
            }
            expected = expected + width;
            volume += bar.volume;
            trades = trades.zip(bar.trades).map(|(sum, n)| sum + n.max(0) as u64);
        }
        if expected < end {
            self.note((slot(expected), last), tail);
        }
        self.volume += volume;
        self.trades = self.trades.zip(trades).map(|(a, b)| a + b);
        bars.get(read..).unwrap_or_default()
    }

    fn note(&mut self, run: Slots, tail: Ts) {
        if self.piece.start_of(run.0) >= tail { self.tail.push(run) } else { self.silent.push(run) }
    }

    /// Whether nothing about it can change any more: all of it is known, and no silence is left open.
    pub(super) fn is_final(&self) -> bool {
        self.whole && self.tail.is_empty()
    }

    /// Whether `run` is the whole part.
    pub(super) fn is_all(&self, run: Slots) -> bool {
        self.whole && run == (0, self.piece.slots())
    }

    /// Whether the part is known whole and has no bar, the tail apart.
    pub(super) fn is_silent(&self) -> bool {
        self.silent.first().is_some_and(|run| self.is_all(*run))
    }

    /// The longest closed run, in slots.
    pub(super) fn longest(&self) -> u32 {
        self.silent.iter().map(|(from, to)| to - from).max().unwrap_or(0)
    }

    /// The part as it joins the profile, `left_out` being the runs that are not believed; `None` when nothing is left.
    pub(super) fn profile(&self, left_out: &[Slots], judged: bool) -> Option<SessionProfile> {
        let mut slots = vec![0_u16; self.piece.steps()];
        self.piece.by_step((0, self.piece.slots()), |step, n| add(&mut slots, step, n));
        let mut silent = vec![0_u16; slots.len()];
        let mut longest_silence = 0;
        for run in &self.silent {
            if left_out.contains(run) {
                self.piece.by_step(*run, |step, n| subtract(&mut slots, step, n));
            } else {
                self.piece.by_step(*run, |step, n| add(&mut silent, step, n));
                longest_silence = longest_silence.max(run.1 - run.0);
            }
        }
        let traded = slots.iter().zip(&silent).map(|(all, none)| all.saturating_sub(*none)).collect();
        let date = self.piece.date;
        let some = slots.iter().any(|n| *n > 0);
        let (trades, volume) = (self.trades, self.volume);
        some.then_some(SessionProfile { date, slots, traded, longest_silence, trades, volume, judged })
    }
}

fn add(counts: &mut [u16], step: usize, n: u32) {
    if let Some(count) = counts.get_mut(step) {
        *count = count.saturating_add(u16::try_from(n).unwrap_or(u16::MAX));
    }
}

fn subtract(counts: &mut [u16], step: usize, n: u32) {
    if let Some(count) = counts.get_mut(step) {
        *count = count.saturating_sub(u16::try_from(n).unwrap_or(u16::MAX));
    }
}
