//! A look at every start, cheap however large the database is.

use crate::conn::{Conn, Sql, statements};
use crate::field::column;
use crate::{Result, StoreError};
use barkeep_base::text::printable;

statements! {
    /// The series that were added last, at most 200, each with two looks at an index.
    ENDS = Sql::same(
        "SELECT COUNT(*) FROM (SELECT id, first_ts, last_ts FROM series ORDER BY id DESC LIMIT 200) AS s
         WHERE s.last_ts IS DISTINCT FROM (SELECT MAX(b.ts) FROM bars AS b WHERE b.series_id = s.id)
             OR s.first_ts IS DISTINCT FROM (SELECT MIN(b.ts) FROM bars AS b WHERE b.series_id = s.id)");
}

/// Refuses a file whose small tables are damaged, and logs when counts do not fit the bars.
pub(crate) async fn look(conn: &mut Conn<'_>) -> Result<()> {
    if matches!(conn, Conn::Sqlite(_)) {
        for table in ["symbols", "series", "engine_state"] {
            let said: Vec<String> = column(&conn.counted(&format!("PRAGMA quick_check('{table}')")).await?)?;
            if let Some(damage) = said.iter().find(|line| *line != "ok") {
                return Err(StoreError::Unusable(format!(
                    "the table {table} is damaged ({}); restore a backup, or see what is left with `barkeep db check`",
                    printable(damage)
                )));
            }
        }
    }
    let wrong: Vec<i64> = column(&conn.rows(ENDS, &[]).await?)?;
    if let Some(series) = wrong.first().filter(|n| **n > 0) {
        tracing::warn!(series, "the first or last bar of series is not what it is said to be; see `barkeep db check`");
    }
    Ok(())
}
