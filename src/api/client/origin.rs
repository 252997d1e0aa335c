//! The other end: where it is, the key it is shown, and one request with one answer.
//!
//! A key goes to the origin that was named and nowhere else: no redirect is followed, and on this machine no proxy is
//! asked. Answers are read up to a limit, and errors name their cause but never the URL.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::AttachError;
use barkeep_base::text::printable;

/// A connection takes no longer than this.
const CONNECT: Duration = Duration::from_secs(5);
/// The other end sends at least a comment every 15 s.
const SILENCE: Duration = Duration::from_secs(40);
/// An answer longer than this is no answer of ours.
const LONGEST_ANSWER: usize = 64 << 20;
const LONGEST_PROBLEM: usize = 64 << 10;

/// An engine's API, and what is needed to ask it.
pub(super) struct Origin {
    client: Client,
    /// Ends in a slash.
    base: Url,
    bearer: Option<HeaderValue>,
}

/// How a request failed.
pub(super) enum Failed {
    Transport(String),
    Problem(StatusCode, String),
}

/// The members of a problem that are shown.
#[derive(Debug, Deserialize)]
struct Problem {
    detail: String,
    hint: Option<String>,
}

impl Origin {
    /// Makes ready; asks nothing yet.
    pub(super) fn new(url: &str, key: Option<&SecretString>) -> Result<Self, AttachError> {
        let base = base_of(url)?;
        let client = client(&base)?;
        let bearer = key.map(|key| {
            let text = format!("Bearer {}", key.expose_secret());
            let mut value = HeaderValue::try_from(text)
                .map_err(|_| AttachError::Refused("the API key holds characters that no key can have".to_owned()))?;
            value.set_sensitive(true);
            Ok(value)
        });
        Ok(Self { client, base, bearer: bearer.transpose()? })
    }

    /// The URL as people are told it.
    pub(super) fn shown(&self) -> String {
        printable(self.base.as_str().trim_end_matches('/'))
    }

    /// Asks, and reads the whole answer.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        limit: Duration,
    ) -> Result<T, Failed> {
        let url = self.base.join(path).map_err(|e| Failed::Transport(e.to_string()))?;
        let body = serde_json::to_vec(body).map_err(|e| Failed::Transport(e.to_string()))?;
        let request = self.client.post(url).timeout(limit).header(CONTENT_TYPE, "application/json").body(body);
        let answer = self.signed(request).send().await.map_err(|e| Failed::Transport(told(&e)))?;
        if answer.status() != StatusCode::OK {
            return Err(Failed::Problem(answer.status(), problem(answer).await));
        }
        let bytes = whole(answer, LONGEST_ANSWER).await.map_err(Failed::Transport)?;
        serde_json::from_slice(&bytes).map_err(|e| Failed::Transport(format!("the answer cannot be read: {e}")))
    }

    /// Asks for an answer that goes on.
    pub(super) async fn stream(&self, path: &str) -> Result<Response, AttachError> {
        let url = self.base.join(path).map_err(|e| AttachError::Url(e.to_string()))?;
        let answer = self.signed(self.client.get(url)).send().await;
        let answer = answer.map_err(|e| AttachError::Unreachable(told(&e)))?;
        let is_stream =
            answer.headers().get(CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream"));
        match answer.status() {
            StatusCode::OK if is_stream => Ok(answer),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                Err(AttachError::Refused(problem(answer).await))
            }
            StatusCode::OK => Err(AttachError::Unreachable("what answers there is not barkeep's API".to_owned())),
            _ => Err(AttachError::Unreachable(problem(answer).await)),
        }
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.bearer {
            Some(bearer) => request.header(AUTHORIZATION, bearer.clone()),
            None => request,
        }
    }
}

/// The origin, with a path that requests are joined to.
fn base_of(url: &str) -> Result<Url, AttachError> {
    let wrong = |why: &str| AttachError::Url(format!("'{}' {why}; write http://127.0.0.1:8000", printable(url)));
    let mut base = Url::parse(url).map_err(|e| wrong(&format!("is no URL ({e})")))?;
    if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
        return Err(wrong("is no http or https URL"));
    }
    if !base.username().is_empty() || base.password().is_some() || base.query().is_some() || base.fragment().is_some() {
        return Err(wrong("holds more than a host and a path"));
    }
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    Ok(base)
}

fn client(base: &Url) -> Result<Client, AttachError> {
    // One provider for the whole process; somebody else may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("barkeep/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        // A key must not follow a redirect.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false);
    let here = match base.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if here {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|e| AttachError::Url(format!("the HTTP client cannot be set up: {}", told(&e))))
}

/// An error with its causes, without the URL.
pub(super) fn told(e: &reqwest::Error) -> String {
    let mut text = match () {
        () if e.is_connect() => "nobody answers there".to_owned(),
        () if e.is_timeout() => "no answer in time".to_owned(),
        () => "the connection broke".to_owned(),
    };
    let mut cause = std::error::Error::source(e);
    while let Some(inner) = cause {
        cause = inner.source();
        if cause.is_none() {
            text = format!("{text}: {inner}");
        }
    }
    printable(&text)
}

async fn whole(mut answer: Response, limit: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|e| told(&e))? {
        if bytes.len() + piece.len() > limit {
            return Err(format!("the answer is longer than {limit} bytes"));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// What the other end says is wrong.
async fn problem(answer: Response) -> String {
    let status = answer.status();
    let said = whole(answer, LONGEST_PROBLEM).await.ok();
    let said = said.and_then(|bytes| serde_json::from_slice::<Problem>(&bytes).ok());
    said.map_or_else(
        || format!("it answered {status}"),
        |said| {
            let hint = said.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            printable(&format!("{}{hint}", said.detail))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_origin_and_a_path_make_a_base() {
        assert_eq!(base_of("http://127.0.0.1:8000").unwrap().as_str(), "http://127.0.0.1:8000/");
        assert_eq!(base_of("https://bars.example/barkeep").unwrap().as_str(), "https://bars.example/barkeep/");
        for bad in ["", "127.0.0.1:8000", "ftp://x/", "http://", "http://a:b@x/", "http://x/?q=1", "http://x/#f"] {
            let error = base_of(bad).unwrap_err().to_string();
            assert!(error.contains("http://127.0.0.1:8000"), "{bad}: {error}");
        }
    }
}
