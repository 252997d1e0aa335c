//! An engine from settings and a database: vendor, limiter, journal, calendar.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::gate::PriorityGate;
use crate::{EngineContext, Others, VendorLine, places};
use barkeep_base::clock::{Clock, CorrectedClock};
use barkeep_base::published::Published;
use barkeep_config::Config;
use barkeep_market::Source;
use barkeep_store::{Store, StoreError};
use barkeep_vendor::coinbase::Coinbase;
use barkeep_vendor::limit::Limiter;
use barkeep_vendor::massive::Massive;
use barkeep_vendor::{Vendor, WithoutKey};

/// How often this process says that it lives; it is dead after six times as long.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Why an engine could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP client could not be made from the settings.
    #[error("{0}")]
    Vendor(String),
}

/// Puts an engine on an open database. Nothing is requested of the vendor yet.
///
/// # Errors
/// When the settings make no client for a vendor, the key cannot be sent in a header, or the database cannot be read.
pub async fn open(
    store: Arc<dyn Store>,
    config: Config,
    key: SecretString,
    clock: Arc<dyn Clock>,
) -> Result<EngineContext, OpenError> {
    let vendor = Massive::new(&config.settings.vendor, key).map_err(OpenError::Vendor)?;
    with_others(store, Arc::new(vendor), config, clock).await
}

/// The same for somebody without a key: only vendors that need none can be asked. `why` is told where the usual one would
/// be.
///
/// # Errors
/// As [`open`].
pub async fn open_without_key(
    store: Arc<dyn Store>,
    config: Config,
    why: &str,
    clock: Arc<dyn Clock>,
) -> Result<EngineContext, OpenError> {
    with_others(store, Arc::new(WithoutKey::new(why)), config, clock).await
}

async fn with_others(
    store: Arc<dyn Store>,
    usual: Arc<dyn Vendor>,
    config: Config,
    clock: Arc<dyn Clock>,
) -> Result<EngineContext, OpenError> {
    let settings = &config.settings;
    let coinbase = Coinbase::new(&settings.coinbase, &settings.vendor).map_err(OpenError::Vendor)?;
    let allowed = places(Source::Coinbase, settings);
    let limiter = Arc::new(Limiter::windowed(Source::Coinbase, allowed, settings.vendor.total_timeout));
    let others = Others::from([(Source::Coinbase, VendorLine { vendor: Arc::new(coinbase), limiter })]);
    let engine = assemble(store, usual, config, clock).await?;
    Ok(EngineContext { others: Arc::new(others), ..engine })
}

/// Puts an engine on any store and any vendor, with none beside it.
///
/// # Errors
/// When the database cannot be read, or cannot note this process.
pub async fn assemble(
    store: Arc<dyn Store>,
    vendor: Arc<dyn Vendor>,
    config: Config,
    clock: Arc<dyn Clock>,
) -> Result<EngineContext, StoreError> {
    let clock = with_heartbeats(&store, clock).await?;
    let settings = &config.settings;
    let calendar = Published::new(crate::calendar(store.as_ref()).await?);
    let limiter = Arc::new(Limiter::new(settings.vendor.rate_limit, settings.vendor.total_timeout));
    let gate = PriorityGate::new(settings.backfill.concurrency);
    let (claims, requests, unreviewed, others) = (Arc::default(), Arc::default(), Arc::default(), Arc::default());
    let config = Published::new(config);
    Ok(EngineContext { store, vendor, limiter, others, requests, gate, claims, unreviewed, config, calendar, clock })
}

/// Notes that this process lives, for as long as the database is in use. Returns the clock to go by: that of the server,
/// where processes of several machines share it.
async fn with_heartbeats(store: &Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<Arc<dyn Clock>, StoreError> {
    if !store.is_shared() {
        return Ok(clock);
    }
    let is_machines = clock.is_machines();
    let corrected = Arc::new(CorrectedClock::new(Arc::clone(&clock)));
    heartbeat(store, &corrected).await?;
    let (weak, shared) = (Arc::downgrade(store), Arc::clone(&corrected));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            let Some(store) = weak.upgrade() else { return };
            if let Err(e) = heartbeat(&store, &shared).await {
                tracing::debug!(error = %e, "no heartbeat");
            }
        }
    });
    Ok(if is_machines { corrected } else { clock })
}

async fn heartbeat(store: &Arc<dyn Store>, clock: &CorrectedClock) -> Result<(), StoreError> {
    let asked = clock.machines();
    let server = store.heartbeat().await?;
    let corrected = server.and_then(|server| clock.correct(asked, server, clock.machines()));
    if let Some(ms) = corrected {
        tracing::warn!("this machine's clock differs from the database server's; the server's counts ({ms} ms)");
    }
    Ok(())
}
