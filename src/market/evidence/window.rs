//! The sessions that a silence is measured by, and the three rules.

use std::collections::VecDeque;

use chrono::NaiveDate;

use super::grid::Piece;
use super::part::Part;
use super::profile::{FEWEST_SESSIONS, SESSIONS, SessionProfile};
use super::run::Rule;
use super::seen::Slots;
use crate::timeframe::{Family, Timeframe};

/// A run inside an answer is suspect above this.
const SUSPECT: f64 = 13.8;
/// A run at its end is late above this.
const LATE: f64 = 6.9;
/// A session without a bar is believed unless there was trading in each of so many before it,
const BUSY_SESSIONS: usize = 20;
/// with at least so many trades, or one-minute bars, in the quietest,
const BUSY_TRADES: u64 = 5;
/// or so many shares where neither is known.
const BUSY_VOLUME: f64 = 1_000.0;

/// At most sixty sessions, with the sums that probabilities are read from.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    sessions: VecDeque<SessionProfile>,
    /// Slots and slots with a bar, by the numbers of the profile.
    sums: Vec<(u32, u32)>,
}

impl Window {
    pub(super) fn push(&mut self, session: SessionProfile) {
        self.count(&session, |sum, n| *sum += n);
        self.sessions.push_back(session);
        if self.sessions.len() > SESSIONS
            && let Some(old) = self.sessions.pop_front()
        {
            self.count(&old, |sum, n| *sum = sum.saturating_sub(n));
        }
    }

    fn count(&mut self, session: &SessionProfile, change: impl Fn(&mut u32, u32)) {
        if self.sums.len() < session.slots.len() {
            self.sums.resize(session.slots.len(), (0, 0));
        }
        for (sum, (slots, traded)) in self.sums.iter_mut().zip(session.slots.iter().zip(&session.traded)) {
            change(&mut sum.0, u32::from(*slots));
            change(&mut sum.1, u32::from(*traded));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn is_enough(&self) -> bool {
        self.len() >= FEWEST_SESSIONS
    }

    pub(super) fn longest(&self) -> u32 {
        self.sessions.iter().map(|s| s.longest_silence).max().unwrap_or(0)
    }

    /// The window without the sessions of some dates.
    pub(super) fn without(&self, dates: &[NaiveDate]) -> Self {
        let mut rest = Self::default();
        self.sessions.iter().filter(|s| !dates.contains(&s.date)).for_each(|s| rest.push(s.clone()));
        rest
    }

    pub(super) fn measure(&self, timeframe: Timeframe) -> Measure<'_> {
        Measure { never_silent: self.is_enough() && self.never_silent(timeframe), ..self.measure_few(timeframe) }
    }

    /// The same while the window is being gathered, with however few sessions.
    pub(super) fn measure_few(&self, timeframe: Timeframe) -> Measure<'_> {
        let all = self.sums.iter().fold((0, 0), |all, sum| (all.0 + sum.0, all.1 + sum.1));
        // A number without slots (four-hour bars shift by an hour twice a year) borrows those of the whole part.
        let points = self.sums.iter().map(|sum| point(if sum.0 == 0 { all } else { *sum })).collect();
        let never_silent = self.never_silent(timeframe);
        Measure { window: self, timeframe, points, other: point(all), longest: self.longest(), never_silent }
    }

    /// Whether bars are of half an hour or more, and none is missing.
    fn never_silent(&self, timeframe: Timeframe) -> bool {
        let coarse = timeframe.family() == Family::Minute && timeframe >= Timeframe::M30;
        coarse && self.sums.iter().all(|(slots, traded)| slots == traded)
    }

    /// Whether the symbol traded in each of the twenty sessions nearest to `date`, and not just now and then.
    fn is_busy(&self, date: NaiveDate, timeframe: Timeframe) -> bool {
        let mut near: Vec<&SessionProfile> = self.sessions.iter().collect();
        near.sort_by_key(|s| ((s.date - date).abs(), s.date));
        near.truncate(BUSY_SESSIONS);
        near.len() == BUSY_SESSIONS
            && near.iter().all(|s| {
                let traded: u64 = s.traded.iter().map(|n| u64::from(*n)).sum();
                let enough = match s.trades {
                    Some(trades) => trades >= BUSY_TRADES,
                    None if timeframe == Timeframe::M1 => traded >= BUSY_TRADES,
                    None => s.volume >= BUSY_VOLUME,
                };
                traded > 0 && enough
            })
    }
}

/// -ln(1 - p) of one silent slot, p being how often such a slot has a bar.
fn point((slots, traded): (u32, u32)) -> f64 {
    (f64::from(slots + 1) / (f64::from(slots.saturating_sub(traded)) + 0.5)).ln()
}

/// What a window says about silence.
#[derive(Clone, Debug)]
pub(super) struct Measure<'w> {
    window: &'w Window,
    timeframe: Timeframe,
    points: Vec<f64>,
    /// For slots beyond the profile's numbers.
    other: f64,
    pub longest: u32,
    /// Bars of half an hour or more, and none was ever missing.
    never_silent: bool,
}

/// Which rules apply beside surprise; see the bootstrap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Apply {
    pub whole_session: bool,
    pub never_silent: bool,
}

impl Apply {
    pub(super) const ALL: Self = Self { whole_session: true, never_silent: true };
}

impl Measure<'_> {
    pub(super) fn sessions(&self) -> u32 {
        self.window.len() as u32
    }

    pub(super) fn surprise(&self, piece: &Piece, run: Slots) -> f64 {
        let mut sum = 0.0;
        piece.by_step(run, |step, n| sum += f64::from(n) * self.points.get(step).copied().unwrap_or(self.other));
        sum
    }

    /// The rule by which a closed run of `length` slots is suspect; `all` says that it is the whole part.
    pub(super) fn inside(&self, piece: &Piece, surprise: f64, length: u32, all: bool, apply: Apply) -> Option<Rule> {
        if surprise > SUSPECT && length > 2 * self.longest.max(1) {
            Some(Rule::Surprise)
        } else if apply.whole_session && self.is_missed(piece, all) {
            Some(Rule::WholeSession)
        } else if apply.never_silent && self.never_silent && piece.part.is_main() {
            Some(Rule::NeverSilent)
        } else {
            None
        }
    }

    /// The rule by which a run after the last bar is late.
    pub(super) fn tail(&self, piece: &Piece, surprise: f64, length: u32, all: bool) -> Option<Rule> {
        if surprise > LATE && length > self.longest {
            Some(Rule::Surprise)
        } else {
            self.is_missed(piece, all).then_some(Rule::WholeSession)
        }
    }

    fn is_missed(&self, piece: &Piece, all: bool) -> bool {
        all && matches!(piece.part, Part::Regular | Part::Day) && self.window.is_busy(piece.date, self.timeframe)
    }
}
