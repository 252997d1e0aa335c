//! What a limiter remembers: places of this process and of others, and what 429 answers taught it.

use std::time::Duration;

use tokio::time::Instant;

use barkeep_config::RateLimit;
use barkeep_market::{Source, Ts};

use super::place::{WINDOW, wait};
use super::queue::{LOOKS_AGAIN, Refusal, Waiting};
use super::turns::{Rank, Urgency};
use super::{HeldPlace, Permit, allowance};

/// The rate in force.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreed {
    /// Requests per window; `None` when unlimited.
    pub(super) limit: Option<u32>,
    /// Places when nothing went wrong.
    pub(super) full: u32,
    pub(super) window: Duration,
}

impl From<RateLimit> for Agreed {
    fn from(rate: RateLimit) -> Self {
        let (full, window) = allowance(rate);
        Self { limit: matches!(rate, RateLimit::PerMinute(_)).then_some(full), full, window }
    }
}

impl Agreed {
    pub(super) fn windowed(vendor: Source, limit: u32) -> Self {
        let full = limit.max(1);
        Self { limit: Some(full), full, window: vendor.window() }
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) agreed: Agreed,
    /// The places of this process.
    pub(super) own: Vec<Own>,
    /// Until when places of other processes are taken at the least, as the journal said last.
    pub(super) others: Vec<Instant>,
    /// The number of the next permit.
    pub(super) next: u64,
    /// Places now: halved by a 429, one more after each window's worth of successes.
    pub(super) effective: f64,
    pub(super) frozen_until: Option<Instant>,
    /// Until when the journal says that all places are taken.
    pub(super) journal_until: Option<Instant>,
    /// Until when other processes have to be reckoned with: a window after there was a sign of one.
    pub(super) company_until: Option<Instant>,
    /// What others were told last about who waits here, and when they expect it to look again.
    pub(super) announced: Option<(Waiting, Instant)>,
    /// The last 429 of any process that is known here.
    pub(super) known_refusal: Option<Ts>,
    /// 429 answers since the last success, counted once per freeze.
    pub(super) refusals: u32,
    /// Requests per window that somebody else seems to make with the same key; 0 when there is no sign of it.
    pub(super) foreign: u32,
}

/// A place of this process.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) permit: u64,
    /// Its number in the journal.
    pub(super) recorded: Option<i64>,
    /// When the request's time is over.
    pub(super) deadline: Instant,
    pub(super) answered: Option<Instant>,
    started: Instant,
    rank: Rank,
    /// Requests that are expected to follow its answer and have not come.
    follows: u32,
}

/// How long a less urgent request leaves places to those that follow: from the start of the one before, and from its
/// answer. A vendor that takes longer costs the others no more than this.
const LEFT_FOR: Duration = Duration::from_secs(1);

impl Own {
    /// Until when places are left to what follows.
    fn left_until(&self) -> Instant {
        self.answered.unwrap_or(self.started) + LEFT_FOR
    }

    /// As [`Place::free_in`].
    pub(super) fn free_in(&self, now: Instant, window: Duration) -> Duration {
        match self.answered {
            Some(answered) => (answered + window).duration_since(now),
            None => (self.deadline + window).duration_since(now).min(window),
        }
    }
}

impl State {
    pub(super) fn new(agreed: Agreed) -> Self {
        Self {
            agreed,
            own: Vec::new(),
            others: Vec::new(),
            next: 0,
            effective: f64::from(agreed.full),
            frozen_until: None,
            journal_until: None,
            company_until: None,
            announced: None,
            known_refusal: None,
            refusals: 0,
            foreign: 0,
        }
    }

    /// Puts another rate in force; false when it is the one already in force.
    pub(super) fn agree(&mut self, agreed: Agreed) -> bool {
        if (self.agreed.limit, self.agreed.full) == (agreed.limit, agreed.full) {
            return false;
        }
        // What a 429 took away stays away, as a share.
        let share = self.effective / f64::from(self.agreed.full);
        self.effective = (f64::from(agreed.full) * share).max(1.0);
        // The journal answered for the rate before.
        self.journal_until = None;
        self.agreed = agreed;
        true
    }

    pub(super) fn take(&mut self, recorded: Option<i64>, deadline: Instant, urgency: Urgency) -> Permit {
        let number = self.next;
        self.next += 1;
        let Urgency { rank, follows } = urgency;
        // It may be what one before was to be followed by; from now on its own word counts.
        let before = self.own.iter_mut().find(|own| own.rank == rank && own.follows > 0 && own.answered.is_some());
        if let Some(before) = before {
            before.follows = 0;
        }
        let started = Instant::now();
        self.own.push(Own { permit: number, recorded, deadline, answered: None, started, rank, follows });
        Permit { number, recorded, deadline }
    }

