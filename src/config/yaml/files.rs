//! Settings files: found, checked and read without ever blocking or filling memory.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::yaml::error::ConfigError;
use barkeep_base::text::printable;

/// Larger than any settings file; a log or a database named by mistake stops here.
pub(crate) const LARGEST: u64 = 1024 * 1024;

/// A file that was read.
pub(crate) struct TextFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

fn complaint(path: &Path, what: impl std::fmt::Display, to_do: &str) -> ConfigError {
    ConfigError(format!("{}: {what}; {to_do}", printable(&path.display().to_string())))
}

/// The first of `candidates` that exists.
pub(crate) fn first_existing(candidates: &[PathBuf]) -> Result<Option<TextFile>, ConfigError> {
    for path in candidates {
        match std::fs::metadata(path) {
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {}
            _ => return read(path).map(Some),
        }
    }
    Ok(None)
}

/// Reads a settings file as text. The kind is checked before opening: opening a FIFO would wait for a writer.
pub(crate) fn read(path: &Path) -> Result<TextFile, ConfigError> {
    let unreadable =
        |e: std::io::Error| complaint(path, format_args!("cannot be read: {e}"), "check the path and its permissions");
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(complaint(path, "is a directory", "name the file in it"));
    }
    if !metadata.is_file() {
        return Err(complaint(path, "is not a regular file", "name a plain YAML file"));
    }
    let too_large = || complaint(path, "is larger than 1 MiB, so it is not a settings file", "name the right file");
    if metadata.len() > LARGEST {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // The file may have grown since: the cap holds for what is read.
    std::fs::File::open(path).and_then(|f| f.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(too_large());
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let good = e.as_bytes().get(..e.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.split(|b| *b == b'\n').count();
        ConfigError(format!("{}:{line}: not UTF-8; save the file as UTF-8", printable(&path.display().to_string())))
    })?;
    Ok(TextFile { path: path.to_owned(), text })
}
