//! Where the events of every run go: the broadcast of the service, its recent activity, and the bell for a new snapshot.

use std::sync::Arc;

use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use crate::activity::Activity;
use barkeep_base::clock::Clock;
use barkeep_pipeline::events::{Event, Listener};

pub use barkeep_pipeline::progress::{ItemState, ItemView, RunProgress, RunView};

/// An event of an execution.
#[derive(Clone, Debug)]
pub struct RunEvent {
    pub execution_id: Uuid,
    pub event: Event,
}

/// Passes the events of one execution on, once [`RunProgress`] has counted them.
pub struct EventSinks {
    pub execution_id: Uuid,
    pub clock: Arc<dyn Clock>,
    pub pulse: Arc<Activity>,
    pub events: broadcast::Sender<Arc<RunEvent>>,
    /// Rung at every change, so that a snapshot is made soon.
    pub changed: watch::Sender<u64>,
}

impl Listener for EventSinks {
    fn on_event(&self, event: Event) {
        match &event {
            Event::Committed { outcome, .. } => {
                self.pulse.written(self.clock.now(), outcome.inserted + outcome.revised);
            }
            Event::Ended(attempt) => self.pulse.heard(self.clock.now(), attempt),
            _ => {}
        }
        // Nobody may be listening, and a slow listener misses events rather than holding the engine up.
        let _ = self.events.send(Arc::new(RunEvent { execution_id: self.execution_id, event }));
        self.changed.send_modify(|n| *n += 1);
    }
}
