//! The limiter as it is shown.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::allowance;
use super::place::{self, Place, wait};
use barkeep_base::clock::Moment;
use barkeep_config::RateLimit;

/// What an operator sees of the limiter. Durations serialise as seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// What is known from the recorded places alone: what a process sees that does not run the limiter.
    #[must_use]
    pub fn observed(rate: RateLimit, places: &[Place], now: &Moment) -> Self {
        let (full, window) = allowance(rate);
        let taken = place::taken(places, now);
        Self {
            limit: matches!(rate, RateLimit::PerMinute(_)).then_some(full),
            effective: full,
            used: u32::try_from(taken.len()).unwrap_or(u32::MAX),
            next_free_in: wait(taken, full, 0, window),
            ..Self::default()
        }
    }
}
