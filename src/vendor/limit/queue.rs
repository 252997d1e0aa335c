//! What the processes that share a limit tell each other: who waits how urgently, and what the vendor refused.
//!
//! A process that waits records how urgent its first request is, and by when it will have looked again. A request is let
//! through only when there is room for those of other processes that are more urgent. Of equally urgent ones the first
//! to ask is served. What a dead process recorded holds nobody up for longer than 12 s.
//!
//! After a 429 all of them pause and go on at the lower rate, those too that are started later. Each raises its rate by
//! its own answers.

use std::time::Duration;

use uuid::Uuid;

use barkeep_base::clock::Moment;
use barkeep_market::ts::millis;
use barkeep_market::{Source, Ts};

use super::place::{Place, WINDOW, taken, wait};
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
pub struct Queued {
    pub waiting: Waiting,
    pub until: Ts,
}

/// A 429 as it is recorded for all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refusal {
    /// When it came; what tells it from others.
    pub at: Ts,
    /// Nobody asks before.
    pub until: Ts,
    /// Of the rate that is agreed.
    pub share: f64,
}

/// What a process wants from the record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    Place,
    /// To join the queue, because it knows of a reason to wait.
    Line,
    /// To tell the others that it was refused: for how long nobody asks, and the share of the rate that is left.
    Report(Duration, f64),
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
    /// `None`: it neither joins the queue nor lets anybody go first.
    pub waiting: Option<Waiting>,
    /// Requests that are expected to come at once when it is answered; they have their place in the queue.
    pub follows: u32,
    /// It knows of others, though none may be waiting now.
    pub has_company: bool,
    pub wanted: Wanted,
}

/// What the journal says to a request for a place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grant {
    /// The place taken; `None` when all are.
    pub place: Option<i64>,
    /// The places that were taken before, of all processes.
    pub taken: Vec<Place>,
    /// When there is none: for how long there is none.
    pub ask_again_in: Duration,
    /// Whether other processes wait for one.
    pub has_company: bool,
    /// The last 429, if it still matters.
    pub refusal: Option<Refusal>,
    /// How long nobody asks because of it.
    pub paused_for: Duration,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// The place may be taken.
    pub granted: bool,
    /// What becomes of the row of this process in the queue; `None`: it has none any more.
    pub line: Option<Queued>,
    pub ask_again_in: Duration,
    /// Whether other processes wait.
    pub has_company: bool,
    /// The last 429, if it still matters.
    pub refusal: Option<Refusal>,
    /// How long nobody asks because of it.
    pub paused_for: Duration,
}

impl PlaceRequest {
    /// A request that takes part in no queue.
    #[must_use]
    pub const fn new(vendor: Source, limit: u32, timeout: Duration, now: Moment) -> Self {
        Self { vendor, limit, timeout, now, waiting: None, follows: 0, has_company: false, wanted: Wanted::Place }
    }

    /// `places` are those taken at this vendor, `line` the processes that wait for one, `refusal` the last one recorded.
    #[must_use]
    pub fn decide(&self, places: &[Place], line: &[Queued], refusal: Option<Refusal>) -> Decision {
        let now = self.now.at;
        let refusal = refusal.filter(|refusal| refusal.counts(now));
        let refusal = match self.wanted {
            Wanted::Report(pause, share) => {
                let until = now + millis(pause);
                Some(Refusal { at: now, until: refusal.map_or(until, |known| known.until.max(until)), share })
            }
            Wanted::Place | Wanted::Line => refusal,
        };
        let paused_for = refusal.map_or(Duration::ZERO, |refusal| refusal.left(now));
        let own = self.waiting.map(|waiting| waiting.process);
        let others: Vec<&Queued> =
            line.iter().filter(|other| Some(other.waiting.process) != own && other.counts(now)).collect();
        let first: Vec<&&Queued> = others
            .iter()
            .filter(|other| self.waiting.is_some_and(|waiting| other.waiting.rank < waiting.rank))
            .collect();
        let ahead = first.iter().fold(0_u32, |sum, other| sum.saturating_add(other.waiting.requests));
        let taken = taken(places, &self.now);
        let for_place = wait(taken, self.limit, ahead as usize, WINDOW).max(paused_for);
        let granted = self.wanted == Wanted::Place && for_place.is_zero();
        // Who is first may have died meanwhile.
        let for_line = first.iter().map(|other| Duration::from_millis((other.until - now).unsigned_abs() + 1)).min();
        let ask_again_in = for_line.map_or(for_place, |line| for_place.min(line)).max(paused_for);
        let has_company = !others.is_empty();
        let line = self.waiting.and_then(|waiting| {
            let requests = match (granted, self.has_company || has_company) {
                (false, _) => waiting.requests,
                (true, true) => waiting.requests.saturating_sub(1).saturating_add(self.follows),
                // What waits next says so when it asks.
                (true, false) => 0,
            };
            let until = now + millis(ask_again_in.min(LOOKS_AGAIN) + LATE);
            (requests > 0).then_some(Queued { waiting: Waiting { requests, ..waiting }, until })
        });
        Decision { granted, line, ask_again_in, has_company, refusal, paused_for }
    }
}

impl Queued {
    /// Whether others have to mind it.
    #[must_use]
    pub fn counts(&self, now: Ts) -> bool {
        (now + 1..=now + millis(MOST)).contains(&self.until)
    }
}

impl Refusal {
    /// Whether it still matters: a window longer than the pause, and not when the clock was set back since.
    #[must_use]
    pub fn counts(&self, now: Ts) -> bool {
        (self.at..self.until + millis(WINDOW)).contains(&now)
    }

    /// How long nobody asks.
    #[must_use]
    pub fn left(&self, now: Ts) -> Duration {
        Duration::from_millis(u64::try_from(self.until - now).unwrap_or(0))
    }
}

/// What is recorded for all processes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// At all vendors, in the order they were taken; free ones stay until another is taken.
    pub places: Vec<Place>,
    /// The last 429 of each vendor.
    pub refusals: Vec<(Source, Refusal)>,
}

impl Recorded {
    /// The last 429 of a vendor, if it still matters.
    #[must_use]
    pub fn refusal(&self, vendor: Source, now: Ts) -> Option<Refusal> {
        let (_, refusal) = self.refusals.iter().find(|(of, _)| *of == vendor)?;
        refusal.counts(now).then_some(*refusal)
    }
}

impl Decision {
    /// For the limiter.
    #[must_use]
    pub fn grant(&self, place: Option<i64>, taken: Vec<Place>) -> Grant {
        let Self { ask_again_in, has_company, refusal, paused_for, .. } = *self;
        Grant { place, taken, ask_again_in, has_company, refusal, paused_for }
    }
}
