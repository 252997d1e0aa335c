//! What a run knows about the vendor's plan: what the settings say, and what answers have shown since.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use chrono::NaiveDate;

use super::Fetcher;
use barkeep_market::freshness::Delay;
use barkeep_market::ts::SECOND;
use barkeep_market::{AssetClass, Family, Source, Symbol};
use barkeep_plan::Horizon;
use barkeep_vendor::dispatch::Attempt;

/// Clocks this near agree: the header has whole seconds, and an answer takes its time.
const SAME_TIME: i64 = 10 * SECOND;

/// What the run has learned about the vendor's plan on the way.
#[derive(Clone, Debug, Default)]
pub struct VendorCapabilities {
    /// Markets (round the clock or not) whose data come at the end of the day only.
    pub end_of_day: BTreeSet<bool>,
    pub grouped_refused: bool,
    pub not_grouped: BTreeSet<Symbol>,
    pub not_grouped_dates: BTreeSet<NaiveDate>,
    /// Flat files are refused altogether.
    pub files_refused: bool,
    pub not_in_files: BTreeSet<Symbol>,
    pub no_files: BTreeSet<NaiveDate>,
    /// How far the vendor's clock is behind ours, milliseconds: nothing is proven after the moment it answered.
    pub clock_behind: i64,
    /// Requests that the answers so far would have taken at least, had every page been full and none been repeated.
    pub needed: u64,
    /// Grows with everything new: a reason to plan again.
    pub learned: u64,
}

/// The plan's delay by market, as known at the start of a run.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// Stocks and funds of a vendor with plans.
    pub exchange: Delay,
    /// Crypto of a vendor with plans.
    pub continuous: Delay,
}

impl Delays {
    #[must_use]
    pub const fn of(&self, vendor: Source, class: AssetClass) -> Delay {
        vendor.delay(if class.is_continuous() { self.continuous } else { self.exchange })
    }
}

impl Fetcher {
    /// The horizon of a family, as far as the run knows by now.
    #[must_use]
    pub fn horizon(&self, vendor: Source, class: AssetClass, family: Family) -> Horizon {
        let late = vendor.has_plans() && self.capabilities().end_of_day.contains(&class.is_continuous());
        let delay = if late { Delay::EndOfDay } else { self.delays.of(vendor, class) };
        let (calendar, settle) = (&self.engine.calendar, self.engine.settings.backfill.settle);
        let now = self.now - self.capabilities().clock_behind;
        Horizon::at(calendar, class, family, delay, settle, now)
    }

    /// Takes note of the vendor's clock; one that runs ahead of ours is not believed.
    pub(super) fn hear_clock(&self, attempt: &Attempt) {
        let Some(server) = attempt.server_time else { return };
        let behind = self.engine.clock.now() - server;
        if behind > SAME_TIME {
            let mut capabilities = self.capabilities();
            capabilities.clock_behind = capabilities.clock_behind.max(behind);
        }
    }

    pub fn capabilities(&self) -> std::sync::MutexGuard<'_, VendorCapabilities> {
        self.capabilities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn learn(&self, change: impl FnOnce(&mut VendorCapabilities)) {
        let mut capabilities = self.capabilities();
        change(&mut capabilities);
        capabilities.learned += 1;
    }
}
