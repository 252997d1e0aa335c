//! The database: one trait, two dialects, the same names and the same behaviour; and a third implementation that only
//! remembers, for tests ([`Memory`]).
//!
//! Everything a page changes is one transaction ([`Store::commit_page`]): bars, revisions, quarantine, coverage, the
//! record of the request and the progress of the series. A crash loses no committed page and tears none.
//!
//! Writes run on one task that owns its connection, so a caller that is dropped while waiting never leaves a
//! transaction open (sqlx 0.9 `begin` is not cancel-safe, sqlx#4385).

mod alerts;
mod bars;
mod conn;
mod coverage;
mod database;
mod evidence;
mod executions;
mod fault;
mod features;
mod field;
mod load;
pub mod memory;
mod migration;
mod monitoring;
mod open;
mod page;
mod plans;
pub mod postgres;
mod quarantine;
mod reference;
mod requests;
pub mod sqlite;
mod symbols;
mod writer;

pub use conn::Dialect;
pub use memory::Memory;
pub use open::{open, sqlite_file};

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::config::policy::Severity;
use crate::market::features::{Features, State};
use crate::market::freshness::Tier;
use crate::market::{AssetClass, Bar, Criticality, Interval, Symbol, Timeframe, Ts, split::Split};

/// The key of a series row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeriesId(pub i64);

/// What goes wrong with a database.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or went away. Waiting can help.
    #[error("the database is unreachable: {0}")]
    Unreachable(String),
    /// Another connection holds a lock too long. Waiting can help.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// No space, no permission, an I/O error. Waiting can help once somebody acts.
    #[error("the database cannot be written: {0}")]
    Disk(String),
    /// The file is no database, is damaged, or was made by a newer barkeep.
    #[error("the database is unusable: {0}")]
    Unusable(String),
    /// Something that the caller named does not exist, or the operation does not apply to it.
    #[error("{0}")]
    NotFound(String),
    /// A statement failed in a way that waiting does not mend.
    #[error("the database refused a statement: {0}")]
    Refused(String),
}

impl StoreError {
    /// Whether the same call may succeed later without a change by the caller.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy(_) | Self::Disk(_))
    }

    /// The same error, saying which database it is about.
    pub(crate) fn at(self, place: &str) -> Self {
        let named = |message: String| format!("{place}: {message}");
        match self {
            Self::Unreachable(m) => Self::Unreachable(named(m)),
            Self::Busy(m) => Self::Busy(named(m)),
            Self::Disk(m) => Self::Disk(named(m)),
            Self::Unusable(m) => Self::Unusable(named(m)),
            Self::NotFound(m) => Self::NotFound(named(m)),
            Self::Refused(m) => Self::Refused(named(m)),
        }
    }
}

pub type Result<T> = std::result::Result<T, StoreError>;

/// A tracked symbol.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SymbolRow {
    pub symbol: Symbol,
    pub asset_class: AssetClass,
    pub vendor_ticker: String,
    pub criticality: Criticality,
    /// Fine to coarse, without repeats.
    pub timeframes: Vec<Timeframe>,
    pub active: bool,
    pub paused: bool,
    pub added_at: Ts,
}

/// A series with the figures kept beside it in every commit, so that a report never scans bars.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesRow {
    pub id: SeriesId,
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    pub bar_count: i64,
    pub first_ts: Option<Ts>,
    /// The start of the newest bar.
    pub last_ts: Option<Ts>,
    /// When the vendor last answered for the newest end of this series.
    pub checked_at: Option<Ts>,
}

/// A bar with what barkeep knows about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredBar {
    #[serde(flatten)]
    pub bar: Bar,
    /// Still growing or not yet settled; fetched again until it is final.
    pub provisional: bool,
    /// 0 to 1; 1 is unremarkable.
    pub quality_score: f64,
    /// Why the score is below 1: words separated by `;`.
    pub quality_notes: Option<String>,
    pub fetched_at: Ts,
}

/// What is known about an interval of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverageState {
    /// The vendor answered; the bars it has are stored.
    Present,
    /// The vendor answered that there is nothing. Believed until it expires.
    Empty,
    /// The vendor refused this range for the plan of this key. Not asked again until it expires.
    NotEntitled,
}

impl CoverageState {
    pub const ALL: [Self; 3] = [Self::Present, Self::Empty, Self::NotEntitled];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Empty => "empty",
            Self::NotEntitled => "not_entitled",
        }
    }
}

