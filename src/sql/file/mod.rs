//! The files of a SQLite database: who they are, what changes them, and reading them.

pub mod identity;
pub mod reader;
#[cfg(test)]
mod reader_tests;
pub mod stamp;
pub mod watch;
