//! What changes something: the engine, symbols, jobs.

pub mod console;
pub(crate) mod engine;
mod execution;
pub(crate) mod jobs;
pub(crate) mod quarantine;
pub(crate) mod symbols;
