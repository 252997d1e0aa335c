//! Runs, how each of their series went, and the requests they made.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::mirror;
use barkeep_market::{AssetClass, Interval, Symbol, Timeframe, Ts};
use barkeep_monitor::history;
use barkeep_store::{ExecutionStatus, RequestPurpose, RequestRow, SeriesRunState, SeriesStatus, Trigger};

mirror! {
    /// One run of the engine.
    Execution of history::Execution {
        /// The `job_id` of a backfill.
        #[schema(value_type = String, format = "uuid")]
        execution_id: Uuid,
        /// `schedule`, `manual`, `api`, `catch_up` or `cli`.
        #[schema(value_type = String, example = "schedule")]
        trigger: Trigger,
        mode: String,
        #[schema(value_type = String, format = DateTime)]
        started_at: Ts,
        /// `null` while it runs.
        #[schema(value_type = Option<String>, format = DateTime)]
        completed_at: Option<Ts>,
        duration_seconds: Option<f64>,
        total_symbols: i64,
        successful_symbols: i64,
        failed_symbols: i64,
        /// Bars received from the vendor.
        total_records_processed: i64,
        requests: i64,
        /// Requests that the vendor answered with 429.
        rate_limited: i64,
        retries: i64,
        /// `queued`, `running`, `completed`, `completed_with_errors`, `failed`, `cancelled` or `interrupted`.
        #[schema(value_type = String, example = "completed")]
        status: ExecutionStatus,
        error_message: Option<String>,
        /// Percent of its symbols with one decimal; `null` while it runs and when it had none.
        success_rate: Option<f64>,
        /// Marked as running although its process is gone.
        crashed: bool,
    }
}

/// How one series went in a run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SeriesRun {
    #[schema(value_type = String, format = "uuid")]
    pub execution_id: Uuid,
    #[schema(value_type = String)]
    pub symbol: Symbol,
    #[schema(value_type = String, example = "stock")]
    pub asset_class: AssetClass,
    #[schema(value_type = String, example = "1d")]
    pub timeframe: Timeframe,
    /// `pending`, `in_progress`, `completed` or `failed`.
    #[schema(value_type = String, example = "completed")]
    pub status: SeriesRunState,
    /// Bars received from the vendor.
    pub records_processed: i64,
    /// The same number under its older name.
    pub records_fetched: i64,
    /// Bars that are new in the database.
    pub records_inserted: i64,
    pub features_computed: i64,
    pub error_message: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Ts>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Ts>,
    pub duration_seconds: Option<f64>,
}

impl From<SeriesStatus> for SeriesRun {
    fn from(row: SeriesStatus) -> Self {
        Self {
            execution_id: row.execution_id,
            symbol: row.symbol,
            asset_class: row.asset_class,
            timeframe: row.timeframe,
            status: row.status,
            records_processed: row.records_processed,
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

impl From<SeriesRun> for SeriesStatus {
    fn from(wire: SeriesRun) -> Self {
        Self {
            execution_id: wire.execution_id,
            symbol: wire.symbol,
            asset_class: wire.asset_class,
            timeframe: wire.timeframe,
            status: wire.status,
            records_processed: wire.records_processed,
            records_inserted: wire.records_inserted,
            features_computed: wire.features_computed,
            error_message: wire.error_message,
            started_at: wire.started_at,
            completed_at: wire.completed_at,
            duration_seconds: wire.duration_seconds,
        }
    }
}

/// One run with each of its series.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExecutionDetail {
    #[serde(flatten)]
    pub execution: Execution,
    pub series: Vec<SeriesRun>,
}

impl From<history::ExecutionDetail> for ExecutionDetail {
    fn from(detail: history::ExecutionDetail) -> Self {
        Self { execution: detail.execution.into(), series: super::each(detail.series) }
    }
}

impl From<ExecutionDetail> for history::ExecutionDetail {
    fn from(wire: ExecutionDetail) -> Self {
        Self { execution: wire.execution.into(), series: super::each(wire.series) }
    }
}

mirror! {
    /// One request to the vendor.
    VendorRequest of RequestRow {
        #[schema(value_type = Option<String>, format = "uuid")]
        execution_id: Option<Uuid>,
        /// `aggregates`, `grouped_daily`, `splits`, `market_status`, `holidays` or `tickers`.
        #[schema(value_type = String)]
        endpoint: Cow<'static, str>,
        /// As the vendor writes it; `null` when the request serves several.
        ticker: Option<String>,
        #[schema(value_type = Option<String>, example = "1d")]
        timeframe: Option<Timeframe>,
        /// The requested range, `{start, end}`; the end is exclusive.
        #[schema(value_type = Option<Object>)]
        asked: Option<Interval>,
        /// 1 for the first attempt.
        attempt: u32,
        #[schema(value_type = String, format = DateTime)]
        started_at: Ts,
        latency_ms: i64,
        /// HTTP status, when there was a response.
        status: Option<u16>,
        /// `ok`, or the class of the error.
        outcome: String,
        error: Option<String>,
        /// Bars in the response.
        rows: i64,
        query_count: Option<i64>,
        bytes: i64,
        /// The vendor's id of the response.
        request_id: Option<String>,
        /// Bars that the response inserted, revised or removed; `null` when nothing was committed from it.
        changed: Option<i64>,
        /// `backfill`, `recheck` (a hole asked about again), `verify` (stored bars compared again) or `lookup`.
        #[schema(value_type = String, example = "backfill")]
        purpose: RequestPurpose,
    }
}
