//! The file of a SQLite database: its identity, what changes it, and the connections that read it.

mod batch;
pub mod identity;
pub mod reader;
#[cfg(test)]
mod reader_tests;
pub mod stamp;
pub mod watch;
