//! A console of an engine in another process, over its HTTP API: what `barkeep attach URL` shows.
//!
//! One event stream brings snapshots and log lines; questions and commands are requests of their own. When the engine
//! goes away the last snapshot stays, [`Link::Lost`] says since when, and the client reconnects until it succeeds.
//! Nothing is guessed: a command without a response is an error, even if it may have arrived.

mod events;
mod origin;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::StatusCode;
use secrecy::SecretString;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::events::{Events, StreamEvent};
use self::origin::{Origin, RequestError};
use crate::types::{Command, CommandResult, Question, Reply, SnapshotEvent};
use barkeep_base::clock::Clock;
use barkeep_monitor::snapshot::Snapshot;
use barkeep_runtime::console::{Access, Console, ConsoleRequest, ConsoleResponse, Link, LogLine, ReadError};
use barkeep_service::handle::{CommandError, CommandReply, EngineCommand};

/// A command may wait for a plan of everything.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(2);
const QUESTION_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause between two attempts to reconnect; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// Log lines a slow receiver may lag behind.
const LOG_LINES: usize = 1_024;

/// Why the client cannot connect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// Nothing answers at the URL, or it is not barkeep.
    #[error("{0}")]
    Unreachable(String),
    /// The key is missing, unknown or revoked.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Url(String),
}

/// An engine in another process.
pub struct Remote {
    origin: Origin,
    clock: Arc<dyn Clock>,
    access: Access,
    snapshot: watch::Sender<Arc<Snapshot>>,
    notices: broadcast::Sender<Arc<LogLine>>,
    link: watch::Sender<Link>,
}

impl Remote {
    /// Connects, and waits for the first snapshot. The task follows the engine until `stop`.
    ///
    /// # Errors
    /// When the URL is invalid, nothing answers there, or the key is refused.
    pub async fn connect(
        url: &str,
        key: Option<&SecretString>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> Result<(Arc<Self>, JoinHandle<()>), AttachError> {
        let origin = Origin::new(url, key)?;
        let mut events = Events::open(&origin).await?;
        let access = events.hello().await?;
        let first = loop {
            let StreamEvent::Snapshot(event) = events.next().await? else { continue };
            let SnapshotEvent { seq, live, data } = *event;
            if let Some(data) = data {
                break Snapshot { seq, live: Arc::new(live.into()), data: Arc::new(data.into()) };
            }
        };
        let remote = Arc::new(Self {
            link: watch::channel(Link::Connected { url: origin.display_url() }).0,
            snapshot: watch::channel(Arc::new(first)).0,
            notices: broadcast::channel(LOG_LINES).0,
            origin,
            clock,
            access,
        });
        let following = tokio::spawn(Arc::clone(&remote).follow(events, stop));
        Ok((remote, following))
    }

    async fn follow(self: Arc<Self>, mut events: Events, stop: CancellationToken) {
        loop {
            let error = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                error = self.receive(&mut events) => error,
            };
            tracing::info!(%error, "connection to the engine lost");
            let silent = i64::try_from(events.silent_for().as_millis()).unwrap_or(0);
            let (url, since) = (self.origin.display_url(), self.clock.now() - silent);
            let lost = |error: String| Link::Lost { url: url.clone(), since, error };
            self.link.send_replace(lost(error.to_string()));
            let mut pause = FIRST_PAUSE;
            events = loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(MAX_PAUSE);
                match Events::open(&self.origin).await {
                    Ok(events) => break events,
                    Err(e) => drop(self.link.send_replace(lost(e.to_string()))),
                }
            };
            self.link.send_replace(Link::Connected { url });
        }
    }

    /// Passes on what the stream brings, until it ends.
    async fn receive(&self, events: &mut Events) -> AttachError {
        loop {
            match events.next().await {
                Ok(StreamEvent::Snapshot(event)) => self.snapshot.send_modify(|s| {
                    let SnapshotEvent { seq, live, data } = *event;
                    let data = data.map_or_else(|| Arc::clone(&s.data), |data| Arc::new(data.into()));
                    *s = Arc::new(Snapshot { seq, live: Arc::new(live.into()), data });
                }),
                // There may be no receiver.
                Ok(StreamEvent::LogLine(line)) => drop(self.notices.send(Arc::new(line))),
                Err(e) => return e,
            }
        }
    }
}

#[async_trait]
impl Console for Remote {
    fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.subscribe()
    }

    fn notices(&self) -> broadcast::Receiver<Arc<LogLine>> {
        self.notices.subscribe()
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    fn access(&self) -> Access {
        self.access
    }

    async fn order(&self, action: EngineCommand) -> Result<CommandReply, CommandError> {
        let command = Command::try_from(action).map_err(|e| CommandError::Refused(e.to_string()))?;
        let result = self.origin.post("api/v1/console/order", &command, COMMAND_TIMEOUT).await;
        result.map(CommandResult::into).map_err(|e| match e {
            RequestError::Transport(why) => CommandError::Refused(format!(
                "no response from the engine; check whether the command was executed: {why}"
            )),
            RequestError::Problem(_, detail) => CommandError::Refused(detail),
        })
    }

    async fn ask(&self, question: ConsoleRequest) -> Result<ConsoleResponse, ReadError> {
        let reply = self.origin.post("api/v1/console/ask", &Question::from(question), QUESTION_TIMEOUT).await;
        reply.map(Reply::into).map_err(|e| match e {
            RequestError::Transport(why) => ReadError::Unavailable(why),
            RequestError::Problem(StatusCode::NOT_FOUND, detail) => ReadError::NotFound(detail),
            RequestError::Problem(StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST, detail) => {
                ReadError::Refused(detail)
            }
            RequestError::Problem(_, detail) => ReadError::Unavailable(detail),
        })
    }
}
