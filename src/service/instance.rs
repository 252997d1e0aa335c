//! One service per SQLite file.
//!
//! The lock is taken on a file of its own beside the database: opening and closing the database file itself would drop
//! SQLite's locks (POSIX advisory locks belong to the process). The kernel gives the lock back when the process dies,
//! however it dies. PostgreSQL is made for many; there, claims and idempotent writes keep services apart.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use barkeep_base::text::printable;

/// Read and written by the user of the service alone.
const OWNER_ONLY: u32 = 0o600;

/// Held for as long as the service runs.
#[derive(Debug)]
pub struct Instance {
    _lock: File,
}

/// Why there is no lock to be had.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    #[error("{} already serves this database ({})", holder, path.display())]
    Held { holder: String, path: PathBuf },
    #[error("the lock file {} cannot be used: {reason}", path.display())]
    Unusable { path: PathBuf, reason: std::io::Error },
}

impl Instance {
    /// Takes the lock that belongs to a SQLite file.
    pub fn take(database: &Path) -> Result<Self, InstanceError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".instance");
        let path = PathBuf::from(path);
        let unusable = |reason| InstanceError::Unusable { path: path.clone(), reason };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(OWNER_ONLY);
        let mut file = options.open(&path).map_err(unusable)?;
        // One of an earlier version was readable by all.
        file.set_permissions(Permissions::from_mode(OWNER_ONLY)).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder writes its mark after locking; an empty file means it is just about to.
                let _ = file.read_to_string(&mut holder);
                let pid = holder.trim();
                let holder = if pid.is_empty() { "another process".to_owned() } else { printable(pid) };
                return Err(InstanceError::Held { holder, path: database.to_path_buf() });
            }
            Err(TryLockError::Error(e)) => return Err(unusable(e)),
        }
        let mark = format!("process {}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(mark.as_bytes()))
            .map_err(unusable)?;
        Ok(Self { _lock: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_learns_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("bars.db");
        let lock = dir.path().join("bars.db.instance");
        std::fs::write(&lock, "").unwrap();
        std::fs::set_permissions(&lock, Permissions::from_mode(0o644)).unwrap();
        let first = Instance::take(&database).unwrap();
        assert_eq!(std::fs::metadata(&lock).unwrap().permissions().mode() & 0o777, 0o600);
        let error = Instance::take(&database).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        assert!(Instance::take(&database).is_ok());
    }
}
