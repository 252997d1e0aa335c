//! PostgreSQL with Citus only: bars and features over nodes, and back.

use barkeep::layout::{Layout, Target};
use barkeep::store::{Dialect, StoreError, open, statements};
use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use crate::database::Db;
use crate::layouts::{cut, filled, layout_of, named, seen, there_and_back, to, works};

const CITUS: Target = Target::Citus { shards: 4 };
const DISTRIBUTED: Layout = Layout::Distributed { shards: 4, nodes: 1 };

/// With rows in plain tables.
async fn with_citus() -> Db {
    let db = filled(named("BARKEEP_TEST_CITUS_URL")).await;
    let refused = to(&db, CITUS).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Refused(why) if why.contains("CREATE EXTENSION citus")), "{refused}");
    db.raw().await.run("CREATE EXTENSION citus").await.unwrap();
    db
}

/// All rows of all tables, by table.
async fn rows(db: &Db) -> Vec<(String, Vec<String>)> {
    let mut raw = db.raw().await;
    let tables =
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
                  AND relname !~ '_1[0-9]{5}$' ORDER BY 1";
    let mut all = Vec::new();
    for table in raw.texts(tables).await {
        let mut rows = raw.texts(&format!("SELECT t::text FROM {table} AS t")).await;
        rows.sort_unstable();
        all.push((table, rows));
    }
    all
}

/// What the server says of every statement that it cannot run, with values that stand for any.
async fn refused_statements(url: &str) -> Vec<String> {
    let mut conn = PgConnection::connect(url).await.unwrap();
    let mut refused = Vec::new();
    for (name, sql) in statements(Dialect::Postgres) {
        if !["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].iter().any(|word| sql.trim_start().starts_with(word)) {
            continue;
        }
        conn.execute(AssertSqlSafe(format!("PREPARE one AS {sql}"))).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        let types = conn
            .fetch_one("SELECT array_to_string(parameter_types, ',') FROM pg_prepared_statements WHERE name = 'one'")
            .await
            .unwrap()
            .get::<String, _>(0);
        let values: Vec<String> =
            types.split(',').filter(|t| !t.is_empty()).enumerate().map(|(k, kind)| value_of(kind, k)).collect();
        let given = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
        conn.execute("BEGIN").await.unwrap();
        if let Err(error) = conn.execute(AssertSqlSafe(format!("EXECUTE one{given}"))).await {
            let code = error.as_database_error().and_then(DatabaseError::code).unwrap_or_default().into_owned();
            // A reference to a row that is not there is no fault of the statement.
            if !code.starts_with("22") && !code.starts_with("23") {
                refused.push(format!("{name}: {code} {error}"));
            }
        }
        conn.execute("ROLLBACK; DEALLOCATE one").await.unwrap();
    }
    refused
}

/// Others in each place: two series are on two nodes, sometimes.
fn value_of(kind: &str, place: usize) -> String {
    let text = match kind {
        "bigint" | "integer" | "smallint" | "numeric" => return (place + 1).to_string(),
        "double precision" => "0.5",
        "text" => "'1m'",
        "boolean" => "true",
        "uuid" => "'00000000-0000-0000-0000-000000000001'",
        "date" | "timestamp with time zone" => "'2024-01-02'",
        "bigint[]" => "'{1,2}'",
        "timestamp with time zone[]" => "'{2024-01-02,2024-01-03}'",
        "text[]" => "'{a,b}'",
        "double precision[]" => "'{0.5,1}'",
        other => panic!("no value for {other}"),
    };
    text.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_citus, ignore = "needs Citus: set BARKEEP_TEST_CITUS_URL")]
async fn nodes_hold_the_same_rows_and_they_go_back() {
    let db = with_citus().await;
    there_and_back(db, CITUS).await;
}

/// Not only bars: everything that is made again on the way, and the numbers that the next rows get.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_citus, ignore = "needs Citus: set BARKEEP_TEST_CITUS_URL")]
async fn every_table_has_the_same_rows_afterwards() {
    let db = with_citus().await;
    works(&db).await;
    let mut raw = db.raw().await;
    for sql in [
        "INSERT INTO scheduler_execution_log (execution_id, trigger_kind, mode, started_at, status, owner)
         VALUES ('00000000-0000-0000-0000-000000000001', 'manual', 'backfill', now(), 'completed', 'test')",
        "INSERT INTO symbol_computation_status (execution_id, symbol, asset_class, timeframe, status)
         VALUES ('00000000-0000-0000-0000-000000000001', 'AAPL', 'stock', '1m', 'completed')",
        "INSERT INTO feature_computation_failures (symbol, timeframe, error_message, execution_id, failed_at)
         VALUES ('AAPL', '1m', 'no', '00000000-0000-0000-0000-000000000001', now())",
        "INSERT INTO bar_quarantine (series_id, ts, reason, fingerprint, detected_at) VALUES (1, now(), 'spike', 'x', now())",
        "INSERT INTO feature_states (series_id, ts, state) VALUES (1, now(), '{}')",
    ] {
        raw.run(sql).await.unwrap();
    }
    let foreign = "SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
                   WHERE contype IN ('f', 'p', 'u') AND connamespace = 'public'::regnamespace
                   AND conrelid::regclass::text !~ '_1[0-9]{5}$' ORDER BY 1";
    let indexes =
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename !~ '_1[0-9]{5}$' ORDER BY 1";
    let (before, keys, built) = (rows(&db).await, raw.texts(foreign).await, raw.texts(indexes).await);
    assert!(before.iter().any(|(table, rows)| table == "bar_revisions" && rows.len() == 2), "{before:?}");
    assert_eq!(to(&db, CITUS).await.unwrap(), DISTRIBUTED);
    assert_eq!(rows(&db).await, before);
    let with_series = |keys: &[String]| -> Vec<String> {
        keys.iter()
            .map(|key| key.replace("bar_revisions PRIMARY KEY (id)", "bar_revisions PRIMARY KEY (series_id, id)"))
            .collect()
    };
    assert_eq!(raw.texts(foreign).await, with_series(&keys));
    assert_eq!(to(&db, Target::Plain).await.unwrap(), Layout::Plain);
    assert_eq!(rows(&db).await, before);
    assert_eq!(raw.texts(foreign).await, keys);
    assert_eq!(raw.texts(indexes).await, built);
    assert_eq!(raw.int("SELECT COUNT(*) FROM pg_dist_partition").await, 0);
    drop(raw);
    // A number that is taken is not given out again.
    works(&db).await;
    db.finish().await;
}

