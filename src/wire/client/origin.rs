//! The service: its URL, the API key, and one request with one response.
//!
//! The key goes to the named origin and nowhere else: no redirect is followed, and for this machine no proxy is used.
//! Responses are read up to a limit, and errors name their cause but never the URL.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use super::AttachError;
use barkeep_base::text::printable;
use barkeep_vendor::http::{self, BodyError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two pieces of a response. A stream of events has a limit of its own.
const READ_TIMEOUT: Duration = Duration::from_secs(40);
/// A longer response does not come from barkeep.
const MAX_BODY: usize = 64 << 20;
const MAX_PROBLEM: usize = 64 << 10;

/// The API of a service, ready for requests.
pub(super) struct Origin {
    client: Client,
    /// Ends in a slash.
    base: Url,
    bearer: Option<HeaderValue>,
}

/// Why a request failed.
pub(super) enum RequestError {
    /// No usable response.
    Transport(String),
    /// The service answered with an error.
    Problem(StatusCode, String),
}

/// The members of a problem response that are shown.
#[derive(Debug, Deserialize)]
struct Problem {
    detail: String,
    hint: Option<String>,
}

impl Origin {
    /// Sends nothing yet.
    pub(super) fn new(url: &str, key: Option<&SecretString>) -> Result<Self, AttachError> {
        let base = base_of(url)?;
        let client = client(&base)?;
        let bearer = key.map(|key| {
            let text = format!("Bearer {}", key.expose_secret());
            let mut value = HeaderValue::try_from(text).map_err(|_| {
                AttachError::Refused("the API key contains characters that are not valid in a key".to_owned())
            })?;
            value.set_sensitive(true);
            Ok(value)
        });
        Ok(Self { client, base, bearer: bearer.transpose()? })
    }

    /// The URL as it is shown to people.
    pub(super) fn display_url(&self) -> String {
        printable(self.base.as_str().trim_end_matches('/'))
    }

    /// Sends a request and reads the whole response.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        limit: Duration,
    ) -> Result<T, RequestError> {
        let url = self.base.join(path).map_err(|e| RequestError::Transport(e.to_string()))?;
        let json = serde_json::to_vec(body).map_err(|e| RequestError::Transport(e.to_string()))?;
        let request = self.client.post(url).timeout(limit).header(CONTENT_TYPE, "application/json").body(json);
        let response = self.with_key(request).send().await.map_err(|e| RequestError::Transport(error_text(&e)))?;
        if response.status() != StatusCode::OK {
            return Err(RequestError::Problem(response.status(), problem(response).await));
        }
        let bytes = read_body(response, MAX_BODY).await.map_err(RequestError::Transport)?;
        serde_json::from_slice(&bytes).map_err(|e| RequestError::Transport(format!("the response cannot be read: {e}")))
    }

    /// Opens an event stream.
    pub(super) async fn stream(&self, path: &str) -> Result<Response, AttachError> {
        let url = self.base.join(path).map_err(|e| AttachError::Url(e.to_string()))?;
        let response = self.with_key(self.client.get(url)).send().await;
        let response = response.map_err(|e| AttachError::Unreachable(error_text(&e)))?;
        let is_stream =
            response.headers().get(CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream"));
        match response.status() {
            StatusCode::OK if is_stream => Ok(response),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                Err(AttachError::Refused(problem(response).await))
            }
            StatusCode::OK => Err(AttachError::Unreachable("the server at this URL is not barkeep".to_owned())),
            _ => Err(AttachError::Unreachable(problem(response).await)),
        }
    }

    fn with_key(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.bearer {
            Some(bearer) => request.header(AUTHORIZATION, bearer.clone()),
            None => request,
        }
    }
}

/// The URL that paths of requests are joined to.
fn base_of(url: &str) -> Result<Url, AttachError> {
    let wrong = |why: &str| AttachError::Url(format!("'{}' {why}; write http://127.0.0.1:8000", printable(url)));
    let mut base = Url::parse(url).map_err(|e| wrong(&format!("is not a URL ({e})")))?;
    if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
        return Err(wrong("is not an http or https URL"));
    }
    if !base.username().is_empty() || base.password().is_some() || base.query().is_some() || base.fragment().is_some() {
        return Err(wrong("has more than a host and a path"));
    }
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    Ok(base)
}

fn client(base: &Url) -> Result<Client, AttachError> {
    let builder = http::client_builder(base.host_str()).connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT);
    http::build(builder).map_err(AttachError::Url)
}

/// What went wrong and why, without the URL.
pub(super) fn error_text(e: &reqwest::Error) -> String {
    printable(&http::describe_with_cause(e))
}

async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, String> {
    http::read_body(&mut response, limit).await.map_err(|e| match e {
        BodyError::Broken(e) => error_text(&e),
        too_long @ BodyError::TooLong(_) => too_long.to_string(),
    })
}

/// What the service says is wrong.
async fn problem(response: Response) -> String {
    let status = response.status();
    let problem = read_body(response, MAX_PROBLEM).await.ok();
    let problem = problem.and_then(|bytes| serde_json::from_slice::<Problem>(&bytes).ok());
    problem.map_or_else(
        || format!("the service answered {status}"),
        |problem| {
            let hint = problem.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            printable(&format!("{}{hint}", problem.detail))
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
