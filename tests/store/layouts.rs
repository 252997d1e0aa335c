//! PostgreSQL only: bars and features as partitions or hypertables, and back.

use barkeep::base::clock::{Clock as _, SystemClock};
use barkeep::layout::{Layout, Partitions, Target, convert, dry_run, layout};
use barkeep::market::Timeframe;
use barkeep::store::upkeep::Upkeep;
use barkeep::store::{CoverageState, Starting, StoreError, open};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use crate::database::{Db, Place};
use crate::sample::{bar, commit, covered, one_series, symbol_row, write};
use crate::support::postgres::{Cluster, shared};

const HASH: Target = Target::Partitions(Partitions::Hash(3));
const YEARS: Target = Target::Partitions(Partitions::Years);
const TIMESCALE: Target = Target::Timescale { chunk_days: 30, compress_after_days: Some(7) };

/// Two symbols with bars, features and coverage, in plain tables; its store is closed.
pub async fn filled(cluster: &'static Cluster) -> Db {
    let name = cluster.create_empty_database().await;
    let url = cluster.url(&name);
    let db = Db::at(open(&url, false).await.unwrap(), url, Place::Server(cluster, name));
    let id = one_series(&db).await;
    let mut one = write(id, (0..400).map(|n| bar(n, 1.0 + (n % 80) as f64 / 8.0)).collect());
    one.coverage = vec![covered(0, 400, CoverageState::Present, 1, None)];
    commit(&db, one).await;
    db.store.put_symbols(&[symbol_row("MSFT", &[Timeframe::M1])]).await.unwrap();
    let other = db.store.series().await.unwrap().into_iter().find(|row| row.id != id).unwrap().id;
    let mut two = write(other, (0..50).map(|n| bar(n, 7.5)).collect());
    two.coverage = vec![covered(0, 50, CoverageState::Present, 1, None)];
    commit(&db, two).await;
    let features = "INSERT INTO feature_values (series_id, ts, rsi_14, labels, computed_at)
                    SELECT series_id, ts, 55.5, 3, fetched_at FROM bars";
    assert_eq!(db.raw().await.run(features).await.unwrap(), 450);
    db.store.close().await;
    db
}

pub async fn upkeep(db: &Db) -> Upkeep {
    Upkeep::open(db.url(), true, Starting::default()).await.unwrap()
}

pub async fn to(db: &Db, target: Target) -> Result<Layout, StoreError> {
    let mut upkeep = upkeep(db).await;
    let done = convert(&mut upkeep, target, SystemClock.now(), |_| {}).await;
    upkeep.close().await;
    done.map(|done| {
        assert!(done.rows.contains(&("bars", 450)), "{done:?}");
        done.after
    })
}

pub async fn layout_of(db: &Db) -> Layout {
    let mut upkeep = upkeep(db).await;
    let layout = layout(&mut upkeep).await.unwrap();
    upkeep.close().await;
    // As a service says that is started now.
    let store = open(db.url(), true).await.unwrap();
    let told = store.storage().await.unwrap().unwrap();
    store.close().await;
    assert_eq!(std::mem::discriminant(&told.layout), std::mem::discriminant(&layout), "{told:?}");
    assert!(told.bytes > 1_000_000, "{told:?}");
    layout
}

/// Everything a person can see of both tables, through the views and beside them.
pub async fn seen(db: &Db) -> Vec<String> {
    let mut raw = db.raw().await;
    let mut all = Vec::new();
    for sql in [
        "SELECT t::text FROM bars AS t ORDER BY series_id, ts",
        "SELECT t::text FROM features AS t ORDER BY series_id, ts",
        "SELECT t::text FROM market_data AS t ORDER BY symbol, time",
        "SELECT t::text FROM market_data_adjusted AS t ORDER BY symbol, time",
        "SELECT t::text FROM coverage AS t ORDER BY series_id, start_ts",
        "SELECT t::text FROM series AS t ORDER BY id",
    ] {
        all.extend(raw.texts(sql).await);
    }
    assert!(all.len() > 1_800, "{}", all.len());
    all
}

