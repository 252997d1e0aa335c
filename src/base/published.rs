//! One value with one owner, that everybody reads as it is now.

use std::sync::Arc;

use tokio::sync::watch;

/// A value that is replaced as a whole while others work with it. Cheap to clone; every clone is the same value.
///
/// Whoever acts takes [`current`](Self::current) at that moment and keeps nothing for later: a copy that is kept goes on
/// saying what was true once.
#[derive(Debug)]
pub struct Published<T>(Arc<watch::Sender<Arc<T>>>);

impl<T> Clone for Published<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Published<T> {
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(watch::Sender::new(Arc::new(value))))
    }

    /// The value in force now.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.0.borrow())
    }

    /// Puts another value in force, for everybody at once.
    pub fn publish(&self, value: T) {
        self.0.send_replace(Arc::new(value));
    }

    /// Yields whenever another value was published.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<T>> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_sees_what_is_published() {
        let one = Published::new(1);
        let other = one.clone();
        let mut changed = other.subscribe();
        assert!(!changed.has_changed().unwrap());
        one.publish(2);
        assert_eq!(*other.current(), 2);
        changed.changed().await.unwrap();
    }
}
