//! The HTTP API: the same engine that the dashboard shows, for scripts and other programs.
//!
//! One file for each resource under [`resource`], thin: what was asked is translated, the engine called, its answer
//! translated back. Beside them stand the doors every request passes (`admission`): the host it asks for, the page it
//! comes from, the key it carries, its size and time. Errors are `application/problem+json`, all of them.

mod body;
mod cache;
pub mod client;
mod current_pages;
mod docs;
pub mod guard;
mod marks;
mod metrics;
mod pages;
mod params;
mod problem;
mod protocol;
mod repeat;
pub mod resource;
mod server;
mod started;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use barkeep_base::clock::Clock;
use barkeep_config::ApiSettings;
use barkeep_runtime::local_console::LocalConsole;
use barkeep_store::{Store, StoreError};
use current_pages::CurrentPages;
use guard::keys::Keys;
use metrics::Metrics;
use repeat::IdempotencyKeys;
use server::ConnectionCount;
use started::RecentJobs;

/// How often it is noted which keys were used.
const NOTE_EVERY: Duration = Duration::from_secs(30);
/// Longest wait for changes under way when the service stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What the handlers share.
struct Api {
    desk: LocalConsole,
    settings: ApiSettings,
    keys: Keys,
    pages: CurrentPages,
    metrics: Metrics,
    connections: ConnectionCount,
    /// Requests with an `Idempotency-Key`.
    under_way: IdempotencyKeys,
    started: RecentJobs,
    events: resource::events::Feed,
    /// Changes under way; they end well even when the client goes.
    changes: TaskTracker,
    stop: CancellationToken,
}

type App = Arc<Api>;

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {addr}: {reason}")]
    Bind { addr: SocketAddr, reason: std::io::Error },
    /// Others could reach it, and nobody would be asked who they are.
    #[error("{0} can be reached from other machines, and there is no API key")]
    Exposed(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A listening socket that nobody is served on yet.
pub struct ApiListener {
    listener: TcpListener,
    settings: ApiSettings,
    addr: SocketAddr,
}

impl ApiListener {
    /// Listens, unless that would serve others without a key.
    ///
    /// # Errors
    /// When the address cannot be had or must not be served.
    pub async fn open(store: &dyn Store, settings: &ApiSettings) -> Result<Self, StartError> {
        let near = settings.listen.ip().to_canonical().is_loopback();
        if !near || !settings.hosts.is_empty() {
            let keys = store.api_keys().await?;
            if keys.iter().all(|key| key.revoked_at.is_some()) {
                let named = settings.hosts.first().map(ToString::to_string).filter(|_| near);
                return Err(StartError::Exposed(named.unwrap_or_else(|| settings.listen.to_string())));
            }
        }
        let refused = |reason| StartError::Bind { addr: settings.listen, reason };
        let listener = TcpListener::bind(settings.listen).await.map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        if !near {
            tracing::warn!(%addr, "API keys travel readable on the network; put a proxy with TLS in front");
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
    pub fn serve(self, desk: LocalConsole) -> Server {
        let store = Arc::clone(&desk.engine.store);
        let clock: Arc<dyn Clock> = Arc::clone(&desk.engine.clock);
        let stop = CancellationToken::new();
        let api = Arc::new(Api {
            keys: Keys::new(store, clock, self.settings.tries_per_minute),
            pages: CurrentPages::new(&desk.engine),
            metrics: Metrics::new(),
            connections: ConnectionCount::default(),
            under_way: IdempotencyKeys::default(),
            started: RecentJobs::default(),
            events: resource::events::Feed::default(),
            changes: TaskTracker::new(),
            settings: self.settings,
            stop: stop.clone(),
            desk,
        });
        let app = guard::admission::guarded(&api);
        let most = api.settings.max_connections;
        let serving = tokio::spawn(server::serve(self.listener, app, api.connections.clone(), most, stop.clone()));
        let noting = tokio::spawn(note_keys(Arc::clone(&api)));
        tracing::info!(addr = %self.addr, "the API is served");
        Server { addr: self.addr, stop, serving, noting, api }
    }
}

/// The API at work.
pub struct Server {
    addr: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    noting: JoinHandle<()>,
    api: App,
}

impl Server {
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends every connection: answers under way within two seconds, event streams at once. The database must still be
    /// open.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in [self.serving, self.noting] {
            if let Err(e) = task.await {
                tracing::error!(error = %e, "a task of the API broke");
            }
        }
        self.api.changes.close();
        let _ = tokio::time::timeout(LAST_WORDS, self.api.changes.wait()).await;
    }
}

async fn note_keys(api: App) {
    loop {
        let stopped = tokio::select! {
            () = api.stop.cancelled() => true,
            () = tokio::time::sleep(NOTE_EVERY) => false,
        };
        api.keys.note_used().await;
        if stopped {
            return;
        }
    }
}
