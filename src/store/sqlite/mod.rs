//! SQLite: how a file is made, opened and kept safe.
//!
//! The file is created with mode 0600 before SQLite sees it, and never opened by anything else afterwards: closing any
//! other descriptor of it drops all of SQLite's locks in this process (POSIX advisory locks).

mod file;
mod held;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Row};

use super::conn::{Conn, Dialect};
use super::database::fence::{AsWorker, Fence};
use super::database::{Database, Readers};
use super::open_writes::OpenWrites;
use super::writer::{Connect, Owned, Writer};
use super::{Result, StoreError, fault, migration};

pub(crate) use barkeep_sql::address::Address;
pub use barkeep_sql::file::stamp::Stamp;
pub use held::{HeldLock, hold};

use barkeep_sql::address::Mode;
use barkeep_sql::file::identity::{Identity, beside};
use barkeep_sql::file::reader;
use barkeep_sql::layout::KnownStorage;

/// Connections that read.
const READERS: u32 = 4;

/// Bytes of a page of a new file.
const PAGE: u32 = 16 << 10;

/// Bytes of the log between two checkpoints.
const CHECKPOINT: u32 = 16 << 20;

/// How long SQLite waits for another connection's lock before a statement is `Busy`. Whoever can wait longer makes the
/// statement again.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Versions before this one can lose committed rows when two connections write and checkpoint at once (the WAL-reset
/// bug, 3.7.0 to 3.51.2).
const OLDEST: (u32, u32, u32) = (3, 51, 3);

pub(super) async fn open(address: &Address, readonly: bool) -> Result<Database> {
    let path = address.path.as_path();
    let shown = path.display();
    let named = |error: StoreError| error.at(&format!("{shown}"));
    if readonly {
        let (mut conn, address, identity) = connect_reading(address).await?;
        migration::check(&mut Conn::Sqlite(&mut conn)).await.map_err(named)?;
        close(conn).await;
        return Ok(database(readers(address), None, path, identity));
    }
    address.writable().map_err(named)?;
    if address.mode == Mode::Create {
        file::make_directory(path)?;
    } else if !path.exists() {
        return Err(missing(path));
    }
    // Held while the file and its schema come into being; a second process waits here.
    let lock = file::lock(path).await?;
    file::create(path)?;
    file::catch_size_limit();
    let options = writing(address);
    let identity = Arc::new(Identity::of(path));
    let mut conn = connect(&options).await.map_err(named)?;
    identity.check()?;
    own(&mut conn).await.map_err(named)?;
    migration::apply(Dialect::Sqlite, &mut conn).await.map_err(named)?;
    migration::look(&mut Conn::Sqlite(&mut conn)).await.map_err(named)?;
    drop(lock);
    let source = Source { options, identity: Arc::clone(&identity) };
    let writer = Writer::start(source, Some(Owned::Sqlite(conn)))?;
    Ok(database(readers(address.clone()), Some(writer), path, identity))
}

fn database(readers: Readers, writer: Option<Writer>, path: &Path, identity: Arc<Identity>) -> Database {
    Database {
        readers,
        writer,
        file: Some(path.to_owned()),
        identity: Some(identity),
        retry: None,
        open_writes: OpenWrites::default(),
        is_shared: false,
        heartbeats: None,
        more_writers: Vec::new(),
        has_heartbeat: AtomicBool::default(),
        fence: Fence::of(AsWorker::default()),
        stale: AtomicU64::default(),
        silent: AtomicBool::new(false),
        storage: KnownStorage::default(),
    }
}

fn missing(path: &Path) -> StoreError {
    StoreError::NotFound(format!("there is no database at {}", path.display()))
}

/// A connection that only reads, with the address that made it possible.
///
/// SQLite has to make two files beside the database to read it. Where it cannot (a read-only mount, another user's
/// directory), a database whose log is empty is read as one that does not change.
pub(crate) async fn connect_reading(address: &Address) -> Result<(SqliteConnection, Address, Arc<Identity>)> {
    let path = address.path.as_path();
    let named = |error: StoreError| error.at(&path.display().to_string());
    if !path.exists() {
        return Err(missing(path));
    }
    let identity = Arc::new(Identity::of(path));
    let options = options(address).read_only(true);
    let error = match connect(&options).await {
        Ok(conn) => return Ok((conn, address.clone(), identity)),
        Err(error @ StoreError::Disk(_)) if !address.immutable => error,
        Err(error) => return Err(named(error)),
    };
    if is_filled(&beside(path, "-journal")) {
        undo(address).await.map_err(named)?;
        return connect(&options).await.map(|conn| (conn, address.clone(), identity)).map_err(named);
    }
    let log = beside(path, "-wal");
    if is_filled(&log) {
        return Err(named(StoreError::Disk(format!(
            "{} holds changes that cannot be read from here, for SQLite needs {} as well; read it as its owner, or copy \
             the database with its -wal file to a directory you can write to",
            log.display(),
            beside(path, "-shm").display()
        ))));
    }
    let address = Address { immutable: true, ..address.clone() };
    // What was said first is the reason.
    connect(&options.immutable(true)).await.map(|conn| (conn, address, identity)).map_err(|_| named(error))
}

