//! Answers to what was asked about the details, kept while somebody looks at them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use uuid::Uuid;

use barkeep_market::Ts;
use barkeep_runtime::console::{
    AlertRow, ConsoleRequest, ConsoleResponse, CoverageRow, Detail, Execution, ExecutionDetail, FeatureFailureRow,
    OperatorActionRow, QuarantineRow, ReadError, RequestRow, SeriesName, SeriesStatus, SessionCoverage,
};

/// Answers kept; the one used longest ago goes first.
const KEPT: usize = 24;

/// One question and what is known of its answer.
#[derive(Clone, Debug)]
pub struct Entry {
    pub question: ConsoleRequest,
    /// The last answer; a later error does not take it away.
    pub reply: Option<Arc<ConsoleResponse>>,
    /// Why the last asking failed.
    pub error: Option<ReadError>,
    /// When the last asking was answered.
    pub at: Option<Ts>,
    /// Which reading of the database the shown snapshot had when it was asked.
    pub of: Ts,
    /// Whether it is being asked now.
    pub asking: bool,
    /// When it was asked last, on the loop's clock.
    pub asked: Option<Duration>,
}

/// An answer of one kind as a screen sees it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a, T: ?Sized> {
    pub value: Option<&'a T>,
    pub error: Option<&'a ReadError>,
    pub asking: bool,
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
    rows: HashMap<SeriesName, Known>,
    /// Why the last asking failed.
    pub error: Option<ReadError>,
    pub asking: bool,
    /// When it was asked last, on the loop's clock.
    pub asked: Option<Duration>,
}

/// The coverage of one series, or that there is none, and as of which reading of the database.
#[derive(Clone, Debug)]
struct Known {
    row: Option<CoverageRow>,
    of: Ts,
    /// When it was answered, on the loop's clock.
    at: Duration,
}

impl CoverageCache {
    /// The days of a series from `range.0` on.
    #[must_use]
    pub fn row(&self, series: &SeriesName) -> Option<&CoverageRow> {
        self.rows.get(series)?.row.as_ref()
    }

    /// Whether it is of this reading of the database, or was answered later than `since`.
    #[must_use]
    pub fn is_current(&self, series: &SeriesName, of: Ts, since: Option<Duration>) -> bool {
        self.rows.get(series).is_some_and(|known| known.of >= of || since.is_some_and(|since| known.at > since))
    }

    /// Keeps an answer about `series`.
    pub fn keep(
        &mut self,
        range: (NaiveDate, NaiveDate),
        series: &[SeriesName],
        rows: &[CoverageRow],
        (of, at): (Ts, Duration),
    ) {
        if self.range != Some(range) {
            self.rows.clear();
            self.range = Some(range);
        }
        for name in series {
            let row = rows.iter().find(|row| row.symbol == name.0 && row.timeframe == name.1).cloned();
            self.rows.insert(name.clone(), Known { row, of, at });
        }
    }
}

