//! What a receiver of alerts is, and the message it gets.

use std::time::Duration;

use async_trait::async_trait;

use crate::state::AlertChange;

/// An alert that came or went, as receivers hear of it.
pub type Notification = AlertChange;

/// Why a receiver did not take a message. Holds no URL, no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Undelivered {
    pub(super) reason: String,
    /// Whether the same message may be taken later.
    pub(super) again: bool,
}

/// Somebody to tell.
#[async_trait]
pub(super) trait Receiver: Send + Sync {
    fn name(&self) -> &'static str;
    /// One try. The caller limits its time.
    async fn deliver(&self, notice: &Notification) -> Result<(), Undelivered>;
}

/// One line for people: what is wrong, or that it is over.
pub(super) fn headline(notice: &Notification) -> String {
    match notice.resolved_at {
        None => format!("barkeep {}: {}", notice.severity.name(), notice.message),
        Some(at) => {
            let lasted = Duration::from_secs(((at - notice.raised_at).max(0) / 1000).unsigned_abs());
            format!("barkeep resolved after {}: {}", humantime::format_duration(lasted), notice.message)
        }
    }
}
