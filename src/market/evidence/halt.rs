//! When a whole market stood still.

use super::profile::Profile;
use crate::asset::AssetClass;
use crate::calendar::Calendar;
use crate::interval::IntervalSet;
use crate::timeframe::Timeframe;

/// What one symbol says about a halt.
#[derive(Clone, Copy, Debug)]
pub struct Witness<'a> {
    /// The finest stored timeframe, and the profile of its family.
    pub timeframe: Timeframe,
    pub profile: &'a Profile,
    /// What its answers cover.
    pub answered: &'a IntervalSet,
    /// What is missing in them: its suspect slots, whole.
    pub missing: &'a IntervalSet,
}

/// When the market of `class` stood still: the slots that are missing in nearly all of its liquid symbols. Stocks and
/// funds are one market, crypto another; `witnesses` are symbols of one.
#[must_use]
pub fn market_halts(calendar: &Calendar, class: AssetClass, witnesses: &[Witness<'_>]) -> IntervalSet {
    let _ = (calendar, class, witnesses);
    IntervalSet::new()
}
