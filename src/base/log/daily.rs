//! A log file a day, readable by its owner alone, the oldest deleted.
//!
//! tracing-appender's own rolling file makes its files by the process's umask (0.2.5 has no setting for it), and a log tells
//! what somebody trades. When a new day's file cannot be made, the old one goes on being written.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;

use super::open_private;
use crate::clock::Clock;

const PREFIX: &str = "barkeep.";
const SUFFIX: &str = ".log";

/// Writes to `barkeep.2024-05-31.log`, by the date in UTC.
pub(super) struct Daily {
    dir: PathBuf,
    /// Files kept, the one being written included.
    keep: usize,
    clock: Arc<dyn Clock>,
    day: NaiveDate,
    file: File,
}

impl Daily {
    /// Opens today's file.
    pub(super) fn open(dir: &Path, keep: usize, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let day = clock.now().utc_date();
        let file = open_private(&path(dir, day))?;
        let daily = Self { dir: dir.to_owned(), keep: keep.max(1), clock, day, file };
        daily.prune();
        Ok(daily)
    }

    fn turn_the_page(&mut self) {
        let today = self.clock.now().utc_date();
        if today == self.day {
            return;
        }
        // Tried again with the next event when it fails.
        if let Ok(file) = open_private(&path(&self.dir, today)) {
            (self.file, self.day) = (file, today);
            self.prune();
        }
    }

    /// Deletes the oldest files. Nothing else in the directory is touched, and what cannot be deleted stays.
    fn prune(&self) {
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut days: Vec<NaiveDate> = names.filter_map(|name| day_of(&name)).collect();
        days.sort_unstable();
        for day in days.iter().take(days.len().saturating_sub(self.keep)).filter(|day| **day != self.day) {
            drop(std::fs::remove_file(path(&self.dir, *day)));
        }
    }
}

impl Write for Daily {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.turn_the_page();
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn path(dir: &Path, day: NaiveDate) -> PathBuf {
    dir.join(format!("{PREFIX}{day}{SUFFIX}"))
}

fn day_of(name: &str) -> Option<NaiveDate> {
    name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FixedClock;
    use crate::ts::DAY;
    use crate::ts::Ts;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_a_day_and_only_so_many_of_them() {
        let dir = tempfile::tempdir().unwrap();
        for other in ["barkeep.log", "barkeep.2020-13-01.log", "barkeep.2001-01-01.log.gz", "notes.2001-01-01.log"] {
            std::fs::write(dir.path().join(other), "mine").unwrap();
        }
        std::fs::write(dir.path().join("barkeep.2001-01-01.log"), "old").unwrap();
        // 2024-02-28T23:59:59Z: the next day is the leap day.
        let start = Ts(1_709_164_799_000);
        let clock = Arc::new(FixedClock::at(start));
        let mut log = Daily::open(dir.path(), 2, clock.clone()).unwrap();
        log.write_all(b"a\n").unwrap();
        log.write_all(b"b\n").unwrap();
        clock.set(start + 1_000);
        log.write_all(b"c\n").unwrap();
        clock.set(start + 1_000 + DAY);
        log.write_all(b"d\n").unwrap();
        let ours = ["barkeep.2024-02-29.log", "barkeep.2024-03-01.log"];
        let others = ["barkeep.2001-01-01.log.gz", "barkeep.2020-13-01.log"];
        assert_eq!(names(dir.path()), [&others[..], &ours, &["barkeep.log", "notes.2001-01-01.log"]].concat());
        let text = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!((text(ours[0]), text(ours[1])), ("c\n".to_owned(), "d\n".to_owned()));
        // Started again on the same day: it goes on where it was.
        Daily::open(dir.path(), 2, clock).unwrap().write_all(b"e\n").unwrap();
        assert_eq!(text(ours[1]), "d\ne\n");
        #[cfg(unix)]
        for name in ours {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_day_whose_file_cannot_be_made_is_written_to_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(Ts(1_709_164_799_000)));
        let mut log = Daily::open(dir.path(), 2, clock.clone()).unwrap();
        std::fs::create_dir(dir.path().join("barkeep.2024-02-29.log")).unwrap();
        clock.set(Ts(1_709_164_800_000));
        log.write_all(b"kept\n").unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join("barkeep.2024-02-28.log")).unwrap(), "kept\n");
    }
}
