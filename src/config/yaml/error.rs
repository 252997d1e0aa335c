//! What is wrong with a setting, and where it was written.
//!
//! Every setting carries its origin, so that any later complaint names the file and the line, the variable or the flag.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A configuration that cannot be used: where, what is wrong and what to do, in one line fit to print.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The defaults built into the binary: which file, and the line in it.
    BuiltIn(&'static str, usize),
    File(Arc<PathBuf>, usize),
    Environment(&'static str),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(file, line) => write!(f, "built-in {file}:{line}"),
            Self::File(path, line) => {
                write!(f, "{}:{line}", barkeep_base::text::printable(&path.display().to_string()))
            }
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "{name}"),
        }
    }
}

impl Origin {
    /// The same place on another line; flags and variables have none.
    pub(crate) fn on_line(&self, line: usize) -> Self {
        match self {
            Self::BuiltIn(file, _) => Self::BuiltIn(file, line),
            Self::File(path, _) => Self::File(Arc::clone(path), line),
            Self::Environment(name) => Self::Environment(name),
            Self::Flag(name) => Self::Flag(name),
        }
    }

    pub(crate) const fn line(&self) -> usize {
        match self {
            Self::BuiltIn(_, line) | Self::File(_, line) => *line,
            Self::Environment(_) | Self::Flag(_) => 0,
        }
    }

    /// For humans: `default` instead of the place inside the binary.
    #[must_use]
    pub fn brief(&self) -> String {
        if matches!(self, Self::BuiltIn(..)) { "default".to_owned() } else { self.to_string() }
    }

    pub(crate) fn error(&self, what: impl fmt::Display, to_do: impl fmt::Display) -> ConfigError {
        ConfigError(format!("{self}: {what}; {to_do}"))
    }
}
