//! Never more requests than the vendor allows: an exact sliding window over request starts.
//!
//! Two records of the same thing guard each other. In the process, starts are kept on the monotonic clock, so a step of
//! the wall clock changes nothing. In the [`Journal`] they are durable, so a restart or a second process does not forget
//! them. A request starts only when both agree.
//!
//! The window is half a second longer than the vendor's minute: what counts there is arrival, and two requests that
//! start 60 s apart can arrive closer together than that. It costs under 1 % of the rate (60 / 60.5 = 99.2 %).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Fault;
use super::dispatch::Journal;
use barkeep_base::clock::Clock;
use barkeep_config::RateLimit;

#[cfg(test)]
mod tests;

/// Allowance for requests that arrive closer together than they started.
const MARGIN: Duration = Duration::from_millis(500);

/// The vendor's minute and the allowance.
pub const WINDOW: Duration = Duration::from_millis(60_500);

/// Without an agreed limit the vendor asks to stay under 100 requests a second (knowledge base, "request limits").
const UNLIMITED_STARTS: u32 = 95;
const UNLIMITED_WINDOW: Duration = Duration::from_secs(1);

/// Shortest pause after a 429, and shortest sleep while the journal says no.
const SHORTEST_FREEZE: Duration = Duration::from_secs(1);
const SHORTEST_SLEEP: Duration = Duration::from_millis(20);

/// Starts that a rate allows in any window, and the window.
#[must_use]
pub const fn allowance(rate: RateLimit) -> (u32, Duration) {
    match rate {
        RateLimit::PerMinute(0) => (1, WINDOW),
        RateLimit::PerMinute(n) => (n, WINDOW),
        RateLimit::Unlimited => (UNLIMITED_STARTS, UNLIMITED_WINDOW),
    }
}

/// Hands out permission to start requests, first come first served.
#[derive(Debug)]
pub struct Limiter {
    /// Held by the one caller whose turn it is; tokio's mutex queues fairly.
    gate: tokio::sync::Mutex<()>,
    queued: AtomicUsize,
    state: Mutex<State>,
    /// Rung when the agreed rate is another.
    rate_changed: Notify,
}

/// What was agreed.
#[derive(Clone, Copy, Debug)]
struct Agreed {
    /// Starts per minute; `None` when unlimited.
    limit: Option<u32>,
    /// Starts per window when nothing went wrong.
    full: u32,
    window: Duration,
}

impl From<RateLimit> for Agreed {
    fn from(rate: RateLimit) -> Self {
        let (full, window) = allowance(rate);
        Self { limit: matches!(rate, RateLimit::PerMinute(_)).then_some(full), full, window }
    }
}

#[derive(Debug)]
struct State {
    agreed: Agreed,
    /// Starts of the trailing window, oldest first.
    starts: VecDeque<Instant>,
    /// Starts per window now: halved by a 429, one more after each window's worth of successes.
    effective: f64,
    frozen_until: Option<Instant>,
    /// Until when the journal says the window is full because of starts this process does not know.
    journal_until: Option<Instant>,
    /// 429 answers since the last success, counted once per freeze.
    refusals: u32,
    /// Starts per window that somebody else seems to make with the same key; 0 when there is no sign of it.
    foreign: u32,
}

/// What an operator sees of the limiter. Durations serialise as seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitSnapshot {
    /// The agreed starts per minute; `None` when unlimited.
    pub limit: Option<u32>,
    /// Starts per window now: below the limit after a 429.
    pub effective: u32,
    /// Starts of this process in the trailing window.
    pub used: u32,
    /// Until the next start is possible; zero when it is now.
    #[serde(serialize_with = "seconds", deserialize_with = "from_seconds")]
    pub next_free_in: Duration,
    /// How much longer a 429 holds the whole account back.
    #[serde(serialize_with = "optional_seconds", deserialize_with = "from_optional_seconds")]
    pub frozen_for: Option<Duration>,
    /// Callers waiting for their turn.
    pub waiting: usize,
    /// Requests per minute that somebody else seems to make with the same key: the vendor refused although our own
    /// window had room. Absent without a sign of it. A limit set above the plan's looks the same.
    pub foreign_per_minute: Option<u32>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn seconds<S: serde::Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(d.as_secs_f64())
}

#[allow(clippy::ref_option, reason = "the signature serde asks for")]
fn optional_seconds<S: serde::Serializer>(d: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
    d.map(|d| d.as_secs_f64()).serialize(s)
}

fn duration<E: serde::de::Error>(seconds: f64) -> Result<Duration, E> {
    Duration::try_from_secs_f64(seconds).map_err(E::custom)
}

fn from_seconds<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
    f64::deserialize(d).and_then(duration)
}

