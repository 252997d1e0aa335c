//! Whose turn it is at a limiter: the most urgent first, and of equal ones the first that came.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How urgent a request is; the smallest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(pub u8);

impl Rank {
    /// Of requests of which nobody said how urgent they are.
    pub const USUAL: Self = Self(4);
}

/// A request as the limiter sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Urgency {
    pub(super) rank: Rank,
    /// Requests that are expected to come at once when it is answered.
    pub(super) follows: u32,
}

impl Urgency {
    pub(super) fn of_task() -> Self {
        URGENCY.try_with(|urgency| *urgency).unwrap_or(Self { rank: Rank::USUAL, follows: 0 })
    }
}

tokio::task_local! {
    static URGENCY: Urgency;
}

/// A request that `work` makes is this urgent, and so many more are expected to follow its answer at once: the next pages
/// of the same range. Less urgent ones leave them their places for a moment.
pub fn ranked<F: Future>(rank: Rank, follows: u32, work: F) -> impl Future<Output = F::Output> {
    URGENCY.scope(Urgency { rank, follows }, work)
}

/// Those who wait.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<(Rank, u64), Arc<Notify>>,
    next: u64,
}

/// A place in the line, given up when dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    key: (Rank, u64),
    bell: Arc<Notify>,
}

impl Turns {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the line, behind all that are as urgent. Whoever was first and is not any more hears of it.
    pub(super) fn join(&self, rank: Rank) -> Turn<'_> {
        let bell = Arc::new(Notify::new());
        let mut state = self.state();
        let key = (rank, state.next);
        state.next += 1;
        let first =
            state.waiting.first_key_value().filter(|(first, _)| **first > key).map(|(_, bell)| Arc::clone(bell));
        state.waiting.insert(key, Arc::clone(&bell));
        drop(state);
        if let Some(first) = first {
            first.notify_one();
        }
        Turn { turns: self, key, bell }
    }

    pub(super) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// How urgent the first is, and how many wait that are as urgent.
    pub(super) fn first(&self) -> Option<(Rank, u32)> {
        let state = self.state();
        let ((rank, _), _) = state.waiting.first_key_value()?;
        let alike = state.waiting.range((*rank, 0)..=(*rank, u64::MAX)).count();
        Some((*rank, u32::try_from(alike).unwrap_or(u32::MAX)))
    }

    /// How many go before one that joins now.
    pub(super) fn ahead(&self, rank: Rank) -> usize {
        self.state().waiting.range(..=(rank, u64::MAX)).count()
    }
}

impl Turn<'_> {
    fn is_first(&self) -> bool {
        self.turns.state().waiting.first_key_value().is_some_and(|(first, _)| *first == self.key)
    }

    /// Returns when it is the first one.
    pub(super) async fn first(&self) {
        while !self.is_first() {
            self.bell.notified().await;
        }
    }

    /// Returns when somebody more urgent has come.
    pub(super) async fn overtaken(&self) {
        while self.is_first() {
            self.bell.notified().await;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.state();
        state.waiting.remove(&self.key);
        let first = state.waiting.first_key_value().map(|(_, bell)| Arc::clone(bell));
        drop(state);
        if let Some(first) = first {
            first.notify_one();
        }
    }
}
