//! The recent past: requests by minute and latencies as the vendor's counters have them, rows by second. Sparklines are
//! drawn from it.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use barkeep_market::Ts;
use barkeep_market::ts::SECOND;
use barkeep_vendor::counters::Counts;
use barkeep_vendor::ring::Ring;

/// Seconds of rows kept.
pub const SECONDS: usize = 60;

/// What a view sees of it. Rings are oldest first; their last entry is the minute or second of `until`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ActivityView {
    /// When this was taken.
    pub until: Ts,
    /// Request starts by minute.
    pub requests_by_minute: Vec<u32>,
    /// 429 answers by minute.
    pub rate_limited_by_minute: Vec<u32>,
    /// Bars written by second.
    pub rows_by_second: Vec<u64>,
    /// Over the last answers; absent before the first.
    pub latency_p50_ms: Option<u32>,
    pub latency_p90_ms: Option<u32>,
    pub latency_p99_ms: Option<u32>,
    /// This machine's clock minus the vendor's, as last measured; absent before the first answer that tells.
    pub clock_skew_ms: Option<i64>,
    /// Since the start of this process, 429 answers among the failures.
    pub requests: u64,
    pub rate_limited: u64,
    pub retries: u64,
    pub failures: u64,
    pub bytes: u64,
}

/// Keeps the rows by second.
#[derive(Debug, Default)]
pub struct Activity(Mutex<Ring<u64>>);

impl Activity {
    /// Bars were written.
    pub fn written(&self, at: Ts, rows: u64) {
        let mut seconds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(second) = seconds.at(at.ms() / SECOND, SECONDS).back_mut() {
            *second += rows;
        }
    }

    /// All of it as it stands at `now`; `requests` are those of the process.
    #[must_use]
    pub fn view(&self, now: Ts, requests: &Counts) -> ActivityView {
        let counters = requests.read();
        let minutes = requests.minutes(now);
        let rows_by_second = {
            let mut seconds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            seconds.at(now.ms() / SECOND, SECONDS).iter().copied().collect()
        };
        ActivityView {
            until: now,
            requests_by_minute: minutes.iter().map(|[requests, _]| *requests).collect(),
            rate_limited_by_minute: minutes.iter().map(|[_, refused]| *refused).collect(),
            rows_by_second,
            latency_p50_ms: counters.latency_p50_ms,
            latency_p90_ms: counters.latency_p90_ms,
            latency_p99_ms: counters.latency_p99_ms,
            clock_skew_ms: counters.clock_skew_ms,
            requests: counters.total_requests,
            rate_limited: counters.rate_limited_count,
            retries: counters.retries,
            failures: counters.failures,
            bytes: counters.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_by_second() {
        let (pulse, requests) = (Activity::default(), Counts::default());
        pulse.written(Ts(5_000), 3);
        pulse.written(Ts(5_900), 4);
        pulse.written(Ts(7_000), 1);
        assert_eq!(pulse.view(Ts(7_500), &requests).rows_by_second[SECONDS - 3..], [7, 0, 1]);
        assert_eq!(pulse.view(Ts(7_500), &requests).latency_p50_ms, None);
    }
}
