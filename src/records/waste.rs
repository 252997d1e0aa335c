//! Requests that cost a token and changed no bar, by reason.
//!
//! Not all of it can be avoided: an empty answer proves that a range is empty, and a bar that has not changed was asked
//! for because it could have. What stands out is what an operator can act on.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use barkeep_base::variants::all;

/// Why a request changed no bar.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    EnumCount,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Waste {
    /// 429: the vendor counted more than barkeep did, or somebody else uses the key.
    RateLimited,
    /// 401.
    KeyRefused,
    /// The plan of the key does not include what was asked.
    NotEntitled,
    /// An answer that is no answer.
    Malformed,
    /// Transport errors, 5xx and refusals of one request.
    Failed,
    /// Given up on the way.
    Cancelled,
    /// Every bar in the answer was stored already, with the same values.
    Unchanged,
    /// The vendor has nothing there.
    Empty,
    /// An answer with bars that was only to tell what another one proves.
    Probe,
}

impl Waste {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }

    /// What was wasted by a request that ended so (the words of `vendor_requests`); `None` when it was not: it changed
    /// bars, or was not made for bars (splits, holidays, market status) and was answered.
    #[must_use]
    pub fn of(outcome: &str, endpoint: &str, changed: Option<i64>, rows: i64) -> Option<Self> {
        match (outcome, changed) {
            ("ok", Some(0)) if rows > 0 => Some(Self::Unchanged),
            ("ok", Some(0)) => Some(Self::Empty),
            ("ok", None) if matches!(endpoint, "aggregates" | "candles" | "grouped_daily") => Some(Self::Probe),
            ("ok", _) => None,
            ("rate_limited", _) => Some(Self::RateLimited),
            ("auth", _) => Some(Self::KeyRefused),
            ("not_entitled" | "plan_window" | "too_early", _) => Some(Self::NotEntitled),
            ("malformed", _) => Some(Self::Malformed),
            ("cancelled", _) => Some(Self::Cancelled),
            _ => Some(Self::Failed),
        }
    }

    /// Adds counts up by reason; reasons that do not occur are left out.
    pub fn summed(counts: impl IntoIterator<Item = (Option<Self>, i64)>) -> Vec<(Self, i64)> {
        let mut sums = std::collections::BTreeMap::new();
        for (waste, count) in counts {
            if let Some(waste) = waste {
                *sums.entry(waste).or_insert(0) += count;
            }
        }
        sums.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_vendor::Class;

    #[test]
    fn every_class_of_error_has_a_reason() {
        for class in Class::ALL {
            let waste = Waste::of(class.name(), "aggregates", None, 0);
            assert!(waste.is_some_and(|w| w != Waste::Probe), "{class}");
        }
        let names: Vec<&str> = Waste::ALL.map(Waste::name).into();
        let json = serde_json::to_string(&Waste::ALL).unwrap();
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), names);
        assert_eq!(serde_json::from_str::<Vec<Waste>>(&json).unwrap(), Waste::ALL);
    }
}
