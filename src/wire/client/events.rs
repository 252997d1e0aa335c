//! The event stream of a service, read as snapshots and log lines.
//!
//! The first event tells the role of the API key. Unknown events come from a later version and are skipped; known events
//! that cannot be read end the stream, so that nothing is shown in part.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Response;
use tokio::time::{Instant, timeout};

use super::AttachError;
use super::origin::{Origin, error_text};
use super::stream::{Event, Parser};
use crate::types::{HelloEvent, SnapshotEvent};
use barkeep_runtime::console::{Access, LogLine};

/// A service that says nothing for this long does not answer: it sends at least a comment every 2 s.
const SILENCE: Duration = Duration::from_secs(5);

/// An event of the stream.
pub(super) enum StreamEvent {
    Snapshot(Box<SnapshotEvent>),
    LogLine(LogLine),
}

/// An open stream of events.
pub(super) struct Events {
    response: Response,
    parser: Parser,
    ready: VecDeque<Event>,
    /// When the last piece came.
    heard: Instant,
}

impl Events {
    pub(super) async fn open(origin: &Origin) -> Result<Self, AttachError> {
        let response = origin.stream("api/v1/events").await?;
        Ok(Self { response, parser: Parser::default(), ready: VecDeque::new(), heard: Instant::now() })
    }

    async fn event(&mut self) -> Result<Event, AttachError> {
        let lost = AttachError::Unreachable;
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let silent = |_| lost(format!("it has sent nothing for {} s", SILENCE.as_secs()));
            let piece = timeout(SILENCE, self.response.chunk()).await.map_err(silent)?;
            let piece = piece.map_err(|e| lost(error_text(&e)))?;
            self.heard = Instant::now();
            let piece = piece.ok_or_else(|| lost("the service closed the connection".to_owned()))?;
            self.ready.extend(self.parser.push(&piece).map_err(|e| lost(e.to_string()))?);
        }
    }

    /// How long nothing has come.
    pub(super) fn silent_for(&self) -> Duration {
        self.heard.elapsed()
    }

    /// What the API key allows; every stream begins with it.
    pub(super) async fn hello(&mut self) -> Result<Access, AttachError> {
        let (name, data) = self.event().await?;
        let hello = (name == "hello").then(|| serde_json::from_str::<HelloEvent>(&data).ok()).flatten();
        let other = || AttachError::Unreachable("the service runs another version of barkeep".to_owned());
        hello.map(|hello| hello.access).ok_or_else(other)
    }

    /// The next snapshot or log line; unknown events are skipped.
    pub(super) async fn next(&mut self) -> Result<StreamEvent, AttachError> {
        let unreadable = |e| AttachError::Unreachable(format!("the service runs another version of barkeep: {e}"));
        loop {
            let (name, data) = self.event().await?;
            return match name.as_str() {
                "snapshot" => Ok(StreamEvent::Snapshot(serde_json::from_str(&data).map_err(unreadable)?)),
                "notice" => Ok(StreamEvent::LogLine(serde_json::from_str(&data).map_err(unreadable)?)),
                // `hello` again after a reconnection, or an event of a later version.
                _ => continue,
            };
        }
    }
}