/// One interval the vendor has answered for, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    pub range: Interval,
    pub state: CoverageState,
    /// The vendor's id of the answer that proves it.
    pub request_id: Option<String>,
    pub fetched_at: Ts,
    /// From this instant on the interval counts as unknown again.
    pub expires_at: Option<Ts>,
}

/// A bar that cannot be true, kept for an operator to judge.
#[derive(Clone, Debug, PartialEq)]
pub struct QuarantinedBar {
    /// Values as the vendor sent them, normalised time.
    pub bar: Bar,
    pub reason: String,
    pub request_id: Option<String>,
}

/// What an operator decided about a quarantined bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pending,
    Accepted,
    Rejected,
}

impl Verdict {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

/// A row of `bar_quarantine`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuarantineRow {
    pub id: i64,
    pub series_id: SeriesId,
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    #[serde(flatten)]
    pub bar: Bar,
    pub reason: String,
    pub request_id: Option<String>,
    pub detected_at: Ts,
    pub status: Verdict,
    pub decided_at: Option<Ts>,
}

/// One request as it was made; a row of `vendor_requests`. Holds no key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestRow {
    pub execution_id: Option<Uuid>,
    /// `aggregates`, `grouped_daily`, `splits`, `market_status`, `holidays`, `tickers`.
    pub endpoint: &'static str,
    pub ticker: Option<String>,
    pub timeframe: Option<Timeframe>,
    pub asked: Option<Interval>,
    /// 1 for the first try.
    pub attempt: u32,
    pub started_at: Ts,
    pub latency_ms: i64,
    /// HTTP status, when an answer came.
    pub status: Option<u16>,
    /// `ok`, or the name of the error class.
    pub outcome: String,
    pub error: Option<String>,
    /// Bars in the answer.
    pub rows: i64,
    pub query_count: Option<i64>,
    pub bytes: i64,
    pub request_id: Option<String>,
}

/// Everything one series gets from one page.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesWrite {
    pub series: SeriesId,
    /// Ascending by `ts`, no repeats, every value finite. `fetched_at` is the time of the page.
    pub bars: Vec<StoredBar>,
    /// New scores for bars already stored, whose neighbours changed. Not a revision.
    pub rescored: Vec<(Ts, f64, Option<String>)>,
    /// Provisional bars stored in this interval and absent from `bars` have vanished at the vendor: they move to
    /// `bar_revisions` and are deleted. Final bars are never deleted.
    pub replaces: Option<Interval>,
    pub quarantine: Vec<QuarantinedBar>,
    pub coverage: Vec<Coverage>,
    /// Set when this answer reached the newest end of the series.
    pub checked_at: Option<Ts>,
}

/// All a page changes, committed as one transaction.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PageCommit {
    pub writes: Vec<SeriesWrite>,
    /// The request that brought it; `None` when bars are derived from stored ones.
    pub request: Option<RequestRow>,
    pub statuses: Vec<SeriesStatus>,
}

/// What a commit did to one series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WriteOutcome {
    pub inserted: u64,
    /// Bars whose values changed; the old ones are in `bar_revisions`.
    pub revised: u64,
    /// Bars that were already stored with the same values (their provisional mark may have been lifted).
    pub unchanged: u64,
    /// Provisional bars removed because the vendor no longer has them.
    pub removed: u64,
    /// Bars newly put in quarantine; one already there with the same values is not counted again.
    pub quarantined: u64,
}

/// State words of `scheduler_execution_log.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStatus {
    Running,
    Completed,
    CompletedWithErrors,
    Failed,
    Cancelled,
    Interrupted,
}

impl ExecutionStatus {
    pub const ALL: [Self; 6] =
        [Self::Running, Self::Completed, Self::CompletedWithErrors, Self::Failed, Self::Cancelled, Self::Interrupted];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::CompletedWithErrors => "completed_with_errors",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why an execution was started; column `trigger_kind` (`trigger` is a reserved word in SQL).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    Schedule,
    Manual,
    Api,
    CatchUp,
    Cli,
}

impl Trigger {
    pub const ALL: [Self; 5] = [Self::Schedule, Self::Manual, Self::Api, Self::CatchUp, Self::Cli];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Manual => "manual",
            Self::Api => "api",
            Self::CatchUp => "catch_up",
            Self::Cli => "cli",
        }
    }
}

