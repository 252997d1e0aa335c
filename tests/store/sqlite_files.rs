//! SQLite only: the file itself.

use std::sync::Arc;

use barkeep::store::{Store, StoreError, open};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Executor, Row};

use crate::database::Db;
use crate::sample::{bar, commit, one_series, symbol_row, write};

fn failure(result: Result<Arc<dyn Store>, StoreError>) -> StoreError {
    result.err().expect("it should not open")
}

#[cfg(unix)]
#[tokio::test]
async fn are_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("a/b");
    let store = open(&format!("sqlite:{}", home.join("bars.db").display()), false).await.unwrap();
    store.put_symbols(&[symbol_row("A", &[])]).await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    for file in std::fs::read_dir(&home).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    store.close().await;
    assert!(!home.join("bars.db-wal").exists(), "closing folds the write-ahead log into the file");
}

#[tokio::test]
async fn tell_by_their_stamp_that_somebody_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("bars.db").display());
    let (store, other) = (open(&url, false).await.unwrap(), open(&url, false).await.unwrap());
    let new = store.stamp();
    assert!(new.is_some());
    assert!(store.symbols().await.unwrap().is_empty());
    assert_eq!(store.stamp(), new, "reading writes nothing");
    other.put_symbols(&[symbol_row("A", &[])]).await.unwrap();
    let written = store.stamp();
    assert_ne!(written, new);
    assert_eq!(store.symbols().await.unwrap().len(), 1);
    assert_eq!(store.stamp(), written);
    store.put_symbols(&[symbol_row("B", &[])]).await.unwrap();
    assert_ne!(store.stamp(), written, "the log has grown");
    other.close().await;
    store.close().await;
    std::fs::remove_file(dir.path().join("bars.db")).unwrap();
    assert_eq!(store.stamp(), None, "nothing to look at");
}

#[tokio::test]
async fn wake_who_waits_for_a_change() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("bars.db").display());
    let (store, other) = (open(&url, false).await.unwrap(), open(&url, false).await.unwrap());
    let mut stamps = store.stamps().unwrap();
    assert_eq!(*stamps.borrow_and_update(), store.stamp());
    let within = |seconds| std::time::Duration::from_secs(seconds);
    assert!(tokio::time::timeout(within(3), stamps.changed()).await.is_err(), "nobody has written");
    other.put_symbols(&[symbol_row("A", &[])]).await.unwrap();
    tokio::time::timeout(within(5), stamps.changed()).await.unwrap().unwrap();
    assert_eq!(*stamps.borrow_and_update(), store.stamp());
    other.close().await;
    store.close().await;
    drop((store, other));
    // The thread ends with the store.
    let ended = async { while stamps.changed().await.is_ok() {} };
    tokio::time::timeout(within(5), ended).await.unwrap();
}

/// A copy with the same size and time takes the file's place while somebody waits for it to go.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn are_noticed_to_be_replaced_by_a_copy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bars.db");
    let store = open(&format!("sqlite:{}", path.display()), false).await.unwrap();
    store.put_symbols(&[symbol_row("A", &[])]).await.unwrap();
    let waiting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.gone().await })
    };
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert!(!waiting.is_finished());
    let copy = path.with_extension("copy");
    std::fs::copy(&path, &copy).unwrap();
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::File::options().write(true).open(&copy).unwrap().set_modified(time).unwrap();
    std::fs::rename(&copy, &path).unwrap();
    let noticed = tokio::time::timeout(std::time::Duration::from_secs(5), waiting).await.unwrap().unwrap();
    assert!(matches!(&noticed, StoreError::Unusable(why) if why.contains("replaced")), "{noticed}");
    store.close().await;
}

/// Reads go on while another program holds the lock, so only the write that does not end tells of it.
#[tokio::test]
async fn tell_how_long_a_write_has_waited_for_a_lock() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bars.db");
    let store = open(&format!("sqlite:{}", path.display()), false).await.unwrap();
    assert_eq!(store.oldest_write(), None);
    let mut other = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&path)).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let writer = Arc::clone(&store);
    let write = tokio::spawn(async move { writer.put_symbols(&[symbol_row("A", &[])]).await });
    let long = std::time::Duration::from_millis(300);
    while store.oldest_write().is_none_or(|waited| waited < long) {
        assert!(store.symbols().await.unwrap().is_empty() && !write.is_finished());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    other.execute("ROLLBACK").await.unwrap();
    write.await.unwrap().unwrap();
    assert_eq!(store.oldest_write(), None);
    assert_eq!(store.symbols().await.unwrap().len(), 1);
}

