//! A directory of its own for a measurement, gone when it ends.

use std::path::{Path, PathBuf};

use uuid::Uuid;

/// Deleted with everything in it when it is dropped.
#[derive(Debug)]
pub(super) struct Dir(PathBuf);

impl Dir {
    /// A fresh directory, for this user alone, among the system's temporary files.
    pub(super) fn make(purpose: &str) -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let path = std::env::temp_dir().join(format!("barkeep-{purpose}-{}", Uuid::new_v4().simple()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // What the system does not let go of now it clears itself later.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
