//! What keeps a service that lost its lease from writing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Election, Result, StoreError};

/// How long a lease counts for from the moment it was asked for.
pub(super) const LEASE: Duration = Duration::from_secs(15);
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

/// Whether this process may write pages and executions.
///
/// A transaction that is stopped after it passed here is ended by the server, which lets none idle for 15 s.
#[derive(Debug, Default)]
pub(super) struct Fence(Mutex<Standing>);

impl Fence {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of an election that was asked for at `asked`.
    pub(super) fn note(&self, election: &Election, asked: Instant) {
        *self.standing() = match election {
            Election::Leads => Standing::LeadsUntil(asked + LEASE),
            Election::StandsBy(_) => Standing::StandsBy,
        };
    }

    /// Returns once it may write: when the lease is over, not before the next election.
    ///
    /// # Errors
    /// When another has the lease.
    pub(super) async fn pass(&self) -> Result<()> {
        loop {
            let standing = *self.standing();
            match standing {
                Standing::LeadsUntil(until) if Instant::now() >= until => tokio::time::sleep(LOOK).await,
                Standing::Free | Standing::LeadsUntil(_) => return Ok(()),
                Standing::StandsBy => {
                    return Err(StoreError::Refused("this service stands by; another one works now".into()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Leader;
    use barkeep_market::Ts;

    fn elsewhere() -> Election {
        Election::StandsBy(Leader { host: "other".into(), since: Ts(0) })
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_over_writes_nothing_until_it_is_renewed() {
        let fence = Fence::default();
        fence.pass().await.unwrap();
        fence.note(&Election::Leads, Instant::now());
        tokio::time::advance(LEASE - Duration::from_millis(1)).await;
        fence.pass().await.unwrap();
        tokio::time::advance(Duration::from_millis(1)).await;
        tokio::time::timeout(Duration::from_secs(60), fence.pass()).await.unwrap_err();
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
