//! The two tables that say how features fare: which series cannot be computed, and how fresh each one is.

use async_trait::async_trait;

use crate::conn::{Conn, Sql, limit, statements, values};
use crate::field::each;
use crate::writer::Work;
use crate::{FeatureFailure, FeatureFailureRow, FeatureFreshness, Result};
use barkeep_market::{Symbol, Timeframe, Ts};

statements! {
    /// A series that fails again is one row, counted.
    AGAIN = Sql::same(
        "UPDATE feature_computation_failures SET error_message = $3, execution_id = $4, failed_at = $5,
             retry_count = retry_count + 1
         WHERE symbol = $1 AND timeframe = $2 AND NOT resolved");
    FAILED = Sql::same(
        "INSERT INTO feature_computation_failures (symbol, timeframe, error_message, execution_id, failed_at)
         VALUES ($1, $2, $3, $4, $5)");
    RESOLVE = Sql::two(
        "UPDATE feature_computation_failures SET resolved = 1, resolved_at = $3
         WHERE symbol = $1 AND timeframe = $2 AND NOT resolved",
        "UPDATE feature_computation_failures SET resolved = TRUE, resolved_at = $3
         WHERE symbol = $1 AND timeframe = $2 AND NOT resolved");
    /// $1: whether resolved ones are wanted too.
    FAILURES = Sql::same(
        "SELECT id, symbol, timeframe, error_message, execution_id, failed_at, retry_count, resolved, resolved_at
         FROM feature_computation_failures WHERE $1 OR NOT resolved ORDER BY failed_at DESC, id DESC LIMIT $2");
    PUT_FRESHNESS = Sql::same(
        "INSERT INTO feature_freshness (symbol, timeframe, last_computed_at, data_point_count, status,
             staleness_seconds, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (symbol, timeframe) DO UPDATE SET
             last_computed_at = COALESCE(excluded.last_computed_at, feature_freshness.last_computed_at),
             data_point_count = excluded.data_point_count, status = excluded.status,
             staleness_seconds = excluded.staleness_seconds, updated_at = excluded.updated_at");
    FRESHNESS = Sql::same(
        "SELECT symbol, timeframe, last_computed_at, data_point_count, status, staleness_seconds, updated_at
         FROM feature_freshness");
}

/// [`crate::Store::log_feature_failure`].
pub(crate) struct Log(pub(crate) FeatureFailure);

#[async_trait]
impl Work for Log {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        let f = &self.0;
        let row = values![&f.symbol, f.timeframe, &f.error_message, f.execution_id, f.failed_at];
        if conn.run(AGAIN, &row).await? == 0 {
            conn.run(FAILED, &row).await?;
        }
        Ok(())
    }
}

/// [`crate::Store::resolve_feature_failures`].
pub(crate) struct Resolve {
    pub(crate) symbol: Symbol,
    pub(crate) timeframe: Timeframe,
    pub(crate) at: Ts,
}

#[async_trait]
impl Work for Resolve {
    type Output = u64;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<u64> {
        conn.run(RESOLVE, &values![&self.symbol, self.timeframe, self.at]).await
    }
}

/// Newest first.
pub(crate) async fn failures(conn: &mut Conn<'_>, only_open: bool, count: usize) -> Result<Vec<FeatureFailureRow>> {
    let [all] = values![!only_open];
    each(conn, FAILURES, &[all, limit(count)], |f| {
        Ok(FeatureFailureRow {
            id: f.next()?,
            failure: FeatureFailure {
                symbol: f.next()?,
                timeframe: f.next()?,
                error_message: f.next()?,
                execution_id: f.next()?,
                failed_at: f.next()?,
            },
            retry_count: f.next()?,
            resolved: f.next()?,
            resolved_at: f.next()?,
        })
    })
    .await
}

/// [`crate::Store::update_feature_freshness`].
pub(crate) struct PutFreshness(pub(crate) Vec<FeatureFreshness>);

#[async_trait]
impl Work for PutFreshness {
    type Output = ();

    async fn run(&self, conn: &mut Conn<'_>) -> Result<()> {
        for f in &self.0 {
            let row = values![
                &f.symbol,
                f.timeframe,
                f.last_computed_at,
                f.data_point_count,
                f.status.name(),
                f.staleness_seconds,
                f.updated_at,
            ];
            conn.run(PUT_FRESHNESS, &row).await?;
        }
        Ok(())
    }
}

/// By symbol, fine to coarse.
pub(crate) async fn freshness(conn: &mut Conn<'_>) -> Result<Vec<FeatureFreshness>> {
    let mut rows = each(conn, FRESHNESS, &[], |f| {
        Ok(FeatureFreshness {
            symbol: f.next()?,
            timeframe: f.next()?,
            last_computed_at: f.next()?,
            data_point_count: f.next()?,
            status: f.next()?,
            staleness_seconds: f.next()?,
            updated_at: f.next()?,
        })
    })
    .await?;
    rows.sort_by(|a, b| (&a.symbol, a.timeframe).cmp(&(&b.symbol, b.timeframe)));
    Ok(rows)
}
