//! The row of a series, as whoever writes to the series needs it: locked, and marked as changed.

use super::conn::{Conn, Sql, statements, values};
use super::field::column;
use super::{Result, SeriesId, StoreError};

statements! {
    /// Keeps other processes from the series until the end of the transaction.
    LOCK = Sql::two(
        "SELECT id FROM series WHERE id IN (SELECT value FROM json_each($1))",
        "SELECT id FROM series WHERE id = ANY($1) ORDER BY id FOR UPDATE");
    /// Tells caches that the series change.
    MARK = Sql::two(
        "UPDATE series SET writes = writes + 1 WHERE id IN (SELECT value FROM json_each($1))",
        "UPDATE series SET writes = writes + 1 WHERE id = ANY($1)");
}

/// Locks series that are about to be written, in the order of their keys, so that two pages never wait for each other.
pub(super) async fn lock(conn: &mut Conn<'_>, series: impl IntoIterator<Item = SeriesId>) -> Result<()> {
    let mut ids: Vec<SeriesId> = series.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }
    let asked: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let asked = values![asked];
    let found: Vec<SeriesId> = column(&conn.rows(LOCK, &asked).await?)?;
    if let Some(id) = ids.into_iter().find(|id| !found.contains(id)) {
        return Err(removed(id));
    }
    conn.run(MARK, &asked).await.map(drop)
}

pub(super) fn removed(id: SeriesId) -> StoreError {
    StoreError::NotFound(format!("series {} does not exist; its symbol was removed", id.0))
}
