//! Single records: symbols, series, alerts, quarantined bars, failures, and what operators did.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::mirror;
use barkeep_config::policy::Severity;
use barkeep_market::{self as market, AssetClass, Criticality, Source, Symbol, Timeframe, Ts};
use barkeep_store::{
    self as store, AlertRow, CriticalitySource, FeatureFailureRow, ListingState, OperatorActionRow, QuarantineRow,
    SeriesId, SeriesRow, SymbolRow, Verdict,
};

mirror! {
    /// A tracked symbol.
    TrackedSymbol of SymbolRow {
        #[schema(value_type = String)]
        symbol: Symbol,
        #[schema(value_type = String, example = "stock")]
        asset_class: AssetClass,
        vendor_ticker: String,
        /// Where its bars come from: `massive` or `coinbase`.
        #[serde(default)]
        #[schema(value_type = String, example = "massive")]
        vendor: Source,
        #[schema(value_type = String, example = "standard")]
        criticality: Criticality,
        /// Who chose it: `policy`, `operator`, or `unknown` when it is older than this record.
        #[schema(value_type = String, example = "policy")]
        criticality_source: CriticalitySource,
        #[schema(value_type = Vec<String>)]
        timeframes: Vec<Timeframe>,
        active: bool,
        paused: bool,
        #[schema(value_type = String, format = DateTime)]
        added_at: Ts,
        /// Where an operator lets its history begin; `null`: `backfill.history` says.
        #[schema(value_type = Option<String>, format = Date)]
        history_from: Option<NaiveDate>,
        listing: Listing,
    }
}

mirror! {
    /// What the vendor says a name is.
    Listing of store::Listing {
        /// `unchecked`, `listed`, `unknown`, `delisted` or `renamed`.
        #[schema(value_type = String, example = "listed")]
        state: ListingState,
        #[schema(value_type = Option<String>, format = DateTime)]
        checked_at: Option<Ts>,
        #[schema(value_type = Option<String>, format = Date)]
        listed_on: Option<NaiveDate>,
        /// The last day of a delisted or renamed symbol.
        #[schema(value_type = Option<String>, format = Date)]
        ended_on: Option<NaiveDate>,
        #[schema(value_type = Option<String>)]
        renamed_to: Option<Symbol>,
    }
}

mirror! {
    /// A series and what is stored of it.
    Series of SeriesRow {
        #[schema(value_type = i64)]
        id: SeriesId,
        #[schema(value_type = String)]
        symbol: Symbol,
        #[schema(value_type = String, example = "1d")]
        timeframe: Timeframe,
        /// Stored bars; `bars` in a snapshot, `data_point_count` in the staleness report.
        bar_count: i64,
        #[schema(value_type = Option<String>, format = DateTime)]
        first_ts: Option<Ts>,
        /// The newest bar; `newest_bar` in a snapshot, `latest_data` in the list of symbols.
        #[schema(value_type = Option<String>, format = DateTime)]
        last_ts: Option<Ts>,
        #[schema(value_type = Option<String>, format = DateTime)]
        checked_at: Option<Ts>,
        /// When a whole range of it was last compared with the vendor's again.
        #[schema(value_type = Option<String>, format = DateTime)]
        verified_at: Option<Ts>,
        paused: bool,
    }
}

mirror! {
    /// An alert.
    Alert of AlertRow {
        id: i64,
        kind: String,
        #[schema(value_type = String, example = "warning")]
        severity: Severity,
        /// What it is about, when a kind can be about several things.
        subject: Option<String>,
        message: String,
        #[schema(value_type = String, format = DateTime)]
        raised_at: Ts,
        /// `null` while it is open.
        #[schema(value_type = Option<String>, format = DateTime)]
        resolved_at: Option<Ts>,
    }
}

