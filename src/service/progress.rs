//! What runs at this moment, item by item: kept from the events of a run, read by every view.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use crate::activity::Activity;
use barkeep_base::clock::Clock;
use barkeep_market::Ts;
use barkeep_pipeline::events::{Event, ItemInfo, Listener};
use barkeep_store::Trigger;

/// Items that ended are shown for a while; at most so many of each run.
const ENDED: usize = 32;

/// How an item stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ItemState {
    /// For a token, a back-off or its turn.
    Waiting {
        why: String,
        /// When the wait should be over; absent when nobody knows.
        until: Option<Ts>,
        /// The number of the attempt that follows, when it is a retry.
        retry: Option<u32>,
    },
    /// A request is on the wire.
    Fetching {
        attempt: u32,
    },
    /// An answer is being checked and written.
    Storing,
    /// Everything it asked for is committed.
    Verified,
    Failed {
        reason: String,
    },
}

/// One item of a running plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemView {
    /// Unique in the process; grows in the order of the turns.
    pub number: u64,
    /// What is asked: `AAPL 5m`, `market 1d`, `splits`.
    pub label: String,
    #[serde(flatten)]
    pub head: ItemInfo,
    #[serde(flatten)]
    pub state: ItemState,
    /// Pages answered and committed so far.
    pub pages_done: u64,
    pub rows: u64,
    pub written: u64,
    /// The answered and committed share of its range, 0 to 1; 1 only when all of it is verified.
    pub done: f64,
}

/// A running execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    pub execution_id: Uuid,
    pub trigger: Trigger,
    pub mode: String,
    pub started_at: Ts,
    /// Requests the plan needs, and those answered so far.
    pub requests_planned: u64,
    pub requests_answered: u64,
    /// No plan for the same gaps can take fewer.
    pub lower_bound: u64,
    /// Before this the limit does not let the last planned request start; absent without a limit.
    pub not_before: Option<Ts>,
    pub rows: u64,
    pub written: u64,
    pub items_planned: usize,
    pub items_done: usize,
    pub items_failed: usize,
    /// Items under way in the order of their turns, then the last ones that ended, newest first.
    pub items: Vec<ItemView>,
}

/// An event of an execution.
#[derive(Clone, Debug)]
pub struct RunEvent {
    pub execution_id: Uuid,
    pub event: Event,
}

/// Follows one execution: keeps its view and passes its events on.
pub struct RunProgress {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    pulse: Arc<Activity>,
    events: broadcast::Sender<Arc<RunEvent>>,
    /// Rung at every change, so that a snapshot is made soon.
    changed: watch::Sender<u64>,
}

struct State {
    run: RunView,
    under_way: BTreeMap<u64, ItemView>,
    ended: VecDeque<ItemView>,
}

/// What a tracker tells others with.
#[derive(Clone)]
pub struct EventSinks {
    pub clock: Arc<dyn Clock>,
    pub pulse: Arc<Activity>,
    pub events: broadcast::Sender<Arc<RunEvent>>,
    pub changed: watch::Sender<u64>,
}

impl RunProgress {
    #[must_use]
    pub fn new(execution_id: Uuid, trigger: Trigger, mode: &str, wires: EventSinks) -> Self {
        let EventSinks { clock, pulse, events, changed } = wires;
        let run = RunView {
            execution_id,
            trigger,
            mode: mode.to_owned(),
            started_at: clock.now(),
            requests_planned: 0,
            requests_answered: 0,
            lower_bound: 0,
            not_before: None,
            rows: 0,
            written: 0,
            items_planned: 0,
            items_done: 0,
            items_failed: 0,
            items: Vec::new(),
        };
        let state = Mutex::new(State { run, under_way: BTreeMap::new(), ended: VecDeque::new() });
        Self { state, clock, pulse, events, changed }
    }

