//! Stored bars and what the vendor has answered for.

use serde::{Deserialize, Serialize};

use super::SeriesId;
use barkeep_market::{Bar, Interval, Ts};

/// A bar with what barkeep knows about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredBar {
    #[serde(flatten)]
    pub bar: Bar,
    /// Still growing or not yet settled; fetched again until it is final.
    pub provisional: bool,
    /// 0 to 1; 1 is unremarkable.
    pub quality_score: f64,
    /// Why the score is below 1: words separated by `;`.
    pub quality_notes: Option<String>,
    pub fetched_at: Ts,
}

/// What is known about an interval of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverageState {
    /// The vendor answered; the bars it has are stored.
    Present,
    /// The vendor answered that there is nothing. Believed until it expires.
    Empty,
    /// The vendor refused this range for the plan of this key. Not asked again until it expires.
    NotEntitled,
}

impl CoverageState {
    pub const ALL: [Self; 3] = [Self::Present, Self::Empty, Self::NotEntitled];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Empty => "empty",
            Self::NotEntitled => "not_entitled",
        }
    }
}

/// One interval the vendor has answered for, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    pub range: Interval,
    pub state: CoverageState,
    /// The vendor's id of the answer that proves it.
    pub request_id: Option<String>,
    pub fetched_at: Ts,
    /// From this instant on the interval counts as unknown again.
    pub expires_at: Option<Ts>,
}

/// What the vendor has answered for at the newest end of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub series: SeriesId,
    /// The end of the newest interval it answered for, with bars or without. An answer without bars stays evidence about
    /// its range after it expires: expiry only means that it is asked again.
    pub answered_until: Option<Ts>,
    /// The interval around now that it refuses for the plan of this key, while that is believed.
    pub refused: Option<Interval>,
}
