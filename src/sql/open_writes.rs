//! Writes under way, so that a screen can say that the database takes none: a lock held elsewhere lets every read through.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Writes that have not ended, by number, with when they began.
#[derive(Debug, Default)]
pub struct OpenWrites(Mutex<(u64, BTreeMap<u64, Instant>)>);

/// A write under way, until it is dropped.
pub struct OpenWrite<'a> {
    all: &'a OpenWrites,
    number: u64,
}

impl OpenWrites {
    pub fn begin(&self) -> OpenWrite<'_> {
        let mut inner = self.lock();
        inner.0 += 1;
        let number = inner.0;
        inner.1.insert(number, Instant::now());
        OpenWrite { all: self, number }
    }

    /// How long the oldest of them has waited.
    pub fn oldest(&self) -> Option<Duration> {
        self.lock().1.values().next().map(Instant::elapsed)
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Instant>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenWrite<'_> {
    fn drop(&mut self) {
        self.all.lock().1.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_oldest_write_that_has_not_ended_counts() {
        let writes = OpenWrites::default();
        assert_eq!(writes.oldest(), None);
        let first = writes.begin();
        tokio::time::advance(Duration::from_secs(3)).await;
        let second = writes.begin();
        assert_eq!(writes.oldest(), Some(Duration::from_secs(3)));
        drop(first);
        assert_eq!(writes.oldest(), Some(Duration::ZERO));
        drop(second);
        assert_eq!(writes.oldest(), None);
    }
}
