//! An engine from settings and a database: vendor, limiter, journal, calendar.

use std::sync::Arc;

use secrecy::SecretString;

use super::Engine;
use super::journal::StoreJournal;
use super::patience::Patient;
use super::progress::Listener;
use crate::clock::Clock;
use crate::config::Settings;
use crate::store::{Store, StoreError};
use crate::vendor::dispatch::Dispatcher;
use crate::vendor::limit::Limiter;
use crate::vendor::massive::Massive;
use crate::vendor::retry::RetryPolicy;

/// Why an engine could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP client could not be made from the settings.
    #[error("{0}")]
    Vendor(String),
}

/// An engine with the journal its requests are written to.
pub struct Opened {
    pub engine: Engine,
    pub journal: Arc<StoreJournal>,
}

/// Puts an engine on an open database. The vendor is not asked anything yet.
pub async fn open(
    inner: Arc<dyn Store>,
    settings: Settings,
    key: SecretString,
    clock: Arc<dyn Clock>,
    listener: Arc<dyn Listener>,
) -> Result<Opened, OpenError> {
    let patience = settings.backfill.database_patience;
    let store: Arc<dyn Store> = Arc::new(Patient::new(inner, patience, Arc::clone(&listener)));
    let calendar = Arc::new(super::calendar(store.as_ref()).await?);
    let vendor = Massive::new(&settings.vendor, key).map_err(OpenError::Vendor)?;
    let journal = Arc::new(StoreJournal::new(Arc::clone(&store), listener));
    let limiter = Arc::new(Limiter::new(settings.vendor.rate_limit));
    let policy = RetryPolicy::from(&settings.vendor);
    let seed = u64::from(std::process::id()) ^ clock.now().ms().unsigned_abs();
    let dispatcher = Dispatcher::new(
        Arc::new(vendor),
        limiter,
        policy,
        Arc::clone(&journal) as Arc<dyn crate::vendor::dispatch::Journal>,
        Arc::clone(&clock),
        seed,
    );
    let engine = Engine { store, dispatcher: Arc::new(dispatcher), calendar, settings: Arc::new(settings), clock };
    Ok(Opened { engine, journal })
}
