//! Old rows of logs, deleted once a day beside everything else.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::Service;
use barkeep_base::clock::Clock;
use barkeep_config::RetentionSettings;
use barkeep_market::Ts;
use barkeep_market::ts::{DAY, MINUTE};
use barkeep_store::{Log, PLANS_KEPT, Store, StoreError};

/// Rows of one transaction: a few milliseconds.
const PIECE: u32 = 1_000;
/// Between two of them, so that commits of pages are not held up.
const PAUSE: Duration = Duration::from_millis(100);
/// After a start there is more important work.
pub(crate) const AFTER_START: i64 = 5 * MINUTE;

/// How long rows of a log are kept; `None` is for ever.
#[must_use]
pub fn kept(settings: &RetentionSettings, log: Log) -> Option<Duration> {
    match log {
        Log::Requests => settings.requests,
        Log::Executions => settings.executions,
        Log::Audit => settings.audit,
        Log::Alerts => settings.alerts,
        Log::Plans => Some(PLANS_KEPT),
    }
}

/// Deletes what is older than the settings keep, in small pieces, until nothing is left or `stop`; rows deleted by log.
///
/// # Errors
/// When the database cannot be written.
pub async fn prune(
    store: &dyn Store,
    settings: &RetentionSettings,
    now: Ts,
    stop: &CancellationToken,
) -> Result<Vec<(Log, u64)>, StoreError> {
    let mut all = Vec::new();
    for log in Log::ALL {
        let mut deleted = 0;
        if let Some(kept) = kept(settings, log) {
            let before = now - kept;
            while !stop.is_cancelled() {
                let piece = store.prune(log, before, PIECE).await?;
                deleted += piece;
                if piece == 0 {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        all.push((log, deleted));
    }
    Ok(all)
}

impl Service {
    /// Starts the daily deletion when it is time for it.
    pub(crate) fn look_for_old_rows(&mut self) {
        let now = self.engine.clock.now();
        // A clock set back must not keep it waiting.
        if now < self.prune_at && self.prune_at - now <= DAY {
            return;
        }
        self.prune_at = now + DAY;
        let (store, stop) = (Arc::clone(&self.engine.store), self.stop.clone());
        let settings = self.engine.config.current().settings.retention;
        let clock: Arc<dyn Clock> = Arc::clone(&self.engine.clock);
        tokio::spawn(async move {
            match prune(store.as_ref(), &settings, clock.now(), &stop).await {
                Ok(deleted) => {
                    for (log, rows) in deleted.into_iter().filter(|(_, rows)| *rows > 0) {
                        tracing::info!(log = log.name(), rows, "old rows were deleted");
                    }
                }
                Err(error) => tracing::warn!(%error, "old rows were not deleted; the next try is in a day"),
            }
        });
    }
}
