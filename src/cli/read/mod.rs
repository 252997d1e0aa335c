//! Commands that print what is stored.

pub mod alerts;
pub mod bars;
pub mod explain;
pub mod features;
pub mod history;
pub mod staleness;
pub mod status;
