//! Answers to the requests for details, cached while their screen is open.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use uuid::Uuid;

use barkeep_market::Ts;
use barkeep_runtime::console::{
    AlertRow, ConsoleRequest, ConsoleResponse, CoverageRow, Detail, Execution, ExecutionDetail, FeatureFailureRow,
    FoundTicker, OperatorActionRow, QuarantineRow, ReadError, RequestRow, SeriesName, SeriesStatus, SessionCoverage,
};

/// Cached answers at most; the least recently used goes first.
const CAPACITY: usize = 24;

/// A request and the last answer to it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub request: ConsoleRequest,
    /// The last answer; a later error does not remove it.
    pub response: Option<Arc<ConsoleResponse>>,
    /// Why the last request failed.
    pub error: Option<ReadError>,
    /// When the last answer came.
    pub answered_at: Option<Ts>,
    /// The generation of the data that the snapshot showed when the answer was requested; `None` when a newer answer is
    /// wanted in any case.
    pub data_at: Option<Ts>,
    /// Whether a request is under way.
    pub loading: bool,
    /// When it was requested last, on the loop's clock.
    pub requested_at: Option<Duration>,
}

/// An answer of one kind as a screen sees it.
#[derive(Clone, Copy, Debug)]
pub struct ShownAnswer<'a, T: ?Sized> {
    pub value: Option<&'a T>,
    pub error: Option<&'a ReadError>,
    pub loading: bool,
    pub at: Option<Ts>,
}

/// The answers.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    entries: VecDeque<Entry>,
    /// Days of coverage by series, for the coverage map: more than a year.
    pub coverage: CoverageCache,
    /// The last weeks, for the strips of the table of series.
    pub strips: CoverageCache,
}

/// Days of coverage, series by series, all from the same first date on.
#[derive(Clone, Debug, Default)]
pub struct CoverageCache {
    /// The first and the last date of each row.
    pub range: Option<(NaiveDate, NaiveDate)>,
    rows: HashMap<SeriesName, CachedRow>,
    /// Why the last request failed.
    pub error: Option<ReadError>,
    pub loading: bool,
    /// When it was requested last, on the loop's clock.
    pub requested_at: Option<Duration>,
    /// How the requested series stood then.
    pub states: Vec<SeriesState>,
}

/// The coverage of one series, or that there is none, and the generation of the data it is from.
#[derive(Clone, Debug)]
struct CachedRow {
    row: Option<CoverageRow>,
    data_at: Ts,
    /// When it was answered, on the loop's clock.
    answered_at: Duration,
    state: SeriesState,
}

/// What shows that a series was written since: its bars, and when the vendor was last asked.
pub type SeriesState = (i64, Option<Ts>);

impl CoverageCache {
    /// The days of a series from `range.0` on.
    #[must_use]
    pub fn row(&self, series: &SeriesName) -> Option<&CoverageRow> {
        self.rows.get(series)?.row.as_ref()
    }

    /// Whether the series was written since it was answered.
    #[must_use]
    pub fn is_outdated(&self, series: &SeriesName, state: SeriesState) -> bool {
        self.rows.get(series).is_some_and(|row| row.state != state)
    }

    /// Whether it is of this generation of the data or newer (`None`: any will do), or was answered later than `since`.
    #[must_use]
    pub fn is_current(&self, series: &SeriesName, data_at: Option<Ts>, since: Option<Duration>) -> bool {
        self.rows
            .get(series)
            .is_some_and(|row| Some(row.data_at) >= data_at || since.is_some_and(|since| row.answered_at > since))
    }

    /// Stores an answer about `series`.
    pub fn insert(
        &mut self,
        range: (NaiveDate, NaiveDate),
        series: &[SeriesName],
        rows: &[CoverageRow],
        (data_at, answered_at): (Ts, Duration),
    ) {
        if self.range != Some(range) {
            self.rows.clear();
            self.range = Some(range);
        }
        let states = std::mem::take(&mut self.states);
        for (k, name) in series.iter().enumerate() {
            let state = states.get(k).copied().unwrap_or_default();
            let row = rows.iter().find(|row| row.symbol == name.0 && row.timeframe == name.1).cloned();
            self.rows.insert(name.clone(), CachedRow { row, data_at, answered_at, state });
        }
    }
}

