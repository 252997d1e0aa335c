//! Whether the path still names the file that was opened.
//!
//! SQLite goes on writing to a file that was deleted, moved or replaced, and a new connection opens whatever lies at the
//! path by now, with the old write-ahead log beside it. So device and inode are compared before anything is opened or
//! written. A file that is open keeps its inode number, so no other file can have it meanwhile.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::sync::watch;

use super::stamp::Stamp;
use super::watch::FileWatch;
use crate::{Result, StoreError};

/// Device and inode.
type Id = (u64, u64);

/// What was opened, and where.
#[derive(Debug)]
pub struct Identity {
    path: PathBuf,
    /// `None` where the system has no such numbers.
    file: Option<Id>,
    /// The log of the writing connection, which SQLite keeps as long as that is open.
    log: Mutex<Option<Id>>,
    /// Once noticed it stays so: what was written meanwhile is in nobody's file.
    gone: OnceLock<String>,
    /// Started when somebody first waits for a change.
    watch: OnceLock<Option<FileWatch>>,
}

impl Identity {
    /// Of the file that is about to be opened.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: look(path).id(),
            log: Mutex::default(),
            gone: OnceLock::new(),
            watch: OnceLock::new(),
        }
    }

    /// Whether it is still there.
    ///
    /// # Errors
    /// When the file is not the one that was opened.
    pub fn check(&self) -> Result<()> {
        let Some(file) = self.file else { return Ok(()) };
        let what = match self.gone.get() {
            Some(what) => what,
            None => match self.change(file) {
                Some(what) => self.gone.get_or_init(|| format!("{} {what}", self.path.display())),
                None => return Ok(()),
            },
        };
        Err(StoreError::Unusable(format!(
            "{what} while barkeep was using it, so nothing more is written; put the file back, or restore a backup (without \
             the old -wal and -shm files), then start barkeep again"
        )))
    }

    fn change(&self, file: Id) -> Option<&'static str> {
        let log = *self.log();
        match look(&self.path) {
            Found::Nothing => Some("was deleted or moved"),
            found if found.is_other_than(file) => Some("was replaced by another file"),
            _ if log.is_some_and(|log| look(&beside(&self.path, "-wal")).is_other_than(log)) => {
                Some("lost its write-ahead log (-wal)")
            }
            _ => None,
        }
    }

    /// The writing connection is given up; SQLite deletes the log with the last one.
    pub fn ended(&self) {
        *self.log() = None;
    }

    /// The writing connection has begun a transaction, so its log exists.
    pub fn began(&self) {
        let mut log = self.log();
        if log.is_none() && self.file.is_some() {
            *log = look(&beside(&self.path, "-wal")).id();
        }
    }

    /// The files as they are seen every second.
    pub fn stamp(&self) -> Option<watch::Receiver<Option<Stamp>>> {
        let start = || {
            let failed = |error: &_| tracing::warn!(%error, "the files of the database are not watched");
            FileWatch::start(&self.path).inspect_err(failed).ok()
        };
        self.watch.get_or_init(start).as_ref().map(FileWatch::stamp)
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Option<Id>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file of SQLite's that lies beside a database.
#[must_use]
pub fn beside(path: &Path, suffix: impl AsRef<OsStr>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    File(Id),
    Nothing,
    /// What cannot be looked at is not judged; SQLite will say what is wrong with it.
    Unknown,
}

impl Found {
    const fn id(self) -> Option<Id> {
        match self {
            Self::File(id) => Some(id),
            Self::Nothing | Self::Unknown => None,
        }
    }

    /// Whether it is known to be something else.
    fn is_other_than(self, id: Id) -> bool {
        self != Self::Unknown && self != Self::File(id)
    }
}

#[cfg(unix)]
fn look(path: &Path) -> Found {
    use std::io::ErrorKind;
    use std::os::unix::fs::MetadataExt as _;
    match std::fs::metadata(path) {
        Ok(meta) => Found::File((meta.dev(), meta.ino())),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Found::Nothing,
        Err(_) => Found::Unknown,
    }
}

#[cfg(not(unix))]
fn look(_: &Path) -> Found {
    Found::Unknown
}
