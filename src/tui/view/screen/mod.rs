//! One file for each screen.

pub mod coverage;
pub mod detail;
pub mod executions;
pub mod failures;
pub mod log;
pub mod map;
pub mod overview;
pub mod session;
pub mod symbols;
pub mod vendor;
