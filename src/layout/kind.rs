//! What the large tables are.

use std::str::FromStr;

use serde::Serialize;

use crate::{BY_SERIES, LARGE, ON_EVERY_NODE};
use barkeep_base::format::{count, plural};
use barkeep_sql::conn::{Conn, Dialect};
use barkeep_sql::field::{collect, column};
use barkeep_store::upkeep::Upkeep;
use barkeep_store::{Result, StoreError};

/// What bars and features are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// How plain PostgreSQL partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitions {
    /// So many, by series.
    Hash(u16),
    /// One a year.
    Years,
}

impl FromStr for Partitions {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match (text, text.parse()) {
            ("year", _) => Ok(Self::Years),
            (_, Ok(n)) if (2..=256).contains(&n) => Ok(Self::Hash(n)),
            _ => Err("a number of partitions from 2 to 256, or `year`".to_owned()),
        }
    }
}

/// What to make of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Plain,
    Partitions(Partitions),
    Timescale { chunk_days: u32, compress_after_days: Option<u32> },
    Citus { shards: u16 },
}

impl Target {
    /// The tables that are made again on the way from `before`.
    pub(crate) fn tables(self, before: &Layout) -> Vec<&'static str> {
        if matches!(self, Self::Citus { .. }) || matches!(before, Layout::Distributed { .. }) {
            // What others name comes first.
            return ON_EVERY_NODE.into_iter().chain(BY_SERIES).collect();
        }
        LARGE.to_vec()
    }
}

/// What bars and features are now.
///
/// # Errors
/// When the database cannot be read.
pub async fn layout(upkeep: &mut Upkeep) -> Result<Layout> {
    if upkeep.dialect() == Dialect::Sqlite {
        return Ok(Layout::Plain);
    }
    let mut conn = upkeep.conn();
    let [bars, features] = [of_table(&mut conn, LARGE[0]).await?, of_table(&mut conn, LARGE[1]).await?];
    let kind = std::mem::discriminant::<Layout>;
    Ok(if kind(&bars) == kind(&features) {
        bars
    } else {
        Layout::Other { what: format!("bars: {}; features: {}", bars.text(), features.text()) }
    })
}

/// Whether an extension is installed in this database.
pub(crate) async fn has_extension(conn: &mut Conn<'_>, name: &str) -> Result<bool> {
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
