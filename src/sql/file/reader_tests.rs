//! What is read is what plain SQLite says, and a connection that was given up is never lent again.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::Value;

use super::batch::{ROWS, ReadRow};
use super::reader::{Reader, Readers};
use crate::address::Address;
use crate::{Result, StoreError};

const NO_PATIENCE: Duration = Duration::from_millis(20);

/// A file with a table of `n` rows: a number, a double, a text and a blob; every seventh text is NULL.
fn file(name: &str, n: i64) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (k INTEGER, x REAL, s TEXT, b BLOB) STRICT").unwrap();
    let rows = "WITH RECURSIVE n (k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM n WHERE k + 1 < ?1)
                INSERT INTO t SELECT k, k / 3.0, CASE WHEN k % 7 THEN 'row ' || k END, CAST('b' || k AS BLOB) FROM n";
    conn.execute(rows, [n]).unwrap();
    (dir, path)
}

type All = (i64, f64, Option<String>, Vec<u8>);

fn readers(path: &Path, count: u32) -> Readers {
    Readers::new(Address::file(path), count, NO_PATIENCE)
}

async fn numbers(reader: &mut Reader, sql: &'static str, values: Vec<Value>) -> Result<Vec<i64>> {
    reader.each(sql.into(), values, |row| row.get(0)).await
}

#[tokio::test]
async fn every_row_arrives_in_order_with_its_values() {
    let n = 3 * ROWS as i64 + 5;
    let (_dir, path) = file("a.db", n);
    let pool = readers(&path, 1);
    let read = |row: ReadRow| -> Result<All> { Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)) };
    let mut reader = pool.acquire().await.unwrap();
    let rows = reader.each("SELECT k, x, s, b FROM t ORDER BY k".into(), vec![], read).await.unwrap();
    let text = |k: i64| (k % 7 != 0).then(|| format!("row {k}"));
    let expected: Vec<All> = (0..n).map(|k| (k, k as f64 / 3.0, text(k), format!("b{k}").into_bytes())).collect();
    assert!(rows == expected, "{} of {n} rows", rows.len());
    assert_eq!(numbers(&mut reader, "SELECT k FROM t WHERE k < 0", vec![]).await.unwrap(), Vec::<i64>::new());
    // Texts that fill a batch by themselves.
    let long = "SELECT LENGTH(s), s FROM (SELECT printf('%.*c', 700000, 'x') || k AS s FROM t WHERE k < 5)";
    let read = |row: ReadRow| -> Result<bool> { Ok(row.get::<i64>(0)? == row.get::<String>(1)?.len() as i64) };
    assert_eq!(reader.each(long.into(), vec![], read).await.unwrap(), [true; 5]);
}

#[tokio::test]
async fn a_value_goes_where_its_number_says() {
    let (_dir, path) = file("a.db", 100);
    let pool = readers(&path, 1);
    let mut reader = pool.acquire().await.unwrap();
    let values = || vec![Value::Integer(2), Value::Integer(10), Value::Text("row 5".into())];
    for _ in 0..2 {
        // The third stands first, the second twice.
        let sql = "SELECT k FROM t WHERE (s > $3 OR k > $2) AND k <= $2 + 2 ORDER BY k LIMIT $1";
        assert_eq!(numbers(&mut reader, sql, values()).await.unwrap(), [6, 8]);
    }
}

#[tokio::test]
async fn what_is_no_such_value_is_refused_and_the_connection_goes_on() {
    let (_dir, path) = file("a.db", 1_000);
    let pool = readers(&path, 1);
    let mut reader = pool.acquire().await.unwrap();
    for sql in ["SELECT s FROM t WHERE k = 1", "SELECT x FROM t", "SELECT NULL FROM t", "SELECT b FROM t"] {
        let error = numbers(&mut reader, sql, vec![]).await.unwrap_err();
        assert!(matches!(error, StoreError::Unusable(_)), "{sql}: {error}");
    }
    let bad_text = reader.each("SELECT CAST(x'ff' AS TEXT)".into(), vec![], |row| row.get::<String>(0)).await;
    assert!(matches!(bad_text, Err(StoreError::Unusable(_))));
    let no_column = reader.each("SELECT 1".into(), vec![], |row| row.get::<i64>(1)).await;
    assert!(matches!(no_column, Err(StoreError::Refused(_))));
    for sql in ["SELEKT", "SELECT nothing FROM t"] {
        numbers(&mut reader, sql, vec![]).await.unwrap_err();
    }
    assert_eq!(numbers(&mut reader, "SELECT COUNT(*) FROM t", vec![]).await.unwrap(), [1_000]);
    let write = numbers(&mut reader, "INSERT INTO t (k) VALUES (1)", vec![]).await;
    assert!(matches!(write, Err(StoreError::Disk(_))));
}

