//! Commands that measure the real thing.

pub mod baseline;
pub mod loadtest;
pub mod rto_rpo;
pub mod sim;
