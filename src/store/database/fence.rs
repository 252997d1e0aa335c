//! What keeps a service that lost its lease from writing.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use crate::conn::Conn;
use crate::tables::fleet::workers;
use crate::writer::Work;
use crate::{Election, Result, StoreError};
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_base::process;

/// How long a lease counts for from the moment it was asked for, milliseconds.
pub(crate) const LEASE_MS: i64 = 15_000;

/// Who a store is among the workers of a shared database: this process, unless several live in one.
#[derive(Clone, Debug)]
pub struct AsWorker {
    pub id: Uuid,
    /// Its lease is counted by the time since the machine started: no step of the wall clock moves it, and unlike the
    /// runtime's clock it goes on while the machine sleeps.
    pub clock: Arc<dyn Clock>,
}

impl Default for AsWorker {
    fn default() -> Self {
        Self { id: process::worker(), clock: Arc::new(SystemClock) }
    }
}

impl AsWorker {
    /// Milliseconds that never go back.
    pub(crate) fn elapsed(&self) -> i64 {
        static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
        match self.clock.uptime() {
            Some(uptime) => uptime.ms,
            None => i64::try_from(BEGUN.elapsed().as_millis()).unwrap_or(i64::MAX),
        }
    }
}

const RAN_OUT: &str = "the lease ran out in the middle of a write";

/// Whether a write failed for want of the lease, which may have been renewed since.
pub(crate) fn ran_out(outcome: &StoreError) -> bool {
    matches!(outcome, StoreError::Busy(why) if why == RAN_OUT)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// No service: a command of its own, guarded by its claims.
    #[default]
    Free,
    LeadsUntil(i64),
    StandsBy,
}

/// Whether this process may write pages and executions: looked at before a transaction, when it begins and before it
/// commits. What it cannot see from here, whether another leads by now, the database says in the same transaction.
#[derive(Clone, Debug)]
pub(crate) struct Fence {
    worker: AsWorker,
    standing: watch::Sender<Standing>,
}

impl Fence {
    pub(crate) fn of(worker: AsWorker) -> Self {
        Self { worker, standing: watch::Sender::default() }
    }

    pub(crate) const fn worker(&self) -> &AsWorker {
        &self.worker
    }

    fn standing(&self) -> Standing {
        *self.standing.borrow()
    }

    /// Takes note of an election that was asked for at `asked`.
    pub(crate) fn note(&self, election: &Election, asked: i64) {
        self.standing.send_replace(match election {
            Election::Leads => Standing::LeadsUntil(asked + LEASE_MS),
            Election::StandsBy(_) => Standing::StandsBy,
        });
    }

    /// Whether the lease ran out, so that it is not known who leads.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.standing(), Standing::LeadsUntil(until) if self.worker.elapsed() >= until)
    }

    /// Fails unless it may write at this moment; whether it writes as the leader.
    fn check(&self) -> Result<bool> {
        match self.standing() {
            Standing::StandsBy => Err(stands_by()),
            Standing::LeadsUntil(until) if self.worker.elapsed() >= until => Err(StoreError::Busy(RAN_OUT.into())),
            Standing::LeadsUntil(_) => Ok(true),
            Standing::Free => Ok(false),
        }
    }

    /// Returns once it may write: when the lease is over, not before the next election.
    ///
    /// # Errors
    /// When another has the lease.
    pub(crate) async fn pass(&self) -> Result<()> {
        let mut elections = self.standing.subscribe();
        while self.is_over() {
            // The sender is here, so the channel cannot close.
            let _ = elections.changed().await;
        }
        match self.standing() {
            Standing::StandsBy => Err(stands_by()),
            Standing::Free | Standing::LeadsUntil(_) => Ok(()),
        }
    }
}

fn stands_by() -> StoreError {
    StoreError::Refused("this service is on standby; another one is active".into())
}

/// Work that only the leader may do.
pub(crate) struct Fenced<W> {
    pub(crate) work: Arc<W>,
    pub(crate) fence: Fence,
}

#[async_trait]
impl<W: Work> Work for Fenced<W> {
    type Output = W::Output;

    fn check(&self) -> Result<()> {
        self.work.check()
    }

    async fn run(&self, conn: &mut Conn<'_>) -> Result<W::Output> {
        self.fence.check()?;
        let output = self.work.run(conn).await?;
        // Time may have passed in which this process was stopped, and may pass before the end of the transaction.
        if self.fence.check()? && !workers::hold_lead(conn, self.fence.worker.id).await? {
            return Err(stands_by());
        }
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::Leader;
    use barkeep_base::clock::Uptime;
    use barkeep_market::Ts;

    // What begins or ends a transaction asks `check`, what waits before one asks `pass`.

    /// A machine whose time since its start is set by hand.
    #[derive(Debug, Default)]
    struct Machine(AtomicI64);

    impl Clock for Machine {
        fn now(&self) -> Ts {
            Ts(0)
        }

        fn uptime(&self) -> Option<Uptime> {
            Some(Uptime { boot: Uuid::nil(), ms: self.0.load(Ordering::SeqCst) })
        }
    }

    fn fence() -> (Arc<Machine>, Fence) {
        let machine = Arc::<Machine>::default();
        (Arc::clone(&machine), Fence::of(AsWorker { id: Uuid::nil(), clock: machine }))
    }

    fn elsewhere() -> Election {
        Election::StandsBy(Leader { host: "other".into(), since: Ts(0) })
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_over_writes_nothing_until_it_is_renewed() {
        let (machine, fence) = fence();
        fence.pass().await.unwrap();
        fence.note(&Election::Leads, 0);
        machine.0.store(14_999, Ordering::SeqCst);
        fence.pass().await.unwrap();
        assert!(fence.check().unwrap());
        machine.0.store(15_000, Ordering::SeqCst);
        assert!(fence.is_over() && fence.check().is_err());
        tokio::time::timeout(Duration::from_mins(1), fence.pass()).await.unwrap_err();
        fence.note(&Election::Leads, 15_000);
        fence.pass().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_woke_after_another_took_over_is_refused() {
        let (machine, fence) = fence();
        fence.note(&Election::Leads, 0);
        machine.0.store(LEASE_MS * 3, Ordering::SeqCst);
        let waiting = tokio::spawn({
            let fence = fence.clone();
            async move { fence.pass().await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!waiting.is_finished());
        fence.note(&elsewhere(), LEASE_MS * 3);
        assert!(matches!(waiting.await.unwrap(), Err(StoreError::Refused(_))));
    }
}
