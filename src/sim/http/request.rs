//! A request, taken apart: path, parameters (the cursor's included), key.

use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::form_urlencoded;

use crate::config::Live;
use crate::data::hours::{date_of, midnight};
use crate::http::log::KeyForm;
use crate::plan::SimDelay;
use crate::script::book::Book;
use barkeep_market::Ts;
use barkeep_market::ts::MINUTE;

/// A request for data.
#[derive(Debug)]
pub(crate) struct VendorRequest {
    /// As sent.
    pub(crate) path: String,
    /// Path parts, percent-decoded.
    pub(crate) segments: Vec<String>,
    params: Vec<(String, String)>,
    pub(crate) cursor: Cursor,
    /// `http://host` as the client sees this server.
    pub(crate) origin: String,
    pub(crate) key: Option<(KeyForm, String)>,
    pub(crate) gzip: bool,
    /// Path and query without the key.
    pub(crate) target: String,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Cursor {
    None,
    Good(String),
    Bad,
}

impl VendorRequest {
    pub(crate) fn new(parts: &Parts) -> Self {
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default();
        let mut params: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let shown: Vec<String> = query.split('&').filter(|part| !part.is_empty()).map(masked).collect();
        let target = if shown.is_empty() { path.clone() } else { format!("{path}?{}", shown.join("&")) };
        let key = header_key(&parts.headers).map(|key| (KeyForm::Header, key));
        let key = key.or_else(|| {
            let found = params.iter().find(|(name, _)| is_key(name))?;
            Some((KeyForm::Query, found.1.clone()))
        });
        let cursor = match params.iter().find(|(name, _)| name == "cursor") {
            None => Cursor::None,
            Some((_, text)) => unpack(text).map_or(Cursor::Bad, |_| Cursor::Good(text.clone())),
        };
        params.retain(|(name, _)| name != "cursor" && !is_key(name));
        if let Cursor::Good(text) = &cursor {
            params.extend(unpack(text).unwrap_or_default());
        }
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let accepted = parts.headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
        Self {
            segments: path.split('/').skip(1).map(percent_decoded).collect(),
            params,
            cursor,
            origin: format!("http://{}", host.unwrap_or("localhost")),
            key,
            gzip: accepted.flat_map(|list| list.split(',')).any(|coding| coding.trim().starts_with("gzip")),
            target,
            path,
        }
    }

    /// A parameter of the query or, failing that, of the cursor.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All parameters but `without`, packed as a cursor with `extra`.
    pub(crate) fn cursor_with(&self, without: &str, extra: &str) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(self.params.iter().filter(|(name, _)| name != without));
        let text = text.finish();
        pack(&if text.is_empty() { extra.to_owned() } else { format!("{text}&{extra}") })
    }
}

/// What a request is judged by.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    pub(crate) now: Ts,
    pub(crate) live: Live,
    pub(crate) request_id: String,
    /// Place in its cursor chain.
    pub(crate) page: u32,
    /// The script in force when it came.
    pub(crate) book: Arc<Book>,
    /// Whether `limit` is not kept.
    pub(crate) unlimited: bool,
}

impl Judge {
    /// Midnight of the current day.
    pub(crate) fn today(&self, crypto: bool) -> i64 {
        midnight(crypto, date_of(crypto, self.now.ms()))
    }

    /// The plan knows what traded before this instant.
    pub(crate) fn cutoff(&self, crypto: bool) -> i64 {
        match self.live.delay {
            SimDelay::Realtime => self.now.ms(),
            SimDelay::Minutes15 => self.now.ms() - 15 * MINUTE,
            SimDelay::EndOfDay => self.today(crypto),
        }
    }

    /// The first instant of the plan's history: midnight so many days or years ago.
    pub(crate) fn plan_start(&self, crypto: bool) -> Option<i64> {
        let today = date_of(crypto, self.now.ms());
        if let Some(days) = self.live.history_days {
            let first = today.checked_sub_days(chrono::Days::new(u64::from(days)))?;
            return Some(midnight(crypto, first));
        }
        let months = chrono::Months::new(self.live.plan_years?.saturating_mul(12));
        today.checked_sub_months(months).map(|date| midnight(crypto, date))
    }

    /// The `status` word of data answers.
    pub(crate) fn status(&self) -> &'static str {
        if self.live.delay == SimDelay::Minutes15 { "DELAYED" } else { "OK" }
    }
}

/// base64url without padding, as the vendor's cursors are.
pub(crate) fn pack(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn unpack(cursor: &str) -> Option<Vec<(String, String)>> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let pairs: Vec<_> = form_urlencoded::parse(&bytes).into_owned().collect();
    std::str::from_utf8(&bytes).ok().filter(|text| text.contains('=')).map(|_| pairs)
}

fn is_key(name: &str) -> bool {
    name.eq_ignore_ascii_case("apiKey")
}

/// A query part as it may be shown.
fn masked(part: &str) -> String {
    match part.split_once('=') {
        Some((name, _)) if is_key(name) => format!("{name}=***"),
        _ => part.to_owned(),
    }
}

fn header_key(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
}

fn percent_decoded(part: &str) -> String {
    // Form decoding would also turn `+` into a space.
    let safe = part.replace('+', "%2B");
    form_urlencoded::parse(format!("x={}", safe.replace('&', "%26")).as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn request(uri: &str, headers: &[(&str, &str)]) -> VendorRequest {
        let mut request = Request::builder().uri(uri).header("host", "sim:1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        VendorRequest::new(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn keys_are_found_and_never_shown() {
        let query = request("/v2/x?limit=5&apiKey=SECRET&sort=asc", &[]);
        assert_eq!(query.key, Some((KeyForm::Query, "SECRET".to_owned())));
        assert_eq!(query.target, "/v2/x?limit=5&apiKey=***&sort=asc");
        assert_eq!(query.param("apiKey"), None);
        let header = request("/v2/x", &[("authorization", "Bearer SECRET"), ("accept-encoding", "br, gzip;q=0.5")]);
        assert_eq!(header.key, Some((KeyForm::Header, "SECRET".to_owned())));
        assert!(header.gzip);
        assert!(!format!("{:?}", query.cursor_with("", "a=b")).contains("SECRET"));
    }

    #[test]
    fn a_cursor_holds_parameters() {
        // The cursor of the vendor's documentation.
        let request = request("/v2/aggs/X%3ABTCUSD?cursor=bGltaXQ9MiZzb3J0PWFzYw", &[]);
        assert_eq!((request.param("limit"), request.param("sort")), (Some("2"), Some("asc")));
        assert_eq!(request.segments[2], "X:BTCUSD");
        assert_eq!(pack("limit=2&sort=asc"), "bGltaXQ9MiZzb3J0PWFzYw");
        assert_eq!(
            crate::http::request::VendorRequest::new(
                &Request::builder().uri("/x?cursor=%21").body(()).unwrap().into_parts().0
            )
            .cursor,
            Cursor::Bad
        );
    }
}
