//! What the store in memory remembers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::series::Revision;
use super::{alerts, api, executions, monitoring, reference, requests, tracked};
use crate::{EnginePause, Result, StoreError};
use barkeep_market::Ts;

/// The store. Handles are clones of one [`Arc`]; closing one closes all.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
}

/// Everything remembered, by subject.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) closed: bool,
    pub(super) tracked: tracked::Tracked,
    pub(super) reference: reference::Reference,
    pub(super) monitoring: monitoring::Monitoring,
    pub(super) alerts: alerts::Alerts,
    pub(super) engine_pause: Option<EnginePause>,
    pub(super) nights_from: Option<Ts>,
    pub(super) api: api::Api,
    pub(super) executions: executions::Executions,
    pub(super) requests: requests::Requests,
    pub(super) plans: BTreeMap<Uuid, (Ts, String)>,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// What bars were before they changed or vanished: the table `bar_revisions`, by series in the order of the
    /// changes. Readable after closing.
    #[must_use]
    pub fn revisions(&self) -> Vec<Revision> {
        self.lock().tracked.revisions()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens it again once it was closed, as a process that is started again does.
    pub fn reopen(&self) {
        self.lock().closed = false;
    }

    /// The state, unless the store was closed.
    pub(super) fn open(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.lock();
        if state.closed { Err(StoreError::Unreachable("it was closed".into())) } else { Ok(state) }
    }
}
