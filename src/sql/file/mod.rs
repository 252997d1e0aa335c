//! The files of a SQLite database, looked at without SQLite.

pub mod identity;
pub mod stamp;
pub mod watch;
