//! What the engine tells by itself: its stream of events, read as snapshots and log lines.
//!
//! The first event says who is asking; whatever follows and is not understood comes from a later version and is passed
//! over. Events that are known but cannot be read end the stream, so nothing is shown by halves.

use std::collections::VecDeque;
use std::sync::Arc;

use reqwest::Response;
use serde::Deserialize;

use super::AttachError;
use super::origin::{Origin, told};
use super::stream::{Event, Parser};
use barkeep_monitor::snapshot::Data;
use barkeep_runtime::console::{Access, LogLine};
use barkeep_service::handle::Live;

/// The first event of a stream: who is asking, by the key.
#[derive(Debug, Deserialize)]
struct Hello {
    access: Access,
}

/// The event `snapshot`; its data half only when it changed.
#[derive(Debug, Deserialize)]
pub(super) struct News {
    pub(super) seq: u64,
    pub(super) live: Arc<Live>,
    pub(super) data: Option<Arc<Data>>,
}

/// What a stream says.
pub(super) enum Heard {
    News(News),
    LogLine(LogLine),
}

/// An open stream of events.
pub(super) struct Events {
    answer: Response,
    parser: Parser,
    ready: VecDeque<Event>,
}

impl Events {
    pub(super) async fn open(origin: &Origin) -> Result<Self, AttachError> {
        let answer = origin.stream("api/v1/events").await?;
        Ok(Self { answer, parser: Parser::default(), ready: VecDeque::new() })
    }

    async fn event(&mut self) -> Result<Event, AttachError> {
        let lost = AttachError::Unreachable;
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let piece = self.answer.chunk().await.map_err(|e| lost(told(&e)))?;
            let piece = piece.ok_or_else(|| lost("the engine has ended the connection".to_owned()))?;
            self.ready.extend(self.parser.push(&piece).map_err(|e| lost(e.to_string()))?);
        }
    }

    /// What may be done here; a stream begins with it.
    pub(super) async fn hello(&mut self) -> Result<Access, AttachError> {
        let (name, data) = self.event().await?;
        let hello = (name == "hello").then(|| serde_json::from_str::<Hello>(&data).ok()).flatten();
        let other = || AttachError::Unreachable("the engine there is of another version of barkeep".to_owned());
        hello.map(|hello| hello.access).ok_or_else(other)
    }

    /// The next that is news; another version's events are passed over.
    pub(super) async fn next(&mut self) -> Result<Heard, AttachError> {
        let unreadable =
            |e| AttachError::Unreachable(format!("the engine there is of another version of barkeep: {e}"));
        loop {
            let (name, data) = self.event().await?;
            return match name.as_str() {
                "snapshot" => Ok(Heard::News(serde_json::from_str(&data).map_err(unreadable)?)),
                "notice" => Ok(Heard::LogLine(serde_json::from_str(&data).map_err(unreadable)?)),
                // Said again after a reconnection; or something a later version tells.
                _ => continue,
            };
        }
    }
}
