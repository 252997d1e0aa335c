//! What keeps a service that lost its lease from writing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::conn::Conn;
use crate::writer::Work;
use crate::{Election, Result, StoreError};

/// How long a lease counts for from the moment it was asked for.
pub(crate) const LEASE: Duration = Duration::from_secs(15);
/// How often one whose lease is over looks whether it was renewed.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// No service: a command of its own, guarded by its claims.
    #[default]
    Free,
    LeadsUntil(Instant),
    StandsBy,
}

/// Whether this process may write pages and executions: looked at before a transaction, when it begins and before it
/// commits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fence(Arc<Mutex<Standing>>);

impl Fence {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of an election that was asked for at `asked`.
    pub(crate) fn note(&self, election: &Election, asked: Instant) {
        *self.standing() = match election {
            Election::Leads => Standing::LeadsUntil(asked + LEASE),
            Election::StandsBy(_) => Standing::StandsBy,
        };
    }

    /// Whether the lease ran out, so that it is not known who leads.
    pub(crate) fn is_over(&self) -> bool {
        matches!(*self.standing(), Standing::LeadsUntil(until) if Instant::now() >= until)
    }

    /// Fails unless it may write at this moment.
    fn check(&self) -> Result<()> {
        match *self.standing() {
            Standing::StandsBy => Err(stands_by()),
            Standing::LeadsUntil(until) if Instant::now() >= until => {
                Err(StoreError::Busy("the lease ran out in the middle of a write".into()))
            }
            Standing::Free | Standing::LeadsUntil(_) => Ok(()),
        }
    }

    /// Returns once it may write: when the lease is over, not before the next election.
    ///
    /// # Errors
    /// When another has the lease.
    pub(crate) async fn pass(&self) -> Result<()> {
        loop {
            let standing = *self.standing();
            match standing {
                Standing::LeadsUntil(until) if Instant::now() >= until => tokio::time::sleep(LOOK).await,
                Standing::Free | Standing::LeadsUntil(_) => return Ok(()),
                Standing::StandsBy => return Err(stands_by()),
            }
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
        // Time may have passed in which this process was stopped.
        self.fence.check()?;
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Leader;
    use barkeep_market::Ts;

    // What begins or ends a transaction asks `check`, what waits before one asks `pass`.

    fn elsewhere() -> Election {
        Election::StandsBy(Leader { host: "other".into(), since: Ts(0) })
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_over_writes_nothing_until_it_is_renewed() {
        let fence = Fence::default();
        fence.pass().await.unwrap();
        fence.note(&Election::Leads, Instant::now());
        tokio::time::advance(Duration::from_millis(14_999)).await;
        fence.pass().await.unwrap();
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(fence.is_over() && fence.check().is_err());
        tokio::time::timeout(Duration::from_mins(1), fence.pass()).await.unwrap_err();
        fence.note(&Election::Leads, Instant::now());
        fence.pass().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_woke_after_another_took_over_is_refused() {
        let fence = std::sync::Arc::new(Fence::default());
        fence.note(&Election::Leads, Instant::now());
        tokio::time::advance(LEASE * 3).await;
        let waiting = tokio::spawn({
            let fence = std::sync::Arc::clone(&fence);
            async move { fence.pass().await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!waiting.is_finished());
        fence.note(&elsewhere(), Instant::now());
        assert!(matches!(waiting.await.unwrap(), Err(StoreError::Refused(_))));
    }
}
