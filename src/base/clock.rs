//! The one place where wall-clock time is read.
//!
//! Everything that needs the time takes a [`Clock`], so a test can decide what time it is. Waiting is done on tokio's
//! monotonic clock, never by comparing wall-clock readings.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::ts::Ts;

/// Tells what time it is.
pub trait Clock: Send + Sync + std::fmt::Debug {
    fn now(&self) -> Ts;

    /// Time since the machine started, where the system tells it. Setting the wall clock does not change it, and all
    /// processes of the machine read the same.
    fn uptime(&self) -> Option<Uptime> {
        None
    }

    /// Whether it is the machine's wall clock, which somebody may have set wrong.
    fn is_machines(&self) -> bool {
        false
    }
}

/// Time since one start of one machine, suspended time included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uptime {
    /// Which start of which machine; readings of different ones cannot be compared.
    pub boot: Uuid,
    pub ms: i64,
}

/// One instant, on the wall clock and on the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub at: Ts,
    pub uptime: Option<Uptime>,
}

impl Moment {
    #[must_use]
    pub fn now(clock: &dyn Clock) -> Self {
        Self { at: clock.now(), uptime: clock.uptime() }
    }

    /// Milliseconds from `earlier` until this instant. Only readings of the same start of the same machine survive a
    /// step of the wall clock; others are compared by the wall clock.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> i64 {
        match (self.uptime, earlier.uptime) {
            (Some(now), Some(then)) if now.boot == then.boot => now.ms - then.ms,
            _ => self.at - earlier.at,
        }
    }
}

/// The machine's wall clock, UTC.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    fn now(&self) -> Ts {
        Ts::from(chrono::Utc::now())
    }

    fn uptime(&self) -> Option<Uptime> {
        uptime()
    }

    fn is_machines(&self) -> bool {
        true
    }
}

/// The machine's wall clock, corrected by the clock of a server that several machines share.
#[derive(Debug)]
pub struct CorrectedClock {
    machine: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
    /// What the machine's clocks said when the server was last asked: a step of the wall clock since then shows.
    asked: Mutex<Option<Moment>>,
}

impl CorrectedClock {
    /// Clocks that differ by no more are left as they are: a correction is a step.
    const TOLERANCE_MS: i64 = 250;

    /// Not corrected yet.
    #[must_use]
    pub fn new(machine: Arc<dyn Clock>) -> Self {
        Self { machine, ahead_ms: AtomicI64::new(0), asked: Mutex::new(None) }
    }

    /// What the machine's clock says, uncorrected.
    #[must_use]
    pub fn machines(&self) -> Ts {
        self.machine.now()
    }

    /// The server's clock said `server` between two readings of the machine's. Returns the correction when it changed,
    /// milliseconds.
    pub fn correct(&self, asked: Ts, server: Ts, answered: Ts) -> Option<i64> {
        *self.asked() = Some(Moment { at: answered, uptime: self.machine.uptime() });
        let way = (answered - asked).max(0);
        let ahead = server - (asked + way / 2);
        let ahead = if ahead.abs() <= Self::TOLERANCE_MS + way { 0 } else { ahead };
        let known = self.ahead_ms.load(Ordering::SeqCst);
        if (ahead - known).abs() <= Self::TOLERANCE_MS + way {
            return None;
        }
        self.ahead_ms.store(ahead, Ordering::SeqCst);
        Some(ahead)
    }

    fn asked(&self) -> MutexGuard<'_, Option<Moment>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the wall clock was set since the server was last asked, as far as the time since the machine's start tells.
    fn stepped(&self, now: &Moment) -> i64 {
        let Some(asked) = *self.asked() else { return 0 };
        let step = (now.at - asked.at) - now.since(&asked);
        if step.abs() <= Self::TOLERANCE_MS { 0 } else { step }
    }
}

impl Clock for CorrectedClock {
    fn now(&self) -> Ts {
        let now = Moment::now(self.machine.as_ref());
        now.at + self.ahead_ms.load(Ordering::SeqCst) - self.stepped(&now)
    }

    fn uptime(&self) -> Option<Uptime> {
        self.machine.uptime()
    }
}

/// The machine's wall clock, moved by a constant. It runs as fast as time does.
#[derive(Debug, Clone, Copy)]
pub struct MovedClock {
    /// How far ahead of the machine's clock it is, milliseconds.
    pub by_ms: i64,
}

