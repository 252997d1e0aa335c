//! SQLite by itself: the rows the pipeline wrote, inserted into the same table of a fresh file by a prepared statement in a
//! loop, one transaction, through SQLite's own interface and with the pipeline's durability.

use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

const COLUMNS: &str = "series_id, ts, open, high, low, close, volume, vwap, trades, provisional, quality_score, \
                       quality_notes, fetched_at";

fn path(url: &str) -> &str {
    url.trim_start_matches("sqlite:")
}

/// `filled` and `empty` are URLs of files.
pub(crate) async fn insert_loop(filled: &str, empty: &str, bars: u64) -> Duration {
    // The schema as barkeep makes it.
    barkeep::store::open(empty, false).await.unwrap().close().await;
    let rows: Vec<Vec<Value>> = {
        let source = Connection::open(path(filled)).unwrap();
        // In the order of the pages they came in: the order in which the pipeline wrote them.
        let mut select =
            source.prepare(&format!("SELECT {COLUMNS} FROM bars ORDER BY fetched_at, series_id, ts")).unwrap();
        let read = select.query_map([], |row| (0..13).map(|k| row.get(k)).collect::<rusqlite::Result<Vec<Value>>>());
        read.unwrap().collect::<rusqlite::Result<_>>().unwrap()
    };
    assert_eq!(rows.len() as u64, bars);
    let mut target = Connection::open(path(empty)).unwrap();
    target.execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY").unwrap();
    target.execute(&format!("ATTACH '{}' AS filled", path(filled)), []).unwrap();
    target.execute_batch("INSERT INTO symbols SELECT * FROM filled.symbols").unwrap();
    target.execute_batch("INSERT INTO series SELECT * FROM filled.series; DETACH filled").unwrap();
    let start = Instant::now();
    let transaction = target.transaction().unwrap();
    {
        let places = ["?"; 13].join(", ");
        let mut insert = transaction.prepare(&format!("INSERT INTO bars ({COLUMNS}) VALUES ({places})")).unwrap();
        for row in &rows {
            insert.execute(params_from_iter(row)).unwrap();
        }
    }
    transaction.commit().unwrap();
    start.elapsed()
}
