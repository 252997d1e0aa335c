//! A database looked after by hand: checked, measured, copied, compacted. On a connection of its own and without a time
//! limit, because each of these reads the whole database.

pub(crate) mod check;
pub(crate) mod repair;
pub(crate) mod retention;

use std::path::{Path, PathBuf};

use sqlx::AssertSqlSafe;
use sqlx::Executor as _;
use sqlx::Row as _;

use crate::conn::{Conn, Dialect};
use crate::field::column;
use crate::open::{Target, parse};
use crate::postgres::Starting;
use crate::tables::fleet::workers;
use crate::writer::Owned;
use crate::{Result, StoreError, Worker, fault, migration, postgres, sqlite};
use barkeep_base::text::printable;
use barkeep_sql::layout::SIZE;

pub use check::{CheckFinding, Invariant};

/// A database that exists.
pub struct Upkeep {
    conn: Owned,
    /// SQLite's.
    file: Option<PathBuf>,
}

impl std::fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upkeep").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Upkeep {
    /// Opens a database; nothing is made, and nothing can be written unless `write`.
    ///
    /// # Errors
    /// As [`crate::open`].
    pub async fn open(url: &str, write: bool, starting: Starting<'_>) -> Result<Self> {
        let (mut conn, file) = match parse(url)? {
            Target::Sqlite(address) => {
                let conn = if write {
                    sqlite::connect_existing(&address).await?
                } else {
                    sqlite::connect_reading(&address).await?.0
                };
                (Owned::Sqlite(conn), Some(address.path))
            }
            Target::Postgres(hosts) => (postgres::connect_without_limits(&hosts, write, starting).await?, None),
        };
        migration::check(&mut conn.conn()).await?;
        Ok(Self { conn, file })
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match self.conn {
            Owned::Sqlite(_) => Dialect::Sqlite,
            Owned::Postgres(..) => Dialect::Postgres,
        }
    }

    pub async fn close(self) {
        self.conn.close().await;
    }

    /// What the database itself finds wrong with its pages and indexes; `thorough` compares indexes with their tables as
    /// well. Empty when nothing is, and for PostgreSQL, whose tool for it is `pg_amcheck`.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn damages(&mut self, thorough: bool) -> Result<Vec<String>> {
        let Owned::Sqlite(conn) = &mut self.conn else { return Ok(Vec::new()) };
        let asked = if thorough { "PRAGMA integrity_check" } else { "PRAGMA quick_check" };
        let rows = match sqlx::query(asked).fetch_all(conn).await.map_err(fault::classify) {
            Ok(rows) => rows,
            // So damaged that it cannot even be looked through.
            Err(StoreError::Unusable(why)) => return Ok(vec![why]),
            Err(error) => return Err(error),
        };
        let said = rows.iter().map(|row| row.try_get::<String, _>(0)).collect::<sqlx::Result<Vec<String>>>();
        let said = said.map_err(fault::classify)?;
        // The first line only names the database it is about.
        let lines = said.iter().flat_map(|text| text.lines()).filter(|line| *line != "ok" && !line.starts_with("***"));
        Ok(lines.map(printable).collect())
    }

    /// Writes a copy of the database as it is at this moment into a new file, while others go on writing. SQLite only.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub async fn copy(&mut self, to: &Path) -> Result<u64> {
        let Owned::Sqlite(conn) = &mut self.conn else {
            return Err(StoreError::Refused("PostgreSQL is copied by pg_dump".into()));
        };
        let shown = printable(&to.display().to_string());
        let text = to.to_str().ok_or_else(|| StoreError::Refused(format!("{shown} is not UTF-8; use another name")))?;
        sqlite::create_private(to)?;
        // An empty file is taken for a new database.
        let copied = sqlx::query("VACUUM INTO $1").bind(text).execute(conn).await;
        match copied {
            Ok(_) => {
                std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(|e| {
                    StoreError::Disk(format!("{shown} may not be on the disk yet: {e}; make the copy again"))
                })?;
                std::fs::metadata(to).map(|meta| meta.len()).map_err(|e| StoreError::Disk(format!("{shown}: {e}")))
            }
            Err(error) => {
                // What was begun is of no use.
                let _ = std::fs::remove_file(to);
                Err(fault::classify(error).at(&shown))
            }
        }
    }

    /// Gives space that nothing uses back to the file system.
    ///
    /// # Errors
    /// When the database cannot be written, or there is no space for the work (SQLite: twice its size).
    pub async fn vacuum(&mut self) -> Result<()> {
        match &mut self.conn {
            Owned::Sqlite(conn) => {
                conn.execute(AssertSqlSafe("VACUUM")).await.map_err(fault::classify)?;
                // The new pages lie in the log until they are folded in, and the file shrinks then.
                conn.execute(AssertSqlSafe("PRAGMA wal_checkpoint(TRUNCATE)")).await.map_err(fault::classify).map(drop)
            }
            Owned::Postgres(conn, _) => {
                conn.execute(AssertSqlSafe("VACUUM (ANALYZE)")).await.map_err(fault::classify).map(drop)
            }
        }
    }

    /// Bytes that the database takes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn size(&mut self) -> Result<u64> {
        let rows = self.conn().rows(SIZE, &[]).await?;
        Ok(column::<i64>(&rows)?.first().copied().unwrap_or_default().unsigned_abs())
    }

    /// The living processes that work on the database.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn workers(&mut self) -> Result<Vec<Worker>> {
        workers::living(&mut self.conn()).await
    }

    /// SQLite's write-ahead log that is not folded into the file yet, in bytes.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.file.as_deref().and_then(|file| std::fs::metadata(sqlite::log_of(file)).ok()).map_or(0, |meta| meta.len())
    }

    /// The connection, for what has no method here.
    pub fn conn(&mut self) -> Conn<'_> {
        self.conn.conn()
    }
}
