//! One question to the API, timed from the first byte sent to the last one read, and judged.
//!
//! An answer counts only when it is what was asked for: status 200, whole, the right symbol and timeframe, at least one
//! row and not more than asked.

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use barkeep_base::text::printable;
use barkeep_market::{Symbol, Timeframe};
use barkeep_vendor::http;

/// How much of an answer that is no page of rows is kept for the report.
const SAMPLE: usize = 200;
/// What stands before the rows of a page.
const ROWS: &[u8] = b"\"features\":[";

/// A client that asks directly (no proxy, no redirect, nothing twice), each request for so long at most.
pub(crate) fn client(longest: Duration) -> Result<reqwest::Client, String> {
    // A proxy would be measured with the service, so none is used wherever the service runs.
    http::build(http::client_builder(None).timeout(longest).no_proxy())
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    pub limit: u32,
}

/// The service under test.
#[derive(Clone, Debug)]
pub struct Target {
    client: reqwest::Client,
    base: Url,
    key: Option<SecretString>,
}

/// A good answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Good {
    pub(super) took: Duration,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// A bad one, or none: its kind for counting, and an example of what it said.
#[derive(Clone, Debug)]
pub(super) struct Bad {
    pub(super) kind: String,
    pub(super) example: String,
}

impl Bad {
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

impl Target {
    /// `base` is the origin of a service, such as `http://127.0.0.1:8000`.
    pub fn new(base: Url, key: Option<SecretString>, longest: Duration) -> Result<Self, String> {
        Ok(Self { client: client(longest)?, base, key })
    }

    #[must_use]
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<(u16, Vec<u8>), Bad> {
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

    /// Any path, as text; the answer must be a 200.
    pub(super) async fn text(&self, path: &str) -> Result<String, Bad> {
        let (status, body) = self.get(path, &[]).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        if status == 200 { Ok(text) } else { Err(refused(status, &text)) }
    }

    /// Whether the process lives: as little work as an answer can be.
    pub(super) async fn health(&self) -> Result<Duration, Bad> {
        let start = Instant::now();
        self.text("/health").await.map(|_| start.elapsed())
    }

    /// A page of features.
    pub(super) async fn page(&self, ask: &Ask) -> Result<Good, Bad> {
        let limit = ask.limit.to_string();
        let query = [("timeframe", ask.timeframe.name()), ("limit", limit.as_str())];
        let start = Instant::now();
        let (status, body) = self.get(&format!("/api/v1/features/quant/{}", ask.symbol), &query).await?;
        let took = start.elapsed();
        if status != 200 {
            return Err(refused(status, &String::from_utf8_lossy(&body)));
        }
        let wrong = |why: &str| Bad::new(format!("wrong answer: {why}"), &sample(&body));
        let rows_at = body.windows(ROWS.len()).position(|w| w == ROWS).ok_or_else(|| wrong("no rows"))?;
        // The head alone is parsed: the rows would cost this process more than they cost the service.
        let mut head = body.get(..rows_at).unwrap_or_default().to_vec();
        head.extend_from_slice(b"\"features\":[]}");
        let head: Head = serde_json::from_slice(&head).map_err(|_| wrong("no page"))?;
        if !body.trim_ascii_end().ends_with(b"]}") {
            return Err(wrong("cut off"));
        }
        if head.symbol != ask.symbol || head.timeframe != ask.timeframe {
            return Err(wrong("another series"));
        }
        if !(1..=u64::from(ask.limit)).contains(&head.records_returned) {
            return Err(wrong("another number of rows"));
        }
        Ok(Good { took, rows: head.records_returned, bytes: body.len() as u64 })
    }
}

fn refused(status: u16, body: &str) -> Bad {
    Bad::new(format!("status {status}"), &sample(body.as_bytes()))
}

fn sample(body: &[u8]) -> String {
    String::from_utf8_lossy(body.get(..SAMPLE).unwrap_or(body)).into_owned()
}

fn transport(e: &reqwest::Error) -> Bad {
    let kind = if e.is_timeout() {
        "timeout"
    } else if e.is_connect() {
        "no connection"
    } else {
        "broken connection"
    };
    Bad::new(kind, &http::root_cause(e).unwrap_or_default())
}