/// The store works on it as on any other, and nothing is unsound.
pub async fn works(db: &Db) {
    let store = open(db.url(), false).await.unwrap();
    let id = store.series().await.unwrap()[0].id;
    let revised = crate::sample::page(write(id, vec![bar(3, 10.875)]));
    assert_eq!(store.commit_page(revised).await.unwrap()[0].revised, 1);
    let back = crate::sample::page(write(id, vec![bar(3, 1.0 + 3.0 / 8.0)]));
    assert_eq!(store.commit_page(back).await.unwrap()[0].revised, 1);
    store.close().await;
    let mut upkeep = upkeep(db).await;
    let found = upkeep.findings(|_| {}).await.unwrap();
    upkeep.close().await;
    assert_eq!(found, []);
}

pub async fn there_and_back(db: Db, target: Target) {
    let before = seen(&db).await;
    assert_ne!(to(&db, target).await.unwrap(), Layout::Plain);
    assert_eq!(seen(&db).await, before);
    works(&db).await;
    let again = to(&db, target).await.unwrap_err();
    assert!(matches!(&again, StoreError::Refused(why) if why.contains("already")), "{again}");
    let written = seen(&db).await;
    assert_eq!(to(&db, Target::Plain).await.unwrap(), Layout::Plain);
    assert_eq!(seen(&db).await, written);
    works(&db).await;
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn partitions_by_series_hold_the_same_rows_and_go_back() {
    there_and_back(filled(shared()).await, HASH).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn partitions_by_year_hold_the_same_rows_and_go_back() {
    there_and_back(filled(shared()).await, YEARS).await;
}

pub fn named(variable: &str) -> &'static Cluster {
    Box::leak(Box::new(Cluster::named(variable)))
}

async fn with_timescale() -> Db {
    let db = filled(named("BARKEEP_TEST_TIMESCALE_URL")).await;
    let refused = to(&db, TIMESCALE).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Refused(why) if why.contains("CREATE EXTENSION")), "{refused}");
    db.raw().await.run("CREATE EXTENSION timescaledb").await.unwrap();
    db
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_timescale, ignore = "needs TimescaleDB: set BARKEEP_TEST_TIMESCALE_URL")]
async fn hypertables_hold_the_same_rows_and_go_back() {
    let db = with_timescale().await;
    there_and_back(db, TIMESCALE).await;
}

