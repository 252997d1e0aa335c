//! Bringing a database to the schema this binary needs, once, and refusing one that is too new or damaged.
//!
//! The SQL is compiled in. Locking is ours: sqlx's lock does nothing on SQLite (three processes starting on a new file
//! failed in half of the trials) and leaks on PostgreSQL when a migration fails, which hangs every later start.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};

use super::conn::{Conn, Dialect, Sql, statements};
use super::field::{Fields, column};
use super::{Result, StoreError, fault};
use barkeep_base::text::printable;

struct Step {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// A step whose SQL lies in a file of the same name for both databases.
macro_rules! step {
    ($version:literal, $name:literal, $file:literal) => {
        Step {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../../migrations/postgres/", $file)),
        }
    };
}

const STEPS: &[Step] = &[
    step!(1, "initial", "0001_initial.sql"),
    step!(2, "api", "0002_api.sql"),
    step!(3, "limiter", "0003_limiter.sql"),
    step!(4, "engine state", "0004_engine_state.sql"),
    step!(5, "evidence", "0005_evidence.sql"),
    step!(6, "retention", "0006_retention.sql"),
    step!(7, "orders", "0007_orders.sql"),
    step!(8, "nights", "0008_nights.sql"),
    step!(9, "workers", "0009_workers.sql"),
    step!(10, "adjusted", "0010_adjusted.sql"),
    step!(11, "sources", "0011_sources.sql"),
    step!(12, "request counts", "0012_request_counts.sql"),
    step!(13, "narrow features", "0013_narrow_features.sql"),
    step!(14, "plan items", "0014_plan_items.sql"),
    step!(15, "market data by keys", "0015_market_data_by_keys.sql"),
    step!(16, "views for DuckDB", "0016_views_for_duckdb.sql"),
    step!(17, "queue at the limit", "0017_rate_limit_queue.sql"),
];

fn migrator(dialect: Dialect) -> Migrator {
    let migration = |step: &Step| {
        let sql = match dialect {
            Dialect::Sqlite => step.sqlite,
            Dialect::Postgres => step.postgres,
        };
        Migration::new(step.version, step.name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(STEPS.iter().map(migration).collect());
    migrator.set_locking(false);
    migrator
}

/// Applies what is missing. The caller holds a lock that keeps other processes out.
pub(super) async fn apply<C: Migrate>(dialect: Dialect, conn: &mut C) -> Result<()> {
    migrator(dialect).run_direct(None, conn, false).await.map_err(|error| match error {
        MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) => fault::classify(e),
        MigrateError::VersionMissing(version) => newer(version),
        MigrateError::VersionMismatch(version) => StoreError::Unusable(format!(
            "its schema step {version} is not the one of this version of barkeep; restore a backup"
        )),
        other => StoreError::Unusable(printable(&other.to_string())),
    })
}

fn newer(version: i64) -> StoreError {
    StoreError::Unusable(format!(
        "it was created by a newer barkeep (schema {version}, this one knows {}); update barkeep",
        STEPS.last().map_or(0, |s| s.version)
    ))
}

/// For a database that is only read: its schema must be exactly the one this binary knows.
pub(super) async fn check(conn: &mut Conn<'_>) -> Result<()> {
    const TABLES: Sql = Sql::two(
        "SELECT COUNT(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'",
        "SELECT COUNT(*) FROM pg_class WHERE oid = to_regclass('_sqlx_migrations')",
    );
    const VERSION: Sql = Sql::same("SELECT MAX(version) FROM _sqlx_migrations WHERE success");
    const STEPS_TAKEN: Sql = Sql::same("SELECT COUNT(*) FROM _sqlx_migrations WHERE success");
    let count = |rows: &[super::conn::Row]| rows.first().map_or(Ok(Some(0)), |r| Fields::of(r).next::<Option<i64>>());
    let empty = || StoreError::NotFound("the database is empty".into());
    if count(&conn.rows(TABLES, &[]).await?)? != Some(1) {
        return Err(empty());
    }
    let known = STEPS.last().map_or(0, |s| s.version);
    match count(&conn.rows(VERSION, &[]).await?)? {
        None => Err(empty()),
        Some(version) if version > known => Err(newer(version)),
        Some(version) if version < known => Err(StoreError::Unusable(format!(
            "its schema is {version}, older than the {known} this barkeep reads; any command that may write to it brings it \
             up to date, or read it with the barkeep that made it"
        ))),
        // A step may have come to the program after one of a higher number.
        Some(version) => match count(&conn.rows(STEPS_TAKEN, &[]).await?)? {
            Some(taken) if taken < STEPS.len() as i64 => Err(StoreError::Unusable(format!(
                "its schema is {version}, but {taken} of the {} steps up to it were taken; any command that may write to \
                 it takes the others",
                STEPS.len()
            ))),
            _ => Ok(()),
        },
    }
}

statements! {
    /// The series that were added last, at most 200, each with two looks at an index. Whoever writes bars notes them in
    /// `feature_progress`; with Citus it lies where the bars are.
    ENDS = Sql::same(
        "SELECT COUNT(*) FROM (SELECT id, first_ts, last_ts FROM series ORDER BY id DESC LIMIT 200) AS s
         JOIN feature_progress AS p ON p.series_id = s.id
         WHERE s.last_ts IS DISTINCT FROM (SELECT MAX(b.ts) FROM bars AS b WHERE b.series_id = p.series_id)
             OR s.first_ts IS DISTINCT FROM (SELECT MIN(b.ts) FROM bars AS b WHERE b.series_id = p.series_id)");
}

/// A look at every start, cheap however large the database is. Refuses a file whose small tables are damaged, and logs when counts do not fit the bars.
pub(crate) async fn look(conn: &mut Conn<'_>) -> Result<()> {
    if conn.dialect() == Dialect::Sqlite {
        for table in ["symbols", "series", "engine_state"] {
            let said: Vec<String> = column(&conn.counted(&format!("PRAGMA quick_check('{table}')")).await?)?;
            if let Some(damage) = said.iter().find(|line| *line != "ok") {
                return Err(StoreError::Unusable(format!(
                    "the table {table} is damaged ({}); restore a backup, or see what is left with `barkeep db check`",
                    printable(damage)
                )));
            }
        }
    }
    let wrong: Vec<i64> = column(&conn.rows(ENDS, &[]).await?)?;
    if let Some(series) = wrong.first().filter(|n| **n > 0) {
        tracing::warn!(series, "the recorded first or last bar of series is wrong; see `barkeep db check`");
    }
    Ok(())
}
