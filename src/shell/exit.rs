//! How a command ends: an exit code, and an error with a hint.

use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;

use barkeep_base::ids::NoSuchId;
use barkeep_base::log::LogFileError;
use barkeep_config::ConfigError;
use barkeep_store::StoreError;

/// The version of what `--json` prints of errors and commands.
pub const SCHEMA: u32 = 1;

/// Done.
pub const DONE: u8 = 0;
/// Some series failed, or the result could not be written.
pub const SOME_FAILED: u8 = 1;
/// The command line or the configuration is wrong; nothing was changed.
pub const USAGE: u8 = 2;
/// The vendor refused the key.
pub const KEY_REFUSED: u8 = 3;
/// The database is unreachable or unusable.
pub const DATABASE: u8 = 4;
/// Interrupted by a signal.
pub const INTERRUPTED: u8 = 130;

/// A failed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    pub code: u8,
    /// Printed after `error:`; nothing is printed when it is empty.
    pub message: String,
    /// Printed after `hint:`: what to do about it.
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

    /// Exits with `code` and prints nothing: the output has said why, or nobody reads it.
    #[must_use]
    pub fn silent(code: u8) -> Self {
        Self::new(code, "")
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A hint for when something was not found or cannot be done as asked; other errors need another one.
    #[must_use]
    pub fn usage_hint(self, hint: impl Into<String>) -> Self {
        if self.code == USAGE { self.hint(hint) } else { self }
    }

    /// Results could not be written. A closed pipe (`| head`) is not an error.
    #[must_use]
    pub fn writing(what: &str, e: &std::io::Error) -> Self {
        if e.kind() == std::io::ErrorKind::BrokenPipe {
            Self::silent(DONE)
        } else {
            Self::new(SOME_FAILED, format!("cannot write {what}: {e}"))
        }
    }

    /// Prints to stderr; with `--json` also as one object, on the last line of it. Only results go to stdout.
    #[must_use]
    pub fn report(&self, json: bool) -> ExitCode {
        let Self { code, message, hint } = self;
        if message.is_empty() {
            return ExitCode::from(*code);
        }
        // A closed stderr must not change the exit code.
        let mut err = std::io::stderr().lock();
        let _ = writeln!(err, "error: {message}");
        if let Some(hint) = hint {
            let _ = writeln!(err, "hint: {hint}");
        }
        if json {
            // Where the message says both what is wrong and, last, what to do, a program need not look for it.
            let hint =
                hint.as_deref().or_else(|| message.rsplit_once("; ").filter(|_| *code == USAGE).map(|(_, last)| last));
            let error = serde_json::json!({ "message": message, "hint": hint, "exit_code": code });
            let _ = writeln!(err, "{}", serde_json::json!({ "schema": SCHEMA, "error": error }));
        }
        ExitCode::from(*code)
    }
}

/// What clap says of a command line, in one line each for what and what to do.
impl From<clap::Error> for CliError {
    fn from(e: clap::Error) -> Self {
        let text = e.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
        let tips = rest.lines().map(str::trim).filter_map(|line| line.strip_prefix("tip: ")).collect::<Vec<_>>();
        let hint = if tips.is_empty() { "--help lists the options".to_owned() } else { tips.join("; ") };
        Self::usage(message.trim()).hint(hint)
    }
}

/// What parsers of the standard library say, and what is possible instead.
const TERSE: [(&str, &str); 8] = [
    ("invalid digit found in string", "write a whole number"),
    ("number too large to fit in target type", "the number is too large"),
    ("number too small to fit in target type", "the number is too small"),
    ("invalid socket address syntax", "write IP:PORT such as 127.0.0.1:8000"),
    ("relative URL without a base", "write a URL such as http://127.0.0.1:8000"),
    ("empty host", "write a URL such as http://127.0.0.1:8000"),
    ("is not in 1..18446744073709551615", "is too small; write 1 or more"),
    ("cannot parse integer from empty string", "write a whole number"),
];

/// The error in words that say what is possible, where clap has only those of `TERSE`.
#[must_use]
pub fn explained(e: &clap::Error) -> Option<CliError> {
    if e.kind() != ErrorKind::ValueValidation {
        return None;
    }
    let text = e.to_string();
    let message = text.strip_prefix("error: ")?.split("\n\n").next()?;
    let (terse, words) = TERSE.into_iter().find(|(terse, _)| message.contains(terse))?;
    Some(CliError::usage(message.replace(terse, words)))
}

impl From<ConfigError> for CliError {
    fn from(e: ConfigError) -> Self {
        Self::usage(e.0)
    }
}

impl From<NoSuchId> for CliError {
    fn from(e: NoSuchId) -> Self {
        Self { code: USAGE, message: e.message, hint: e.hint }
    }
}

impl From<LogFileError> for CliError {
    fn from(e: LogFileError) -> Self {
        Self::usage(e.to_string()).hint("choose a file in a directory you can write to")
    }
}

impl From<StoreError> for CliError {
    fn from(e: StoreError) -> Self {
        let code = if matches!(e, StoreError::NotFound(_)) { USAGE } else { DATABASE };
        Self::new(code, e.to_string())
    }
}
