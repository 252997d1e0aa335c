//! Two executions never work on the same series, in whichever processes they run.
//!
//! A run claims the families it will fill before it plans. An order waits until all of them are free; a run of the schedule
//! takes what is free. The claims are rows of the database, renewed for as long as their process lives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::select::Target;
use barkeep_market::{Family, Symbol};
use barkeep_store::claims::distinct;
use barkeep_store::{Holder, SeriesClaim, SeriesClaiming, Store, StoreError};

/// How often a claim is renewed; it counts for six times as long.
const RENEWED: Duration = Duration::from_secs(5);
/// How often the claims of other processes are looked at. Those of this one are heard of.
const LOOKED_AT: Duration = Duration::from_secs(1);

/// The claims of this process.
#[derive(Debug)]
pub struct Claims {
    mine: Mutex<BTreeMap<Uuid, Mine>>,
    /// Changes when one of them is given up.
    released: watch::Sender<u64>,
}

/// A claim of this process.
#[derive(Debug, Default)]
struct Mine {
    /// Whether it is in the database.
    is_noted: bool,
    /// Cancelled when another process has taken it away.
    lost: CancellationToken,
}

impl Default for Claims {
    fn default() -> Self {
        Self { mine: Mutex::default(), released: watch::channel(0).0 }
    }
}

/// What one execution has claimed, or its place in the line. Given up by [`Claim::release`], or when dropped.
pub struct Claim {
    claims: Arc<Claims>,
    store: Arc<dyn Store>,
    execution: Uuid,
    lost: CancellationToken,
    is_kept: bool,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !std::mem::take(&mut self.is_kept) {
            return;
        }
        self.claims.mine().remove(&self.execution);
        let (claims, store, execution) = (Arc::clone(&self.claims), Arc::clone(&self.store), self.execution);
        // Without a runtime the process ends, and its claims with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { claims.give_up(store.as_ref(), execution).await });
        }
    }
}

impl Claim {
    /// Gives up what is held, and returns once others may have it.
    pub async fn release(mut self) {
        self.is_kept = false;
        self.claims.mine().remove(&self.execution);
        self.claims.give_up(self.store.as_ref(), self.execution).await;
    }

    /// Asks for `targets`, all their families. Granted families are returned; else who is in the way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask(&self, targets: &[Target], scheduled: bool) -> Result<SeriesClaiming, StoreError> {
        let families = targets.iter().flat_map(|target| {
            let symbol = &target.row.symbol;
            target.requested.iter().map(move |tf| (symbol.clone(), tf.family()))
        });
        let families = distinct(families);
        let claim = SeriesClaim { execution_id: self.execution, owner: self.store.mark(), scheduled, families };
        let claiming = self.store.claim_series(&claim).await?;
        let is_noted = matches!(claiming, SeriesClaiming::Granted(_));
        self.claims.mine().entry(self.execution).and_modify(|mine| mine.is_noted = is_noted);
        Ok(claiming)
    }

    /// Cancelled once what was granted is another's: this process sent no sign of life for 30 s.
    #[must_use]
    pub const fn lost(&self) -> &CancellationToken {
        &self.lost
    }
}

impl Claims {
    fn mine(&self) -> MutexGuard<'_, BTreeMap<Uuid, Mine>> {
        self.mine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a claim of an execution; nothing is asked for yet.
    #[must_use]
    pub fn open(self: &Arc<Self>, store: &Arc<dyn Store>, execution: Uuid) -> Claim {
        let lost = CancellationToken::new();
        let is_first = {
            let mut mine = self.mine();
            mine.insert(execution, Mine { is_noted: false, lost: lost.clone() });
            mine.len() == 1
        };
        if is_first {
            tokio::spawn(Arc::clone(self).renew(Arc::clone(store)));
        }
        Claim { claims: Arc::clone(self), store: Arc::clone(store), execution, lost, is_kept: true }
    }

    /// Yields when a claim of this process was given up, or when it is time to look at those of others.
    pub async fn moved(&self) {
        let mut released = self.released.subscribe();
        // The limit of the wait is what matters; a closed channel cannot be.
        let _ = tokio::time::timeout(LOOKED_AT, released.changed()).await;
    }

    fn lose(&self, execution: Uuid) {
        if let Some(mine) = self.mine().get(&execution) {
            tracing::warn!(%execution, "another process has taken over the series of this execution");
            mine.lost.cancel();
        }
    }

    async fn give_up(&self, store: &dyn Store, execution: Uuid) {
        if let Err(e) = store.release_claim(execution).await {
            tracing::warn!(%execution, error = %e, "cannot release the series of an execution; they are free in 30 s");
        }
        self.released.send_modify(|n| *n += 1);
    }

    /// Until nothing is claimed any more.
    async fn renew(self: Arc<Self>, store: Arc<dyn Store>) {
        loop {
            tokio::time::sleep(RENEWED).await;
            // What is only just claimed may be noted while the renewal is under way.
            let (mine, noted): (Vec<Uuid>, Vec<Uuid>) = {
                let mine = self.mine();
                let noted = mine.iter().filter(|(_, mine)| mine.is_noted).map(|(id, _)| *id).collect();
                (mine.keys().copied().collect(), noted)
            };
            if mine.is_empty() {
                return;
            }
            match store.renew_claims(&mine).await {
                Ok(gone) => gone.iter().filter(|id| noted.contains(id)).for_each(|id| self.lose(*id)),
                Err(e) => tracing::warn!(error = %e, "the claims of this process could not be renewed"),
            }
        }
    }
}

/// Leaves only what was granted in `targets`; returns the symbols of which something is missing.
#[must_use]
pub fn keep(targets: &mut Vec<Target>, granted: &[(Symbol, Family)]) -> Vec<Symbol> {
    let granted: std::collections::HashSet<&(Symbol, Family)> = granted.iter().collect();
    let mut left_out = Vec::new();
    for target in targets.iter_mut() {
        let (symbol, before) = (target.row.symbol.clone(), target.requested.len());
        target.requested.retain(|tf| granted.contains(&(symbol.clone(), tf.family())));
        if target.requested.len() < before {
            left_out.push(symbol);
        }
    }
    targets.retain(|target| !target.requested.is_empty());
    left_out
}

/// Who is in the way, in words.
#[must_use]
pub fn waits_for(holder: &Holder) -> String {
    format!("waits for execution {}, which has {}", holder.execution_id, holder.symbol)
}
