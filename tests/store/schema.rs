//! What only a database has: statements, a schema with its own checks, opening and opening again.

use barkeep::market::Timeframe;
use barkeep::store::{CoverageState, Dialect, StoreError, open, statements};

use crate::database::{Db, NO_URL, Place};
use crate::records::{TIMEOUT, moment};
use crate::sample::{bar, commit, covered, growing, minute, one_series, span, symbol_row, write};

pub async fn every_statement_can_be_prepared(db: &Db) {
    let mut raw = db.raw().await;
    let all = statements(db.dialect().unwrap());
    assert!(all.len() > 40, "{}", all.len());
    for (name, sql) in all {
        if let Err(error) = raw.prepare(sql).await {
            panic!("{name}: {error}");
        }
    }
}

/// A NaN, an infinity and a negative price are refused by the database itself.
pub async fn what_a_person_types_is_checked_as_well(db: &Db) {
    let id = one_series(db).await;
    let mut raw = db.raw().await;
    let (nan, infinity, time) = match db.dialect().unwrap() {
        Dialect::Sqlite => ("NULL", "9e999", "0"),
        Dialect::Postgres => ("'NaN'", "'Infinity'", "now()"),
    };
    let insert = |open: &str| {
        format!(
            "INSERT INTO bars (series_id, ts, open, high, low, close, volume, fetched_at)
             VALUES ({}, {time}, {open}, 1, 1, 1, 1, {time})",
            id.0
        )
    };
    for wrong in [nan, infinity, "-1"] {
        assert!(raw.run(&insert(wrong)).await.is_err(), "{wrong}");
    }
    assert_eq!(db.int("SELECT COUNT(*) FROM bars").await, 0);
}

pub async fn people_can_read_market_data(db: &Db) {
    let id = one_series(db).await;
    commit(db, write(id, vec![bar(0, 1.5), bar(1, 2.5)])).await;
    let mut raw = db.raw().await;
    let (key, of_bar) = match db.dialect() {
        Some(Dialect::Sqlite) => ("id", "series_id * 549755813888 + ts / 1000 + 62135596800"),
        _ => ("series_id, ts", "series_id, ts"),
    };
    let features = format!(
        "INSERT INTO feature_values ({key}, rsi_14, labels, computed_at)
         SELECT {of_bar}, 55.5, 3, fetched_at FROM bars WHERE close = 2.5 AND series_id = {}",
        id.0
    );
    assert_eq!(raw.run(&features).await.unwrap(), 1);
    let time = if db.dialect() == Some(Dialect::Sqlite) {
        format!("time = {}", minute(1).ms())
    } else {
        format!("time = to_timestamp({})", minute(1).ms() / 1_000)
    };
    let sql = format!(
        "SELECT COUNT(*) FROM market_data WHERE symbol = 'AAPL' AND timeframe = '1m' AND {time} AND close = 2.5
         AND rsi_14 = 55.5 AND macd IS NULL AND structure_label = 'range' AND quality_score = 1"
    );
    assert_eq!(raw.int(&sql).await, 1);
    assert_eq!(raw.int("SELECT COUNT(*) FROM market_data WHERE rsi_14 IS NULL").await, 1);
}

pub async fn many_can_open_a_fresh_database_at_once(db: &Db) {
    let url = match &db.place {
        Place::Dir(dir) => format!("sqlite:{}", dir.path().join("new/deep/bars.db").display()),
        Place::Server(cluster, _) => cluster.url(&cluster.create_database().await),
        Place::Memory(_) => unreachable!("{NO_URL}"),
    };
    let mut all = tokio::task::JoinSet::new();
    for n in 0..20_i64 {
        let url = url.clone();
        all.spawn(async move {
            let store = open(&url, false).await.unwrap();
            store.put_symbols(&[symbol_row(&format!("S{n}"), &[Timeframe::M1])]).await.unwrap();
            store.close().await;
        });
    }
    all.join_all().await;
    let store = open(&url, false).await.unwrap();
    assert_eq!(store.series().await.unwrap().len(), 20);
    store.close().await;
    if let Place::Server(cluster, _) = db.place {
        cluster.drop_database(url.rsplit('/').next().unwrap().split('?').next().unwrap()).await;
    }
}

