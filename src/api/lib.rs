//! The HTTP API: the same engine that the dashboard shows, for scripts and other programs.
//!
//! One thin file for each resource under [`resource`]: it translates the request, calls the engine and translates the
//! answer back into the types of [`types`]. Before a handler runs, [`guard`] checks the Host header, the origin, the API
//! key, the size and the time of every request. All errors are `application/problem+json`.

mod body;
mod cache;
mod cache_version;
mod current_pages;
mod docs;
mod engine_metrics;
pub mod guard;
mod idempotency;
mod metrics;
mod pages;
mod params;
mod problem;
mod process_metrics;
mod recent_jobs;
pub mod resource;
mod server;

pub use barkeep_wire::{client, types};

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use barkeep_base::clock::Clock;
use barkeep_base::net::is_loopback;
use barkeep_config::ApiSettings;
use barkeep_runtime::local_console::LocalConsole;
use barkeep_store::{Store, StoreError};
use current_pages::CurrentPages;
use guard::keys::Keys;
use idempotency::IdempotencyKeys;
use metrics::Metrics;
use recent_jobs::RecentJobs;
use server::ConnectionCount;

/// How often the last use of API keys is recorded.
const RECORD_KEYS_EVERY: Duration = Duration::from_secs(30);
/// Longest wait for running changes when the service stops.
const CHANGES_GRACE: Duration = Duration::from_secs(2);

/// What the handlers share.
struct Api {
    console: LocalConsole,
    settings: ApiSettings,
    keys: Keys,
    pages: CurrentPages,
    metrics: Metrics,
    connections: ConnectionCount,
    /// Requests with an `Idempotency-Key`.
    idempotency_keys: IdempotencyKeys,
    recent_jobs: RecentJobs,
    data_json: resource::events::DataJson,
    /// Running changes; they finish even when the client disconnects.
    changes: TaskTracker,
    stop: CancellationToken,
}

type App = Arc<Api>;

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {addr}: {reason}")]
    Bind { addr: SocketAddr, reason: std::io::Error },
    /// It would serve other machines without authentication.
    #[error("{0} can be reached from other machines, and there is no API key")]
    Exposed(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A listening socket that does not accept connections yet.
pub struct ApiListener {
    listener: TcpListener,
    settings: ApiSettings,
    addr: SocketAddr,
}

impl ApiListener {
    /// Listens, unless that would serve other machines without an API key.
    ///
    /// # Errors
    /// When the address is not available or must not be served.
    pub async fn open(store: &dyn Store, settings: &ApiSettings) -> Result<Self, StartError> {
        let local_only = is_loopback(settings.listen.ip());
        if !local_only || !settings.hosts.is_empty() {
            let keys = store.api_keys().await?;
            if keys.iter().all(|key| key.revoked_at.is_some()) {
                let named = settings.hosts.first().map(ToString::to_string).filter(|_| local_only);
                return Err(StartError::Exposed(named.unwrap_or_else(|| settings.listen.to_string())));
            }
        }
        let refused = |reason| StartError::Bind { addr: settings.listen, reason };
        let listener = TcpListener::bind(settings.listen).await.map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        if !local_only {
            tracing::warn!(%addr, "API keys cross the network unencrypted; put a TLS proxy in front");
        }
        Ok(Self { listener, settings: settings.clone(), addr })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves an engine.
    #[must_use]
    pub fn serve(self, console: LocalConsole) -> Server {
        let store = Arc::clone(&console.engine.store);
        let clock: Arc<dyn Clock> = Arc::clone(&console.engine.clock);
        let stop = CancellationToken::new();
        let api = Arc::new(Api {
            keys: Keys::new(store, clock, self.settings.tries_per_minute),
            pages: CurrentPages::new(&console.engine),
            metrics: Metrics::new(),
            connections: ConnectionCount::default(),
            idempotency_keys: IdempotencyKeys::default(),
            recent_jobs: RecentJobs::default(),
            data_json: resource::events::DataJson::default(),
            changes: TaskTracker::new(),
            settings: self.settings,
            stop: stop.clone(),
            console,
        });
        let app = guard::admission::guarded(&api);
        let max_connections = server::connections_possible(api.settings.max_connections);
        let serving =
            tokio::spawn(server::serve(self.listener, app, api.connections.clone(), max_connections, stop.clone()));
        let recording = tokio::spawn(record_used_keys(Arc::clone(&api)));
        tracing::info!(addr = %self.addr, "API listening");
        Server { addr: self.addr, stop, serving, recording, api }
    }
}

/// The running API.
pub struct Server {
    addr: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    recording: JoinHandle<()>,
    api: App,
}

impl Server {
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Closes every connection: running requests have two seconds, event streams end at once. The database must still be
    /// open.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in [self.serving, self.recording] {
            if let Err(e) = task.await {
                tracing::error!(error = %e, "a task of the API panicked");
            }
        }
        self.api.changes.close();
        let _ = tokio::time::timeout(CHANGES_GRACE, self.api.changes.wait()).await;
    }
}

async fn record_used_keys(api: App) {
    loop {
        let stopped = tokio::select! {
            () = api.stop.cancelled() => true,
            () = tokio::time::sleep(RECORD_KEYS_EVERY) => false,
        };
        api.keys.record_used().await;
        if stopped {
            return;
        }
    }
}
