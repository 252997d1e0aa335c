//! The database file and its lock: directories 0700, files 0600, one process at a time while the schema is made.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Result, StoreError};

/// Longest wait for another process that is making the schema: about a minute.
const TRIES: u32 = 3_000;
const PAUSE: Duration = Duration::from_millis(20);

fn failed(what: &str, path: &Path, error: &Error) -> StoreError {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => "; check the permissions, or name another place with database.url",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; free some space",
        ErrorKind::FileTooLarge => "; raise the file-size limit (ulimit -f, LimitFSIZE)",
        ErrorKind::ReadOnlyFilesystem => "; the file system is read-only",
        _ => "",
    };
    StoreError::Disk(format!("cannot {what} {}: {error}{hint}", path.display()))
}

/// Makes the directory of the database, readable by this user only, when it is missing.
pub(super) fn make_directory(path: &Path) -> Result<()> {
    let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty() && !d.exists()) else { return Ok(()) };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|e| failed("create the directory", dir, &e))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Lets a write that passes the file-size limit fail, as on a full disk, instead of ending the process (SIGXFSZ).
pub(super) fn catch_size_limit() {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // Both systems have the number; the handler stays when its listener is dropped.
        if let Err(error) = signal(SignalKind::from_raw(25)) {
            tracing::warn!(%error, "a file-size limit would end this process");
        }
    }
}

/// Makes an empty file, readable by this user only, unless there is one. An existing file is not opened (`O_EXCL`).
pub(super) fn create(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(StoreError::Disk(format!("{} is a directory; name a file", path.display())));
    }
    match private().create_new(true).open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(failed("create", path, &e)),
    }
}

/// Locks `<db>.migrate-lock` until the answer is dropped. The lock file stays: deleting it would let two in.
pub(super) async fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".migrate-lock");
    let name = PathBuf::from(name);
    let file = private().create(true).truncate(false).open(&name).map_err(|e| failed("open", &name, &e))?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
            Err(TryLockError::Error(e)) => return Err(failed("lock", &name, &e)),
        }
    }
    Err(StoreError::Busy(format!("another barkeep holds {} for over a minute", name.display())))
}
