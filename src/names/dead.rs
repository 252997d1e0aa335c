//! Executions that ended without saying so: their process is gone, so nobody else will close them.
//!
//! Every run closes them before it begins. One whose process may still live, on this host or another, is left alone.

use std::time::Duration;

use uuid::Uuid;

use barkeep_market::Ts;
use barkeep_store::{ExecutionRow, ExecutionStatus, Store, StoreError};

/// Ends an execution that nobody works on any more, if it is still open.
///
/// # Errors
/// When the database fails.
pub async fn close_open(
    store: &dyn Store,
    id: Uuid,
    status: ExecutionStatus,
    why: &str,
    now: Ts,
) -> Result<(), StoreError> {
    let Some(row) = store.execution(id).await?.filter(|row| row.status.is_open()) else { return Ok(()) };
    let closed = ExecutionRow {
        status,
        completed_at: Some(now),
        duration_seconds: Some((now - row.started_at).max(0) as f64 / 1000.0),
        error_message: Some(why.to_owned()),
        ..row
    };
    close(store, &closed).await.map(drop)
}

/// Whether the row was closed: not when another process took it over since it was read.
async fn close(store: &dyn Store, row: &ExecutionRow) -> Result<bool, StoreError> {
    match store.put_execution(row).await {
        Ok(()) => Ok(true),
        Err(StoreError::TakenOver(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Ends an execution of this process that the database has failed, if it answers by now; the error says so when it does not.
pub async fn close_failed(store: &dyn Store, id: Uuid, error: StoreError, now: Ts) -> StoreError {
    /// It was waited for already.
    const PATIENCE: Duration = Duration::from_secs(5);
    let why = error.to_string();
    let closed = close_own(store, id, ExecutionStatus::Failed, &why, now);
    match tokio::time::timeout(PATIENCE, closed).await {
        Ok(Ok(())) => error,
        failed => {
            tracing::warn!(execution = %id, ?failed, "an execution could not be closed");
            error.and(&format!(
                "execution {id} could not be closed and counts as running until another run finds this process gone"
            ))
        }
    }
}

/// [`close_open`], unless another process has taken it over.
///
/// # Errors
/// When the database fails.
pub async fn close_own(
    store: &dyn Store,
    id: Uuid,
    status: ExecutionStatus,
    why: &str,
    now: Ts,
) -> Result<(), StoreError> {
    match store.execution(id).await? {
        Some(row) if row.owner == store.mark() => close_open(store, id, status, why, now).await,
        _ => Ok(()),
    }
}

/// Executions whose process is gone are no longer running. Returns them as they were closed. Those that are `kept` are
/// returned as they are, for the caller to take them up: whoever asks for them never finds them ended.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn close_dead_executions(
    store: &dyn Store,
    now: Ts,
    kept: impl Fn(&ExecutionRow) -> bool + Send,
) -> Result<Vec<ExecutionRow>, StoreError> {
    let mut all = Vec::new();
    let running = store.running_executions().await?;
    let marks: Vec<String> = running.iter().map(|row| row.owner.clone()).collect();
    let dead = store.dead(&marks).await?;
    for row in running {
        if dead.contains(&row.owner) {
            tracing::warn!(execution = %row.execution_id, "the process that ran this execution is gone");
            if kept(&row) {
                all.push(row);
                continue;
            }
            let closed = ExecutionRow {
                status: ExecutionStatus::Interrupted,
                completed_at: Some(now),
                duration_seconds: Some((now - row.started_at).max(0) as f64 / 1000.0),
                error_message: Some("its process ended before it did".to_owned()),
                ..row
            };
            if close(store, &closed).await? {
                all.push(closed);
            }
        }
    }
    Ok(all)
}
