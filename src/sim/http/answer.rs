//! Answers before they become HTTP: a page, some JSON, or one of the vendor's refusals with its exact words.

use std::fmt::Write;

use crate::data::source::Unreadable;
use crate::http::page::{Page, json};

/// What a request gets.
#[derive(Debug)]
pub(crate) enum Answer {
    Bars(Box<Page>),
    /// Body and number of results.
    Json(String, usize),
}

/// Why a request gets nothing.
#[derive(Debug)]
pub(crate) enum Refusal {
    BadTime(&'static str),
    ToBeforeFrom,
    BadParameter(String),
    NoKey,
    UnknownKey,
    NotEntitled,
    Timeframe,
    Today,
    TickerNotFound,
    NoRoute,
    /// Seconds to wait, when the server says them.
    RateLimited(Option<u64>),
    Broken(u16, String),
}

impl From<Unreadable> for Refusal {
    fn from(e: Unreadable) -> Self {
        Self::Broken(500, e.0)
    }
}

/// Words of the refusals, as recorded.
const NOT_ENTITLED: &str = "You are not entitled to this data. Please upgrade your plan at https://massive.com/pricing";
const TIMEFRAME: &str =
    "Your plan doesn't include this data timeframe. Please upgrade your plan at https://massive.com/pricing";
const TODAY: &str =
    "Attempted to request today's data before end of day. Please upgrade your plan at https://massive.com/pricing";
const RATE_LIMITED: &str = "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to continue. https://massive.com/pricing";

impl Refusal {
    /// Status and body; unknown routes answer in plain text.
    pub(crate) fn body(&self, request_id: &str) -> (u16, String) {
        let error = |text: &str| format!(r#"{{"status":"ERROR","request_id":"{request_id}","error":{}}}"#, json(text));
        let message = |status: &str, text: &str| {
            format!(r#"{{"status":"{status}","request_id":"{request_id}","message":{}}}"#, json(text))
        };
        match self {
            Self::BadTime(name) => (
                400,
                error(&format!("Could not parse the time parameter: '{name}'. Use YYYY-MM-DD or Unix MS Timestamps")),
            ),
            Self::ToBeforeFrom => (400, error("The parameter 'to' cannot be a time that occurs before 'from'")),
            Self::BadParameter(text) => (400, error(text)),
            Self::NoKey => (401, error("API Key was not provided")),
            Self::UnknownKey => (401, error("Unknown API Key")),
            Self::NotEntitled => (403, message("NOT_AUTHORIZED", NOT_ENTITLED)),
            Self::Timeframe => (403, message("NOT_AUTHORIZED", TIMEFRAME)),
            Self::Today => (403, message("NOT_AUTHORIZED", TODAY)),
            Self::TickerNotFound => (404, message("NOT_FOUND", "Ticker not found.")),
            Self::NoRoute => (404, "404 page not found\n".to_owned()),
            Self::RateLimited(_) => (429, error(RATE_LIMITED)),
            Self::Broken(status, text) => (*status, error(text)),
        }
    }
}

/// `{"results":[…],"status":"OK","request_id":…,"count":…,"next_url":…}`, the shape of the reference endpoints.
/// `results` are JSON objects.
pub(crate) fn listing(results: &[String], request_id: &str, count: bool, next: Option<&str>) -> Answer {
    let mut body = format!(r#"{{"results":[{}],"status":"OK","request_id":"{request_id}""#, results.join(","));
    if count {
        let _ = write!(body, r#","count":{}"#, results.len());
    }
    if let Some(next) = next {
        let _ = write!(body, r#","next_url":{}"#, json(next));
    }
    body.push('}');
    Answer::Json(body, results.len())
}
