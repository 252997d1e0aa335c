//! Everything that runs beside each other while barkeep keeps bars fresh: the service, its alerts, and the board that
//! every view reads. The headless service, the dashboard and the tests start the same thing.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::console::{Access, Link};
use crate::local_console::LocalConsole;
use barkeep_alerts::{AlertMonitor, DatabaseHealth, Notifier};
use barkeep_base::log::Tail;
use barkeep_monitor::publisher::SnapshotPublisher;
use barkeep_pipeline::EngineContext;
use barkeep_service::Service;
use barkeep_service::reload::Reload;
use barkeep_store::StoreError;

/// An engine with everything beside it, at work.
pub struct Runtime {
    pub console: LocalConsole,
    /// Cancelled to stop it all in order.
    shutdown: CancellationToken,
    service: JoinHandle<Result<(), StoreError>>,
    beside: Vec<(&'static str, JoinHandle<()>)>,
    stop_views: CancellationToken,
}

/// What a host is made of.
pub struct RuntimeParts {
    pub engine: EngineContext,
    /// Absent where the settings cannot be read again.
    pub reload: Option<Reload>,
    pub notifier: Notifier,
    /// Must be the listener the engine's store was opened with.
    pub database: Arc<DatabaseHealth>,
    pub tail: Tail,
    /// Who uses the console.
    pub by: String,
}

impl Runtime {
    /// Starts everything.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn start(parts: RuntimeParts) -> Result<Self, StoreError> {
        let RuntimeParts { engine, reload, notifier, database, tail, by } = parts;
        let (service, handle) = Service::new(engine.clone(), reload);
        let publisher = SnapshotPublisher::new(engine.clone(), handle.live()).await?;
        let (shutdown, stop_views) = (CancellationToken::new(), CancellationToken::new());
        let alert_monitor = AlertMonitor { engine: engine.clone(), notifier, database, live: handle.watch() };
        let monitor_stop = stop_views.clone();
        let monitoring = tokio::spawn(async move {
            if let Err(e) = alert_monitor.run(monitor_stop).await {
                tracing::error!(error = %e, "the alert conditions were not checked");
            }
        });
        let keeping = tokio::spawn(Arc::clone(&publisher).keep(handle.watch(), stop_views.clone()));
        let planning = tokio::spawn(Arc::clone(&publisher).keep_budget(stop_views.clone()));
        let service = tokio::spawn(service.run(shutdown.clone()));
        let link = watch::channel(Link::Embedded).1;
        let access = if engine.store.is_readonly() { Access::Read } else { Access::Operate };
        let console = LocalConsole { engine, handle, publisher, tail, by, access, link };
        let beside = vec![("alerts", monitoring), ("snapshots", keeping), ("budget", planning)];
        Ok(Self { console, shutdown, service, beside, stop_views })
    }

    /// Cancelling it lets running executions end in order.
    #[must_use]
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Waits until the service has ended, then ends what stands beside it and closes the database.
    ///
    /// # Errors
    /// What ended the service, when it was not asked to.
    pub async fn finish(self) -> Result<(), RuntimeError> {
        let outcome = self.service.await;
        self.stop_views.cancel();
        for (name, task) in self.beside {
            if let Err(e) = task.await {
                tracing::error!(task = name, error = %e, "a task of the service ended unexpectedly");
            }
        }
        self.console.engine.store.close().await;
        match outcome {
            Ok(outcome) => outcome.map_err(RuntimeError::Store),
            Err(e) => Err(RuntimeError::Broke(e.to_string())),
        }
    }
}

/// Why a host ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the service failed: {0}")]
    Broke(String),
}
