//! Rows of logs that are old enough to go, deleted a piece at a time so that no commit waits long behind them.

use async_trait::async_trait;

use crate::conn::{Conn, Sql, statements, values};
use crate::writer::Work;
use crate::{Log, Result};
use barkeep_market::Ts;

statements! {
    /// Their counts stay in `request_counts`.
    REQUESTS = Sql::same(
        "DELETE FROM vendor_requests WHERE id IN
             (SELECT id FROM vendor_requests WHERE started_at < $1 ORDER BY started_at, id LIMIT $2)");
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
            Log::Requests => conn.run(REQUESTS, &which).await,
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
