//! Questions about what is stored, and the replies.

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::command::ExecutionId;
use super::detail::Detail;
use super::execution::{Execution, ExecutionDetail, SeriesRun, VendorRequest};
use super::names::{SeriesPair, SymbolName, TimeframeName};
use super::records::{Alert, FeatureFailure, OperatorAction, QuarantinedBar};
use super::symbols::TickerEntry;
use super::{each, wrap};
use barkeep_market::{Symbol, Timeframe};
use barkeep_pipeline::quarantine::QuarantineView;
use barkeep_runtime::console::{
    ConsoleRequest, ConsoleResponse, CoverageRow, LogLine, MOST_ROWS, SeriesName, SessionCoverage,
};

/// How many rows to return at most: a whole number from 0 to 1000, written as an integer or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(minimum = 0, maximum = 1000)]
pub struct RowLimit(usize);

impl<'de> Deserialize<'de> for RowLimit {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(d)?;
        if number.fract() == 0.0 && (0.0..=MOST_ROWS as f64).contains(&number) {
            Ok(Self(number as usize))
        } else {
            Err(serde::de::Error::custom(format_args!("limit is not a whole number from 0 to {MOST_ROWS}")))
        }
    }
}

/// A question about what is stored.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Question {
    /// Everything about one series.
    Detail {
        #[schema(value_type = SymbolName)]
        symbol: Symbol,
        #[schema(value_type = TimeframeName)]
        timeframe: Timeframe,
    },
    /// The state of each day of some series, both dates included.
    Coverage {
        #[schema(value_type = Vec<SeriesPair>, max_items = 200)]
        series: Vec<SeriesName>,
        #[schema(value_type = String, format = Date)]
        from: NaiveDate,
        #[schema(value_type = String, format = Date)]
        to: NaiveDate,
    },
    /// The state of each part of one trading day of a series.
    Session {
        #[schema(value_type = SymbolName)]
        symbol: Symbol,
        #[schema(value_type = TimeframeName)]
        timeframe: Timeframe,
        #[schema(value_type = String, format = Date)]
        date: NaiveDate,
    },
    /// The newest executions.
    History {
        limit: RowLimit,
    },
    /// One execution with each of its series.
    Execution {
        #[schema(value_type = ExecutionId)]
        id: Uuid,
    },
    /// The newest vendor requests, of one symbol or of all.
    Requests {
        #[schema(value_type = Option<SymbolName>)]
        symbol: Option<Symbol>,
        limit: RowLimit,
    },
    /// Quarantined bars pending review.
    Quarantine {
        limit: RowLimit,
    },
    /// A quarantined bar, decided or not, with what is stored around it.
    QuarantinedBar {
        id: i64,
    },
    /// Series and features that failed.
    Failures {
        limit: RowLimit,
    },
    Alerts {
        limit: RowLimit,
    },
    /// What operators did.
    Actions {
        limit: RowLimit,
    },
    /// The last lines of the log.
    Log {
        limit: RowLimit,
    },
    /// The vendor's tickers that match a text. It costs a request, so it takes a key with the role `operate`.
    Tickers {
        #[schema(min_length = 1, max_length = 40)]
        search: String,
    },
}

impl From<Question> for ConsoleRequest {
    fn from(wire: Question) -> Self {
        match wire {
            Question::Detail { symbol, timeframe } => Self::Detail { symbol, timeframe },
            Question::Coverage { series, from, to } => Self::Coverage { series, from, to },
            Question::Session { symbol, timeframe, date } => Self::Session { symbol, timeframe, date },
            Question::History { limit } => Self::History { limit: limit.0 },
            Question::Execution { id } => Self::Execution { id },
            Question::Requests { symbol, limit } => Self::Requests { symbol, limit: limit.0 },
            Question::Quarantine { limit } => Self::Quarantine { limit: limit.0 },
            Question::QuarantinedBar { id } => Self::QuarantinedBar { id },
            Question::Failures { limit } => Self::Failures { limit: limit.0 },
            Question::Alerts { limit } => Self::Alerts { limit: limit.0 },
            Question::Actions { limit } => Self::Actions { limit: limit.0 },
            Question::Log { limit } => Self::Log { limit: limit.0 },
            Question::Tickers { search } => Self::Tickers { search },
        }
    }
}

