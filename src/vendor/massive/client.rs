//! One HTTP request: key in a header, no redirects, bounded time, bounded size, and no trace of key or query in any
//! error.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::address::{Base, path_of};
use super::body_memory::{BodyMemory, Held};
use crate::Fault;
use crate::answer::{date, kind, retry_after};
use crate::fault::{Failure, Transport, classify};
use crate::http::{self, client_builder, with_causes};
use barkeep_base::text::printable;
use barkeep_base::timing::{self, Phase};
use barkeep_config::VendorSettings;
use barkeep_market::Ts;

/// How much of an error body is read.
const ERROR_BODY: usize = 64 * 1024;

/// Idle connections are closed after this long: before the vendor's proxy does it, which would cost a request.
const POOL_IDLE: Duration = Duration::from_secs(15);

/// The connection to the vendor.
pub(super) struct Http {
    client: reqwest::Client,
    pub(super) base: Base,
    key: SecretString,
    bearer: HeaderValue,
    max_body: usize,
    memory: BodyMemory,
}

/// A whole answer with status 200.
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    pub(super) request_id: Option<String>,
    pub(super) server_time: Option<Ts>,
    /// Given back with the body.
    _held: Held,
}

/// An answer with another status, or none.
pub(super) struct Refused {
    pub(super) fault: Fault,
    pub(super) body: Vec<u8>,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { fault, body: Vec::new() }
    }
}

impl Answer {
    /// Marks a fault found in this answer with where it came from.
    pub(super) fn blame(&self, fault: Fault) -> Fault {
        Fault { status: Some(200), request_id: self.request_id.clone(), server_time: self.server_time, ..fault }
    }
}

/// Keys shorter than this are not looked for in answers.
const SHORTEST_SECRET: usize = 12;

impl Http {
    pub(super) fn new(settings: &VendorSettings, key: &SecretString) -> Result<Self, String> {
        let base = Base::new(&settings.base_url)?;
        let key = key.expose_secret().trim();
        if key.is_empty() {
            return Err("the vendor key is empty".to_owned());
        }
        let mut bearer = HeaderValue::try_from(format!("Bearer {key}"))
            .map_err(|_| "the vendor key holds characters that no key can have".to_owned())?;
        bearer.set_sensitive(true);
        // Each request costs a token, so none is repeated behind the limiter's back.
        let builder = client_builder(settings.base_url.host_str())
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.read_timeout)
            .timeout(settings.total_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .gzip(true);
        let client = http::build(builder)?;
        Ok(Self {
            client,
            base,
            key: SecretString::from(key),
            bearer,
            max_body: settings.max_body,
            memory: BodyMemory::new(),
        })
    }

    /// Asks for a path and query, and returns the answer if it has status 200.
    pub(super) async fn get(&self, path_and_query: &str) -> Result<Answer, Fault> {
        self.exchange(path_and_query).await.map_err(|refused| refused.fault)
    }

    /// Like [`Http::get`], with the body of a refusal.
    pub(super) async fn exchange(&self, path_and_query: &str) -> Result<Answer, Refused> {
        let url = self.base.at(path_and_query)?;
        tracing::debug!(path = path_of(path_and_query), "asking the vendor");
        let request =
            self.client.get(url).header(AUTHORIZATION, self.bearer.clone()).header(ACCEPT, "application/json");
        let answered = timing::timed(Phase::VendorWait, request.send()).await;
        let mut response = answered.map_err(|e| self.transport(e))?;
        let status = response.status().as_u16();
        let request_id = self.request_id(response.headers());
        let server_time = date(response.headers());
        if status == 200 {
            let (body, held) = timing::timed(Phase::Transfer, self.body(&mut response)).await.map_err(|fault| {
                Fault { status: Some(status), request_id: request_id.clone(), server_time, ..fault }
            })?;
            return Ok(Answer { body, request_id, server_time, _held: held });
        }
        let retry_after = retry_after(response.headers(), server_time);
        let mut body = Vec::new();
        // What of the explanation arrives is enough; the status has already decided.
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > ERROR_BODY {
                body.truncate(ERROR_BODY);
                break;
            }
        }
        let body = self.without_key(body);
        let fault = classify(Failure::Answer { status, body: &String::from_utf8_lossy(&body) });
        Err(Refused { fault: Fault { request_id, retry_after, server_time, ..fault }, body })
    }

    /// Reads the body, decompressed, up to the limit; cut while it streams, so that a bomb never unfolds. Waits where
    /// there is no memory for more.
    async fn body(&self, response: &mut reqwest::Response) -> Result<(Vec<u8>, Held), Fault> {
        let (mut body, mut held) = (Vec::new(), Held::default());
        while let Some(chunk) = response.chunk().await.map_err(|e| self.transport(e))? {
            let bytes = body.len() + chunk.len();
            if bytes > self.max_body {
                let detail = format!("more than {} bytes", self.max_body);
                return Err(classify(Failure::Transport { kind: Transport::TooLong, detail: &detail }));
            }
            self.memory.grow(&mut held, &mut body, bytes, self.max_body).await;
            body.extend_from_slice(&chunk);
        }
        Ok((self.without_key(body), held))
    }

    fn transport(&self, error: reqwest::Error) -> Fault {
        let error = error.without_url();
        let detail = self.hidden(&with_causes(&error));
        classify(Failure::Transport { kind: kind(&error), detail: &detail })
    }

    /// A vendor that repeats the key in its answer must not carry it into a message, a log or the database.
    fn without_key(&self, body: Vec<u8>) -> Vec<u8> {
        match std::str::from_utf8(&body) {
            Ok(text) if self.is_secret() && text.contains(self.key.expose_secret()) => self.hidden(text).into_bytes(),
            _ => body,
        }
    }

    fn hidden(&self, text: &str) -> String {
        if self.is_secret() { text.replace(self.key.expose_secret(), "[key]") } else { text.to_owned() }
    }

    /// The vendor's keys have 32 characters. A word that is short enough to occur in an answer by itself is no secret
    /// (the simulated vendor takes any), and replacing it would spoil the answer: `x` is part of `next_url`.
    fn is_secret(&self) -> bool {
        self.key.expose_secret().len() >= SHORTEST_SECRET
    }

    /// The vendor's id of an answer. Its proxies write the header twice, joined by a comma.
    fn request_id(&self, headers: &HeaderMap) -> Option<String> {
        let value = headers.get("x-request-id").or_else(|| headers.get("request-id"))?.to_str().ok()?;
        let id = value.split(',').next().map(str::trim).filter(|id| !id.is_empty())?;
        Some(identifier(&self.hidden(id)))
    }
}

/// A request id fit to store: printable and short.
pub(super) fn identifier(text: &str) -> String {
    let start: String = text.chars().take(64).collect();
    printable(&start).chars().take(64).collect()
}
