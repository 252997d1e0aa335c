//! Whether anybody has written, without asking SQLite: the size and the time of the file and of its write-ahead log. Another
//! file in its place has another number.
//!
//! A commit writes to the log, a checkpoint to the file, and neither is mapped into memory, so either moves a time.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Time, size, and the number that the file system knows it by.
type State = (SystemTime, u64, u64);

/// The state of a database's files. It is compared, nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    file: State,
    /// Absent while nothing is in it.
    log: Option<State>,
}

impl Stamp {
    /// `None` when the file cannot be looked at.
    #[must_use]
    pub fn of(database: &Path) -> Option<Self> {
        let state = |meta: Metadata| meta.modified().ok().map(|at| (at, meta.len(), number(&meta)));
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let file = std::fs::metadata(database).ok().and_then(state)?;
        Some(Self { file, log: std::fs::metadata(PathBuf::from(log)).ok().and_then(state) })
    }
}

#[cfg(unix)]
fn number(meta: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
const fn number(_: &Metadata) -> u64 {
    0
}
