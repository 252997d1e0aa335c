//! The processes that share a database.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use barkeep_market::Ts;

/// The worker that has the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    pub host: String,
    pub since: Ts,
}

/// What became of asking for the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Election {
    /// It is this worker's.
    Leads,
    /// Another has it.
    StandsBy(Leader),
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerRole {
    /// The service that works.
    Leader,
    /// A service that takes over when the leader dies.
    Standby,
    /// A single command, such as a backfill.
    Command,
}

impl WorkerRole {
    pub const ALL: [Self; 3] = [Self::Leader, Self::Standby, Self::Command];

    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Standby => "standby",
            Self::Command => "command",
        }
    }
}

/// A living process that works on the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    pub worker_id: Uuid,
    pub host: String,
    pub version: String,
    pub role: WorkerRole,
    /// When the process began, or, of the leader, when it began to lead.
    pub since: Ts,
    /// Its newest sign of life, by the server's clock.
    pub heartbeat: Ts,
}
