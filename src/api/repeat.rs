//! `Idempotency-Key`: a POST that may be sent again without happening again.
//!
//! The first request with a key is carried out and its answer kept for a day; the same request again gets that answer,
//! another request with the same key is refused. Two at the same time become one: the second waits for the first.

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
use barkeep_store::{ApiRequest, Claim, Store};

/// How long an answer is kept.
const KEPT: i64 = DAY;
/// A claim that nobody settled for this long belongs to a process that died.
const ABANDONED: i64 = 10 * MINUTE;
/// Longest key, in characters.
const LONGEST: usize = 128;
/// Largest answer kept, bytes.
const LARGEST: usize = 1024 * 1024;

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Held by whoever carries a request out.
type Turn = tokio::sync::Mutex<()>;
type Place = Arc<Turn>;

/// Requests with a key that are under way in this process.
#[derive(Debug, Default)]
pub(super) struct IdempotencyKeys(Mutex<HashMap<(String, String), Weak<Turn>>>);

impl IdempotencyKeys {
    fn place(&self, actor: &str, key: &str) -> Place {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|_, place| place.strong_count() > 0);
        let slot = places.entry((actor.to_owned(), key.to_owned())).or_default();
        slot.upgrade().unwrap_or_else(|| {
            let place = Place::default();
            *slot = Arc::downgrade(&place);
            place
        })
    }
}

/// The key a request names.
pub(super) fn key_of(request: &Request) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    let wrong =
        || Problem::invalid("idempotency-key", "is not 1 to 128 visible ASCII characters").hint("a UUID does well");
    if fits { Ok(Some(text.to_owned())) } else { Err(wrong()) }
}

/// Carries a request out unless it was before.
pub(super) async fn once<F>(
    store: &dyn Store,
    under_way: &IdempotencyKeys,
    actor: &str,
    key: String,
    now: Ts,
    request: Request,
    carry_out: impl FnOnce(Request) -> F,
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
    let place = under_way.place(actor, &claim.key);
    let _turn = place.lock().await;
    match store.claim_request(&claim, now - KEPT, now - ABANDONED).await? {
        Claim::Ours => {}
        Claim::Answered { status, body } => return Ok(replay(status, body)),
        Claim::Another => {
            return Err(Problem::invalid("idempotency-key", "was used for another request")
                .hint("use a new key for a new request"));
        }
        Claim::UnderWay => {
            return Err(Problem::new(Kind::Conflict, "this request is being carried out")
                .hint("send it again in a moment to learn the answer")
                .header(header::RETRY_AFTER, HeaderValue::from_static("1")));
        }
    }
    let response = carry_out(Request::from_parts(parts, Body::from(bytes))).await;
    let (parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, LARGEST).await.map_err(|e| Problem::internal(&e.to_string()))?;
    // What failed may be tried again under the same key.
    let kept = parts.status.is_success().then(|| String::from_utf8_lossy(&whole).into_owned());
    let answer = kept.map(|text| (parts.status.as_u16(), text));
    if let Err(e) = store.settle_request(&claim, answer).await {
        tracing::error!(error = %e, "the answer to a request could not be kept");
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
