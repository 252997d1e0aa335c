//! A simulated vendor: an HTTP server with the vendor's wire habits, for demos, tests and measurements without a key.
//!
//! It serves made-up bars (any ticker, any range, the same for the same seed) or recorded ones, limits and refuses like
//! the vendor, and goes wrong on demand ([`FaultRule`]). It shares no parsing or limiting code with the client it is
//! there to test; both are written from the vendor's documented and recorded behaviour.
//!
//! What it keeps of that behaviour: keys in header or query, the recorded error bodies, `limit` counted in base bars with
//! a last partial bar withheld, cursors, silent clipping to the plan's history, `DELAYED` plans, refusal of the current
//! day on end-of-day plans, absent `results`, exponent-form volumes, grouped rows stamped 16:00 New York.
//!
//! Below `/flatfiles` the same server is the vendor's S3 storage with its flat files, for any access key unless told which.
//!
//! Below `/products` the same server is a second vendor without a key, with the habits of the Coinbase Exchange.

mod config;
mod corrupt;
pub mod data;
mod distort;
mod fault;
mod fault_kind;
mod flat_files;
mod gate;
pub mod http;
mod plan;
mod script;
mod server;
mod shared;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use config::{ConfigChange, SimConfig, Window};
pub use data::payments::Payment;
pub use fault::{FaultCount, FaultRule};
pub use fault_kind::{FaultKind, fault_names};
pub use http::log::{KeyForm, LoggedRequest};
pub use plan::{Older, SimDelay};
pub use script::event::{Change, Market, Script, ScriptEvent};
pub use script::file::ScriptError;
pub use script::truth::{SimBar, TruthBar, TruthError, WantedBars};
pub use script::when::{Offset, When};

use barkeep_base::clock::Clock;
use barkeep_market::Ts;
use barkeep_market::split::Split;
use shared::Shared;

/// How long stopping waits for answers under way.
const GRACE: Duration = Duration::from_secs(2);

/// Why a simulated vendor cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    #[error("cannot listen on {addr}: {source}; choose another --listen, port 0 takes any free one")]
    Listen { addr: SocketAddr, source: std::io::Error },
    #[error("cannot replay {}: {why}", dir.display())]
    Replay { dir: PathBuf, why: String },
    #[error("the script cannot be used: {0}")]
    Script(String),
}

/// A running server. Dropping it stops it without waiting.
pub struct Sim {
    /// Where it listens; the real port even when 0 was requested.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Sim {
    /// Starts listening. Answers come as soon as this returns.
    ///
    /// # Errors
    /// When the address is taken, the recording cannot be read, or the script contradicts itself.
    pub async fn start(listen: SocketAddr, config: SimConfig, clock: Arc<dyn Clock>) -> Result<Self, SimError> {
        let book = script::book::Book::new(config.script.clone()).map_err(SimError::Script)?;
        let splits = by_ticker(&config.splits);
        let seed = config.replay.is_none().then_some(config.seed);
        let payments = data::payments::Payments::new(&config.dividends, seed);
        let bars: Box<dyn data::source::Bars> = match config.replay.clone() {
            Some(dir) => {
                let opened = data::replay::Replay::open(&dir, config.replay_source.clone(), splits);
                Box::new(opened.map_err(|e| SimError::Replay { dir, why: e.0 })?)
            }
            None => Box::new(data::generate::Generated::new(config.seed, splits)),
        };
        let failed = |source| SimError::Listen { addr: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let stopping = CancellationToken::new();
        let shared = Arc::new(Shared {
            live: Mutex::new(config::Live::of(&config)),
            clock,
            bars,
            payments,
            hours: data::hours::Hours::new(),
            limiter: Mutex::default(),
            public: Mutex::default(),
            faults: fault::FaultBook::new(config.seed, config.faults.clone()),
            book: Mutex::new(Arc::new(book)),
            log: http::log::RequestLog::default(),
            noticed: Mutex::new(config.symbols.iter().cloned().collect()),
            chains: Mutex::default(),
            memo: data::memo::Memo::default(),
            files: Mutex::default(),
            requests: AtomicU64::new(0),
            gate: gate::Gate::new(config.pages_allowed),
            started: Instant::now(),
            stopping: stopping.clone(),
            config,
        });
        shared.faults.script(&shared.config.script.faults);
        let app = server::router(Arc::clone(&shared)).into_make_service_with_connect_info::<http::wire::ResetCord>();
        let task = tokio::spawn(async move {
            let stopped = stopping.cancelled_owned();
            // Serving only ends when it is told to; accept errors are handled in the listener.
            let _ = axum::serve(http::wire::Wire(listener), app).with_graceful_shutdown(stopped).await;
        });
        Ok(Self { addr, shared, task })
    }

    /// The base URL, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops listening, ends hanging answers and waits until the port is free, 2 s at most.
    pub async fn stop(mut self) {
        self.shared.stopping.cancel();
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }

    /// Every request so far, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<LoggedRequest> {
        self.shared.log.all()
    }

    pub fn clear_log(&self) {
        self.shared.log.clear();
        lock(&self.shared.limiter).forget_figures();
    }

    /// The most authorised requests that arrived in any trailing 60 s.
    #[must_use]
    pub fn busiest_minute(&self) -> usize {
        lock(&self.shared.limiter).busiest_minute()
    }

    /// Answers so many more of the requests that `pages_allowed` holds back.
    pub fn allow_pages(&self, count: usize) {
        self.shared.gate.allow(count);
    }

    /// Holds no request back any more.
    pub fn allow_all_pages(&self) {
        self.shared.gate.open();
    }

    pub fn add_fault(&self, rule: FaultRule) {
        self.shared.faults.add(rule);
    }

    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// The rules in force, with how often each fired.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultCount> {
        self.shared.faults.counts()
    }

    /// Puts a script in force in place of the one before; an empty one ends it. The error names the event.
    ///
    /// # Errors
    /// When an event of it cannot be; the one before stays in force.
    pub fn set_script(&self, script: impl Into<Script>) -> Result<(), SimError> {
        self.shared.set_script(script.into()).map_err(SimError::Script)
    }

    /// The script in force.
    #[must_use]
    pub fn script(&self) -> Script {
        self.shared.book().script.clone()
    }

    /// What really traded, with final values, and when the vendor has it.
    ///
    /// # Errors
    /// When the recorded bars cannot be read.
    pub fn truth(&self, wanted: &WantedBars) -> Result<Vec<TruthBar>, TruthError> {
        script::truth::truth(self.shared.view(&self.shared.book(), Ts::MAX), wanted)
    }

    /// What the vendor has at a moment of its clock, whoever may see it.
    ///
    /// # Errors
    /// When the recorded bars cannot be read.
    pub fn had(&self, wanted: &WantedBars, at: Ts) -> Result<Vec<SimBar>, TruthError> {
        script::truth::had(self.shared.view(&self.shared.book(), at), wanted, at)
    }

    /// Changes what may change while running.
    pub fn configure(&self, change: &ConfigChange) {
        self.shared.configure(change);
    }
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.shared.stopping.cancel();
    }
}

fn by_ticker(splits: &[(String, Split)]) -> HashMap<String, Vec<Split>> {
    let mut all: HashMap<String, Vec<Split>> = HashMap::new();
    for (ticker, split) in splits {
        all.entry(ticker.clone()).or_default().push(*split);
    }
    for list in all.values_mut() {
        list.sort_by_key(|split| split.date);
    }
    all
}

/// Locks, also after a panic elsewhere: every value here is whole between statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
