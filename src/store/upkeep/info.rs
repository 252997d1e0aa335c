//! How large a database is, and what takes the space.

use serde::Serialize;

use super::Upkeep;
use crate::Result;
use crate::conn::{Dialect, Sql, values};
use crate::field::{Fields, collect, column};
use crate::sqlite;
use barkeep_market::Ts;

/// The size of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatabaseInfo {
    pub dialect: &'static str,
    pub schema: i64,
    pub total_bytes: u64,
    /// SQLite's write-ahead log, not folded into the file yet.
    pub log_bytes: u64,
    /// Inside the file and used by nothing; `vacuum` gives it back. PostgreSQL does not tell.
    pub unused_bytes: Option<u64>,
    /// Largest first.
    pub tables: Vec<TableInfo>,
    /// Bars that were stored in the last 24 hours and in the last 30 days.
    pub bars_last_day: i64,
    pub bars_last_30_days: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableInfo {
    pub name: String,
    pub rows: i64,
    /// Indexes included; `None` where the database cannot tell.
    pub bytes: Option<u64>,
}

/// Tables of barkeep, in no order.
const TABLES: [&str; 28] = [
    "symbols",
    "series",
    "bars",
    "bar_revisions",
    "bar_quarantine",
    "coverage",
    "profiles",
    "feature_values",
    "feature_progress",
    "feature_states",
    "feature_freshness",
    "feature_computation_failures",
    "splits",
    "dividends",
    "dividends_checked",
    "price_factors",
    "split_weeks",
    "market_sessions",
    "holidays",
    "vendor_requests",
    "request_counts",
    "scheduler_execution_log",
    "symbol_computation_status",
    "operator_actions",
    "alerts",
    "plans",
    "series_claims",
    "workers",
];

/// What the database takes, and what of it nothing uses.
const PAGES: Sql = Sql::two(
    "SELECT p.page_count * s.page_size, f.freelist_count * s.page_size
     FROM pragma_page_count AS p, pragma_page_size AS s, pragma_freelist_count AS f",
    "SELECT pg_database_size(current_database()), CAST(NULL AS BIGINT)",
);

impl Upkeep {
    /// Bytes that the database takes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn size(&mut self) -> Result<u64> {
        let rows = self.conn().rows(PAGES, &[]).await?;
        Ok(column::<Option<i64>>(&rows)?.first().copied().flatten().unwrap_or_default().unsigned_abs())
    }

    /// Sizes, rows and growth. Counts every table, so it takes a while on a large database.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn info(&mut self, now: Ts) -> Result<DatabaseInfo> {
        const VERSION: Sql = Sql::same("SELECT MAX(version) FROM _sqlx_migrations WHERE success");
        const GROWTH: Sql = Sql::same("SELECT COUNT(*) FROM bars WHERE fetched_at >= $1");
        let dialect = self.dialect();
        let log = self.file.as_deref().map(sqlite::log_of);
        let mut conn = self.conn();
        let schema = column(&conn.rows(VERSION, &[]).await?)?.first().copied().unwrap_or_default();
        let sizes = collect(&conn.rows(PAGES, &[]).await?, |f: &mut Fields<'_>| {
            Ok((f.next::<Option<i64>>()?, f.next::<Option<i64>>()?))
        })?;
        let (total, unused) = sizes.first().copied().unwrap_or_default();
        let mut tables = Vec::new();
        for name in TABLES {
            let rows = column(&conn.counted(&format!("SELECT COUNT(*) FROM {name}")).await?)?;
            let bytes = match dialect {
                // Needs SQLite's dbstat, which is not built in.
                Dialect::Sqlite => None,
                Dialect::Postgres => {
                    let size = format!("SELECT pg_total_relation_size('{name}'::regclass)");
                    column::<i64>(&conn.counted(&size).await?)?.first().map(|bytes| bytes.unsigned_abs())
                }
            };
            tables.push(TableInfo { name: name.to_owned(), rows: rows.first().copied().unwrap_or_default(), bytes });
        }
        tables.sort_by_key(|t: &TableInfo| std::cmp::Reverse((t.bytes, t.rows)));
        let mut since = [0; 2];
        for (count, days) in since.iter_mut().zip([1, 30]) {
            let from = now - days * barkeep_market::ts::DAY;
            *count = column(&conn.rows(GROWTH, &values![from]).await?)?.first().copied().unwrap_or_default();
        }
        let [bars_last_day, bars_last_30_days] = since;
        Ok(DatabaseInfo {
            dialect: dialect.name(),
            schema,
            total_bytes: total.unwrap_or_default().unsigned_abs(),
            log_bytes: log.and_then(|log| std::fs::metadata(log).ok()).map_or(0, |meta| meta.len()),
            unused_bytes: unused.map(i64::unsigned_abs),
            tables,
            bars_last_day,
            bars_last_30_days,
        })
    }
}