/// Also those that no case of the suite runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_citus, ignore = "needs Citus: set BARKEEP_TEST_CITUS_URL")]
async fn every_statement_runs_there() {
    let db = with_citus().await;
    to(&db, CITUS).await.unwrap();
    assert_eq!(refused_statements(db.url()).await, Vec::<String>::new());
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_citus, ignore = "needs Citus: set BARKEEP_TEST_CITUS_URL")]
async fn distributing_that_is_cut_off_leaves_everything_as_it_was() {
    let db = with_citus().await;
    for (target, layout) in [(CITUS, Layout::Plain), (Target::Plain, DISTRIBUTED)] {
        let before = seen(&db).await;
        for word in ["copying coverage", "building the primary key of bars", "counting and summing again"] {
            let mut upkeep = crate::layouts::upkeep(&db).await;
            let told = |line: &str| {
                if line.starts_with(word) {
                    cut(db.url());
                }
            };
            let now = barkeep::base::clock::Clock::now(&barkeep::base::clock::SystemClock);
            let error = barkeep::layout::convert(&mut upkeep, target, now, told).await.unwrap_err();
            upkeep.close().await;
            assert!(matches!(error, StoreError::Unreachable(_)), "{word}: {error}");
            assert_eq!(layout_of(&db).await, layout, "{word}");
            assert_eq!(seen(&db).await, before, "{word}");
        }
        to(&db, target).await.unwrap();
        assert_eq!(seen(&db).await, before);
    }
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_citus, ignore = "needs Citus: set BARKEEP_TEST_CITUS_URL")]
async fn nothing_is_distributed_while_somebody_works_with_it() {
    let db = with_citus().await;
    for target in [CITUS, Target::Plain] {
        let service = open(db.url(), false).await.unwrap();
        service.heartbeat().await.unwrap();
        let refused = to(&db, target).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Refused(why) if why.contains("stop it first")), "{refused}");
        service.close().await;
        let mut raw = db.raw().await;
        raw.run("BEGIN; SELECT COUNT(*) FROM series").await.unwrap();
        let busy = to(&db, target).await.unwrap_err();
        assert!(matches!(busy, StoreError::Busy(_)), "{busy}");
        raw.run("COMMIT").await.unwrap();
        to(&db, target).await.unwrap();
    }
    db.finish().await;
}

/// Where there is no Citus: what it refuses, by the texts of all statements.
#[test]
fn no_statement_asks_what_citus_refuses() {
    const BY_SERIES: [&str; 7] =
        ["bars", "feature_values", "features", "coverage", "feature_progress", "feature_states", "bar_revisions"];
    let mut faults = Vec::new();
    for (name, sql) in statements(Dialect::Postgres) {
        let words: Vec<&str> =
            sql.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
        let target = match words[..] {
            ["UPDATE", table, ..] | ["INSERT", "INTO", table, ..] | ["DELETE", "FROM", table, ..] => Some(table),
            _ => None,
        };
        // `FROM`, `JOIN` and `USING` are followed by what is read.
        let reads = words.windows(2).filter(|pair| ["FROM", "JOIN", "USING"].contains(&pair[0])).map(|pair| pair[1]);
        let reads: Vec<&str> = reads.filter(|table| BY_SERIES.contains(table)).collect();
        if target.is_some_and(|table| !BY_SERIES.contains(&table)) && !reads.is_empty() {
            faults.push(format!("{name}: changes what every node has, and reads {reads:?}"));
        }
        if sql.contains("unnest(") && sql.split("LATERAL (").skip(1).any(|rest| rest.contains(" LIMIT ")) {
            faults.push(format!("{name}: LIMIT in LATERAL"));
        }
        if target == Some("bar_revisions") && sql.contains("SET series_id") {
            faults.push(format!("{name}: moves rows to another node"));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}
