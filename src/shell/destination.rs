//! Where an export goes: stdout, or a file that appears complete or not at all.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Result, Write};
use std::path::{Path, PathBuf};

/// An export that is being written. Dropped without [`Destination::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct Destination(Option<Pending>);

#[derive(Debug)]
struct Pending {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
}

impl Destination {
    /// The place for an export, and what to write it with: the file at `path`, or stdout.
    ///
    /// # Errors
    /// When the path is a directory, or the file beside it cannot be created.
    pub fn open(path: Option<&Path>) -> Result<(Self, Box<dyn Write + Send>)> {
        let Some(path) = path else {
            return Ok((Self(None), Box::new(BufWriter::new(std::io::stdout()))));
        };
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(std::io::Error::other("it is a directory, not a file")),
            // A device or a pipe is written in place: a rename would replace it.
            Ok(found) if !found.is_file() => {
                let file = OpenOptions::new().write(true).open(path)?;
                return Ok((Self(None), Box::new(BufWriter::new(file))));
            }
            _ => {}
        }
        let name = path.file_name().ok_or_else(|| std::io::Error::other("it has no file name"))?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}.part", std::process::id()));
        let temporary = path.with_file_name(temporary);
        let file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        // From here on the file is removed when anything fails.
        let pending = Pending { file: file.try_clone()?, temporary, target: path.to_owned() };
        Ok((Self(Some(pending)), Box::new(BufWriter::new(file))))
    }

    /// Puts the finished file in its place, replacing an older one.
    ///
    /// # Errors
    /// When the file cannot be flushed to the disk or renamed.
    pub fn commit(mut self) -> Result<()> {
        let Some(pending) = &self.0 else { return Ok(()) };
        pending.file.sync_all()?;
        std::fs::rename(&pending.temporary, &pending.target)?;
        self.0 = None;
        Ok(())
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        if let Some(pending) = &self.0 {
            // Best effort: there is nothing else to try.
            let _ = std::fs::remove_file(&pending.temporary);
        }
    }
}
