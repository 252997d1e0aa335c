//! Commands that only read the database.

pub mod alerts;
pub mod bars;
pub(crate) mod columns;
pub mod explain;
pub mod export;
pub mod features;
pub mod history;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
pub mod staleness;
pub mod status;
