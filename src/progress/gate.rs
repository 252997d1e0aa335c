//! Who may make the next request: the most important one, and nobody while the engine is paused.
//!
//! Every request of every execution passes here before it takes a rate-limit token. Few may be inside at once, so a
//! long history backfill never holds more than those few places, and a critical symbol that becomes due waits for at
//! most one of them. Pausing turns back whoever still waits for a token; what is on the wire is let finish.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::SeriesKey;
use barkeep_market::{Criticality, Symbol, Timeframe};
use barkeep_store::EnginePause;
use barkeep_vendor::limit::Rank;

/// The order in which requests are let in; the smallest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority {
    /// Only asks about holes again: waits for everything else.
    pub recheck: bool,
    pub criticality: Criticality,
    /// History waits for the newest bars.
    pub history: bool,
    /// What an operator asked for goes before what the schedule wants.
    pub scheduled: bool,
}

impl Priority {
    /// The same for the vendor's limit.
    #[must_use]
    pub fn rank(self) -> Rank {
        let criticality = self.criticality as u8;
        Rank(u8::from(self.recheck) << 4 | criticality << 2 | u8::from(self.history) << 1 | u8::from(self.scheduled))
    }
}

/// Why a request was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its execution was cancelled.
    Cancelled,
    /// Its symbol is paused.
    SymbolPaused,
    /// Every series it is made for is paused.
    SeriesPaused,
    /// Every series it is made for is paused or was taken out of its execution.
    SeriesCancelled,
}

impl Refused {
    /// In words, of the item whose request it was.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::SymbolPaused => "the symbol is paused; its gap stays open",
            Self::SeriesPaused => "the series is paused; its gap stays open",
            Self::SeriesCancelled => "the series was cancelled; its gap stays open",
        }
    }
}

/// What a request of one symbol is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose {
    pub execution: Uuid,
    pub symbol: Symbol,
    /// The series that want it: what stops for all of them stops the request. Empty when it is about the symbol itself.
    pub timeframes: Vec<Timeframe>,
}

/// The gate all requests of one engine pass.
#[derive(Debug)]
pub struct PriorityGate {
    state: Mutex<State>,
    /// Counts places given back.
    left: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    width: usize,
    paused: Option<EnginePause>,
    paused_symbols: BTreeSet<Symbol>,
    paused_series: BTreeSet<SeriesKey>,
    /// Series taken out of running executions.
    cancelled: HashMap<Uuid, BTreeSet<SeriesKey>>,
    waiting: BTreeMap<(Priority, u64), oneshot::Sender<()>>,
    inside: HashMap<u64, (Option<Purpose>, CancellationToken)>,
    next: u64,
}

/// A place inside the gate, given back when dropped.
#[derive(Debug)]
pub struct GatePermit {
    gate: Arc<PriorityGate>,
    id: u64,
    /// Cancelled when the execution is, and when the engine, the symbol or all it is made for is paused or cancelled
    /// before the request has started.
    pub token: CancellationToken,
}

impl Drop for GatePermit {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.inside.remove(&self.id);
        state.admit();
        drop(state);
        self.gate.left.send_modify(|n| *n += 1);
    }
}

impl State {
    /// Lets in the first ones waiting while there is room.
    fn admit(&mut self) {
        while self.paused.is_none() && self.inside.len() < self.width {
            let Some(((_, id), bell)) = self.waiting.pop_first() else { return };
            self.inside.insert(id, (None, CancellationToken::new()));
            // Somebody who no longer waits gives the place back at once.
            if bell.send(()).is_err() {
                self.inside.remove(&id);
            }
        }
    }

    fn refusal(&self, purpose: &Purpose) -> Option<Refused> {
        if self.paused_symbols.contains(&purpose.symbol) {
            return Some(Refused::SymbolPaused);
        }
        let (mut wanted, mut cancelled) = (purpose.timeframes.is_empty(), false);
        for timeframe in &purpose.timeframes {
            let series = (purpose.symbol.clone(), *timeframe);
            let out = self.cancelled.get(&purpose.execution).is_some_and(|all| all.contains(&series));
            cancelled |= out;
            wanted |= !out && !self.paused_series.contains(&series);
        }
        (!wanted).then_some(if cancelled { Refused::SeriesCancelled } else { Refused::SeriesPaused })
    }

    /// Turns back those inside that would no longer be let in.
    fn turn_back(&self) {
        for (purpose, token) in self.inside.values() {
            if purpose.as_ref().is_some_and(|purpose| self.refusal(purpose).is_some()) {
                token.cancel();
            }
        }
    }
}

