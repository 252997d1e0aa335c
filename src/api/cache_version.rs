//! The version of a series: a number that grows with every write to it, by which a cache knows what is still valid.
//!
//! It is read from the database for every request, so a write by any process counts at once. Requests that arrive while
//! one reading is under way share the next one: a thousand at once cost two short queries.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use barkeep_store::{SeriesId, Store, StoreError};

type Answer = Result<HashMap<SeriesId, i64>, StoreError>;

/// Requests that share one reading.
#[derive(Default)]
struct Batch {
    series: Mutex<BTreeSet<SeriesId>>,
    answer: OnceCell<Answer>,
}

/// Reads versions, many at a time.
pub(super) struct CacheVersions {
    store: Arc<dyn Store>,
    /// The batch that may still be joined.
    open: Mutex<Arc<Batch>>,
    /// Held while the database is read.
    turn: tokio::sync::Mutex<()>,
}

impl CacheVersions {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, open: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// The version of a series, from a reading that began after this call; `None` when the series does not exist.
    pub(super) async fn of(&self, series: SeriesId) -> Result<Option<i64>, StoreError> {
        let batch = {
            // Joined under the lock by which a batch is closed.
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.series.lock().unwrap_or_else(PoisonError::into_inner).insert(series);
            Arc::clone(&open)
        };
        // Whoever comes first reads for all; when that caller goes away, the next one does.
        let answer = batch.answer.get_or_init(|| self.read(&batch)).await;
        answer.as_ref().map(|versions| versions.get(&series).copied()).map_err(StoreError::clone)
    }

    async fn read(&self, batch: &Arc<Batch>) -> Answer {
        let _turn = self.turn.lock().await;
        let series: Vec<SeriesId> = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&open, batch) {
                *open = Arc::default();
            }
            batch.series.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
        };
        Ok(self.store.series_marks(&series).await?.into_iter().collect())
    }
}
