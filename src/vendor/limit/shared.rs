//! What a limiter hears from other processes, and tells them.

use std::time::Duration;

use tokio::time::Instant;

use super::place::{Place, WINDOW};
use super::queue::{Grant, LOOKS_AGAIN, PlaceRequest, Recorded, Waiting, Wanted};
use super::state::State;
use super::turns::Urgency;
use super::{Limiter, SHORTEST_FREEZE, SHORTEST_SLEEP};
use crate::Fault;
use crate::journal::Journal;
use barkeep_base::clock::{Clock, Moment};

impl Limiter {
    /// Those who wait here, for the queue. Where places come back within seconds there is none.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        let (rank, requests) = self.turns.first().filter(|_| self.vendor.window() >= WINDOW)?;
        Some(Waiting { process: self.process, rank, requests })
    }

    /// Asks for a place for a request, or only joins the queue, and takes note of what the others do.
    pub(super) async fn ask_journal(
        &self,
        journal: &dyn Journal,
        clock: &dyn Clock,
        limit: u32,
        waiting: Option<Waiting>,
        request: Option<Urgency>,
    ) -> Result<Option<i64>, Fault> {
        let now = Moment::now(clock);
        let (wanted, follows) = request.map_or((Wanted::Line, 0), |request| (Wanted::Place, request.follows));
        let has_company = self.state().has_company(Instant::now());
        let asked = PlaceRequest {
            waiting,
            follows,
            has_company,
            wanted,
            ..PlaceRequest::new(self.vendor, limit, self.timeout, now)
        };
        let Grant { place, taken, ask_again_in, has_company, refusal, paused_for } = journal.take(asked).await?;
        let instant = Instant::now();
        let mut state = self.state();
        self.observe_places(&mut state, &taken, &now);
        if has_company {
            state.company_until = Some(instant + WINDOW);
        }
        state.announced =
            waiting.filter(|_| place.is_none()).map(|told| (told, instant + ask_again_in.min(LOOKS_AGAIN)));
        if let Some(refusal) = refusal {
            state.learn(refusal, instant + paused_for);
        }
        if place.is_none() && wanted == Wanted::Place {
            // Its times may be of the wall clock; they are never believed beyond a window.
            state.journal_until = Some(instant + ask_again_in.clamp(SHORTEST_SLEEP, WINDOW));
        }
        Ok(place)
    }

    /// Takes note of what the journal had recorded at `now` about this vendor.
    pub fn observe(&self, recorded: &Recorded, now: &Moment) {
        let mut state = self.state();
        if state.agreed.limit.is_none() {
            return;
        }
        self.observe_places(&mut state, &recorded.places, now);
        if let Some(refusal) = recorded.refusal(self.vendor, now.at) {
            state.learn(refusal, Instant::now() + refusal.left(now.at));
        }
    }

    fn observe_places(&self, state: &mut State, places: &[Place], now: &Moment) {
        let instant = Instant::now();
        let before = state.others.iter().filter(|until| **until > instant).count();
        let is_own = |id: i64| state.own.iter().any(|own| own.recorded == Some(id));
        let here = places.iter().filter(|place| place.vendor == self.vendor);
        let others = here.filter(|place| !is_own(place.id)).map(|place| place.free_in(now));
        state.others = others.filter(|left| !left.is_zero()).map(|left| instant + left).collect();
        if !state.others.is_empty() {
            state.company_until = Some(instant + WINDOW);
        }
        if state.others.len() != before {
            self.observed.notify_one();
        }
    }

    /// The vendor said 429: nothing starts before `retry_after`, or before the oldest place is free when it named no
    /// time, and the rate is halved. Answers to requests that were under way together count once.
    ///
    /// When the places known leave room in the window, those of other processes with the same database included,
    /// somebody else uses the key. The others are told.
    pub async fn on_rate_limited(&self, retry_after: Option<Duration>, journal: &dyn Journal, clock: &dyn Clock) {
        self.slow_down(retry_after);
        let (pause, share, limit) = {
            let state = self.state();
            let pause = state.frozen_until.map_or(Duration::ZERO, |until| until.duration_since(Instant::now()));
            (pause, state.effective / f64::from(state.agreed.full), state.agreed.limit)
        };
        let Some(limit) = limit else { return };
        let wanted = Wanted::Report(pause, share);
        let told = PlaceRequest { wanted, ..PlaceRequest::new(self.vendor, limit, self.timeout, Moment::now(clock)) };
        match journal.take(told).await {
            Ok(Grant { refusal, .. }) => self.state().known_refusal = refusal.map(|refusal| refusal.at),
            Err(e) => tracing::warn!(error = %e, "other processes could not be told of a 429"),
        }
    }

    fn slow_down(&self, retry_after: Option<Duration>) {
        let now = Instant::now();
        let mut state = self.state();
        state.forget_free(now);
        if state.frozen_until.is_none_or(|until| until <= now) {
            state.effective = (state.effective / 2.0).max(1.0);
            state.refusals = state.refusals.saturating_add(1);
            if self.vendor.needs_key() {
                state.notice_foreign();
            }
        }
        // An unlimited key has no window to wait for, and a short window is over too soon to tell anything; the pause
        // doubles while the vendor keeps refusing.
        let doubled = SHORTEST_FREEZE.saturating_mul(1_u32.checked_shl(state.refusals.min(8)).unwrap_or(1) / 2);
        let oldest = state.taken(now).into_iter().min();
        let unnamed = match state.agreed.limit {
            Some(_) if state.agreed.window >= WINDOW => oldest.unwrap_or(state.agreed.window),
            _ => doubled.min(WINDOW),
        };
        let until = now + retry_after.unwrap_or(unnamed).max(SHORTEST_FREEZE);
        state.frozen_until = Some(state.frozen_until.map_or(until, |known| known.max(until)));
    }
}