/// A bar that failed validation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QuarantinedBar {
    id: i64,
    #[schema(value_type = i64)]
    series_id: SeriesId,
    #[schema(value_type = String)]
    symbol: Symbol,
    #[schema(value_type = String, example = "1d")]
    timeframe: Timeframe,
    /// The bar's start.
    #[schema(value_type = String, format = DateTime)]
    ts: Ts,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    vwap: Option<f64>,
    trades: Option<i64>,
    reason: String,
    request_id: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    detected_at: Ts,
    /// `pending`, `accepted` or `rejected`.
    #[schema(value_type = String, example = "pending")]
    status: Verdict,
    #[schema(value_type = Option<String>, format = DateTime)]
    decided_at: Option<Ts>,
}

impl From<QuarantineRow> for QuarantinedBar {
    fn from(row: QuarantineRow) -> Self {
        let market::Bar { ts, open, high, low, close, volume, vwap, trades } = row.bar;
        Self {
            id: row.id,
            series_id: row.series_id,
            symbol: row.symbol,
            timeframe: row.timeframe,
            ts,
            open,
            high,
            low,
            close,
            volume,
            vwap,
            trades,
            reason: row.reason,
            request_id: row.request_id,
            detected_at: row.detected_at,
            status: row.status,
            decided_at: row.decided_at,
        }
    }
}

impl From<QuarantinedBar> for QuarantineRow {
    fn from(wire: QuarantinedBar) -> Self {
        let QuarantinedBar { ts, open, high, low, close, volume, vwap, trades, .. } = wire;
        Self {
            id: wire.id,
            series_id: wire.series_id,
            symbol: wire.symbol,
            timeframe: wire.timeframe,
            bar: market::Bar { ts, open, high, low, close, volume, vwap, trades },
            reason: wire.reason,
            request_id: wire.request_id,
            detected_at: wire.detected_at,
            status: wire.status,
            decided_at: wire.decided_at,
        }
    }
}

/// A series whose features could not be computed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FeatureFailure {
    id: i64,
    #[schema(value_type = String)]
    symbol: Symbol,
    #[schema(value_type = String, example = "1d")]
    timeframe: Timeframe,
    error_message: String,
    #[schema(value_type = Option<String>, format = "uuid")]
    execution_id: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    failed_at: Ts,
    /// Failed retries.
    retry_count: i64,
    resolved: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    resolved_at: Option<Ts>,
}

impl From<FeatureFailureRow> for FeatureFailure {
    fn from(row: FeatureFailureRow) -> Self {
        let barkeep_store::FeatureFailure { symbol, timeframe, error_message, execution_id, failed_at } = row.failure;
        let FeatureFailureRow { id, retry_count, resolved, resolved_at, .. } = row;
        Self { id, symbol, timeframe, error_message, execution_id, failed_at, retry_count, resolved, resolved_at }
    }
}

impl From<FeatureFailure> for FeatureFailureRow {
    fn from(wire: FeatureFailure) -> Self {
        let FeatureFailure { symbol, timeframe, error_message, execution_id, failed_at, .. } = wire;
        let FeatureFailure { id, retry_count, resolved, resolved_at, .. } = wire;
        let failure = barkeep_store::FeatureFailure { symbol, timeframe, error_message, execution_id, failed_at };
        Self { id, failure, retry_count, resolved, resolved_at }
    }
}

/// What somebody did to the engine or to a symbol.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OperatorAction {
    id: i64,
    #[schema(value_type = String, format = DateTime)]
    at: Ts,
    /// Who: `cli:alice`, `tui:bob`, `api:key-name` or `schedule`.
    actor: String,
    /// `pause`, `resume`, `trigger`, `cancel`, …
    action: String,
    /// A symbol, an execution id, or `engine`.
    target: Option<String>,
    detail: Option<String>,
    /// `ok`, or why it was refused.
    result: String,
}

impl From<OperatorActionRow> for OperatorAction {
    fn from(row: OperatorActionRow) -> Self {
        let barkeep_store::OperatorAction { at, actor, action, target, detail, result } = row.action;
        Self { id: row.id, at, actor, action, target, detail, result }
    }
}

impl From<OperatorAction> for OperatorActionRow {
    fn from(wire: OperatorAction) -> Self {
        let OperatorAction { id, at, actor, action, target, detail, result } = wire;
        Self { id, action: barkeep_store::OperatorAction { at, actor, action, target, detail, result } }
    }
}
