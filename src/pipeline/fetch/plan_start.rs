//! How far back the vendor's plan reaches: learned from what it refuses, kept, and asked again once a month.
//!
//! A refusal of one old range is a bound: nothing before its end is in the plan. It is believed when the vendor names the
//! plan's history as the reason, or when two symbols whose newer bars came are refused up to the same day. A day that was
//! answered with bars is never held to be outside, so a symbol that was not listed yet moves nothing. The window rolls:
//! a plan of two years begins a day later tomorrow.

use std::sync::{MutexGuard, PoisonError};

use super::Fetcher;
use barkeep_market::ts::DAY;
use barkeep_market::{AssetClass, Interval, Source, Symbol, Ts};
pub use barkeep_progress::learned::{PlanHistory, PlanNews, PlanStarts, known, of, rolled};
use barkeep_store::{PlanStart, StoreError};
use barkeep_vendor::Class;

/// A refusal of newer bars than these is not about history. No plan's history is as short.
const SHORTEST_PLAN: i64 = 30 * DAY;
/// A first day that differs by less than a long weekend is the same one.
const SLACK: i64 = 7 * DAY;

/// What the vendor refused.
pub(super) struct RefusedRange<'a> {
    pub(super) symbol: &'a Symbol,
    pub(super) class: AssetClass,
    pub(super) range: Interval,
    pub(super) why: Class,
    /// Whether it is the head of a longer range whose rest has bars.
    pub(super) is_head: bool,
}

impl Fetcher {
    pub fn plan_history(&self) -> MutexGuard<'_, PlanHistory> {
        self.plan_history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first days in force.
    pub fn plan_starts(&self) -> PlanStarts {
        self.plan_history().starts.clone()
    }

    /// Where the plan's history begins, as far as it is known.
    pub(super) fn plan_start(&self, vendor: Source, class: AssetClass) -> Option<Ts> {
        of(&self.plan_history().starts, vendor, class).map(|date| class.midnight(date))
    }

    /// Notes the first bar of an answer: whatever is known or refused, the plan reaches back to it.
    pub(super) fn note_served(&self, vendor: Source, class: AssetClass, first: Ts) {
        if !vendor.has_plans() {
            return;
        }
        let mut history = self.plan_history();
        let earliest = history.earliest.entry(class.is_continuous()).or_insert(first);
        *earliest = first.min(*earliest);
    }

    /// Whether a refused range is history from before the plan, which is no failure. Kept when it is news.
    pub(super) async fn is_before_plan(&self, refused: RefusedRange<'_>) -> Result<bool, StoreError> {
        let RefusedRange { symbol, class, range, why, is_head } = refused;
        let market = class.is_continuous();
        let starts_on = class.date_of(range.end);
        let news = {
            let mut history = self.plan_history();
            let is_old = range.end <= self.now - SHORTEST_PLAN;
            let contradicted = history.earliest.get(&market).is_some_and(|bar| *bar < range.end);
            let agreed = match why {
                Class::PlanWindow => true,
                Class::NotEntitled if is_head => {
                    let symbols = history.unexplained.entry((market, starts_on)).or_default();
                    symbols.insert(symbol.clone());
                    symbols.len() > 1
                }
                _ => false,
            };
            if !is_old || contradicted || !agreed {
                return Ok(false);
            }
            let later = history.starts.get(&market).is_none_or(|known| *known < starts_on);
            if later {
                history.starts.insert(market, starts_on);
                history.learned.insert(market);
            }
            later
        };
        if news {
            let kind = if market { "crypto" } else { "stocks" };
            tracing::info!(market = kind, %starts_on, "the plan of this key has no older history");
            let learned_at = self.engine.clock.now();
            self.engine.store.put_plan_start(PlanStart { continuous: market, starts_on, learned_at }).await?;
        }
        Ok(true)
    }

    /// A plan that turned out to reach further back than was believed is held to have no beginning until it refuses
    /// something again.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn forget_outgrown_plan_starts(&self) -> Result<(), StoreError> {
        let now = self.engine.clock.now();
        for start in self.engine.store.plan_starts().await? {
            let class = if start.continuous { AssetClass::Crypto } else { AssetClass::Stock };
            let begins = class.midnight(rolled(&start, now));
            let outgrown = {
                let history = self.plan_history();
                let earliest = history.earliest.get(&start.continuous).copied();
                !history.learned.contains(&start.continuous) && earliest.is_some_and(|bar| bar < begins - SLACK)
            };
            if outgrown {
                tracing::info!(was = %start.starts_on, "the plan of this key reaches further back than it did");
                let starts_on = Ts(0).utc_date();
                self.engine.store.put_plan_start(PlanStart { starts_on, learned_at: now, ..start }).await?;
                self.plan_history().starts.remove(&start.continuous);
            }
        }
        Ok(())
    }
}
