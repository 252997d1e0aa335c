//! Commands that fetch, and the dashboard.

pub mod attach;
pub mod backfill;
pub mod dashboard;
pub mod demo;
pub mod local;
pub mod plan;
pub mod run;
mod saved_plan;