#[tokio::test]
async fn that_are_no_database_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    let text = "these are my notes, not a database\n".repeat(200);
    std::fs::write(&path, &text).unwrap();
    for readonly in [false, true] {
        let error = failure(open(&format!("sqlite:{}", path.display()), readonly).await);
        assert!(matches!(error, StoreError::Unusable(_)), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn of_another_program_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut raw = SqliteConnection::connect_with(&options).await.unwrap();
    raw.execute("CREATE TABLE theirs (x)").await.unwrap();
    let error = failure(open(&format!("sqlite:{}", path.display()), false).await);
    assert!(matches!(&error, StoreError::Unusable(why) if why.contains("another program")), "{error}");
    let tables: i64 = raw.fetch_one("SELECT COUNT(*) FROM sqlite_schema").await.unwrap().get(0);
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn that_cannot_be_made_are_a_disk_error() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    for place in ["file/bars.db", ""] {
        let url = format!("sqlite:{}", dir.path().join(place).display());
        let error = failure(open(&url, false).await);
        assert!(matches!(error, StoreError::Disk(_)), "{place}: {error}");
    }
}

#[tokio::test]
async fn that_are_damaged_are_refused() {
    let db = Db::sqlite().await;
    let id = one_series(&db).await;
    commit(&db, write(id, (0..5_000).map(|n| bar(n, 1.0)).collect())).await;
    db.store.close().await;
    let path = db.url().strip_prefix("sqlite:").unwrap();
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..5_000]).unwrap();
    let error = match open(db.url(), false).await {
        Err(error) => error,
        Ok(store) => store.series().await.unwrap_err(),
    };
    assert!(matches!(error, StoreError::Unusable(_)), "{error}");
}

#[tokio::test]
async fn that_are_damaged_inside_are_found_to_be() {
    use barkeep::store::Starting;
    use barkeep::store::upkeep::Upkeep;
    let db = Db::sqlite().await;
    let id = one_series(&db).await;
    commit(&db, write(id, (0..20_000).map(|n| bar(n, 1.0)).collect())).await;
    db.store.close().await;
    let path = db.url().strip_prefix("sqlite:").unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let page = bytes.len() / 4_096 - 40;
    bytes[page * 4_096..(page + 1) * 4_096].fill(0xff);
    std::fs::write(path, bytes).unwrap();
    let mut upkeep = Upkeep::open(db.url(), false, Starting::default()).await.unwrap();
    assert!(!upkeep.damages(false).await.unwrap().is_empty());
    upkeep.close().await;
}

/// What can become of a file under an open store.
#[cfg(unix)]
#[tokio::test]
async fn that_are_taken_away_are_not_written_any_more() {
    type Taking = (&'static str, fn(&std::path::Path));
    let ways: [Taking; 4] = [
        ("deleted or moved", |path| std::fs::remove_file(path).unwrap()),
        ("deleted or moved", |path| std::fs::rename(path, path.with_extension("moved")).unwrap()),
        ("replaced", |path| {
            std::fs::copy(path.with_extension("other"), path.with_extension("new")).unwrap();
            std::fs::rename(path.with_extension("new"), path).unwrap();
        }),
        ("write-ahead log", |path| std::fs::remove_file(path.with_extension("db-wal")).unwrap()),
    ];
    for (says, take) in ways {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bars.db");
        let other = path.with_extension("other");
        open(&format!("sqlite:{}", other.display()), false).await.unwrap().close().await;
        let untouched = std::fs::read(&other).unwrap();
        let store = open(&format!("sqlite:{}", path.display()), false).await.unwrap();
        store.put_symbols(&[symbol_row("A", &[])]).await.unwrap();
        assert!(store.taken_away().is_none());
        take(&path);
        let error = store.put_symbols(&[symbol_row("B", &[])]).await.unwrap_err();
        assert!(matches!(&error, StoreError::Unusable(why) if why.contains(says)), "{error}");
        let error = store.symbols().await.unwrap_err();
        assert!(matches!(error, StoreError::Unusable(_)), "{error}");
        let noticed = tokio::time::timeout(std::time::Duration::from_secs(5), store.gone()).await.unwrap();
        assert!(matches!(noticed, StoreError::Unusable(_)), "{noticed}");
        store.close().await;
        if says == "replaced" {
            assert!(std::fs::read(&path).unwrap() == untouched, "the log of one file went into another");
        }
    }
}

#[tokio::test]
async fn are_opened_as_their_url_says() {
    let dir = tempfile::tempdir().unwrap();
    let url = |parameters: &str| format!("sqlite:{}{parameters}", dir.path().join("bars.db").display());
    let error = failure(open(&url("?mode=rw"), false).await);
    assert!(matches!(error, StoreError::NotFound(_)), "{error}");
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none(), "nothing is made");
    let store = open(&url("?mode=rwc"), false).await.unwrap();
    store.put_symbols(&[symbol_row("A", &[])]).await.unwrap();
    store.close().await;
    for parameters in ["?mode=ro", "?immutable=1", "?mode=ro&cache=private"] {
        let store = open(&url(parameters), true).await.unwrap();
        assert_eq!(store.symbols().await.unwrap().len(), 1, "{parameters}");
        store.close().await;
        let error = failure(open(&url(parameters), false).await);
        assert!(matches!(&error, StoreError::Disk(why) if why.contains("URL says")), "{error}");
    }
}

