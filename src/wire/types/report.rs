//! How old series are.

use serde::Serialize;
use utoipa::ToSchema;

use super::holes::HoleCounts;
use barkeep_market::freshness::Tier;
use barkeep_market::{AssetClass, Criticality, Symbol, Timeframe, Ts};
use barkeep_monitor::freshness_report::{self, RpoReport};

/// One series and its age.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SeriesAge {
    #[schema(value_type = String)]
    symbol: Symbol,
    #[schema(value_type = String, example = "1d")]
    timeframe: Timeframe,
    #[schema(value_type = String, example = "stock")]
    asset_class: AssetClass,
    #[schema(value_type = String, example = "standard")]
    criticality: Criticality,
    /// The tier: `fresh`, `aging`, `stale`, `missing`, `unknown`, `loading` or `ended`; `tier` in a snapshot.
    #[schema(value_type = String, example = "fresh")]
    status: Tier,
    /// Behind the newest bar the vendor could serve, in market time; `null` without a bar, while the series is loading
    /// and after its end.
    staleness_seconds: Option<i64>,
    /// Stored bars; `bars` in a snapshot.
    data_point_count: i64,
    #[schema(value_type = Option<String>, format = DateTime)]
    newest_bar: Option<Ts>,
    /// How far the vendor has answered, with bars or without.
    #[schema(value_type = Option<String>, format = DateTime)]
    answered_until: Option<Ts>,
    /// When the vendor last answered for the newest end.
    #[schema(value_type = Option<String>, format = DateTime)]
    checked_at: Option<Ts>,
    /// Older than its criticality allows.
    breached: bool,
    /// Whether it is kept up to date at all.
    tracked: bool,
    paused: bool,
    /// Ranges in doubt.
    holes: HoleCounts,
}

impl From<freshness_report::SeriesAge> for SeriesAge {
    fn from(row: freshness_report::SeriesAge) -> Self {
        Self {
            symbol: row.symbol,
            timeframe: row.timeframe,
            asset_class: row.asset_class,
            criticality: row.criticality,
            status: row.status,
            staleness_seconds: row.staleness_seconds,
            data_point_count: row.data_point_count,
            newest_bar: row.newest_bar,
            answered_until: row.answered_until,
            checked_at: row.checked_at,
            breached: row.breached,
            tracked: row.tracked,
            paused: row.paused,
            holes: row.holes.into(),
        }
    }
}

/// How the tracked series of one criticality keep to their recovery point objective.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Rpo {
    #[schema(value_type = String, example = "critical")]
    criticality: Criticality,
    acceptable_staleness_seconds: u64,
    series: usize,
    breached: usize,
    without_data: usize,
    /// Series whose first backfill is not done yet; in no other count.
    loading: usize,
    /// The stalest series past their objective.
    worst: Vec<SeriesAge>,
}

impl From<RpoReport> for Rpo {
    fn from(report: RpoReport) -> Self {
        Self {
            criticality: report.criticality,
            acceptable_staleness_seconds: report.acceptable_staleness_seconds,
            series: report.series,
            breached: report.breached,
            without_data: report.without_data,
            loading: report.loading,
            worst: report.worst.into_iter().map(SeriesAge::from).collect(),
        }
    }
}
