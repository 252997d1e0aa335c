//! The recent past in fixed rings: requests by minute, rows by second, latencies. Sparklines are drawn from it.
//!
//! It is filled from the events of runs as they happen and costs the same whether a minute brought one request or ten
//! thousand.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use barkeep_market::Ts;
use barkeep_market::ts::{MINUTE, SECOND};
use barkeep_store::RequestRow;

/// Minutes of requests kept.
pub const MINUTES: usize = 30;
/// Seconds of rows kept.
pub const SECONDS: usize = 60;
/// Latencies that percentiles are taken over.
const LATENCIES: usize = 512;

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
    /// Since the start of this process.
    pub requests: u64,
    pub rate_limited: u64,
    pub retries: u64,
    pub failures: u64,
    pub bytes: u64,
}

/// Keeps the rings.
#[derive(Debug, Default)]
pub struct Activity(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    minutes: Ring<[u32; 2]>,
    seconds: Ring<u64>,
    latencies: VecDeque<u32>,
    totals: ActivityView,
}

/// Values by a running number; what lies between two numbers is empty.
#[derive(Debug)]
struct Ring<T> {
    newest: i64,
    values: VecDeque<T>,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { newest: 0, values: VecDeque::new() }
    }
}

impl<T: Copy + Default> Ring<T> {
    /// The values up to `number`, oldest first, `size` of them. A clock set back changes nothing.
    fn at(&mut self, number: i64, size: usize) -> &mut VecDeque<T> {
        let behind = usize::try_from(number - self.newest).unwrap_or(0).min(size);
        self.values.extend(std::iter::repeat_n(T::default(), behind));
        self.newest = self.newest.max(number);
        while self.values.len() < size {
            self.values.push_front(T::default());
        }
        while self.values.len() > size {
            self.values.pop_front();
        }
        &mut self.values
    }
}

impl Activity {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request ended.
    pub fn answered(&self, row: &RequestRow) {
        let mut state = self.state();
        let limited = row.status == Some(429);
        if let Some([requests, refused]) = state.minutes.at(row.started_at.ms() / MINUTE, MINUTES).back_mut() {
            *requests += 1;
            *refused += u32::from(limited);
        }
        let totals = &mut state.totals;
        totals.requests += 1;
        totals.rate_limited += u64::from(limited);
        totals.retries += u64::from(row.attempt > 1);
        totals.failures += u64::from(row.error.is_some() && !limited);
        totals.bytes += row.bytes.unsigned_abs();
        if row.status.is_some() {
            if state.latencies.len() == LATENCIES {
                state.latencies.pop_front();
            }
            state.latencies.push_back(u32::try_from(row.latency_ms).unwrap_or(u32::MAX));
        }
    }

    /// Bars were written.
    pub fn written(&self, at: Ts, rows: u64) {
        if let Some(second) = self.state().seconds.at(at.ms() / SECOND, SECONDS).back_mut() {
            *second += rows;
        }
    }

    /// The rings as they stand at `now`.
    #[must_use]
    pub fn view(&self, now: Ts) -> ActivityView {
        let mut state = self.state();
        let minutes = state.minutes.at(now.ms() / MINUTE, MINUTES);
        let requests_by_minute = minutes.iter().map(|[requests, _]| *requests).collect();
        let rate_limited_by_minute = minutes.iter().map(|[_, refused]| *refused).collect();
        let rows_by_second = state.seconds.at(now.ms() / SECOND, SECONDS).iter().copied().collect();
        let mut sorted: Vec<u32> = state.latencies.iter().copied().collect();
        sorted.sort_unstable();
        let share = |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().max(1) - 1)).copied();
        ActivityView {
            until: now,
            requests_by_minute,
            rate_limited_by_minute,
            rows_by_second,
            latency_p50_ms: share(50),
            latency_p90_ms: share(90),
            latency_p99_ms: share(99),
            ..state.totals.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at: i64, status: u16, latency_ms: i64) -> RequestRow {
        RequestRow {
            execution_id: None,
            endpoint: "aggregates".into(),
            ticker: None,
            timeframe: None,
            asked: None,
            attempt: 1,
            started_at: Ts(at),
            latency_ms,
            status: Some(status),
            outcome: "ok".into(),
            error: None,
            rows: 0,
            query_count: None,
            bytes: 10,
            request_id: None,
            changed: None,
        }
    }

    #[test]
    fn minutes_move_on_by_themselves_and_old_ones_fall_out() {
        let pulse = Activity::default();
        pulse.answered(&row(10 * MINUTE, 200, 5));
        pulse.answered(&row(10 * MINUTE + 1, 429, 7));
        pulse.answered(&row(12 * MINUTE, 200, 9));
        let view = pulse.view(Ts(13 * MINUTE));
        assert_eq!(view.requests_by_minute.len(), MINUTES);
        assert_eq!(view.requests_by_minute[MINUTES - 4..], [2, 0, 1, 0]);
        assert_eq!(view.rate_limited_by_minute[MINUTES - 4..], [1, 0, 0, 0]);
        assert_eq!((view.latency_p50_ms, view.requests, view.rate_limited, view.bytes), (Some(7), 3, 1, 30));
        let later = pulse.view(Ts(500 * MINUTE));
        assert_eq!(later.requests_by_minute.iter().sum::<u32>(), 0);
        // A clock set back neither panics nor loses the newest.
        assert_eq!(pulse.view(Ts(0)).requests_by_minute.len(), MINUTES);
    }

    #[test]
    fn rows_are_counted_by_second() {
        let pulse = Activity::default();
        pulse.written(Ts(5_000), 3);
        pulse.written(Ts(5_900), 4);
        pulse.written(Ts(7_000), 1);
        assert_eq!(pulse.view(Ts(7_500)).rows_by_second[SECONDS - 3..], [7, 0, 1]);
        assert_eq!(pulse.view(Ts(7_500)).latency_p50_ms, None);
    }
}
