//! What a run knows about the vendor's plan: what the settings say, and what answers have shown since.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Fetcher;
use barkeep_market::freshness::Delay;
use barkeep_market::ts::SECOND;
use barkeep_market::{AssetClass, Family, Source, Symbol};
use barkeep_plan::Horizon;
use barkeep_vendor::dispatch::Attempt;

/// Clocks this near agree: the header has whole seconds, and an answer takes its time.
const SAME_TIME: i64 = 10 * SECOND;

/// What the run has learned about the vendor's plan on the way.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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

impl VendorCapabilities {
    /// What is new since the last call, for whoever plans. What only planning needs is not kept.
    #[must_use]
    pub fn news(&mut self) -> Self {
        let kept = Self {
            end_of_day: self.end_of_day.clone(),
            grouped_refused: self.grouped_refused,
            files_refused: self.files_refused,
            clock_behind: self.clock_behind,
            ..Self::default()
        };
        std::mem::replace(self, kept)
    }

    /// Adds what another worker has learned.
    pub fn add(&mut self, news: Self) {
        self.end_of_day.extend(news.end_of_day);
        self.grouped_refused |= news.grouped_refused;
        self.not_grouped.extend(news.not_grouped);
        self.not_grouped_dates.extend(news.not_grouped_dates);
        self.files_refused |= news.files_refused;
        self.not_in_files.extend(news.not_in_files);
        self.no_files.extend(news.no_files);
        self.clock_behind = self.clock_behind.max(news.clock_behind);
        self.needed += news.needed;
        self.learned += news.learned;
    }
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