impl PriorityGate {
    /// A gate that lets `width` requests in at once.
    #[must_use]
    pub fn new(width: usize) -> Arc<Self> {
        let state = State {
            width: width.max(1),
            paused: None,
            paused_symbols: BTreeSet::new(),
            paused_series: BTreeSet::new(),
            cancelled: HashMap::new(),
            waiting: BTreeMap::new(),
            inside: HashMap::new(),
            next: 0,
        };
        Arc::new(Self { state: Mutex::new(state), left: watch::Sender::new(0) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place. `purpose` is `None` for requests that serve many symbols.
    ///
    /// # Errors
    /// `Cancelled` when `cancel` ends the wait; otherwise what an operator paused or took out of the run meanwhile.
    pub async fn enter(
        self: &Arc<Self>,
        priority: Priority,
        purpose: Option<Purpose>,
        cancel: &CancellationToken,
    ) -> Result<GatePermit, Refused> {
        let (bell, rung) = oneshot::channel();
        let id = {
            let mut state = self.state();
            let id = state.next;
            state.next += 1;
            state.waiting.insert((priority, id), bell);
            state.admit();
            id
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => {
                let mut state = self.state();
                state.waiting.remove(&(priority, id));
                // It may have been let in at the same moment.
                if state.inside.remove(&id).is_some() {
                    state.admit();
                }
                return Err(Refused::Cancelled);
            }
            _ = rung => {}
        }
        let pass = GatePermit { gate: Arc::clone(self), id, token: cancel.child_token() };
        let mut state = self.state();
        let refusal = purpose.as_ref().and_then(|purpose| state.refusal(purpose));
        state.inside.insert(id, (purpose, pass.token.clone()));
        if state.paused.is_some() {
            pass.token.cancel();
        }
        drop(state);
        refusal.map_or(Ok(pass), Err)
    }

    /// Why a request would not be let in, however long it waits.
    #[must_use]
    pub fn refusal(&self, purpose: &Purpose) -> Option<Refused> {
        self.state().refusal(purpose)
    }

    /// Requests that may be inside at once.
    #[must_use]
    pub fn width(&self) -> usize {
        self.state().width
    }

    /// Lets `width` requests in at once from now on. Those inside stay: a narrower gate fills up again only when enough
    /// have left.
    pub fn set_width(&self, width: usize) {
        let mut state = self.state();
        state.width = width.max(1);
        state.admit();
    }

    /// Lets nobody in any more and turns back whoever waits for a token.
    pub fn pause(&self, pause: EnginePause) {
        let mut state = self.state();
        state.paused = Some(pause);
        for (_, token) in state.inside.values() {
            token.cancel();
        }
    }

    pub fn resume(&self) {
        let mut state = self.state();
        state.paused = None;
        state.admit();
    }

    /// Turns back requests of these symbols.
    pub fn pause_symbols(&self, symbols: &[Symbol]) {
        let mut state = self.state();
        state.paused_symbols.extend(symbols.iter().cloned());
        state.turn_back();
    }

    pub fn resume_symbols(&self, symbols: &[Symbol]) {
        self.state().paused_symbols.retain(|s| !symbols.contains(s));
    }

    /// Turns back requests made for nothing but paused series.
    pub fn pause_series(&self, series: &[SeriesKey]) {
        let mut state = self.state();
        state.paused_series.extend(series.iter().cloned());
        state.turn_back();
    }

    pub fn resume_series(&self, series: &[SeriesKey]) {
        self.state().paused_series.retain(|s| !series.contains(s));
    }

    /// Turns back requests that an execution makes for nothing but these series.
    pub fn cancel_series(&self, execution: Uuid, series: &[SeriesKey]) {
        let mut state = self.state();
        state.cancelled.entry(execution).or_default().extend(series.iter().cloned());
        state.turn_back();
    }

    /// Forgets what was taken out of an execution that has ended.
    pub fn forget(&self, execution: Uuid) {
        self.state().cancelled.remove(&execution);
    }

    /// Who paused the engine, while it is paused.
    #[must_use]
    pub fn paused(&self) -> Option<EnginePause> {
        self.state().paused.clone()
    }

    /// Who paused the engine, if anybody, and how many requests are inside, at one moment.
    #[must_use]
    pub fn look(&self) -> (Option<EnginePause>, usize) {
        let state = self.state();
        (state.paused.clone(), state.inside.len())
    }

    /// Requests inside: waiting for a token, on the wire, or being handed to the writer.
    #[must_use]
    pub fn inside(&self) -> usize {
        self.state().inside.len()
    }

    /// Changes whenever a place is given back.
    #[must_use]
    pub fn left(&self) -> watch::Receiver<u64> {
        self.left.subscribe()
    }

    /// Returns once nobody is inside.
    pub async fn empty(&self) {
        let mut left = self.left();
        while self.inside() > 0 && left.changed().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests;
