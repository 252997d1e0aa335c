//! How many bytes of answers are held in memory at one time, whatever the vendor sends.
//!
//! A body holds its permits until its bars are read out of it. They take 72 bytes each, 50,000 at most, and are bounded by the
//! requests that may be in flight. A body may take
//!
//! - up to [`SMALL`] without a permit, as every answer does;
//! - up to [`USUAL`] with one of [`USUAL_BODIES`] permits: the largest page of bars is smaller;
//! - beyond it, up to the limit for bodies, with the one permit for a long body, held beside the first.
//!
//! Who has the permit for a long body waits for no other, so it ends, and the next one goes on. Waiting counts towards the
//! request's own time limit.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const SMALL: usize = 256 << 10;
/// A page of 50,000 bars has some 6 MB.
const USUAL: usize = 8 << 20;
const USUAL_BODIES: usize = 3;

/// The permits.
pub(super) struct BodyMemory {
    usual: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

/// The permits of one body.
#[derive(Default)]
pub(super) struct Held {
    usual: Option<OwnedSemaphorePermit>,
    long: Option<OwnedSemaphorePermit>,
}

impl BodyMemory {
    pub(super) fn new() -> Self {
        Self { usual: Arc::new(Semaphore::new(USUAL_BODIES)), long: Arc::new(Semaphore::new(1)) }
    }

    /// Waits until a body may have `bytes`, and reserves as many as it may have then. A body that grew step by step would
    /// leave its earlier buffers to the allocator, which keeps them.
    pub(super) async fn grow(&self, held: &mut Held, body: &mut Vec<u8>, bytes: usize, most: usize) {
        self.hold(held, bytes).await;
        if bytes > body.capacity() {
            let whole = if bytes > USUAL {
                most
            } else if bytes > SMALL {
                USUAL.min(most)
            } else {
                return;
            };
            body.reserve_exact(whole.saturating_sub(body.len()));
        }
    }

    async fn hold(&self, held: &mut Held, bytes: usize) {
        // Neither is ever closed.
        if bytes > SMALL && held.usual.is_none() {
            held.usual = Arc::clone(&self.usual).acquire_owned().await.ok();
        }
        if bytes > USUAL && held.long.is_none() {
            held.long = Arc::clone(&self.long).acquire_owned().await.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn however_many_bodies_grow_only_few_are_large_and_all_of_them_end() {
        let memory = Arc::new(BodyMemory::new());
        let (now, most) = (Arc::new(std::sync::Mutex::new(vec![0_usize; 20])), Arc::new(std::sync::Mutex::new(0)));
        let bodies: Vec<_> = (0..20)
            .map(|n| {
                let (memory, now, most) = (Arc::clone(&memory), Arc::clone(&now), Arc::clone(&most));
                tokio::spawn(async move {
                    let mut held = Held::default();
                    let whole = if n % 3 == 0 { 2 << 20 } else { 58 << 20 };
                    for bytes in (0..=whole).step_by(128 << 10) {
                        memory.hold(&mut held, bytes).await;
                        {
                            let mut all = now.lock().unwrap();
                            all[n] = bytes;
                            let mut most = most.lock().unwrap();
                            *most = all.iter().sum::<usize>().max(*most);
                        }
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    now.lock().unwrap()[n] = 0;
                })
            })
            .collect();
        for body in bodies {
            tokio::time::timeout(Duration::from_hours(1), body).await.expect("nobody waits for ever").unwrap();
        }
        let most = *most.lock().unwrap();
        assert!(most <= (58 << 20) + 2 * USUAL + 20 * SMALL, "{} MiB", most >> 20);
        assert!(most > (58 << 20) + USUAL, "{} MiB: they are side by side", most >> 20);
    }
}
