//! Rows of logs that are old enough to go, deleted a piece at a time so that no commit waits long behind them.

use async_trait::async_trait;

use crate::conn::{Conn, Sql, statements, values};
use crate::writer::Work;
use crate::{Log, Result};
use barkeep_market::Ts;

/// The ids of the oldest requests: before $1, at most $2.
macro_rules! old_requests {
    () => {
        "SELECT id FROM vendor_requests WHERE started_at < $1 ORDER BY started_at, id LIMIT $2"
    };
}

statements! {
    /// Two processes that prune at once would count the same rows twice. SQLite's `BEGIN IMMEDIATE` keeps others out.
    LOCK = Sql::two("SELECT 1", "SELECT pg_advisory_xact_lock(7142083907)");
    KEEP_TOTALS = Sql::same(concat!(
        "INSERT INTO pruned_requests (outcome, endpoint, committed, had_rows, unproductive, requests, rate_limited,
             retries, bytes)
         SELECT outcome, endpoint, CASE WHEN changed IS NULL THEN 0 ELSE 1 END AS committed,
             CASE WHEN row_count > 0 THEN 1 ELSE 0 END AS had_rows,
             CASE WHEN (changed IS NULL OR changed = 0) AND (purpose <> 'verify' OR outcome <> 'ok') THEN 1 ELSE 0 END
                 AS unproductive,
             COUNT(*), COUNT(CASE WHEN status = 429 THEN 1 END), COUNT(CASE WHEN attempt > 1 THEN 1 END),
             CAST(COALESCE(SUM(bytes), 0) AS BIGINT)
         FROM vendor_requests WHERE id IN (", old_requests!(), ")
         GROUP BY 1, 2, 3, 4, 5
         ON CONFLICT (outcome, endpoint, committed, had_rows, unproductive) DO UPDATE SET
             requests = pruned_requests.requests + excluded.requests,
             rate_limited = pruned_requests.rate_limited + excluded.rate_limited,
             retries = pruned_requests.retries + excluded.retries, bytes = pruned_requests.bytes + excluded.bytes"));
    REQUESTS = Sql::same(concat!("DELETE FROM vendor_requests WHERE id IN (", old_requests!(), ")"));
    STATUSES = Sql::same(
        "DELETE FROM symbol_computation_status WHERE id IN (
             SELECT s.id FROM symbol_computation_status AS s
             JOIN scheduler_execution_log AS e ON e.execution_id = s.execution_id
             WHERE e.started_at < $1 AND e.status <> 'running' LIMIT $2)");
    /// The last good one and the newest are what a start and the alerts go by.
    EXECUTIONS = Sql::same(
        "DELETE FROM scheduler_execution_log WHERE execution_id IN (
             SELECT e.execution_id FROM scheduler_execution_log AS e
             WHERE e.started_at < $1 AND e.status NOT IN ('running', 'interrupted')
                 AND NOT EXISTS (SELECT 1 FROM symbol_computation_status AS s WHERE s.execution_id = e.execution_id)
                 AND e.execution_id NOT IN (SELECT k.execution_id FROM (SELECT execution_id FROM scheduler_execution_log
                     WHERE completed_at IS NOT NULL AND (status = 'completed'
                         OR (status = 'completed_with_errors' AND successful_symbols > 0))
                     ORDER BY completed_at DESC LIMIT 1) AS k)
                 AND e.execution_id NOT IN (SELECT k.execution_id FROM (SELECT execution_id FROM scheduler_execution_log
                     ORDER BY started_at DESC LIMIT 1) AS k)
             LIMIT $2)");
    FAILURES = Sql::same(
        "DELETE FROM feature_computation_failures WHERE id IN (
             SELECT id FROM feature_computation_failures WHERE resolved AND resolved_at < $1 LIMIT $2)");
    /// The last of a kind on a target stays: it says who paused what is paused.
    ACTIONS = Sql::same(
        "DELETE FROM operator_actions WHERE id IN (
             SELECT id FROM operator_actions WHERE at < $1
                 AND id NOT IN (SELECT MAX(id) FROM operator_actions GROUP BY action, target)
             ORDER BY at LIMIT $2)");
    ALERTS = Sql::same(
        "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE resolved_at < $1 LIMIT $2)");
    PLANS = Sql::same("DELETE FROM plans WHERE id IN (SELECT id FROM plans WHERE created_at < $1 LIMIT $2)");
}

/// [`crate::Store::prune`].
pub(crate) struct Prune {
    pub(crate) log: Log,
    pub(crate) before: Ts,
    pub(crate) rows: u32,
}

#[async_trait]
impl Work for Prune {
    type Output = u64;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<u64> {
        let which = values![self.before, i64::from(self.rows)];
        match self.log {
            Log::Requests => {
                conn.rows(LOCK, &[]).await?;
                conn.run(KEEP_TOTALS, &which).await?;
                conn.run(REQUESTS, &which).await
            }
            // Statuses first: an execution with fifty thousand of them is not one piece.
            Log::Executions => match conn.run(STATUSES, &which).await? {
                0 => match conn.run(EXECUTIONS, &which).await? {
                    0 => conn.run(FAILURES, &which).await,
                    deleted => Ok(deleted),
                },
                deleted => Ok(deleted),
            },
            Log::Audit => conn.run(ACTIONS, &which).await,
            Log::Alerts => conn.run(ALERTS, &which).await,
            Log::Plans => conn.run(PLANS, &which).await,
        }
    }
}
