//! When a failed request is tried again, and after how long.
//!
//! Transport errors, 408 and 5xx back off with full jitter (a random wait between nothing and the doubled base, so that
//! many waiting requests do not come back together). 429 does not back off here: the limiter freezes the account.
//! Everything else is final.

use std::time::Duration;

use super::fault::{Class, Fault};
use barkeep_config::VendorSettings;
use barkeep_market::Ts;

/// How often and how patiently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all, the first one included.
    pub attempts: u32,
    /// Tries in all when the answer is malformed: the vendor will hardly change its mind.
    pub malformed_attempts: u32,
    /// Upper end of the first wait; doubles with every try.
    pub base: Duration,
    /// Longest wait, and longest `Retry-After` obeyed. A longer one gives up.
    pub cap: Duration,
}

impl From<&VendorSettings> for RetryPolicy {
    fn from(settings: &VendorSettings) -> Self {
        Self {
            attempts: settings.attempts,
            malformed_attempts: settings.malformed_attempts,
            base: settings.backoff_base,
            cap: settings.backoff_cap,
        }
    }
}

impl RetryPolicy {
    /// How many tries a request has in all, when it fails like this.
    #[must_use]
    pub fn tries(&self, class: Class) -> u32 {
        match class {
            Class::Transient | Class::RateLimited => self.attempts,
            Class::Malformed => self.malformed_attempts.min(self.attempts),
            _ => 1,
        }
    }

    /// How long to wait before the next try, or `None` to give up. `tried` counts the tries so far, 1 after the first.
    #[must_use]
    pub fn pause(&self, fault: &Fault, tried: u32, rng: &mut fastrand::Rng) -> Option<Duration> {
        if tried >= self.tries(fault.class) {
            return None;
        }
        match fault.retry_after {
            Some(asked) if asked > self.cap => None,
            // The limiter holds the whole account back for as long as the vendor asked.
            _ if fault.class == Class::RateLimited => Some(Duration::ZERO),
            Some(asked) => Some(asked),
            None => {
                let doubled = self.base.saturating_mul(1_u32.checked_shl(tried.saturating_sub(1)).unwrap_or(u32::MAX));
                Some(doubled.min(self.cap).mul_f64(rng.f64()))
            }
        }
    }
}

/// Longest `Retry-After` believed: a vendor that says more has a clock or a joke in it.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(15);

/// Reads `Retry-After` headers: whole seconds or an HTTP date (RFC 9110, 10.2.3).
///
/// A past date is zero; garbage and negative numbers are no header at all; several headers mean the longest.
#[must_use]
pub fn parse_retry_after<'a>(values: impl IntoIterator<Item = &'a str>, now: Ts) -> Option<Duration> {
    let one = |value: &str| {
        let value = value.trim();
        if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
            // Too many digits for a number is still a number of seconds, a very large one.
            return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
        }
        let at = http_date(value)?;
        Some(Duration::from_millis(u64::try_from(at - now).unwrap_or(0)))
    };
    values.into_iter().filter_map(one).max().map(|d| d.min(LONGEST_RETRY_AFTER))
}

/// Reads an HTTP date, `Fri, 01 May 2026 22:57:17 GMT` (RFC 9110, 5.6.7).
///
/// The two older forms are not read: no vendor sends them, and one has a year of two digits.
#[must_use]
pub fn http_date(value: &str) -> Option<Ts> {
    let at = chrono::DateTime::parse_from_rfc2822(value.trim()).ok()?;
    Some(Ts(at.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy =
        RetryPolicy { attempts: 5, malformed_attempts: 2, base: Duration::from_secs(1), cap: Duration::from_mins(5) };

    fn pause(class: Class, tried: u32) -> Option<Duration> {
        POLICY.pause(&Fault::new(class, ""), tried, &mut fastrand::Rng::with_seed(1))
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for class in Class::ALL {
            let again = matches!(class, Class::Transient | Class::RateLimited | Class::Malformed);
            assert_eq!(pause(class, 1).is_some(), again, "{class}");
        }
        assert!(pause(Class::Transient, 4).is_some() && pause(Class::Transient, 5).is_none());
        assert!(pause(Class::Malformed, 2).is_none());
        assert_eq!(pause(Class::RateLimited, 1), Some(Duration::ZERO));
    }

    #[test]
    fn waits_are_spread_over_the_whole_doubling_range() {
        let mut rng = fastrand::Rng::with_seed(7);
        let fault = Fault::new(Class::Transient, "");
        for tried in 1..5 {
            let top = Duration::from_secs(1 << (tried - 1));
            let waits: Vec<Duration> = (0..2_000).filter_map(|_| POLICY.pause(&fault, tried, &mut rng)).collect();
            assert!(waits.iter().all(|w| *w <= top));
            assert!(waits.iter().any(|w| *w < top / 10) && waits.iter().any(|w| *w > top * 9 / 10));
        }
        let endless = RetryPolicy { attempts: u32::MAX, ..POLICY };
        assert!(endless.pause(&fault, 4_000_000_000, &mut rng).is_some_and(|w| w <= POLICY.cap));
    }

    #[test]
    fn retry_after_is_obeyed_or_given_up() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut asked = |seconds| {
            let wait = Some(Duration::from_secs(seconds));
            POLICY.pause(&Fault { retry_after: wait, ..Fault::new(Class::Transient, "") }, 1, &mut rng)
        };
        assert_eq!(asked(7), Some(Duration::from_secs(7)));
        assert_eq!(asked(0), Some(Duration::ZERO));
        assert_eq!(asked(301), None);
    }

    #[test]
    fn dates_are_read_to_the_second_or_not_at_all() {
        let at = |text: &str| http_date(text).map(|t| t.to_string());
        for text in ["Fri, 01 May 2026 22:57:17 GMT", " Fri, 01 May 2026 22:57:17 GMT "] {
            assert_eq!(at(text).as_deref(), Some("2026-05-01T22:57:17Z"), "{text}");
        }
        let wrong_day = "Mon, 01 May 2026 22:57:17 GMT";
        for text in ["", "now", "2026-05-01T22:57:17Z", "Fri, 01 May 2026", "Fri, 31 Feb 2026 22:57:17 GMT", wrong_day]
        {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn retry_after_forms() {
        let now = Ts(chrono::DateTime::parse_from_rfc3339("2026-05-01T22:57:17Z").unwrap().timestamp_millis());
        let s = |n| Some(Duration::from_secs(n));
        for (headers, want) in [
            (&["120"][..], s(120)),
            (&[" 7 "], s(7)),
            (&["0"], s(0)),
            (&["Fri, 01 May 2026 22:58:17 GMT"], s(60)),
            (&["Fri, 01 May 2026 22:50:00 GMT"], s(0)),
            (&["Thu, 01 May 2036 22:50:00 GMT"], s(900)),
            (&["86400"], s(900)),
            (&["99999999999999999999999999"], s(900)),
            (&["-5"], None),
            (&["+5"], None),
            (&["abc"], None),
            (&["1e9"], None),
            (&["1.5"], None),
            (&[""], None),
            (&[], None),
            (&["5", "9"], s(9)),
            (&["abc", "9"], s(9)),
        ] {
            assert_eq!(parse_retry_after(headers.iter().copied(), now), want, "{headers:?}");
        }
    }
}
