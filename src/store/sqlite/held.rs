//! The write lock of a SQLite file, held by a connection that does nothing with it: what another program in the middle of
//! its own transaction looks like to barkeep. For drills on scratch files.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;

use super::{Address, Result, connect, fault, writing};
use crate::writer::Owned;

/// A drill waits longer for the lock than barkeep's own statements do.
const DRILL_TIMEOUT: Duration = Duration::from_secs(30);

/// A held lock. Dropping it gives the lock back too, some time later.
#[derive(Debug)]
pub struct HeldLock(SqliteConnection);

/// Takes the write lock of a file that exists.
///
/// # Errors
/// When there is no such file, or another connection holds its lock for more than thirty seconds.
pub async fn hold(path: &Path) -> Result<HeldLock> {
    let address = Address::file(path);
    let mut conn = connect(&writing(&address).busy_timeout(DRILL_TIMEOUT)).await?;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut conn).await.map_err(fault::classify)?;
    Ok(HeldLock(conn))
}

impl HeldLock {
    /// Gives the lock back.
    pub async fn release(self) {
        // Nothing was written: closing the connection is enough.
        Owned::Sqlite(self.0).close().await;
    }
}
