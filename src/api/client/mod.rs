//! A console on an engine in another process, over its HTTP API: what `barkeep attach URL` shows.
//!
//! One stream of events brings snapshots and log lines; questions and orders are requests of their own. When the engine
//! goes away the last snapshot stays, [`Link::Lost`] says since when, and the stream is asked for again until it comes.
//! Nothing is guessed: an order that was not answered is an error, even if it may have arrived.

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

use self::events::{Events, Heard, News};
use self::origin::{Failed, Origin};
use barkeep_base::clock::Clock;
use barkeep_monitor::snapshot::Snapshot;
use barkeep_runtime::console::{Access, Console, ConsoleRequest, ConsoleResponse, Link, LogLine, ReadError};
use barkeep_service::handle::{CommandError, CommandReply, EngineCommand};

/// An order may wait for a plan of everything.
const ORDER: Duration = Duration::from_mins(2);
const QUESTION: Duration = Duration::from_secs(30);
/// Between two tries to get the stream back.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Log lines a slow listener may lag behind.
const NOTICES: usize = 1_024;

/// Why there is no console.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// Nobody answers, or somebody else does.
    #[error("{0}")]
    Unreachable(String),
    /// The key is missing, unknown or revoked.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Url(String),
}

/// An engine elsewhere.
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
    /// When the URL makes no sense, nobody answers there, or the key is refused.
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
            match events.next().await? {
                Heard::News(News { seq, live, data: Some(data) }) => break Snapshot { seq, live, data },
                Heard::News(_) | Heard::LogLine(_) => {}
            }
        };
        let remote = Arc::new(Self {
            link: watch::channel(Link::Connected { url: origin.shown() }).0,
            snapshot: watch::channel(Arc::new(first)).0,
            notices: broadcast::channel(NOTICES).0,
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
                error = self.hear(&mut events) => error,
            };
            tracing::info!(%error, "the connection to the engine is lost");
            let (url, since) = (self.origin.shown(), self.clock.now());
            let lost = |error: String| Link::Lost { url: url.clone(), since, error };
            self.link.send_replace(lost(error.to_string()));
            let mut pause = FIRST_PAUSE;
            events = loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
                match Events::open(&self.origin).await {
                    Ok(events) => break events,
                    Err(e) => drop(self.link.send_replace(lost(e.to_string()))),
                }
            };
            self.link.send_replace(Link::Connected { url });
        }
    }

    /// Passes on what is heard, until it ends.
    async fn hear(&self, events: &mut Events) -> AttachError {
        loop {
            match events.next().await {
                Ok(Heard::News(News { seq, live, data })) => self.snapshot.send_modify(|s| {
                    let data = data.unwrap_or_else(|| Arc::clone(&s.data));
                    *s = Arc::new(Snapshot { seq, live, data });
                }),
                // Nobody may be listening.
                Ok(Heard::LogLine(notice)) => drop(self.notices.send(Arc::new(notice))),
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
        self.origin.post("api/v1/console/order", &action, ORDER).await.map_err(|failed| match failed {
            Failed::Transport(why) => {
                CommandError::Refused(format!("the engine did not answer, so look whether it was done: {why}"))
            }
            Failed::Problem(_, said) => CommandError::Refused(said),
        })
    }

    async fn ask(&self, question: ConsoleRequest) -> Result<ConsoleResponse, ReadError> {
        self.origin.post("api/v1/console/ask", &question, QUESTION).await.map_err(|failed| match failed {
            Failed::Transport(why) => ReadError::Unavailable(why),
            Failed::Problem(StatusCode::NOT_FOUND, said) => ReadError::NotFound(said),
            Failed::Problem(StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST, said) => {
                ReadError::Refused(said)
            }
            Failed::Problem(_, said) => ReadError::Unavailable(said),
        })
    }
}
