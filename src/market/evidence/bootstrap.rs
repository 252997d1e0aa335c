//! The first sessions of a history, before which there is nothing to judge by: they judge one another.
//!
//! Sessions are accepted in the order of their longest silence, each judged by those accepted before, so that several
//! sessions with a hole do not excuse each other. Whoever fails is judged once more by all that were accepted.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::profile::{FEWEST_SESSIONS, SESSIONS, SessionProfile};
use super::unit::{Judged, Unit};
use super::window::{Apply, Window};
use crate::timeframe::Timeframe;

/// So many are accepted without a question: a longer silence than theirs is in every other session.
const SEED: usize = FEWEST_SESSIONS / 2;
/// Sessions without a bar, and ones with a silent bar where none is usual, are holes while at most one session in so many
/// is of that kind; more are the symbol's own way.
const RARE: usize = 20;

#[derive(Clone, Debug)]
pub(super) struct Bootstrap {
    pub accepted: Window,
    /// Dates that took part, and those of which some silence was not accepted.
    judged: BTreeSet<NaiveDate>,
    failed: BTreeSet<NaiveDate>,
    apply: Apply,
}

/// A session that could be judged by.
#[derive(Clone, Copy, Debug)]
enum Candidate<'a> {
    Seen(Unit<'a>),
    Stored(&'a SessionProfile),
}

impl Candidate<'_> {
    fn date(&self) -> NaiveDate {
        match self {
            Self::Seen(unit) => unit.date(),
            Self::Stored(session) => session.date,
        }
    }

    fn longest(&self) -> u32 {
        match self {
            Self::Seen(unit) => unit.longest(),
            Self::Stored(session) => session.longest_silence,
        }
    }

    fn sessions(&self) -> usize {
        match self {
            Self::Seen(unit) => unit.seen.len(),
            Self::Stored(_) => 1,
        }
    }

    fn is_silent(&self) -> bool {
        matches!(self, Self::Seen(unit) if unit.is_silent())
    }
}

impl Bootstrap {
    /// By the sixty sessions nearest to `first`; `None` when there are fewer than ten.
    pub(super) fn new(units: &[Unit<'_>], stored: &[&SessionProfile], first: NaiveDate, tf: Timeframe) -> Option<Self> {
        let pool = pool(units, stored, first);
        let sessions: usize = pool.iter().map(Candidate::sessions).sum();
        if sessions < FEWEST_SESSIONS {
            return None;
        }
        let rare = |n: usize| n <= (sessions / RARE).max(1);
        let silent = pool.iter().filter(|c| c.is_silent()).map(Candidate::sessions).sum();
        let broken = pool.iter().filter(|c| c.longest() > 0).map(Candidate::sessions).sum();
        let apply = Apply { whole_session: rare(silent), never_silent: rare(broken) };
        let (accepted, failed) = accept(&pool, apply, tf);
        let judged = pool.iter().map(Candidate::date).collect();
        Some(Self { accepted, judged, failed, apply })
    }

    /// The verdicts about a unit.
    pub(super) fn judge(&self, unit: &Unit<'_>, tf: Timeframe) -> Vec<Judged> {
        let date = unit.date();
        let others = self.accepted.without(&unit.dates());
        let mut judged = unit.judge(&others.measure_few(tf), self.apply);
        if unit.is_final() && self.judged.contains(&date) && !self.failed.contains(&date) {
            for run in &mut judged {
                run.rule = None;
            }
        }
        judged
    }
}

/// The candidates nearest in time, ascending: a few before `first`, the rest from it on.
fn pool<'a>(units: &'a [Unit<'_>], stored: &'a [&SessionProfile], first: NaiveDate) -> Vec<Candidate<'a>> {
    let seen = units.iter().filter(|unit| unit.is_final()).map(|unit| Candidate::Seen(*unit));
    let mut all: Vec<Candidate<'a>> = seen.chain(stored.iter().map(|s| Candidate::Stored(s))).collect();
    all.sort_by_key(Candidate::date);
    let at = all.partition_point(|c| c.date() < first).saturating_sub(FEWEST_SESSIONS - 1);
    let at = at.min(all.len().saturating_sub(SESSIONS));
    all.into_iter().skip(at).take(SESSIONS).collect()
}

/// What is accepted, and the dates of those of which some silence is not.
fn accept(pool: &[Candidate<'_>], apply: Apply, tf: Timeframe) -> (Window, BTreeSet<NaiveDate>) {
    let mut order: Vec<&Candidate<'_>> = pool.iter().collect();
    order.sort_by_key(|c| (c.longest(), c.date()));
    let (mut accepted, mut failed) = (Window::default(), BTreeSet::new());
    for candidate in order {
        let seed = accepted.len() < SEED;
        match candidate {
            Candidate::Seen(unit) => {
                let judged = if seed { Vec::new() } else { unit.judge(&accepted.measure_few(tf), apply) };
                if judged.iter().any(|j| j.rule.is_some()) {
                    failed.insert(unit.date());
                }
                unit.profiles(Some(&judged)).into_iter().for_each(|s| accepted.push(s));
            }
            // Its slots are not known any more, so it can only be taken or left.
            Candidate::Stored(s) if s.judged || seed || s.longest_silence <= 2 * accepted.longest().max(1) => {
                accepted.push((*s).clone());
            }
            Candidate::Stored(_) => {}
        }
    }
    (accepted, failed)
}
