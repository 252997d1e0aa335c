//! What went wrong with a request, as one class and one sentence.
//!
//! The class decides everything that follows: whether to try again, whether to stop the run, what the operator reads.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// The kinds of failure, each with its own policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Transport errors, timeouts, 408 and 5xx: tried again.
    Transient,
    /// 429: tried again after the window, for the whole account.
    RateLimited,
    /// 401: the key is refused; the run stops.
    Auth,
    /// 403, the plan does not include this endpoint or ticker.
    NotEntitled,
    /// 403, the whole range is older than the plan's history.
    PlanWindow,
    /// 403, today's data before the end of the day on an end-of-day plan.
    TooEarly,
    /// 400, 404 and other refusals of this one request: not tried again.
    Permanent,
    /// An answer that is no answer: HTML, cut off, wrong types, foreign rows, looping pages. No bar of it is stored.
    Malformed,
    /// The caller gave up (cancel, shutdown).
    Cancelled,
    /// The rate-limit journal could not be written, so the request was not made.
    Journal,
}

impl Class {
    pub const ALL: [Self; 10] = [
        Self::Transient,
        Self::RateLimited,
        Self::Auth,
        Self::NotEntitled,
        Self::PlanWindow,
        Self::TooEarly,
        Self::Permanent,
        Self::Malformed,
        Self::Cancelled,
        Self::Journal,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited => "rate_limited",
            Self::Auth => "auth",
            Self::NotEntitled => "not_entitled",
            Self::PlanWindow => "plan_window",
            Self::TooEarly => "too_early",
            Self::Permanent => "permanent",
            Self::Malformed => "malformed",
            Self::Cancelled => "cancelled",
            Self::Journal => "journal",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failed attempt. The message is printable, holds no key and no query string.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    pub class: Class,
    pub message: String,
    /// HTTP status, when an answer came.
    pub status: Option<u16>,
    pub request_id: Option<String>,
    /// What `Retry-After` asked for, already parsed and capped.
    pub retry_after: Option<Duration>,
}

impl Fault {
    #[must_use]
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), status: None, request_id: None, retry_after: None }
    }
}
