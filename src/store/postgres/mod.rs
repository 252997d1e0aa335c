//! PostgreSQL: how it is connected to and how its schema is made.

mod hosts;

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Connection, Executor, Row as _};

pub(crate) use self::hosts::Hosts;
use super::conn::{Conn, Dialect, Statements, answered};
use super::database::fence::{AsWorker, Fence};
use super::database::{Database, Readers};
use super::open_writes::OpenWrites;
use super::writer::{BEGIN_READING, Connect, Owned, ROLLBACK, Writer};
use super::{Result, StoreError, fault, migration};
use barkeep_sql::layout::KnownStorage;

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

/// What every session of ours is limited by. A server that does not say so about a session of ours has a pooler before it.
const LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "30s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "15s")];

fn session(options: &PgConnectOptions, settings: &[(&str, &str)]) -> PgConnectOptions {
    let options = options.clone().application_name("barkeep").extra_float_digits(None);
    if settings.is_empty() { options } else { options.options(settings.iter().copied()) }
}

/// How a server is spoken to.
///
/// A pooler in transaction mode (`PgBouncer`, pgcat, Supavisor, RDS Proxy) gives each transaction to another session of the
/// server. So nothing may belong to a session there: no settings, no named statements, no locks. Limits are set by each
/// transaction, reads are transactions too, and statements have no names.
#[derive(Clone, Debug)]
struct Server {
    hosts: Hosts,
    statements: Statements,
    /// Follows when another host becomes the database.
    readers: Arc<OnceLock<PgPool>>,
}

impl Server {
    /// Connects, and finds out whether a pooler is in between: it refuses the settings of a session, or loses them. A server
    /// that is still starting is waited for.
    async fn find(hosts: &Hosts, starting: Starting<'_>) -> Result<(Self, PgConnection)> {
        let server = |statements| Self { hosts: hosts.clone(), statements, readers: Arc::default() };
        match reach_starting(hosts, starting).await {
            Ok(mut conn) => {
                let asked = answered(conn.fetch_one("SELECT current_setting('statement_timeout')")).await?;
                let limit: String = asked.try_get(0).map_err(fault::classify)?;
                if LIMITS.contains(&("statement_timeout", &limit)) {
                    return Ok((server(Statements::Kept), conn));
                }
                drop(answered(conn.close()).await);
            }
            Err(Refusal::Settings) => {}
            Err(Refusal::NotYet(error) | Refusal::Other(error)) => return Err(error),
        }
        let pooled = server(Statements::Unnamed);
        let (conn, _) = connect(hosts, &[]).await?;
        tracing::info!("PostgreSQL is behind a connection pooler: using no session state");
        Ok((pooled, conn))
    }

    /// How a connection that only reads is made.
    fn reading(&self, options: &PgConnectOptions) -> PgConnectOptions {
        match self.statements {
            Statements::Kept => session(options, &[("default_transaction_read_only", "on")]),
            Statements::Unnamed => session(options, &[]),
        }
    }

    fn readers(&self, connections: u32) -> Readers {
        let reading = self.hosts.tried().next().map(|(_, options)| self.reading(options)).unwrap_or_default();
        let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(CONNECT_TIMEOUT);
        let pool = self.readers.get_or_init(|| pool.connect_lazy_with(reading)).clone();
        match self.statements {
            Statements::Kept => Readers::Postgres(pool),
            Statements::Unnamed => Readers::Pooled(pool),
        }
    }
}

pub(super) async fn open(
    hosts: Hosts,
    readonly: bool,
    (connections, writers): (u32, u32),
    starting: Starting<'_>,
    worker: AsWorker,
) -> Result<Database> {
    let (server, mut conn) = Server::find(&hosts, starting).await?;
    let prepared = if readonly { check(&mut conn, server.statements).await } else { migrate(&mut conn, &server).await };
    // Only one connection is open at a time here.
    drop(answered(conn.close()).await);
    prepared?;
    let start = || Writer::start(server.clone(), None);
    let writer = if readonly { None } else { Some(start()?) };
    // Signs of life wait for no page; with two connections they share one with the pages.
    let heartbeats = if readonly || connections < 3 { None } else { Some(start()?) };
    // Two connections are left for reading, unless there are fewer anyway.
    let spare = if readonly { 0 } else { connections.saturating_sub(4) };
    let more = (1..writers).take(spare as usize);
    let more_writers = more.map(|_| start()).collect::<Result<Vec<Writer>>>()?;
    let writing = u32::from(writer.is_some()) + u32::from(heartbeats.is_some()) + more_writers.len() as u32;
    let readers = server.readers(connections.saturating_sub(writing).max(1));
    Ok(Database {
        readers,
        writer,
        more_writers,
        file: None,
        identity: None,
        retry: None,
        open_writes: OpenWrites::default(),
        is_shared: true,
        heartbeats,
        has_heartbeat: AtomicBool::default(),
        fence: Fence::of(worker),
        stale: AtomicU64::default(),
        silent: AtomicBool::new(false),
        storage: KnownStorage::default(),
    })
}

