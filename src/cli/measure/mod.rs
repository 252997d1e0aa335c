//! Commands that measure, and the simulated vendor.

pub mod baseline;
pub mod loadtest;
pub mod rto_rpo;
pub mod sim;
