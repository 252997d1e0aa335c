//! `Idempotency-Key`: a POST that can be retried without being executed twice.
//!
//! The first request with a key is executed and its response stored for a day; the same request again gets that response,
//! another request with the same key is refused. Of two at the same time the second waits for the first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use ring::digest::{Context, SHA256};
use uuid::Uuid;

use super::body;
use super::problem::{Kind, Problem};
use crate::guard::keys::hex;
use barkeep_market::Ts;
use barkeep_market::ts::{DAY, MINUTE};
use barkeep_store::{ApiRequest, IdempotencyClaim, Store};

/// How long a response is stored.
const RETENTION: i64 = DAY;
/// A request that has been running for this long belongs to a process that died.
const ABANDONED_AFTER: i64 = 10 * MINUTE;
/// Longest key, in characters.
const MAX_KEY_LENGTH: usize = 128;
/// Largest response stored, bytes.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Held while a request with the key is executed.
type KeyLock = tokio::sync::Mutex<()>;

/// Keys of the requests that this process is executing.
#[derive(Debug, Default)]
pub(super) struct IdempotencyKeys(Mutex<HashMap<(String, String), Weak<KeyLock>>>);

impl IdempotencyKeys {
    fn lock_of(&self, actor: &str, key: &str) -> Arc<KeyLock> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        let slot = locks.entry((actor.to_owned(), key.to_owned())).or_default();
        slot.upgrade().unwrap_or_else(|| {
            let lock = Arc::<KeyLock>::default();
            *slot = Arc::downgrade(&lock);
            lock
        })
    }
}

/// The key of a request.
pub(super) fn key_of(request: &Request) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let fits = (1..=MAX_KEY_LENGTH).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    let wrong = || Problem::invalid("idempotency-key", "is not 1 to 128 visible ASCII characters").hint("use a UUID");
    if fits { Ok(Some(text.to_owned())) } else { Err(wrong()) }
}

/// Executes a request, or repeats the response it had before.
pub(super) async fn once<F>(
    store: &dyn Store,
    idempotency_keys: &IdempotencyKeys,
    actor: &str,
    key: String,
    now: Ts,
    request: Request,
    execute: impl FnOnce(Request) -> F,
) -> Result<Response, Problem>
where
    F: Future<Output = Response>,
{
    let (parts, body) = request.into_parts();
    let bytes = body::read(body).await?;
    let claim = ApiRequest {
        fingerprint: fingerprint(parts.method.as_str(), &parts.uri.to_string(), &bytes),
        actor: actor.to_owned(),
        token: Uuid::new_v4(),
        at: now,
        key,
    };
    let lock = idempotency_keys.lock_of(actor, &claim.key);
    let _locked = lock.lock().await;
    match store.claim_request(&claim, now - RETENTION, now - ABANDONED_AFTER).await? {
        IdempotencyClaim::Ours => {}
        IdempotencyClaim::Answered { status, body } => return Ok(replay(status, body)),
        IdempotencyClaim::Another => {
            return Err(Problem::invalid("idempotency-key", "was used for another request")
                .hint("use a new key for a new request"));
        }
        IdempotencyClaim::InProgress => {
            return Err(Problem::new(Kind::Conflict, "this request is still running")
                .hint("repeat it in a moment to get the response")
                .header(header::RETRY_AFTER, HeaderValue::from_static("1")));
        }
    }
    let response = execute(Request::from_parts(parts, Body::from(bytes))).await;
    let (parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, MAX_RESPONSE_BYTES).await.map_err(|e| Problem::internal(&e.to_string()))?;
    // A failed request may be retried with the same key.
    let stored = parts.status.is_success().then(|| String::from_utf8_lossy(&whole).into_owned());
    let answer = stored.map(|text| (parts.status.as_u16(), text));
    if let Err(e) = store.settle_request(&claim, answer).await {
        tracing::error!(error = %e, "cannot store the response of a request with an Idempotency-Key");
    }
    Ok(Response::from_parts(parts, Body::from(whole)))
}

fn replay(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let json = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, json), (REPLAYED, HeaderValue::from_static("true"))], body).into_response()
}

fn fingerprint(method: &str, target: &str, body: &Bytes) -> String {
    let mut context = Context::new(&SHA256);
    for part in [method.as_bytes(), target.as_bytes()] {
        context.update(part);
        context.update(b"\n");
    }
    context.update(body);
    hex(context.finish().as_ref())
}
