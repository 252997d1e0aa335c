//! Symbols and their series.

use serde::{Deserialize, Serialize};

use barkeep_market::{AssetClass, Criticality, Symbol, Timeframe, Ts};

/// The key of a series row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeriesId(pub i64);

/// Who chose the criticality of a symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriticalitySource {
    /// The lists of `rto_rpo_config.yaml`; follows them when they change.
    Policy,
    /// Somebody named it for this symbol; no file takes it back.
    Operator,
    /// Chosen before this was noted.
    #[default]
    Unknown,
}

impl CriticalitySource {
    pub const ALL: [Self; 3] = [Self::Policy, Self::Operator, Self::Unknown];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Operator => "operator",
            Self::Unknown => "unknown",
        }
    }
}

/// A tracked symbol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SymbolRow {
    pub symbol: Symbol,
    pub asset_class: AssetClass,
    pub vendor_ticker: String,
    pub criticality: Criticality,
    #[serde(default)]
    pub criticality_source: CriticalitySource,
    /// Fine to coarse, without repeats.
    pub timeframes: Vec<Timeframe>,
    pub active: bool,
    pub paused: bool,
    pub added_at: Ts,
}

/// A series with the figures kept beside it in every commit, so that a report never scans bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesRow {
    pub id: SeriesId,
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    pub bar_count: i64,
    pub first_ts: Option<Ts>,
    /// The start of the newest bar.
    pub last_ts: Option<Ts>,
    /// When the vendor last answered for the newest end of this series.
    pub checked_at: Option<Ts>,
    /// An operator let it rest: no request is made for its sake. Its symbol may rest as a whole besides.
    pub paused: bool,
}
