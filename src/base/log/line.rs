//! A line of the log as screens show it.

use serde::{Deserialize, Serialize};

use crate::ts::Ts;

/// How grave a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    pub const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Debug];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// A line of the log as screens show it. Its text is fit to print.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Grows by one with every notice of a process.
    pub seq: u64,
    pub at: Ts,
    pub level: Level,
    /// Where it comes from: `engine::service`, `vendor::dispatch`.
    pub source: String,
    pub text: String,
}
