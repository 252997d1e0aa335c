//! Every request and its answer, for tests to read. Keys are never logged.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde::Serialize;

use crate::lock;
use barkeep_market::Ts;

/// Requests remembered; older ones are dropped.
const KEPT: usize = 200_000;

/// How a request carried its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyForm {
    None,
    Header,
    Query,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoggedRequest {
    /// Counts from 1.
    pub number: u64,
    /// Arrival on the simulator's clock.
    pub at: Ts,
    /// Arrival in milliseconds since the server's start, on the monotonic clock.
    pub at_ms: u64,
    pub method: String,
    /// Path and query; a key in it reads `***`.
    pub target: String,
    pub key: KeyForm,
    /// Place in its cursor chain; 1 without a cursor.
    pub page: u32,
    /// 0 when there was no answer (yet).
    pub status: u16,
    /// Bars or other results in the answer.
    pub rows: usize,
    /// The fault that struck it.
    pub fault: Option<&'static str>,
    /// From arrival until the answer was ready, milliseconds.
    pub took_ms: u64,
}

#[derive(Debug, Default)]
struct Entries {
    list: VecDeque<LoggedRequest>,
    /// Given out so far; clearing the log does not start it again.
    numbers: u64,
    total: u64,
    rate_limited: u64,
}

/// The log of one server.
#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<Entries>);

impl RequestLog {
    /// Writes a request down before it is answered, so that one which never is can be seen. Returns its number.
    pub(crate) fn open(&self, mut request: LoggedRequest) -> u64 {
        let mut log = lock(&self.0);
        log.total += 1;
        log.numbers += 1;
        request.number = log.numbers;
        if log.list.len() >= KEPT {
            log.list.pop_front();
        }
        log.list.push_back(request);
        log.numbers
    }

    /// Adds the answer.
    pub(crate) fn close(&self, number: u64, status: u16, rows: usize, fault: Option<&'static str>, now_ms: u64) {
        let mut log = lock(&self.0);
        log.rate_limited += u64::from(status == 429);
        // Requests end out of order, but not far from the end of the list.
        if let Some(entry) = log.list.iter_mut().rev().find(|entry| entry.number == number) {
            entry.status = status;
            entry.rows = rows;
            entry.fault = fault;
            entry.took_ms = now_ms.saturating_sub(entry.at_ms);
        }
    }

    pub(crate) fn all(&self) -> Vec<LoggedRequest> {
        lock(&self.0).list.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        let mut log = lock(&self.0);
        *log = Entries { numbers: log.numbers, ..Entries::default() };
    }

    /// All requests, and those answered with 429.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let log = lock(&self.0);
        (log.total, log.rate_limited)
    }
}
