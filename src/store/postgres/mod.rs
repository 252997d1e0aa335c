//! PostgreSQL: how it is connected to and how its schema is made.

mod nodelay;

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Connection, Executor};

use super::conn::{Conn, Dialect, answered};
use super::database::{Database, Readers};
use super::open_writes::OpenWrites;
use super::writer::{Connect, Owned, Writer};
use super::{Result, StoreError, fault, migration};

/// Connections that read; with the writer this stays far below a server's usual 100.
const READERS: u32 = 4;
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a server that is still starting is waited for, and who is told, once.
#[derive(Clone, Copy)]
pub struct Starting<'a> {
    pub patience: Duration,
    pub told: &'a (dyn Fn(&str) + Send + Sync),
}

impl Default for Starting<'_> {
    /// Long enough for a server that was started together with barkeep.
    fn default() -> Self {
        Self { patience: Duration::from_secs(30), told: &|line| tracing::warn!("{line}") }
    }
}

impl std::fmt::Debug for Starting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Starting").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// Reads a URL. A URL without a user means `$PGUSER`, else `postgres` (sqlx's own default is "anonymous").
pub(super) fn options(url: &str) -> Result<PgConnectOptions> {
    let options: PgConnectOptions = url.parse().map_err(|_| {
        StoreError::Unusable(
            "the PostgreSQL URL is not understood; use postgres://USER:PASSWORD@HOST:PORT/DATABASE and write special \
             characters of the password as %XX"
                .into(),
        )
    })?;
    Ok(if matches!(options.get_username(), "anonymous" | "unknown") { options.username("postgres") } else { options })
}

fn session(options: &PgConnectOptions, settings: &[(&str, &str)]) -> PgConnectOptions {
    options.clone().application_name("barkeep").options(settings.iter().copied())
}

pub(super) async fn open(options: PgConnectOptions, readonly: bool, starting: Starting<'_>) -> Result<Database> {
    let limits = [("statement_timeout", "30s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "15s")];
    let writing = session(&options, &limits);
    let reading = session(&writing, &[("default_transaction_read_only", "on")]);
    if readonly {
        let mut conn = connect_starting(&reading, starting).await?;
        migration::check(&mut Conn::Postgres(&mut conn)).await?;
        Owned::Postgres(Box::new(conn)).close().await;
        return Ok(Database {
            readers: Readers::Postgres(readers(reading)),
            writer: None,
            file: None,
            identity: None,
            retry: None,
            open_writes: OpenWrites::default(),
        });
    }
    migrate(&options, starting).await?;
    let writer = Writer::start(writing, None)?;
    Ok(Database {
        readers: Readers::Postgres(readers(reading)),
        writer: Some(writer),
        file: None,
        identity: None,
        retry: None,
        open_writes: OpenWrites::default(),
    })
}

fn readers(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(READERS).acquire_timeout(CONNECT_TIMEOUT).connect_lazy_with(options)
}

/// A connection, or the reason why there is none, within five seconds.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection> {
    try_connect(options).await.map_err(|(_, error)| error)
}

/// The first connection: a server that is still starting is waited for.
pub(super) async fn connect_starting(options: &PgConnectOptions, starting: Starting<'_>) -> Result<PgConnection> {
    const PAUSE: Duration = Duration::from_millis(500);
    let began = tokio::time::Instant::now();
    let mut told = false;
    loop {
        match try_connect(options).await {
            Err((true, error)) if began.elapsed() < starting.patience => {
                if !told {
                    told = true;
                    (starting.told)(&format!("{error}; waiting for it for up to {} s", starting.patience.as_secs()));
                }
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome.map_err(|(_, error)| error),
        }
    }
}

/// Whether a failure means that the server takes no connections yet stands beside it.
async fn try_connect(options: &PgConnectOptions) -> std::result::Result<PgConnection, (bool, StoreError)> {
    let place = format!("PostgreSQL at {}:{}", options.get_host(), options.get_port());
    match tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await {
        Ok(Ok(conn)) => {
            nodelay::turn_off_delay(options.get_port());
            Ok(conn)
        }
        Ok(Err(e)) => {
            let not_yet =
                e.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "57P03");
            Err((not_yet, fault::classify(e).at(&place)))
        }
        Err(_) => {
            Err((false, StoreError::Unreachable(format!("{place} does not answer; check host, port and firewall"))))
        }
    }
}

/// A connection for work that takes as long as it takes.
pub(crate) async fn connect_without_limits(
    options: &PgConnectOptions,
    write: bool,
    starting: Starting<'_>,
) -> Result<PgConnection> {
    let readonly = if write { "off" } else { "on" };
    let settings = [("statement_timeout", "0"), ("lock_timeout", "60s"), ("default_transaction_read_only", readonly)];
    connect_starting(&session(options, &settings), starting).await
}

#[async_trait]
impl Connect for PgConnectOptions {
    async fn connect(&self) -> Result<Owned> {
        connect(self).await.map(|conn| Owned::Postgres(Box::new(conn)))
    }
}

/// Makes the schema on a connection of its own, under an advisory lock that ends with the connection: a failed
/// migration leaves no lock behind.
async fn migrate(options: &PgConnectOptions, starting: Starting<'_>) -> Result<()> {
    let migrating = session(options, &[("lock_timeout", "60s"), ("statement_timeout", "0")]);
    let mut conn = connect_starting(&migrating, starting).await?;
    // A number of ours; locks of other programs in the same database do not meet it.
    let lock = conn.execute("SELECT pg_advisory_lock(7142083905)");
    let waited = tokio::time::timeout(Duration::from_secs(70), lock).await;
    let result = match waited {
        Ok(Ok(_)) => match migration::apply(Dialect::Postgres, &mut conn).await {
            // A role that may write rows but make no tables is welcome once the schema is there.
            Err(error @ StoreError::Disk(_)) => {
                migration::check(&mut Conn::Postgres(&mut conn)).await.map_err(|_| error)
            }
            result => result,
        },
        Ok(Err(error)) => Err(fault::classify(error)),
        Err(_) => Err(StoreError::Unreachable("no answer from PostgreSQL".into())),
    };
    let result = match result {
        Ok(()) => migration::look(&mut Conn::Postgres(&mut conn)).await,
        failed => failed,
    };
    drop(answered(conn.close()).await);
    result
}
