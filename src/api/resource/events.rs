//! What happens, as it happens (server-sent events).
//!
//! `snapshot` comes at most four times a second: its live half always, its data half when it changed since the last
//! event of this stream. `notice` is a line of the log. A client that reads too slowly misses snapshots and notices,
//! never the newest state. Streams end when the service stops.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::unfold;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::guard::keys::Caller;
use crate::metrics::Streaming;
use crate::params::Params;
use crate::problem::Problem;
use barkeep_monitor::snapshot::{Data, Snapshot};
use barkeep_runtime::console::{Access, Console as _, LogLine};
use barkeep_service::handle::Live;
use barkeep_store::Role;

/// Between two snapshots of one stream.
const BETWEEN: Duration = Duration::from_millis(250);
/// A comment is sent this often when nothing happens, so that both ends notice a dead connection.
const ALIVE: Duration = Duration::from_secs(15);
/// Streams at once.
const MOST: i64 = 64;

/// The event `snapshot`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SnapshotEvent {
    /// Grows with every snapshot of a process.
    pub seq: u64,
    pub live: Arc<Live>,
    /// Absent when it is that of the event before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Arc<Data>>,
}

/// The newest data half as JSON: written once, however many streams send it.
#[derive(Debug, Default)]
pub(crate) struct Feed(Mutex<Option<(Arc<Data>, Arc<str>)>>);

impl Feed {
    fn json(&self, data: &Arc<Data>) -> Result<Arc<str>, serde_json::Error> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, json)) = kept.as_ref().filter(|(of, _)| Arc::ptr_eq(of, data)) {
            return Ok(Arc::clone(json));
        }
        let json: Arc<str> = serde_json::to_string(&data.wire())?.into();
        *kept = Some((Arc::clone(data), Arc::clone(&json)));
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
    /// A newer snapshot is there and was not sent.
    owed: bool,
    stop: CancellationToken,
    _counted: Streaming,
    /// Told first.
    hello: Option<Access>,
}

impl Stream {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if let Some(access) = self.hello.take() {
            let word = if access == Access::Operate { "operate" } else { "read" };
            let event = Event::default().event("hello").data(format!("{{\"access\":\"{word}\"}}"));
            return Some((Ok(event), self));
        }
        loop {
            let due = self.sent.map(|sent| sent + BETWEEN);
            let newer = async {
                if let Some(due) = due {
                    // A notice may come between the change and its turn; the change is still owed then.
                    if !self.owed {
                        self.snapshots.changed().await.ok()?;
                        self.owed = true;
                    }
                    tokio::time::sleep_until(due).await;
                }
                Some(())
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                heard = self.notices.recv() => match heard {
                    Ok(notice) => {
                        let Ok(json) = serde_json::to_string(notice.as_ref()) else { continue };
                        return Some((Ok(Event::default().event("notice").data(json)), self));
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                newer = newer => {
                    newer?;
                    self.owed = false;
                    self.sent = Some(Instant::now());
                    let Some(json) = self.snapshot() else { continue };
                    return Some((Ok(Event::default().event("snapshot").data(json)), self));
                }
            }
        }
    }

    /// The newest snapshot, less what the client has.
    fn snapshot(&mut self) -> Option<String> {
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        let live = serde_json::to_string(&snapshot.live).ok()?;
        let known = self.data.as_ref().is_some_and(|data| Arc::ptr_eq(data, &snapshot.data));
        let seq = snapshot.seq;
        if known {
            return Some(format!("{{\"seq\":{seq},\"live\":{live}}}"));
        }
        let data = self.api.events.json(&snapshot.data).ok()?;
        self.data = Some(Arc::clone(&snapshot.data));
        Some(format!("{{\"seq\":{seq},\"live\":{live},\"data\":{data}}}"))
    }
}

/// What happens, as it happens
#[utoipa::path(get, path = "/api/v1/events", tag = "console",
    description = "Server-sent events. `hello`, once: `{access}`, what the key may do. `snapshot`: `{seq, live, data?}`, at most four a second, `data` when it changed. \
        `notice`: a line of the log, `{seq, at, level, source, text}`. A whole snapshot comes first of all snapshots.",
    responses((status = 200, body = String, content_type = "text/event-stream", description = "An endless stream")))]
pub(crate) async fn events(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let counted = api.metrics.stream(MOST);
    let counted = counted.ok_or_else(|| Problem::unavailable(format!("there are {MOST} event streams already")))?;
    let stream = Stream {
        snapshots: api.desk.watch(),
        notices: api.desk.notices(),
        data: None,
        sent: None,
        owed: false,
        stop: api.stop.clone(),
        _counted: counted,
        hello: Some(if caller.role == Role::Operate { Access::Operate } else { Access::Read }),
        api,
    };
    Ok(Sse::new(unfold(stream, Stream::next)).keep_alive(KeepAlive::new().interval(ALIVE)).into_response())
}
