//! Results on stdout, as text or as JSON, and in files.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::OnceLock;

use serde::Serialize;

use super::early::Color;
use super::exit::{CliError, SOME_FAILED};
use barkeep_base::text::printable;

/// How the process speaks besides its results; set once, from the command line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    pub json: bool,
    pub quiet: bool,
    pub color: Color,
}

static MANNER: OnceLock<Manner> = OnceLock::new();

pub fn set_manner(manner: Manner) {
    // The first to say it is the command line.
    let _ = MANNER.set(manner);
}

pub fn manner() -> Manner {
    MANNER.get().copied().unwrap_or_default()
}

/// A line on stderr that `--quiet` leaves out: progress, and what is good to know.
pub fn note(line: &str) {
    if !manner().quiet {
        // A closed stderr changes nothing.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// A warning on stderr.
pub fn warn(text: &str) {
    note(&format!("warning: {text}"));
}

/// Writes text to stdout.
///
/// # Errors
/// When stdout cannot be written.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| CliError::writing("to stdout", &e))
}

/// Writes a value as indented JSON to stdout.
///
/// # Errors
/// When stdout cannot be written.
pub fn print_json<T: Serialize + ?Sized>(value: &T) -> Result<(), CliError> {
    print(&(to_json(serde_json::to_string_pretty(value))? + "\n"))
}

/// Writes a value as one line of JSON to stdout.
///
/// # Errors
/// When stdout cannot be written.
pub fn print_json_line<T: Serialize + ?Sized>(value: &T) -> Result<(), CliError> {
    // Never held as a text: a plan of ten thousand symbols is 25 MB.
    let mut out = BufWriter::new(std::io::stdout().lock());
    match serde_json::to_writer(&mut out, value) {
        Ok(()) => {}
        Err(e) if e.is_io() => return Err(CliError::writing("to stdout", &e.into())),
        Err(e) => return Err(not_json(&e)),
    }
    out.write_all(b"\n").and_then(|()| out.flush()).map_err(|e| CliError::writing("to stdout", &e))
}

/// Writes a value as JSON to a file, besides what is printed.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json_file<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<(), CliError> {
    let text = to_json(serde_json::to_string_pretty(value))? + "\n";
    std::fs::write(path, text).map_err(|e| CliError::writing(&printable(&path.display().to_string()), &e))
}

/// Refuses a file that cannot be written, before the work whose result it is to hold. What is there stays as it is.
///
/// # Errors
/// When it cannot be opened for writing.
pub fn check_output(path: Option<&Path>) -> Result<(), CliError> {
    let Some(path) = path else { return Ok(()) };
    let is_new = !path.exists();
    let opened = std::fs::File::options().create(true).append(true).open(path);
    let checked = opened.and_then(|_| if is_new { std::fs::remove_file(path) } else { Ok(()) });
    checked.map_err(|e| {
        let text = format!("--output {}: cannot be written: {e}", printable(&path.display().to_string()));
        CliError::usage(text).hint("name a file in a directory that exists and that you can write to")
    })
}

fn to_json(text: serde_json::Result<String>) -> Result<String, CliError> {
    text.map_err(|e| not_json(&e))
}

fn not_json(e: &serde_json::Error) -> CliError {
    CliError::new(SOME_FAILED, format!("cannot write the result as JSON: {e}"))
}
