//! Where the log goes.

use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LogSettings {
    /// Directory of the rolling log files.
    pub dir: PathBuf,
    /// `--log-file` writes to exactly this file instead.
    pub file: Option<PathBuf>,
    pub level: String,
    pub format: LogFormat,
    /// Daily files kept.
    pub keep: usize,
}
