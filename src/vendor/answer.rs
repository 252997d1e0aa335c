//! What the clients of all vendors read from an answer besides its body.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::fault::Transport;
use crate::http::causes;
use crate::retry::{http_date, parse_retry_after};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_market::Ts;

/// The vendor's clock.
pub(crate) fn date(headers: &HeaderMap) -> Option<Ts> {
    headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?))
}

/// `server_time` is the vendor's own clock, so that a wrong one on this machine does not matter.
pub(crate) fn retry_after(headers: &HeaderMap, server_time: Option<Ts>) -> Option<Duration> {
    let now = server_time.unwrap_or_else(|| SystemClock.now());
    parse_retry_after(headers.get_all(RETRY_AFTER).iter().filter_map(|v| v.to_str().ok()), now)
}

/// What kind of failure a reqwest error is.
///
/// reqwest reports everything that goes wrong in a body as "decode". Below its own layers lies hyper's error when the
/// connection failed, and a plain I/O error when the decompressor did (reqwest 0.13.5, `async_impl/response.rs`).
pub(crate) fn kind(error: &reqwest::Error) -> Transport {
    let decompressor =
        || causes(error).find(|e| !e.is::<reqwest::Error>()).is_some_and(<dyn Error>::is::<std::io::Error>);
    if error.is_timeout() {
        Transport::Timeout
    } else if error.is_connect() {
        Transport::Connect
    } else if error.is_builder() {
        Transport::Request
    } else if error.is_decode() && decompressor() {
        Transport::Encoding
    } else {
        Transport::Broken
    }
}
