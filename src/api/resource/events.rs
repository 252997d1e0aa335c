//! The event stream (server-sent events).
//!
//! `snapshot` is sent at most four times a second: always what the engine does, and what the database holds when that
//! changed since the last event of this stream. `notice` is a line of the log. A client that reads too slowly misses
//! snapshots and log lines, never the newest state. Streams end when the service stops.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::unfold;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::guard::keys::Caller;
use crate::metrics::Streaming;
use crate::params::Params;
use crate::problem::Problem;
use crate::types::{self, HelloEvent};
use barkeep_monitor::snapshot::{Data, Snapshot};
use barkeep_runtime::console::{Access, Console as _, LogLine};
use barkeep_store::KeyRole;

/// Shortest time between two snapshots of one stream.
const INTERVAL: Duration = Duration::from_millis(250);
/// A comment is sent this often when nothing happens, so that both ends notice a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// How often it is looked whether the key of a stream is still valid: one that is revoked loses it within a second.
const KEY_CHECK: Duration = Duration::from_millis(450);
/// Streams at a time.
const MAX_STREAMS: i64 = 64;

/// What the database holds as JSON: serialized once, however many streams send it.
#[derive(Debug, Default)]
pub(crate) struct DataJson(Mutex<Option<(Arc<Data>, Arc<str>)>>);

impl DataJson {
    fn of(&self, data: &Arc<Data>) -> Result<Arc<str>, serde_json::Error> {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, json)) = cached.as_ref().filter(|(of, _)| Arc::ptr_eq(of, data)) {
            return Ok(Arc::clone(json));
        }
        let json: Arc<str> = serde_json::to_string(&types::Data::from(data.as_ref()))?.into();
        *cached = Some((Arc::clone(data), Arc::clone(&json)));
        Ok(json)
    }
}

struct Stream {
    api: App,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    notices: broadcast::Receiver<Arc<LogLine>>,
    /// What was sent last.
    data: Option<Arc<Data>>,
    sent: Option<Instant>,
    /// There is a newer snapshot that has not been sent.
    pending: bool,
    stop: CancellationToken,
    caller: Caller,
    next_check: Instant,
    _counted: Streaming,
    /// Sent first.
    hello: Option<HelloEvent>,
}

impl Stream {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if let Some(hello) = self.hello.take() {
            let json = serde_json::to_string(&hello).ok()?;
            return Some((Ok(Event::default().event("hello").data(json)), self));
        }
        loop {
            let due = self.sent.map(|sent| sent + INTERVAL);
            let newer = async {
                if let Some(due) = due {
                    // A log line may be sent between a change and its turn; the change is still pending then.
                    if !self.pending {
                        self.snapshots.changed().await.ok()?;
                        self.pending = true;
                    }
                    tokio::time::sleep_until(due).await;
                }
                Some(())
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep_until(self.next_check) => {
                    if !self.api.keys.still_admits(&self.caller).await {
                        return None;
                    }
                    self.next_check = Instant::now() + KEY_CHECK;
                }
                line = self.notices.recv() => match line {
                    Ok(notice) => {
                        let Ok(json) = serde_json::to_string(notice.as_ref()) else { continue };
                        return Some((Ok(Event::default().event("notice").data(json)), self));
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                newer = newer => {
                    newer?;
                    self.pending = false;
                    self.sent = Some(Instant::now());
                    let Some(json) = self.snapshot() else { continue };
                    return Some((Ok(Event::default().event("snapshot").data(json)), self));
                }
            }
        }
    }

    /// The newest snapshot, without what the client has.
    fn snapshot(&mut self) -> Option<String> {
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        let live = serde_json::to_string(&types::Live::from(snapshot.live.as_ref())).ok()?;
        let known = self.data.as_ref().is_some_and(|data| Arc::ptr_eq(data, &snapshot.data));
        let seq = snapshot.seq;
        if known {
            return Some(format!("{{\"seq\":{seq},\"live\":{live}}}"));
        }
        let data = self.api.data_json.of(&snapshot.data).ok()?;
        self.data = Some(Arc::clone(&snapshot.data));
        Some(format!("{{\"seq\":{seq},\"live\":{live},\"data\":{data}}}"))
    }
}

/// Stream of events
#[utoipa::path(get, path = "/api/v1/events", operation_id = "stream_events", tag = "console",
    description = "Server-sent events. `hello`, once and first: `{access}`, what the key allows. `snapshot`, at most four a \
        second: `{seq, live, data?}`, which together have the members of a `Snapshot`; `data` in the first one and whenever \
        it changed. `notice`: a line of the log, `{seq, at, level, source, text}`.",
    responses((status = 200, body = String, content_type = "text/event-stream", description = "An endless stream")))]
pub(crate) async fn events(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let counted = api.metrics.stream(MAX_STREAMS);
    let counted = counted.ok_or_else(|| Problem::unavailable(format!("all {MAX_STREAMS} event streams are in use")))?;
    let stream = Stream {
        snapshots: api.console.watch(),
        notices: api.console.notices(),
        data: None,
        sent: None,
        pending: false,
        stop: api.stop.clone(),
        _counted: counted,
        hello: Some(HelloEvent {
            access: if caller.role == KeyRole::Operate { Access::Operate } else { Access::Read },
        }),
        caller,
        next_check: Instant::now() + KEY_CHECK,
        api,
    };
    Ok(Sse::new(unfold(stream, Stream::next)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}
