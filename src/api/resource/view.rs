//! How rows look from outside, where that differs from how the engine keeps them.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use barkeep_market::freshness::Tier;
use barkeep_market::{AssetClass, Criticality, Symbol, Timeframe, Ts};
use barkeep_monitor::freshness_report::{self, RpoReport};
use barkeep_monitor::history::ExecutionView;
use barkeep_store::{ExecutionStatus, SeriesRunState, SeriesStatus, Trigger};

/// One run of the engine.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[allow(clippy::struct_field_names, reason = "the names of the answer")]
pub(super) struct Execution {
    #[schema(value_type = String, format = "uuid")]
    pub(super) execution_id: Uuid,
    #[schema(value_type = String, example = "schedule")]
    pub(super) trigger: Trigger,
    pub(super) mode: String,
    #[schema(value_type = String, format = DateTime)]
    pub(super) started_at: Ts,
    /// `null` while it runs.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) completed_at: Option<Ts>,
    pub(super) duration_seconds: Option<f64>,
    pub(super) total_symbols: i64,
    pub(super) successful_symbols: i64,
    pub(super) failed_symbols: i64,
    /// Bars the vendor sent.
    pub(super) total_records_processed: i64,
    pub(super) requests: i64,
    pub(super) rate_limited: i64,
    pub(super) retries: i64,
    /// `running`, `completed`, `completed_with_errors`, `failed`, `cancelled` or `interrupted`.
    #[schema(value_type = String, example = "completed")]
    pub(super) status: ExecutionStatus,
    pub(super) error_message: Option<String>,
    /// Percent of its symbols with one decimal; `null` while it runs and when it had none.
    pub(super) success_rate: Option<f64>,
    /// Marked as running although its process is gone.
    pub(super) crashed: bool,
}

impl From<ExecutionView> for Execution {
    fn from(view: ExecutionView) -> Self {
        let ExecutionView { row, success_rate, crashed } = view;
        Self {
            execution_id: row.execution_id,
            trigger: row.trigger,
            mode: row.mode,
            started_at: row.started_at,
            completed_at: row.completed_at,
            duration_seconds: row.duration_seconds,
            total_symbols: row.total_symbols,
            successful_symbols: row.successful_symbols,
            failed_symbols: row.failed_symbols,
            total_records_processed: row.total_records_processed,
            requests: row.requests,
            rate_limited: row.rate_limited,
            retries: row.retries,
            status: row.status,
            error_message: row.error_message,
            success_rate,
            crashed,
        }
    }
}

/// How one series fared in a run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SeriesProgress {
    #[schema(value_type = String)]
    symbol: Symbol,
    #[schema(value_type = String, example = "1d")]
    timeframe: Timeframe,
    /// `pending`, `in_progress`, `completed` or `failed`.
    #[schema(value_type = String, example = "completed")]
    status: SeriesRunState,
    records_fetched: i64,
    records_inserted: i64,
    features_computed: i64,
    error_message: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Ts>,
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Ts>,
    duration_seconds: Option<f64>,
}

impl From<SeriesStatus> for SeriesProgress {
    fn from(row: SeriesStatus) -> Self {
        Self {
            symbol: row.symbol,
            timeframe: row.timeframe,
            status: row.status,
            records_fetched: row.records_processed,
            records_inserted: row.records_inserted,
            features_computed: row.features_computed,
            error_message: row.error_message,
            started_at: row.started_at,
            completed_at: row.completed_at,
            duration_seconds: row.duration_seconds,
        }
    }
}

/// One series and how old it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SeriesAge {
    #[schema(value_type = String)]
    symbol: Symbol,
    #[schema(value_type = String, example = "1d")]
    timeframe: Timeframe,
    #[schema(value_type = String, example = "stock")]
    asset_class: AssetClass,
    #[schema(value_type = String, example = "standard")]
    criticality: Criticality,
    #[schema(value_type = String, example = "fresh")]
    status: Tier,
    /// Behind the newest bar the vendor could serve, in market time; `null` without a bar.
    staleness_seconds: Option<i64>,
    data_point_count: i64,
    #[schema(value_type = Option<String>, format = DateTime)]
    newest_bar: Option<Ts>,
    /// How far the vendor has answered, with bars or without.
    #[schema(value_type = Option<String>, format = DateTime)]
    answered_until: Option<Ts>,
    /// When it was last asked about the newest end.
    #[schema(value_type = Option<String>, format = DateTime)]
    checked_at: Option<Ts>,
    /// Older than its criticality allows.
    breached: bool,
    /// Whether it is kept fresh at all.
    tracked: bool,
    paused: bool,
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
        }
    }
}

/// How the kept series of one criticality keep to their recovery point.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Rpo {
    #[schema(value_type = String, example = "critical")]
    criticality: Criticality,
    acceptable_staleness_seconds: u64,
    series: usize,
    breached: usize,
    without_data: usize,
    /// The stalest breaches.
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
            worst: report.worst.into_iter().map(SeriesAge::from).collect(),
        }
    }
}
