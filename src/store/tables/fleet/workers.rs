//! Which processes work on the database, and which of them follows the schedule; by the server's clock.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::conn::{Conn, Sql, statements, values};
use crate::field::{collect, column};
use crate::writer::Work;
use crate::{Election, Leader, Result, Worker, WorkerRole};
use barkeep_base::process;
use barkeep_market::Ts;

statements! {
    BEAT = Sql::two(
        "INSERT INTO workers (worker_id, host, version, serves, birth, started, heartbeat)
         VALUES ($1, $2, $3, $4, $5, CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER))
         ON CONFLICT (worker_id) DO UPDATE SET heartbeat = excluded.heartbeat, serves = MAX(serves, excluded.serves)
         RETURNING heartbeat",
        "INSERT INTO workers (worker_id, host, version, serves, birth, started, heartbeat)
         VALUES ($1, $2, $3, $4, $5, clock_timestamp(), clock_timestamp())
         ON CONFLICT (worker_id) DO UPDATE SET heartbeat = excluded.heartbeat,
             serves = workers.serves OR excluded.serves
         RETURNING heartbeat");
    FORGET = Sql::two(
        "DELETE FROM workers WHERE heartbeat < CAST(unixepoch('subsec') * 1000 AS INTEGER) - 86400000",
        "DELETE FROM workers WHERE heartbeat < clock_timestamp() - INTERVAL '1 day'");
    /// With a young heartbeat; whether they live is then a matter of their birth. While the server was away nobody could
    /// send a heartbeat.
    LIVING = Sql::two(
        "SELECT w.worker_id, w.birth, w.host, w.version, w.serves <> 0, w.started, w.heartbeat, l.since,
             (SELECT COUNT(*) FROM plan_items AS p WHERE p.holder = 'worker:' || w.worker_id AND p.state IN ('held', 'stop'))
         FROM workers AS w
         LEFT JOIN leader AS l ON l.worker_id = w.worker_id
         WHERE w.heartbeat >= CAST(unixepoch('subsec') * 1000 AS INTEGER) - 30000
         ORDER BY l.since IS NULL, w.started, w.worker_id",
        "SELECT w.worker_id, w.birth, w.host, w.version, w.serves, w.started, w.heartbeat, l.since,
             (SELECT COUNT(*) FROM plan_items AS p WHERE p.holder = 'worker:' || w.worker_id AND p.state IN ('held', 'stop'))
         FROM workers AS w
         LEFT JOIN leader AS l ON l.worker_id = w.worker_id
         WHERE w.heartbeat >= clock_timestamp() - INTERVAL '30 s'
             OR pg_postmaster_start_time() > clock_timestamp() - INTERVAL '30 s'
         ORDER BY l.since IS NULL, w.started, w.worker_id");
    /// A new leader waits until what the one before was just committing is stored ([`HOLD`]): it is elected later, not in
    /// between.
    ELECT = Sql::two(
        "UPDATE leader SET
             since = CASE WHEN worker_id = $1 THEN since ELSE CAST(unixepoch('subsec') * 1000 AS INTEGER) END,
             worker_id = $1, until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + 15000
         WHERE id = 1 AND (worker_id IS NULL OR worker_id = $1
             OR until < CAST(unixepoch('subsec') * 1000 AS INTEGER))",
        "UPDATE leader SET since = CASE WHEN worker_id = $1 THEN since ELSE clock_timestamp() END,
             worker_id = $1, until = clock_timestamp() + INTERVAL '15 s'
         WHERE id = 1 AND (worker_id = $1 OR (worker_id IS NULL OR until < clock_timestamp())
             AND id = (SELECT id FROM leader WHERE id = 1 FOR UPDATE SKIP LOCKED))");
    /// Nobody else becomes the leader before this transaction has ended. SQLite has one service.
    HOLD = Sql::two(
        "SELECT 1 WHERE $1 IS NOT NULL",
        "SELECT 1 FROM leader WHERE id = 1 AND worker_id = $1 FOR KEY SHARE");
    LEADER = Sql::same(
        "SELECT l.worker_id, w.host, l.since, w.birth FROM leader AS l
         LEFT JOIN workers AS w ON w.worker_id = l.worker_id WHERE l.id = 1");
    RESIGN = Sql::same("UPDATE leader SET worker_id = NULL, since = NULL, until = NULL WHERE worker_id = $1");
    LEAVE = Sql::same("DELETE FROM workers WHERE worker_id = $1");
}

/// Pause before an election is asked for again.
const AGAIN: Duration = Duration::from_millis(10);

/// [`crate::Store::heartbeat`]: the server's time.
pub(crate) struct Heartbeat(pub(crate) Uuid);

#[async_trait]
impl Work for Heartbeat {
    type Output = Option<Ts>;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Option<Ts>> {
        heartbeat(conn, self.0, false).await
    }
}

async fn heartbeat(conn: &mut Conn<'_>, own: Uuid, serves: bool) -> Result<Option<Ts>> {
    let row = values![own, process::host(), env!("CARGO_PKG_VERSION"), serves, process::birth()];
    Ok(column(&conn.rows(BEAT, &row).await?)?.pop())
}

/// [`crate::Store::elect`].
pub(crate) struct Elect(pub(crate) Uuid);

#[async_trait]
impl Work for Elect {
    type Output = Election;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Election> {
        heartbeat(conn, self.0, true).await?;
        loop {
            if conn.run(ELECT, &values![self.0]).await? > 0 {
                conn.run(FORGET, &[]).await?;
                return Ok(Election::Leads);
            }
            let rows = collect(&conn.rows(LEADER, &[]).await?, |f| {
                let id: Option<Uuid> = f.next()?;
                let (host, since): (Option<String>, Option<Ts>) = (f.next()?, f.next()?);
                let birth: Option<String> = f.next()?;
                Ok((id, host.unwrap_or_else(|| "another host".to_owned()), since, birth))
            })?;
            let Some((id, host, since, birth)) = rows.into_iter().next() else { return Ok(Election::Leads) };
            match (id, since) {
                // Its lease need not be waited for.
                (Some(id), _) if birth.as_deref().is_some_and(process::has_ended) => {
                    tracing::info!("the active service on {host} ended without releasing the lease");
                    conn.run(RESIGN, &values![id]).await?;
                    conn.run(LEAVE, &values![id]).await?;
                }
                (Some(_), Some(since)) => return Ok(Election::StandsBy(Leader { host, since })),
                // Given up meanwhile, or just about to end its last transaction.
                _ => tokio::time::sleep(AGAIN).await,
            }
        }
    }
}

/// [`crate::Store::resign`].
pub(crate) struct Resign(pub(crate) Uuid);

#[async_trait]
impl Work for Resign {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        conn.run(RESIGN, &values![self.0]).await.map(drop)
    }
}

/// This process ends in order.
pub(crate) struct Leave(pub(crate) Uuid);

#[async_trait]
impl Work for Leave {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        conn.run(RESIGN, &values![self.0]).await?;
        conn.run(LEAVE, &values![self.0]).await.map(drop)
    }
}

/// Whether this worker leads, which it then does until the end of the transaction.
pub(crate) async fn hold_lead(conn: &mut Conn<'_>, own: Uuid) -> Result<bool> {
    Ok(!conn.rows(HOLD, &values![own]).await?.is_empty())
}

/// The workers that live, the leader first.
pub(crate) async fn living(conn: &mut Conn<'_>) -> Result<Vec<Worker>> {
    let found = collect(&conn.rows(LIVING, &[]).await?, |f| {
        let (worker_id, birth): (Uuid, Option<String>) = (f.next()?, f.next()?);
        let (host, version, serves): (String, String, bool) = (f.next()?, f.next()?, f.next()?);
        let (started, heartbeat, leads): (Ts, Ts, Option<Ts>) = (f.next()?, f.next()?, f.next()?);
        let role = match (leads, serves) {
            (Some(_), _) => WorkerRole::Leader,
            (None, true) => WorkerRole::Standby,
            (None, false) => WorkerRole::Command,
        };
        let since = leads.unwrap_or(started);
        let items = f.next::<i64>()?.unsigned_abs();
        Ok((birth, Worker { worker_id, host, version, role, since, heartbeat, items }))
    })?;
    let lives = |birth: Option<String>| !birth.as_deref().is_some_and(process::has_ended);
    Ok(found.into_iter().filter_map(|(birth, worker)| lives(birth).then_some(worker)).collect())
}

/// Those of the marks whose processes are dead, to the worker that asks.
pub(crate) async fn dead<'m>(
    conn: &mut Conn<'_>,
    ours: Uuid,
    marks: impl Iterator<Item = &'m String> + Send,
) -> Result<Vec<String>> {
    let marks: Vec<&String> = marks.collect();
    let asked = marks.iter().any(|mark| process::worker_of(mark).is_some_and(|worker| worker != ours));
    let living = if asked { living(conn).await? } else { Vec::new() };
    let is_dead = |mark: &&&String| match process::worker_of(mark) {
        Some(worker) => worker != ours && living.iter().all(|one| one.worker_id != worker),
        None => process::is_dead(mark),
    };
    Ok(marks.iter().filter(is_dead).map(|mark| (*mark).clone()).collect())
}
