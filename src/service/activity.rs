//! The recent past: requests by minute and latencies as the vendor's counters have them, rows by second. Sparklines are
//! drawn from it.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use barkeep_market::Ts;
use barkeep_market::ts::{MINUTE, SECOND};
use barkeep_store::{ExecutionStatus, RequestMinute, RequestTotals};
use barkeep_vendor::Class;
use barkeep_vendor::counters::Counts;
use barkeep_vendor::dispatch::Attempt;
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
    /// Since the database was created, over all processes: what was recorded when this one started, and its own since. A
    /// request counts from its start on, long before its page is stored.
    #[serde(default)]
    pub all: RequestTotals,
    /// Executions that ended here since the start of this process, by how they ended.
    #[serde(default)]
    pub ended: BTreeMap<ExecutionStatus, u64>,
}

/// The vendor has not answered the last attempts, whatever they asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorSilence {
    /// When the first of them ended.
    pub since: Ts,
    pub attempts: u32,
    /// What was wrong with the last one.
    pub error: String,
}

/// Keeps the rows by second, and whether the vendor answers.
#[derive(Debug, Default)]
pub struct Activity {
    /// What was recorded before this process made its first request.
    before: OnceLock<(RequestTotals, Vec<RequestMinute>)>,
    rows: Mutex<Ring<u64>>,
    silence: Mutex<Option<VendorSilence>>,
    ended: Mutex<BTreeMap<ExecutionStatus, u64>>,
}

impl Activity {
    /// What was requested before this process: over all time, and by minute.
    pub fn begin(&self, totals: RequestTotals, minutes: Vec<RequestMinute>) {
        // A second start of the same process adds nothing to what it counts itself.
        let _ = self.before.set((totals, minutes));
    }

    /// Bars were written.
    pub fn written(&self, at: Ts, rows: u64) {
        let mut seconds = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(second) = seconds.at(at.ms() / SECOND, SECONDS).back_mut() {
            *second += rows;
        }
    }

    /// An execution ended.
    pub fn ended(&self, status: ExecutionStatus) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
    }

    /// An attempt ended at `at`, with an answer or without. One that was called off, or that never left, says nothing.
    pub fn heard(&self, at: Ts, attempt: &Attempt) {
        let mut silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
        match &attempt.fault {
            _ if attempt.status.is_some() => *silence = None,
            None => *silence = None,
            Some(fault) if matches!(fault.class, Class::Cancelled | Class::Journal) => {}
            Some(fault) => {
                let known = silence.take();
                let (since, attempts) = known.map_or((at, 0), |known| (known.since, known.attempts));
                *silence = Some(VendorSilence { since, attempts: attempts + 1, error: fault.message.clone() });
            }
        }
    }

    /// Since when the vendor has not answered; `None` after an answer.
    #[must_use]
    pub fn silence(&self) -> Option<VendorSilence> {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All of it as it stands at `now`; `requests` are those of the process.
    #[must_use]
    pub fn view(&self, now: Ts, requests: &Counts) -> ActivityView {
        let counters = requests.read();
        let mut minutes = requests.minutes(now);
        let (before, earlier) = self.before.get().cloned().unwrap_or_default();
        for minute in earlier {
            let ago = now.ms().div_euclid(MINUTE) - minute.start.ms().div_euclid(MINUTE);
            let place = usize::try_from(ago).ok().and_then(|ago| minutes.iter_mut().rev().nth(ago));
            if let Some([made, refused]) = place {
                *made += minute.requests;
                *refused += minute.rate_limited;
            }
        }
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let own = RequestTotals {
            total_requests: signed(counters.total_requests),
            rate_limited_count: signed(counters.rate_limited_count),
            failures: signed(counters.failures),
            retries: signed(counters.retries),
            bytes: signed(counters.bytes),
        };
        let rows_by_second = {
            let mut seconds = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
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
            all: before.combine(own, i64::saturating_add),
            ended: self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(status: Option<u16>, fault: Option<Class>) -> Attempt {
        Attempt {
            server_time: None,
            endpoint: "aggregates",
            ticker: None,
            timeframe: None,
            asked: None,
            number: 1,
            started_at: Ts(0),
            latency: std::time::Duration::ZERO,
            rows: 0,
            query_count: None,
            bytes: 0,
            status,
            request_id: None,
            fault: fault.map(|class| barkeep_vendor::Fault::new(class, "cannot connect to the vendor")),
        }
    }

    #[test]
    fn what_was_requested_before_this_process_counts_in_its_minute() {
        let activity = Activity::default();
        let totals = RequestTotals { total_requests: 21, rate_limited_count: 2, ..RequestTotals::default() };
        let minute = |n: i64, requests| RequestMinute { start: Ts(n * MINUTE), requests, rate_limited: 1 };
        activity.begin(totals, vec![minute(69, 7), minute(70, 3), minute(99, 4)]);
        let view = activity.view(Ts(99 * MINUTE + 5_000), &Counts::default());
        assert_eq!(view.requests_by_minute.len(), 30);
        assert_eq!((view.requests_by_minute[0], view.requests_by_minute[29]), (3, 4), "a 31st minute has no place");
        assert_eq!(view.rate_limited_by_minute.iter().sum::<u32>(), 2);
        assert_eq!((view.requests, view.all), (0, totals));
        // A minute on, all of it is one place further back.
        let view = activity.view(Ts(100 * MINUTE), &Counts::default());
        assert_eq!((view.requests_by_minute[28], view.requests_by_minute[29]), (4, 0));
    }

    #[test]
    fn the_vendor_is_silent_from_the_first_of_its_missing_answers_to_the_next_answer() {
        let activity = Activity::default();
        activity.heard(Ts(1_000), &attempt(None, Some(Class::Transient)));
        activity.heard(Ts(2_000), &attempt(None, Some(Class::Cancelled)));
        activity.heard(Ts(3_000), &attempt(None, Some(Class::Transient)));
        let silence = activity.silence().unwrap();
        assert_eq!((silence.since, silence.attempts), (Ts(1_000), 2));
        // A refusal is an answer too.
        activity.heard(Ts(4_000), &attempt(Some(503), Some(Class::Transient)));
        assert_eq!(activity.silence(), None);
    }

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
