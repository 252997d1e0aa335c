//! What a run knows about the vendor's plan: what it was told at the start, and what answers have taught it since.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use chrono::NaiveDate;

use super::Fetcher;
use barkeep_market::freshness::Delay;
use barkeep_market::{AssetClass, Family, Symbol};
use barkeep_plan::Horizon;

/// What the run has learnt about the vendor's plan on the way.
#[derive(Clone, Debug, Default)]
pub struct VendorCapabilities {
    /// Markets (round the clock or not) whose data come at the end of the day only.
    pub end_of_day: BTreeSet<bool>,
    pub grouped_refused: bool,
    pub not_grouped: BTreeSet<Symbol>,
    pub not_grouped_dates: BTreeSet<NaiveDate>,
    /// Requests that the answers so far would have taken at least, had every page been full and none been repeated.
    pub needed: u64,
    /// Grows with every new fact: a reason to plan again.
    pub learnt: u64,
}

/// The plan's delay by market, as known at the start of a run.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// Stocks and funds.
    pub exchange: Delay,
    /// Crypto.
    pub continuous: Delay,
}

impl Delays {
    #[must_use]
    pub const fn of(&self, class: AssetClass) -> Delay {
        if class.is_continuous() { self.continuous } else { self.exchange }
    }
}

impl Fetcher {
    /// The horizon of a family, as far as the run knows by now.
    #[must_use]
    pub fn horizon(&self, class: AssetClass, family: Family) -> Horizon {
        let late = self.facts().end_of_day.contains(&class.is_continuous());
        let delay = if late { Delay::EndOfDay } else { self.delays.of(class) };
        Horizon::at(&self.engine.calendar, class, family, delay, self.engine.settings.backfill.settle, self.now)
    }

    pub fn facts(&self) -> std::sync::MutexGuard<'_, VendorCapabilities> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn learn(&self, lesson: impl FnOnce(&mut VendorCapabilities)) {
        let mut facts = self.facts();
        lesson(&mut facts);
        facts.learnt += 1;
    }
}