#[tokio::test]
async fn a_query_that_is_given_up_takes_its_connection_along() {
    let (_dir, path) = file("a.db", 1_000);
    let pool = readers(&path, 1);
    // Rows for ever, and for ever none.
    for endless in [
        "WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n) SELECT k FROM n",
        "SELECT COUNT(*) FROM t AS a, t AS b, t AS c WHERE a.k + b.k + c.k < 0",
    ] {
        let mut reader = pool.acquire().await.unwrap();
        let given_up =
            tokio::time::timeout(Duration::from_millis(50), numbers(&mut reader, endless, vec![])).await.is_err();
        assert!(given_up, "{endless}");
        numbers(&mut reader, "SELECT 1", vec![]).await.unwrap_err();
        drop(reader);
        let mut reader = pool.acquire().await.unwrap();
        assert_eq!(numbers(&mut reader, "SELECT 1", vec![]).await.unwrap(), [1]);
    }
    // Neither goes on: closing waits for every thread.
    tokio::time::timeout(Duration::from_secs(5), pool.close()).await.unwrap();
}

#[tokio::test]
async fn as_many_as_agreed_read_at_once_and_closing_waits_for_them() {
    let (_dir, path) = file("a.db", 10);
    let pool = readers(&path, 2);
    let (mut one, two) = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
    let soon = Duration::from_millis(50);
    assert!(tokio::time::timeout(soon, pool.acquire()).await.is_err());
    drop(two);
    let three = tokio::time::timeout(soon, pool.acquire()).await.unwrap().unwrap();
    let closing = tokio::spawn({
        let pool = pool.clone();
        async move { pool.close().await }
    });
    tokio::time::sleep(soon).await;
    assert!(!closing.is_finished() && pool.is_closed());
    assert_eq!(numbers(&mut one, "SELECT COUNT(*) FROM t", vec![]).await.unwrap(), [10]);
    assert!(matches!(pool.acquire().await, Err(StoreError::Unreachable(_))));
    drop((one, three));
    closing.await.unwrap();
    pool.close().await;
    // No connection is open: the next one that writes is the last one, and folds the log in.
    let log = path.with_extension("db-wal");
    drop(Connection::open(&path).and_then(|conn| conn.execute_batch("INSERT INTO t (k) VALUES (1)").map(|()| conn)));
    assert!(!log.exists());
}

#[tokio::test]
async fn another_lock_is_busy_after_a_while() {
    let (_dir, path) = file("a.db", 10);
    let pool = readers(&path, 1);
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM t").unwrap();
    let mut reader = pool.acquire().await.unwrap();
    let start = Instant::now();
    let error = numbers(&mut reader, "SELECT COUNT(*) FROM t", vec![]).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy(_)) && start.elapsed() >= NO_PATIENCE, "{error}");
    holder.execute_batch("ROLLBACK").unwrap();
    drop(holder);
    assert_eq!(numbers(&mut reader, "SELECT COUNT(*) FROM t", vec![]).await.unwrap(), [10]);
}

#[tokio::test]
async fn a_connection_to_a_damaged_file_is_not_used_again() {
    let (_dir, path) = file("a.db", 10);
    let sound = std::fs::read(&path).unwrap();
    std::fs::write(
        &path,
        "no database at all, but long enough to have a header of a hundred bytes, which is what SQLite looks at first",
    )
    .unwrap();
    let pool = readers(&path, 1);
    let mut reader = pool.acquire().await.unwrap();
    let count = "SELECT COUNT(*) FROM t";
    assert!(matches!(numbers(&mut reader, count, vec![]).await, Err(StoreError::Unusable(_))));
    assert!(matches!(numbers(&mut reader, count, vec![]).await, Err(StoreError::Unreachable(_))));
    drop(reader);
    std::fs::write(&path, sound).unwrap();
    let mut reader = pool.acquire().await.unwrap();
    assert_eq!(numbers(&mut reader, count, vec![]).await.unwrap(), [10]);
}

#[tokio::test]
async fn a_file_that_does_not_change_is_read_whatever_it_is_called() {
    for name in ["a b.db", "50%25.db", "what?mode=rw.db", "a#b&c.db", "ä.db", "file:x.db"] {
        let (dir, path) = file(name, 10);
        Connection::open(&path).unwrap().execute_batch("PRAGMA journal_mode = DELETE").unwrap();
        let address = Address { immutable: true, ..Address::file(&path) };
        let pool = Readers::new(address, 1, NO_PATIENCE);
        let mut reader = pool.acquire().await.unwrap();
        assert_eq!(numbers(&mut reader, "SELECT COUNT(*) FROM t", vec![]).await.unwrap(), [10], "{name}");
        drop(reader);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "{name}: no other file is made");
    }
    let pool = readers(Path::new("/nowhere/a.db"), 1);
    assert!(matches!(pool.acquire().await.map(drop), Err(StoreError::Disk(_))));
}
