//! What is judged at once: a part of one session, or a silence over several days or weeks.

use chrono::NaiveDate;

use super::profile::SessionProfile;
use super::run::{Rule, Run, SilenceVerdict};
use super::seen::{Seen, Slots};
use super::window::{Apply, Measure};
use crate::interval::Interval;
use crate::timeframe::Family;
use crate::ts::Ts;

/// One session's part; of days and weeks a run of silent ones, which is not cut at their borders.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit<'s> {
    /// Never empty.
    pub seen: &'s [Seen],
    family: Family,
}

/// A closed run, measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    /// Of the first piece; of days and weeks their number.
    run: Slots,
    all: bool,
    surprise: f64,
    pub rule: Option<Rule>,
}

impl<'s> Unit<'s> {
    /// Cuts the sessions of one part, ascending, into units.
    pub(super) fn of(seen: &'s [Seen], family: Family) -> Vec<Self> {
        let same =
            |a: &Seen, b: &Seen| family == Family::Day && a.is_silent() && b.is_silent() && b.place == a.place + 1;
        seen.chunk_by(same).map(|seen| Self { seen, family }).collect()
    }
}

impl Unit<'_> {
    fn first(&self) -> Option<&Seen> {
        self.seen.first()
    }

    pub(super) fn date(&self) -> NaiveDate {
        self.first().map_or(NaiveDate::MIN, |s| s.piece.date)
    }

    pub(super) fn dates(&self) -> Vec<NaiveDate> {
        self.seen.iter().map(|s| s.piece.date).collect()
    }

    pub(super) fn is_final(&self) -> bool {
        self.seen.iter().all(Seen::is_final)
    }

    /// Whether all of it is known and has no bar.
    pub(super) fn is_silent(&self) -> bool {
        self.seen.iter().all(Seen::is_silent)
    }

    /// A day or week of a silence that goes over several.
    fn is_days(&self) -> bool {
        self.family == Family::Day && self.is_silent()
    }

    /// The longest closed run: slots, or days or weeks.
    pub(super) fn longest(&self) -> u32 {
        if self.is_days() { self.seen.len() as u32 } else { self.first().map_or(0, Seen::longest) }
    }

    pub(super) fn judge(&self, by: &Measure<'_>, apply: Apply) -> Vec<Judged> {
        let Some(first) = self.first() else { return Vec::new() };
        let runs = if self.is_days() { vec![(0, self.seen.len() as u32)] } else { first.silent.clone() };
        let judged = |run: Slots| {
            let (length, all) = (run.1 - run.0, self.is_days() || first.is_all(run));
            let surprise = by.surprise(&first.piece, run);
            let rule = by.inside(&first.piece, surprise, length, all, apply);
            Judged { run, all, surprise, rule }
        };
        runs.into_iter().map(judged).collect()
    }

    /// The sessions as they join the profile; `judged` empty when nothing could be judged.
    pub(super) fn profiles(&self, judged: Option<&[Judged]>) -> Vec<SessionProfile> {
        let left_out: Vec<Slots> =
            judged.unwrap_or_default().iter().filter(|j| j.rule.is_some()).map(|j| j.run).collect();
        if !self.is_days() {
            return self.first().and_then(|s| s.profile(&left_out, judged.is_some())).into_iter().collect();
        }
        if !left_out.is_empty() {
            return Vec::new();
        }
        let profile = |(lasted, seen): (u32, &Seen)| {
            Some(SessionProfile { longest_silence: lasted, ..seen.profile(&[], judged.is_some())? })
        };
        (1..).zip(self.seen).filter_map(profile).collect()
    }

    /// Suspect runs, and quiet ones of a whole session or more.
    pub(super) fn runs(&self, judged: &[Judged]) -> Vec<Run> {
        let Some((first, last)) = self.first().zip(self.seen.last()) else { return Vec::new() };
        let part = first.piece.part;
        let reported = judged.iter().filter(|j| j.rule.is_some() || j.all && part.is_main());
        reported
            .map(|j| Run {
                range: if self.is_days() {
                    first.piece.range.hull(last.piece.range)
                } else {
                    first.piece.span_of(j.run)
                },
                part,
                verdict: if j.rule.is_some() { SilenceVerdict::Suspect } else { SilenceVerdict::Quiet },
                surprise: Some(j.surprise),
                slots: j.run.1 - j.run.0,
                rule: j.rule,
            })
            .collect()
    }

    /// What to report with too few sessions: the whole part, when any slot of it has no bar.
    pub(super) fn unjudged(&self, tail: Option<Ts>) -> Option<Run> {
        let first = self.first()?;
        let slots: u32 = self.seen.iter().flat_map(|s| &s.silent).map(|(from, to)| to - from).sum();
        let all = self.seen.iter().fold(first.known, |all: Interval, s| all.hull(s.known));
        // The tail is reported by itself.
        let end = tail.map_or(all.end, |tail| all.end.min(tail));
        (slots > 0).then_some(Run {
            range: Interval::new(all.start, end),
            part: first.piece.part,
            verdict: SilenceVerdict::Unjudged,
            surprise: None,
            slots,
            rule: None,
        })
    }
}
