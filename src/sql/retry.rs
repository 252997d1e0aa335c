//! Waiting for a lost database instead of failing at once.
//!
//! Every operation is safe to repeat (upserts, compare-and-write, atomic takes), so a call that failed because the
//! database went away is made again until it works or the time is up. Nothing that was fetched is lost meanwhile: the
//! page waits in the caller's hands and the queue behind it fills up. The time counts for all calls together, from the
//! first that failed since the last that worked, so calls that follow one another do not each wait it out.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Result, StoreError};

/// First and longest pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Hears when the database is lost and when it is back, once each. Called from many tasks; must return at once.
pub trait HealthListener: Send + Sync {
    /// The database does not answer; calls wait for it.
    fn lost(&self, error: &StoreError);

    /// A call worked again, so long after the first that failed.
    fn back(&self, after: Duration);
}

/// How long calls wait for a lost database, and who hears of it.
pub struct Retry {
    longest: Duration,
    listener: Arc<dyn HealthListener>,
    /// Since when no call has worked.
    lost: Mutex<Option<Instant>>,
}

impl Retry {
    /// Calls fail once no call has worked for `longest`.
    #[must_use]
    pub fn new(longest: Duration, listener: Arc<dyn HealthListener>) -> Self {
        Self { longest, listener, lost: Mutex::new(None) }
    }

    /// Makes a call until it works, fails for a reason that waiting does not mend, or the time is up.
    ///
    /// # Errors
    /// What the last call failed with.
    pub async fn run<T, F: Future<Output = Result<T>> + Send>(&self, call: impl Fn() -> F + Send + Sync) -> Result<T> {
        // A lock can be in the way of this call alone, while others work.
        let mut since: Option<Instant> = None;
        let mut pause = FIRST_PAUSE;
        loop {
            match call().await {
                Err(error) if error.is_transient() => {
                    let own = *since.get_or_insert_with(Instant::now);
                    let all = self.note_lost(&error);
                    if own.min(all).elapsed() >= self.longest {
                        return Err(error);
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                // A refusal is an answer too.
                outcome => {
                    self.note_back();
                    return outcome;
                }
            }
        }
    }

    /// How long no call has worked.
    pub fn lost_for(&self) -> Option<Duration> {
        self.lost().map(|since| since.elapsed())
    }

    /// Somebody found out without a call of their own that waits.
    pub fn hear_lost(&self, error: &StoreError) {
        self.note_lost(error);
    }

    pub fn hear_back(&self) {
        self.note_back();
    }

    fn lost(&self) -> MutexGuard<'_, Option<Instant>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a failure; since when no call has worked.
    fn note_lost(&self, error: &StoreError) -> Instant {
        *self.lost().get_or_insert_with(|| {
            tracing::warn!(%error, "the database does not answer; waiting for it");
            self.listener.lost(error);
            Instant::now()
        })
    }

    fn note_back(&self) {
        let Some(since) = self.lost().take() else { return };
        tracing::info!(after = ?since.elapsed(), "the database answers again");
        self.listener.back(since.elapsed());
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("longest", &self.longest).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_mins(1);

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Heard {
        fn words(&self) -> Vec<String> {
            self.0.lock().unwrap().clone()
        }
    }

    impl HealthListener for Heard {
        fn lost(&self, error: &StoreError) {
            self.0.lock().unwrap().push(format!("lost: {error}"));
        }

        fn back(&self, after: Duration) {
            self.0.lock().unwrap().push(format!("back after {after:?}"));
        }
    }

    fn retry() -> (Arc<Heard>, Arc<Retry>) {
        let heard = Arc::<Heard>::default();
        (heard.clone(), Arc::new(Retry::new(LIMIT, heard)))
    }

    fn away<T>() -> Result<T> {
        Err(StoreError::Unreachable("no server".into()))
    }

    #[tokio::test(start_paused = true)]
    async fn many_waiting_calls_tell_the_loss_and_the_return_once() {
        let (heard, retry) = retry();
        let start = Instant::now();
        let mut calls = tokio::task::JoinSet::new();
        for n in 0..20 {
            let retry = Arc::clone(&retry);
            let call = move || async move { if start.elapsed() < Duration::from_secs(30) { away() } else { Ok(n) } };
            calls.spawn(async move { retry.run(call).await });
        }
        let mut done: Vec<i32> = calls.join_all().await.into_iter().map(Result::unwrap).collect();
        done.sort_unstable();
        assert_eq!(done, (0..20).collect::<Vec<_>>());
        let words = heard.words();
        assert_eq!(words.len(), 2, "{words:?}");
        assert_eq!(words[0], "lost: the database is unreachable: no server");
        assert!(words[1].starts_with("back after 3"), "{words:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_counts_for_all_calls_together() {
        let (heard, retry) = retry();
        let start = Instant::now();
        let error = retry.run(|| async { away::<()>() }).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
        let waited = start.elapsed();
        assert!(waited >= LIMIT && waited < LIMIT + LONGEST_PAUSE, "{waited:?}");
        assert!(retry.lost_for() >= Some(LIMIT));
        // The next one is not waited for all over again.
        let start = Instant::now();
        retry.run(|| async { away::<()>() }).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(heard.words().len(), 1, "{:?}", heard.words());
        // One success, and it is.
        retry.run(|| async { Ok(()) }).await.unwrap();
        assert_eq!(retry.lost_for(), None);
        retry.run(|| async { away::<()>() }).await.unwrap_err();
        assert!(start.elapsed() >= LIMIT);
        assert_eq!(heard.words().len(), 3, "{:?}", heard.words());
    }

    /// A lock that stands in the way of one call while others work does not hold that call for ever.
    #[tokio::test(start_paused = true)]
    async fn a_call_of_its_own_gives_up_while_others_work() {
        let (_, retry) = retry();
        let others = tokio::spawn({
            let retry = Arc::clone(&retry);
            async move {
                loop {
                    retry.run(|| async { Ok(()) }).await.unwrap();
                    sleep(Duration::from_secs(1)).await;
                }
            }
        });
        let start = Instant::now();
        let error = retry.run(|| async { Err::<(), _>(StoreError::Busy("locked".into())) }).await.unwrap_err();
        assert!(matches!(error, StoreError::Busy(_)), "{error}");
        assert!(start.elapsed() >= LIMIT && start.elapsed() < LIMIT + LONGEST_PAUSE, "{:?}", start.elapsed());
        others.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn what_waiting_does_not_mend_fails_at_once() {
        let (heard, retry) = retry();
        let start = Instant::now();
        for error in [
            StoreError::NotFound("nothing".into()),
            StoreError::Refused("no".into()),
            StoreError::Unusable("no database".into()),
        ] {
            let tries = AtomicU32::new(0);
            let outcome = retry.run(|| async {
                tries.fetch_add(1, Ordering::Relaxed);
                Err::<(), _>(error.clone())
            });
            assert_eq!(outcome.await.unwrap_err().to_string(), error.to_string());
            assert_eq!(tries.into_inner(), 1);
        }
        assert_eq!((start.elapsed(), heard.words()), (Duration::ZERO, Vec::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_two_seconds() {
        let (_, retry) = retry();
        let (start, at) = (Instant::now(), Mutex::new(Vec::new()));
        let call = || async {
            at.lock().unwrap().push(start.elapsed().as_millis());
            if start.elapsed() < Duration::from_secs(8) { away() } else { Ok(()) }
        };
        retry.run(call).await.unwrap();
        assert_eq!(at.into_inner().unwrap(), [0, 100, 300, 700, 1_500, 3_100, 5_100, 7_100, 9_100]);
    }
}
