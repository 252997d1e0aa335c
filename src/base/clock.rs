//! The one place where wall-clock time is read.
//!
//! Everything that needs the time takes a [`Clock`], so a test can decide what time it is. Waiting is done on tokio's
//! monotonic clock, never by comparing wall-clock readings.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::ts::Ts;

/// Tells what time it is.
pub trait Clock: Send + Sync + std::fmt::Debug {
    fn now(&self) -> Ts;
}

/// The machine's wall clock, UTC.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    fn now(&self) -> Ts {
        Ts::from(chrono::Utc::now())
    }
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
