//! A page, committed whole or not at all.

use async_trait::async_trait;

use super::conn::{Conn, Sql, statements, values};
use super::writer::Work;
use super::{
    PageCommit, Result, SeriesId, SeriesWrite, StoreError, WriteOutcome, bars, coverage, executions, quarantine,
    requests,
};
use crate::clock::{Clock, SystemClock};
use crate::market::Ts;

statements! {
    /// Keeps other processes from the series until the end of the transaction, and tells caches that it changes.
    LOCK = Sql::same("UPDATE series SET writes = writes + 1 WHERE id = $1");
    CHECKED = Sql::same("UPDATE series SET checked_at = $2 WHERE id = $1 AND (checked_at IS NULL OR checked_at < $2)");
}

/// Locks series that are about to be written, in the order of their keys, so that two pages never wait for each other.
pub(super) async fn lock(conn: &mut Conn<'_>, series: impl IntoIterator<Item = SeriesId>) -> Result<()> {
    let mut ids: Vec<SeriesId> = series.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        if conn.run(LOCK, &values![id]).await? == 0 {
            return Err(removed(id));
        }
    }
    Ok(())
}

pub(super) fn removed(id: SeriesId) -> StoreError {
    StoreError::NotFound(format!("series {} does not exist; its symbol was removed", id.0))
}

/// [`super::Store::commit_page`].
pub(super) struct Commit(pub(super) PageCommit);

#[async_trait]
impl Work for Commit {
    type Output = Vec<WriteOutcome>;

    async fn run(&self, conn: &mut Conn<'_>) -> Result<Vec<WriteOutcome>> {
        let page = &self.0;
        lock(conn, page.writes.iter().map(|w| w.series)).await?;
        let mut outcomes = Vec::with_capacity(page.writes.len());
        for write in &page.writes {
            let at = time_of(page, write);
            let mut outcome = bars::store(conn, write, at, "changed").await?;
            outcome.quarantined = quarantine::add(conn, write, at).await?;
            coverage::put(conn, write.series, &write.coverage).await?;
            if let Some(checked) = write.checked_at {
                conn.run(CHECKED, &values![write.series, checked]).await?;
            }
            outcomes.push(outcome);
        }
        if let Some(request) = &page.request {
            requests::record(conn, request).await?;
        }
        executions::put_statuses(conn, &page.statuses).await?;
        Ok(outcomes)
    }
}

/// When the page came, by whatever it says about itself.
pub(super) fn time_of(page: &PageCommit, write: &SeriesWrite) -> Ts {
    let answered = page.request.as_ref().map(|r| r.started_at + r.latency_ms);
    write
        .bars
        .first()
        .map(|b| b.fetched_at)
        .or_else(|| write.coverage.first().map(|c| c.fetched_at))
        .or(answered)
        .or(write.checked_at)
        .unwrap_or_else(|| SystemClock.now())
}
