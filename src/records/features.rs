//! Features of bars and how far they are up to date.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{SeriesId, SeriesRow};
use barkeep_market::features::{Features, State};
use barkeep_market::freshness::Tier;
use barkeep_market::{Interval, Symbol, Timeframe, Ts};

/// The features of one bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureRow {
    /// The bar's start.
    pub ts: Ts,
    #[serde(flatten)]
    pub features: Features,
}

/// What features are computed from: a bar without its open, vwap and trades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureBar {
    pub ts: Ts,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
    pub provisional: bool,
}

/// How far the features of a series are up to date.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureProgress {
    pub series: SeriesRow,
    /// From this bar on they are not; `None` when all are. For a series never computed this is its first bar.
    pub stale_from: Option<Ts>,
    /// Grows with every change of the series' bars.
    pub changes: i64,
    /// The splits they were computed with, in the words of whoever computed them; empty when nobody has.
    pub splits: String,
    /// Whether the last try failed.
    pub failing: bool,
}

/// Features of a stretch of bars, with what the next computation needs.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureWrite {
    pub series: SeriesId,
    /// [`FeatureProgress::changes`] as it was before the bars were read. When bars have changed since, nothing of this
    /// is written.
    pub changes: i64,
    /// Rows stored in this interval and absent from `rows` go. States from its start on go too.
    pub replaces: Interval,
    /// Ascending, inside `replaces`. Rows equal to those stored are not touched.
    pub rows: Vec<FeatureRow>,
    /// To be kept for later computations.
    pub states: Vec<State>,
    /// An older state that is no longer needed.
    pub spent: Option<Ts>,
    /// What [`FeatureProgress::stale_from`] is afterwards.
    pub stale_from: Option<Ts>,
    /// What [`FeatureProgress::splits`] is afterwards.
    pub splits: String,
    pub computed_at: Ts,
}

/// What writing features did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureOutcome {
    /// New or changed rows.
    pub written: u64,
    pub unchanged: u64,
    pub removed: u64,
    /// Bars changed since they were read; nothing was written.
    pub superseded: bool,
}

/// A series whose features could not be computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureFailure {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    pub error_message: String,
    /// The run it happened in; must be one that exists.
    pub execution_id: Option<Uuid>,
    pub failed_at: Ts,
}

/// A row of `feature_computation_failures`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureFailureRow {
    pub id: i64,
    #[serde(flatten)]
    pub failure: FeatureFailure,
    /// Tries after the first that failed too.
    pub retry_count: i64,
    pub resolved: bool,
    pub resolved_at: Option<Ts>,
}

/// A row of `feature_freshness`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureFreshness {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    /// `None` leaves what is stored.
    pub last_computed_at: Option<Ts>,
    /// Bars that have features.
    pub data_point_count: i64,
    pub status: Tier,
    pub staleness_seconds: Option<i64>,
    pub updated_at: Ts,
}