impl Clock for MovedClock {
    fn now(&self) -> Ts {
        SystemClock.now() + self.by_ms
    }

    fn uptime(&self) -> Option<Uptime> {
        uptime()
    }
}

#[cfg(target_os = "linux")]
fn uptime() -> Option<Uptime> {
    use rustix::time::{ClockId, clock_gettime};
    static BOOT: std::sync::OnceLock<Option<Uuid>> = std::sync::OnceLock::new();
    let read = || std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().parse().ok();
    let boot = (*BOOT.get_or_init(read))?;
    let time = clock_gettime(ClockId::Boottime);
    Some(Uptime { boot, ms: time.tv_sec * 1000 + time.tv_nsec / 1_000_000 })
}

#[cfg(not(target_os = "linux"))]
const fn uptime() -> Option<Uptime> {
    None
}

/// A clock that stands still until it is set.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    #[must_use]
    pub fn at(t: Ts) -> Self {
        Self(AtomicI64::new(t.ms()))
    }

    pub fn set(&self, t: Ts) {
        self.0.store(t.ms(), Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Ts {
        Ts(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_the_wall_clock_is_seen_only_where_nothing_better_is_known() {
        let moment =
            |at, boot: u128, ms| Moment { at: Ts(at), uptime: Some(Uptime { boot: Uuid::from_u128(boot), ms }) };
        assert_eq!(moment(99_000_000, 1, 7_000).since(&moment(5_000, 1, 2_000)), 5_000);
        assert_eq!(moment(9_000, 2, 7_000).since(&moment(5_000, 1, 2_000)), 4_000, "another start of the machine");
        assert_eq!(Moment { uptime: None, ..moment(4_000, 1, 0) }.since(&moment(5_000, 1, 0)), -1_000);
    }

    #[test]
    fn a_wrong_clock_follows_the_server_and_a_right_one_is_left_alone() {
        let machine = Arc::new(FixedClock::at(Ts(1_000_000)));
        let clock = CorrectedClock::new(machine.clone());
        assert_eq!(clock.correct(Ts(1_000_000), Ts(1_000_120), Ts(1_000_040)), None);
        assert_eq!(clock.now(), Ts(1_000_000));
        assert_eq!(clock.correct(Ts(1_000_000), Ts(955_020), Ts(1_000_040)), Some(-45_000));
        assert_eq!(clock.now(), Ts(955_000));
        assert_eq!(clock.correct(Ts(1_000_000), Ts(955_200), Ts(1_000_040)), None, "steps are for what matters");
        // Set right meanwhile.
        machine.set(Ts(960_000));
        assert_eq!(clock.correct(Ts(960_000), Ts(960_010), Ts(960_020)), Some(0));
        assert_eq!(clock.now(), Ts(960_000));
        // A slow answer says little.
        assert_eq!(clock.correct(Ts(960_000), Ts(963_000), Ts(970_000)), None);
    }

    /// Its wall clock is set by hand, the time since its start is not.
    #[derive(Debug)]
    struct Machine {
        wall: FixedClock,
        uptime: AtomicI64,
    }

    impl Clock for Machine {
        fn now(&self) -> Ts {
            self.wall.now()
        }

        fn uptime(&self) -> Option<Uptime> {
            Some(Uptime { boot: Uuid::nil(), ms: self.uptime.load(Ordering::SeqCst) })
        }
    }

    #[test]
    fn a_clock_that_is_set_counts_on_until_the_server_is_asked_again() {
        let machine = Arc::new(Machine { wall: FixedClock::at(Ts(1_000_000)), uptime: AtomicI64::new(500) });
        let clock = CorrectedClock::new(machine.clone());
        assert_eq!(clock.correct(Ts(1_000_000), Ts(955_000), Ts(1_000_000)), Some(-45_000));
        machine.uptime.store(3_500, Ordering::SeqCst);
        for wall in [1_003_000, 1_093_000, 0] {
            machine.wall.set(Ts(wall));
            assert_eq!(clock.now(), Ts(958_000));
        }
        assert_eq!(clock.correct(Ts(0), Ts(958_000), Ts(0)), Some(958_000));
        assert_eq!(clock.now(), Ts(958_000));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_machine_tells_its_uptime() {
        let (first, second) = (SystemClock.uptime().unwrap(), SystemClock.uptime().unwrap());
        assert_eq!(first.boot, second.boot);
        assert!(first.ms > 0 && (0..60_000).contains(&(second.ms - first.ms)));
    }
}
