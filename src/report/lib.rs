//! Measurements of the real thing: the engine, the vendor and the database as users have them.

pub mod baseline;
mod child;
pub mod loadtest;
pub mod rto_rpo;
mod scratch;
