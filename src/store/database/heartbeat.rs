//! Signs of life and the lease of the leader.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Database, Readers};
use crate::tables::fleet::workers;
use crate::writer::Work;
use crate::{Election, Result, StoreError};
use barkeep_market::Ts;

impl Database {
    /// What is asked and answered beside all other work, without waiting for a lost database.
    pub(super) async fn beside<W: Work>(&self, work: W) -> Result<W::Output> {
        match self.heartbeats.as_ref().or(self.writer.as_ref()) {
            Some(writer) => writer.perform(Arc::new(work)).await,
            None => Err(StoreError::Refused("it was opened read-only".into())),
        }
    }

    /// Whether the server's clock counts: once a heartbeat was sent.
    pub(super) fn has_heartbeat(&self) -> bool {
        self.has_heartbeat.load(Ordering::Relaxed)
    }

    pub(super) async fn give_heartbeat(&self) -> Result<Option<Ts>> {
        if !self.is_shared || self.writer.is_none() {
            return Ok(None);
        }
        self.has_heartbeat.store(true, Ordering::Relaxed);
        self.beside(workers::Heartbeat(self.fence.worker().id)).await
    }

    pub(super) async fn ask_for_lease(&self) -> Result<Election> {
        if !self.is_shared {
            return Ok(Election::Leads);
        }
        self.has_heartbeat.store(true, Ordering::Relaxed);
        let asked = self.fence.worker().elapsed();
        let election = self.beside(workers::Elect(self.fence.worker().id)).await?;
        self.fence.note(&election, asked);
        Ok(election)
    }

    /// Takes leave, then closes everything.
    pub(super) async fn end(&self) {
        if self.has_heartbeat.swap(false, Ordering::Relaxed)
            && let Err(error) = self.beside(workers::Leave(self.fence.worker().id)).await
        {
            tracing::debug!(%error, "cannot remove the row of this process; others consider it dead in 30 s");
        }
        // Readers first: the last connection to a SQLite file folds the write-ahead log into it, and only the writer may.
        match &self.readers {
            Readers::Sqlite(pool) => pool.close().await,
            Readers::Postgres(pool) | Readers::Pooled(pool) => pool.close().await,
        }
        for writer in self.writer.iter().chain(&self.more_writers).chain(&self.heartbeats) {
            writer.close().await;
        }
    }
}
