//! The database of a measurement: a temporary file, or a named PostgreSQL database, which must have no symbols and is
//! emptied afterwards. A database with symbols is in use, and is refused.

use std::sync::Arc;

use tempfile::TempDir;

use uuid::Uuid;

use barkeep_config::Settings;
use barkeep_pipeline::events::Silent;
use barkeep_store::{Retry, Store, StoreError};

/// Where a measurement writes.
#[derive(Debug)]
pub enum Scratch {
    /// SQLite files in a directory that is deleted when this is dropped.
    Temporary(TempDir),
    Named(String),
}

impl Scratch {
    /// A fresh SQLite file in the system's directory for temporary files.
    ///
    /// # Errors
    /// `Disk` when no directory can be created there.
    pub fn temporary() -> Result<Self, StoreError> {
        let dir = tempfile::Builder::new().prefix("barkeep-baseline-").tempdir();
        dir.map(Self::Temporary).map_err(|e| StoreError::Disk(format!("cannot create a temporary directory: {e}")))
    }

    /// Opens it; it must hold no symbols. Calls wait for it as long as `settings` say.
    pub(super) async fn open(&self, settings: &Settings) -> Result<Arc<dyn Store>, StoreError> {
        let url = match self {
            // Each run has its own file.
            Self::Temporary(dir) => {
                format!("sqlite:{}", dir.path().join(format!("{}.db", Uuid::new_v4().simple())).display())
            }
            Self::Named(url) => url.clone(),
        };
        let retry = Retry::new(settings.backfill.database_patience, Arc::new(Silent));
        let store = barkeep_store::open_with_retry(&url, false, retry).await?;
        let symbols = store.symbols().await?.len();
        if symbols > 0 {
            store.close().await;
            return Err(StoreError::NotFound(format!(
                "the database has {symbols} symbols, so it is in use; --database-url must name an empty one"
            )));
        }
        Ok(store)
    }

    /// Closes it, empty again.
    pub(super) async fn close(&self, store: Arc<dyn Store>) -> Result<(), StoreError> {
        if let Self::Named(_) = self {
            for row in store.symbols().await? {
                store.remove_symbol(&row.symbol).await?;
            }
        }
        store.close().await;
        Ok(())
    }
}
