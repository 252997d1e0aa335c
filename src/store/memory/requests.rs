//! Requests as they were made, and the window of request starts.

use crate::market::Ts;
use crate::store::{Grant, RequestRow, RequestTotals, requests};

#[derive(Debug, Default)]
pub(super) struct Requests {
    rows: Vec<RequestRow>,
    /// Ascending.
    starts: Vec<Ts>,
}

impl Requests {
    pub(super) fn record(&mut self, row: RequestRow) {
        self.rows.push(RequestRow { attempt: row.attempt.max(1), ..row });
    }

    pub(super) fn totals(&self) -> RequestTotals {
        let count = |counts: fn(&RequestRow) -> bool| self.rows.iter().filter(|row| counts(row)).count() as i64;
        RequestTotals {
            total_requests: count(|_| true),
            rate_limited_count: count(|row| row.status == Some(429)),
            failures: count(|row| row.outcome != "ok"),
            retries: count(|row| row.attempt > 1),
            bytes: self.rows.iter().map(|row| row.bytes).fold(0, i64::saturating_add),
        }
    }

    pub(super) fn take_token(&mut self, limit: u32, window_ms: i64, now: Ts) -> Grant {
        for start in &mut self.starts {
            *start = (*start).min(now);
        }
        self.starts.retain(|start| *start > now - window_ms.max(requests::KEEP));
        let grant = requests::grant(&self.recent_starts(window_ms, now), limit, window_ms, now);
        if grant == Grant::Granted {
            self.starts.push(now);
        }
        grant
    }

    pub(super) fn recent_starts(&self, window_ms: i64, now: Ts) -> Vec<Ts> {
        self.starts.iter().filter(|start| **start > now - window_ms).map(|start| (*start).min(now)).collect()
    }
}
