//! Whether what was read of the database still holds, so that an idle process leaves a resting database alone.

use std::time::Duration;

use tokio::time::Instant;

use barkeep_store::Stamp;

/// No clock of a file system is so coarse that a write could hide for longer.
const COARSE: Duration = Duration::from_secs(2);
/// Files that have not changed for so long hold nothing that moves from one moment to the next: the vendor's window has
/// passed over the last request.
const REST: Duration = Duration::from_mins(1);
/// What expires by itself (believed absences, failures of the last day) is noticed at least this often.
const AT_LEAST: Duration = Duration::from_hours(1);

/// What is known of the database's files and of the last reading.
#[derive(Clone, Copy, Debug)]
pub struct ChangeDetector {
    stamp: Option<Stamp>,
    /// When this stamp was first seen.
    since: Instant,
    /// When the last reading began.
    read: Option<Instant>,
}

impl ChangeDetector {
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { stamp: None, since: now, read: None }
    }

    /// Takes a look at the files; returns whether they changed since the last look. Without a stamp nothing ever rests, and
    /// nobody can tell.
    pub fn look(&mut self, stamp: Option<Stamp>, now: Instant) -> bool {
        let moved = stamp.is_some() && self.stamp.is_some() && stamp != self.stamp;
        if stamp.is_none() || stamp != self.stamp {
            (self.stamp, self.since) = (stamp, now);
        }
        moved
    }

    /// A reading begins, after a [`ChangeDetector::look`].
    pub const fn read(&mut self, now: Instant) {
        self.read = Some(now);
    }

    /// The last reading came to nothing.
    pub const fn forget(&mut self) {
        self.read = None;
    }

    #[must_use]
    pub fn is_resting(&self, now: Instant) -> bool {
        self.stamp.is_some() && now >= self.since + REST
    }

    /// Whether nobody has written since the last reading; what changes with time alone may have.
    #[must_use]
    pub fn is_unwritten(&self) -> bool {
        self.stamp.is_some() && self.read.is_some_and(|read| read >= self.since + COARSE)
    }

    /// Whether a reading at `now` would find nothing else than the last one did.
    #[must_use]
    pub fn holds(&self, now: Instant) -> bool {
        self.is_resting(now) && self.read.is_some_and(|read| read >= self.since + REST && now < read + AT_LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stamp of files that differ from those of every other `n`.
    fn stamp(n: usize) -> Option<Stamp> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bars.db");
        std::fs::write(&file, "x".repeat(n)).unwrap();
        Stamp::of(&file)
    }

    #[test]
    fn a_reading_holds_only_once_it_was_made_at_rest() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let one = stamp(1);
        let mut rest = ChangeDetector::new(start);
        assert!(!rest.look(one, at(0)), "the first look has nothing to compare with");
        rest.read(at(0));
        assert!(!rest.is_unwritten() && !rest.holds(at(90)), "it was read while a write could still hide");
        rest.look(one, at(5));
        rest.read(at(5));
        assert!(rest.is_unwritten() && !rest.holds(at(90)), "the vendor's window moves on");
        rest.look(one, at(90));
        rest.read(at(90));
        assert!(rest.holds(at(120)) && rest.holds(at(3_600)));
        assert!(!rest.holds(at(90 + 3_600)), "what expires by itself");
        assert!(rest.look(stamp(2), at(120)));
        assert!(!rest.is_unwritten() && !rest.holds(at(600)), "somebody wrote");
        rest.look(None, at(700));
        rest.read(at(800));
        assert!(!rest.holds(at(1_000)), "nobody can tell");
    }

    #[test]
    fn a_failed_reading_holds_nothing() {
        let start = Instant::now();
        let mut rest = ChangeDetector::new(start);
        rest.look(stamp(1), start);
        rest.read(start + REST);
        assert!(rest.holds(start + REST));
        rest.forget();
        assert!(!rest.holds(start + REST));
    }
}
