//! The way every request takes before a handler sees it, and every answer before it leaves.
//!
//! In this order: the host it asks for, the page it comes from, its length, the key it carries, what that key may do,
//! what kind of body it has. Looking needs `read`, everything else `operate`. A request that changes something is carried
//! out to the end even when its client goes; every answer has a time limit.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;

use crate::guard::keys::Caller;
use crate::guard::origin;
use crate::guard::origin::Named;
use crate::problem::{Kind, Problem};
use crate::server::ConnectionInfo;
use crate::{Api, App, body, docs, repeat, resource};
use barkeep_base::text::printable;
use barkeep_store::Role;

/// Longest path and query, bytes.
const LONGEST_TARGET: usize = 8 * 1024;
/// What needs no key: whether it lives, and how it is used.
const OPEN: [&str; 5] = ["/", "/health", "/ready", "/openapi.json", "/docs"];
/// POSTs that look at things; what more they need their handlers check.
const LOOKING: [&str; 2] = ["/api/v1/console/ask", "/api/v1/console/order"];

/// Everything that is served.
pub(crate) fn guarded(api: &App) -> Router {
    let (routes, document) = resource::routes();
    let routes = routes.merge(docs::routes(document));
    let routes = routes.fallback(no_such_path).method_not_allowed_fallback(not_that_method);
    routes
        .layer(CatchPanicLayer::custom(|_| Problem::internal("a handler panicked").into_response()))
        .layer(from_fn_with_state(Arc::clone(api), admit))
        .with_state(Arc::clone(api))
}

async fn no_such_path(request: Request) -> Problem {
    Problem::not_found(format!("there is nothing at {}", printable(request.uri().path())))
        .hint("/openapi.json lists what there is")
}

async fn not_that_method(request: Request) -> Problem {
    let method = printable(request.method().as_str());
    Problem::new(Kind::MethodNotAllowed, format!("{method} means nothing here"))
        .hint("the Allow header lists what does")
}

async fn admit(State(api): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let is_page = request.uri().path().starts_with("/docs");
    let mut response = match pass(&api, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    seal(&mut response, is_page);
    let method = if KNOWN_METHODS.contains(&method) { method.as_str() } else { "other" };
    let route = route.as_deref().unwrap_or("none");
    api.metrics.answered(route, method, response.status().as_u16(), began.elapsed());
    tracing::debug!(method, route, status = response.status().as_u16(), took = ?began.elapsed(), "answered");
    response
}

const KNOWN_METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH];

async fn pass(api: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let Some(ConnectionInfo { peer, local }) = parts.extensions.get().copied() else {
        return Err(Problem::internal("a request without a connection"));
    };
    let named = origin::check(&parts, &api.settings.hosts, local)?;
    if parts.uri.path_and_query().is_some_and(|target| target.as_str().len() > LONGEST_TARGET) {
        return Err(Problem::new(Kind::UriTooLong, format!("more than {LONGEST_TARGET} bytes")));
    }
    let path = parts.uri.path();
    let looking = matches!(parts.method, Method::GET | Method::HEAD);
    if !(looking && (OPEN.contains(&path) || path.starts_with("/docs/"))) {
        let near = named == Named::ByAddress && peer.ip().to_canonical().is_loopback();
        let caller = api.keys.caller(&parts.headers, peer.ip().to_canonical(), near).await?;
        let needed = if looking || LOOKING.contains(&path) { Role::Read } else { Role::Operate };
        if caller.role < needed {
            return Err(Problem::new(Kind::Forbidden, "this key may only look")
                .hint("use a key with the role operate: `barkeep keys create NAME --role operate`"));
        }
        parts.extensions.insert(caller);
    }
    let request = Request::from_parts(parts, body);
    if looking {
        return in_time(request_timeout(api), next.run(request)).await;
    }
    if !matches!(*request.method(), Method::POST | Method::PUT | Method::DELETE) {
        return Ok(next.run(request).await);
    }
    body::check(request.headers())?;
    change(api, request, next).await
}

/// Carries out a change on a task of its own, once for each `Idempotency-Key`.
async fn change(api: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let key = if request.method() == Method::POST { repeat::key_of(&request)? } else { None };
    let caller = request.extensions().get::<Caller>().cloned();
    let (limit, whole) = (request_timeout(api), Arc::clone(api));
    let work = api.changes.spawn(async move {
        let api: &Api = &whole;
        match (key, caller) {
            (Some(key), Some(caller)) => {
                let store = api.desk.engine.store.as_ref();
                let now = api.desk.engine.clock.now();
                repeat::once(store, &api.under_way, &caller.actor, key, now, request, |r| next.run(r)).await
            }
            _ => Ok(next.run(request).await),
        }
    });
    in_time(limit, work).await?.map_err(|e| Problem::internal(&e.to_string()))?
}

fn request_timeout(api: &Api) -> Duration {
    api.desk.engine.config.current().settings.api.request_timeout
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Problem> {
    let late = |_| {
        Problem::unavailable(format!("the answer took longer than {} s", limit.as_secs()))
            .hint("ask for less, or later; a change goes on and shows in the history")
    };
    tokio::time::timeout(limit, work).await.map_err(late)
}

/// Headers of every answer: nothing here is a page, may be kept by a proxy, or belongs into somebody else's frame.
fn seal(response: &mut Response, is_page: bool) {
    const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";
    const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                        connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(if is_page { PAGE } else { NOTHING });
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
