//! The time a process had of the processors, and the time it waited for one.

use serde::Serialize;

/// What this process had of the processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ProcessorTime {
    /// Computed, on all processors.
    pub seconds: f64,
    /// Ready to compute while others did.
    pub waited_seconds: f64,
}

impl ProcessorTime {
    /// Until now, from `/proc`, so only on Linux; of the threads there are.
    pub(super) fn now() -> Option<Self> {
        let mut sum = Self::default();
        for thread in std::fs::read_dir("/proc/self/task").ok()? {
            // A thread may end meanwhile. Nanoseconds on a processor, and waiting for one.
            let stat = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).unwrap_or_default();
            let mut times = stat.split_whitespace().map(|n| n.parse::<u64>().unwrap_or(0) as f64 / 1e9);
            sum.seconds += times.next().unwrap_or(0.0);
            sum.waited_seconds += times.next().unwrap_or(0.0);
        }
        (sum.seconds > 0.0).then_some(sum)
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self {
            seconds: (self.seconds - before.seconds).max(0.0),
            waited_seconds: (self.waited_seconds - before.waited_seconds).max(0.0),
        }
    }
}