fn from_optional_seconds<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
    Option::<f64>::deserialize(d)?.map(duration).transpose()
}

impl Limiter {
    #[must_use]
    pub fn new(rate: RateLimit) -> Self {
        let agreed = Agreed::from(rate);
        let state = State {
            agreed,
            starts: VecDeque::new(),
            effective: f64::from(agreed.full),
            frozen_until: None,
            journal_until: None,
            refusals: 0,
            foreign: 0,
        };
        let gate = tokio::sync::Mutex::new(());
        Self { gate, queued: AtomicUsize::new(0), state: Mutex::new(state), rate_changed: Notify::new() }
    }

    /// Another rate is agreed from now on. Starts made under the one before still count; a caller who waits for its turn
    /// waits by the new one.
    pub fn set_rate(&self, rate: RateLimit) {
        let agreed = Agreed::from(rate);
        let mut state = self.state();
        if (state.agreed.limit, state.agreed.full) == (agreed.limit, agreed.full) {
            return;
        }
        // What a 429 took away stays away, as a share.
        let share = state.effective / f64::from(state.agreed.full);
        state.effective = (f64::from(agreed.full) * share).max(1.0);
        // The journal answered for the rate before.
        state.journal_until = None;
        state.agreed = agreed;
        drop(state);
        // The one whose turn it is may be about to wait.
        self.rate_changed.notify_one();
    }

    /// Waits until a request may start, and counts it as started.
    ///
    /// Cancelling ends the wait with [`Class::Cancelled`](super::Class::Cancelled). The future must not be dropped
    /// while it runs: it may be writing to the journal.
    pub async fn acquire(
        &self,
        journal: &dyn Journal,
        clock: &dyn Clock,
        cancel: &CancellationToken,
    ) -> Result<(), Fault> {
        self.acquire_unless(journal, clock, cancel, cancel).await
    }

