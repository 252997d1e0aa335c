//! From a database URL to a [`Store`].

use std::path::PathBuf;
use std::sync::Arc;

use super::database::Database;
use super::database::fence::AsWorker;
use super::postgres::Starting;
use super::sqlite::Address;
use super::{Result, Retry, Store, StoreError, postgres, sqlite};

/// Opens a database, makes the file and the schema when they are missing, and starts the writer.
///
/// `sqlite:PATH` (also `sqlite://PATH`, with parameters such as `?mode=ro`) or
/// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with several hosts where one of them is the database at a time
/// (`postgres://one,two/DATABASE?target_session_attrs=read-write`). A PostgreSQL URL without a user means `$PGUSER`, else `postgres`.
/// With `readonly` nothing is created or changed and every write is `Refused`.
///
/// # Errors
/// Within about five seconds `Unreachable` when there is no server (one that is still starting is waited for); `Unusable`
/// when the file is no database or was made by a newer barkeep, `Disk` when it cannot be written, and `NotFound` when
/// there is nothing to read. No message holds the password.
pub async fn open(url: &str, readonly: bool) -> Result<Arc<dyn Store>> {
    open_with(url, readonly, StoreOptions::default()).await
}

/// Opens a database like [`open`], and fails as fast; once it is open, calls wait for it when it is lost.
///
/// # Errors
/// Like [`open`].
pub async fn open_with_retry(url: &str, readonly: bool, retry: Retry) -> Result<Arc<dyn Store>> {
    open_with(url, readonly, StoreOptions { retry: Some(retry), ..StoreOptions::default() }).await
}

/// How a database is opened.
pub struct StoreOptions<'a> {
    /// With it, calls wait for a database that is lost once it was open.
    pub retry: Option<Retry>,
    /// Connections to a PostgreSQL server, at least 2: one writes, one sends heartbeats unless there are
    /// only 2, the others read.
    pub connections: u32,
    /// How many of them write pages and features, each for its own series, as far as two are left for reading.
    pub writers: u32,
    /// How long a server that is still starting is waited for, and who hears of it.
    pub starting: Starting<'a>,
    /// Who it is among the workers.
    pub worker: AsWorker,
}

/// Connections to a server, unless somebody says otherwise: far below its usual 100.
const CONNECTIONS: u32 = 5;
/// More make the server the limit.
const WRITERS: u32 = 2;

impl Default for StoreOptions<'_> {
    fn default() -> Self {
        Self {
            retry: None,
            connections: CONNECTIONS,
            writers: WRITERS,
            starting: Starting::default(),
            worker: AsWorker::default(),
        }
    }
}

/// Opens a database like [`open`].
///
/// # Errors
/// Like [`open`].
pub async fn open_with(url: &str, readonly: bool, opening: StoreOptions<'_>) -> Result<Arc<dyn Store>> {
    let database = connect(url, readonly, &opening).await?;
    Ok(Arc::new(Database { retry: opening.retry, ..database }))
}

async fn connect(url: &str, readonly: bool, opening: &StoreOptions<'_>) -> Result<Database> {
    match parse(url)? {
        Target::Sqlite(address) => sqlite::open(&address, readonly).await,
        Target::Postgres(hosts) => {
            let StoreOptions { connections, writers, starting, worker, .. } = opening;
            postgres::open(hosts, readonly, (*connections, *writers), *starting, worker.clone()).await
        }
    }
}

/// The file behind a SQLite URL; `None` for a server.
#[must_use]
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    match parse(url) {
        Ok(Target::Sqlite(address)) => Some(address.path),
        _ => None,
    }
}

pub(super) enum Target {
    Sqlite(Address),
    Postgres(postgres::Hosts),
}

pub(super) fn parse(url: &str) -> Result<Target> {
    const FORMS: &str = "use sqlite:PATH or postgres://USER@HOST/DATABASE";
    if let Some(path) = url.strip_prefix("sqlite:") {
        return Address::parse(path).map(Target::Sqlite);
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return postgres::Hosts::parse(url).map(Target::Postgres);
    }
    // The URL itself is not repeated: what looks wrong may be a password.
    Err(StoreError::Unusable(format!("the database URL is not understood; {FORMS}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        match parse(url) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{url} was accepted"),
        }
    }

    #[test]
    fn sqlite_paths_are_taken_as_they_are() {
        for (url, path) in [
            ("sqlite:a.db", "a.db"),
            ("sqlite:/x/a b.db", "/x/a b.db"),
            ("sqlite://rel/a.db", "rel/a.db"),
            ("sqlite:///abs/a.db", "/abs/a.db"),
            ("sqlite:odd?name#.db", "odd?name#.db"),
        ] {
            assert!(matches!(parse(url), Ok(Target::Sqlite(a)) if a.path.as_os_str() == path), "{url}");
        }
    }

    #[test]
    fn a_wrong_url_is_refused_and_not_repeated() {
        for url in
            ["", "sqlite:", "sqlite::memory:", "sqlite://:memory:", "mysql://u:hunter2@h/d", "postgres//u:hunter2@h"]
        {
            assert!(!refused(url).contains("hunter2"), "{url}");
        }
        assert!(!refused("postgres://u:hunter2@h:port/d").contains("hunter2"));
        assert!(refused("sqlite::memory:").contains("name a file"));
    }
}
