//! Never more requests than the vendor allows, by its own count.
//!
//! The rule is in [`place`]: a request keeps its place until a window after its answer. Two records of the places guard
//! each other. In the process they are kept on the monotonic clock. In the [`Journal`] they are durable and belong to all
//! processes, so a restart or a second process does not forget them. A request starts only when both agree.

pub mod place;
pub mod queue;
mod shared;
mod snapshot;
mod state;
mod turns;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use self::place::{Place, WINDOW};
use self::queue::LOOKS_AGAIN;
pub use self::queue::{Decision, Grant, PlaceRequest, Queued, Recorded, Refusal, Waiting, Wanted};
pub use self::snapshot::{HeldPlace, LimitSnapshot};
use self::state::{Agreed, State};
pub use self::turns::{Rank, ranked};
use self::turns::{Turns, Urgency};
use super::Fault;
use super::journal::Journal;
use barkeep_base::clock::{Clock, Moment};
use barkeep_config::RateLimit;
use barkeep_market::Source;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod tests;

/// Without an agreed limit the vendor asks to stay under 100 requests a second (knowledge base, "request limits").
const UNLIMITED_PLACES: u32 = 95;
const UNLIMITED_WINDOW: Duration = Duration::from_secs(1);

/// Shortest pause after a 429, and shortest sleep while the journal says no.
const SHORTEST_FREEZE: Duration = Duration::from_secs(1);
const SHORTEST_SLEEP: Duration = Duration::from_millis(20);

/// Places that a rate allows, and the window.
#[must_use]
pub const fn allowance(rate: RateLimit) -> (u32, Duration) {
    match rate {
        RateLimit::PerMinute(0) => (1, WINDOW),
        RateLimit::PerMinute(n) => (n, WINDOW),
        RateLimit::Unlimited => (UNLIMITED_PLACES, UNLIMITED_WINDOW),
    }
}

/// Hands out permission to start requests: the most urgent first, and of equal ones first come first served.
#[derive(Debug)]
pub struct Limiter {
    vendor: Source,
    /// In the queue of all processes.
    process: Uuid,
    /// No request takes longer than this, counted from when its place was taken.
    timeout: Duration,
    turns: Turns,
    /// Held while a place is taken.
    taking: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    /// Notified when the places of other processes have changed.
    observed: Notify,
    /// Notified when another rate is agreed.
    rate_changed: Notify,
}

/// Permission to start one request now. Its place is taken until [`Limiter::answered`] is told of the answer, and a
/// window longer; without that, until a window after its deadline.
#[derive(Debug)]
#[must_use = "its place is taken"]
pub struct Permit {
    number: u64,
    recorded: Option<i64>,
    /// The request must have ended by then.
    pub deadline: Instant,
}

impl Limiter {
    /// `timeout` is the longest that a request may take.
    #[must_use]
    pub fn new(rate: RateLimit, timeout: Duration) -> Self {
        Self::of(Source::default(), Agreed::from(rate), timeout)
    }

    /// The limiter of a vendor that allows so many requests in each of its windows.
    #[must_use]
    pub fn windowed(vendor: Source, limit: u32, timeout: Duration) -> Self {
        Self::of(vendor, Agreed::windowed(vendor, limit), timeout)
    }

    fn of(vendor: Source, agreed: Agreed, timeout: Duration) -> Self {
        Self {
            vendor,
            process: Uuid::new_v4(),
            timeout,
            turns: Turns::default(),
            taking: tokio::sync::Mutex::new(()),
            state: Mutex::new(State::new(agreed)),
            observed: Notify::new(),
            rate_changed: Notify::new(),
        }
    }

    /// Another rate is agreed from now on. Places taken under the one before still count; a caller who waits for its
    /// turn waits by the new one.
    pub fn set_rate(&self, rate: RateLimit) {
        self.agree(Agreed::from(rate));
    }

    /// The same where the vendor counts in a window of its own.
    pub fn set_places(&self, limit: u32) {
        self.agree(Agreed::windowed(self.vendor, limit));
    }

    fn agree(&self, agreed: Agreed) {
        if self.state().agree(agreed) {
            // The one whose turn it is may be about to wait.
            self.rate_changed.notify_one();
        }
    }

    /// Waits until a request may start, and takes its place.
    ///
    /// The future must not be dropped while it runs: it may be writing to the journal.
    ///
    /// # Errors
    /// [`Class::Cancelled`](super::Class::Cancelled) when `cancel` ends the wait, and [`Class::Journal`](super::Class::Journal)
    /// when the place cannot be written down.
    pub async fn acquire(
        &self,
        journal: &dyn Journal,
        clock: &dyn Clock,
        cancel: &CancellationToken,
    ) -> Result<Permit, Fault> {
        self.acquire_unless(journal, clock, cancel, cancel).await
    }

