//! What one run has done and what it has left: the only place where its events are counted.
//!
//! `answered` is the vendor's count: every attempt that brought an answer, later pages and refusals included, a grouped day
//! once. `left` is an estimate that gets better with every page: the share of an item's range that its pages have answered
//! so far says how many more it takes. The summary of the run, the snapshot of the service and the bars of the command
//! line read these numbers.

mod view;

pub use view::{ItemState, ItemView, RunView};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::SeriesKey;
use crate::events::{Event, ItemInfo, ItemTiming, Listener};
use barkeep_base::clock::Clock;
use barkeep_config::Mode;
use barkeep_market::ts::millis;
use barkeep_market::{Symbol, Ts};
use barkeep_store::{Attempts, Trigger};
use barkeep_vendor::Class;
use barkeep_vendor::dispatch::Attempt;

/// Items that ended are shown for a while; at most so many of each run.
const ENDED: usize = 32;

/// Everything a run has done so far, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunTotals {
    /// Attempts that have ended, retries and those without an answer included.
    pub requests: u64,
    /// Attempts that brought an answer, whatever it said.
    pub answered: u64,
    pub rate_limited: u64,
    pub retries: u64,
    /// Bars of requested timeframes that the vendor sent.
    pub rows: u64,
    /// Bars of all timeframes in committed pages, derived ones included.
    pub received: u64,
    /// Bars inserted or changed.
    pub written: u64,
    /// Bars sent again with the values already stored.
    pub unchanged: u64,
    /// Bars for times that an earlier answer had covered without them.
    pub late: u64,
    /// Final bars whose values changed.
    pub changed: u64,
    /// Requests for holes that the vendor had answered for.
    pub rechecks: u64,
    pub quarantined: u64,
    /// Series committed; a round without any brought nothing.
    pub commits: u64,
    pub features_written: u64,
}

/// Which run it is.
#[derive(Clone, Copy, Debug)]
pub struct RunInfo {
    pub execution_id: Uuid,
    pub trigger: Trigger,
    pub mode: Mode,
}

/// Counts the events of one run and passes them on.
pub struct RunProgress {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    listener: Arc<dyn Listener>,
}

struct State {
    /// All but what the other fields and [`RunTotals`] hold.
    run: RunView,
    totals: RunTotals,
    /// Requests of the items that have not begun.
    not_started: u64,
    under_way: BTreeMap<u64, ItemView>,
    ended: VecDeque<ItemView>,
    failed: BTreeSet<SeriesKey>,
    /// Symbols of which another execution has a series.
    left_out: Vec<Symbol>,
}

impl RunProgress {
    /// The progress of a run that has not begun. `listener` gets every event after it is counted.
    #[must_use]
    pub fn new(run: &RunInfo, clock: Arc<dyn Clock>, listener: Arc<dyn Listener>) -> Self {
        let run = RunView {
            execution_id: run.execution_id,
            trigger: run.trigger,
            mode: run.mode.name().to_owned(),
            started_at: clock.now(),
            queued: None,
            requests_planned: 0,
            requests_answered: 0,
            requests_left: 0,
            lower_bound: 0,
            not_before: None,
            rows: 0,
            written: 0,
            items_planned: 0,
            items_done: 0,
            items_failed: 0,
            series_failed: 0,
            items: Vec::new(),
        };
        let state = State {
            run,
            totals: RunTotals::default(),
            not_started: 0,
            under_way: BTreeMap::new(),
            ended: VecDeque::new(),
            failed: BTreeSet::new(),
            left_out: Vec::new(),
        };
        Self { state: Mutex::new(state), clock, listener }
    }

    /// The run waits for its turn, and why; `None` once that has come.
    pub fn wait_for(&self, why: Option<String>) {
        if self.lock().run.queued != why {
            self.on_event(Event::Queued { why });
        }
    }