impl Answers {
    /// The entry of a request.
    #[must_use]
    pub fn entry(&self, request: &ConsoleRequest) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.request == *request)
    }

    /// The same to change; created when there is none.
    pub fn entry_mut(&mut self, request: &ConsoleRequest) -> Option<&mut Entry> {
        if let Some(at) = self.entries.iter().position(|entry| entry.request == *request) {
            if let Some(entry) = self.entries.remove(at) {
                self.entries.push_back(entry);
            }
        } else {
            if self.entries.len() >= CAPACITY {
                self.entries.pop_front();
            }
            self.entries.push_back(Entry {
                request: request.clone(),
                response: None,
                error: None,
                answered_at: None,
                data_at: None,
                loading: false,
                requested_at: None,
            });
        }
        self.entries.back_mut()
    }

    /// Drops all answers, so that they are requested again.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.coverage = CoverageCache::default();
        self.strips = CoverageCache::default();
    }

    /// Marks all answers as old, so that they are requested again; they stay until then.
    pub fn expire(&mut self) {
        for entry in &mut self.entries {
            (entry.data_at, entry.requested_at) = (None, None);
        }
    }

    /// What the vendor found for a text; `None` until it answers, `Err` why it did not.
    #[must_use]
    pub fn tickers(&self, search: &str) -> Option<Result<&[FoundTicker], String>> {
        let entry = self.entry(&ConsoleRequest::Tickers { search: search.to_owned() })?;
        match (&entry.error, entry.response.as_deref()) {
            (Some(e), _) => Some(Err(e.to_string())),
            (None, Some(ConsoleResponse::Tickers(found))) => Some(Ok(found)),
            _ => None,
        }
    }

    fn answer<'a, T: ?Sized>(
        &'a self,
        request: &ConsoleRequest,
        of: impl Fn(&'a ConsoleResponse) -> Option<&'a T>,
    ) -> ShownAnswer<'a, T> {
        let entry = self.entry(request);
        ShownAnswer {
            value: entry.and_then(|entry| entry.response.as_deref()).and_then(of),
            error: entry.and_then(|entry| entry.error.as_ref()),
            loading: entry.is_some_and(|entry| entry.loading),
            at: entry.and_then(|entry| entry.answered_at),
        }
    }

    #[must_use]
    pub fn detail(&self, (symbol, timeframe): &SeriesName) -> ShownAnswer<'_, Detail> {
        let request = ConsoleRequest::Detail { symbol: symbol.clone(), timeframe: *timeframe };
        self.answer(
            &request,
            |response| if let ConsoleResponse::Detail(detail) = response { Some(detail.as_ref()) } else { None },
        )
    }

    #[must_use]
    pub fn session(&self, (symbol, timeframe): &SeriesName, date: NaiveDate) -> ShownAnswer<'_, SessionCoverage> {
        let request = ConsoleRequest::Session { symbol: symbol.clone(), timeframe: *timeframe, date };
        self.answer(
            &request,
            |response| if let ConsoleResponse::Session(session) = response { Some(session) } else { None },
        )
    }

    #[must_use]
    pub fn history(&self) -> ShownAnswer<'_, [Execution]> {
        self.answer(
            &HISTORY,
            |response| if let ConsoleResponse::History(rows) = response { Some(rows.as_slice()) } else { None },
        )
    }

    #[must_use]
    pub fn execution(&self, id: Uuid) -> ShownAnswer<'_, ExecutionDetail> {
        self.answer(&ConsoleRequest::Execution { id }, |response| match response {
            ConsoleResponse::Execution(detail) => Some(detail.as_ref()),
            _ => None,
        })
    }

    #[must_use]
    pub fn requests(&self) -> ShownAnswer<'_, [RequestRow]> {
        self.answer(&REQUESTS, |response| {
            if let ConsoleResponse::Requests(rows) = response { Some(rows.as_slice()) } else { None }
        })
    }

    #[must_use]
    pub fn quarantine(&self) -> ShownAnswer<'_, [QuarantineRow]> {
        self.answer(&QUARANTINE, |response| {
            if let ConsoleResponse::Quarantine(rows) = response { Some(rows.as_slice()) } else { None }
        })
    }

    #[must_use]
    pub fn failing_series(&self) -> ShownAnswer<'_, [SeriesStatus]> {
        self.answer(&FAILURES, |response| match response {
            ConsoleResponse::Failures { series, .. } => Some(series.as_slice()),
            _ => None,
        })
    }

    #[must_use]
    pub fn failing_features(&self) -> ShownAnswer<'_, [FeatureFailureRow]> {
        self.answer(&FAILURES, |response| match response {
            ConsoleResponse::Failures { features, .. } => Some(features.as_slice()),
            _ => None,
        })
    }

    #[must_use]
    pub fn alerts(&self) -> ShownAnswer<'_, [AlertRow]> {
        self.answer(
            &ALERTS,
            |response| if let ConsoleResponse::Alerts(rows) = response { Some(rows.as_slice()) } else { None },
        )
    }

    #[must_use]
    pub fn actions(&self) -> ShownAnswer<'_, [OperatorActionRow]> {
        self.answer(
            &ACTIONS,
            |response| if let ConsoleResponse::Actions(rows) = response { Some(rows.as_slice()) } else { None },
        )
    }
}

/// The requests that are about no single series or execution.
pub const HISTORY: ConsoleRequest = ConsoleRequest::History { limit: 200 };
pub const REQUESTS: ConsoleRequest = ConsoleRequest::Requests { symbol: None, limit: 200 };
pub const QUARANTINE: ConsoleRequest = ConsoleRequest::Quarantine { limit: 500 };
pub const FAILURES: ConsoleRequest = ConsoleRequest::Failures { limit: 500 };
pub const ALERTS: ConsoleRequest = ConsoleRequest::Alerts { limit: 200 };
pub const ACTIONS: ConsoleRequest = ConsoleRequest::Actions { limit: 200 };
pub const LOG: ConsoleRequest = ConsoleRequest::Log { limit: 500 };
