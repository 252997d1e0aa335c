//! Which silence is believable.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::bootstrap::Bootstrap;
use super::grid::pieces;
use super::part::Part;
use super::profile::{KEPT, Profile, SessionProfile};
use super::run::{Run, SilenceQuestion};
use super::seen::Seen;
use super::tail::{TailRun, stretches, tail_run};
use super::unit::{Judged, Unit};
use super::window::Window;
use crate::interval::Interval;
use crate::ts::Ts;

/// Judges the silence of an answer and brings the profile up to date. The runs are ascending and disjoint.
///
/// Every session is judged by the sixty judged ones before it. Returned are all suspect, late, open and unjudged runs that
/// touch the question's range, and quiet ones of a whole regular session (or day, or week) and more.
#[must_use]
pub fn judge(profile: &mut Profile, question: &SilenceQuestion<'_>) -> Vec<Run> {
    let Some(hull) = question.known.hull() else { return Vec::new() };
    let last = question.bars.last().map(|b| question.timeframe.end_of(question.class, b.ts));
    let tail = (!question.followed).then(|| last.map_or(hull.start, |end| end.max(hull.start)));
    let mut runs = Vec::new();
    let mut open = Vec::new();
    for (part, seen) in read(question, hull, tail) {
        let stored = profile.part(part).map_or(&[][..], |p| p.sessions());
        let mut outcome = OfPart::new(question, &seen, stored, tail).judge();
        runs.append(&mut outcome.runs);
        open.append(&mut outcome.tail);
        outcome.record(profile, part);
    }
    runs.extend(tail.and_then(|tail| tail_run(Interval::new(tail, hull.end), &open)));
    runs.retain(|run| run.range.overlaps(question.range));
    runs.sort_by_key(|run| run.range);
    runs
}

fn read(question: &SilenceQuestion<'_>, hull: Interval, tail: Option<Ts>) -> BTreeMap<Part, Vec<Seen>> {
    let mut parts: BTreeMap<Part, Vec<Seen>> = BTreeMap::new();
    let all = pieces(question.calendar, question.class, question.timeframe, hull);
    for (place, piece) in all.into_iter().enumerate() {
        if let Some(seen) = Seen::read(piece, place, question.known, question.bars, tail) {
            parts.entry(piece.part).or_default().push(seen);
        }
    }
    parts
}

/// The sessions of one part, judged in order of time.
struct OfPart<'a> {
    question: &'a SilenceQuestion<'a>,
    tail: Option<Ts>,
    seen: &'a [Seen],
    units: Vec<Unit<'a>>,
    /// Stored sessions that the answer does not replace.
    stored: Vec<&'a SessionProfile>,
    /// The judged sessions before the one in hand.
    window: Window,
    bootstrap: OnceCell<Option<Bootstrap>>,
    outcome: Outcome,
}

/// What comes of one part.
#[derive(Default)]
struct Outcome {
    runs: Vec<Run>,
    tail: Vec<TailRun>,
    /// Sessions that are known whole and closed: their dates, and what of them joins the profile.
    finished: Vec<(Vec<NaiveDate>, Vec<SessionProfile>)>,
}

impl Outcome {
    /// Brings the profile up to date. Sessions that would be pushed out again by later ones are passed over.
    fn record(self, profile: &mut Profile, part: Part) {
        let mut later = 0;
        let newest = self.finished.into_iter().rev().take_while(|(_, sessions)| {
            let stays = later < KEPT;
            later += sessions.len();
            stays
        });
        for (dates, sessions) in newest.collect::<Vec<_>>().into_iter().rev() {
            for date in dates.into_iter().filter(|d| sessions.iter().all(|s| s.date != *d)) {
                profile.remove(part, date);
            }
            for session in sessions {
                profile.insert(part, session);
            }
        }
    }
}

impl<'a> OfPart<'a> {
    fn new(
        question: &'a SilenceQuestion<'a>,
        seen: &'a [Seen],
        stored: &'a [SessionProfile],
        tail: Option<Ts>,
    ) -> Self {
        let units = Unit::of(seen, question.timeframe.family());
        let replaced: BTreeSet<NaiveDate> = seen.iter().filter(|s| s.is_final()).map(|s| s.piece.date).collect();
        let stored = stored.iter().filter(|s| !replaced.contains(&s.date)).collect();
        let (window, outcome) = (Window::default(), Outcome::default());
        Self { question, tail, seen, units, stored, window, bootstrap: OnceCell::new(), outcome }
    }

    fn judge(mut self) -> Outcome {
        let units = std::mem::take(&mut self.units);
        let mut earlier = 0;
        let mut tail_begun = false;
        for unit in &units {
            while let Some(session) = self.stored.get(earlier).filter(|s| s.date < unit.date()) {
                earlier += 1;
                if session.judged {
                    self.window.push((*session).clone());
                }
            }
            if unit.seen.iter().any(|s| !s.tail.is_empty()) && !tail_begun {
                // Nothing joins the window from here on.
                tail_begun = true;
                self.outcome.tail = self.tail_from(&units, unit);
            }
            self.closed(&units, unit);
        }
        self.outcome
    }

    /// Judges the closed runs of a unit, reports them, and adds its sessions to the window.
    fn closed(&mut self, units: &[Unit<'_>], unit: &Unit<'_>) {
        let tf = self.question.timeframe;
        let judged: Option<Vec<Judged>> = if unit.longest() == 0 {
            Some(Vec::new())
        } else if self.window.is_enough() {
            Some(unit.judge(&self.window.measure(tf), self.window.rules()))
        } else {
            self.bootstrap(units, unit.date()).map(|b| b.judge(unit, tf))
        };
        if let Some(judged) = &judged {
            self.outcome.runs.extend(unit.runs(judged));
        } else {
            self.outcome.runs.extend(unit.unjudged(self.tail));
        }
        if unit.is_final() {
            let sessions = unit.profiles(judged.as_deref());
            sessions.iter().filter(|s| s.judged).for_each(|s| self.window.push(s.clone()));
            self.outcome.finished.push((unit.dates(), sessions));
        }
    }

    /// Measures the tail, which begins in `unit`.
    fn tail_from(&self, units: &[Unit<'_>], unit: &Unit<'_>) -> Vec<TailRun> {
        let (tf, seen) = (self.question.timeframe, self.seen);
        if self.window.is_enough() {
            return stretches(seen, tf.family(), Some(&self.window.measure(tf)));
        }
        let bootstrap = self.bootstrap(units, unit.date());
        stretches(seen, tf.family(), bootstrap.map(|b| b.accepted.measure(tf)).as_ref())
    }

    fn bootstrap(&self, units: &[Unit<'_>], first: NaiveDate) -> Option<&Bootstrap> {
        let tf = self.question.timeframe;
        self.bootstrap.get_or_init(|| Bootstrap::new(units, &self.stored, first, tf)).as_ref()
    }
}
