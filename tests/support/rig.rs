//! The engine on test stands: a store in memory, a scripted vendor, and a wall clock that runs with tokio's.
//!
//! On a paused runtime nothing here takes time: whatever the engine waits for, tokio's clock jumps to.

use std::sync::Arc;
use std::time::Duration;

use barkeep::base::clock::Clock;
use barkeep::config::{Config, Environment, Loaded, Overrides, Policy, RateLimit, Settings, load_from};
use barkeep::market::Ts;
use barkeep::pipeline::Backfill;
use barkeep::pipeline::EngineContext;
use barkeep::pipeline::RunError;
use barkeep::pipeline::Summary;
use barkeep::pipeline::assemble;
use barkeep::pipeline::events::Silent;
use barkeep::store::Memory;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::scripted::Scripted;

/// Wall time that runs with tokio's clock.
#[derive(Debug)]
pub struct Wall {
    zero: Instant,
    start: Ts,
}

impl Wall {
    /// A clock that shows `start` now, an RFC 3339 time.
    pub fn at(start: &str) -> Arc<Self> {
        let start = chrono::DateTime::parse_from_rfc3339(start).unwrap().to_utc();
        Arc::new(Self { zero: Instant::now(), start: Ts::from(start) })
    }
}

impl Clock for Wall {
    fn now(&self) -> Ts {
        self.start + i64::try_from(self.zero.elapsed().as_millis()).unwrap()
    }
}

/// The built-in settings with another limit; nothing of the machine they are read on.
pub fn settings(rate_limit: RateLimit) -> Settings {
    loaded(Some(rate_limit)).settings
}

/// The built-in policy.
pub fn policy() -> Policy {
    loaded(None).policy
}

fn loaded(rate_limit: Option<RateLimit>) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("barkeep.yaml");
    std::fs::write(&file, "database:\n  url: sqlite:never-opened.db\nlog:\n  dir: never-written\n").unwrap();
    let overrides = Overrides { config: Some(file), rate_limit, ..Overrides::default() };
    load_from(&overrides, &Environment::default()).unwrap()
}

/// An engine with everything around it in sight.
pub struct Rig {
    pub engine: EngineContext,
    pub store: Arc<Memory>,
    pub vendor: Arc<Scripted>,
}

impl Rig {
    /// On an empty store.
    pub async fn new(vendor: Scripted, settings: Settings, clock: Arc<dyn Clock>) -> Self {
        Self::on(Memory::new(), Arc::new(vendor), settings, clock).await
    }

    /// On a store that has seen other engines, as a process that was started again.
    pub async fn on(memory: Arc<Memory>, vendor: Arc<Scripted>, settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let engine = assemble(memory.clone(), vendor.clone(), Config::new(settings, policy()), clock).await.unwrap();
        Self { engine, store: memory, vendor }
    }

    /// Runs a backfill to its end, as a new execution.
    pub async fn run(&self, wish: &Backfill) -> Result<Summary, RunError> {
        let wish = Backfill { execution_id: Uuid::new_v4(), ..wish.clone() };
        wish.run(&self.engine, Arc::new(Silent), CancellationToken::new()).await
    }

    /// The most calls that arrived within any trailing `window`.
    pub fn most_calls_in_any(&self, window: Duration) -> usize {
        let at: Vec<Instant> = self.vendor.calls().iter().map(|call| call.at).collect();
        let within = |first: &Instant| at.iter().filter(|t| **t >= *first && **t - *first < window).count();
        at.iter().map(within).max().unwrap_or(0)
    }
}
