//! The processes that share a database, and who works on what.

pub mod claims;
mod workers;

pub use workers::{Election, Leader, Worker, WorkerRole};
