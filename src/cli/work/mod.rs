//! Commands that fetch, and the dashboards.

pub mod attach;
pub mod backfill;
pub mod dashboard;
pub mod demo;
pub mod plan;
pub mod run;
