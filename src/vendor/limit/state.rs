//! What a limiter remembers: places of this process and of others, and what 429 answers taught it.

use std::time::Duration;

use tokio::time::Instant;

use super::Permit;
use super::place::wait;

#[derive(Debug)]
pub(super) struct State {
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
}

impl Own {
    /// As [`Place::free_in`].
    pub(super) fn free_in(&self, now: Instant, window: Duration) -> Duration {
        match self.answered {
            Some(answered) => (answered + window).duration_since(now),
            None => (self.deadline + window).duration_since(now).min(window),
        }
    }
}

impl State {
    pub(super) fn new(full: u32) -> Self {
        Self {
            own: Vec::new(),
            others: Vec::new(),
            next: 0,
            effective: f64::from(full),
            frozen_until: None,
            journal_until: None,
            refusals: 0,
            foreign: 0,
        }
    }

    pub(super) fn take(&mut self, recorded: Option<i64>, deadline: Instant) -> Permit {
        let number = self.next;
        self.next += 1;
        self.own.push(Own { permit: number, recorded, deadline, answered: None });
        Permit { number, recorded, deadline }
    }

    /// Whole places, at least 1. The tiny allowance keeps eight additions of 1/8 from ending below 1.
    pub(super) fn effective(&self) -> u32 {
        ((self.effective + 1e-6).floor() as u32).max(1)
    }

    pub(super) fn forget_free(&mut self, now: Instant, window: Duration) {
        self.own.retain(|own| !own.free_in(now, window).is_zero());
        self.others.retain(|until| *until > now);
    }

    /// Places taken. Expects free ones to be forgotten.
    pub(super) fn used(&self) -> u32 {
        u32::try_from(self.own.len() + self.others.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn taken(&self, now: Instant, window: Duration) -> Vec<Duration> {
        let own = self.own.iter().map(|own| own.free_in(now, window));
        own.chain(self.others.iter().map(|until| until.duration_since(now))).collect()
    }

    /// How long until a place is free for a caller with `ahead` others before it. Expects free ones to be forgotten.
    pub(super) fn wait(&self, now: Instant, window: Duration, ahead: usize) -> Duration {
        let held = [self.frozen_until, self.journal_until].into_iter().flatten().max();
        let held = held.map_or(Duration::ZERO, |until| until.duration_since(now));
        wait(self.taken(now, window), self.effective(), ahead, window).max(held)
    }
}