impl Answers {
    /// What is known of a question.
    #[must_use]
    pub fn entry(&self, question: &ConsoleRequest) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.question == *question)
    }

    /// The same to change; made when it was not there.
    pub fn entry_mut(&mut self, question: &ConsoleRequest) -> Option<&mut Entry> {
        if let Some(at) = self.entries.iter().position(|entry| entry.question == *question) {
            if let Some(entry) = self.entries.remove(at) {
                self.entries.push_back(entry);
            }
        } else {
            if self.entries.len() >= KEPT {
                self.entries.pop_front();
            }
            self.entries.push_back(Entry {
                question: question.clone(),
                reply: None,
                error: None,
                at: None,
                of: Ts::MIN,
                asking: false,
                asked: None,
            });
        }
        self.entries.back_mut()
    }

    /// Forgets all of them, so that they are asked again.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.coverage = CoverageCache::default();
        self.strips = CoverageCache::default();
    }

    /// Lets all of them be asked again; what is known stays until then.
    pub fn age(&mut self) {
        for entry in &mut self.entries {
            (entry.of, entry.asked) = (Ts::MIN, None);
        }
    }

    fn asked<'a, T: ?Sized>(
        &'a self,
        question: &ConsoleRequest,
        of: impl Fn(&'a ConsoleResponse) -> Option<&'a T>,
    ) -> Asked<'a, T> {
        let entry = self.entry(question);
        Asked {
            value: entry.and_then(|entry| entry.reply.as_deref()).and_then(of),
            error: entry.and_then(|entry| entry.error.as_ref()),
            asking: entry.is_some_and(|entry| entry.asking),
            at: entry.and_then(|entry| entry.at),
        }
    }

    #[must_use]
    pub fn detail(&self, (symbol, timeframe): &SeriesName) -> Asked<'_, Detail> {
        let question = ConsoleRequest::Detail { symbol: symbol.clone(), timeframe: *timeframe };
        self.asked(
            &question,
            |reply| if let ConsoleResponse::Detail(detail) = reply { Some(detail.as_ref()) } else { None },
        )
    }

    #[must_use]
    pub fn session(&self, (symbol, timeframe): &SeriesName, date: NaiveDate) -> Asked<'_, SessionCoverage> {
        let question = ConsoleRequest::Session { symbol: symbol.clone(), timeframe: *timeframe, date };
        self.asked(&question, |reply| if let ConsoleResponse::Session(session) = reply { Some(session) } else { None })
    }

    #[must_use]
    pub fn history(&self) -> Asked<'_, [Execution]> {
        self.asked(
            &HISTORY,
            |reply| if let ConsoleResponse::History(rows) = reply { Some(rows.as_slice()) } else { None },
        )
    }

    #[must_use]
    pub fn execution(&self, id: Uuid) -> Asked<'_, ExecutionDetail> {
        self.asked(&ConsoleRequest::Execution { id }, |reply| match reply {
            ConsoleResponse::Execution(detail) => Some(detail.as_ref()),
            _ => None,
        })
    }

    #[must_use]
    pub fn requests(&self) -> Asked<'_, [RequestRow]> {
        self.asked(
            &REQUESTS,
            |reply| if let ConsoleResponse::Requests(rows) = reply { Some(rows.as_slice()) } else { None },
        )
    }

    #[must_use]
    pub fn quarantine(&self) -> Asked<'_, [QuarantineRow]> {
        self.asked(&QUARANTINE, |reply| {
            if let ConsoleResponse::Quarantine(rows) = reply { Some(rows.as_slice()) } else { None }
        })
    }

    #[must_use]
    pub fn failing_series(&self) -> Asked<'_, [SeriesStatus]> {
        self.asked(&FAILURES, |reply| match reply {
            ConsoleResponse::Failures { series, .. } => Some(series.as_slice()),
            _ => None,
        })
    }

    #[must_use]
    pub fn failing_features(&self) -> Asked<'_, [FeatureFailureRow]> {
        self.asked(&FAILURES, |reply| match reply {
            ConsoleResponse::Failures { features, .. } => Some(features.as_slice()),
            _ => None,
        })
    }

    #[must_use]
    pub fn alerts(&self) -> Asked<'_, [AlertRow]> {
        self.asked(
            &ALERTS,
            |reply| if let ConsoleResponse::Alerts(rows) = reply { Some(rows.as_slice()) } else { None },
        )
    }

    #[must_use]
    pub fn actions(&self) -> Asked<'_, [OperatorActionRow]> {
        self.asked(
            &ACTIONS,
            |reply| if let ConsoleResponse::Actions(rows) = reply { Some(rows.as_slice()) } else { None },
        )
    }
}

/// The questions without a subject.
pub const HISTORY: ConsoleRequest = ConsoleRequest::History { limit: 200 };
pub const REQUESTS: ConsoleRequest = ConsoleRequest::Requests { symbol: None, limit: 200 };
pub const QUARANTINE: ConsoleRequest = ConsoleRequest::Quarantine { limit: 500 };
pub const FAILURES: ConsoleRequest = ConsoleRequest::Failures { limit: 500 };
pub const ALERTS: ConsoleRequest = ConsoleRequest::Alerts { limit: 200 };
pub const ACTIONS: ConsoleRequest = ConsoleRequest::Actions { limit: 200 };
pub const LOG: ConsoleRequest = ConsoleRequest::Log { limit: 500 };