    /// Symbols that the run leaves to others for now.
    pub fn leave_out(&self, symbols: Vec<Symbol>) {
        self.lock().left_out = symbols;
    }

    /// Symbols that the run has left to others.
    #[must_use]
    pub fn left_out(&self) -> Vec<Symbol> {
        self.lock().left_out.clone()
    }

    /// The run with its items.
    #[must_use]
    pub fn view(&self) -> RunView {
        let state = self.lock();
        let items = state.under_way.values().chain(&state.ended).cloned().collect();
        RunView { items, ..state.reading() }
    }

    /// The run without its items, which costs next to nothing.
    #[must_use]
    pub fn reading(&self) -> RunView {
        self.lock().reading()
    }

    /// One item that is under way or ended lately.
    #[must_use]
    pub fn item(&self, number: u64) -> Option<ItemView> {
        let state = self.lock();
        let ended = || state.ended.iter().find(|item| item.number == number);
        state.under_way.get(&number).or_else(ended).cloned()
    }

    #[must_use]
    pub fn totals(&self) -> RunTotals {
        self.lock().totals
    }

    /// Adds attempts that another worker has made for this run.
    pub fn add_attempts(&self, attempts: Attempts) {
        self.lock().totals.add(attempts);
    }

    /// Adds feature rows that were written.
    pub fn add_features(&self, written: u64) {
        self.lock().totals.features_written += written;
    }