pub async fn reopening_keeps_everything(db: &Db) {
    let id = one_series(db).await;
    let mut w = write(id, vec![bar(0, 1.5), growing(1, 2.5)]);
    w.coverage = vec![covered(0, 2, CoverageState::Empty, 1, Some(50))];
    commit(db, w).await;
    db.store
        .take_place(barkeep::vendor::limit::PlaceRequest::new(barkeep::market::Source::Massive, 5, TIMEOUT, moment(0)))
        .await
        .unwrap();
    db.store.close().await;
    let closed = db.store.ping().await;
    assert!(matches!(closed, Err(StoreError::Unreachable(_))), "{closed:?}");
    let closed = db
        .store
        .take_place(barkeep::vendor::limit::PlaceRequest::new(barkeep::market::Source::Massive, 5, TIMEOUT, moment(0)))
        .await;
    assert!(matches!(closed, Err(StoreError::Unreachable(_))), "{closed:?}");

    let again = open(db.url(), false).await.unwrap();
    assert_eq!(again.bars(id, span(0, 9).into(), None).await.unwrap(), [bar(0, 1.5), growing(1, 2.5)]);
    assert_eq!(again.coverage(&[id]).await.unwrap()[0].1, [covered(0, 2, CoverageState::Empty, 1, Some(50))]);
    assert_eq!(again.places().await.unwrap().places.iter().map(|p| p.started).collect::<Vec<_>>(), [moment(0)]);
    again.close().await;
}

pub async fn reading_only_changes_nothing(db: &Db) {
    let id = one_series(db).await;
    commit(db, write(id, vec![bar(0, 1.5)])).await;
    let reader = open(db.url(), true).await.unwrap();
    assert_eq!(reader.bars(id, span(0, 9).into(), None).await.unwrap(), [bar(0, 1.5)]);
    let refused = reader
        .take_place(barkeep::vendor::limit::PlaceRequest::new(barkeep::market::Source::Massive, 5, TIMEOUT, moment(0)))
        .await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    // It sees what is committed later.
    commit(db, write(id, vec![bar(1, 2.5)])).await;
    assert_eq!(reader.series().await.unwrap()[0].bar_count, 2);
    reader.close().await;

    let nothing = match &db.place {
        Place::Dir(dir) => open(&format!("sqlite:{}", dir.path().join("none.db").display()), true).await,
        Place::Server(cluster, _) => open(&cluster.url("postgres"), true).await,
        Place::Memory(_) => unreachable!("{NO_URL}"),
    };
    let error = nothing.err().expect("there is nothing to read");
    assert!(matches!(error, StoreError::NotFound(_)), "{error}");
}

/// Made by a barkeep that had a later step and not yet this one.
pub async fn a_step_that_was_left_out_is_taken_later(db: &Db) {
    db.store.close().await;
    let mut raw = db.raw().await;
    raw.run("ALTER TABLE rate_limit_state DROP COLUMN vendor").await.unwrap();
    raw.run("DELETE FROM _sqlx_migrations WHERE version = 11").await.unwrap();
    drop(raw);
    match open(db.url(), true).await {
        Err(StoreError::Unusable(why)) => assert!(why.contains("steps"), "{why}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("opened"),
    }
    let store = open(db.url(), false).await.unwrap();
    store
        .take_place(barkeep::vendor::limit::PlaceRequest::new(barkeep::market::Source::Coinbase, 5, TIMEOUT, moment(0)))
        .await
        .unwrap();
    store.close().await;
    open(db.url(), true).await.unwrap().close().await;
}

pub async fn a_newer_schema_is_refused(db: &Db) {
    let (yes, bytes) = if db.dialect() == Some(Dialect::Sqlite) { ("1", "x'00'") } else { ("TRUE", "'\\x00'") };
    let newer = format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99, 'later', {yes}, {bytes}, 1)"
    );
    db.raw().await.run(&newer).await.unwrap();
    for readonly in [false, true] {
        match open(db.url(), readonly).await {
            Err(StoreError::Unusable(why)) => assert!(why.contains("newer barkeep") && why.contains("99"), "{why}"),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("opened"),
        }
    }
}
