//! Measurements of the real program: the engine, the vendor and the database as users run them.

pub mod baseline;
mod child;
pub mod loadtest;
pub mod rto_rpo;
pub mod soundness;
