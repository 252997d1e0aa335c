//! What went wrong with a request, as one class and one sentence.
//!
//! The class decides everything that follows: whether to try again, whether to stop the run, what the operator reads.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use barkeep_base::text::printable;

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

    #[must_use]
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(Class::Malformed, message)
    }

    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(Class::Cancelled, "cancelled")
    }
}

/// How a request ended that brought no answer, or no whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// No connection: refused, unreachable, no such host, TLS refused.
    Connect,
    /// A time limit ran out: connecting, between two pieces of the body, or over the whole request.
    Timeout,
    /// The connection broke before the answer was whole.
    Broken,
    /// The body is not what its encoding says (gzip).
    Encoding,
    /// The body is longer than the configured limit.
    TooLong,
    /// The request could not be built.
    Request,
}

/// What is known when a request failed.
#[derive(Clone, Copy, Debug)]
pub enum Failure<'a> {
    /// An answer that is not a page: its status and its body.
    Answer { status: u16, body: &'a str },
    /// No whole answer; the text says what the transport reported.
    Transport { kind: Transport, detail: &'a str },
}

/// Statuses and what they mean, first match wins. 403 is told apart by its text, see [`REFUSALS`].
const STATUSES: [(std::ops::RangeInclusive<u16>, Class, &str); 9] = [
    (401..=401, Class::Auth, "the vendor refused the key"),
    (403..=403, Class::NotEntitled, "the vendor's plan does not include this"),
    (408..=408, Class::Transient, "the vendor timed out"),
    (429..=429, Class::RateLimited, "the vendor's rate limit is reached"),
    (499..=499, Class::Transient, "the vendor dropped the request"),
    (500..=599, Class::Transient, "the vendor failed"),
    (300..=399, Class::Permanent, "redirect refused; set base_url to the final address"),
    (400..=498, Class::Permanent, "the vendor refused the request"),
    // Anything else, 200 with a body that is no page included.
    (0..=u16::MAX, Class::Malformed, "unexpected answer"),
];

/// What the text of a 403 gives away, in lower case (bodies recorded from live keys of three plans).
const REFUSALS: [(&str, Class); 2] = [("data timeframe", Class::PlanWindow), ("today's data", Class::TooEarly)];

/// Transport failures and what they mean.
const TRANSPORTS: [(Transport, Class, &str); 6] = [
    (Transport::Connect, Class::Transient, "cannot connect to the vendor"),
    (Transport::Timeout, Class::Transient, "the vendor took too long"),
    (Transport::Broken, Class::Transient, "the connection broke before the answer was whole"),
    (Transport::Encoding, Class::Malformed, "the answer is not what its encoding says"),
    (Transport::TooLong, Class::Malformed, "the answer is too long"),
    (Transport::Request, Class::Permanent, "the request could not be made"),
];

/// The one place that decides what a failure is.
#[must_use]
pub fn classify(failure: Failure<'_>) -> Fault {
    match failure {
        Failure::Answer { status, body } => {
            let said = said(body);
            let row = STATUSES.iter().find(|(range, ..)| range.contains(&status));
            let (mut class, meaning) = row.map_or((Class::Malformed, "unexpected answer"), |(_, c, text)| (*c, *text));
            if class == Class::NotEntitled {
                // Typographic apostrophes have been seen in vendor texts.
                let text = body.to_lowercase().replace('\u{2019}', "'");
                if let Some((_, told)) = REFUSALS.iter().find(|(phrase, _)| text.contains(phrase)) {
                    class = *told;
                }
            }
            let message = match said {
                Some(said) => format!("{meaning} ({status}): {said}"),
                None => format!("{meaning} ({status})"),
            };
            Fault { status: Some(status), ..Fault::new(class, message) }
        }
        Failure::Transport { kind, detail } => {
            let row = TRANSPORTS.iter().find(|(k, ..)| *k == kind);
            let (class, meaning) = row.map_or((Class::Transient, "the request failed"), |(_, c, text)| (*c, *text));
            let detail = printable(detail);
            Fault::new(class, if detail.is_empty() { meaning.to_owned() } else { format!("{meaning}: {detail}") })
        }
    }
}

/// What an error body says, fit to print. The vendor writes `error` or `message`; proxies before it write HTML.
fn said(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct VendorMessage {
        error: Option<serde_json::Value>,
        message: Option<serde_json::Value>,
    }
    let body = body.trim();
    if body.starts_with('<') {
        return Some("an HTML page".to_owned());
    }
    if body.starts_with('{') {
        let said: VendorMessage = serde_json::from_str(body).ok()?;
        return [said.error, said.message].into_iter().flatten().find_map(|v| v.as_str().map(printable));
    }
    (!body.is_empty()).then(|| printable(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Fault {
        classify(Failure::Answer { status, body })
    }

    #[test]
    fn every_status_has_its_class() {
        use Class::{Auth, Malformed, NotEntitled, Permanent, RateLimited, Transient};
        for (statuses, want) in [
            (&[401][..], Auth),
            (&[403], NotEntitled),
            (&[429], RateLimited),
            (&[408, 499, 500, 502, 503, 504, 520, 599], Transient),
            (&[400, 402, 404, 405, 410, 413, 422, 451, 498], Permanent),
            (&[301, 302, 303, 304, 307, 308], Permanent),
            (&[0, 100, 101, 200, 201, 204, 206, 299, 600, 999, u16::MAX], Malformed),
        ] {
            for &status in statuses {
                let fault = answer(status, "");
                assert_eq!((fault.class, fault.status), (want, Some(status)), "{status}");
            }
        }
        assert!(answer(302, "").message.contains("redirect refused"));
    }

    #[test]
    fn the_three_kinds_of_403_are_told_apart_by_either_field_or_plain_text() {
        for (text, want) in [
            ("Your plan doesn't include this data timeframe. Please upgrade", Class::PlanWindow),
            ("Attempted to request today's data before end of day. Please upgrade", Class::TooEarly),
            ("Attempted to request today\u{2019}s data before end of day.", Class::TooEarly),
            ("You are not entitled to this data. Please upgrade your plan", Class::NotEntitled),
            ("", Class::NotEntitled),
        ] {
            for body in [
                format!("{{\"status\":\"NOT_AUTHORIZED\",\"message\":\"{text}\"}}"),
                format!("{{\"status\":\"NOT_AUTHORIZED\",\"error\":\"{text}\"}}"),
                format!("<html><body>{text}</body></html>"),
                text.to_owned(),
            ] {
                assert_eq!(answer(403, &body).class, want, "{body}");
            }
        }
    }

    #[test]
    fn every_transport_failure_has_its_class() {
        for (kind, class, meaning) in TRANSPORTS {
            let fault = classify(Failure::Transport { kind, detail: "os error 111" });
            assert_eq!(fault.class, class);
            assert_eq!(fault.message, format!("{meaning}: os error 111"));
        }
    }

    #[test]
    fn odd_bodies_neither_break_nor_reach_the_terminal_raw() {
        let deep = "[".repeat(100_000);
        for body in ["", " ", "null", "{", "{\"error\":5}", "{\"error\":{\"a\":1}}", "<html>", "\u{feff}{}", &deep] {
            assert_eq!(answer(500, body).class, Class::Transient);
        }
        let hostile = answer(400, "{\"error\":\"\\u001b]2;PWNED\\u0007 \u{202e}\"}").message;
        assert!(hostile.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{hostile:?}");
        assert!(answer(400, &"x".repeat(1 << 20)).message.chars().count() < 300);
    }
}
