//! A run and its items as others see them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::events::ItemInfo;
use barkeep_market::Ts;
use barkeep_store::Trigger;

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
    /// Everything it requested is committed.
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
    /// What is requested: `AAPL 5m`, `market 1d`, `splits`.
    pub label: String,
    #[serde(flatten)]
    pub info: ItemInfo,
    #[serde(flatten)]
    pub state: ItemState,
    /// Pages the vendor has sent.
    #[serde(default)]
    pub pages_fetched: u64,
    /// Pages still to be fetched, as far as those before tell.
    #[serde(default)]
    pub pages_left: u64,
    /// Pages fetched and committed.
    pub pages_done: u64,
    /// Bars of the requested timeframe in committed pages.
    pub rows: u64,
    /// Bars inserted or changed, derived timeframes included.
    pub written: u64,
    /// The answered and committed share of its range, 0 to 1; 1 only when all of it is verified.
    pub done: f64,
}

/// A run as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    pub execution_id: Uuid,
    pub trigger: Trigger,
    pub mode: String,
    pub started_at: Ts,
    /// Why it has not begun: another execution has a series it wants. Absent once its turn has come.
    #[serde(default)]
    pub queued: Option<String>,
    /// Answers so far plus those expected.
    pub requests_planned: u64,
    /// Answers of the vendor so far: pages, whole days, splits, refusals.
    pub requests_answered: u64,
    /// Requests still to be answered, estimated anew after every page.
    #[serde(default)]
    pub requests_left: u64,
    /// No plan for the same gaps can take fewer.
    pub lower_bound: u64,
    /// Before this the limit does not let the last planned request start; absent without a limit.
    pub not_before: Option<Ts>,
    pub rows: u64,
    pub written: u64,
    pub items_planned: usize,
    pub items_done: usize,
    pub items_failed: usize,
    /// Series of the items that failed.
    #[serde(default)]
    pub series_failed: usize,
    /// Items under way in the order of their turns, then the last ones that ended, newest first.
    pub items: Vec<ItemView>,
}

impl RunView {
    /// What is done, in percent: `answered / (answered + left)`. 0 before the first plan.
    #[must_use]
    pub fn percent(&self) -> f64 {
        100.0 * self.requests_answered as f64 / (self.requests_answered + self.requests_left).max(1) as f64
    }
}
