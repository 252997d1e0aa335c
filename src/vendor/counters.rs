//! What the vendor was asked and how it went, counted over the life of the process.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::fault::{Class, Fault};

/// Latencies kept for the percentiles.
const RECENT: usize = 500;

/// A reading of the counters. Latencies are of whole attempts, over the last 500.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Attempts started, retries included.
    pub total_requests: u64,
    /// Attempts answered with 429.
    pub rate_limited_count: u64,
    /// Attempts after the first of the same request.
    pub retries: u64,
    /// Attempts that ended in a fault of any class.
    pub failures: u64,
    /// Attempts whose answer was malformed.
    pub malformed: u64,
    /// Bytes of bar pages after decompression.
    pub bytes: u64,
    /// Requests on the wire now.
    pub in_flight: u64,
    pub latency_p50_ms: Option<u64>,
    pub latency_p95_ms: Option<u64>,
    pub latency_p99_ms: Option<u64>,
}

/// The counters as they are kept.
#[derive(Debug, Default)]
pub(super) struct Counts {
    total: AtomicU64,
    rate_limited: AtomicU64,
    retries: AtomicU64,
    failures: AtomicU64,
    malformed: AtomicU64,
    bytes: AtomicU64,
    in_flight: AtomicU64,
    latencies: Mutex<VecDeque<Duration>>,
}

/// Counts a request as on the wire until it is dropped.
pub(super) struct InFlight<'a>(&'a AtomicU64);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counts {
    /// Notes the start of the attempt with this number, 1 for the first.
    pub(super) fn start(&self, number: u32) -> InFlight<'_> {
        self.total.fetch_add(1, Ordering::Relaxed);
        if number > 1 {
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(&self.in_flight)
    }

    pub(super) fn end(&self, latency: Duration, bytes: u64, fault: Option<&Fault>) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Some(fault) = fault {
            self.failures.fetch_add(1, Ordering::Relaxed);
            match fault.class {
                Class::RateLimited => self.rate_limited.fetch_add(1, Ordering::Relaxed),
                Class::Malformed => self.malformed.fetch_add(1, Ordering::Relaxed),
                _ => 0,
            };
        }
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        if latencies.len() >= RECENT {
            latencies.pop_front();
        }
        latencies.push_back(latency);
    }

    pub(super) fn read(&self) -> Counters {
        let mut latencies: Vec<Duration> = {
            let kept = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
            kept.iter().copied().collect()
        };
        latencies.sort_unstable();
        // Nearest rank.
        let percentile = |p: usize| {
            let rank = (latencies.len() * p).div_ceil(100).saturating_sub(1);
            latencies.get(rank).map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
        };
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Counters {
            total_requests: get(&self.total),
            rate_limited_count: get(&self.rate_limited),
            retries: get(&self.retries),
            failures: get(&self.failures),
            malformed: get(&self.malformed),
            bytes: get(&self.bytes),
            in_flight: get(&self.in_flight),
            latency_p50_ms: percentile(50),
            latency_p95_ms: percentile(95),
            latency_p99_ms: percentile(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_last_five_hundred() {
        let tally = Counts::default();
        assert_eq!(tally.read().latency_p50_ms, None);
        for ms in 0..1_000 {
            tally.end(Duration::from_millis(ms), 10, None);
        }
        let read = tally.read();
        assert_eq!((read.latency_p50_ms, read.latency_p95_ms, read.latency_p99_ms), (Some(749), Some(974), Some(994)));
        assert_eq!(read.bytes, 10_000);
    }
}