/// What the policy does to old chunks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_timescale, ignore = "needs TimescaleDB: set BARKEEP_TEST_TIMESCALE_URL")]
async fn compressed_chunks_take_revisions_and_go_back() {
    let db = with_timescale().await;
    to(&db, TIMESCALE).await.unwrap();
    let mut raw = db.raw().await;
    for table in ["bars", "feature_values"] {
        // The policy may just have done it.
        let _ = raw.run(&format!("SELECT compress_chunk(c) FROM show_chunks('{table}') AS c")).await;
    }
    let begun = std::time::Instant::now();
    while !matches!(layout_of(&db).await, Layout::Hypertables { compressed: 1.., .. }) {
        assert!(begun.elapsed() < std::time::Duration::from_mins(1), "{:?}", layout_of(&db).await);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    works(&db).await;
    let before = seen(&db).await;
    assert_eq!(to(&db, Target::Plain).await.unwrap(), Layout::Plain);
    assert_eq!(seen(&db).await, before);
    db.finish().await;
}

/// Rights, settings, indexes and views of other people are there afterwards, in both directions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn what_others_made_of_the_tables_is_kept() {
    let db = filled(shared()).await;
    let role = format!("reader_{}", uuid::Uuid::new_v4().simple());
    let mut raw = db.raw().await;
    raw.run(&format!(
        "CREATE ROLE {role}; GRANT SELECT ON bars, features, market_data TO {role};
         CREATE SCHEMA ours; CREATE VIEW ours.closes AS SELECT series_id, ts, close FROM bars WHERE volume > 0;
         CREATE INDEX bars_by_time ON bars (ts); ALTER TABLE bars SET (autovacuum_vacuum_scale_factor = 0.01)"
    ))
    .await
    .unwrap();
    let rights = format!(
        "SELECT COUNT(*) FROM unnest(ARRAY['bars', 'features', 'market_data']) AS t WHERE has_table_privilege('{role}', t, 'SELECT')"
    );
    for target in [HASH, Target::Plain, YEARS, Target::Plain] {
        to(&db, target).await.unwrap();
        assert_eq!(raw.int(&rights).await, 3, "{target:?}");
        assert_eq!(raw.int("SELECT COUNT(*) FROM ours.closes").await, 450, "{target:?}");
        assert_eq!(raw.int("SELECT COUNT(*) FROM pg_class WHERE relname = 'bars_by_time'").await, 1, "{target:?}");
        let set = "SELECT COUNT(*) FROM pg_class WHERE 'autovacuum_vacuum_scale_factor=0.01' = ANY(reloptions)";
        assert!(raw.int(set).await >= 1, "{target:?}");
        assert_eq!(raw.int("SELECT COUNT(*) FROM pg_class WHERE relname LIKE '%\\_before%'").await, 0, "{target:?}");
    }
    raw.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
    drop(raw);
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn what_cannot_be_converted_is_refused_with_the_reason() {
    let db = filled(shared()).await;
    let refusal = async |target| match to(&db, target).await {
        Err(StoreError::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(refusal(Target::Plain).await.contains("plain tables already"));
    assert!(refusal(TIMESCALE).await.contains("CREATE EXTENSION timescaledb"));

    let mut raw = db.raw().await;
    raw.run("CREATE MATERIALIZED VIEW highest AS SELECT MAX(high) FROM bars").await.unwrap();
    raw.run("CREATE TABLE marks (series_id BIGINT, ts TIMESTAMPTZ, FOREIGN KEY (series_id, ts) REFERENCES bars)")
        .await
        .unwrap();
    let why = refusal(HASH).await;
    assert!(why.contains("the materialized view highest") && why.contains("foreign key"), "{why}");
    raw.run("DROP MATERIALIZED VIEW highest; DROP TABLE marks").await.unwrap();

    let service = open(db.url(), false).await.unwrap();
    service.heartbeat().await.unwrap();
    let why = refusal(HASH).await;
    assert!(why.contains("stop it first"), "{why}");
    service.close().await;

    raw.run("BEGIN; SELECT COUNT(*) FROM bars").await.unwrap();
    let busy = to(&db, HASH).await.unwrap_err();
    assert!(matches!(busy, StoreError::Busy(_)), "{busy}");
    raw.run("COMMIT").await.unwrap();
    assert_eq!(layout_of(&db).await, Layout::Plain);
    drop(raw);

    let dir = Db::sqlite().await;
    let why = to(&dir, HASH).await.unwrap_err();
    assert!(matches!(&why, StoreError::Refused(why) if why.contains("SQLite")), "{why}");
    dir.finish().await;
    db.finish().await;
}

/// The statements that are printed are those that run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn a_dry_run_changes_nothing_and_its_statements_work() {
    let db = filled(shared()).await;
    let before = seen(&db).await;
    let mut upkeep = upkeep(&db).await;
    let statements = dry_run(&mut upkeep, HASH, SystemClock.now()).await.unwrap();
    upkeep.close().await;
    assert_eq!(layout_of(&db).await, Layout::Plain);
    db.raw().await.run(&statements.join(";\n")).await.unwrap();
    assert_eq!(layout_of(&db).await, Layout::Hash { partitions: 3 });
    assert_eq!(seen(&db).await, before);
    db.finish().await;
}

/// Ends every session of the database but the one that asks.
pub fn cut(url: &str) {
    let url = url.to_owned();
    let cut = async move {
        let mut conn = PgConnection::connect(&url).await.unwrap();
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        conn.execute(AssertSqlSafe(others)).await.unwrap();
        let left =
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        while conn.fetch_one(AssertSqlSafe(left)).await.unwrap().get::<i64, _>(0) > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime().block_on(cut)).join().unwrap();
}

/// Whichever step it is in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn a_conversion_that_is_cut_off_leaves_everything_as_it_was() {
    let db = filled(shared()).await;
    let before = seen(&db).await;
    for word in [
        "counting and summing all",
        "copying feature_values",
        "building the primary key of bars",
        "counting and summing again",
    ] {
        let mut upkeep = upkeep(&db).await;
        let told = |line: &str| {
            if line.starts_with(word) {
                cut(db.url());
            }
        };
        let error = convert(&mut upkeep, YEARS, SystemClock.now(), told).await.unwrap_err();
        upkeep.close().await;
        assert!(matches!(error, StoreError::Unreachable(_)), "{word}: {error}");
        assert_eq!(layout_of(&db).await, Layout::Plain, "{word}");
        assert_eq!(seen(&db).await, before, "{word}");
    }
    to(&db, YEARS).await.unwrap();
    assert_eq!(seen(&db).await, before);
    db.finish().await;
}

/// What `docs/scaling.md` says of dropping a year.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn a_year_is_dropped_and_counted_anew() {
    let db = filled(shared()).await;
    to(&db, YEARS).await.unwrap();
    let mut raw = db.raw().await;
    let covered = raw.int("SELECT COUNT(*) FROM coverage").await;
    raw.run("DROP TABLE bars_2023, feature_values_2023").await.unwrap();
    let mut upkeep = upkeep(&db).await;
    assert_eq!(upkeep.findings(|_| {}).await.unwrap().len(), 2, "both series are counted wrong");
    upkeep.repair().await.unwrap();
    assert_eq!(upkeep.findings(|_| {}).await.unwrap(), []);
    upkeep.close().await;
    assert_eq!(raw.int("SELECT SUM(bar_count)::bigint FROM series").await, 0);
    assert_eq!(raw.int("SELECT COUNT(*) FROM coverage").await, covered);
    drop(raw);
    db.finish().await;
}

