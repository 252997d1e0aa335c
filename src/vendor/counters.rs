//! What the vendor was asked and how it went, counted once for each attempt.
//!
//! A run counts its own attempts, and every attempt is counted for the process as well; what was asked over all time is
//! the sum of the stored requests. All three mean the same by a retry, a failure and a byte.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::fault::{Class, Fault};
use super::ring::Ring;
use barkeep_base::percentile::nearest_rank;
use barkeep_market::Ts;
use barkeep_market::ts::{MINUTE, SECOND, millis};

/// Latencies kept for the percentiles.
const RECENT: usize = 500;
/// Minutes of requests kept.
pub const MINUTES: usize = 30;

/// A reading of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Attempts started, retries included.
    pub total_requests: u64,
    /// Attempts answered with 429.
    pub rate_limited_count: u64,
    /// Attempts after the first of the same request.
    pub retries: u64,
    /// Attempts that ended in a fault of any class, 429 included.
    pub failures: u64,
    /// Attempts whose answer was malformed.
    pub malformed: u64,
    /// Bytes of bar pages after decompression.
    pub bytes: u64,
    /// Requests on the wire now.
    pub in_flight: u64,
    /// Latencies of the last 500 answers, refusals among them; a request that was never answered has none.
    pub latency_p50_ms: Option<u32>,
    pub latency_p90_ms: Option<u32>,
    pub latency_p99_ms: Option<u32>,
    /// Our clock minus the vendor's, as last measured; absent before the first answer that tells it to 30 s.
    pub clock_skew_ms: Option<i64>,
}

/// The counters as they are kept.
#[derive(Debug, Default)]
pub struct Counts {
    total: AtomicU64,
    rate_limited: AtomicU64,
    retries: AtomicU64,
    failures: AtomicU64,
    malformed: AtomicU64,
    bytes: AtomicU64,
    in_flight: AtomicU64,
    /// Faults in the order of [`Class::ALL`].
    classes: [AtomicU64; Class::ALL.len()],
    recent: Mutex<Recent>,
    /// What counts the same for the whole process.
    process: Option<Arc<Self>>,
}

#[derive(Debug, Default)]
struct Recent {
    latencies: VecDeque<u32>,
    /// Requests started and 429 answers by minute.
    minutes: Ring<[u32; 2]>,
    clock_skew_ms: Option<i64>,
}

/// A clock difference less certain than this is none.
const UNCERTAIN: i64 = 30 * SECOND;

/// Our clock minus the vendor's, milliseconds, from a request that started at `start` by our clock and whose answer is
/// dated `server`; `None` when it took too long to tell.
///
/// The vendor wrote the date somewhere between the start of the request and its end, and cut it down to the second.
fn clock_skew(start: Ts, latency: Duration, server: Ts) -> Option<i64> {
    let half = millis(latency) / 2;
    let uncertain = half.saturating_add(SECOND / 2);
    (uncertain <= UNCERTAIN).then(|| (start + half) - (server + SECOND / 2))
}