/// Why there is no connection.
enum Refusal {
    /// The settings of the session are what is in the way.
    Settings,
    /// It takes no connections yet.
    NotYet(StoreError),
    Other(StoreError),
}

/// A connection to one of the hosts, within five seconds for each; whether it is another one than before.
async fn connect(hosts: &Hosts, settings: &[(&str, &str)]) -> Result<(PgConnection, bool)> {
    reach_any(hosts, settings).await.map_err(|refusal| match refusal {
        Refusal::Settings => StoreError::Refused("the server takes no settings for a session".into()),
        Refusal::NotYet(error) | Refusal::Other(error) => error,
    })
}

/// The first connection: a server that is still starting is waited for.
async fn reach_starting(hosts: &Hosts, starting: Starting<'_>) -> std::result::Result<PgConnection, Refusal> {
    const PAUSE: Duration = Duration::from_millis(500);
    let began = tokio::time::Instant::now();
    let mut told = false;
    loop {
        match reach_any(hosts, &LIMITS).await {
            Err(Refusal::NotYet(error)) if began.elapsed() < starting.patience => {
                if !told {
                    told = true;
                    (starting.told)(&format!("{error}; waiting for it for up to {} s", starting.patience.as_secs()));
                }
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome.map(|(conn, _)| conn),
        }
    }
}

/// The first of the hosts that answers and is of the kind that is meant.
async fn reach_any(hosts: &Hosts, settings: &[(&str, &str)]) -> std::result::Result<(PgConnection, bool), Refusal> {
    let mut refused = None;
    for (place, options) in hosts.tried() {
        let refusal = match reach(&session(options, settings)).await {
            Ok(mut conn) => match hosts.fits(&mut conn).await {
                Ok(true) => return Ok((conn, hosts.note(place))),
                Ok(false) => {
                    drop(answered(conn.close()).await);
                    let (host, port) = (options.get_host(), options.get_port());
                    let kind = "not the kind of server that target_session_attrs asks for";
                    Refusal::Other(StoreError::Unreachable(format!("PostgreSQL at {host}:{port} is {kind}")))
                }
                Err(error) => Refusal::Other(error),
            },
            Err(Refusal::Settings) => return Err(Refusal::Settings),
            Err(refusal) => refusal,
        };
        // One that is starting is worth waiting for.
        if !matches!(refused, Some(Refusal::NotYet(_))) {
            refused = Some(refusal);
        }
    }
    Err(refused.unwrap_or_else(|| Refusal::Other(StoreError::Unusable("the PostgreSQL URL names no host".into()))))
}

async fn reach(options: &PgConnectOptions) -> std::result::Result<PgConnection, Refusal> {
    let place = format!("PostgreSQL at {}:{}", options.get_host(), options.get_port());
    // "unsupported startup parameter: options", and newer ones: "... in options: statement_timeout".
    let of_settings = |e: &sqlx::Error| {
        e.as_database_error().is_some_and(|e| {
            let said = e.message();
            said.contains("unsupported") && (said.contains("startup parameter") || said.contains("options"))
        })
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await {
        Ok(Ok(conn)) => {
            barkeep_sql::nodelay::turn_off_delay(options.get_port());
            Ok(conn)
        }
        Ok(Err(e)) if options.get_options().is_some() && of_settings(&e) => Err(Refusal::Settings),
        Ok(Err(e)) => {
            let not_yet =
                e.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "57P03");
            let error = fault::classify(e).at(&place);
            Err(if not_yet { Refusal::NotYet(error) } else { Refusal::Other(error) })
        }
        Err(_) => Err(Refusal::Other(StoreError::Unreachable(format!(
            "{place} does not answer; check host, port and firewall"
        )))),
    }
}

/// A connection for work that takes as long as it takes.
pub(crate) async fn connect_without_limits(hosts: &Hosts, write: bool, starting: Starting<'_>) -> Result<Owned> {
    let (server, conn) = Server::find(hosts, starting).await?;
    let conn = match server.statements {
        Statements::Kept => {
            drop(answered(conn.close()).await);
            let readonly = if write { "off" } else { "on" };
            let settings =
                [("statement_timeout", "0"), ("lock_timeout", "60s"), ("default_transaction_read_only", readonly)];
            connect(hosts, &settings).await?.0
        }
        Statements::Unnamed => conn,
    };
    Ok(Owned::Postgres(Box::new(conn), server.statements))
}

#[async_trait]
impl Connect for Server {
    async fn connect(&self) -> Result<Owned> {
        let settings: &[_] = if matches!(self.statements, Statements::Kept) { &LIMITS } else { &[] };
        let (conn, is_another) = connect(&self.hosts, settings).await?;
        if is_another && let (Some(pool), Some((_, options))) = (self.readers.get(), self.hosts.tried().next()) {
            tracing::warn!("PostgreSQL at {}:{} is the database now", options.get_host(), options.get_port());
            pool.set_connect_options(self.reading(options));
        }
        Ok(Owned::Postgres(Box::new(conn), self.statements))
    }
}

/// Whether the schema is the one this binary knows.
async fn check(conn: &mut PgConnection, statements: Statements) -> Result<()> {
    let mut conn = Conn::Postgres(conn, statements);
    conn.command(BEGIN_READING).await?;
    let checked = migration::check(&mut conn).await;
    conn.command(ROLLBACK).await?;
    checked
}

/// Makes the schema in one transaction, under an advisory lock that ends with it: whatever happens leaves no lock behind,
/// and a pooler cannot give the lock to somebody else's session.
async fn migrate(conn: &mut PgConnection, server: &Server) -> Result<()> {
    match migrate_once(conn).await {
        // A role that may write rows but make no tables is welcome once the schema is there.
        Err(error @ StoreError::Disk(_)) => check(conn, server.statements).await.map_err(|_| error)?,
        migrated => migrated?,
    }
    can_write(conn).await?;
    answered(conn.execute(MORE_YEARS)).await?;
    let mut conn = Conn::Postgres(conn, server.statements);
    conn.command(BEGIN_READING).await?;
    let looked = migration::look(&mut conn).await;
    conn.command(ROLLBACK).await?;
    looked
}

/// Partitions by year for the years to come, where bars and features are partitioned so. What has none lies in the partition
/// for the rest, so a role that may make no tables, or a lock of somebody else's, is no reason to stop.
const MORE_YEARS: &str = "DO $$
DECLARE large regclass; name text; year int := extract(year FROM now() AT TIME ZONE 'UTC');
BEGIN
    FOR large, name IN SELECT c.oid, c.relname FROM pg_class AS c JOIN pg_partitioned_table AS p ON p.partrelid = c.oid
        WHERE c.oid IN ('bars'::regclass, 'feature_values'::regclass) AND p.partstrat = 'r'
    LOOP
        FOR y IN year .. year + 5 LOOP
            CONTINUE WHEN to_regclass(format('%I', name || '_' || y)) IS NOT NULL;
            EXECUTE format('CREATE TABLE %I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', name || '_' || y, large,
                y || '-01-01 00:00:00+00', y + 1 || '-01-01 00:00:00+00');
        END LOOP;
    END LOOP;
EXCEPTION WHEN OTHERS THEN RAISE WARNING 'no partition for the years to come: %', SQLERRM;
END $$";

/// Fails where no row can be written, a standby or a role that may only read: said at once, it need not be waited for.
async fn can_write(conn: &mut PgConnection) -> Result<()> {
    const ASK: &str = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
        has_table_privilege('bars', 'INSERT') AND has_table_privilege('series_claims', 'INSERT')";
    let row = answered(conn.fetch_one(ASK)).await?;
    let said = |k: usize| row.try_get::<bool, _>(k).map_err(fault::classify);
    match (said(0)?, said(1)?) {
        (true, _) => {
            Err(StoreError::Disk("the server is read-only (a standby); only reading commands work here".into()))
        }
        (_, false) => {
            Err(StoreError::Disk("this role may only read; grant it INSERT, UPDATE and DELETE on all tables".into()))
        }
        _ => Ok(()),
    }
}

async fn migrate_once(conn: &mut PgConnection) -> Result<()> {
    let mut transaction = answered(conn.begin()).await?;
    // The number is ours; locks of other programs in the same database do not meet it.
    let lock = transaction.execute(
        "SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = 0; \
         SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_advisory_xact_lock(7142083905)",
    );
    let waited = tokio::time::timeout(Duration::from_secs(70), lock).await;
    let result = match waited {
        Ok(Ok(_)) => migration::apply(Dialect::Postgres, &mut *transaction).await,
        Ok(Err(error)) => Err(fault::classify(error)),
        Err(_) => return Err(StoreError::Unreachable("no answer from PostgreSQL".into())),
    };
    // The names of its statements belong to the session, which may be somebody else's next.
    answered(transaction.clear_cached_statements()).await?;
    match result {
        Ok(()) => answered(transaction.commit()).await,
        Err(error) => {
            answered(transaction.rollback()).await?;
            Err(error)
        }
    }
}