/// A process killed while it wrote without a log (SQLite makes the file so, before it has one) leaves a journal from which
/// the next one that may write undoes the write. Commands that only read need that as well.
#[tokio::test]
async fn with_an_interrupted_write_are_read_as_they_were_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bars.db");
    let url = |name: &str, parameters: &str| format!("sqlite:{}{parameters}", dir.path().join(name).display());
    let store = open(&url("bars.db", ""), false).await.unwrap();
    store.put_symbols(&[symbol_row("A", &[])]).await.unwrap();
    store.close().await;

    let writer = rusqlite::Connection::open(&path).unwrap();
    writer.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; BEGIN IMMEDIATE").unwrap();
    writer.execute_batch("UPDATE symbols SET symbol = 'B'; CREATE TABLE more (x)").unwrap();
    for _ in 0..2_000 {
        writer.execute("INSERT INTO more VALUES (zeroblob(1000))", ()).unwrap();
    }
    for name in ["one", "two", "three"] {
        for ending in ["", "-journal"] {
            std::fs::copy(format!("{}{ending}", path.display()), dir.path().join(format!("{name}{ending}"))).unwrap();
        }
    }

    let store = open(&url("one", ""), true).await.unwrap();
    let symbols = store.symbols().await.unwrap();
    assert_eq!(symbols.iter().map(|row| row.symbol.as_str()).collect::<Vec<_>>(), ["A"]);
    store.close().await;
    let error = failure(open(&url("two", "?mode=ro"), true).await);
    assert!(
        matches!(&error, StoreError::Disk(why) if why.contains("interrupted") && why.contains("mode=ro")),
        "{error}"
    );
    let length = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().len();
    assert!(length("two-journal") > 0, "nothing was written");
    let store = open(&url("three", ""), false).await.unwrap();
    assert_eq!(store.symbols().await.unwrap().len(), 1);
    store.close().await;
}

/// `DuckDB` reads the text of a view as its own SQL.
#[tokio::test(flavor = "multi_thread")]
async fn views_are_written_in_words_that_duckdb_shares() {
    let db = Db::sqlite().await;
    let mut raw = db.raw().await;
    let views = raw.texts("SELECT sql FROM sqlite_schema WHERE type = 'view' ORDER BY name").await;
    assert_eq!(views.len(), 4, "{views:?}");
    for view in &views {
        for word in
            [" date(", "(date(", "datetime(", "julianday(", "unixepoch", "'%s'", "'now'", "AS INTEGER)", "AS REAL)"]
        {
            assert!(!view.contains(word), "{word} in {view}");
        }
        let joined = view.split("LEFT JOIN").skip(1).filter_map(|join| join.split_once(" ON "));
        for (_, on) in joined {
            let on = on.lines().next().unwrap();
            assert!(!on.contains("SELECT") && !on.ends_with('('), "a subquery in the ON of an outer join: {on}");
        }
    }
    assert_eq!(raw.int("SELECT CAST(abs(ts - unixepoch() * 1000) <= 2000 AS INTEGER) FROM utc_now").await, 1);
    // Each day of 130 years has its own date.
    let right =
        "WITH RECURSIVE days (ts) AS (SELECT 0 UNION ALL SELECT ts + 86400000 FROM days WHERE ts < 4102358400000)
        SELECT COUNT(*) FROM days AS d JOIN utc_months AS m ON m.start_ts = (
            SELECT MAX(k.start_ts) FROM utc_months AS k WHERE k.start_ts <= d.ts)
        WHERE m.month || printf('-%02d', (d.ts - m.start_ts) / 86400000 + 1) = date(d.ts / 1000, 'unixepoch')";
    assert_eq!(raw.int(right).await, 47_482);
    // The time is right in every year: leap days, and both sides of midnight.
    let text = views.iter().find(|view| view.starts_with("CREATE VIEW utc_now AS")).unwrap();
    let at_any_time = text.replace("CREATE VIEW utc_now AS", "").replace("CURRENT_TIMESTAMP", "d.at");
    let wrong = format!(
        "WITH RECURSIVE days (ts) AS (SELECT 86399 UNION ALL SELECT ts + 43201 FROM days WHERE ts < 4102358400)
         SELECT COUNT(*) FROM (SELECT ts, datetime(ts, 'unixepoch') AS at FROM days) AS d
         WHERE ({at_any_time}) <> d.ts * 1000"
    );
    assert_eq!(raw.int(&wrong).await, 0);
    db.finish().await;
}
