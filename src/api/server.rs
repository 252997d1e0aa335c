//! Connections: accepted, bounded, timed, and ended.
//!
//! `axum::serve` sets no limit on how long a request's head may take (tokio-rs/axum#2741), and its graceful shutdown waits
//! for ever on an open event stream (tokio-rs/axum#2673); so the loop is our own. Each connection is a task in one set;
//! when the service stops, answers under way have [`GRACE`] to end, event streams end at once, and then all is over.

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

/// Longest time a request's head may take, and longest time a connection may rest between two requests.
const HEAD: Duration = Duration::from_secs(10);
/// Longest time an answer may lie unread.
const UNREAD: Duration = Duration::from_secs(30);
/// Largest head of a request, bytes.
const LARGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// How long answers under way have once the service stops.
const GRACE: Duration = Duration::from_secs(2);
/// Pause after the system could not give a connection (no file descriptors left).
const BREATH: Duration = Duration::from_millis(100);

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionInfo {
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
}

/// Open connections, for whoever shows them.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionCount(Arc<AtomicUsize>);

impl ConnectionCount {
    pub(super) fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn place(&self, most: usize) -> Option<Place> {
        let fits = |n: usize| (n < most).then_some(n + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok().map(|_| Place(Arc::clone(&self.0)))
    }
}

/// Given back when the connection ends.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Serves until `shutdown`, then ends every connection.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    open: ConnectionCount,
    most: usize,
    shutdown: CancellationToken,
) {
    let mut connections = JoinSet::new();
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
                // A peer that gave up is no reason to wait; for lack of descriptors a pause helps.
                if e.kind() != std::io::ErrorKind::ConnectionAborted {
                    tracing::warn!(error = %e, "no connection could be accepted");
                    tokio::time::sleep(BREATH).await;
                }
                continue;
            }
        };
        match (open.place(most), stream.local_addr()) {
            (Some(place), Ok(local)) => {
                let (app, shutdown) = (app.clone(), shutdown.clone());
                connections.spawn(async move {
                    connection(stream, ConnectionInfo { peer, local }, app, shutdown).await;
                    drop(place);
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

async fn connection(stream: TcpStream, ends: ConnectionInfo, app: Router, shutdown: CancellationToken) {
    // Small answers should not wait for company.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let app = app.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ends);
            app.oneshot(request).await.map_err(|never: Infallible| never)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(MOST_HEADERS)
        .max_header_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(WriteTimeout::new(stream, UNREAD)), service);
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = shutdown.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(e) = ended {
        tracing::debug!(peer = %ends.peer, error = %e, "a connection broke");
    }
}

/// One connection too many: an answer if the peer takes it at once, then the end.
fn refuse(stream: &TcpStream) {
    const BODY: &str = "{\"type\":\"urn:problem:barkeep:unavailable\",\"title\":\"Not now\",\"status\":503,\
                        \"detail\":\"too many connections; try again in a few seconds\"}";
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\
         Retry-After: 5\r\nConnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    let _ = stream.try_write(answer.as_bytes());
    tracing::warn!("a connection was refused: there are api.max_connections already");
}
