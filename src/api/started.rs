//! Executions this process was asked for lately. An execution gets its row once it knows its series, a moment after it
//! was begun; until then, and when it turns out that others already work on all of them, this is what is known of it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use barkeep_market::{Symbol, Ts};

/// Executions remembered.
const MOST: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct RecentJob {
    pub(super) id: Uuid,
    pub(super) at: Ts,
    pub(super) symbols: Vec<Symbol>,
}

#[derive(Debug, Default)]
pub(super) struct RecentJobs(Mutex<VecDeque<RecentJob>>);

impl RecentJobs {
    pub(super) fn note(&self, id: Uuid, at: Ts, symbols: &[Symbol]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_back(RecentJob { id, at, symbols: symbols.to_vec() });
        if all.len() > MOST {
            all.pop_front();
        }
    }

    pub(super) fn find(&self, id: Uuid) -> Option<RecentJob> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|begun| begun.id == id).cloned()
    }

    /// The execution begun for exactly this symbol not before `since`.
    pub(super) fn lately(&self, symbol: &Symbol, since: Ts) -> Option<Uuid> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |begun: &&RecentJob| begun.at >= since && begun.symbols == [symbol.clone()];
        all.iter().rev().find(same).map(|begun| begun.id)
    }
}
