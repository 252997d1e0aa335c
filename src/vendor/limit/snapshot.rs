//! The limiter as it is shown.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::allowance;
use super::place::{self, Place, WINDOW, wait};
use super::queue::Recorded;
use barkeep_base::clock::Moment;
use barkeep_config::RateLimit;
use barkeep_market::Source;

/// Taken places named one by one in a snapshot; of more than these the soonest free are.
const NAMED_PLACES: usize = 600;

/// A place that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldPlace {
    /// How long it stays taken at the least.
    #[serde(rename = "free_in_seconds", serialize_with = "seconds", deserialize_with = "from_seconds")]
    pub free_in: Duration,
    /// Its request has no answer yet: until it has one, that time does not get shorter.
    pub on_the_wire: bool,
}

impl HeldPlace {
    /// Soonest free first, and no more than are named.
    #[must_use]
    pub fn sorted(places: impl Iterator<Item = Self>) -> Vec<Self> {
        let mut places: Vec<Self> = places.filter(|place| !place.free_in.is_zero()).collect();
        places.sort_by_key(|place| place.free_in);
        places.truncate(NAMED_PLACES);
        places
    }
}

/// What an operator sees of the limiter. Durations serialise as seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitSnapshot {
    /// The agreed requests per minute; `None` when unlimited.
    pub limit: Option<u32>,
    /// Places now: below the limit after a 429.
    pub effective: u32,
    /// Places taken, by all processes that share the database.
    pub used: u32,
    /// Until the next request can start; zero when it can now.
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
    /// The places taken, one by one, soonest free first; none when unlimited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldPlace>,
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

impl LimitSnapshot {
    /// What is known of the usual vendor's limit from the record alone: what a process sees that does not run the limiter.
    #[must_use]
    pub fn observed(rate: RateLimit, recorded: &Recorded, now: &Moment) -> Self {
        let (full, window) = allowance(rate);
        let places: Vec<&Place> = recorded.places.iter().filter(|place| place.vendor.is_usual()).collect();
        let taken = place::taken(places.iter().copied(), now);
        let limit = matches!(rate, RateLimit::PerMinute(_)).then_some(full);
        let held = places.iter().filter(|_| limit.is_some()).map(|place| {
            let free_in = place.free_in(now);
            HeldPlace { free_in, on_the_wire: place.answered.is_none() && free_in >= WINDOW }
        });
        let refusal = recorded.refusal(Source::default(), now.at).filter(|_| limit.is_some());
        let frozen_for = refusal.map(|refusal| refusal.left(now.at)).filter(|left| !left.is_zero());
        // As [`Limiter::snapshot`] rounds it.
        let effective = refusal.map_or(full, |refusal| (refusal.share * f64::from(full) + 1e-6) as u32).max(1);
        Self {
            limit,
            held: HeldPlace::sorted(held),
            effective,
            frozen_for,
            used: u32::try_from(taken.len()).unwrap_or(u32::MAX),
            next_free_in: wait(taken, effective, 0, window).max(frozen_for.unwrap_or_default()),
            ..Self::default()
        }
    }
}