    /// The refused request is among ours; without it the others and ours filled the limit, so the others made at least
    /// the difference.
    pub(super) fn notice_foreign(&mut self) {
        let Some(limit) = self.agreed.limit else { return };
        let ours = self.used();
        let others = (limit + 1).saturating_sub(ours.max(1)).min(limit);
        if ours <= limit && others > 1 && others > self.foreign {
            tracing::warn!(
                others,
                limit,
                ours,
                "the vendor refused (429) although our own window had room: another client seems to use this key, or the \
                 limit is set above that of the plan"
            );
            self.foreign = others;
        }
    }

    /// Whole places, at least 1. The tiny allowance keeps eight additions of 1/8 from ending below 1.
    pub(super) fn effective(&self) -> u32 {
        ((self.effective + 1e-6).floor() as u32).max(1)
    }

    pub(super) fn forget_free(&mut self, now: Instant) {
        let window = self.agreed.window;
        self.own.retain(|own| !own.free_in(now, window).is_zero());
        self.others.retain(|until| *until > now);
    }

    /// Places taken. Expects free ones to be forgotten.
    pub(super) fn used(&self) -> u32 {
        u32::try_from(self.own.len() + self.others.len()).unwrap_or(u32::MAX)
    }

    /// The places taken one by one. Expects free ones to be forgotten.
    pub(super) fn held(&self, now: Instant) -> Vec<HeldPlace> {
        if self.agreed.limit.is_none() {
            return Vec::new();
        }
        let own = self.own.iter().map(|own| HeldPlace {
            free_in: own.free_in(now, self.agreed.window),
            on_the_wire: own.answered.is_none() && now < own.deadline,
        });
        let others = self.others.iter().map(|until| HeldPlace { free_in: *until - now, on_the_wire: false });
        HeldPlace::sorted(own.chain(others))
    }

    pub(super) fn taken(&self, now: Instant) -> Vec<Duration> {
        let own = self.own.iter().map(|own| own.free_in(now, self.agreed.window));
        own.chain(self.others.iter().map(|until| until.duration_since(now))).collect()
    }

    /// How long a request of this rank leaves the free places to what follows more urgent ones. Where places come back
    /// within seconds nobody has to wait. Expects free ones to be forgotten.
    pub(super) fn left_to_others(&self, now: Instant, rank: Rank) -> Duration {
        if self.agreed.limit.is_none() || self.agreed.window < WINDOW {
            return Duration::ZERO;
        }
        let free = self.effective().saturating_sub(self.used());
        let mut urgent: Vec<(Instant, u32)> = self
            .own
            .iter()
            .filter(|own| own.rank < rank && own.follows > 0)
            .map(|own| (own.left_until(), own.follows))
            .filter(|(until, _)| *until > now)
            .collect();
        urgent.sort_unstable();
        let mut expected = urgent.iter().fold(0_u32, |sum, (_, follows)| sum.saturating_add(*follows));
        let mut wait = Duration::ZERO;
        for (until, _) in &urgent {
            if free > expected {
                break;
            }
            wait = *until - now;
            let left = urgent.iter().filter(|(other, _)| other > until);
            expected = left.fold(0_u32, |sum, (_, follows)| sum.saturating_add(*follows));
        }
        wait
    }

    /// A process was refused: nobody asks before `until`.
    pub(super) fn learn(&mut self, refusal: Refusal, until: Instant) {
        if self.known_refusal.replace(refusal.at) == Some(refusal.at) {
            return;
        }
        self.frozen_until = Some(self.frozen_until.map_or(until, |known| known.max(until)));
        self.effective = self.effective.min(refusal.share * f64::from(self.agreed.full)).max(1.0);
    }

    pub(super) fn has_company(&self, now: Instant) -> bool {
        self.company_until.is_some_and(|until| until > now)
    }

    /// Whether others have to be told that `waiting` waits here, for `wait` from now. They need not know when there is
    /// nobody else, or while the vendor's refusals are what it waits for.
    pub(super) fn must_announce(&self, now: Instant, waiting: Waiting, wait: Duration) -> bool {
        let is_frozen = self.frozen_until.is_some_and(|until| until > now);
        let is_announced =
            self.announced.is_some_and(|(known, until)| known == waiting && until >= now + wait.min(LOOKS_AGAIN));
        self.has_company(now) && !is_frozen && self.effective() == self.agreed.full && !is_announced
    }

    /// How long until a place is free for a caller with `ahead` others before it. Expects free ones to be forgotten.
    pub(super) fn wait(&self, now: Instant, ahead: usize) -> Duration {
        let held = [self.frozen_until, self.journal_until].into_iter().flatten().max();
        let held = held.map_or(Duration::ZERO, |until| until.duration_since(now));
        wait(self.taken(now), self.effective(), ahead, self.agreed.window).max(held)
    }
}
