//! Executions that were started through this API a short time ago.
//!
//! Reading a series that is missing triggers a backfill of it; whoever reads it again is told of that one.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use barkeep_market::{Symbol, Ts};

/// Executions remembered.
const MAX_JOBS: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct RecentJob {
    pub(super) id: Uuid,
    pub(super) at: Ts,
    pub(super) symbols: Vec<Symbol>,
}

#[derive(Debug, Default)]
pub(super) struct RecentJobs(Mutex<VecDeque<RecentJob>>);

impl RecentJobs {
    pub(super) fn add(&self, id: Uuid, at: Ts, symbols: &[Symbol]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_back(RecentJob { id, at, symbols: symbols.to_vec() });
        if all.len() > MAX_JOBS {
            all.pop_front();
        }
    }

    /// The execution started for exactly this symbol at or after `since`.
    pub(super) fn find_by_symbol(&self, symbol: &Symbol, since: Ts) -> Option<Uuid> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |job: &&RecentJob| job.at >= since && job.symbols == [symbol.clone()];
        all.iter().rev().find(same).map(|job| job.id)
    }
}
