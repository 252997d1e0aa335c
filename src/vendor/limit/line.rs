//! Who goes first of the processes that share a limit: the one with the more urgent request.
//!
//! A process that waits records how urgent its first request is, and by when it will have looked again. A request is let
//! through only when there is room for those of other processes that are more urgent. Of equally urgent ones the first
//! to ask is served. What a dead process recorded holds nobody up for longer than [`MOST`].

use std::time::Duration;

use uuid::Uuid;

use barkeep_base::clock::Moment;
use barkeep_market::ts::millis;
use barkeep_market::{Source, Ts};

use super::place::{Grant, Place, WINDOW, taken, wait};
use super::turns::Rank;

/// A process that waits looks again at the latest after this.
pub(super) const LOOKS_AGAIN: Duration = Duration::from_secs(10);
/// How much later than it meant to it may look.
const LATE: Duration = Duration::from_secs(2);
/// What is recorded for longer was recorded before the clock was set back.
const MOST: Duration = Duration::from_secs(12);

/// The most urgent requests of a process that wait for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub process: Uuid,
    pub rank: Rank,
    /// So many of that rank; the one that asks is among them.
    pub requests: u32,
}

/// Such a process as it is recorded for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InLine {
    pub waiting: Waiting,
    pub until: Ts,
}

/// What a request says that wants a place.
#[derive(Clone, Copy, Debug)]
pub struct PlaceRequest {
    pub vendor: Source,
    /// Places there are.
    pub limit: u32,
    /// It takes at most this long.
    pub timeout: Duration,
    pub now: Moment,
    /// `None`: it neither joins the line nor lets anybody go first.
    pub waiting: Option<Waiting>,
    /// Requests that are expected to come at once when it is answered; they have their place in the line.
    pub follows: u32,
    /// It only joins the line, because its process knows of a reason to wait.
    pub only_joins: bool,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The place may be taken.
    pub granted: bool,
    /// What becomes of the row of this process in the line; `None`: it has none any more.
    pub line: Option<InLine>,
    pub ask_again_in: Duration,
    /// Whether other processes wait.
    pub has_company: bool,
}

impl PlaceRequest {
    /// A request that takes part in no line.
    #[must_use]
    pub const fn new(vendor: Source, limit: u32, timeout: Duration, now: Moment) -> Self {
        Self { vendor, limit, timeout, now, waiting: None, follows: 0, only_joins: false }
    }

    /// `places` are those taken at this vendor, `line` the processes that wait for one.
    #[must_use]
    pub fn decide(&self, places: &[Place], line: &[InLine]) -> Decision {
        let own = self.waiting.map(|waiting| waiting.process);
        let others: Vec<&InLine> =
            line.iter().filter(|other| Some(other.waiting.process) != own && other.counts(self.now.at)).collect();
        let first: Vec<&&InLine> = others
            .iter()
            .filter(|other| self.waiting.is_some_and(|waiting| other.waiting.rank < waiting.rank))
            .collect();
        let ahead = first.iter().fold(0_u32, |sum, other| sum.saturating_add(other.waiting.requests));
        let taken = taken(places, &self.now);
        let for_place = wait(taken, self.limit, ahead as usize, WINDOW);
        let granted = !self.only_joins && for_place.is_zero();
        // Who is first may have died meanwhile.
        let for_line =
            first.iter().map(|other| Duration::from_millis((other.until - self.now.at).unsigned_abs() + 1)).min();
        let ask_again_in = for_line.map_or(for_place, |line| for_place.min(line));
        let has_company = !others.is_empty();
        let line = self.waiting.and_then(|waiting| {
            let requests = match (granted, has_company) {
                (false, _) => waiting.requests,
                (true, true) => waiting.requests.saturating_sub(1).saturating_add(self.follows),
                // What waits next says so when it asks.
                (true, false) => 0,
            };
            let until = self.now.at + millis(ask_again_in.min(LOOKS_AGAIN) + LATE);
            (requests > 0).then_some(InLine { waiting: Waiting { requests, ..waiting }, until })
        });
        Decision { granted, line, ask_again_in, has_company }
    }
}

impl InLine {
    /// Whether others have to mind it.
    #[must_use]
    pub fn counts(&self, now: Ts) -> bool {
        (now + 1..=now + millis(MOST)).contains(&self.until)
    }
}

impl Decision {
    /// For the limiter.
    #[must_use]
    pub fn grant(&self, place: Option<i64>, taken: Vec<Place>) -> Grant {
        Grant { place, taken, ask_again_in: self.ask_again_in, has_company: self.has_company }
    }
}
