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

pub(super) async fn open(options: PgConnectOptions, readonly: bool) -> Result<Database> {
    let limits = [("statement_timeout", "30s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "15s")];
    let writing = session(&options, &limits);
    let reading = session(&writing, &[("default_transaction_read_only", "on")]);
    if readonly {
        let mut conn = connect(&reading).await?;
        migration::check(&mut Conn::Postgres(&mut conn)).await?;
        Owned::Postgres(Box::new(conn)).close().await;
        return Ok(Database {
            readers: Readers::Postgres(readers(reading)),
            writer: None,
            file: None,
            retry: None,
            open_writes: OpenWrites::default(),
        });
    }
    migrate(&options).await?;
    let writer = Writer::start(writing, None)?;
    Ok(Database {
        readers: Readers::Postgres(readers(reading)),
        writer: Some(writer),
        file: None,
        retry: None,
        open_writes: OpenWrites::default(),
    })
}

fn readers(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(READERS).acquire_timeout(CONNECT_TIMEOUT).connect_lazy_with(options)
}

/// A connection, or the reason why there is none, within five seconds.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection> {
    let place = format!("PostgreSQL at {}:{}", options.get_host(), options.get_port());
    match tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await {
        Ok(Ok(conn)) => {
            nodelay::turn_off_delay(options.get_port());
            Ok(conn)
        }
        Ok(Err(e)) => Err(fault::classify(e).at(&place)),
        Err(_) => Err(StoreError::Unreachable(format!("{place} does not answer; check host, port and firewall"))),
    }
}

#[async_trait]
impl Connect for PgConnectOptions {
    async fn connect(&self) -> Result<Owned> {
        connect(self).await.map(|conn| Owned::Postgres(Box::new(conn)))
    }
}

/// Makes the schema on a connection of its own, under an advisory lock that ends with the connection: a failed
/// migration leaves no lock behind.
async fn migrate(options: &PgConnectOptions) -> Result<()> {
    let migrating = session(options, &[("lock_timeout", "60s"), ("statement_timeout", "0")]);
    let mut conn = connect(&migrating).await?;
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
    drop(answered(conn.close()).await);
    result
}