/// A row of `scheduler_execution_log`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExecutionRow {
    pub execution_id: Uuid,
    pub trigger: Trigger,
    pub mode: String,
    pub started_at: Ts,
    pub completed_at: Option<Ts>,
    pub duration_seconds: Option<f64>,
    pub total_symbols: i64,
    pub successful_symbols: i64,
    pub failed_symbols: i64,
    /// Bars the vendor sent.
    pub total_records_processed: i64,
    pub requests: i64,
    pub rate_limited: i64,
    pub retries: i64,
    pub status: ExecutionStatus,
    pub error_message: Option<String>,
    /// Who runs it: `host:pid:boot`, so that a later start can tell a dead owner.
    pub owner: String,
    /// What was asked for, as JSON, so that an interrupted execution can be taken up again.
    pub selection: Option<String>,
}

/// State words of `symbol_computation_status.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesState {
    Pending,
    InProgress,
    Completed,
    Failed,
}

impl SeriesState {
    pub const ALL: [Self; 4] = [Self::Pending, Self::InProgress, Self::Completed, Self::Failed];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// A row of `symbol_computation_status`, one per execution and series; written again as it moves on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesStatus {
    pub execution_id: Uuid,
    pub symbol: Symbol,
    pub asset_class: AssetClass,
    pub timeframe: Timeframe,
    pub status: SeriesState,
    pub records_processed: i64,
    pub records_inserted: i64,
    pub features_computed: i64,
    pub error_message: Option<String>,
    pub started_at: Option<Ts>,
    pub completed_at: Option<Ts>,
    pub duration_seconds: Option<f64>,
}

/// The answer to asking for a rate-limit token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Taken and on disk; the request may start.
    Granted,
    /// The window is full until this instant (wall clock).
    WaitUntil(Ts),
}

/// Totals over `vendor_requests`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RequestTotals {
    pub total_requests: i64,
    /// Answers with status 429.
    pub rate_limited_count: i64,
    pub failures: i64,
    pub retries: i64,
    pub bytes: i64,
}

/// What the vendor counted in a whole answer, all pages of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedAnswer {
    pub ticker: String,
    pub timeframe: Timeframe,
    /// What was asked.
    pub asked: Interval,
    /// Base aggregates the vendor had in it (`queryCount`), never 0.
    pub counted: u64,
}

/// A correction of the built-in calendar, from the vendor's announcements.
#[derive(Clone, Debug, PartialEq)]
pub struct HolidayRow {
    pub date: NaiveDate,
    /// `None`: closed all day. Else the regular session ends early at this instant.
    pub close: Option<Ts>,
    pub name: String,
    pub fetched_at: Ts,
}

/// What the vendor has answered for at the newest end of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub series: SeriesId,
    /// The end of the newest interval it answered for, with bars or without. An answer without bars stays evidence about
    /// its range after it expires: expiry only means that it is asked again.
    pub answered_until: Option<Ts>,
    /// The interval around now that it refuses for the plan of this key, while that is believed.
    pub refused: Option<Interval>,
}

/// An alert about to be raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAlert {
    pub kind: String,
    pub severity: Severity,
    /// What it is about, when a kind can be about several things.
    pub subject: Option<String>,
    pub message: String,
    pub raised_at: Ts,
}

/// A row of `alerts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlertRow {
    pub id: i64,
    pub kind: String,
    pub severity: Severity,
    pub subject: Option<String>,
    pub message: String,
    pub raised_at: Ts,
    /// Absent while the alert is open.
    pub resolved_at: Option<Ts>,
}

/// What somebody did to the engine or to a symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperatorAction {
    pub at: Ts,
    /// Who: `cli:alice`, `tui:bob`, `api:key-name`, `schedule`.
    pub actor: String,
    /// A verb: `pause`, `resume`, `trigger`, `cancel`, …
    pub action: String,
    /// A symbol, an execution id, or `engine`.
    pub target: Option<String>,
    pub detail: Option<String>,
    /// `ok`, or why it was refused.
    pub result: String,
}

/// A row of `operator_actions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperatorActionRow {
    pub id: i64,
    #[serde(flatten)]
    pub action: OperatorAction,
}

/// The features of one bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FeatureRow {
    /// The bar's start.
    pub ts: Ts,
    #[serde(flatten)]
    pub features: Features,
}

/// What features are computed from: a bar without its open, vwap and trades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureBar {
    pub ts: Ts,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
    pub provisional: bool,
}

