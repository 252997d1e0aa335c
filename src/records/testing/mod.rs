//! Rows for tests, with everything a test does not care about filled in: `SymbolRow { active: false, ..symbol("AAPL",
//! &[M5]) }`.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test whose symbol cannot be read shall fail")]

use barkeep_config::policy::Severity;
use barkeep_market::{AssetClass, Bar, Criticality, Instrument, Source, Symbol, Timeframe, Ts};
use uuid::Uuid;

use crate::{
    CriticalitySource, ExecutionRow, ExecutionStatus, Listing, NewAlert, OperatorAction, RequestPurpose, RequestRow,
    SeriesRunState, SeriesStatus, StoredBar, SymbolRow, Trigger,
};

/// An active stock of standard criticality.
#[must_use]
pub fn symbol(name: &str, timeframes: &[Timeframe]) -> SymbolRow {
    symbol_of(name, AssetClass::Stock, timeframes)
}

/// An active symbol of standard criticality; a name that its class does not know is its own ticker.
#[must_use]
pub fn symbol_of(name: &str, class: AssetClass, timeframes: &[Timeframe]) -> SymbolRow {
    let symbol: Symbol = name.parse().unwrap();
    SymbolRow {
        vendor_ticker: Instrument::of(&symbol, class).map_or_else(|_| name.to_owned(), |known| known.vendor_ticker),
        symbol,
        asset_class: class,
        vendor: Source::Massive,
        criticality: Criticality::Standard,
        criticality_source: CriticalitySource::Operator,
        timeframes: timeframes.to_vec(),
        active: true,
        paused: false,
        added_at: Ts(0),
        history_from: None,
        listing: Listing::default(),
    }
}

/// What the vendor calls a symbol of this class.
#[must_use]
pub fn ticker(symbol: &Symbol, class: AssetClass) -> String {
    Instrument::of(symbol, class).unwrap().vendor_ticker
}

/// A final bar of full quality.
#[must_use]
pub fn stored(bar: Bar) -> StoredBar {
    StoredBar { bar, provisional: false, quality_score: 1.0, quality_notes: None, fetched_at: Ts(0) }
}

/// A first request for bars, answered without one.
#[must_use]
pub fn request() -> RequestRow {
    RequestRow {
        execution_id: None,
        endpoint: "aggregates".into(),
        ticker: None,
        timeframe: None,
        asked: None,
        attempt: 1,
        started_at: Ts(0),
        latency_ms: 120,
        status: Some(200),
        outcome: "ok".to_owned(),
        error: None,
        rows: 0,
        query_count: None,
        bytes: 1_000,
        request_id: None,
        changed: None,
        purpose: RequestPurpose::Backfill,
    }
}

/// A scheduled execution that has just begun.
#[must_use]
pub fn execution(id: Uuid, status: ExecutionStatus) -> ExecutionRow {
    ExecutionRow {
        execution_id: id,
        trigger: Trigger::Schedule,
        mode: "pipeline".to_owned(),
        started_at: Ts(0),
        completed_at: None,
        duration_seconds: None,
        total_symbols: 0,
        successful_symbols: 0,
        failed_symbols: 0,
        total_records_processed: 0,
        requests: 0,
        rate_limited: 0,
        retries: 0,
        status,
        error_message: None,
        owner: "host:1:boot".to_owned(),
        selection: None,
        late_bars: 0,
        changed_bars: 0,
    }
}

/// How an execution did with one series of a stock, before it stored anything.
#[must_use]
pub fn series_status(execution_id: Uuid, symbol: &str, timeframe: Timeframe, status: SeriesRunState) -> SeriesStatus {
    SeriesStatus {
        execution_id,
        symbol: symbol.parse().unwrap(),
        asset_class: AssetClass::Stock,
        timeframe,
        status,
        records_processed: 0,
        records_inserted: 0,
        features_computed: 0,
        error_message: None,
        started_at: None,
        completed_at: None,
        duration_seconds: None,
    }
}

/// What somebody did, with success.
#[must_use]
pub fn operator_action(action: &str, target: Option<&str>, at: Ts) -> OperatorAction {
    OperatorAction {
        at,
        actor: "cli:alice".to_owned(),
        action: action.to_owned(),
        target: target.map(str::to_owned),
        detail: None,
        result: "ok".to_owned(),
    }
}

/// A critical alert about to be raised.
#[must_use]
pub fn new_alert(kind: &str, subject: Option<&str>, raised_at: Ts) -> NewAlert {
    NewAlert {
        kind: kind.to_owned(),
        severity: Severity::Critical,
        subject: subject.map(str::to_owned),
        message: "it is so".to_owned(),
        raised_at,
    }
}
