//! Commands that manage symbols, quarantined bars, API keys and the configuration.

pub mod config;
pub mod keys;
pub mod quarantine;
pub mod shell;
pub mod symbols;
