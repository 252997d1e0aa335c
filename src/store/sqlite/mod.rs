//! SQLite: how a file is made, opened and kept safe.
//!
//! The file is created with mode 0600 before SQLite sees it, and never opened by anything else afterwards: closing any
//! other descriptor of it drops all of SQLite's locks in this process (POSIX advisory locks).

mod file;
mod held;
mod stamp;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, Row};

use super::conn::{Conn, Dialect};
use super::database::{Database, Readers};
use super::open_writes::OpenWrites;
use super::writer::{Connect, Owned, Writer};
use super::{Result, StoreError, fault, migration};

pub use held::{HeldLock, hold};
pub use stamp::Stamp;

/// Connections that read.
const READERS: u32 = 4;

/// Versions before this one can lose committed rows when two connections write and checkpoint at once (the WAL-reset
/// bug, 3.7.0 to 3.51.2).
const OLDEST: (u32, u32, u32) = (3, 51, 3);

pub(super) async fn open(path: &Path, readonly: bool) -> Result<Database> {
    let shown = path.display();
    let named = |error: StoreError| error.at(&format!("{shown}"));
    if readonly {
        if !path.exists() {
            return Err(StoreError::NotFound(format!("there is no database at {shown}")));
        }
        let mut conn = connect(&reading(path)).await.map_err(named)?;
        migration::check(&mut Conn::Sqlite(&mut conn)).await.map_err(named)?;
        close(conn).await;
        return Ok(Database {
            readers: Readers::Sqlite(readers(path)),
            writer: None,
            file: Some(path.to_owned()),
            retry: None,
            open_writes: OpenWrites::default(),
        });
    }
    file::make_directory(path)?;
    // Held while the file and its schema come into being; a second process waits here.
    let lock = file::lock(path).await?;
    file::create(path)?;
    let options = writing(path);
    let mut conn = connect(&options).await.map_err(named)?;
    own(&mut conn).await.map_err(named)?;
    migration::apply(Dialect::Sqlite, &mut conn).await.map_err(named)?;
    drop(lock);
    let writer = Writer::start(options, Some(Owned::Sqlite(conn)))?;
    Ok(Database {
        readers: Readers::Sqlite(readers(path)),
        writer: Some(writer),
        file: Some(path.to_owned()),
        retry: None,
        open_writes: OpenWrites::default(),
    })
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        // One connection, one thread (sqlx gives it its own): SQLite need not lock at every value.
        .serialized(false)
        .pragma("trusted_schema", "OFF")
        .pragma("temp_store", "MEMORY")
}

/// `synchronous=FULL`: with NORMAL a power loss takes every commit since the last checkpoint.
fn writing(path: &Path) -> SqliteConnectOptions {
    options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", "67108864")
        // Most of a transaction of pages fits (up to 10 MB); with SQLite's usual 2 MB its pages are written and read
        // several times before it ends. 16 MiB between checkpoints, for the same reason.
        .pragma("cache_size", "-8192")
        .pragma("wal_autocheckpoint", "4096")
}

fn reading(path: &Path) -> SqliteConnectOptions {
    // Rows cross from SQLite's thread in a queue; with the usual 50 places the two threads mostly wake each other up.
    options(path).read_only(true).row_buffer_size(1_024)
}

fn readers(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        // Only asks whether its thread lives, which giving back asks as well.
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(30))
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(reading(path))
}

/// A connection to a file that exists, through a SQLite that is sound.
pub(super) async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection> {
    let mut conn = SqliteConnection::connect_with(options).await.map_err(fault::classify)?;
    let row = sqlx::query("SELECT sqlite_version(), (SELECT COUNT(*) FROM sqlite_schema)").fetch_one(&mut conn).await;
    let version: String = row.and_then(|r| r.try_get(0)).map_err(fault::classify)?;
    if !is_sound(&version) {
        let (a, b, c) = OLDEST;
        return Err(StoreError::Unusable(format!(
            "SQLite {version} can lose committed data; barkeep needs {a}.{b}.{c} or later, build it with the bundled one"
        )));
    }
    Ok(conn)
}

#[async_trait]
impl Connect for SqliteConnectOptions {
    async fn connect(&self) -> Result<Owned> {
        connect(self).await.map(Owned::Sqlite)
    }
}

fn is_sound(version: &str) -> bool {
    let mut parts = version.split('.').map_while(|p| p.parse::<u32>().ok());
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next()) >= OLDEST
}

/// Refuses to put barkeep's tables into another program's file.
async fn own(conn: &mut SqliteConnection) -> Result<()> {
    let tables = "SELECT COUNT(*), COUNT(CASE WHEN name = '_sqlx_migrations' THEN 1 END) FROM sqlite_schema";
    let row = sqlx::query(tables).fetch_one(conn).await.map_err(fault::classify)?;
    let count = |at: usize| row.try_get::<i64, _>(at).map_err(fault::classify);
    if count(0)? > 0 && count(1)? == 0 {
        return Err(StoreError::Unusable("it belongs to another program; name another file".into()));
    }
    Ok(())
}

async fn close(conn: SqliteConnection) {
    Owned::Sqlite(conn).close().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_with_the_wal_reset_bug_are_refused() {
        for (version, sound) in [
            ("3.51.3", true),
            ("3.52.0", true),
            ("4.0.0", true),
            ("3.51.2", false),
            ("3.40.1", false),
            ("3.9.9", false),
            ("", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_sound(version), sound, "{version}");
        }
    }

    #[tokio::test]
    async fn the_sqlite_in_this_binary_is_sound() {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut conn).await.unwrap();
        assert!(is_sound(&version), "{version}");
    }
}
