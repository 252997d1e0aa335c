//! Toasts: short messages at the bottom of the screen that expire by themselves.

use std::collections::VecDeque;
use std::time::Duration;

use barkeep_runtime::console::Level;

/// Shown at most at once.
const MOST: usize = 3;

/// Kept to be read again.
const KEPT: usize = 200;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    pub id: u64,
    pub level: Level,
    pub text: String,
    /// On the loop's clock.
    pub until: Duration,
}

/// Those that are shown, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Toasts {
    next: u64,
    shown: VecDeque<Toast>,
    /// All of them with when they came, on the loop's clock; the newest last.
    past: VecDeque<(Duration, Level, String)>,
}

impl Toasts {
    /// Shows a text for as long as it takes to read it.
    pub fn show(&mut self, level: Level, text: impl Into<String>, now: Duration) -> u64 {
        let text = text.into();
        let stay = match level {
            Level::Error => Duration::from_secs(10),
            Level::Warn => Duration::from_secs(7),
            Level::Info | Level::Debug => Duration::from_secs(4),
        };
        if self.past.len() == KEPT {
            self.past.pop_front();
        }
        self.past.push_back((now, level, text.clone()));
        let id = self.next;
        self.next += 1;
        if self.shown.len() == MOST {
            self.shown.pop_front();
        }
        self.shown.push_back(Toast { id, level, text, until: now + stay });
        id
    }

    /// Puts another text in the place of one that may be gone already.
    pub fn replace(&mut self, id: u64, level: Level, text: impl Into<String>, now: Duration) {
        self.shown.retain(|toast| toast.id != id);
        self.show(level, text, now);
    }

    /// Takes away what has been there long enough; whether anything was.
    pub fn expire(&mut self, now: Duration) -> bool {
        let before = self.shown.len();
        self.shown.retain(|toast| toast.until > now);
        before != self.shown.len()
    }

    /// When the next one goes away.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Duration> {
        self.shown.iter().map(|toast| toast.until).min()
    }

    /// Oldest first.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Toast> {
        self.shown.iter()
    }

    /// What was said, newest first, with when.
    #[must_use]
    pub fn past(&self) -> impl ExactSizeIterator<Item = &(Duration, Level, String)> {
        self.past.iter().rev()
    }

    pub fn clear(&mut self) {
        self.shown.clear();
    }
}
