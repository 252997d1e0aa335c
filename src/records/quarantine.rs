//! Bars that cannot be true, kept for an operator to judge.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::SeriesId;
use barkeep_market::{Bar, Symbol, Timeframe, Ts};

/// A bar that cannot be true, kept for an operator to judge.
#[derive(Clone, Debug, PartialEq)]
pub struct QuarantinedBar {
    /// Values as the vendor sent them, normalised time.
    pub bar: Bar,
    pub reason: String,
    pub request_id: Option<String>,
}

/// What an operator decided about a quarantined bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Verdict {
    Pending,
    Accepted,
    Rejected,
}

impl Verdict {
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// A row of `bar_quarantine`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuarantineRow {
    pub id: i64,
    pub series_id: SeriesId,
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    #[serde(flatten)]
    pub bar: Bar,
    pub reason: String,
    pub request_id: Option<String>,
    pub detected_at: Ts,
    pub status: Verdict,
    pub decided_at: Option<Ts>,
}