/// How far the features of a series are up to date.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureProgress {
    pub series: SeriesRow,
    /// From this bar on they are not; `None` when all are. For a series never computed this is its first bar.
    pub stale_from: Option<Ts>,
    /// Grows with every change of the series' bars.
    pub changes: i64,
    /// The splits they were computed with, in the words of whoever computed them; empty when nobody has.
    pub splits: String,
    /// Whether the last try failed.
    pub failing: bool,
}

/// Features of a stretch of bars, with what the next computation needs.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureWrite {
    pub series: SeriesId,
    /// [`FeatureProgress::changes`] as it was before the bars were read. When bars have changed since, nothing of this
    /// is written.
    pub changes: i64,
    /// Rows stored in this interval and absent from `rows` go. States from its start on go too.
    pub replaces: Interval,
    /// Ascending, inside `replaces`. Rows equal to those stored are not touched.
    pub rows: Vec<FeatureRow>,
    /// To be kept for later computations.
    pub states: Vec<State>,
    /// An older state that is no longer needed.
    pub spent: Option<Ts>,
    /// What [`FeatureProgress::stale_from`] is afterwards.
    pub stale_from: Option<Ts>,
    /// What [`FeatureProgress::splits`] is afterwards.
    pub splits: String,
    pub computed_at: Ts,
}

/// What writing features did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeatureOutcome {
    /// New or changed rows.
    pub written: u64,
    pub unchanged: u64,
    pub removed: u64,
    /// Bars changed since they were read; nothing was written.
    pub superseded: bool,
}

/// A series whose features could not be computed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureFailure {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    pub error_message: String,
    /// The run it happened in; must be one that exists.
    pub execution_id: Option<Uuid>,
    pub failed_at: Ts,
}

/// A row of `feature_computation_failures`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureFailureRow {
    pub id: i64,
    #[serde(flatten)]
    pub failure: FeatureFailure,
    /// Tries after the first that failed too.
    pub retry_count: i64,
    pub resolved: bool,
    pub resolved_at: Option<Ts>,
}

/// A row of `feature_freshness`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureFreshness {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    /// `None` leaves what is stored.
    pub last_computed_at: Option<Ts>,
    /// Bars that have features.
    pub data_point_count: i64,
    pub status: Tier,
    pub staleness_seconds: Option<i64>,
    pub updated_at: Ts,
}

/// The operations barkeep needs from a database. One conformance suite checks every implementation.
#[async_trait]
pub trait Store: Send + Sync {
    /// `sqlite`, `postgres` or `memory`.
    fn dialect(&self) -> &'static str;

    /// One trivial round trip.
    async fn ping(&self) -> Result<()>;

    // -- symbols and series ------------------------------------------------------------------------------------------

    /// All symbols in order of name, inactive ones included.
    async fn symbols(&self) -> Result<Vec<SymbolRow>>;

    /// Inserts or replaces symbols and makes sure each timeframe has a series; one transaction. Series of timeframes no
    /// longer listed keep their bars.
    async fn put_symbols(&self, rows: &[SymbolRow]) -> Result<()>;

    /// Deletes a symbol with its series, bars and everything attached. `NotFound` when there is none.
    async fn remove_symbol(&self, symbol: &Symbol) -> Result<()>;

    /// All series, in order of symbol and timeframe.
    async fn series(&self) -> Result<Vec<SeriesRow>>;

    // -- bars --------------------------------------------------------------------------------------------------------

    /// Bars of a series that start in `range`, ascending, at most `limit`.
    async fn bars(&self, series: SeriesId, range: Interval, limit: usize) -> Result<Vec<StoredBar>>;

    /// The last `count` bars that start before `t`, ascending.
    async fn bars_before(&self, series: SeriesId, t: Ts, count: usize) -> Result<Vec<StoredBar>>;

    /// The first `count` bars that start at or after `t`, ascending.
    async fn bars_from(&self, series: SeriesId, t: Ts, count: usize) -> Result<Vec<StoredBar>>;

    /// Coverage of the given series, each in order of start. Expired rows are included: the caller decides.
    async fn coverage(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, Vec<Coverage>)>>;

    /// Writes a page: one transaction, all or nothing. Outcomes in the order of `page.writes`.
    ///
    /// New coverage replaces what it overlaps; touching intervals of equal state without an expiry become one row that
    /// keeps the newest evidence.
    async fn commit_page(&self, page: PageCommit) -> Result<Vec<WriteOutcome>>;

