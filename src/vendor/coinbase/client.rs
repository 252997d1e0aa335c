//! One HTTP request to the public API: no key, no redirects, bounded time and size.

use reqwest::header::ACCEPT;
use std::time::Duration;

use super::refusal::refused;
use crate::Fault;
use crate::answer::{date, kind, retry_after};
use crate::fault::{Failure, Transport, classify};
use crate::http::{self, BodyError, client_builder, with_causes};
use barkeep_base::timing::{self, Phase};
use barkeep_config::{CoinbaseSettings, VendorSettings};
use barkeep_market::Ts;

/// How much of an error body is read.
const ERROR_BODY: usize = 64 * 1024;
/// Idle connections are closed after this long: before the vendor's proxy does it, which would cost a request.
const POOL_IDLE: Duration = Duration::from_secs(15);

pub(super) struct Http {
    client: reqwest::Client,
    /// Without a slash at the end.
    origin: String,
    max_body: usize,
}

/// A whole answer with status 200.
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    pub(super) server_time: Option<Ts>,
}

impl Http {
    pub(super) fn new(settings: &CoinbaseSettings, common: &VendorSettings) -> Result<Self, String> {
        // Each request costs a place, so none is repeated behind the limiter's back.
        let builder = client_builder(settings.url.host_str())
            .connect_timeout(common.connect_timeout)
            .read_timeout(common.read_timeout)
            .timeout(common.total_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .gzip(true);
        let origin = settings.url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { client: http::build(builder)?, origin, max_body: common.max_body })
    }

    /// Asks for a path and query about a product, and returns the answer if it has status 200.
    pub(super) async fn get(&self, path_and_query: &str, product: &str) -> Result<Answer, Fault> {
        tracing::debug!(path = path_and_query, "asking Coinbase");
        let request = self.client.get(format!("{}{path_and_query}", self.origin)).header(ACCEPT, "application/json");
        let answered = timing::timed(Phase::VendorWait, request.send()).await;
        let mut response = answered.map_err(transport)?;
        let status = response.status().as_u16();
        let server_time = date(response.headers());
        if status == 200 {
            let body = timing::timed(Phase::Transfer, http::read_body(&mut response, self.max_body)).await;
            let body = body.map_err(|e| Fault { status: Some(status), server_time, ..broken(e) })?;
            return Ok(Answer { body, server_time });
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
        let fault = refused(status, &String::from_utf8_lossy(&body), product);
        Err(Fault { retry_after, server_time, ..fault })
    }
}

fn broken(error: BodyError) -> Fault {
    match error {
        BodyError::Broken(e) => transport(e),
        BodyError::TooLong(limit) => {
            let detail = format!("more than {limit} bytes");
            classify(Failure::Transport { kind: Transport::TooLong, detail: &detail })
        }
    }
}

fn transport(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    classify(Failure::Transport { kind: kind(&error), detail: &with_causes(&error) })
}
