//! What runs at this moment, item by item: kept from the events of a run, read by every view.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use super::progress::{Event, Listener};
use crate::clock::Clock;
use crate::market::Ts;
use crate::store::Trigger;

/// One item of a running plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemView {
    /// What is asked: `AAPL 5m`, `market 1d`, `splits`.
    pub label: String,
    pub pages: u64,
    pub rows: u64,
    pub written: u64,
    /// The answered and committed share of its range, 0 to 1; 1 only when all of it is verified.
    pub done: f64,
}

/// A running execution.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunView {
    pub execution_id: Uuid,
    pub trigger: Trigger,
    pub started_at: Ts,
    /// Requests the plan needs at most, and those answered so far.
    pub requests_planned: u64,
    pub requests_answered: u64,
    pub rows: u64,
    pub written: u64,
    pub items_planned: usize,
    pub items_done: usize,
    pub items_failed: usize,
    /// Items under way, in the order they began.
    pub items: BTreeMap<u64, ItemView>,
}

/// An event of an execution.
#[derive(Clone, Debug)]
pub struct RunEvent {
    pub execution_id: Uuid,
    pub event: Event,
}

/// Follows one execution: keeps its view and passes its events on.
pub struct Tracker {
    view: Mutex<RunView>,
    events: broadcast::Sender<Arc<RunEvent>>,
    /// Rung at every change, so that a snapshot is made soon.
    changed: watch::Sender<u64>,
}

impl Tracker {
    #[must_use]
    pub fn new(
        execution_id: Uuid,
        trigger: Trigger,
        clock: &dyn Clock,
        events: broadcast::Sender<Arc<RunEvent>>,
        changed: watch::Sender<u64>,
    ) -> Self {
        let view = RunView {
            execution_id,
            trigger,
            started_at: clock.now(),
            requests_planned: 0,
            requests_answered: 0,
            rows: 0,
            written: 0,
            items_planned: 0,
            items_done: 0,
            items_failed: 0,
            items: BTreeMap::new(),
        };
        Self { view: Mutex::new(view), events, changed }
    }

    /// The execution as it stands.
    #[must_use]
    pub fn view(&self) -> RunView {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, RunView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(view: &mut RunView, event: &Event) {
        match event {
            Event::Planned { requests, items, .. } => {
                view.requests_planned = view.requests_answered + requests;
                view.items_planned = view.items_done + view.items_failed + items;
            }
            Event::Started { item, symbol, timeframe, pages } => {
                let label = match (symbol, timeframe) {
                    (Some(symbol), Some(tf)) => format!("{symbol} {tf}"),
                    (None, Some(tf)) => format!("market {tf}"),
                    _ => "splits".to_owned(),
                };
                view.items.insert(*item, ItemView { label, pages: *pages, rows: 0, written: 0, done: 0.0 });
            }
            Event::Committed { item, symbol, timeframe, rows, outcome, done } => {
                let written = outcome.inserted + outcome.revised;
                view.written += written;
                let Some(entry) = view.items.get_mut(item) else { return };
                entry.written += written;
                entry.done = done.clamp(entry.done, 1.0);
                // A page is told once per timeframe; the base timeframe carries it.
                if entry.label == format!("{symbol} {timeframe}") || entry.label.starts_with("market") {
                    entry.rows += rows;
                    view.rows += rows;
                    view.requests_answered += 1;
                }
            }
            Event::Finished { item } => {
                view.items.remove(item);
                view.items_done += 1;
            }
            Event::Failed { item, .. } => {
                view.items.remove(item);
                view.items_failed += 1;
            }
            Event::Waiting { .. } | Event::DatabaseLost { .. } | Event::DatabaseBack { .. } => {}
        }
    }
}

impl Listener for Tracker {
    fn hear(&self, event: Event) {
        let execution_id = {
            let mut view = self.lock();
            Self::apply(&mut view, &event);
            view.execution_id
        };
        // Nobody may be listening, and a slow listener misses events rather than holding the engine up.
        let _ = self.events.send(Arc::new(RunEvent { execution_id, event }));
        self.changed.send_modify(|n| *n += 1);
    }
}
