//! One request to the API, timed from the first byte sent to the last one read, and checked.
//!
//! Only a correct answer counts: status 200, complete, the right symbol and timeframe, at least one row and not more than
//! requested.

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use barkeep_base::text::printable;
use barkeep_market::{Symbol, Timeframe};
use barkeep_vendor::http;

/// How much of a wrong answer the report shows.
const SAMPLE: usize = 200;
/// What precedes the rows of a page.
const ROWS: &[u8] = b"\"features\":[";

/// A client without proxy, redirects and retries, with a timeout for each request.
pub(crate) fn client(timeout: Duration) -> Result<reqwest::Client, String> {
    // A proxy would be measured with the service, so none is used wherever the service runs.
    http::build(http::client_builder(None).timeout(timeout).no_proxy())
}

/// The page to request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    pub limit: u32,
}

/// The service under test.
#[derive(Clone, Debug)]
pub struct ServiceClient {
    client: reqwest::Client,
    base: Url,
    key: Option<SecretString>,
}

/// A correct answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageResponse {
    pub(super) took: Duration,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// A wrong answer, or none: its kind for counting, and an example.
#[derive(Clone, Debug)]
pub(super) struct RequestError {
    pub(super) kind: String,
    pub(super) example: String,
}

impl RequestError {
    fn new(kind: impl Into<String>, example: &str) -> Self {
        Self { kind: kind.into(), example: printable(example) }
    }
}

/// The head of a page.
#[derive(Deserialize)]
struct Head {
    symbol: Symbol,
    timeframe: Timeframe,
    records_returned: u64,
}

impl ServiceClient {
    /// `base` is the origin of a service, such as `http://127.0.0.1:8000`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(base: Url, key: Option<SecretString>, timeout: Duration) -> Result<Self, String> {
        Ok(Self { client: client(timeout)?, base, key })
    }

    #[must_use]
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<(u16, Vec<u8>), RequestError> {
        let mut url = self.base.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.client.get(url);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        let mut response = request.send().await.map_err(|e| transport(&e))?;
        let status = response.status().as_u16();
        let mut body = Vec::with_capacity(response.content_length().map_or(0, |n| n.min(1 << 22)) as usize);
        while let Some(piece) = response.chunk().await.map_err(|e| transport(&e))? {
            body.extend_from_slice(&piece);
        }
        Ok((status, body))
    }

    /// Any path as text; any status but 200 is an error.
    pub(super) async fn text(&self, path: &str) -> Result<String, RequestError> {
        let (status, body) = self.get(path, &[]).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        if status == 200 { Ok(text) } else { Err(refused(status, &text)) }
    }

    /// The time of `/health`, an answer without any work.
    pub(super) async fn health(&self) -> Result<Duration, RequestError> {
        let start = Instant::now();
        self.text("/health").await.map(|_| start.elapsed())
    }

    /// A page of features.
    pub(super) async fn page(&self, request: &PageRequest) -> Result<PageResponse, RequestError> {
        let limit = request.limit.to_string();
        let query = [("timeframe", request.timeframe.name()), ("limit", limit.as_str())];
        let start = Instant::now();
        let (status, body) = self.get(&format!("/api/v1/features/quant/{}", request.symbol), &query).await?;
        let took = start.elapsed();
        if status != 200 {
            return Err(refused(status, &String::from_utf8_lossy(&body)));
        }
        let wrong = |why: &str| RequestError::new(format!("wrong answer: {why}"), &sample(&body));
        let rows_at = body.windows(ROWS.len()).position(|w| w == ROWS).ok_or_else(|| wrong("no rows"))?;
        // Only the head is parsed: the rows would cost this process more than the service.
        let mut head = body.get(..rows_at).unwrap_or_default().to_vec();
        head.extend_from_slice(b"\"features\":[]}");
        let head: Head = serde_json::from_slice(&head).map_err(|_| wrong("no page"))?;
        if !body.trim_ascii_end().ends_with(b"]}") {
            return Err(wrong("cut off"));
        }
        if head.symbol != request.symbol || head.timeframe != request.timeframe {
            return Err(wrong("another series"));
        }
        if !(1..=u64::from(request.limit)).contains(&head.records_returned) {
            return Err(wrong("another number of rows"));
        }
        Ok(PageResponse { took, rows: head.records_returned, bytes: body.len() as u64 })
    }
}

fn refused(status: u16, body: &str) -> RequestError {
    RequestError::new(format!("status {status}"), &sample(body.as_bytes()))
}

fn sample(body: &[u8]) -> String {
    String::from_utf8_lossy(body.get(..SAMPLE).unwrap_or(body)).into_owned()
}

fn transport(e: &reqwest::Error) -> RequestError {
    let kind = if e.is_timeout() {
        "timeout"
    } else if e.is_connect() {
        "no connection"
    } else {
        "broken connection"
    };
    RequestError::new(kind, &http::root_cause(e).unwrap_or_default())
}
