//! Commands that change what is tracked and configured.

pub mod config;
pub mod keys;
pub mod quarantine;
pub mod shell;
pub mod symbols;
