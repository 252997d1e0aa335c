//! Stored bars and what the vendor has answered for.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use super::SeriesId;
use barkeep_base::variants::all;
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

/// What is known about an interval of a series; see `docs/evidence.md`.
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
pub enum CoverageState {
    /// The vendor answered; the bars it has are stored, and where there is none the silence is believable.
    Present,
    /// A whole session or more without a bar, believable for this symbol.
    Quiet,
    /// Nobody can say yet: the series has too little history, or the silence lasts up to the newest answer and no later
    /// bar has ended it. With a [`surprise`](Coverage::surprise) it is believable so far.
    Unjudged,
    /// Nothing after the newest bar of the answer, and that is not believable: the vendor is behind. Still a gap.
    Late,
    /// Nothing between two bars, and that is not believable. Asked again from time to time.
    Suspect,
    /// Suspect, and at least three answers days apart agree.
    VendorHole,
    /// Missing in nearly all liquid symbols: the market stood still.
    Halted,
    /// The vendor answered that there is nothing at all. Believed until it expires.
    Empty,
    /// The vendor refused this range for the plan of this key. Not asked again until it expires.
    NotEntitled,
    /// Bars came and none could be believed; an operator decides, or a later answer differs.
    Quarantined,
}

impl CoverageState {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }

    /// Whether the vendor has answered for it, so that nothing of it is missing as far as anybody can know.
    #[must_use]
    pub const fn is_answered(self) -> bool {
        !matches!(self, Self::Late | Self::NotEntitled | Self::Quarantined)
    }

    /// A hole that the vendor is asked about again.
    #[must_use]
    pub const fn is_hole(self) -> bool {
        matches!(self, Self::Suspect | Self::VendorHole)
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
    /// From this instant on the interval counts as unknown again; a hole is due to be asked about.
    pub expires_at: Option<Ts>,
    /// When a hole was found.
    pub found_at: Option<Ts>,
    /// How many answers agree on it that are a day or more apart; at least 1.
    pub answers: u32,
    /// How unlikely the silence is: the sum of -ln(1 - p) over its bars.
    pub surprise: Option<f64>,
}

impl Coverage {
    /// An interval that one answer proves for good.
    #[must_use]
    pub const fn answered(range: Interval, state: CoverageState, request_id: Option<String>, fetched_at: Ts) -> Self {
        Self { range, state, request_id, fetched_at, expires_at: None, found_at: None, answers: 1, surprise: None }
    }
}

/// What the vendor has answered for at the newest end of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub series: SeriesId,
    /// The end of the newest interval it answered for, with bars or without. An answer without bars stays evidence about
    /// its range after it expires: expiry only means that it is asked again. Silence that is not believable, or that nobody
    /// can judge, is none.
    pub answered_until: Option<Ts>,
    /// The interval around now that it refuses for the plan of this key, while that is believed.
    pub refused: Option<Interval>,
    /// Where the vendor is behind: nothing from here on is known, and that is not believable.
    pub late_from: Option<Ts>,
}
