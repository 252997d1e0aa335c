//! Holds requests back until whoever runs the server lets them through, so that something can happen in the middle of a run.

use tokio::sync::Semaphore;

/// Lets a number of requests through. Without a number it lets all through.
#[derive(Debug)]
pub(crate) struct Gate(Option<Semaphore>);

impl Gate {
    pub(crate) fn new(count: Option<usize>) -> Self {
        Self(count.map(Semaphore::new))
    }

    /// So many more.
    pub(crate) fn allow(&self, count: usize) {
        if let Some(places) = &self.0 {
            places.add_permits(count);
        }
    }

    /// All, from now on.
    pub(crate) fn open(&self) {
        if let Some(places) = &self.0 {
            places.close();
        }
    }

    /// Waits for its turn.
    pub(crate) async fn pass(&self) {
        if let Some(places) = &self.0
            && let Ok(place) = places.acquire().await
        {
            place.forget();
        }
    }
}
