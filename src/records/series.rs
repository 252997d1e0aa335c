//! Symbols and their series.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use barkeep_base::variants::all;
use barkeep_market::{AssetClass, Criticality, Source, Symbol, Timeframe, Ts};

/// The key of a series row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeriesId(pub i64);

/// Who chose the criticality of a symbol.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, EnumCount, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
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
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// A tracked symbol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SymbolRow {
    pub symbol: Symbol,
    pub asset_class: AssetClass,
    /// What its vendor calls it.
    pub vendor_ticker: String,
    /// Where its bars come from. Another one only while it has none: bars of two vendors are never mixed in one series.
    #[serde(default)]
    pub vendor: Source,
    pub criticality: Criticality,
    #[serde(default)]
    pub criticality_source: CriticalitySource,
    /// Fine to coarse, without repeats.
    pub timeframes: Vec<Timeframe>,
    pub active: bool,
    pub paused: bool,
    pub added_at: Ts,
    /// Where an operator lets its history begin; absent: `backfill.history` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history_from: Option<NaiveDate>,
    #[serde(default)]
    pub listing: Listing,
}

/// What the vendor says a name is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, EnumCount, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum ListingState {
    /// Nobody had a reason to ask.
    #[default]
    Unchecked,
    Listed,
    /// The vendor knows no such ticker.
    Unknown,
    Delisted,
    Renamed,
}

impl ListingState {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// When a symbol trades at all, as the vendor's reference data have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub state: ListingState,
    pub checked_at: Option<Ts>,
    /// The first day.
    pub listed_on: Option<NaiveDate>,
    /// The last day, of a delisted or renamed one.
    pub ended_on: Option<NaiveDate>,
    pub renamed_to: Option<Symbol>,
}

impl Listing {
    /// The last day of a name that no longer trades: its series are complete up to it.
    #[must_use]
    pub fn ended(&self) -> Option<NaiveDate> {
        let ended = matches!(self.state, ListingState::Delisted | ListingState::Renamed);
        self.ended_on.filter(|_| ended)
    }
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
    /// When a whole range of it was last compared with the vendor's again.
    pub verified_at: Option<Ts>,
    /// An operator let it rest: no request is made for its sake. Its symbol may rest as a whole besides.
    pub paused: bool,
}

/// What uniting two symbols does to the bars of one timeframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MergedSeries {
    pub timeframe: Timeframe,
    /// Bars that only the double has.
    pub moved: i64,
    /// Bars that both have with the same values.
    pub equal: i64,
    /// Bars that both have with different values; those of the double become revisions.
    pub differing: i64,
}
