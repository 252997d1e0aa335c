//! What an engine shows of itself.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::activity::{ActivityView, VendorSilence};
use crate::progress::RunView;
use barkeep_market::Ts;
use barkeep_store::{EnginePause, Worker, WorkerRole};
use barkeep_vendor::limit::LimitSnapshot;

/// What the engine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum EngineState {
    /// Nothing to do until the next scheduled run.
    Idle,
    Running,
    /// Pausing was asked for; pages in flight are being committed.
    Pausing,
    /// Nothing is in flight and nothing starts.
    Paused,
    /// Stopping for good.
    Draining,
    /// The vendor refused the key, or the database is gone; see the reason.
    Failed,
    /// Another service of this database works; see the reason.
    Standby,
}

impl EngineState {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// The state of a running engine at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// When this was true.
    pub at: Ts,
    pub state: EngineState,
    /// Why, when the state is `failed` or `standby`.
    pub reason: Option<String>,
    /// What the vendor said when it refused the key, until it accepts one.
    pub key_refused: Option<String>,
    /// The vendor has not answered lately; absent after an answer.
    #[serde(default)]
    pub vendor_silent: Option<VendorSilence>,
    /// Since when the oldest write to the database has not ended; absent unless that takes long.
    #[serde(default)]
    pub write_waits_since: Option<Ts>,
    pub paused: Option<EnginePause>,
    pub runs: Vec<RunView>,
    pub limit: LimitSnapshot,
    /// Requests waiting for a token, on the wire or being committed.
    pub in_flight: usize,
    /// What the schedule does next.
    pub next: Vec<Tick>,
    pub pulse: ActivityView,
    /// The process that runs the engine; absent in what is read from a database alone.
    pub process: Option<Process>,
    /// The processes that work on the database, the leader first; absent where there is one at most, on SQLite.
    #[serde(default)]
    pub fleet: Option<Vec<Worker>>,
}

impl Live {
    /// The host whose service works, and since when, where several may.
    #[must_use]
    pub fn leader(&self) -> Option<(&str, Ts)> {
        let leader = self.fleet.iter().flatten().find(|worker| worker.role == WorkerRole::Leader);
        leader.map(|worker| (worker.host.as_str(), worker.since))
    }

    /// Services that stand by.
    #[must_use]
    pub fn on_standby(&self) -> usize {
        self.fleet.iter().flatten().filter(|worker| worker.role == WorkerRole::Standby).count()
    }

    /// What is known of an engine from its database alone: whether something runs, whether it is paused, and the limit.
    #[must_use]
    pub fn from_outside(running: bool, paused: Option<EnginePause>, limit: LimitSnapshot, now: Ts) -> Self {
        let state = if paused.is_some() {
            EngineState::Paused
        } else if running {
            EngineState::Running
        } else {
            EngineState::Idle
        };
        Self {
            at: now,
            state,
            reason: None,
            key_refused: None,
            vendor_silent: None,
            write_waits_since: None,
            paused,
            runs: Vec::new(),
            limit,
            in_flight: 0,
            next: Vec::new(),
            pulse: ActivityView { until: now, ..ActivityView::default() },
            process: None,
            fleet: None,
        }
    }
}

/// The process an engine runs in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Process {
    pub pid: u32,
    pub version: String,
    pub started_at: Ts,
    /// Executions begun, requests made and bars written since then.
    pub executions_begun: u64,
    pub requests_made: u64,
    pub bars_written: u64,
    /// Answers dropped because a newer one was already stored.
    #[serde(default)]
    pub stale_answers: u64,
}

/// The next time something is due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// `critical`, `standard`, `low` or `sweep`.
    pub what: String,
    pub at: Ts,
}
