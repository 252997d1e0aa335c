//! Whether the path still names the file that was opened.
//!
//! SQLite goes on writing to a file that was deleted, moved or replaced, and a new connection opens whatever lies at the
//! path by now, with the old write-ahead log beside it. So device and inode are compared before anything is opened or
//! written. A file that is open keeps its inode number, so no other file can have it meanwhile.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::{Result, StoreError};

/// Device and inode.
type Id = (u64, u64);

/// What was opened, and where.
#[derive(Debug)]
pub(crate) struct Identity {
    path: PathBuf,
    /// `None` where the system has no such numbers.
    file: Option<Id>,
    /// The log of the writing connection, which SQLite keeps as long as that is open.
    log: Mutex<Option<Id>>,
    /// Once noticed it stays so: what was written meanwhile is in nobody's file.
    gone: OnceLock<String>,
}

impl Identity {
    /// Of the file that is about to be opened.
    pub(super) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), file: look(path).flatten(), log: Mutex::default(), gone: OnceLock::new() }
    }

    /// Fails when the file is not the one that was opened.
    pub(crate) fn check(&self) -> Result<()> {
        let what = match (self.gone.get(), self.file) {
            (Some(what), _) => what.clone(),
            (None, None) => return Ok(()),
            (None, Some(file)) => {
                let log = *self.log();
                let what = match (look(&self.path), log.map(|log| (log, look(&beside(&self.path, "-wal"))))) {
                    (Some(None), _) => "was deleted or moved",
                    (Some(Some(found)), _) if found != file => "was replaced by another file",
                    (_, Some((log, Some(found)))) if found != Some(log) => "lost its write-ahead log (-wal)",
                    // What cannot be looked at is not judged; SQLite will say what is wrong with it.
                    _ => return Ok(()),
                };
                self.gone.get_or_init(|| format!("{} {what}", self.path.display())).clone()
            }
        };
        Err(StoreError::Unusable(format!(
            "{what} while barkeep was using it, so nothing more is written; put the file back, or restore a backup (without \
             the old -wal and -shm files), then start barkeep again"
        )))
    }

    /// A writing connection was made.
    pub(super) fn connected(&self) {
        *self.log() = None;
    }

    /// The writing connection has begun a transaction, so its log exists.
    pub(super) fn began(&self) {
        let mut log = self.log();
        if log.is_none() && self.file.is_some() {
            *log = look(&beside(&self.path, "-wal")).flatten();
        }
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Option<Id>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file of SQLite's that lies beside a database.
pub(super) fn beside(path: &Path, suffix: impl AsRef<OsStr>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// `None` when it cannot be told, `Some(None)` when there is no file.
#[cfg(unix)]
fn look(path: &Path) -> Option<Option<Id>> {
    use std::io::ErrorKind;
    use std::os::unix::fs::MetadataExt as _;
    match std::fs::metadata(path) {
        Ok(meta) => Some(Some((meta.dev(), meta.ino()))),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Some(None),
        Err(_) => None,
    }
}

#[cfg(not(unix))]
fn look(_: &Path) -> Option<Option<Id>> {
    None
}