    /// Like [`Limiter::acquire`]; either of the tokens ends the wait.
    pub(super) async fn acquire_unless(
        &self,
        journal: &dyn Journal,
        clock: &dyn Clock,
        cancel: &CancellationToken,
        refused: &CancellationToken,
    ) -> Result<(), Fault> {
        let _queued = Queued::join(&self.queued);
        let _turn = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(Fault::cancelled()),
            () = refused.cancelled() => return Err(Fault::cancelled()),
            turn = self.gate.lock() => turn,
        };
        let mut slow_journal = false;
        loop {
            if cancel.is_cancelled() || refused.is_cancelled() {
                return Err(Fault::cancelled());
            }
            let now = Instant::now();
            let (wait, effective, agreed) = {
                let mut state = self.state();
                state.forget_before(now);
                (state.wait(now, 0), state.effective(), state.agreed)
            };
            if !wait.is_zero() {
                tokio::select! {
                    () = self.rate_changed.notified() => {}
                    paused = pause(wait, cancel, refused) => paused?,
                }
                continue;
            }
            if agreed.limit.is_none() {
                self.state().starts.push_back(now);
                return Ok(());
            }
            let window_ms = i64::try_from(agreed.window.as_millis()).unwrap_or(i64::MAX);
            match journal.take(effective, window_ms, clock.now()).await? {
                None => {
                    let started = Instant::now();
                    self.state().starts.push_back(started);
                    // The durable start is stamped before the write. When the write took longer than the margin, a
                    // restart would free the token too early, so a second one is taken; once, lest a slow disk eats all.
                    if started.duration_since(now) <= MARGIN || slow_journal {
                        return Ok(());
                    }
                    slow_journal = true;
                }
                Some(until) => {
                    // Wall-clock times are compared with each other only, and never believed beyond a window.
                    let wait = Duration::from_millis(u64::try_from(until - clock.now()).unwrap_or(0));
                    let wait = wait.clamp(SHORTEST_SLEEP, agreed.window);
                    self.state().journal_until = Some(Instant::now() + wait);
                }
            }
        }
    }

    /// The vendor said 429: nothing starts before `retry_after`, or before the window has passed when it named no time,
    /// and the rate is halved. Answers to requests that were under way together count once.
    ///
    /// `recorded` is how many starts of the window the journal knows, those of other processes with the same database
    /// included. When these leave room in the window, somebody else uses the key.
    pub fn on_rate_limited(&self, retry_after: Option<Duration>, recorded: Option<u32>) {
        let now = Instant::now();
        let mut state = self.state();
        state.forget_before(now);
        if state.frozen_until.is_none_or(|until| until <= now) {
            state.effective = (state.effective / 2.0).max(1.0);
            state.refusals = state.refusals.saturating_add(1);
            state.notice_foreign(recorded);
        }
        // An unlimited key has no window to wait for; the pause doubles while the vendor keeps refusing.
        let doubled = SHORTEST_FREEZE.saturating_mul(1_u32.checked_shl(state.refusals.min(8)).unwrap_or(1) / 2);
        let unnamed = if state.agreed.limit.is_some() { state.agreed.window } else { doubled.min(WINDOW) };
        let until = now + retry_after.unwrap_or(unnamed).max(SHORTEST_FREEZE);
        state.frozen_until = Some(state.frozen_until.map_or(until, |known| known.max(until)));
    }

    /// The vendor answered: the rate grows back, by one start per window for each window's worth of answers.
    ///
    /// Only while it is made use of: answers of a process that hardly asks say nothing about what a higher rate would
    /// meet (as in Netflix's concurrency-limits, which does not grow below half of its limit in flight).
    pub fn on_success(&self) {
        let now = Instant::now();
        let mut state = self.state();
        state.forget_before(now);
        state.refusals = 0;
        let used = u32::try_from(state.starts.len()).unwrap_or(u32::MAX);
        if self.queued.load(Ordering::Relaxed) > 0 || used.saturating_mul(2) >= state.effective() {
            state.effective = (state.effective + 1.0 / state.effective).min(f64::from(state.agreed.full));
        }
        // What was let through leaves others no more than the rest.
        let room = state.agreed.limit.map_or(0, |limit| limit.saturating_sub(used));
        if state.foreign > room {
            state.foreign = room;
            if room == 0 {
                tracing::info!("no sign of another client with this key any more: our own requests fill the limit");
            }
        }
    }

    #[must_use]
    pub fn snapshot(&self) -> LimitSnapshot {
        let now = Instant::now();
        let mut state = self.state();
        state.forget_before(now);
        LimitSnapshot {
            limit: state.agreed.limit,
            effective: state.effective(),
            used: u32::try_from(state.starts.len()).unwrap_or(u32::MAX),
            next_free_in: state.wait(now, 0),
            frozen_for: state.frozen_until.map(|t| t.duration_since(now)).filter(|d| !d.is_zero()),
            waiting: self.queued.load(Ordering::Relaxed),
            foreign_per_minute: Some(state.foreign).filter(|n| *n > 0),
        }
    }

    /// How long a caller that asks now would wait, those already in the queue counted.
    #[must_use]
    pub fn expected_wait(&self) -> Duration {
        let now = Instant::now();
        let ahead = self.queued.load(Ordering::Relaxed);
        let mut state = self.state();
        state.forget_before(now);
        state.wait(now, ahead)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whole starts per window, at least 1. The tiny allowance keeps eight additions of 1/8 from ending below 1.
    fn effective(&self) -> u32 {
        ((self.effective + 1e-6).floor() as u32).max(1)
    }

    /// The refused request is among ours; without it the others and ours filled the limit, so the others made at least
    /// the difference.
    fn notice_foreign(&mut self, recorded: Option<u32>) {
        let Some(limit) = self.agreed.limit else { return };
        let ours = recorded.unwrap_or(0).max(u32::try_from(self.starts.len()).unwrap_or(u32::MAX));
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

    fn forget_before(&mut self, now: Instant) {
        let window = self.agreed.window;
        while self.starts.front().is_some_and(|start| *start + window <= now) {
            self.starts.pop_front();
        }
    }

    /// How long until a start is free for a caller with `ahead` others before it. Expects old starts to be forgotten.
    fn wait(&self, now: Instant, ahead: usize) -> Duration {
        let window = self.agreed.window;
        let held = [self.frozen_until, self.journal_until].into_iter().flatten().max();
        let held = held.map_or(Duration::ZERO, |until| until.duration_since(now));
        let tokens = self.effective() as usize;
        // A caller waits for one known start to leave the window; one further back waits a whole window longer than the
        // caller a window's worth of places before it.
        let (mut ahead, mut rounds) = (ahead, 0_u32);
        let free = loop {
            let Some(behind) = (self.starts.len() + ahead).checked_sub(tokens) else { break Duration::ZERO };
            if let Some(start) = self.starts.get(behind) {
                break (*start + window).duration_since(now);
            }
            ahead -= tokens;
            rounds += 1;
        };
        free.max(held) + window.saturating_mul(rounds)
    }
}

/// Counts a caller as waiting until it is dropped.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn join(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sleeps, unless one of the tokens is cancelled first.
pub(super) async fn pause(
    wait: Duration,
    cancel: &CancellationToken,
    refused: &CancellationToken,
) -> Result<(), Fault> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Fault::cancelled()),
        () = refused.cancelled() => Err(Fault::cancelled()),
        () = tokio::time::sleep(wait) => Ok(()),
    }
}