    /// Counts a request for a hole that the vendor had answered for.
    pub fn add_recheck(&self) {
        self.lock().totals.rechecks += 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for RunProgress {
    fn on_event(&self, event: Event) {
        let now = self.clock.now();
        self.lock().apply(&event, now);
        self.listener.on_event(event);
    }

    fn on_timing(&self, timing: ItemTiming) {
        self.listener.on_timing(timing);
    }
}

impl State {
    fn reading(&self) -> RunView {
        let answered = self.totals.answered;
        let left = self.not_started + self.under_way.values().map(|item| item.pages_left).sum::<u64>();
        RunView {
            requests_planned: answered + left,
            requests_answered: answered,
            requests_left: left,
            // A bound for the bars that were expected; fewer came.
            lower_bound: self.run.lower_bound.min(answered + left),
            not_before: self.run.not_before.filter(|_| left > 0),
            rows: self.totals.rows,
            written: self.totals.written,
            series_failed: self.failed.len(),
            ..self.run.clone()
        }
    }

    fn apply(&mut self, event: &Event, now: Ts) {
        let run = &mut self.run;
        match event {
            Event::Planned { requests, lower_bound, items, estimated_seconds } => {
                self.not_started = *requests;
                run.lower_bound = self.totals.answered + lower_bound;
                run.items_planned = run.items_done + run.items_failed + items;
                let wait = (estimated_seconds * 1000.0) as i64;
                run.not_before = (wait > 0).then_some(now + wait);
            }
            Event::Started { item, info } => {
                self.not_started = self.not_started.saturating_sub(info.pages);
                self.under_way.insert(*item, started(*item, info));
            }
            Event::Queued { why } => run.queued.clone_from(why),
            Event::Waiting { ticker, why, wait, retry } => {
                let wait = millis(*wait);
                let state = ItemState::Waiting { why: why.clone(), until: Some(now + wait), retry: *retry };
                self.set(ticker.as_deref(), state);
            }
            Event::Requested { ticker, attempt } => {
                self.set(ticker.as_deref(), ItemState::Fetching { attempt: *attempt });
            }
            Event::Ended(attempt) => {
                self.totals.add(attempts_of(attempt));
                if attempt.fault.is_none() {
                    self.set(attempt.ticker.as_deref(), ItemState::Storing);
                }
            }
            Event::PageFetched { item, done, more } => {
                let Some(item) = self.under_way.get_mut(item) else { return };
                item.pages_fetched += 1;
                item.pages_left = if *more { pages_left(item.pages_fetched, item.info.pages, *done) } else { 0 };
            }
            Event::Committed { item, symbol, timeframe, received, outcome, done } => {
                let written = outcome.inserted + outcome.revised;
                let totals = &mut self.totals;
                totals.received += received;
                totals.written += written;
                totals.unchanged += outcome.unchanged;
                totals.late += outcome.late;
                totals.changed += outcome.changed;
                totals.quarantined += outcome.quarantined;
                totals.commits += 1;
                let Some(entry) = item.and_then(|item| self.under_way.get_mut(&item)) else { return };
                entry.written += written;
                if entry.info.timeframe == Some(*timeframe) {
                    entry.rows += received;
                    totals.rows += received;
                    // A grouped day comes with a commit for each symbol; the page is one.
                    entry.pages_done = if entry.info.symbol.as_ref() == Some(symbol) {
                        entry.pages_done + 1
                    } else {
                        entry.pages_fetched
                    };
                }
                entry.done = done.clamp(entry.done, 1.0);
            }
            Event::Finished { item } => {
                run.items_done += 1;
                self.end(*item, ItemState::Verified);
            }
            Event::Failed { item, series, reason } => {
                run.items_failed += 1;
                self.failed.extend(series.iter().cloned());
                self.end(*item, ItemState::Failed { reason: reason.clone() });
            }
        }
    }

    /// The item a request belongs to is the one under way with this ticker.
    fn set(&mut self, ticker: Option<&str>, to: ItemState) {
        let Some(item) = self.under_way.values_mut().find(|item| item.info.ticker.as_deref() == ticker) else { return };
        item.state = match (&mut item.state, to) {
            // A retry that waits for its token is still that retry, for the same fault.
            (ItemState::Waiting { why, retry: Some(n), .. }, ItemState::Waiting { until, retry: None, .. }) => {
                ItemState::Waiting { why: std::mem::take(why), until, retry: Some(*n) }
            }
            (_, to) => to,
        };
    }

    fn end(&mut self, number: u64, state: ItemState) {
        let Some(item) = self.under_way.remove(&number) else { return };
        let done = if state == ItemState::Verified { 1.0 } else { item.done.min(0.99) };
        self.ended.push_front(ItemView { state, done, pages_left: 0, ..item });
        self.ended.truncate(ENDED);
    }
}

impl RunTotals {
    const fn add(&mut self, attempts: Attempts) {
        self.requests += attempts.requests;
        self.answered += attempts.answered;
        self.retries += attempts.retries;
        self.rate_limited += attempts.rate_limited;
    }
}

/// How one attempt is counted.
#[must_use]
pub fn attempts_of(attempt: &Attempt) -> Attempts {
    Attempts {
        requests: 1,
        answered: u64::from(attempt.status.is_some()),
        retries: u64::from(attempt.number > 1),
        rate_limited: u64::from(attempt.fault.as_ref().is_some_and(|f| f.class == Class::RateLimited)),
    }
}

fn started(number: u64, info: &ItemInfo) -> ItemView {
    ItemView {
        number,
        label: info.label(),
        info: info.clone(),
        state: ItemState::Waiting { why: "its turn".to_owned(), until: None, retry: None },
        pages_fetched: 0,
        pages_left: info.pages,
        pages_done: 0,
        rows: 0,
        written: 0,
        done: 0.0,
    }
}

/// Pages still to come of an item when `fetched` of `planned` have answered the share `done` of its range.
fn pages_left(fetched: u64, planned: u64, done: f64) -> u64 {
    // Another page follows, so there is at least one.
    let most = planned.saturating_sub(fetched).max(1);
    if done <= 0.0 {
        return most;
    }
    let at_this_rate = (fetched as f64 * (1.0 - done) / done).ceil() as u64;
    // The plan is an upper bound until it is passed; from then on only the rate says anything.
    if fetched < planned { at_this_rate.clamp(1, most) } else { at_this_rate.max(1) }
}

#[cfg(test)]
mod tests;
