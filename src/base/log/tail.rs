//! The last lines of the log, for screens: a ring of fixed size and whoever listens.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::{Level, LogLine};
use crate::clock::{Clock, SystemClock};
use crate::text::printable;

/// Lines kept.
const KEPT: usize = 1_000;
/// Lines a slow listener may lag behind.
const BEHIND: usize = 1_024;
/// A longer line is cut; the file has all of it.
const LONGEST: usize = 500;

/// The ring. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Tail {
    ring: Arc<Mutex<Ring>>,
    sender: broadcast::Sender<Arc<LogLine>>,
}

#[derive(Debug, Default)]
struct Ring {
    next: u64,
    /// What the lines are dated by; the machine's clock unless somebody says otherwise.
    clock: Option<Arc<dyn Clock>>,
    lines: VecDeque<Arc<LogLine>>,
}

impl Default for Tail {
    fn default() -> Self {
        Self { ring: Arc::default(), sender: broadcast::channel(BEHIND).0 }
    }
}

impl Tail {
    /// Dates the lines from now on by another clock.
    pub fn set_clock(&self, clock: Arc<dyn Clock>) {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).clock = Some(clock);
    }

    /// Lines from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<LogLine>> {
        self.sender.subscribe()
    }

    /// The last lines, oldest first.
    #[must_use]
    pub fn last(&self, limit: usize) -> Vec<LogLine> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.lines.iter().skip(ring.lines.len().saturating_sub(limit)).map(|line| LogLine::clone(line)).collect()
    }

    /// Adds a line; its text is made fit to print.
    pub fn add(&self, level: Level, source: &str, text: &str) {
        let cut: String = text.chars().take(LONGEST).collect();
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let at = ring.clock.as_ref().map_or_else(|| SystemClock.now(), |clock| clock.now());
        let line = LogLine { seq: ring.next, at, level, source: printable(source), text: printable(&cut) };
        let line = Arc::new(line);
        ring.next += 1;
        if ring.lines.len() == KEPT {
            ring.lines.pop_front();
        }
        ring.lines.push_back(Arc::clone(&line));
        drop(ring);
        // Nobody may be listening.
        let _ = self.sender.send(line);
    }
}

/// The message, then the fields as `name=value`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string does not fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, "  {}={value:?}", field.name())
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            let _ = write!(self.fields, "  {}={value}", field.name());
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let _ = write!(self.fields, "  {}={value}", field.name());
    }
}

impl<S: Subscriber> Layer<S> for Tail {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::INFO => Level::Info,
            _ => Level::Debug,
        };
        let mut text = Text::default();
        event.record(&mut text);
        let target = event.metadata().target();
        let source = target.strip_prefix("barkeep_").unwrap_or(target);
        self.add(level, source, &format!("{}{}", text.message, text.fields));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn lines_are_kept_in_order_printable_and_bounded() {
        let tail = Tail::default();
        let mut listener = tail.subscribe();
        tracing::subscriber::with_default(Registry::default().with(tail.clone()), || {
            for k in 0..KEPT + 5 {
                tracing::warn!(k, said = "a\u{1b}[2Jb", "line");
            }
        });
        let lines = tail.last(usize::MAX);
        assert_eq!(lines.len(), KEPT);
        assert_eq!(lines.first().unwrap().seq, 5);
        let last = lines.last().unwrap();
        assert_eq!((last.level, last.seq), (Level::Warn, KEPT as u64 + 4));
        assert!(last.text.starts_with("line  k=1004") && last.source.starts_with("base::log"), "{last:?}");
        assert!(!last.text.contains('\u{1b}'), "{last:?}");
        assert_eq!(listener.try_recv().unwrap().seq, 0);
        assert_eq!(tail.last(2).len(), 2);
    }
}
