//! What the answers of a run say about the vendor's plan: what it includes, and how far back it reaches.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use barkeep_market::ts::DAY;
use barkeep_market::{AssetClass, Source, Symbol, Ts};
use barkeep_store::{PlanStart, Store, StoreError};

/// A plan may have been upgraded: what was learned is forgotten this long after.
const RECHECK: i64 = 30 * DAY;

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

/// The first day of the plan's history by market (whether round the clock).
pub type PlanStarts = BTreeMap<bool, NaiveDate>;

/// What was learned before, as of `now`. Forgotten when it is due for a recheck.
///
/// # Errors
/// When the database cannot be read.
pub async fn known(store: &dyn Store, now: Ts) -> Result<PlanStarts, StoreError> {
    let starts = store.plan_starts().await?;
    let fresh = starts.iter().filter(|start| now - start.learned_at < RECHECK);
    Ok(fresh.map(|start| (start.continuous, rolled(start, now))).collect())
}

/// The first day of the history that a vendor gives of a class, where a plan decides that.
#[must_use]
pub fn of(starts: &PlanStarts, vendor: Source, class: AssetClass) -> Option<NaiveDate> {
    starts.get(&class.is_continuous()).copied().filter(|_| vendor.has_plans())
}

/// The first day of a plan as of `now`.
#[must_use]
pub fn rolled(start: &PlanStart, now: Ts) -> NaiveDate {
    let days = (now.utc_date() - start.learned_at.utc_date()).num_days().max(0).unsigned_abs();
    start.starts_on.checked_add_days(chrono::Days::new(days)).unwrap_or(start.starts_on)
}

/// What a run knows and learns about it.
#[derive(Debug, Default)]
pub struct PlanHistory {
    /// In force: known at the start of the run, or learned by it.
    pub starts: PlanStarts,
    /// Learned by this run.
    pub learned: BTreeSet<bool>,
    /// The earliest bar that came, by market.
    pub earliest: BTreeMap<bool, Ts>,
    /// Symbols refused up to a day without a word about history, though their newer bars came.
    pub unexplained: BTreeMap<(bool, NaiveDate), BTreeSet<Symbol>>,
}

impl PlanHistory {
    #[must_use]
    pub fn new(starts: PlanStarts) -> Self {
        Self { starts, ..Self::default() }
    }
}

/// What another worker has learned about it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PlanNews {
    starts: Vec<(bool, NaiveDate)>,
    earliest: Vec<(bool, Ts)>,
}

impl PlanHistory {
    /// What a run has learned, for whoever plans.
    #[must_use]
    pub fn news(&self) -> PlanNews {
        let learned = |(market, _): &(&bool, &NaiveDate)| self.learned.contains(market);
        PlanNews {
            starts: self.starts.iter().filter(learned).map(|(market, date)| (*market, *date)).collect(),
            earliest: self.earliest.iter().map(|(market, bar)| (*market, *bar)).collect(),
        }
    }

    /// Adds what another worker has learned.
    pub fn add(&mut self, news: &PlanNews) {
        for (market, date) in &news.starts {
            if self.starts.get(market).is_none_or(|known| known < date) {
                self.starts.insert(*market, *date);
                self.learned.insert(*market);
            }
        }
        for (market, bar) in &news.earliest {
            let earliest = self.earliest.entry(*market).or_insert(*bar);
            *earliest = (*bar).min(*earliest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_rolls_with_the_calendar() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let learned_at = Ts::utc_midnight(day("2026-11-28")) + 20 * barkeep_market::ts::HOUR;
        let start = PlanStart { continuous: false, starts_on: day("2024-11-28"), learned_at };
        assert_eq!(rolled(&start, learned_at), day("2024-11-28"));
        assert_eq!(rolled(&start, learned_at + 5 * barkeep_market::ts::HOUR), day("2024-11-29"));
        assert_eq!(rolled(&start, learned_at + 10 * DAY), day("2024-12-08"));
        assert_eq!(rolled(&start, learned_at - 10 * DAY), day("2024-11-28"), "a clock set back moves nothing");
    }
}
