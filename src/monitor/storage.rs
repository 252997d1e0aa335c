//! What the database takes.

use std::time::Duration;

use barkeep_store::{Storage, Store};

/// `None` where it cannot tell or a node of it is away: no reason to show nothing else.
pub(crate) async fn taken(store: &dyn Store) -> Option<Storage> {
    const PATIENCE: Duration = Duration::from_millis(500);
    tokio::time::timeout(PATIENCE, store.storage()).await.ok()?.ok()?
}