impl From<ConsoleRequest> for Question {
    fn from(request: ConsoleRequest) -> Self {
        match request {
            ConsoleRequest::Detail { symbol, timeframe } => Self::Detail { symbol, timeframe },
            ConsoleRequest::Coverage { series, from, to } => Self::Coverage { series, from, to },
            ConsoleRequest::Session { symbol, timeframe, date } => Self::Session { symbol, timeframe, date },
            ConsoleRequest::History { limit } => Self::History { limit: RowLimit(limit) },
            ConsoleRequest::Execution { id } => Self::Execution { id },
            ConsoleRequest::Requests { symbol, limit } => Self::Requests { symbol, limit: RowLimit(limit) },
            ConsoleRequest::Quarantine { limit } => Self::Quarantine { limit: RowLimit(limit) },
            ConsoleRequest::QuarantinedBar { id } => Self::QuarantinedBar { id },
            ConsoleRequest::Failures { limit } => Self::Failures { limit: RowLimit(limit) },
            ConsoleRequest::Alerts { limit } => Self::Alerts { limit: RowLimit(limit) },
            ConsoleRequest::Actions { limit } => Self::Actions { limit: RowLimit(limit) },
            ConsoleRequest::Log { limit } => Self::Log { limit: RowLimit(limit) },
            ConsoleRequest::Tickers { search } => Self::Tickers { search },
        }
    }
}

wrap! {
    /// The state of each day of each series.
    CoverageRows(Vec<CoverageRow>) as Vec<Object>
}
wrap! {
    /// The state of each part of a trading day.
    SessionDocument(SessionCoverage) as Object
}
wrap! {
    /// A quarantined bar: `{sent, stored, replaces, before, after}`.
    QuarantineDocument(Box<QuarantineView>) as Object
}
wrap! {
    /// Lines of the log: `{seq, at, level, source, text}`.
    LogLines(Vec<LogLine>) as Vec<Object>
}

/// What failed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Failures {
    series: Vec<SeriesRun>,
    features: Vec<FeatureFailure>,
}

/// The reply to a [`Question`], of the same name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "reply", content = "of", rename_all = "snake_case")]
pub enum Reply {
    Detail(Box<Detail>),
    /// In the order of the question; series that are not tracked are left out.
    Coverage(CoverageRows),
    Session(SessionDocument),
    History(Vec<Execution>),
    Execution(Box<ExecutionDetail>),
    Requests(Vec<VendorRequest>),
    Quarantine(Vec<QuarantinedBar>),
    QuarantinedBar(QuarantineDocument),
    Failures(Failures),
    Alerts(Vec<Alert>),
    Actions(Vec<OperatorAction>),
    /// Oldest first: `{seq, at, level, source, text}`.
    Log(LogLines),
    /// Best matches first.
    Tickers(Vec<TickerEntry>),
}

impl From<ConsoleResponse> for Reply {
    fn from(response: ConsoleResponse) -> Self {
        match response {
            ConsoleResponse::Detail(detail) => Self::Detail(Box::new((*detail).into())),
            ConsoleResponse::Coverage(rows) => Self::Coverage(rows.into()),
            ConsoleResponse::Session(session) => Self::Session(session.into()),
            ConsoleResponse::History(executions) => Self::History(each(executions)),
            ConsoleResponse::Execution(detail) => Self::Execution(Box::new((*detail).into())),
            ConsoleResponse::Requests(rows) => Self::Requests(each(rows)),
            ConsoleResponse::Quarantine(rows) => Self::Quarantine(each(rows)),
            ConsoleResponse::QuarantinedBar(view) => Self::QuarantinedBar(view.into()),
            ConsoleResponse::Failures { series, features } => {
                Self::Failures(Failures { series: each(series), features: each(features) })
            }
            ConsoleResponse::Alerts(rows) => Self::Alerts(each(rows)),
            ConsoleResponse::Actions(rows) => Self::Actions(each(rows)),
            ConsoleResponse::Log(lines) => Self::Log(lines.into()),
            ConsoleResponse::Tickers(found) => Self::Tickers(each(found)),
        }
    }
}

impl From<Reply> for ConsoleResponse {
    fn from(wire: Reply) -> Self {
        match wire {
            Reply::Detail(detail) => Self::Detail(Box::new((*detail).into())),
            Reply::Coverage(rows) => Self::Coverage(rows.into()),
            Reply::Session(session) => Self::Session(session.into()),
            Reply::History(executions) => Self::History(each(executions)),
            Reply::Execution(detail) => Self::Execution(Box::new((*detail).into())),
            Reply::Requests(rows) => Self::Requests(each(rows)),
            Reply::Quarantine(rows) => Self::Quarantine(each(rows)),
            Reply::QuarantinedBar(view) => Self::QuarantinedBar(view.into()),
            Reply::Failures(all) => Self::Failures { series: each(all.series), features: each(all.features) },
            Reply::Alerts(rows) => Self::Alerts(each(rows)),
            Reply::Actions(rows) => Self::Actions(each(rows)),
            Reply::Log(lines) => Self::Log(lines.into()),
            Reply::Tickers(found) => Self::Tickers(each(found)),
        }
    }
}
