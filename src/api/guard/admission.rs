//! The middleware around all handlers.
//!
//! A request is checked in this order: the host it names, the page it comes from, its length, its API key, the role of
//! that key, the content type of its body. Reading needs the role `read`, everything else `operate`. A request that
//! changes something is executed to the end even when its client disconnects; every response has a time limit.

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
use crate::guard::origin::{self, Named, PROBES};
use crate::problem::{Kind, Problem};
use crate::server::ConnectionInfo;
use crate::{Api, App, body, docs, idempotency, resource};
use barkeep_base::net::is_loopback;
use barkeep_base::text::printable;
use barkeep_store::KeyRole;

/// Longest path and query, bytes.
const MAX_TARGET_BYTES: usize = 8 * 1024;
/// Paths that need no key: liveness, readiness and documentation.
const PUBLIC: [&str; 5] = ["/", "/health", "/ready", "/openapi.json", "/docs"];
/// POSTs that a key with the role `read` may send; their handlers check the rest.
const READ_ONLY_POSTS: [&str; 2] = ["/api/v1/console/ask", "/api/v1/console/order"];

/// All routes behind the checks.
pub(crate) fn guarded(api: &App) -> Router {
    let (routes, document) = resource::routes();
    let routes = routes.merge(docs::routes(document));
    let routes = routes.fallback(unknown_path).method_not_allowed_fallback(unknown_method);
    routes
        .layer(CatchPanicLayer::custom(|_| Problem::internal("a handler panicked").into_response()))
        .layer(from_fn_with_state(Arc::clone(api), admit))
        .with_state(Arc::clone(api))
}

async fn unknown_path(request: Request) -> Problem {
    Problem::not_found(format!("no endpoint at {}", printable(request.uri().path())))
        .hint("/openapi.json lists all endpoints")
}

async fn unknown_method(request: Request) -> Problem {
    let method = printable(request.method().as_str());
    Problem::new(Kind::MethodNotAllowed, format!("{method} is not supported by this endpoint"))
        .hint("the Allow header lists the supported methods")
}

async fn admit(State(api): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let is_page = request.uri().path().starts_with("/docs");
    let mut response = match check_and_run(&api, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    set_security_headers(&mut response, is_page);
    let method = if KNOWN_METHODS.contains(&method) { method.as_str() } else { "other" };
    let route = route.as_deref().unwrap_or("none");
    api.metrics.answered(route, method, response.status().as_u16(), started.elapsed());
    tracing::debug!(method, route, status = response.status().as_u16(), took = ?started.elapsed(), "answered");
    response
}

const KNOWN_METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH];

async fn check_and_run(api: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let Some(ConnectionInfo { peer, local: own_address, probes_only }) = parts.extensions.get().copied() else {
        return Err(Problem::internal("the request has no connection info"));
    };
    let named = origin::check(&parts, &api.settings.hosts, own_address)?;
    if parts.uri.path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET_BYTES) {
        return Err(Problem::new(Kind::UriTooLong, format!("the URL is longer than {MAX_TARGET_BYTES} bytes")));
    }
    let path = parts.uri.path();
    if probes_only && !PROBES.contains(&path) {
        return Err(Problem::unavailable("too many connections")
            .hint("try again in a few seconds, or raise api.max_connections")
            .header(header::RETRY_AFTER, HeaderValue::from_static("5")));
    }
    let read_only = matches!(parts.method, Method::GET | Method::HEAD);
    if !(read_only && (PUBLIC.contains(&path) || path.starts_with("/docs/"))) {
        let local = named == Named::ByAddress && is_loopback(peer.ip());
        let caller = api.keys.caller(&parts.headers, peer.ip().to_canonical(), local).await?;
        let needed = if read_only || READ_ONLY_POSTS.contains(&path) { KeyRole::Read } else { KeyRole::Operate };
        if caller.role < needed {
            return Err(Problem::new(Kind::Forbidden, "this key is read-only")
                .hint("use a key with the role operate (`barkeep keys create NAME --role operate`)"));
        }
        parts.extensions.insert(caller);
    }
    let request = Request::from_parts(parts, body);
    if read_only {
        return within(request_timeout(api), next.run(request)).await;
    }
    if !matches!(*request.method(), Method::POST | Method::PUT | Method::DELETE) {
        return Ok(next.run(request).await);
    }
    body::check(request.headers())?;
    change(api, request, next).await
}

/// Executes a change on a task of its own, once for each `Idempotency-Key`.
async fn change(api: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let key = if request.method() == Method::POST { idempotency::key_of(&request)? } else { None };
    let caller = request.extensions().get::<Caller>().cloned();
    let (limit, whole) = (request_timeout(api), Arc::clone(api));
    let work = api.changes.spawn(async move {
        let api: &Api = &whole;
        match (key, caller) {
            (Some(key), Some(caller)) => {
                let store = api.console.engine.store.as_ref();
                let now = api.console.engine.clock.now();
                idempotency::once(store, &api.idempotency_keys, &caller.actor, key, now, request, |r| next.run(r)).await
            }
            _ => Ok(next.run(request).await),
        }
    });
    within(limit, work).await?.map_err(|e| Problem::internal(&e.to_string()))?
}

fn request_timeout(api: &Api) -> Duration {
    api.console.engine.config.current().settings.api.request_timeout
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Problem> {
    let late = |_| {
        Problem::unavailable(format!("the request took longer than {} s", limit.as_secs()))
            .hint("request less data or retry later; a change that has started continues (see the execution history)")
    };
    tokio::time::timeout(limit, work).await.map_err(late)
}

/// Headers of every response: nothing may be stored by a proxy or framed by another site, and only /docs is a page.
fn set_security_headers(response: &mut Response, is_page: bool) {
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