/// Counts a request as on the wire until it is dropped.
pub(super) struct InFlight<'a>(&'a Counts);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.each(|counts| {
            counts.in_flight.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

impl Counts {
    /// Counters of a part of the process.
    pub(super) fn within(process: Arc<Self>) -> Self {
        Self { process: Some(process), ..Self::default() }
    }

    fn each(&self, count: impl Fn(&Self)) {
        count(self);
        if let Some(process) = &self.process {
            count(process);
        }
    }

    /// Notes the start of the attempt with this number, 1 for the first.
    pub(super) fn start(&self, number: u32, at: Ts) -> InFlight<'_> {
        self.each(|counts| {
            counts.total.fetch_add(1, Ordering::Relaxed);
            counts.retries.fetch_add(u64::from(number > 1), Ordering::Relaxed);
            counts.in_flight.fetch_add(1, Ordering::Relaxed);
            counts.in_minute(at, [1, 0]);
        });
        InFlight(self)
    }

    /// Notes how an attempt ended, at `at`.
    pub(super) fn end(&self, at: Ts, latency: Duration, bytes: u64, fault: Option<&Fault>) {
        let class = fault.map(|fault| fault.class);
        let answered = fault.is_none_or(|fault| fault.status.is_some());
        let latency = u32::try_from(latency.as_millis()).unwrap_or(u32::MAX);
        self.each(|counts| {
            counts.bytes.fetch_add(bytes, Ordering::Relaxed);
            counts.failures.fetch_add(u64::from(class.is_some()), Ordering::Relaxed);
            counts.malformed.fetch_add(u64::from(class == Some(Class::Malformed)), Ordering::Relaxed);
            if let Some(class) = class {
                counts.of_class(class);
            }
            if class == Some(Class::RateLimited) {
                counts.rate_limited.fetch_add(1, Ordering::Relaxed);
                counts.in_minute(at, [0, 1]);
            }
            if answered {
                let mut recent = counts.recent.lock().unwrap_or_else(PoisonError::into_inner);
                if recent.latencies.len() >= RECENT {
                    recent.latencies.pop_front();
                }
                recent.latencies.push_back(latency);
            }
        });
    }

    /// Notes what the vendor's clock showed in an answer to a request that started at `start` by ours. An answer that took
    /// too long to tell leaves the last difference as it is.
    pub(super) fn dated(&self, start: Ts, latency: Duration, server: Ts) {
        let Some(skew) = clock_skew(start, latency, server) else { return };
        self.each(|counts| {
            let mut recent = counts.recent.lock().unwrap_or_else(PoisonError::into_inner);
            recent.clock_skew_ms = Some(skew);
        });
    }

    /// An answer that came well turned out malformed.
    pub(super) fn rejected(&self) {
        self.each(|counts| {
            counts.failures.fetch_add(1, Ordering::Relaxed);
            counts.malformed.fetch_add(1, Ordering::Relaxed);
            counts.of_class(Class::Malformed);
        });
    }

    fn of_class(&self, class: Class) {
        if let Some(count) = self.classes.get(class as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Attempts that ended in a fault, by its class; classes without one too.
    #[must_use]
    pub fn by_class(&self) -> [(Class, u64); Class::ALL.len()] {
        let count = |class| self.classes.get(class as usize).map_or(0, |count| count.load(Ordering::Relaxed));
        Class::ALL.map(|class| (class, count(class)))
    }

    fn in_minute(&self, at: Ts, [requests, refused]: [u32; 2]) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(minute) = recent.minutes.at(at.ms() / MINUTE, MINUTES).back_mut() {
            *minute = [minute[0] + requests, minute[1] + refused];
        }
    }

    /// Requests started and 429 answers by minute, oldest first; the last one is the minute of `now`.
    #[must_use]
    pub fn minutes(&self, now: Ts) -> Vec<[u32; 2]> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.minutes.at(now.ms() / MINUTE, MINUTES).iter().copied().collect()
    }

    #[must_use]
    pub fn read(&self) -> Counters {
        let (mut latencies, clock_skew_ms): (Vec<u32>, _) = {
            let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            (recent.latencies.iter().copied().collect(), recent.clock_skew_ms)
        };
        latencies.sort_unstable();
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Counters {
            total_requests: get(&self.total),
            rate_limited_count: get(&self.rate_limited),
            retries: get(&self.retries),
            failures: get(&self.failures),
            malformed: get(&self.malformed),
            bytes: get(&self.bytes),
            in_flight: get(&self.in_flight),
            latency_p50_ms: nearest_rank(&latencies, 50),
            latency_p90_ms: nearest_rank(&latencies, 90),
            latency_p99_ms: nearest_rank(&latencies, 99),
            clock_skew_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: Option<u16>, class: Class) -> Fault {
        Fault { status, ..Fault::new(class, "") }
    }

    #[test]
    fn percentiles_are_of_the_last_five_hundred_answers() {
        let counts = Counts::default();
        assert_eq!(counts.read().latency_p50_ms, None);
        for ms in 0..1_000 {
            counts.end(Ts(0), Duration::from_millis(ms), 10, None);
        }
        // A request that was never answered says nothing of how fast answers come.
        counts.end(Ts(0), Duration::from_mins(1), 0, Some(&fault(None, Class::Transient)));
        let read = counts.read();
        assert_eq!((read.latency_p50_ms, read.latency_p90_ms, read.latency_p99_ms), (Some(749), Some(949), Some(994)));
        assert_eq!((read.bytes, read.failures), (10_000, 1));
    }

    #[test]
    fn an_attempt_counts_for_its_run_and_for_the_process() {
        let process = Arc::new(Counts::default());
        let (one, other) = (Counts::within(Arc::clone(&process)), Counts::within(Arc::clone(&process)));
        let on_the_wire = one.start(1, Ts(0));
        drop(other.start(2, Ts(0)));
        other.end(Ts(0), Duration::ZERO, 0, Some(&fault(Some(429), Class::RateLimited)));
        one.end(Ts(0), Duration::ZERO, 7, None);
        one.rejected();
        let counts = |counts: &Counts| {
            let c = counts.read();
            [c.total_requests, c.rate_limited_count, c.retries, c.failures, c.malformed, c.bytes, c.in_flight]
        };
        assert_eq!(counts(&one), [1, 0, 0, 1, 1, 7, 1]);
        assert_eq!(counts(&other), [1, 1, 1, 1, 0, 0, 0]);
        assert_eq!(counts(&process), [2, 1, 1, 2, 1, 7, 1]);
        let classes = process.by_class().into_iter().filter(|(_, n)| *n > 0);
        assert_eq!(classes.collect::<Vec<_>>(), [(Class::RateLimited, 1), (Class::Malformed, 1)]);
        assert!(
            Class::ALL.iter().enumerate().all(|(place, class)| *class as usize == place),
            "in the order of the list"
        );
        drop(on_the_wire);
        assert_eq!(process.read().in_flight, 0);
    }

    #[test]
    fn the_clock_difference_is_that_of_the_newest_certain_answer() {
        let process = Arc::new(Counts::default());
        let counts = Counts::within(Arc::clone(&process));
        assert_eq!(counts.read().clock_skew_ms, None);
        // 59 s there and back leave 30 s of doubt; a second more is too much.
        for (start, latency, server, want) in [
            (100_000, 1_000, 100_000, 0),
            (190_000, 200, 100_000, 89_600),
            (100_000, 59_000, 220_000, -91_000),
            (500_000, 60_000, 100_000, -91_000),
            (100_000, 0, 100_000, -500),
        ] {
            counts.dated(Ts(start), Duration::from_millis(latency), Ts(server));
            assert_eq!(counts.read().clock_skew_ms, Some(want), "{start} {latency} {server}");
        }
        assert_eq!(process.read().clock_skew_ms, Some(-500));
        counts.dated(Ts(i64::MAX), Duration::MAX, Ts(i64::MIN));
        assert_eq!(counts.read().clock_skew_ms, Some(-500));
    }

    #[test]
    fn minutes_move_on_by_themselves_and_old_ones_fall_out() {
        let counts = Counts::default();
        for at in [10 * MINUTE, 10 * MINUTE + 1, 12 * MINUTE] {
            drop(counts.start(1, Ts(at)));
        }
        counts.end(Ts(12 * MINUTE), Duration::ZERO, 0, Some(&fault(Some(429), Class::RateLimited)));
        let minutes = counts.minutes(Ts(13 * MINUTE));
        assert_eq!(minutes.len(), MINUTES);
        assert_eq!(minutes[MINUTES - 4..], [[2, 0], [0, 0], [1, 1], [0, 0]]);
        assert_eq!(counts.minutes(Ts(500 * MINUTE)), [[0, 0]; MINUTES]);
        // A clock set back neither panics nor loses the newest.
        assert_eq!(counts.minutes(Ts(0)).len(), MINUTES);
    }
}
