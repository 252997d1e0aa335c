//! Commands that manage symbols, quarantined bars, API keys, the database and the configuration.

pub mod config;
pub mod db;
pub mod keys;
pub mod quarantine;
pub mod shell;
pub mod symbols;
