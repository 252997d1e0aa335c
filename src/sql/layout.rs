//! What tables are in the server: plain ones, partitions, hypertables, or distributed over nodes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::conn::{Conn, Dialect, Sql};
use crate::field::{collect, column};
use crate::{Result, StoreError};
use barkeep_base::format::{count, plural};

/// What bars and features are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Layout {
    Plain,
    /// Partitions by a hash of the series.
    Hash {
        partitions: i64,
    },
    /// Partitions by the year a bar starts in.
    Years {
        partitions: i64,
    },
    /// Of `TimescaleDB`.
    Hypertables {
        chunks: i64,
        compressed: i64,
    },
    /// By series over the nodes of Citus.
    Distributed {
        shards: i64,
        nodes: i64,
    },
    /// Something that barkeep does not make.
    Other {
        what: String,
    },
}

impl Layout {
    /// As a person reads it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Plain => "plain tables".to_owned(),
            Self::Hash { partitions } => format!("{} by series", plural(*partitions, "partition")),
            Self::Years { partitions } => format!("{} by year", plural(*partitions, "partition")),
            Self::Hypertables { chunks, compressed } => {
                format!(
                    "hypertables of TimescaleDB, {}, {} of them compressed",
                    plural(*chunks, "chunk"),
                    count(*compressed)
                )
            }
            Self::Distributed { shards, nodes } => {
                format!("distributed by Citus, {} on {}", plural(*shards, "shard"), plural(*nodes, "node"))
            }
            Self::Other { what } => what.clone(),
        }
    }
}

/// How much a database takes, and how it lies there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// All of it, indexes included; with Citus over all nodes.
    pub bytes: u64,
    /// What bars and features are.
    pub layout: Layout,
}

/// What it took when that was asked last.
#[derive(Debug, Default)]
pub struct KnownStorage(Mutex<Option<(Instant, Storage)>>);

impl KnownStorage {
    /// Unless it is older than a minute.
    #[must_use]
    pub fn newest(&self) -> Option<Storage> {
        const KEPT: Duration = Duration::from_mins(1);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(at, _)| at.elapsed() < KEPT).map(|(_, storage)| storage.clone())
    }

    pub fn keep(&self, storage: Storage) -> Storage {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), storage.clone()));
        storage
    }
}

/// The tables that grow with every bar; the others stay as they are, but with Citus.
pub const LARGE: [&str; 2] = ["bars", "feature_values"];

/// What a database of one server takes, bytes.
pub const SIZE: Sql = Sql::two(
    "SELECT p.page_count * s.page_size FROM pragma_page_count AS p, pragma_page_size AS s",
    "SELECT pg_database_size(current_database())",
);
/// What a database of Citus takes, over its nodes.
const ALL_NODES: &str = "SELECT CAST(SUM(CAST(result AS BIGINT)) AS BIGINT)
    FROM run_command_on_all_nodes('SELECT pg_database_size(current_database())') WHERE success";

/// The size of a database.
///
/// # Errors
/// When the database cannot be read.
pub async fn storage(conn: &mut Conn<'_>) -> Result<Storage> {
    let layout = read(conn).await?;
    let rows = match layout {
        Layout::Distributed { .. } => conn.counted(ALL_NODES).await?,
        _ => conn.rows(SIZE, &[]).await?,
    };
    let bytes = column::<i64>(&rows)?.first().copied().unwrap_or_default().unsigned_abs();
    Ok(Storage { bytes, layout })
}

/// What bars and features are.
///
/// # Errors
/// When the database cannot be read.
pub async fn read(conn: &mut Conn<'_>) -> Result<Layout> {
    if conn.dialect() == Dialect::Sqlite {
        return Ok(Layout::Plain);
    }
    let [bars, features] = LARGE;
    let [first, second] = [of_table(conn, bars).await?, of_table(conn, features).await?];
    let kind = std::mem::discriminant::<Layout>;
    Ok(if kind(&first) == kind(&second) {
        first
    } else {
        Layout::Other { what: format!("{bars}: {}; {features}: {}", first.text(), second.text()) }
    })
}

/// Whether an extension is installed in this database.
///
/// # Errors
/// When the database cannot be read.
pub async fn has_extension(conn: &mut Conn<'_>, name: &str) -> Result<bool> {
    let found = conn.counted(&format!("SELECT COUNT(*) FROM pg_extension WHERE extname = '{name}'")).await?;
    Ok(column::<i64>(&found)?.first().is_some_and(|n| *n > 0))
}

async fn of_table(conn: &mut Conn<'_>, table: &str) -> Result<Layout> {
    if has_extension(conn, "timescaledb").await? {
        let asked = format!(
            "SELECT COUNT(c.chunk_name), COUNT(CASE WHEN c.is_compressed THEN 1 END)
             FROM timescaledb_information.hypertables AS h LEFT JOIN timescaledb_information.chunks AS c
                 ON c.hypertable_schema = h.hypertable_schema AND c.hypertable_name = h.hypertable_name
             WHERE format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass = '{table}'::regclass
             GROUP BY h.hypertable_name"
        );
        let found = collect(&conn.counted(&asked).await?, |f| Ok((f.next::<i64>()?, f.next::<i64>()?)))?;
        if let Some((chunks, compressed)) = found.into_iter().next() {
            return Ok(Layout::Hypertables { chunks, compressed });
        }
    }
    if has_extension(conn, "citus").await? {
        let asked = format!(
            "SELECT COALESCE(column_to_column_name(d.logicalrelid, d.partkey), ''), COUNT(DISTINCT s.shardid), COUNT(DISTINCT p.groupid)
             FROM pg_dist_partition AS d JOIN pg_dist_shard AS s ON s.logicalrelid = d.logicalrelid
             JOIN pg_dist_placement AS p ON p.shardid = s.shardid
             WHERE d.logicalrelid = '{table}'::regclass GROUP BY 1"
        );
        let rows = conn.counted(&asked).await?;
        let found = collect(&rows, |f| Ok((f.next::<String>()?, f.next::<i64>()?, f.next::<i64>()?)))?;
        if let Some((key, shards, nodes)) = found.into_iter().next() {
            return Ok(if key == "series_id" {
                Layout::Distributed { shards, nodes }
            } else {
                Layout::Other { what: "tables of Citus that were made by hand".to_owned() }
            });
        }
    }
    let asked = format!(
        "SELECT c.relkind::text, COALESCE((SELECT p.partstrat::text FROM pg_partitioned_table AS p WHERE p.partrelid = c.oid), ''),
             (SELECT COUNT(*) FROM pg_inherits AS i WHERE i.inhparent = c.oid)
         FROM pg_class AS c WHERE c.oid = '{table}'::regclass"
    );
    let rows = conn.counted(&asked).await?;
    let found = collect(&rows, |f| Ok((f.next::<String>()?, f.next::<String>()?, f.next::<i64>()?)))?;
    let Some((kind, strategy, partitions)) = found.into_iter().next() else {
        return Err(StoreError::NotFound(format!("there is no table {table}")));
    };
    Ok(match (kind.as_str(), strategy.as_str()) {
        ("r", _) if partitions == 0 => Layout::Plain,
        ("p", "h") => Layout::Hash { partitions },
        ("p", "r") => Layout::Years { partitions },
        _ => Layout::Other { what: "tables created by hand".to_owned() },
    })
}
