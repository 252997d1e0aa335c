//! Items of a plan that several workers carry out.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Claimed, WriteOutcome};
use barkeep_market::{Symbol, Timeframe, Ts};

/// An item of a plan, for whoever takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanItem {
    pub execution_id: Uuid,
    /// In the order of the plan.
    pub number: u64,
    /// Over all plans: the smallest goes first.
    pub priority: i64,
    /// What is to be done, as JSON.
    pub item: String,
    /// What it fills: no two workers have items of one family at a time.
    pub families: Vec<Claimed>,
}

/// Attempts at the vendor that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    pub requests: u64,
    /// Of them, those that brought an answer, whatever it said.
    pub answered: u64,
    pub retries: u64,
    pub rate_limited: u64,
}

impl Attempts {
    /// The sum of both.
    #[must_use]
    pub const fn and(self, more: Self) -> Self {
        Self {
            requests: self.requests + more.requests,
            answered: self.answered + more.answered,
            retries: self.retries + more.retries,
            rate_limited: self.rate_limited + more.rate_limited,
        }
    }
}

/// What a committed page of an item did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemPage {
    /// Counted from 0 within one carrying out of the item. A commit whose answer was lost is repeated under its number.
    pub number: u64,
    /// The bars that it has for each series.
    pub received: Vec<(Symbol, Timeframe, u64)>,
    /// What became of them, in the same order.
    pub outcomes: Vec<WriteOutcome>,
    pub fetched_at: Ts,
    /// The share of the item that is stored with it, 0 to 1; absent for a page that was asked for besides.
    pub done: Option<f64>,
    /// Attempts that ended since the page before.
    pub attempts: Attempts,
}

/// A page of an item that a worker has, which is committed only while it has it.
#[derive(Clone, Debug, PartialEq)]
pub struct PageOfItem {
    pub execution_id: Uuid,
    pub number: u64,
    /// Its outcomes are known once it is written.
    pub page: ItemPage,
}

/// An item that another worker has.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldItem {
    pub number: u64,
    /// The mark of that worker.
    pub holder: String,
    pub pages: Vec<ItemPage>,
}

/// An item that another worker has ended, or had when it died.
#[derive(Clone, Debug, PartialEq)]
pub struct EndedItem {
    pub number: u64,
    pub pages: Vec<ItemPage>,
    /// How it ended, as JSON; absent when its worker died.
    pub outcome: Option<String>,
}

/// What others have done of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collected {
    pub ended: Vec<EndedItem>,
    pub held: Vec<HeldItem>,
}

/// An item that this worker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnItem {
    pub execution_id: Uuid,
    pub number: u64,
    /// It is to be ended: its execution or its series were called off.
    pub is_stopped: bool,
}