    /// Like [`Limiter::acquire`]; either of the tokens ends the wait.
    pub(super) async fn acquire_unless(
        &self,
        journal: &dyn Journal,
        clock: &dyn Clock,
        cancel: &CancellationToken,
        refused: &CancellationToken,
    ) -> Result<Permit, Fault> {
        let urgency = Urgency::of_task();
        let turn = self.turns.join(urgency.rank);
        loop {
            let taking = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Fault::cancelled()),
                () = refused.cancelled() => return Err(Fault::cancelled()),
                taking = async {
                    turn.first().await;
                    self.taking.lock().await
                } => taking,
            };
            // Its time counts from before the place is written down, so that the record is never ahead of the request.
            let taken_at = Instant::now();
            let deadline = taken_at + self.timeout;
            let (wait, effective, limit) = {
                let mut state = self.state();
                state.forget_free(taken_at);
                let wait = state.wait(taken_at, 0).max(state.left_to_others(taken_at, urgency.rank));
                (wait, state.effective(), state.agreed.limit)
            };
            let waiting = self.waiting().filter(|_| limit.is_some());
            if !wait.is_zero() {
                let tells = waiting.filter(|waiting| self.state().must_announce(taken_at, *waiting, wait));
                if let Some(waiting) = tells {
                    self.ask_journal(journal, clock, effective, Some(waiting), None).await?;
                }
                drop(taking);
                let wait = if waiting.is_some() { wait.min(LOOKS_AGAIN) } else { wait };
                tokio::select! {
                    () = self.rate_changed.notified() => {}
                    () = turn.overtaken() => {}
                    paused = pause(wait, cancel, refused) => paused?,
                }
                continue;
            }
            if limit.is_none() {
                return Ok(self.state().take(None, deadline, urgency));
            }
            let Some(place) = self.ask_journal(journal, clock, effective, waiting, Some(urgency)).await? else {
                continue;
            };
            let mut state = self.state();
            let permit = state.take(Some(place), deadline, urgency);
            // A write that ate up half of the request's time leaves it too little. The place passes as it would without
            // an answer.
            if taken_at.elapsed() <= self.timeout / 2 {
                return Ok(permit);
            }
        }
    }

    /// The request of this permit was answered, or failed: its place is free one window from now.
    pub async fn answered(&self, permit: Permit, journal: &dyn Journal, clock: &dyn Clock) {
        {
            let mut state = self.state();
            if let Some(own) = state.own.iter_mut().find(|own| own.permit == permit.number) {
                own.answered = Some(Instant::now());
            }
        }
        if let Some(place) = permit.recorded {
            journal.answered(place, Moment::now(clock)).await;
        }
    }

    /// Returns when something shown may have changed without this process doing anything: a place of another process
    /// was taken, or one becomes free.
    pub async fn moved(&self) {
        let next = {
            let now = Instant::now();
            let mut state = self.state();
            state.forget_free(now);
            state.taken(now).into_iter().min()
        };
        tokio::select! {
            () = self.observed.notified() => {}
            () = async {
                match next {
                    Some(left) => tokio::time::sleep(left.max(SHORTEST_FREEZE)).await,
                    None => std::future::pending().await,
                }
            } => {}
        }
    }

    /// The vendor answered: the rate grows back, by one place for each window's worth of answers.
    ///
    /// Only while it is made use of: answers of a process that hardly asks say nothing about what a higher rate would
    /// meet (as in Netflix's concurrency-limits, which does not grow below half of its limit in flight).
    pub fn on_success(&self) {
        let now = Instant::now();
        let mut state = self.state();
        state.forget_free(now);
        state.refusals = 0;
        let used = state.used();
        if self.turns.waiting() > 0 || used.saturating_mul(2) >= state.effective() {
            state.effective = (state.effective + 1.0 / state.effective).min(f64::from(state.agreed.full));
        }
        // What was let through leaves others no more than the rest.
        let Some(limit) = state.agreed.limit else { return };
        let room = limit.saturating_sub(used);
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
        state.forget_free(now);
        LimitSnapshot {
            limit: state.agreed.limit,
            effective: state.effective(),
            used: state.used(),
            next_free_in: state.wait(now, 0),
            frozen_for: state.frozen_until.map(|t| t.duration_since(now)).filter(|d| !d.is_zero()),
            waiting: self.turns.waiting(),
            foreign_per_minute: Some(state.foreign).filter(|n| *n > 0),
            held: state.held(now),
        }
    }

    /// How long a caller that asks now would wait, those that go before it counted.
    #[must_use]
    pub fn expected_wait(&self) -> Duration {
        let now = Instant::now();
        let ahead = self.turns.ahead(Urgency::of_task().rank);
        let mut state = self.state();
        state.forget_free(now);
        state.wait(now, ahead)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
