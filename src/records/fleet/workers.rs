//! The processes that share a database.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};
use uuid::Uuid;

use barkeep_base::variants::all;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, EnumCount, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum WorkerRole {
    /// The service that works.
    Leader,
    /// A service that takes over when the leader dies.
    Standby,
    /// A single command, such as a backfill.
    Command,
}

impl WorkerRole {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
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
    /// Its newest heartbeat, by the server's clock.
    pub heartbeat: Ts,
    /// Items of a shared plan that it has now.
    #[serde(default)]
    pub items: u64,
}
