//! Requests as they were made, and the window of request starts that all processes share.

use async_trait::async_trait;

use super::conn::{Conn, Sql, statements, values};
use super::field::{Fields, collect, column};
use super::writer::Work;
use super::{Grant, RequestRow, RequestTotals, Result};
use crate::market::Ts;
use crate::market::ts::MINUTE;

statements! {
    RECORD = Sql::same(
        "INSERT INTO vendor_requests (execution_id, endpoint, ticker, timeframe, asked_from, asked_to, attempt,
             started_at, latency_ms, status, outcome, error, row_count, query_count, bytes, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)");
    TOTALS = Sql::same(
        "SELECT COUNT(*), COUNT(CASE WHEN status = 429 THEN 1 END), COUNT(CASE WHEN outcome <> 'ok' THEN 1 END),
             COUNT(CASE WHEN attempt > 1 THEN 1 END), CAST(COALESCE(SUM(bytes), 0) AS BIGINT)
         FROM vendor_requests");
    /// SQLite's `BEGIN IMMEDIATE` already keeps every other writer out.
    LOCK_TOKENS = Sql::two("SELECT 1", "SELECT pg_advisory_xact_lock(7142083906)");
    CLAMP = Sql::same("UPDATE rate_limit_state SET started_at = $1 WHERE started_at > $1");
    PRUNE = Sql::same("DELETE FROM rate_limit_state WHERE started_at <= $1");
    STARTS = Sql::same("SELECT started_at FROM rate_limit_state WHERE started_at > $1 ORDER BY started_at");
    START = Sql::same("INSERT INTO rate_limit_state (started_at) VALUES ($1)");
}

/// Starts are kept at least this long, so that a longer window set later still sees them.
pub(super) const KEEP: i64 = 5 * MINUTE;

/// [`super::Store::record_request`].
pub(super) struct Record(pub(super) RequestRow);

#[async_trait]
impl Work for Record {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        record(conn, &self.0).await
    }
}

/// Also part of a page.
pub(super) async fn record(conn: &mut Conn<'_>, r: &RequestRow) -> Result<()> {
    let row = values![
        r.execution_id,
        r.endpoint,
        &r.ticker,
        r.timeframe,
        r.asked.map(|a| a.start),
        r.asked.map(|a| a.end),
        r.attempt.max(1),
        r.started_at,
        r.latency_ms,
        r.status,
        &r.outcome,
        &r.error,
        r.rows,
        r.query_count,
        r.bytes,
        &r.request_id,
    ];
    conn.run(RECORD, &row).await.map(drop)
}

pub(super) async fn totals(conn: &mut Conn<'_>) -> Result<RequestTotals> {
    let rows = conn.rows(TOTALS, &[]).await?;
    let Some(row) = rows.first() else { return Ok(RequestTotals::default()) };
    let mut f = Fields::of(row);
    Ok(RequestTotals {
        total_requests: f.next()?,
        rate_limited_count: f.next()?,
        failures: f.next()?,
        retries: f.next()?,
        bytes: f.next()?,
    })
}

/// [`super::Store::take_token`].
pub(super) struct TakeToken {
    pub(super) limit: u32,
    pub(super) window_ms: i64,
    pub(super) now: Ts,
}

#[async_trait]
impl Work for TakeToken {
    type Output = Grant;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Grant> {
        let Self { limit, window_ms, now } = *self;
        conn.rows(LOCK_TOKENS, &[]).await?;
        conn.run(CLAMP, &values![now]).await?;
        conn.run(PRUNE, &values![now - window_ms.max(KEEP)]).await?;
        let starts: Vec<Ts> = column(&conn.rows(STARTS, &values![now - window_ms]).await?)?;
        let grant = grant(&starts, limit, window_ms, now);
        if grant == Grant::Granted {
            conn.run(START, &values![now]).await?;
        }
        Ok(grant)
    }
}

/// Whether one more start fits beside the ascending `starts` of the window that ends now.
pub(super) fn grant(starts: &[Ts], limit: u32, window_ms: i64, now: Ts) -> Grant {
    match starts.len().checked_sub(limit as usize) {
        None => Grant::Granted,
        // One more fits once all but `limit - 1` of these have left the window.
        Some(over) => Grant::WaitUntil(starts.get(over).map_or(now, |oldest| *oldest) + window_ms),
    }
}

pub(super) async fn recent_starts(conn: &mut Conn<'_>, window_ms: i64, now: Ts) -> Result<Vec<Ts>> {
    collect(&conn.rows(STARTS, &values![now - window_ms]).await?, |f| Ok(f.next::<Ts>()?.min(now)))
}
