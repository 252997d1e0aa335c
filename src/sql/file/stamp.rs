//! Whether anybody has written, without asking SQLite: the size and the time of the file and of its write-ahead log.
//!
//! A commit writes to the log, a checkpoint to the file, and neither is mapped into memory, so either moves a time.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The state of a database's files. It is compared, nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    file: (SystemTime, u64),
    /// Absent while nothing is in it.
    log: Option<(SystemTime, u64)>,
}

impl Stamp {
    /// `None` when the file cannot be looked at.
    #[must_use]
    pub fn of(database: &Path) -> Option<Self> {
        let state = |meta: Metadata| meta.modified().ok().map(|at| (at, meta.len()));
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let file = std::fs::metadata(database).ok().and_then(state)?;
        Some(Self { file, log: std::fs::metadata(PathBuf::from(log)).ok().and_then(state) })
    }
}
