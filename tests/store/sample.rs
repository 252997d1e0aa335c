//! Rows to store: each case changes what it is about.

use barkeep::market::dividend::Dividend;
use barkeep::market::testing::{self, candle};
use barkeep::market::{Bar, Interval, Symbol, Timeframe, Ts};
use barkeep::store::{
    Coverage, CoverageState, ExecutionRow, ExecutionStatus, PageCommit, RequestRow, SeriesId, SeriesRunState,
    SeriesStatus, SeriesWrite, StoredBar, SymbolRow, Trigger, WriteOutcome,
};
use chrono::NaiveDate;
use uuid::Uuid;

use crate::database::Db;
use crate::support::rows;

pub const T0: i64 = 1_700_000_040_000;

pub fn sym(s: &str) -> Symbol {
    s.parse().unwrap()
}

pub fn minute(n: i64) -> Ts {
    Ts(T0 + n * 60_000)
}

pub fn span(from: i64, to: i64) -> Interval {
    Interval::new(minute(from), minute(to))
}

pub fn bar(n: i64, close: f64) -> StoredBar {
    StoredBar {
        fetched_at: Ts(T0 + 1),
        ..rows::stored(Bar {
            volume: 1_234.5,
            vwap: Some(10.1),
            trades: Some(7),
            ..candle(minute(n), [10.25, 11.0, 0.1 + 0.2, close])
        })
    }
}

pub fn growing(n: i64, close: f64) -> StoredBar {
    StoredBar { provisional: true, ..bar(n, close) }
}

pub fn write(series: SeriesId, bars: Vec<StoredBar>) -> SeriesWrite {
    SeriesWrite { bars, ..SeriesWrite::nothing(series) }
}

pub fn page(write: SeriesWrite) -> PageCommit {
    PageCommit { writes: vec![write], ..PageCommit::default() }
}

pub async fn commit(db: &Db, write: SeriesWrite) -> WriteOutcome {
    db.store.commit_page(page(write)).await.unwrap()[0]
}

pub fn symbol_row(name: &str, timeframes: &[Timeframe]) -> SymbolRow {
    SymbolRow { added_at: Ts(T0), ..rows::symbol(name, timeframes) }
}

pub fn dividend(ex_date: NaiveDate, cash_amount: f64) -> Dividend {
    Dividend {
        kind: Some("recurring".into()),
        frequency: Some(4),
        record_date: Some(ex_date),
        ..testing::dividend(ex_date, cash_amount)
    }
}

pub async fn one_series(db: &Db) -> SeriesId {
    db.store.put_symbols(&[symbol_row("AAPL", &[Timeframe::M1])]).await.unwrap();
    db.store.series().await.unwrap()[0].id
}

pub async fn all_bars(db: &Db, id: SeriesId) -> Vec<StoredBar> {
    db.store.bars(id, (..).into(), None).await.unwrap()
}

pub fn request(attempt: u32, status: Option<u16>, outcome: &str) -> RequestRow {
    RequestRow {
        execution_id: Some(Uuid::from_u128(5)),
        ticker: Some("AAPL".into()),
        timeframe: Some(Timeframe::M1),
        asked: Some(span(0, 10)),
        attempt,
        started_at: Ts(T0),
        status,
        outcome: outcome.into(),
        rows: 3,
        query_count: Some(3),
        request_id: Some("r1".into()),
        ..rows::request()
    }
}

pub fn execution(id: u128, started: i64, status: ExecutionStatus) -> ExecutionRow {
    ExecutionRow {
        trigger: Trigger::CatchUp,
        started_at: Ts(started),
        total_symbols: 2,
        requests: 1,
        rate_limited: 2,
        retries: 3,
        selection: Some("{\"symbols\":[]}".into()),
        ..rows::execution(Uuid::from_u128(id), status)
    }
}

pub fn status(id: u128, symbol: &str, timeframe: Timeframe, state: SeriesRunState) -> SeriesStatus {
    SeriesStatus {
        records_processed: 10,
        records_inserted: 9,
        started_at: Some(Ts(T0)),
        ..rows::series_status(Uuid::from_u128(id), symbol, timeframe, state)
    }
}

pub fn covered(from: i64, to: i64, state: CoverageState, fetched: i64, expires: Option<i64>) -> Coverage {
    Coverage {
        expires_at: expires.map(|e| Ts(T0 + e)),
        ..Coverage::answered(span(from, to), state, Some(format!("r{fetched}")), Ts(T0 + fetched))
    }
}