/// A writer that opens the database sees to it that the next years have their partitions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn the_years_to_come_have_partitions() {
    let db = filled(shared()).await;
    to(&db, YEARS).await.unwrap();
    let mut raw = db.raw().await;
    let years = "SELECT COUNT(*) FROM pg_inherits WHERE inhparent IN ('bars'::regclass, 'feature_values'::regclass)";
    let all = raw.int(years).await;
    let next = chrono::Datelike::year(&chrono::Utc::now()) + 1;
    raw.run(&format!("DROP TABLE bars_{next}, feature_values_{next}, bars_{}", next + 1)).await.unwrap();
    assert_eq!(raw.int(years).await, all - 3);
    // Reading makes nothing.
    open(db.url(), true).await.unwrap().close().await;
    assert_eq!(raw.int(years).await, all - 3);
    open(db.url(), false).await.unwrap().close().await;
    assert_eq!(raw.int(years).await, all);

    // Rows that came before their partition stay where they are, and opening does not fail over them.
    raw.run(&format!(
        "DROP TABLE bars_{next}; INSERT INTO bars (series_id, ts, open, high, low, close, volume, fetched_at)
         VALUES (1, '{next}-03-01', 1, 1, 1, 1, 1, now())"
    ))
    .await
    .unwrap();
    open(db.url(), false).await.unwrap().close().await;
    assert_eq!(raw.int("SELECT COUNT(*) FROM bars_later").await, 1);
    drop(raw);
    db.finish().await;
}