    // -- quarantine --------------------------------------------------------------------------------------------------

    /// Quarantined bars, newest first; all of them or only those still pending.
    async fn quarantine(&self, only_pending: bool) -> Result<Vec<QuarantineRow>>;

    /// Decides about one quarantined bar. Accepting stores the given bar in the same transaction (a different bar
    /// already stored there moves to `bar_revisions`). `NotFound` when the id is unknown or already decided.
    async fn decide_quarantine(&self, id: i64, verdict: Verdict, accepted: Option<StoredBar>, at: Ts) -> Result<()>;

    // -- splits and holidays -----------------------------------------------------------------------------------------

    /// Splits of a symbol by date.
    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>>;

    /// Replaces the known splits of each symbol by the given ones and notes when; symbols not named are untouched.
    async fn put_splits(&self, splits: &[(Symbol, Vec<Split>)], fetched_at: Ts) -> Result<()>;

    /// When splits of each symbol were last fetched; symbols never asked are absent.
    async fn splits_fetched_at(&self) -> Result<Vec<(Symbol, Ts)>>;

    async fn holidays(&self) -> Result<Vec<HolidayRow>>;
    async fn put_holidays(&self, rows: &[HolidayRow]) -> Result<()>;

    /// Splits of all symbols, by symbol and date.
    async fn all_splits(&self) -> Result<Vec<(Symbol, Split)>>;

    // -- features ----------------------------------------------------------------------------------------------------

    /// The newest `limit` feature rows of a series in `range`, ascending.
    async fn features(&self, series: SeriesId, range: Interval, limit: usize) -> Result<Vec<FeatureRow>>;

    /// How many bars of a series have features. Counts rows, so it is for the rare series that is not up to date.
    async fn feature_count(&self, series: SeriesId) -> Result<i64>;

    /// How far the features of the given series are up to date, by symbol and timeframe; series that do not exist are
    /// absent.
    async fn feature_progress(&self, series: &[SeriesId]) -> Result<Vec<FeatureProgress>>;

    /// The newest state kept for a bar before `t`.
    async fn feature_state(&self, series: SeriesId, t: Ts) -> Result<Option<State>>;

    /// Writes features with their states and progress, all or nothing. Outcomes in the order of `writes`.
    async fn put_features(&self, writes: &[FeatureWrite]) -> Result<Vec<FeatureOutcome>>;

    /// Notes a failure. A series that is failing already keeps its one open row, with one more retry counted.
    /// `Refused` when the execution does not exist.
    async fn log_feature_failure(&self, failure: &FeatureFailure) -> Result<()>;

    /// Closes the open failures of a series; says how many there were.
    async fn resolve_feature_failures(&self, symbol: &Symbol, timeframe: Timeframe, at: Ts) -> Result<u64>;

    /// Failures, newest first; all of them or only open ones.
    async fn feature_failures(&self, only_open: bool, limit: usize) -> Result<Vec<FeatureFailureRow>>;

    /// Inserts or updates by symbol and timeframe.
    async fn update_feature_freshness(&self, rows: &[FeatureFreshness]) -> Result<()>;

    /// By symbol and timeframe.
    async fn feature_freshness(&self) -> Result<Vec<FeatureFreshness>>;

    // -- executions --------------------------------------------------------------------------------------------------

    /// Inserts or updates the row with this id.
    async fn put_execution(&self, row: &ExecutionRow) -> Result<()>;

    /// Newest first.
    async fn executions(&self, limit: usize) -> Result<Vec<ExecutionRow>>;

    /// Rows whose status is `running`, whoever owns them.
    async fn running_executions(&self) -> Result<Vec<ExecutionRow>>;

    /// Inserts or updates status rows by (execution, symbol, timeframe).
    async fn put_series_statuses(&self, rows: &[SeriesStatus]) -> Result<()>;

    async fn series_statuses(&self, execution: Uuid) -> Result<Vec<SeriesStatus>>;

    // -- requests and rate limit -------------------------------------------------------------------------------------

    /// Records a request that brought no page (a failure, splits, holidays).
    async fn record_request(&self, row: &RequestRow) -> Result<()>;

    async fn request_totals(&self) -> Result<RequestTotals>;

    /// What the vendor counted in recent whole answers for ranges of one ticker; answers without a bar, and ranges whose
    /// last page never came, are left out. The same range asked twice is one row.
    async fn counted_answers(&self) -> Result<Vec<CountedAnswer>>;

