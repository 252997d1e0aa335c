//! The needs of many families, each different one worked out once.
//!
//! Ten thousand symbols that were added together lack the same hours of the same calendar. They differ in their names
//! alone, so one of them is worked out and the others share its [`Found`]; the planner plans for it once, too.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::gaps::{FamilyState, Horizon, Need};
use barkeep_market::{Calendar, Interval};

/// Needs in the order in which they were added.
pub struct Needs<'a> {
    cal: &'a Calendar,
    /// Leave out the holes before the newest one.
    newest_only: bool,
    all: Vec<Need>,
    /// Places in `all` of needs that were worked out, by a hash of all they depend on.
    different: HashMap<u64, Vec<usize>>,
}

impl<'a> Needs<'a> {
    #[must_use]
    pub fn new(cal: &'a Calendar, newest_only: bool) -> Self {
        Self { cal, newest_only, all: Vec::new(), different: HashMap::new() }
    }

    /// What `state` lacks inside `range`: as [`Need::of`], and [`Need::newest`] where only that is wanted.
    pub fn add(&mut self, state: FamilyState, range: Interval, horizon: Horizon) {
        let places = self.different.entry(hash(&state, range, horizon)).or_default();
        let alike = |need: &&Need| need.is_of(range, horizon) && need.state.is_alike(&state);
        let known = places.iter().filter_map(|k| self.all.get(*k)).find(alike).map(|need| Arc::clone(&need.found));
        let need = if let Some(found) = known {
            Need { state, found }
        } else {
            places.push(self.all.len());
            let need = Need::of(self.cal, state, range, horizon);
            if self.newest_only { need.newest(self.cal) } else { need }
        };
        self.all.push(need);
    }

    /// How many of them were worked out; the others are like one of those.
    #[must_use]
    pub fn worked_out(&self) -> usize {
        self.different.values().map(Vec::len).sum()
    }

    #[must_use]
    pub fn into_vec(self) -> Vec<Need> {
        self.all
    }
}

/// Of everything that decides what is missing.
fn hash(state: &FamilyState, range: Interval, horizon: Horizon) -> u64 {
    let mut hasher = DefaultHasher::new();
    (range, horizon, state.class, state.base, &state.requested, state.open).hash(&mut hasher);
    state.due.as_slice().hash(&mut hasher);
    for (timeframe, covered) in &state.covered {
        (timeframe, covered.as_slice()).hash(&mut hasher);
    }
    hasher.finish()
}
