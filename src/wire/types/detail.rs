//! Everything about one series.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::each;
use super::execution::{SeriesRun, VendorRequest};
use super::records::{FeatureFailure, QuarantinedBar, Series, TrackedSymbol};
use barkeep_market::{Bar, Timeframe};
use barkeep_monitor::detail::{self as model, ChartPoint, Gap};
use barkeep_monitor::explain::Explanation;
use barkeep_store::{FeatureRow, SplitRow};

/// Everything about one series, for a screen that shows one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Detail {
    symbol: TrackedSymbol,
    series: Series,
    /// The timeframes the symbol has series at, fine to coarse.
    #[schema(value_type = Vec<String>)]
    timeframes: Vec<Timeframe>,
    /// Why the series is as old as it is: what `barkeep explain --json` prints.
    #[schema(value_type = Object)]
    explanation: Explanation,
    /// The newest bars, ascending, adjusted for splits: `{ts, open, high, low, close, volume, vwap, trades}`.
    #[schema(value_type = Vec<Object>)]
    bars: Vec<Bar>,
    /// Score and features of each bar, in the order of `bars`.
    #[schema(value_type = Vec<Object>)]
    #[serde(default)]
    points: Vec<ChartPoint>,
    /// Features of the newest bar that has any.
    #[schema(value_type = Option<Object>)]
    features: Option<FeatureRow>,
    /// Missing ranges of the history, oldest first, at most 100: `{start, end, not_entitled, sessions, requests}`. Ranges with
    /// only closed hours between them are one; `requests` is what the planner plans for it.
    #[schema(value_type = Vec<Object>)]
    gaps: Vec<Gap>,
    gaps_total: usize,
    /// The share of the trading time of the history that the vendor has answered for, 0 to 1.
    covered: f64,
    quarantine: Vec<QuarantinedBar>,
    /// The last attempts, newest first.
    attempts: Vec<SeriesRun>,
    feature_failures: Vec<FeatureFailure>,
    requests: Vec<VendorRequest>,
    /// Splits that the vendor lists and stored prices contradict; they are not applied.
    #[schema(value_type = Vec<Object>)]
    #[serde(default)]
    contradicted_splits: Vec<SplitRow>,
}

impl From<model::Detail> for Detail {
    fn from(detail: model::Detail) -> Self {
        Self {
            symbol: detail.symbol.into(),
            series: detail.series.into(),
            timeframes: detail.timeframes,
            explanation: detail.explanation,
            bars: detail.bars,
            points: detail.points,
            features: detail.features,
            gaps: detail.gaps,
            gaps_total: detail.gaps_total,
            covered: detail.covered,
            quarantine: each(detail.quarantine),
            attempts: each(detail.attempts),
            feature_failures: each(detail.feature_failures),
            requests: each(detail.requests),
            contradicted_splits: detail.contradicted_splits,
        }
    }
}

impl From<Detail> for model::Detail {
    fn from(wire: Detail) -> Self {
        Self {
            symbol: wire.symbol.into(),
            series: wire.series.into(),
            timeframes: wire.timeframes,
            explanation: wire.explanation,
            bars: wire.bars,
            points: wire.points,
            features: wire.features,
            gaps: wire.gaps,
            gaps_total: wire.gaps_total,
            covered: wire.covered,
            quarantine: each(wire.quarantine),
            attempts: each(wire.attempts),
            feature_failures: each(wire.feature_failures),
            requests: each(wire.requests),
            contradicted_splits: wire.contradicted_splits,
        }
    }
}
