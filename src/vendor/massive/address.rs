//! Where requests go: always the configured origin, whatever the vendor's `next_url` says.
//!
//! The vendor renders either of its two hosts into `next_url`, whichever was asked, and a proxy or a server on loopback
//! may know itself under another name. Only path and query are taken from it, only below the endpoint that was asked,
//! and a key in the query is removed, so the key never travels anywhere else and never in a URL (the official Python
//! client does the first half of this). A `next_url` of any other host is not the vendor's word and ends the answer.

use url::Url;

use crate::{Class, Cursor, Fault};
use barkeep_base::net::is_loopback_host;
use barkeep_base::text::printable;

/// Longest `next_url` believed, bytes.
const LONGEST: usize = 8_192;

/// The configured origin and path prefix.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// `https://api.example.com` or `https://proxy.example.com/massive`, no slash at the end.
    url: String,
    /// Path of `url`, empty or `/massive`.
    prefix: String,
}

impl Base {
    pub(super) fn new(base: &Url) -> Result<Self, String> {
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err("base_url must start with https:// or http:// and name a host".to_owned());
        }
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return Err("base_url must hold neither user name, password nor query".to_owned());
        }
        let mut plain = base.clone();
        plain.set_fragment(None);
        Ok(Self {
            url: plain.as_str().trim_end_matches('/').to_owned(),
            prefix: plain.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The full URL of a path and query of the vendor's API. Refuses what a URL parser would turn into another path.
    pub(super) fn at(&self, path_and_query: &str) -> Result<Url, Fault> {
        let refuse = || {
            let what = printable(path_of(path_and_query));
            Fault::new(Class::Permanent, format!("'{what}' cannot be requested: it is not a plain path"))
        };
        let url = Url::parse(&format!("{}{path_and_query}", self.url)).map_err(|_| refuse())?;
        let intact = url.path().strip_prefix(self.prefix.as_str()) == Some(path_of(path_and_query));
        if intact && path_and_query.starts_with('/') { Ok(url) } else { Err(refuse()) }
    }

    /// Turns a `next_url` into a cursor, relative to the page that was asked. `belongs` decides about its path, each
    /// segment percent-decoded.
    pub(super) fn cursor(
        &self,
        next_url: &str,
        asked: &str,
        belongs: impl Fn(&[String]) -> bool,
    ) -> Result<Cursor, Fault> {
        let foreign = || Fault::malformed(format!("foreign next_url: {}", printable(path_of(next_url))));
        if next_url.len() > LONGEST {
            return Err(Fault::malformed("foreign next_url: too long"));
        }
        let page = self.at(asked)?;
        let next = page.join(next_url).map_err(|_| foreign())?;
        if !matches!(next.scheme(), "http" | "https") || !is_ours(&page, &next) {
            return Err(foreign());
        }
        let path = next.path();
        let path = path.strip_prefix(self.prefix.as_str()).filter(|rest| rest.starts_with('/')).unwrap_or(path);
        let segments: Vec<String> = path.split('/').skip(1).map(decoded).collect();
        if !belongs(&segments) {
            return Err(foreign());
        }
        Ok(Cursor(match query_without_key(next.query().unwrap_or_default()) {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }))
    }
}

/// Domains the vendor answers from; one of the two stands in `next_url` whichever was asked (vendor.md 1.1).
const VENDOR_DOMAINS: [&str; 2] = ["massive.com", "polygon.io"];

/// Whether a `next_url` names the host that was asked, under any of its names.
fn is_ours(asked: &Url, next: &Url) -> bool {
    let host = next.host_str().unwrap_or_default();
    let vendors = |domain: &&str| host.strip_suffix(*domain).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'));
    let loopback = |url: &Url| url.host_str().is_some_and(is_loopback_host);
    asked.host() == next.host() || (loopback(asked) && loopback(next)) || VENDOR_DOMAINS.iter().any(vendors)
}

/// The query with every spelling of `apiKey` removed, all else as it was.
fn query_without_key(query: &str) -> String {
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !is_named(pair, "apikey"));
    kept.collect::<Vec<_>>().join("&")
}

/// Sets a parameter in the query of a cursor, whatever it was before.
pub(super) fn with_parameter(cursor: &Cursor, name: &str, value: &str) -> Cursor {
    let (path, query) = cursor.0.split_once('?').unwrap_or((&cursor.0, ""));
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !is_named(pair, name));
    let all: Vec<String> = kept.map(str::to_owned).chain([format!("{name}={value}")]).collect();
    Cursor(format!("{path}?{}", all.join("&")))
}

fn is_named(pair: &str, name: &str) -> bool {
    let key = pair.split('=').next().unwrap_or(pair);
    decoded(&key.replace('_', "")).eq_ignore_ascii_case(name)
}

