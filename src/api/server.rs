//! Connections: accepted, limited in number, timed, and closed.
//!
//! `axum::serve` sets no limit on how long a request's head may take (tokio-rs/axum#2741), and its graceful shutdown waits
//! forever on an open event stream (tokio-rs/axum#2673); so the loop is our own. Each connection is a task in one set.
//! When the service stops, event streams end at once and running requests have [`GRACE`]; then everything is closed.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::guard::write_timeout::WriteTimeout;

/// Longest time a request's head may take, and longest time a connection may be idle between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time the client may read nothing of a response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest head of a request, bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// How long running requests have once the service stops.
const GRACE: Duration = Duration::from_secs(2);
/// Connections beyond the limit that may still ask whether the service is alive, and how long they have to do so.
const PROBE_CONNECTIONS: usize = 16;
const PROBE_HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// File descriptors for all else: databases, logs, the vendor.
const OTHER_FILES: u64 = 128;
/// Pause after the system refused a connection (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionInfo {
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    /// Beyond the limit: only `/health` and `/ready` are answered, one request a connection.
    pub(super) probes_only: bool,
}

/// The number of open connections.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionCount(Arc<AtomicUsize>);

impl ConnectionCount {
    pub(super) fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn open(&self, max: usize) -> Option<OpenConnection> {
        let fits = |n: usize| (n < max).then_some(n + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok().map(|_| OpenConnection(Arc::clone(&self.0)))
    }
}

/// Counted until it is dropped.
struct OpenConnection(Arc<AtomicUsize>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// As many connections as the setting allows and the process may have files for; its own limit is raised as far as it can.
pub(super) fn connections_possible(setting: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(setting as u64 + OTHER_FILES);
    if limit.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let possible = usize::try_from(files.saturating_sub(OTHER_FILES).max(1)).unwrap_or(usize::MAX).min(setting);
    if possible < setting {
        tracing::warn!(possible, setting, "api.max_connections is more than the limit of open files allows");
    }
    possible
}

/// Serves until `shutdown`, then ends every connection.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    count: ConnectionCount,
    max_connections: usize,
    shutdown: CancellationToken,
) {
    let mut connections = JoinSet::new();
    let probes = ConnectionCount::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                // A peer that gave up is no reason to wait; without free file descriptors a pause helps.
                if e.kind() != std::io::ErrorKind::ConnectionAborted {
                    tracing::warn!(error = %e, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        let ordinary = count.open(max_connections);
        let probes_only = ordinary.is_none();
        let counted = ordinary.or_else(|| probes.open(PROBE_CONNECTIONS));
        match (counted, stream.local_addr()) {
            (Some(counted), Ok(local)) => {
                let (app, shutdown) = (app.clone(), shutdown.clone());
                connections.spawn(async move {
                    connection(stream, ConnectionInfo { peer, local, probes_only }, app, shutdown).await;
                    drop(counted);
                });
            }
            (None, _) => refuse(&stream),
            (Some(_), Err(_)) => {}
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, info: ConnectionInfo, app: Router, shutdown: CancellationToken) {
    // Small responses are sent at once.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let app = app.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(info);
            app.oneshot(request).await.map_err(|never: Infallible| never)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(if info.probes_only { PROBE_HEAD_TIMEOUT } else { HEAD_TIMEOUT })
        .keep_alive(!info.probes_only)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(WriteTimeout::new(stream, WRITE_TIMEOUT)), service);
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = shutdown.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(e) = ended {
        tracing::debug!(peer = %info.peer, error = %e, "connection closed with an error");
    }
}

/// One connection too many: a response if the peer takes it at once, then the connection is closed.
fn refuse(stream: &TcpStream) {
    const BODY: &str = "{\"type\":\"urn:problem:barkeep:unavailable\",\"title\":\"Service Unavailable\",\"status\":503,\
                        \"detail\":\"too many connections; try again in a few seconds\"}";
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\
         Retry-After: 5\r\nConnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    let _ = stream.try_write(answer.as_bytes());
    tracing::warn!("connection refused: api.max_connections reached");
}
