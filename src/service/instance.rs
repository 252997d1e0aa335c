//! One service per SQLite file.
//!
//! The lock is taken on a file of its own beside the database: opening and closing the database file itself would drop
//! SQLite's locks (POSIX advisory locks belong to the process). The kernel gives the lock back when the process dies,
//! however it dies. PostgreSQL is made for many; there, claims and idempotent writes keep services apart.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use barkeep_base::text::printable;

/// Read and written by the user of the service alone.
const OWNER_ONLY: u32 = 0o600;

/// Who only looks whether a service runs holds the lock for an instant; the start of a service waits for that.
const LOOKS: usize = 5;
const LOOK: Duration = Duration::from_millis(20);

/// Held for as long as the service runs.
#[derive(Debug)]
pub struct Instance {
    lock: File,
}

/// A service that runs on a database of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningService {
    /// `process 4711`.
    pub holder: String,
    /// Where its API is served; absent when it has none.
    pub url: Option<String>,
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
    ///
    /// # Errors
    /// `Held` when another process has the lock, `Unusable` when its file cannot be created or written.
    pub fn take(database: &Path) -> Result<Self, InstanceError> {
        let path = lock_of(database);
        let unusable = |reason| InstanceError::Unusable { path: path.clone(), reason };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(OWNER_ONLY);
        let mut file = options.open(&path).map_err(unusable)?;
        // One of an earlier version was readable by all.
        file.set_permissions(Permissions::from_mode(OWNER_ONLY)).map_err(unusable)?;
        let mut looks = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if looks < LOOKS => {
                    looks += 1;
                    std::thread::sleep(LOOK);
                }
                Err(TryLockError::WouldBlock) => {
                    let RunningService { holder, .. } = read_mark(&mut file);
                    return Err(InstanceError::Held { holder, path: database.to_path_buf() });
                }
                Err(TryLockError::Error(e)) => return Err(unusable(e)),
            }
        }
        let mark = format!("process {}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(mark.as_bytes()))
            .map_err(unusable)?;
        Ok(Self { lock: file })
    }

    /// Writes down where the API of this service is, for commands that want to reach it.
    ///
    /// # Errors
    /// When the lock file cannot be written.
    pub fn announce(&self, url: &str) -> std::io::Result<()> {
        (&self.lock).write_all(format!("{url}\n").as_bytes())
    }
}

/// The service that runs on a database; `None` when there is none, or none that can be seen from here.
#[must_use]
pub fn running(database: &Path) -> Option<RunningService> {
    let mut file = File::open(lock_of(database)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(read_mark(&mut file)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn lock_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".instance");
    PathBuf::from(path)
}

/// The holder writes its mark after locking; an empty file means it is just about to.
fn read_mark(file: &mut File) -> RunningService {
    let mut mark = String::new();
    let _ = file.read_to_string(&mut mark);
    let mut lines = mark.lines().map(str::trim).filter(|line| !line.is_empty());
    let holder = lines.next().map_or_else(|| "another process".to_owned(), printable);
    RunningService { holder, url: lines.next().map(printable) }
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

    #[test]
    fn commands_learn_where_the_service_is() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("bars.db");
        assert_eq!(running(&database), None);
        let first = Instance::take(&database).unwrap();
        let holder = format!("process {}", std::process::id());
        assert_eq!(running(&database), Some(RunningService { holder: holder.clone(), url: None }));
        first.announce("http://127.0.0.1:8000").unwrap();
        let url = Some("http://127.0.0.1:8000".to_owned());
        assert_eq!(running(&database), Some(RunningService { holder, url }));
        drop(first);
        assert_eq!(running(&database), None, "what it wrote outlives it and counts no more");
    }

    #[test]
    fn a_look_does_not_keep_a_service_from_starting() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("bars.db");
        drop(Instance::take(&database).unwrap());
        let look = File::open(lock_of(&database)).unwrap();
        look.lock_shared().unwrap();
        let start = std::thread::spawn({
            let database = database.clone();
            move || Instance::take(&database).map(drop)
        });
        std::thread::sleep(LOOK / 2);
        drop(look);
        assert!(start.join().unwrap().is_ok());
    }
}
