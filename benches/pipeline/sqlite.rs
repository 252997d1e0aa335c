//! SQLite by itself: the rows the pipeline wrote, inserted into the same table of a fresh file by a prepared statement in a
//! loop, one transaction, through SQLite's own interface and with the pipeline's durability.

use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// A table, its columns, and the order in which the pipeline wrote its rows: that of the pages they came in.
pub(crate) struct Table {
    name: &'static str,
    columns: &'static str,
    order: &'static str,
}

pub(crate) const BARS: Table = Table {
    name: "bars",
    columns: "series_id, ts, open, high, low, close, volume, vwap, trades, provisional, quality_score, quality_notes, fetched_at",
    order: "fetched_at, series_id, ts",
};
pub(crate) const FEATURES: Table = Table {
    name: "feature_values",
    columns: "id, log_return, volatility_20, volatility_50, atr, rolling_volume_20, volume_ratio, rsi_14, macd, macd_signal, \
              sma_20, sma_50, ema_20, ema_50, bb_upper, bb_lower, labels, computed_at",
    order: "computed_at, id",
};

fn path(url: &str) -> &str {
    url.trim_start_matches("sqlite:")
}

/// `filled` and `empty` are URLs of files.
pub(crate) async fn insert_loop(table: &Table, filled: &str, empty: &str, count: u64) -> Duration {
    let Table { name, columns, order } = table;
    let width = columns.split(',').count();
    // The schema as barkeep makes it.
    barkeep::store::open(empty, false).await.unwrap().close().await;
    let rows: Vec<Vec<Value>> = {
        let source = Connection::open(path(filled)).unwrap();
        let mut select = source.prepare(&format!("SELECT {columns} FROM {name} ORDER BY {order}")).unwrap();
        let read = select.query_map([], |row| (0..width).map(|k| row.get(k)).collect::<rusqlite::Result<Vec<Value>>>());
        read.unwrap().collect::<rusqlite::Result<_>>().unwrap()
    };
    assert_eq!(rows.len() as u64, count);
    let mut target = Connection::open(path(empty)).unwrap();
    target.execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY").unwrap();
    target.execute(&format!("ATTACH '{}' AS filled", path(filled)), []).unwrap();
    target.execute_batch("INSERT INTO symbols SELECT * FROM filled.symbols").unwrap();
    target.execute_batch("INSERT INTO series SELECT * FROM filled.series; DETACH filled").unwrap();
    let start = Instant::now();
    let transaction = target.transaction().unwrap();
    {
        let places = vec!["?"; width].join(", ");
        let mut insert = transaction.prepare(&format!("INSERT INTO {name} ({columns}) VALUES ({places})")).unwrap();
        for row in &rows {
            insert.execute(params_from_iter(row)).unwrap();
        }
    }
    transaction.commit().unwrap();
    start.elapsed()
}
