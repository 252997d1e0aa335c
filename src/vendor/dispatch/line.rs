//! One vendor as it is asked: its client, its limit, and whether it refused the key.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::limit::Limiter;
use crate::{Fault, Vendor};

/// A vendor with its limiter. A key that one of them refuses ends nothing at the others.
pub(super) struct Line {
    pub(super) vendor: Arc<dyn Vendor>,
    pub(super) limiter: Arc<Limiter>,
    /// The 401 that ended it all, and the signal that wakes whoever waits.
    refusal: Mutex<Option<Fault>>,
    pub(super) refused: CancellationToken,
}

impl Line {
    pub(super) fn new(vendor: Arc<dyn Vendor>, limiter: Arc<Limiter>) -> Self {
        Self { vendor, limiter, refusal: Mutex::new(None), refused: CancellationToken::new() }
    }

    /// Why nothing is asked any more.
    pub(super) fn refusal(&self) -> Option<Fault> {
        let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone();
        refusal.or_else(|| self.vendor.unavailable())
    }

    pub(super) fn refuse(&self, fault: &Fault) {
        let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        refusal.get_or_insert_with(|| fault.clone());
        drop(refusal);
        self.refused.cancel();
    }
}
