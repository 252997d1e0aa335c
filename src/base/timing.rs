//! Where the time of a job goes: real timers around the real calls.
//!
//! Whoever wants to know runs a job inside [`scope`]; the vendor's client, the limiter's callers, the store and the
//! writer of pages add what they spent to the job that caused it. Outside of a scope nothing is measured. A job's phases can
//! overlap (a page is decoded while the one before is written), so they may add up to more than it took.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use strum::{Display, EnumCount, IntoStaticStr, VariantArray};

use crate::variants::all;

/// What time is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Display, IntoStaticStr, EnumCount, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Phase {
    /// Waiting for a rate-limit token.
    #[strum(to_string = "limiter wait")]
    LimiterWait,
    /// From the request to the head of the answer.
    #[strum(to_string = "vendor wait")]
    VendorWait,
    /// Receiving the body and reading it.
    #[strum(to_string = "transfer+decode")]
    Transfer,
    /// Validating, scoring, computing coarser bars.
    #[strum(to_string = "validate+derive")]
    Derive,
    /// Reading and writing, waiting for the database included.
    Database,
    Features,
}

impl Phase {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// Time by phase.
#[derive(Debug, Default)]
pub struct Spent([AtomicU64; 6]);

impl Spent {
    /// Adds time that was measured elsewhere.
    pub fn add(&self, phase: Phase, time: Duration) {
        if let Some(sum) = self.0.get(phase as usize) {
            sum.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    #[must_use]
    pub fn of(&self, phase: Phase) -> Duration {
        self.0.get(phase as usize).map_or(Duration::ZERO, |sum| Duration::from_nanos(sum.load(Ordering::Relaxed)))
    }

    #[must_use]
    pub fn total(&self) -> Duration {
        Phase::ALL.into_iter().map(|phase| self.of(phase)).sum()
    }
}

tokio::task_local! {
    static CURRENT: Arc<Spent>;
}

/// Runs a job whose time is added to `spent`.
pub async fn scope<F: Future>(spent: Arc<Spent>, job: F) -> F::Output {
    CURRENT.scope(spent, job).await
}

/// The account of the job this runs for, to hand on to another task.
#[must_use]
pub fn current() -> Option<Arc<Spent>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Adds the time that `work` takes to its job.
pub async fn timed<F: Future>(phase: Phase, work: F) -> F::Output {
    let start = Instant::now();
    let output = work.await;
    let _ = CURRENT.try_with(|spent| spent.add(phase, start.elapsed()));
    output
}

/// The same for work that does not wait.
pub fn measured<T>(phase: Phase, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let output = work();
    let _ = CURRENT.try_with(|spent| spent.add(phase, start.elapsed()));
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn time_goes_to_the_job_it_was_spent_for() {
        let (one, other) = (Arc::new(Spent::default()), Arc::new(Spent::default()));
        let busy = || {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(2) {}
        };
        scope(Arc::clone(&one), async {
            measured(Phase::Derive, busy);
            let account = current().unwrap();
            // Another task works for this job only where it was handed the account.
            tokio::spawn(scope(account, async move { timed(Phase::Database, async { busy() }).await })).await.unwrap();
            tokio::spawn(async move { measured(Phase::Features, busy) }).await.unwrap();
        })
        .await;
        scope(Arc::clone(&other), async { measured(Phase::Transfer, busy) }).await;
        let least = Duration::from_millis(2);
        assert!(one.of(Phase::Derive) >= least && one.of(Phase::Database) >= least);
        assert_eq!((one.of(Phase::Transfer), one.of(Phase::Features)), (Duration::ZERO, Duration::ZERO));
        assert!(other.of(Phase::Transfer) >= least);
        assert!(current().is_none());
    }
}
