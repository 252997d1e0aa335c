//! How large a database is, and what takes the space.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{BY_SERIES, LARGE, ON_EVERY_NODE};
use barkeep_base::format::{bytes, count, table};
use barkeep_market::Ts;
use barkeep_sql::conn::{Dialect, Sql, values};
use barkeep_sql::field::{Fields, collect, column};
use barkeep_sql::layout::{Layout, Storage, storage};
use barkeep_store::Result;
use barkeep_store::upkeep::Upkeep;

/// The size of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatabaseInfo {
    pub dialect: &'static str,
    pub schema: i64,
    /// What bars and features are.
    pub layout: Layout,
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

/// Sizes, rows and growth. Counts every table, so it takes a while on a large database.
///
/// # Errors
/// When the database cannot be read.
pub async fn info(upkeep: &mut Upkeep, now: Ts) -> Result<DatabaseInfo> {
    const VERSION: Sql = Sql::same("SELECT MAX(version) FROM _sqlx_migrations WHERE success");
    const GROWTH: Sql = Sql::same("SELECT COUNT(*) FROM bars WHERE fetched_at >= $1");
    const UNUSED: Sql = Sql::two(
        "SELECT f.freelist_count * s.page_size FROM pragma_page_size AS s, pragma_freelist_count AS f",
        "SELECT CAST(NULL AS BIGINT)",
    );
    let (dialect, log_bytes) = (upkeep.dialect(), upkeep.log_bytes());
    let mut conn = upkeep.conn();
    let Storage { bytes: total_bytes, layout } = storage(&mut conn).await?;
    let schema = column(&conn.rows(VERSION, &[]).await?)?.first().copied().unwrap_or_default();
    let unused: Vec<Option<i64>> =
        collect(&conn.rows(UNUSED, &[]).await?, |f: &mut Fields<'_>| f.next::<Option<i64>>())?;
    let mut tables = Vec::new();
    for name in TABLES {
        let rows = column(&conn.counted(&format!("SELECT COUNT(*) FROM {name}")).await?)?;
        let bytes = match dialect {
            // Needs SQLite's dbstat, which is not built in.
            Dialect::Sqlite => None,
            Dialect::Postgres => {
                let asked = size_of(name, &layout);
                column::<i64>(&conn.counted(&asked).await?)?.first().map(|bytes| bytes.unsigned_abs())
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
        layout,
        total_bytes,
        log_bytes,
        unused_bytes: unused.first().copied().flatten().map(i64::unsigned_abs),
        tables,
        bars_last_day,
        bars_last_30_days,
    })
}

/// A statement that says what a table takes, with everything that belongs to it.
fn size_of(name: &str, layout: &Layout) -> String {
    match layout {
        Layout::Hypertables { .. } if LARGE.contains(&name) => {
            format!("SELECT COALESCE(hypertable_size('{name}'), 0)")
        }
        Layout::Distributed { .. } if BY_SERIES.contains(&name) || ON_EVERY_NODE.contains(&name) => {
            format!("SELECT citus_total_relation_size('{name}')")
        }
        _ => format!(
            "SELECT pg_total_relation_size('{name}'::regclass) + COALESCE((SELECT CAST(SUM(pg_total_relation_size(inhrelid))
                 AS BIGINT) FROM pg_inherits WHERE inhparent = '{name}'::regclass), 0)"
        ),
    }
}

/// The same as text, for the database of that name.
#[must_use]
pub fn described(info: &DatabaseInfo, database: &str) -> String {
    let mut out = format!("database  {database}\nschema    {}\nsize      {}", info.schema, bytes(info.total_bytes));
    // Writing to a String cannot fail.
    if info.log_bytes > 0 {
        let _ = write!(out, " and {} in the write-ahead log", bytes(info.log_bytes));
    }
    if let Some(unused) = info.unused_bytes.filter(|unused| *unused > 0) {
        let _ = write!(out, ", {} of it unused (`barkeep db vacuum` reclaims it)", bytes(unused));
    }
    if info.layout != Layout::Plain {
        let _ = write!(out, "\nlayout    {}", info.layout.text());
    }
    let (day, month) = (count(info.bars_last_day), count(info.bars_last_30_days));
    let _ = write!(out, "\ngrowth    {day} bars in the last day, {month} in the last 30 days\n\n");
    let told = info.tables.iter().any(|t| t.bytes.is_some());
    let rows: Vec<[String; 3]> =
        info.tables.iter().map(|t| [t.name.clone(), count(t.rows), t.bytes.map_or_else(String::new, bytes)]).collect();
    if told {
        out.push_str(&table(["TABLE", "ROWS", "SIZE"], &rows));
    } else {
        let rows: Vec<[String; 2]> = rows.into_iter().map(|[name, rows, _]| [name, rows]).collect();
        out.push_str(&table(["TABLE", "ROWS"], &rows));
    }
    out
}
