//! The processes that share a database.

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
