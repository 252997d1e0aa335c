//! Two executions never work on the same series.
//!
//! A run claims the families it will fill before it plans. What another run has claimed is left out: that run requests
//! everything missing anyway.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::select::Target;
use barkeep_market::{Family, Symbol};

/// Which execution works on which family of which symbol.
#[derive(Debug, Default)]
pub struct Claims(Mutex<HashMap<(Symbol, Family), Uuid>>);

/// What one execution has claimed; given up when dropped.
#[derive(Debug)]
pub struct Claim {
    claims: Arc<Claims>,
    execution: Uuid,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.held().retain(|_, owner| *owner != self.execution);
    }
}

impl Claims {
    fn held(&self) -> MutexGuard<'_, HashMap<(Symbol, Family), Uuid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims what is free of `targets` and takes the rest out of them.
    ///
    /// # Errors
    /// The execution that holds them, when nothing is free.
    pub fn claim(self: &Arc<Self>, execution: Uuid, targets: &mut Vec<Target>) -> Result<Claim, Uuid> {
        let mut held = self.held();
        let mut holder = None;
        for target in targets.iter_mut() {
            let symbol = target.row.symbol.clone();
            target.requested.retain(|tf| match held.get(&(symbol.clone(), tf.family())) {
                Some(owner) if *owner != execution => {
                    holder = Some(*owner);
                    false
                }
                _ => {
                    held.insert((symbol.clone(), tf.family()), execution);
                    true
                }
            });
        }
        targets.retain(|target| !target.requested.is_empty());
        match holder {
            Some(owner) if targets.is_empty() => Err(owner),
            _ => Ok(Claim { claims: Arc::clone(self), execution }),
        }
    }
}
