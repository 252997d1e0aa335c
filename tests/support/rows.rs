//! Rows of the database with everything a test does not care about filled in: `SymbolRow { active: false, ..symbol("AAPL",
//! &[M5]) }`.

use barkeep::market::{AssetClass, Criticality, Instrument, Symbol, Timeframe, Ts};
use barkeep::store::{
    CriticalitySource, ExecutionRow, ExecutionStatus, Listing, RequestPurpose, RequestRow, SymbolRow, Trigger,
};
use uuid::Uuid;

/// An active stock of standard criticality.
pub fn symbol(name: &str, timeframes: &[Timeframe]) -> SymbolRow {
    SymbolRow {
        symbol: name.parse().unwrap(),
        asset_class: AssetClass::Stock,
        vendor_ticker: name.to_owned(),
        vendor: barkeep::market::Source::Massive,
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
#[allow(dead_code, reason = "the suite of the store needs none")]
pub fn ticker(symbol: &Symbol, class: AssetClass) -> String {
    Instrument::of(symbol, class).unwrap().vendor_ticker
}

/// A first request for bars, answered without one.
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
