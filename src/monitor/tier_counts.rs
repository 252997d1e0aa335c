//! How many series are in each staleness tier.

use serde::{Deserialize, Serialize};

use barkeep_market::freshness::Tier;

/// How many series are in each tier; over all series, not a page of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierCounts {
    pub fresh: usize,
    pub aging: usize,
    pub stale: usize,
    pub missing: usize,
    pub unknown: usize,
    #[serde(default)]
    pub loading: usize,
    #[serde(default)]
    pub ended: usize,
}

impl TierCounts {
    pub(crate) fn count(&mut self, tier: Tier) {
        *self.of_mut(tier) += 1;
    }

    fn of_mut(&mut self, tier: Tier) -> &mut usize {
        match tier {
            Tier::Fresh => &mut self.fresh,
            Tier::Aging => &mut self.aging,
            Tier::Stale => &mut self.stale,
            Tier::Missing => &mut self.missing,
            Tier::Unknown => &mut self.unknown,
            Tier::Loading => &mut self.loading,
            Tier::Ended => &mut self.ended,
        }
    }

    /// The count of one tier.
    #[must_use]
    pub fn of(mut self, tier: Tier) -> usize {
        *self.of_mut(tier)
    }

    #[must_use]
    pub fn total(self) -> usize {
        Tier::ALL.into_iter().map(|tier| self.of(tier)).sum()
    }
}
