//! Commands that only read the database.

pub mod alerts;
pub mod bars;
pub mod explain;
pub mod features;
pub mod history;
pub mod staleness;
pub mod status;
