//! One file on its way to the disk.
//!
//! It grows in place beside a note of which state of the object it is of. After a break, of the connection or of this
//! process, the rest is asked for on the condition that the object is still the same; a replaced one is begun anew.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt as _;

use crate::bucket::Bucket;
use barkeep_vendor::{Class, Fault};

/// A file on the disk, all of it. Whoever has it holds its lock.
#[derive(Debug)]
pub struct Stored {
    pub(crate) file: File,
    path: PathBuf,
    pub(crate) tag: String,
    /// Bytes that came by this attempt.
    pub(crate) received: u64,
}

impl Stored {
    /// Takes the file off the disk: its bars are stored, or it is of no use.
    pub fn discard(self) {
        // The note first: a file without one is begun anew.
        let _ = std::fs::remove_file(note(&self.path));
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Brings `key`, or what is still missing of it.
pub(crate) async fn download(bucket: &Bucket, directory: &Path, key: &str) -> Result<Stored, Fault> {
    std::fs::create_dir_all(directory).map_err(|e| on_disk(directory, &e))?;
    let (mut file, path) = open(directory, key)?;
    let had = file.metadata().map_err(|e| on_disk(&path, &e))?.len();
    let noted = std::fs::read_to_string(note(&path)).ok().and_then(|text| {
        let (size, tag) = text.split_once(' ')?;
        Some((size.parse::<u64>().ok()?, tag.to_owned()))
    });
    let begun = noted.filter(|(size, _)| had > 0 && had <= *size);
    if let Some((size, tag)) = begun.clone().filter(|(size, _)| had == *size)
        && bucket.is_still(key, &tag).await?
    {
        tracing::debug!(key, size, "using the file of an earlier run");
        return Ok(Stored { file, path, tag, received: 0 });
    }
    let mut from = begun.as_ref().map_or(0, |(size, _)| if had == *size { 0 } else { had });
    let tag = begun.as_ref().map(|(_, tag)| tag.as_str()).filter(|_| from > 0);
    let mut object = match bucket.get(key, from, tag).await {
        Err(fault) if fault.status == Some(412) && from > 0 => {
            tracing::info!(key, "the file was replaced since its download began; downloading it again");
            from = 0;
            bucket.get(key, 0, None).await?
        }
        other => other?,
    };
    file.set_len(from).map_err(|e| on_disk(&path, &e))?;
    file.seek(SeekFrom::Start(from)).map_err(|e| on_disk(&path, &e))?;
    std::fs::write(note(&path), format!("{} {}", object.size, object.tag)).map_err(|e| on_disk(&path, &e))?;
    let mut received = 0;
    while let Some(piece) = object.pieces.next().await {
        let piece = piece?;
        received += piece.len() as u64;
        if from + received > object.size {
            return Err(Fault::malformed(format!("{key}: received more than the announced {} bytes", object.size)));
        }
        file.write_all(&piece).map_err(|e| on_disk(&path, &e))?;
    }
    if from + received < object.size {
        let missing = object.size - from - received;
        return Err(Fault::new(
            Class::Transient,
            format!("{key}: the download ended early; {missing} bytes are missing"),
        ));
    }
    Ok(Stored { file, path, tag: object.tag, received })
}

/// The file that a download grows in; one of its own when another run is at the same date.
fn open(directory: &Path, key: &str) -> Result<(File, PathBuf), Fault> {
    static OTHER: AtomicU64 = AtomicU64::new(1);
    let name = key.replace('/', "-");
    let mut path = directory.join(&name);
    loop {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| on_disk(&path, &e))?;
        match file.try_lock() {
            Ok(()) => return Ok((file, path)),
            Err(TryLockError::WouldBlock) => {
                let number = OTHER.fetch_add(1, Ordering::Relaxed);
                path = directory.join(format!("{name}.{}-{number}", std::process::id()));
            }
            Err(TryLockError::Error(e)) => return Err(on_disk(&path, &e)),
        }
    }
}

fn note(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".etag");
    PathBuf::from(name)
}

fn on_disk(path: &Path, error: &std::io::Error) -> Fault {
    let place = path.display();
    Fault::new(
        Class::Permanent,
        format!("{place}: {error}; free some space or set vendor.flat_files.directory to another disk"),
    )
}
