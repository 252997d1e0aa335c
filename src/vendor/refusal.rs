//! Whose words a refusal is: the vendor's, or those of something in between.
//!
//! A proxy, a firewall or a content network answers 401, 403, 404 and 407 too, with a page of its own. That says nothing
//! about the key, the plan or the ticker, and passes. Only the vendor's JSON is its word: `status` and `request_id`, or one
//! of the texts it is known to write (recorded from live keys of three plans).

use serde::Deserialize;
use serde_json::Value;

use barkeep_base::text::printable;

/// Who wrote an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Speaker {
    /// The vendor, in these words; about its plans, when they say so.
    Vendor { plan: Option<Plan>, said: Option<String> },
    /// Something else, which sent this.
    Between(String),
}

/// What a plan does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// This endpoint or ticker.
    Entitlement,
    /// History as old as the whole range.
    Window,
    /// Today's data before the end of the day.
    Today,
}

/// The fields of an error of the vendor. It writes `error` or `message`.
#[derive(Deserialize)]
struct Body {
    status: Option<Value>,
    request_id: Option<Value>,
    error: Option<Value>,
    message: Option<Value>,
}

impl Body {
    fn read(body: &str) -> Option<Self> {
        body.trim_start().starts_with('{').then(|| serde_json::from_str(body).ok()).flatten()
    }

    fn has_status(&self, status: &str) -> bool {
        self.status.as_ref().and_then(Value::as_str) == Some(status)
    }

    /// An error in the vendor's form, whatever its text.
    fn is_error(&self) -> bool {
        self.has_status("ERROR") && self.request_id.as_ref().is_some_and(Value::is_string)
    }

    fn text(&self) -> Option<&str> {
        [&self.error, &self.message].into_iter().flatten().find_map(Value::as_str)
    }

    fn says(&self, phrases: &[&str]) -> bool {
        // Typographic apostrophes have been seen in vendor texts.
        let text = self.text().unwrap_or_default().to_lowercase().replace('\u{2019}', "'");
        phrases.iter().any(|phrase| text.contains(phrase))
    }
}

/// What the vendor says of a key, in lower case.
const KEY: [&str; 2] = ["unknown api key", "api key was not provided"];
/// What it says of its plans, and what that means.
const PLAN: [(&str, Plan); 3] =
    [("data timeframe", Plan::Window), ("today's data", Plan::Today), ("not entitled to this data", Plan::Entitlement)];
/// What its web server says of a path it does not have.
const NO_ROUTE: &str = "404 page not found";

/// Who wrote this answer, whose status is not 200.
pub(super) fn speaker(status: u16, body: &str) -> Speaker {
    let trimmed = body.trim();
    let json = Body::read(trimmed);
    let html = trimmed.starts_with('<');
    let (is_vendors, plan) = match (status, &json) {
        (401, Some(json)) => (json.is_error() || json.has_status("NOT_AUTHORIZED") || json.says(&KEY), None),
        (403, Some(json)) => {
            let told = PLAN.into_iter().find(|(phrase, _)| json.says(&[*phrase])).map(|(_, plan)| plan);
            (told.is_some() || json.has_status("NOT_AUTHORIZED"), told)
        }
        (404, Some(json)) => (json.is_error() || json.has_status("NOT_FOUND"), None),
        (404, None) => (trimmed == NO_ROUTE, None),
        // 407 is a proxy's by definition.
        (401 | 403 | 407, _) => (false, None),
        (408 | 429 | 499, _) => (true, None),
        (400..=498, _) => (!html, None),
        _ => (true, None),
    };
    if is_vendors {
        return Speaker::Vendor { plan, said: said(trimmed, json.as_ref()) };
    }
    let what = match (said(trimmed, json.as_ref()), &json) {
        (Some(said), Some(_)) => format!("JSON that is not the vendor's: {said}"),
        (None, Some(_)) => "JSON that is not the vendor's".to_owned(),
        (Some(said), None) => said,
        (None, None) if trimmed.is_empty() => "an empty answer".to_owned(),
        (None, None) => "JSON that is cut off or broken".to_owned(),
    };
    let advice = if status == 407 { "; a proxy wants a user name and password" } else { "" };
    Speaker::Between(format!("{what}{advice}"))
}

/// Whether the body of a 404 is the vendor's word that it knows no such ticker.
pub(super) fn is_not_found(body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body);
    Body::read(body.trim()).is_some_and(|json| json.has_status("NOT_FOUND"))
}

/// What an error body says, fit to print.
fn said(body: &str, json: Option<&Body>) -> Option<String> {
    if body.starts_with('<') {
        return Some("an HTML page".to_owned());
    }
    match json {
        Some(json) => json.text().map(printable),
        None if body.starts_with('{') => None,
        None => (!body.is_empty()).then(|| printable(body)),
    }
}