fn is_filled(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.len() > 0)
}

/// Undoes what a process had half written when it was killed. SQLite does that for the next connection that may write.
async fn undo(address: &Address) -> Result<()> {
    let undone = match address.writable() {
        Ok(()) => connect(&options(address).read_only(false)).await.map(drop),
        Err(error) => Err(error),
    };
    undone.map_err(|_| {
        StoreError::Disk(format!(
            "{} holds an interrupted write, which must be undone before anything can be read; run the command once as \
             the owner of the file, without mode=ro in the URL",
            beside(&address.path, "-journal").display()
        ))
    })
}

/// A connection that may write to a database that exists. It makes nothing and brings nothing up to date.
pub(crate) async fn connect_existing(address: &Address) -> Result<SqliteConnection> {
    let named = |error: StoreError| error.at(&address.path.display().to_string());
    address.writable().map_err(named)?;
    if !address.path.exists() {
        return Err(missing(&address.path));
    }
    file::catch_size_limit();
    connect(&writing(address)).await.map_err(named)
}

/// Makes an empty file that must not exist, readable by this user only.
pub(crate) fn create_private(path: &Path) -> Result<()> {
    if std::fs::symlink_metadata(path).is_ok() {
        return Err(StoreError::Refused(format!("{} already exists; name a new file", path.display())));
    }
    file::create(path)
}

/// Where SQLite keeps the write-ahead log of a database.
pub(crate) fn log_of(path: &Path) -> std::path::PathBuf {
    beside(path, "-wal")
}

fn options(address: &Address) -> SqliteConnectOptions {
    let options = match &address.vfs {
        Some(vfs) => SqliteConnectOptions::new().vfs(vfs.clone()),
        None => SqliteConnectOptions::new(),
    };
    options
        .filename(&address.path)
        .create_if_missing(false)
        .immutable(address.immutable)
        .shared_cache(address.shared_cache)
        .busy_timeout(LOCK_TIMEOUT)
        .foreign_keys(true)
        // One connection, one thread (sqlx gives it its own): SQLite need not lock at every value.
        .serialized(false)
        .pragma("trusted_schema", "OFF")
        .pragma("temp_store", "MEMORY")
}

/// `synchronous=FULL`: with NORMAL a power loss takes every commit since the last checkpoint.
fn writing(address: &Address) -> SqliteConnectOptions {
    options(address)
        // Of a new file. A backfill is 12 % faster than with 4 KiB, with features 18 %: series grow side by side in one tree,
        // and a page in its middle is split and balanced with its neighbours whenever it is full.
        .page_size(PAGE)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", "67108864")
        // Most of a transaction of pages fits (up to 10 MB); with SQLite's usual 2 MB its pages are written and read
        // several times before it ends. [`CHECKPOINT`] is large for the same reason.
        .pragma("cache_size", "-8192")
}

fn readers(address: Address) -> Readers {
    Readers::Sqlite(reader::Readers::new(address, READERS, LOCK_TIMEOUT))
}

/// A connection to a file that exists, through a SQLite that is sound.
pub(super) async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection> {
    const LOOK: &str = "SELECT sqlite_version(), (SELECT COUNT(*) FROM sqlite_schema), page_size FROM pragma_page_size";
    let mut conn = SqliteConnection::connect_with(options).await.map_err(fault::classify)?;
    let row = sqlx::query(LOOK).fetch_one(&mut conn).await.map_err(fault::classify)?;
    let version: String = row.try_get(0).map_err(fault::classify)?;
    if !is_sound(&version) {
        let (a, b, c) = OLDEST;
        return Err(StoreError::Unusable(format!(
            "SQLite {version} can lose committed data; barkeep needs {a}.{b}.{c} or later, build it with the bundled one"
        )));
    }
    let page: u32 = row.try_get(2).map_err(fault::classify)?;
    let pages = format!("PRAGMA wal_autocheckpoint = {}", CHECKPOINT / page.max(1));
    sqlx::query(AssertSqlSafe(pages)).execute(&mut conn).await.map_err(fault::classify)?;
    Ok(conn)
}

/// Where the writer's connections come from.
struct Source {
    options: SqliteConnectOptions,
    identity: Arc<Identity>,
}

#[async_trait]
impl Connect for Source {
    async fn connect(&self) -> Result<Owned> {
        self.identity.ended();
        connect(&self.options).await.map(Owned::Sqlite)
    }

    fn check(&self) -> Result<()> {
        self.identity.check()
    }

    fn began(&self) {
        self.identity.began();
    }

    fn ended(&self) {
        self.identity.ended();
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
