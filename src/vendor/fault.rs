//! What went wrong with a request, as one class and one sentence.
//!
//! The class decides everything that follows: whether to try again, whether to stop the run, what the operator reads.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumCount, IntoStaticStr, VariantArray};

use super::refusal::{self, Plan, Speaker};
use barkeep_base::text::printable;
use barkeep_base::variants::all;
use barkeep_market::Ts;

/// The kinds of failure, each with its own policy.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    IntoStaticStr,
    EnumCount,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Class {
    /// Transport errors, timeouts, 408, 5xx, and refusals that are not the vendor's own: tried again.
    Transient,
    /// 429: tried again after the window, for the whole account.
    RateLimited,
    /// 401 in the vendor's words: the key is refused; the run stops.
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
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
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
    /// The vendor's clock when it answered, to the second.
    pub server_time: Option<Ts>,
}

impl Fault {
    #[must_use]
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), status: None, request_id: None, retry_after: None, server_time: None }
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
    /// The connection was closed before the answer was complete.
    Broken,
    /// The body does not match its content encoding (gzip).
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

/// Statuses and what they mean when it is the vendor who answers (see [`refusal`]), first match wins.
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

/// Transport failures and what they mean.
const TRANSPORTS: [(Transport, Class, &str); 6] = [
    (Transport::Connect, Class::Transient, "cannot connect to the vendor"),
    (Transport::Timeout, Class::Transient, "the vendor took too long"),
    (Transport::Broken, Class::Transient, "the connection was closed before the answer was complete"),
    (Transport::Encoding, Class::Malformed, "the answer does not match its content encoding"),
    (Transport::TooLong, Class::Malformed, "the answer is too long"),
    (Transport::Request, Class::Permanent, "the request could not be made"),
];

/// The one place that decides what a failure is.
#[must_use]
pub fn classify(failure: Failure<'_>) -> Fault {
    match failure {
        Failure::Answer { status, body } => {
            let row = STATUSES.iter().find(|(range, ..)| range.contains(&status));
            let (class, meaning) = row.map_or((Class::Malformed, "unexpected answer"), |(_, c, text)| (*c, *text));
            let (class, message) = match refusal::speaker(status, body) {
                Speaker::Between(what) => {
                    (Class::Transient, format!("{status} from a proxy on the way to the vendor ({what})"))
                }
                Speaker::Vendor { plan, said } => {
                    let class = match plan {
                        Some(Plan::Window) => Class::PlanWindow,
                        Some(Plan::Today) => Class::TooEarly,
                        Some(Plan::Entitlement) | None => class,
                    };
                    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
                    (class, format!("{meaning} ({status}){said}"))
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Fault {
        classify(Failure::Answer { status, body })
    }

    /// An error in the vendor's form.
    fn vendors(text: &str) -> String {
        format!(r#"{{"status":"ERROR","request_id":"6a7e4663","error":"{text}"}}"#)
    }

    #[test]
    fn every_status_of_the_vendor_has_its_class() {
        use Class::{Auth, Malformed, NotEntitled, Permanent, RateLimited, Transient};
        let denied = r#"{"status":"NOT_AUTHORIZED","request_id":"d49fca31","message":"No."}"#;
        for (statuses, want) in [
            (&[401][..], Auth),
            (&[429], RateLimited),
            (&[408, 499, 500, 502, 503, 504, 520, 599], Transient),
            (&[400, 402, 404, 405, 410, 413, 422, 451, 498], Permanent),
            (&[301, 302, 303, 304, 307, 308], Permanent),
            (&[0, 100, 101, 200, 201, 204, 206, 299, 600, 999, u16::MAX], Malformed),
        ] {
            for &status in statuses {
                let fault = answer(status, &vendors("No."));
                assert_eq!((fault.class, fault.status), (want, Some(status)), "{status}");
            }
        }
        assert_eq!(answer(403, denied).class, NotEntitled);
        assert!(answer(302, "").message.contains("redirect refused"));
    }

    #[test]
    fn the_three_kinds_of_403_are_told_apart_by_either_field() {
        for (text, want) in [
            ("Your plan doesn't include this data timeframe. Please upgrade", Class::PlanWindow),
            ("Attempted to request today's data before end of day. Please upgrade", Class::TooEarly),
            ("Attempted to request today\u{2019}s data before end of day.", Class::TooEarly),
            ("You are not entitled to this data. Please upgrade your plan", Class::NotEntitled),
            ("", Class::NotEntitled),
        ] {
            for field in ["message", "error"] {
                let body = format!(r#"{{"status":"NOT_AUTHORIZED","{field}":"{text}"}}"#);
                assert_eq!(answer(403, &body).class, want, "{body}");
                // Its known words are enough.
                if !text.is_empty() {
                    assert_eq!(answer(403, &format!(r#"{{"{field}":"{text}"}}"#)).class, want, "{text}");
                }
            }
        }
    }

    #[test]
    fn a_refusal_by_something_in_between_passes_and_says_nothing_of_key_plan_or_ticker() {
        let html =
            "<html><head><title>Forbidden</title></head><body>nginx: You are not entitled to this data</body></html>";
        for (body, what) in [
            (html, "(an HTML page"),
            ("<!DOCTYPE html>\n<p>Access denied | Cloudflare</p>", "(an HTML page"),
            ("", "(an empty answer"),
            (" \r\n", "(an empty answer"),
            ("Access denied by the data timeframe filter", "(Access denied by"),
            ("error code: 1020", "(error code: 1020"),
            (r#"{"message":"Unauthorized"}"#, "(JSON that is not the vendor's: Unauthorized"),
            (r#"{"message":"No API key found in request"}"#, "(JSON that is not the vendor's: No API key"),
            (r#"{"message":"no Route matched with those values"}"#, "(JSON that is not the vendor's: no Route"),
            (r#"{"status":403,"title":"Forbidden"}"#, "(JSON that is not the vendor's"),
            (r#"{"status":"denied","request_id":"a"}"#, "(JSON that is not the vendor's"),
            (r#"{"status":"NOT_AUTHORIZED","mess"#, "(JSON that is cut off or broken"),
        ] {
            for status in [401, 403, 404, 407] {
                let fault = answer(status, body);
                assert_eq!((fault.class, fault.status), (Class::Transient, Some(status)), "{status} {body}: {fault}");
                let start = format!("{status} from a proxy on the way to the vendor {what}");
                assert!(fault.message.starts_with(&start), "{fault}");
            }
        }
        assert!(answer(407, html).message.contains("user name and password"));
        // An HTML page with another refusal is no word of the vendor either; short text with it may well be.
        for status in [400, 405, 413, 451] {
            assert_eq!(answer(status, html).class, Class::Transient, "{status}");
            assert_eq!(answer(status, "").class, Class::Permanent, "{status}");
        }
        assert_eq!(answer(429, html).class, Class::RateLimited);
    }

    #[test]
    fn the_vendors_own_refusals_count_as_recorded() {
        for text in ["Unknown API Key", "API Key was not provided"] {
            assert_eq!(answer(401, &vendors(text)).class, Class::Auth);
            let reported = format!(r#"{{"message":"{text}"}}"#);
            assert_eq!(answer(401, &reported).class, Class::Auth);
        }
        let unknown = r#"{"status":"NOT_FOUND","request_id":"6a7e4663","message":"Ticker not found."}"#;
        for body in [unknown, "404 page not found\n"] {
            let fault = answer(404, body);
            assert!(fault.class == Class::Permanent && fault.message.contains("not found"), "{fault}");
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
