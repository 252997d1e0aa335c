//! A database for one measurement: a temporary file, or a PostgreSQL database somebody named, which must be empty and is
//! left without symbols and bars. A database with symbols is somebody's, and is refused.

use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;

use barkeep_config::Settings;
use barkeep_pipeline::events::Silent;
use barkeep_store::{Retry, Store, StoreError};

/// Where a measurement writes.
#[derive(Debug)]
pub enum Scratch {
    /// A directory of its own, deleted when this is dropped.
    Temporary(PathBuf),
    Named(String),
}

impl Scratch {
    /// A fresh SQLite file in the system's directory for temporary files.
    pub fn temporary() -> Result<Self, StoreError> {
        let dir = std::env::temp_dir().join(format!("barkeep-baseline-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&dir)
            .map_err(|e| StoreError::Disk(format!("cannot create the directory {}: {e}", dir.display())))?;
        Ok(Self::Temporary(dir))
    }

    /// Opens it; it must hold no symbols. Calls wait for it as long as `settings` say.
    pub(super) async fn open(&self, settings: &Settings) -> Result<Arc<dyn Store>, StoreError> {
        let url = match self {
            // A file of its own for each run.
            Self::Temporary(dir) => format!("sqlite:{}", dir.join(format!("{}.db", Uuid::new_v4().simple())).display()),
            Self::Named(url) => url.clone(),
        };
        let retry = Retry::new(settings.backfill.database_patience, Arc::new(Silent));
        let store = barkeep_store::open_with_retry(&url, false, retry).await?;
        let symbols = store.symbols().await?.len();
        if symbols > 0 {
            store.close().await;
            return Err(StoreError::NotFound(format!(
                "it holds {symbols} symbols, so it is in use; name an empty database as scratch"
            )));
        }
        Ok(store)
    }

    /// Leaves it as empty as it was.
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

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Self::Temporary(dir) = self {
            // What the system does not let go of now it clears itself later.
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}
