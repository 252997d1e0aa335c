//! Whose turn it is: on a database that processes share, one service works and the others stand by.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Service;
use crate::handle::{CommandError, EngineCommand, QueuedCommand};
use barkeep_base::process::worker_mark;
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::backfill::help;
use barkeep_store::{Election, ExecutionRow, Leader, Store, StoreError, Worker, WorkerRole};

/// How often the lease is asked for or renewed; it counts for three times as long.
const ELECT: Duration = Duration::from_secs(5);

/// What an election said, and who was there.
struct Elected {
    election: Election,
    fleet: Option<Vec<Worker>>,
}

/// What the newest election said.
pub(super) struct Lease {
    elections: watch::Receiver<Elected>,
    asking: Option<JoinHandle<()>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(asking) = &self.asking {
            asking.abort();
        }
    }
}

impl Lease {
    /// Asks for it now, and from now on.
    pub(super) async fn ask(store: &Arc<dyn Store>) -> Result<Self, StoreError> {
        let (elected, elections) = watch::channel(elect(store).await?);
        if !store.is_shared() {
            return Ok(Self { elections, asking: None });
        }
        let store = Arc::clone(store);
        let asking = tokio::spawn(async move {
            loop {
                tokio::time::sleep(ELECT).await;
                match elect(&store).await {
                    Ok(election) => drop(elected.send_replace(election)),
                    Err(e) => tracing::warn!(error = %e, "cannot request the leader lease"),
                }
            }
        });
        Ok(Self { elections, asking: Some(asking) })
    }

    /// Who works on the database besides.
    pub(super) fn fleet(&self) -> Option<Vec<Worker>> {
        self.elections.borrow().fleet.clone()
    }

    /// Who has it, unless this service has.
    fn elsewhere(&mut self) -> Option<Leader> {
        match &self.elections.borrow_and_update().election {
            Election::Leads => None,
            Election::StandsBy(leader) => Some(leader.clone()),
        }
    }

    /// Yields after each election; never where there is none.
    pub(super) async fn elected(&mut self) -> Option<Leader> {
        if self.asking.is_none() || self.elections.changed().await.is_err() {
            return std::future::pending().await;
        }
        self.elsewhere()
    }
}

async fn elect(store: &Arc<dyn Store>) -> Result<Elected, StoreError> {
    let election = store.elect().await?;
    // What is only shown is not waited for.
    let fleet = if store.is_shared() { tokio::time::timeout(ELECT / 2, store.workers()).await } else { Ok(Ok(vec![])) };
    let fleet = fleet.ok().and_then(Result::ok).filter(|_| store.is_shared());
    Ok(Elected { election, fleet })
}

/// The marks of services that work on nothing, seen by the one that leads: those on standby, and its own for what it does
/// not remember.
///
/// # Errors
/// When the database fails.
pub async fn idle_services(store: &dyn Store) -> Result<Vec<String>, StoreError> {
    let workers = store.workers().await?;
    let standby = workers.iter().filter(|worker| worker.role == WorkerRole::Standby);
    Ok(standby.map(|worker| worker_mark(worker.worker_id)).chain([store.mark()]).collect())
}

/// Executions that are `running` in the database and that no service runs, to the leader, which runs those that are
/// `active`.
///
/// # Errors
/// When the database fails.
pub async fn left_behind(
    store: &dyn Store,
    active: impl Fn(Uuid) -> bool + Send,
) -> Result<Vec<ExecutionRow>, StoreError> {
    if !store.is_shared() {
        return Ok(Vec::new());
    }
    let mut running = store.running_executions().await?;
    if running.iter().all(|row| active(row.execution_id)) {
        return Ok(Vec::new());
    }
    let idle = idle_services(store).await?;
    running.retain(|row| idle.contains(&row.owner) && !active(row.execution_id));
    Ok(running)
}

/// Carrying out items of the active service's plans, while this one stands by.
struct Helping {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Helping {
    fn begin(engine: &EngineContext) -> Self {
        let (engine, stop) = (engine.clone(), CancellationToken::new());
        let stopped = stop.clone();
        Self { task: tokio::spawn(async move { help(&engine, &stopped).await }), stop }
    }

    /// Lets what is under way end, for a while.
    async fn end(helping: Option<Self>) {
        let Some(Self { mut task, stop }) = helping else { return };
        stop.cancel();
        if tokio::time::timeout(ELECT, &mut task).await.is_err() {
            task.abort();
        }
    }
}

impl Service {
    /// Waits until this service has the lease; false when it is to stop before.
    pub(super) async fn stand_by(&mut self, lease: &mut Lease, shutdown: &CancellationToken) -> bool {
        let mut leader = lease.elsewhere();
        let helping = leader.is_some().then(|| Helping::begin(&self.engine));
        while let Some(Leader { host, since }) = leader {
            let reason = format!("{host} is active since {since}");
            if self.stands_by.as_ref() != Some(&reason) {
                tracing::info!("standing by: {reason}");
                self.stands_by = Some(reason);
            }
            self.fleet = lease.fleet();
            self.publish();
            leader = tokio::select! {
                biased;
                () = shutdown.cancelled() => {
                    Helping::end(helping).await;
                    return false;
                }
                elected = lease.elected() => elected,
                Some(command) = self.commands.recv() => {
                    self.turn_down(command);
                    lease.elsewhere()
                }
            };
        }
        // What it had belongs to a plan that it is about to take over.
        Helping::end(helping).await;
        if self.stands_by.take().is_some() {
            tracing::info!("this service is active now");
        }
        true
    }

    /// Shows what others do, until `shutdown`: the database can only be read.
    pub(super) async fn look_on(&mut self, shutdown: &CancellationToken) {
        const ALONE: &str = "this process serves only the API";
        let store = Arc::clone(&self.engine.store);
        loop {
            self.fleet = if store.is_shared() { store.workers().await.ok() } else { None };
            let leader = self.fleet.iter().flatten().find(|worker| worker.role == WorkerRole::Leader);
            let works = leader.map(|worker| format!("; {} is active since {}", worker.host, worker.since));
            self.stands_by = Some(format!("{ALONE}{}", works.unwrap_or_default()));
            self.publish();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                Some(command) = self.commands.recv() => self.turn_down(command),
                () = tokio::time::sleep(ELECT) => {}
            }
        }
    }

    fn turn_down(&self, (order, reply): QueuedCommand) {
        let why = self.stands_by.clone().unwrap_or_default();
        tracing::info!(by = order.by, action = EngineCommand::name(&order.action), "refused: on standby");
        // Whoever asked may be gone.
        let _ = reply
            .send(Err(CommandError::Refused(format!("this service is on standby: {why}; send the command there"))));
    }

    /// Drops all work at once: another service has the lease, and what is under way is its to take up.
    pub(super) async fn give_way(&mut self) {
        tracing::warn!(executions = self.active.len(), "lost the lease; another service takes over what was running");
        for active in self.active.values() {
            active.cancel.cancel();
        }
        self.running.shutdown().await;
        self.announcements.shutdown().await;
        for id in std::mem::take(&mut self.active).into_keys() {
            self.engine.gate.forget(id);
        }
        self.missed.clear();
        self.failed = None;
    }
}
