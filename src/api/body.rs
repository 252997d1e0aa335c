//! Request bodies: JSON, at most 64 KiB, within ten seconds.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt as _;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::problem::{Kind, Problem};
use barkeep_base::text::printable;

/// Largest body, bytes. 1000 symbols of a trigger need half of it.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// Longest time a body may take to arrive.
const TIMEOUT: Duration = Duration::from_secs(10);

fn too_large() -> Problem {
    Problem::new(Kind::TooLarge, format!("the body is larger than {MAX_BYTES} bytes")).hint("split the request")
}

/// Refuses bodies by their headers: too large, or not JSON. A request without a body needs no content type.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|n| n > MAX_BYTES as u64) {
        return Err(too_large());
    }
    let has_body = length.is_some_and(|n| n > 0) || headers.contains_key(header::TRANSFER_ENCODING);
    let kind = headers.get(header::CONTENT_TYPE);
    let json = kind.and_then(|v| v.to_str().ok()).is_some_and(|v| {
        let essence = v.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    });
    if json || (kind.is_none() && !has_body) {
        return Ok(());
    }
    Err(Problem::new(Kind::MediaType, "the Content-Type of the body is not JSON")
        .hint("send Content-Type: application/json"))
}

/// All of a body.
pub(super) async fn read(body: Body) -> Result<Bytes, Problem> {
    let slow = |_| Problem::new(Kind::Timeout, format!("the body took longer than {} s to arrive", TIMEOUT.as_secs()));
    tokio::time::timeout(TIMEOUT, gather(body)).await.map_err(slow)?
}

async fn gather(body: Body) -> Result<Bytes, Problem> {
    let mut pieces = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Problem::new(Kind::Malformed, "the body ended early"))?;
        if whole.len() + piece.len() > MAX_BYTES {
            return Err(too_large());
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

/// A body as a type. Invalid JSON is 400, JSON of another shape is 422.
#[derive(Debug)]
pub(super) struct Input<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        parse(&read(request.into_body()).await?).map(Self)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    const WHERE: &str = "/openapi.json describes the body";
    let wrong = |kind, e: &dyn std::fmt::Display| {
        Problem::new(kind, printable(&format!("the body: {e}"))).at("body").hint(WHERE)
    };
    serde_json::from_slice::<IgnoredAny>(body).map_err(|e| wrong(Kind::Malformed, &e))?;
    // serde would accept a list of a struct's members too.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(wrong(Kind::Invalid, &"not an object"));
    }
    serde_json::from_slice(body).map_err(|e| wrong(if e.is_data() { Kind::Invalid } else { Kind::Malformed }, &e))
}
