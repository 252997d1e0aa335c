//! What a worker tells of an item of another worker's plan.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::events::{Event, ItemTiming, Listener};
use crate::progress::{RunProgress, attempts_of};
use barkeep_market::{Symbol, Timeframe, Ts};
use barkeep_store::{Attempts, ItemPage, PageOfItem};

/// Adds up the attempts made for an item. Its pages carry them into the database.
pub struct ItemReport {
    execution: Uuid,
    number: u64,
    attempts: Mutex<Attempts>,
    pages: AtomicU64,
    progress: Arc<RunProgress>,
}

impl std::fmt::Debug for ItemReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ItemReport")
            .field("execution", &self.execution)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl ItemReport {
    /// Nothing has been done for the item. `progress` hears everything too.
    #[must_use]
    pub fn new(execution: Uuid, number: u64, progress: Arc<RunProgress>) -> Self {
        Self { execution, number, attempts: Mutex::default(), pages: AtomicU64::new(0), progress }
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The attempts that no page has carried away.
    #[must_use]
    pub fn rest(&self) -> Attempts {
        std::mem::take(&mut self.attempts())
    }

    /// What goes with a page into the database.
    pub(super) fn page(
        &self,
        received: Vec<(Symbol, Timeframe, u64)>,
        fetched_at: Ts,
        done: Option<f64>,
    ) -> PageOfItem {
        let page = ItemPage {
            number: self.pages.fetch_add(1, Ordering::Relaxed),
            received,
            outcomes: Vec::new(),
            fetched_at,
            done,
            attempts: self.rest(),
        };
        PageOfItem { execution_id: self.execution, number: self.number, page }
    }
}

impl Listener for ItemReport {
    fn on_event(&self, event: Event) {
        if let Event::Ended(attempt) = &event {
            let mut all = self.attempts();
            *all = all.and(attempts_of(attempt));
        }
        self.progress.on_event(event);
    }

    fn on_timing(&self, timing: ItemTiming) {
        self.progress.on_timing(timing);
    }
}