/// A value as one segment of a path or one value of a query. `:` and `.` stay as they are: the official clients send
/// `X:BTCUSD` raw.
pub(super) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-._~:".contains(&b) {
            out.push(char::from(b));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&b, after)) = rest.split_first() {
        let escaped = if b == b'%' { after.split_at_checked(2) } else { None };
        let value = escaped.and_then(|(hex, _)| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        let (byte, tail) = value.zip(escaped.map(|(_, tail)| tail)).unwrap_or((b, after));
        out.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A URL up to its query: what may be logged and shown.
pub(super) fn path_of(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &str = "/v2/aggs/ticker/X:BTCUSD/range/1/minute/1/2?limit=50000";

    fn base(url: &str) -> Base {
        Base::new(&url.parse().unwrap()).unwrap()
    }

    fn cursor(base: &Base, next_url: &str) -> Result<String, Fault> {
        let belongs = |s: &[String]| s.len() == 9 && s[..4] == ["v2", "aggs", "ticker", "X:BTCUSD"];
        base.cursor(next_url, ASKED, belongs).map(|c| c.0)
    }

    #[test]
    fn only_path_and_query_of_a_next_url_are_used() {
        let path = "/v2/aggs/ticker/X:BTCUSD/range/1/minute/5/6";
        for host in ["https://api.massive.com", "https://api.polygon.io", "http://api.massive.com:8080"] {
            let got = cursor(&base("https://api.massive.com"), &format!("{host}{path}?cursor=abc")).unwrap();
            assert_eq!(got, format!("{path}?cursor=abc"));
        }
        for relative in [&format!("{path}?cursor=abc"), "../5/6?cursor=abc"] {
            assert_eq!(cursor(&base("https://api.massive.com"), relative).unwrap(), format!("{path}?cursor=abc"));
        }
        let encoded = "https://h/v2/aggs/ticker/X%3ABTCUSD/range/1/minute/5/6?cursor=abc";
        assert!(cursor(&base("https://h"), encoded).is_ok());
    }

    #[test]
    fn a_host_that_is_not_the_vendors_is_refused() {
        let path = "/v2/aggs/ticker/X:BTCUSD/range/1/minute/5/6?cursor=abc";
        for host in
            ["http://evil.example", "https://u:p@evil", "//evil", "https://massive.com.evil", "https://xmassive.com"]
        {
            assert!(cursor(&base("https://api.massive.com"), &format!("{host}{path}")).is_err(), "{host}");
        }
        // A server on loopback may know itself by another name or port, behind a proxy for instance.
        for host in ["http://localhost:1", "http://127.0.0.1:2", "http://[::1]:3", "https://api.massive.com"] {
            assert!(cursor(&base("http://127.0.0.1:9"), &format!("{host}{path}")).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_prefix_is_kept_whether_the_vendor_renders_it_or_not() {
        let base = base("http://127.0.0.1:9/massive/");
        for rendered in ["http://localhost/massive/v2", "https://api.massive.com/v2"] {
            let got = cursor(&base, &format!("{rendered}/aggs/ticker/X:BTCUSD/range/1/minute/5/6?cursor=a")).unwrap();
            assert_eq!(got, "/v2/aggs/ticker/X:BTCUSD/range/1/minute/5/6?cursor=a");
            assert_eq!(base.at(&got).unwrap().as_str(), format!("http://127.0.0.1:9/massive{got}"));
        }
    }

    #[test]
    fn a_key_in_a_next_url_is_removed_in_any_spelling() {
        for key in ["apiKey", "apikey", "APIKEY", "%61piKey", "api_key"] {
            let url = format!("/v2/aggs/ticker/X:BTCUSD/range/1/minute/5/6?{key}=SECRET&cursor=abc&{key}=SECRET");
            assert!(cursor(&base("https://h"), &url).unwrap().ends_with("/6?cursor=abc"), "{key}");
        }
    }

    #[test]
    fn foreign_next_urls_are_refused() {
        for url in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://h/v2/aggs/ticker/X:ETHUSD/range/1/minute/5/6",
            "https://h/v3/reference/tickers?cursor=a",
            "https://h/v2/aggs/ticker/X:BTCUSD/../../../v1/secret/a/b",
            "https://h/v2/aggs/ticker/X:BTCUSD/range/1/minute/5/6/7",
            "https://[bad",
            "",
            &format!("https://h/v2/{}", "x".repeat(10_000)),
        ] {
            // The empty one points at the page itself, which the page guard sees as a loop.
            let got = cursor(&base("https://h"), url);
            assert!(got.is_err() || url.is_empty(), "{url:?} gave {got:?}");
        }
    }

    #[test]
    fn a_parameter_is_set_once() {
        for query in ["?cursor=a", "?cursor=a&adjusted=true", "?Adjusted=TRUE&cursor=a"] {
            assert_eq!(
                with_parameter(&Cursor(format!("/p{query}")), "adjusted", "false").0,
                "/p?cursor=a&adjusted=false"
            );
        }
        assert_eq!(with_parameter(&Cursor("/p".to_owned()), "adjusted", "false").0, "/p?adjusted=false");
    }

    #[test]
    fn tickers_cannot_leave_their_segment() {
        assert_eq!(encoded("X:BTCUSD"), "X:BTCUSD");
        assert_eq!(encoded("BRK.B"), "BRK.B");
        assert_eq!(encoded("A/B?c#d%€"), "A%2FB%3Fc%23d%25%E2%82%AC");
        let base = base("https://h/p");
        for ticker in ["..", ".", "%2e%2e"] {
            let path = format!("/v2/aggs/ticker/{ticker}/range");
            assert!(base.at(&path).is_err(), "{ticker}");
        }
        assert!(base.at("//evil/x").is_err() || base.at("//evil/x").unwrap().host_str() == Some("h"));
        assert!(base.at("@evil/x").is_err());
    }

    #[test]
    fn odd_bases_are_refused() {
        for url in ["ftp://h", "https://user@h", "https://u:p@h/", "https://h/?apiKey=1", "data:text/plain,x"] {
            assert!(Base::new(&url.parse().unwrap()).is_err(), "{url}");
        }
    }
}
