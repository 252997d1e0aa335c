//! Which processes work on the database, and which of them follows the schedule; by the server's clock.

use async_trait::async_trait;
use uuid::Uuid;

use crate::conn::{Conn, Sql, statements, values};
use crate::field::{collect, column};
use crate::writer::Work;
use crate::{Election, Leader, Result};
use barkeep_base::process;
use barkeep_market::Ts;

statements! {
    BEAT = Sql::two(
        "INSERT INTO workers (worker_id, host, version, started, heartbeat)
         VALUES ($1, $2, $3, CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER))
         ON CONFLICT (worker_id) DO UPDATE SET heartbeat = excluded.heartbeat",
        "INSERT INTO workers (worker_id, host, version, started, heartbeat)
         VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp())
         ON CONFLICT (worker_id) DO UPDATE SET heartbeat = excluded.heartbeat");
    FORGET = Sql::two(
        "DELETE FROM workers WHERE heartbeat < CAST(unixepoch('subsec') * 1000 AS INTEGER) - 86400000",
        "DELETE FROM workers WHERE heartbeat < clock_timestamp() - INTERVAL '1 day'");
    LIVING = Sql::two(
        "SELECT worker_id FROM workers WHERE heartbeat >= CAST(unixepoch('subsec') * 1000 AS INTEGER) - 30000",
        "SELECT worker_id FROM workers WHERE heartbeat >= clock_timestamp() - INTERVAL '30 s'");
    ELECT = Sql::two(
        "UPDATE leader SET
             since = CASE WHEN worker_id = $1 THEN since ELSE CAST(unixepoch('subsec') * 1000 AS INTEGER) END,
             worker_id = $1, until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + 15000
         WHERE id = 1 AND (worker_id IS NULL OR worker_id = $1
             OR until < CAST(unixepoch('subsec') * 1000 AS INTEGER))",
        "UPDATE leader SET since = CASE WHEN worker_id = $1 THEN since ELSE clock_timestamp() END,
             worker_id = $1, until = clock_timestamp() + INTERVAL '15 s'
         WHERE id = 1 AND (worker_id IS NULL OR worker_id = $1 OR until < clock_timestamp())");
    LEADER = Sql::same(
        "SELECT w.host, l.since FROM leader AS l LEFT JOIN workers AS w ON w.worker_id = l.worker_id WHERE l.id = 1");
    RESIGN = Sql::same("UPDATE leader SET worker_id = NULL, since = NULL, until = NULL WHERE worker_id = $1");
}

/// [`crate::Store::beat`].
pub(crate) struct Beat;

#[async_trait]
impl Work for Beat {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let row = values![process::worker(), process::host(), env!("CARGO_PKG_VERSION")];
        conn.run(BEAT, &row).await.map(drop)
    }
}

/// [`crate::Store::elect`].
pub(crate) struct Elect;

#[async_trait]
impl Work for Elect {
    type Output = Election;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Election> {
        Beat.run(conn).await?;
        if conn.run(ELECT, &values![process::worker()]).await? > 0 {
            conn.run(FORGET, &[]).await?;
            return Ok(Election::Leads);
        }
        let rows = collect(&conn.rows(LEADER, &[]).await?, |f| {
            let (host, since): (Option<String>, Option<Ts>) = (f.next()?, f.next()?);
            Ok(Leader { host: host.unwrap_or_else(|| "another host".to_owned()), since: since.unwrap_or(Ts(0)) })
        })?;
        let leader = rows.into_iter().next();
        Ok(leader.map_or(Election::Leads, Election::StandsBy))
    }
}

/// [`crate::Store::resign`].
pub(crate) struct Resign;

#[async_trait]
impl Work for Resign {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        conn.run(RESIGN, &values![process::worker()]).await.map(drop)
    }
}

/// The workers whose heartbeat is young enough.
pub(crate) async fn living(conn: &mut Conn<'_>) -> Result<Vec<Uuid>> {
    column(&conn.rows(LIVING, &[]).await?)
}
