//! How much of a series fits one request: what a vendor's page holds, in slots of the series.

use super::gaps::FamilyState;
use barkeep_market::source::Reach;
use barkeep_market::{Calendar, Family, Interval, Ts};

/// How much one request for bars of one series holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Capacity {
    /// Slots that are expected to fit.
    pub(crate) page: u64,
    /// Slots that fit in any case.
    pub(crate) least: u64,
    /// Width of a slot in milliseconds where a request holds a window of them; else they are the calendar's base slots.
    window: Option<i64>,
}

impl Capacity {
    /// `density`: the share of possible base minutes that the vendor had before, if it was asked.
    pub(crate) fn of(state: &FamilyState, density: Option<f64>) -> Self {
        match state.vendor.reach() {
            // More than the vendor's number where not every minute has a trade.
            Reach::Traded(most) => {
                let density = density.filter(|_| state.base.family() == Family::Minute);
                let stretched = |d: f64| (most as f64 / d.clamp(1.0 / most as f64, 1.0)) as u64;
                Self { page: density.map_or(most, stretched), least: most, window: None }
            }
            Reach::Window(most) => Self { page: most, least: most, window: Some(state.base.width()) },
        }
    }

    /// Slots in a range of whole bars; they add up over adjacent ranges.
    pub(crate) fn slots(self, cal: &Calendar, state: &FamilyState, range: Interval) -> u64 {
        match self.window {
            Some(width) => (range.len() / width.max(1)).unsigned_abs(),
            None => cal.base_slots(state.class, state.base.family(), range),
        }
    }

    /// From where bars come along for nothing with a range at the newest end.
    ///
    /// The fewest windows that end with the range cover so much anyway, so no division of the gaps needs more for it.
    pub(crate) fn free_start(self, range: Interval) -> Ts {
        let Some(width) = self.window else { return Ts::MIN };
        let one = i64::try_from(self.page).unwrap_or(i64::MAX).saturating_mul(width).max(1);
        let windows = range.len() / one + i64::from(range.len() % one > 0);
        range.end - windows.max(1).saturating_mul(one)
    }
}