    /// Takes one of `limit` tokens per trailing `window_ms`, atomically over all processes that use this database. The
    /// start is durable before this returns. Starts recorded in the future (the clock was set back) count as now.
    async fn take_token(&self, limit: u32, window_ms: i64, now: Ts) -> Result<Grant>;

    /// Starts within the trailing `window_ms`, ascending.
    async fn recent_starts(&self, window_ms: i64, now: Ts) -> Result<Vec<Ts>>;

    // -- plans -------------------------------------------------------------------------------------------------------

    /// Keeps a plan as JSON so that `backfill --plan-id` can run exactly what was shown. Plans older than 7 days go.
    async fn put_plan(&self, id: Uuid, created_at: Ts, json: &str) -> Result<()>;
    async fn plan(&self, id: Uuid) -> Result<Option<String>>;

    /// Waits for queued writes and closes the connections.
    async fn close(&self);

    // -- monitoring and alerts ---------------------------------------------------------------------------------------

    /// What the vendor has answered for at the newest end of each series; series without coverage are absent.
    async fn evidence(&self, now: Ts) -> Result<Vec<Evidence>>;

    /// Times since `since` at which a bar of the series was quarantined and not accepted, ascending.
    async fn quarantined_since(&self, series: SeriesId, since: Ts) -> Result<Vec<Ts>>;

    async fn execution(&self, id: Uuid) -> Result<Option<ExecutionRow>>;

    /// The execution that ended last among those that were good for at least one symbol.
    async fn last_success(&self) -> Result<Option<ExecutionRow>>;

    /// The newest finished status of each series, over executions started since `since`, by symbol and timeframe.
    async fn latest_statuses(&self, since: Ts) -> Result<Vec<SeriesStatus>>;

    /// The last statuses of one series, unfinished ones too, newest first.
    async fn recent_statuses(&self, symbol: &Symbol, timeframe: Timeframe, limit: usize) -> Result<Vec<SeriesStatus>>;

    /// How many feature failures are unresolved, however old.
    async fn open_feature_failure_count(&self) -> Result<i64>;

    /// Series that have bars and no features at all.
    async fn series_without_features(&self) -> Result<Vec<SeriesId>>;

    /// Notes what an operator did.
    async fn record_action(&self, action: &OperatorAction) -> Result<()>;

    /// What operators did, newest first; all of it or what was done to one target.
    async fn operator_actions(&self, target: Option<&str>, limit: usize) -> Result<Vec<OperatorActionRow>>;

    /// Alerts, newest first; all of them or only those not resolved.
    async fn alerts(&self, only_open: bool, limit: usize) -> Result<Vec<AlertRow>>;

    /// Raises an alert unless one of this kind and subject is open; says whether it did.
    async fn raise_alert(&self, alert: &NewAlert) -> Result<bool>;

    /// Resolves the open alert of this kind and subject; says whether there was one.
    async fn resolve_alert(&self, kind: &str, subject: Option<&str>, at: Ts) -> Result<bool>;

    // -- many at once ------------------------------------------------------------------------------------------------

    /// Writes several pages like [`Store::commit_page`], in one transaction. Pages that share a series are written one after
    /// the other in it. Outcomes in the order of the pages and of their writes.
    async fn commit_pages(&self, pages: Arc<[PageCommit]>) -> Result<Vec<Vec<WriteOutcome>>>;

    /// The first `count` bars that start at or after `t`, ascending, with no more than features are computed from.
    async fn feature_bars(&self, series: SeriesId, t: Ts, count: usize) -> Result<Vec<FeatureBar>>;
}

/// Every fixed statement with its name, as it reads in one dialect; so that a check can prepare each of them.
#[must_use]
pub fn statements(dialect: Dialect) -> Vec<(&'static str, &'static str)> {
    [
        alerts::STATEMENTS,
        bars::STATEMENTS,
        coverage::STATEMENTS,
        evidence::STATEMENTS,
        executions::STATEMENTS,
        features::STATEMENTS,
        monitoring::STATEMENTS,
        page::STATEMENTS,
        plans::STATEMENTS,
        quarantine::STATEMENTS,
        reference::STATEMENTS,
        requests::STATEMENTS,
        symbols::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .map(|(name, sql)| (*name, sql.text(dialect)))
    .collect()
}
