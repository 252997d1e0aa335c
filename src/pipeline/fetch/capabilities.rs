//! What a run knows about the vendor's plan: what the settings say, and what answers have shown since.

use std::sync::PoisonError;

use super::Fetcher;
use barkeep_market::freshness::Delay;
use barkeep_market::ts::SECOND;
use barkeep_market::{AssetClass, Family, Source};
use barkeep_plan::Horizon;
pub use barkeep_progress::learned::VendorCapabilities;
use barkeep_vendor::dispatch::Attempt;

/// Clocks this near agree: the header has whole seconds, and an answer takes its time.
const SAME_TIME: i64 = 10 * SECOND;

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
