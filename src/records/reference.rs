//! Reference data beside the bars: splits and how far back the vendor's plan reaches.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use barkeep_base::variants::all;
use barkeep_market::Ts;
use barkeep_market::split::Split;

/// What the stored prices say about a split that the vendor lists.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    IntoStaticStr,
    EnumCount,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SplitStatus {
    /// There are no prices on both sides of it.
    #[default]
    Unchecked,
    /// They moved as it says.
    Confirmed,
    /// They did not; it is not applied.
    Contradicted,
}

impl SplitStatus {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// A split as the vendor lists it. A date may have several that contradict each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitRow {
    #[serde(flatten)]
    pub split: Split,
    pub status: SplitStatus,
    /// Both readings, where they differ.
    pub note: Option<String>,
}

impl SplitRow {
    /// The splits that count: all but those that prices contradict.
    #[must_use]
    pub fn applied(rows: &[Self]) -> Vec<Split> {
        rows.iter().filter(|row| row.status != SplitStatus::Contradicted).map(|row| row.split).collect()
    }
}

impl From<Split> for SplitRow {
    fn from(split: Split) -> Self {
        Self { split, status: SplitStatus::Unchecked, note: None }
    }
}

/// How far back the vendor's plan reaches in one market, as its answers have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStart {
    /// Crypto, which trades round the clock, rather than the exchange.
    pub continuous: bool,
    /// Nothing before this day was served at `learned_at`.
    pub starts_on: NaiveDate,
    pub learned_at: Ts,
}
