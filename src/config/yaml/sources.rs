//! The files that settings came from.

use std::path::PathBuf;

/// Which files were used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// `None`: no file was found, the defaults run.
    pub config: Option<PathBuf>,
    /// `None`: the built-in policy runs.
    pub policy: Option<PathBuf>,
    /// Where the settings file was looked for.
    pub searched: Vec<PathBuf>,
}