    /// The execution as it stands.
    #[must_use]
    pub fn view(&self) -> RunView {
        let state = self.lock();
        let items = state.under_way.values().chain(&state.ended).cloned().collect();
        RunView { items, ..state.run.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, event: &Event, now: Ts) {
        let run = &mut self.run;
        match event {
            Event::Planned { requests, lower_bound, items, estimated_seconds } => {
                run.requests_planned = run.requests_answered + requests;
                run.lower_bound = run.requests_answered + lower_bound;
                run.items_planned = run.items_done + run.items_failed + items;
                let wait = (estimated_seconds * 1000.0) as i64;
                run.not_before = (wait > 0).then_some(now + wait);
            }
            Event::Started { item, head } => {
                let state = ItemState::Waiting { why: "its turn".to_owned(), until: None, retry: None };
                let view = ItemView {
                    number: *item,
                    label: head.label(),
                    head: head.clone(),
                    state,
                    pages_done: 0,
                    rows: 0,
                    written: 0,
                    done: 0.0,
                };
                self.under_way.insert(*item, view);
            }
            Event::Waiting { ticker, why, wait, retry } => {
                let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                let state = ItemState::Waiting { why: why.clone(), until: Some(now + wait), retry: *retry };
                self.set(ticker.as_deref(), state);
            }
            Event::Requested { ticker, attempt } => {
                self.set(ticker.as_deref(), ItemState::Fetching { attempt: *attempt });
            }
            Event::Answered(row) if row.error.is_none() => self.set(row.ticker.as_deref(), ItemState::Storing),
            Event::Committed { item, symbol, timeframe, rows, outcome, done } => {
                let written = outcome.inserted + outcome.revised;
                run.written += written;
                let Some(entry) = self.under_way.get_mut(item) else { return };
                entry.written += written;
                entry.done = done.clamp(entry.done, 1.0);
                // A page is told once per timeframe; the base timeframe carries it.
                let base = entry.head.timeframe == Some(*timeframe);
                if base && entry.head.symbol.as_ref().is_none_or(|s| s == symbol) {
                    entry.rows += rows;
                    entry.pages_done += 1;
                    run.rows += rows;
                    run.requests_answered += 1;
                }
            }
            Event::Finished { item } => {
                run.items_done += 1;
                self.end(*item, ItemState::Verified);
            }
            Event::Failed { item, reason, .. } => {
                run.items_failed += 1;
                self.end(*item, ItemState::Failed { reason: reason.clone() });
            }
            Event::Answered(_) => {}
        }
    }

    /// The item a request belongs to is the one under way that asks this ticker.
    fn set(&mut self, ticker: Option<&str>, to: ItemState) {
        if let Some(item) = self.under_way.values_mut().find(|item| item.head.ticker.as_deref() == ticker) {
            item.state = to;
        }
    }

    fn end(&mut self, number: u64, state: ItemState) {
        let Some(item) = self.under_way.remove(&number) else { return };
        let done = if state == ItemState::Verified { 1.0 } else { item.done.min(0.99) };
        self.ended.push_front(ItemView { state, done, ..item });
        self.ended.truncate(ENDED);
    }
}

impl Listener for RunProgress {
    fn hear(&self, event: Event) {
        let now = self.clock.now();
        if let Event::Committed { outcome, .. } = &event {
            self.pulse.written(now, outcome.inserted + outcome.revised);
        }
        let execution_id = {
            let mut state = self.lock();
            state.apply(&event, now);
            state.run.execution_id
        };
        // Nobody may be listening, and a slow listener misses events rather than holding the engine up.
        let _ = self.events.send(Arc::new(RunEvent { execution_id, event }));
        self.changed.send_modify(|n| *n += 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use barkeep_base::clock::FixedClock;
    use barkeep_market::{Criticality, Timeframe};
    use barkeep_store::WriteOutcome;

    fn tracker() -> RunProgress {
        let wires = EventSinks {
            clock: Arc::new(FixedClock::at(Ts(1_000))),
            pulse: Arc::default(),
            events: broadcast::channel(16).0,
            changed: watch::channel(0).0,
        };
        RunProgress::new(Uuid::new_v4(), Trigger::Manual, "pipeline", wires)
    }

    fn head(symbol: &str) -> ItemInfo {
        ItemInfo {
            symbol: Some(symbol.parse().unwrap()),
            ticker: Some(symbol.to_owned()),
            timeframe: Some(Timeframe::M5),
            derives: vec![Timeframe::H1],
            criticality: Criticality::Low,
            pages: 2,
        }
    }

    fn committed(item: u64, timeframe: Timeframe, done: f64) -> Event {
        let outcome = WriteOutcome { inserted: 5, ..WriteOutcome::default() };
        Event::Committed { item, symbol: "AAPL".parse().unwrap(), timeframe, rows: 50, outcome, done }
    }

    #[test]
    fn an_item_is_running_only_once_its_token_is_taken_and_full_only_once_verified() {
        let tracker = tracker();
        tracker.hear(Event::Planned { requests: 2, lower_bound: 2, items: 1, estimated_seconds: 3.0 });
        tracker.hear(Event::Started { item: 7, head: head("AAPL") });
        let state = || tracker.view().items[0].state.clone();
        assert!(matches!(state(), ItemState::Waiting { until: None, .. }));
        let wait = Duration::from_secs(4);
        tracker.hear(Event::Waiting { ticker: Some("AAPL".into()), why: "503".into(), wait, retry: Some(2) });
        assert_eq!(state(), ItemState::Waiting { why: "503".into(), until: Some(Ts(5_000)), retry: Some(2) });
        tracker.hear(Event::Requested { ticker: Some("AAPL".into()), attempt: 2 });
        assert_eq!(state(), ItemState::Fetching { attempt: 2 });
        tracker.hear(committed(7, Timeframe::M5, 0.5));
        tracker.hear(committed(7, Timeframe::H1, 0.5));
        let run = tracker.view();
        assert_eq!((run.requests_answered, run.rows, run.written, run.not_before), (1, 50, 10, Some(Ts(4_000))));
        assert!(run.items[0].done < 1.0 && run.items[0].pages_done == 1);
        tracker.hear(Event::Finished { item: 7 });
        let run = tracker.view();
        assert_eq!((run.items[0].done, run.items[0].state.clone()), (1.0, ItemState::Verified));
        assert_eq!((run.items_done, run.items_planned), (1, 1));
    }

    #[test]
    fn a_failed_item_is_never_full() {
        let tracker = tracker();
        tracker.hear(Event::Started { item: 1, head: head("AAPL") });
        tracker.hear(committed(1, Timeframe::M5, 1.0));
        tracker.hear(Event::Failed { item: 1, symbol: None, timeframe: None, reason: "no".into() });
        let run = tracker.view();
        assert!(run.items[0].done < 1.0);
        assert_eq!(run.items_failed, 1);
    }
}
