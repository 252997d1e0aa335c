//! How a command ends: a code for scripts, one sentence for people.

use std::io::Write;
use std::process::ExitCode;

use barkeep_base::log::LogFileError;
use barkeep_config::ConfigError;
use barkeep_store::StoreError;

/// Everything asked for was done.
pub const DONE: u8 = 0;
/// The work ran and some of it failed: series, or writing the result.
pub const SOME_FAILED: u8 = 1;
/// The command line or the configuration cannot be used; nothing was changed.
pub const USAGE: u8 = 2;
/// The vendor refused the key.
pub const KEY_REFUSED: u8 = 3;
/// The database cannot be reached or used.
pub const DATABASE: u8 = 4;
/// Interrupted by a signal.
pub const INTERRUPTED: u8 = 130;

/// Why a command did not end with 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    pub code: u8,
    /// Printed behind `error:`; nothing is printed when it is empty.
    pub message: String,
    /// Printed behind `hint:`.
    pub hint: Option<String>,
}

impl CliError {
    #[must_use]
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, message)
    }

    /// Ends with `code` and says nothing: the output already did, or nobody reads it any more.
    #[must_use]
    pub fn silent(code: u8) -> Self {
        Self::new(code, "")
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A failed write of results. A reader that went away (`| head`) is no failure.
    #[must_use]
    pub fn writing(what: &str, e: &std::io::Error) -> Self {
        if e.kind() == std::io::ErrorKind::BrokenPipe {
            Self::silent(DONE)
        } else {
            Self::new(SOME_FAILED, format!("cannot write {what}: {e}"))
        }
    }

    /// Prints to stderr, also with `--json`: stdout carries results only.
    pub(super) fn report(&self) -> ExitCode {
        let mut err = std::io::stderr().lock();
        if !self.message.is_empty() {
            // A closed stderr is no reason to end in another way.
            let _ = writeln!(err, "error: {}", self.message);
            if let Some(hint) = &self.hint {
                let _ = writeln!(err, "hint: {hint}");
            }
        }
        ExitCode::from(self.code)
    }
}

impl From<ConfigError> for CliError {
    fn from(e: ConfigError) -> Self {
        Self::usage(e.0)
    }
}

impl From<LogFileError> for CliError {
    fn from(e: LogFileError) -> Self {
        Self::usage(e.to_string()).hint("name a file in a directory you may write to")
    }
}

impl From<StoreError> for CliError {
    fn from(e: StoreError) -> Self {
        let code = if matches!(e, StoreError::NotFound(_)) { USAGE } else { DATABASE };
        Self::new(code, e.to_string())
    }
}
