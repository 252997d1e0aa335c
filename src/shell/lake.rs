//! The files of a lake: their names, how one is put in place, and what the last export saw.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize};

use super::destination::Destination;
use barkeep_market::dividend::Adjustment;
use barkeep_market::{Symbol, Timeframe};

/// Readers of a lake skip names that begin with `_` or a dot.
const MANIFEST: &str = "_barkeep.json";
const LOCK: &str = ".barkeep.lock";
const SCHEMA: u32 = 1;

/// What the last export saw; without it every series is read again, and still only files that differ are written.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    schema: u32,
    /// The database the lake is of.
    pub database: String,
    /// Whether prices are as traded; what `adjust` says, in the words of earlier versions.
    raw: bool,
    adjust: Option<String>,
    /// By series (`AAPL 5m`): a text that is another one when its rows may be.
    pub series: BTreeMap<String, String>,
}

impl Manifest {
    #[must_use]
    pub fn new(database: String, adjust: Adjustment) -> Self {
        let (raw, adjust) = (adjust == Adjustment::None, Some(adjust.name().to_owned()));
        Self { schema: SCHEMA, database, raw, adjust, series: BTreeMap::new() }
    }

    /// In which terms its prices are, in one word; earlier versions knew two.
    #[must_use]
    pub fn terms(&self) -> &str {
        let former = if self.raw { Adjustment::None } else { Adjustment::Splits };
        self.adjust.as_deref().unwrap_or(former.name())
    }

    /// `None` when there is none, or one of another version.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        match fs::read(dir.join(MANIFEST)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok().filter(|manifest: &Self| manifest.schema == SCHEMA)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Puts it into the lake.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, dir: &Path) -> Result<()> {
        put(&dir.join(MANIFEST), &serde_json::to_vec_pretty(self)?)
    }

    /// Where it is, for people.
    #[must_use]
    pub fn path(dir: &Path) -> PathBuf {
        dir.join(MANIFEST)
    }
}

/// The right to write to a lake, which one export has at a time.
///
/// # Errors
/// When another export has it, or the file cannot be opened.
pub fn lock(dir: &Path) -> Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::other("another export is writing to it")),
        Err(fs::TryLockError::Error(e)) => Err(e),
    }
}

/// The directory of a series below that of the lake. Other characters than the usual ones are written as in a URL, which
/// readers of such names undo.
#[must_use]
pub fn series_dir(symbol: &Symbol, timeframe: Timeframe) -> PathBuf {
    let mut name = String::from("symbol=");
    for byte in symbol.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            name.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(name, "%{byte:02X}");
        }
    }
    PathBuf::from(name).join(format!("timeframe={timeframe}"))
}

/// The name of the file a day's bars are in, its first day, and the first day of the next one.
#[must_use]
pub fn period(timeframe: Timeframe, day: NaiveDate) -> Option<(String, NaiveDate, NaiveDate)> {
    let start = |year, month| NaiveDate::from_ymd_opt(year, month, 1);
    let (year, month) = (day.year(), day.month());
    match timeframe {
        Timeframe::M1 | Timeframe::M5 | Timeframe::M15 | Timeframe::M30 => {
            let next = if month == 12 { start(year + 1, 1) } else { start(year, month + 1) };
            Some((format!("{year:04}-{month:02}.parquet"), start(year, month)?, next?))
        }
        _ => Some((format!("{year:04}.parquet"), start(year, 1)?, start(year + 1, 1)?)),
    }
}

/// Whether the file holds something else, or is not there.
///
/// # Errors
/// When the file cannot be read.
pub fn differs(path: &Path, bytes: &[u8]) -> Result<bool> {
    match fs::metadata(path) {
        Ok(found) if found.len() == bytes.len() as u64 => Ok(fs::read(path)? != bytes),
        Ok(_) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(true),
        Err(e) => Err(e),
    }
}

/// Writes a file whole or not at all, and makes that last over a power failure.
///
/// # Errors
/// When it cannot be written, synced or renamed.
pub fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let (destination, mut out) = Destination::open(Some(path))?;
    out.write_all(bytes)?;
    out.flush()?;
    destination.commit()?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

/// Removes what else an export has left in the directory of a series: files of periods without bars, and those an export
/// did not finish. Says how many of the former there were.
///
/// # Errors
/// When a file cannot be removed.
pub fn tidy(dir: &Path, current: &[String]) -> Result<usize> {
    let mut removed = 0;
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(e),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        // Both endings as this program writes them.
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        let unfinished = name.starts_with('.') && ending == Some("part");
        let old = ending == Some("parquet") && !current.iter().any(|one| one == name);
        if unfinished || old {
            fs::remove_file(entry.path())?;
            removed += usize::from(old);
        }
    }
    if current.is_empty() {
        // Others may have put files there; then it stays.
        let _ = fs::remove_dir(dir);
        let _ = dir.parent().map(fs::remove_dir);
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_a_month_or_a_year() {
        let of = |timeframe: &str, day: &str| {
            let (name, from, until) = period(timeframe.parse().unwrap(), day.parse().unwrap()).unwrap();
            format!("{name} {from} {until}")
        };
        assert_eq!(of("5m", "2024-02-29"), "2024-02.parquet 2024-02-01 2024-03-01");
        assert_eq!(of("1m", "2024-12-31"), "2024-12.parquet 2024-12-01 2025-01-01");
        assert_eq!(of("1h", "2024-12-31"), "2024.parquet 2024-01-01 2025-01-01");
        assert_eq!(of("1d", "2024-01-01"), "2024.parquet 2024-01-01 2025-01-01");
    }

    #[test]
    fn names_are_safe_for_a_file_system() {
        let dir = |symbol: &str| series_dir(&symbol.parse().unwrap(), Timeframe::D1).display().to_string();
        assert_eq!(dir("BRK.B"), "symbol=BRK.B/timeframe=1d");
        assert_eq!(dir("X:BTCUSD"), "symbol=X%3ABTCUSD/timeframe=1d");
    }

    #[test]
    fn what_is_put_is_whole_and_what_was_left_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("2024.parquet");
        assert!(differs(&path, b"one").unwrap());
        put(&path, b"one").unwrap();
        assert!(!differs(&path, b"one").unwrap() && differs(&path, b"two").unwrap());
        for left in ["2023.parquet", ".2024.parquet.77.part", "notes.txt"] {
            fs::write(dir.path().join(left), "x").unwrap();
        }
        assert_eq!(tidy(dir.path(), &["2024.parquet".to_owned()]).unwrap(), 1);
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["2024.parquet", "notes.txt"]);
    }

    #[test]
    fn one_export_writes_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        assert!(lock(dir.path()).unwrap_err().to_string().contains("another export"));
        drop(first);
        assert!(lock(dir.path()).is_ok());
    }
}
