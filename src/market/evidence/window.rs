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
/// A session without a bar is believed unless there was trading in each of so many near it,
const BUSY_SESSIONS: usize = 20;
/// with at least so many trades, or one-minute bars, in the quietest,
const BUSY_TRADES: u64 = 5;
/// or so many shares where neither is known.
const BUSY_VOLUME: f64 = 1_000.0;
/// Ten sessions say the same where the quietest had so many trades, or shares: such a symbol is never away for a day.
const HEAVY_TRADES: u64 = 1_000;
const HEAVY_VOLUME: f64 = 100_000.0;

/// Silent bars and sessions where none is usual are holes while fewer than one session in so many has one; more are the
/// symbol's own way. Otherwise a symbol that has become thin would be accused for ever, because what is suspect is not
/// learned from.
const RARE: usize = 20;
/// A symbol with so many trades a slot, or so many shares where trades are not known, is never silent by its own way.
const DENSE_TRADES: f64 = 20.0;
const DENSE_VOLUME: f64 = 10_000.0;

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
        let few = self.measure_few(timeframe);
        Measure { unbroken: few.unbroken && self.is_enough(), ..few }
    }

    /// The same while the window is being gathered, with however few sessions.
    pub(super) fn measure_few(&self, timeframe: Timeframe) -> Measure<'_> {
        let all = self.sums.iter().fold((0, 0), |all, sum| (all.0 + sum.0, all.1 + sum.1));
        // A number without slots (four-hour bars shift by an hour twice a year) borrows those of the whole part.
        let points = self.sums.iter().map(|sum| point(if sum.0 == 0 { all } else { *sum })).collect();
        let unbroken = self.is_unbroken(timeframe);
        Measure { window: self, timeframe, points, other: point(all), longest: self.longest(), unbroken }
    }

    /// Whether bars are of half an hour or more, and none is missing.
    fn is_unbroken(&self, timeframe: Timeframe) -> bool {
        let coarse = timeframe.family() == Family::Minute && timeframe >= Timeframe::M30;
        coarse && self.sums.iter().all(|(slots, traded)| slots == traded)
    }

    /// Whether each of its sessions had so much trade that no slot of half an hour can be without.
    fn is_dense(&self) -> bool {
        self.sessions.iter().all(|s| {
            let slots: u32 = s.slots.iter().map(|n| u32::from(*n)).sum();
            match s.trades {
                Some(trades) => trades as f64 >= DENSE_TRADES * f64::from(slots),
                None => s.volume >= DENSE_VOLUME * f64::from(slots),
            }
        })
    }

    /// The rules that apply after these sessions.
    pub(super) fn rules(&self) -> Apply {
        let broken = self.sessions.iter().filter(|s| s.left_out > 0).count();
        Apply { whole_session: true, never_silent: is_rare(broken + 1, self.len()) }
    }

    /// The sessions nearest to a date, if there are so many.
    fn nearest(&self, date: NaiveDate, count: usize) -> Option<impl Iterator<Item = &SessionProfile>> {
        let mut near: Vec<&SessionProfile> = self.sessions.iter().collect();
        near.sort_by_key(|s| ((s.date - date).abs(), s.date));
        (near.len() >= count).then(|| near.into_iter().take(count))
    }

    /// Whether the symbol traded in each of the twenty sessions nearest to `date`, and not just now and then.
    fn is_busy(&self, date: NaiveDate, timeframe: Timeframe) -> bool {
        let busy = |s: &SessionProfile| {
            let traded: u64 = s.traded.iter().map(|n| u64::from(*n)).sum();
            let enough = match s.trades {
                Some(trades) => trades >= BUSY_TRADES,
                None if timeframe == Timeframe::M1 => traded >= BUSY_TRADES,
                None => s.volume >= BUSY_VOLUME,
            };
            traded > 0 && enough
        };
        self.nearest(date, BUSY_SESSIONS).is_some_and(|mut near| near.all(busy))
    }

    /// Whether it traded heavily in each of the ten sessions nearest to `date`.
    fn is_heavy(&self, date: NaiveDate) -> bool {
        let heavy = |s: &SessionProfile| s.trades.map_or(s.volume >= HEAVY_VOLUME, |trades| trades >= HEAVY_TRADES);
        self.nearest(date, FEWEST_SESSIONS).is_some_and(|mut near| near.all(heavy))
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
    unbroken: bool,
}

/// Whether so many sessions are few enough of all to be holes.
pub(super) fn is_rare(broken: usize, sessions: usize) -> bool {
    broken <= (sessions / RARE).max(1)
}

/// Which rules apply beside surprise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Apply {
    pub whole_session: bool,
    pub never_silent: bool,
}

impl Measure<'_> {
    pub(super) fn surprise(&self, piece: &Piece, run: Slots) -> f64 {
        let mut sum = 0.0;
        piece.by_step(run, |step, n| sum += f64::from(n) * self.points.get(step).copied().unwrap_or(self.other));
        sum
    }

    /// The rule by which a closed run of `length` slots is suspect; `all` says that it is the whole part.
    pub(super) fn inside(&self, piece: &Piece, surprise: f64, length: u32, all: bool, apply: Apply) -> Option<Rule> {
        if surprise > SUSPECT && length > 2 * self.longest.max(1) {
            Some(Rule::Surprise)
        } else if self.is_missed(piece, all, apply.whole_session) {
            Some(Rule::WholeSession)
        } else if self.unbroken && piece.part.is_main() && (apply.never_silent || self.window.is_dense()) {
            Some(Rule::NeverSilent)
        } else {
            None
        }
    }

    /// The rule by which a run after the last bar is late.
    pub(super) fn tail(&self, piece: &Piece, surprise: f64, length: u32, all: bool) -> Option<Rule> {
        if surprise > LATE && length > self.longest.max(1) {
            Some(Rule::Surprise)
        } else {
            self.is_missed(piece, all, true).then_some(Rule::WholeSession)
        }
    }

    /// Whether a whole session is missed. `usual` says that whole sessions without a bar are rare; of what trades heavily
    /// they always are.
    fn is_missed(&self, piece: &Piece, all: bool, usual: bool) -> bool {
        all && matches!(piece.part, Part::Regular | Part::Day)
            && (usual && self.window.is_busy(piece.date, self.timeframe) || self.window.is_heavy(piece.date))
    }
}
