//! The database: one trait, two dialects, the same names and the same behaviour; and a third implementation that only
//! remembers, for tests (`Memory`, behind the feature `memory`).
//!
//! Everything a page changes is one transaction ([`Store::commit_page`]): bars, revisions, quarantine, coverage, the
//! record of the request and the progress of the series. A crash loses no committed page and tears none.
//!
//! Writes run on one task that owns its connection, so a caller that is dropped while waiting never leaves a
//! transaction open (sqlx 0.9 `begin` is not cancel-safe, sqlx#4385).

pub mod adjusted;
mod database;
mod engine_state;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
mod migration;
mod open;
pub mod postgres;
mod series;
mod shared_plans;
pub mod sqlite;
pub mod tables;
pub mod upkeep;

pub use barkeep_records::*;
pub use barkeep_sql::layout::{Layout, Storage};
use barkeep_sql::{conn, fault, field, load, open_writes, retry, writer};
pub use conn::Dialect;
pub use database::fence::AsWorker;
#[cfg(any(test, feature = "memory"))]
pub use memory::Memory;
pub use open::{StoreOptions, open, open_with, open_with_retry, sqlite_file};
pub use postgres::Starting;
pub use retry::{HealthListener, Retry};
pub use shared_plans::SharedPlans;
pub use sqlite::Stamp;
pub use tables::plans::PLANS_KEPT;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::NaiveDate;
use tokio::sync::watch;
use uuid::Uuid;

use barkeep_base::clock::Moment;
use barkeep_base::process;
use barkeep_market::dividend::{Dividend, PriceFactors};
use barkeep_market::evidence::Part;
use barkeep_market::features::State;
use barkeep_market::{Bar, Interval, Symbol, Timeframe, Ts, split::Split};
use barkeep_vendor::limit::{Grant, PlaceRequest, Recorded};

/// The operations barkeep needs from a database. One conformance suite checks every implementation.
///
/// # Errors
/// Every method that can fail gives `Unreachable`, `Busy` or `Disk` once the database was away for longer than its
/// [`Retry`] waits, `Unusable` when the database is damaged, and every write to one that was opened readonly `Refused`.
/// What else goes wrong is said at the method.
#[async_trait]
pub trait Store: Send + Sync {
    /// `sqlite`, `postgres` or `memory`.
    fn dialect(&self) -> &'static str;

    /// One trivial round trip.
    async fn ping(&self) -> Result<()>;

    /// Something that differs after a write, whoever writes; `None` where telling costs as much as reading. Two writes
    /// within the same moment of the file system's clock may leave the same stamp.
    fn stamp(&self) -> Option<Stamp> {
        None
    }

    /// [`Self::stamp`] as it is seen every second, told when it changes; `None` where there is none.
    fn stamps(&self) -> Option<watch::Receiver<Option<Stamp>>> {
        None
    }

    /// Something that differs after symbols or series were added, changed or removed, whoever did it; `None` where
    /// [`Store::stamp`] tells.
    async fn symbols_mark(&self) -> Result<Option<[i64; 3]>> {
        Ok(None)
    }

    /// How much it takes and how its tables lie, as of the last minute; `None` where that is nobody's concern.
    async fn storage(&self) -> Result<Option<Storage>> {
        Ok(None)
    }

    /// How long the oldest write that has not ended has been under way, or no call at all has worked; `None` while neither
    /// is so.
    fn oldest_write(&self) -> Option<Duration> {
        None
    }

    /// Whether a server did not answer when it was last asked whether it is there, which is done while somebody waits in
    /// [`Self::gone`].
    fn is_silent(&self) -> bool {
        false
    }

    /// Why the database is no more what was opened, when its file was deleted, moved or replaced. Reads and writes fail
    /// then.
    fn taken_away(&self) -> Option<StoreError> {
        None
    }

    /// Waits until it is so, looking every second. A server is asked meanwhile whether it is there.
    async fn gone(&self) -> StoreError {
        std::future::pending().await
    }

    // -- workers -----------------------------------------------------------------------------------------------------

    /// Whether it was opened for reading only.
    fn is_readonly(&self) -> bool {
        false
    }

    /// Whether several processes may serve the database, so that they are told apart by their heartbeats and one of them
    /// leads.
    fn is_shared(&self) -> bool {
        false
    }

    /// What this process marks its executions and claims with.
    fn mark(&self) -> String {
        process::mark()
    }

    /// Notes that this process lives, and says what time it is for the server.
    async fn heartbeat(&self) -> Result<Option<Ts>> {
        Ok(None)
    }

    /// Asks for the lease of the leader, or renews it. Until the lease is over pages are written, and none while another
    /// has it.
    async fn elect(&self) -> Result<Election> {
        Ok(Election::Leads)
    }

    /// Gives up the lease, when this process has it.
    async fn resign(&self) -> Result<()> {
        Ok(())
    }

    /// The living processes that work on a shared database, the leader first.
    async fn workers(&self) -> Result<Vec<Worker>> {
        Ok(Vec::new())
    }

    /// Plans that several workers carry out; `None` where there is one worker, or nothing can be written.
    fn shared_plans(&self) -> Option<&dyn SharedPlans> {
        None
    }

    /// How many connections write pages side by side.
    fn writers(&self) -> usize {
        1
    }

    /// Which of them writes the pages of a series, from 0. Pages of different ones wait for each other in no queue.
    fn writer_of(&self, _: SeriesId) -> usize {
        0
    }

    /// Responses dropped because a newer one was already stored.
    fn stale_answers(&self) -> u64 {
        0
    }

    /// Those of the marks whose processes are dead: no heartbeat for 30 s, or certainly no such process.
    async fn dead(&self, marks: &[String]) -> Result<Vec<String>> {
        Ok(marks.iter().filter(|mark| process::is_dead(mark)).cloned().collect())
    }

    // -- symbols and series ------------------------------------------------------------------------------------------

    /// All symbols in order of name, inactive ones included.
    async fn symbols(&self) -> Result<Vec<SymbolRow>>;

    /// Inserts or replaces symbols and makes sure each timeframe has a series; one transaction. Series of timeframes no
    /// longer listed keep their bars.
    async fn put_symbols(&self, rows: &[SymbolRow]) -> Result<()>;

    /// Deletes a symbol with everything attached and inserts it anew; one transaction. `NotFound` when there is none.
    async fn replace_symbol(&self, row: &SymbolRow) -> Result<()>;

    /// Deletes a symbol with its series, bars and everything attached. `NotFound` when there is none.
    async fn remove_symbol(&self, symbol: &Symbol) -> Result<()>;

    /// Notes what the vendor says a name is, and nothing else of the symbol.
    async fn note_listing(&self, symbol: &Symbol, listing: &Listing) -> Result<()>;

    /// Unites a symbol with another that trades as the same ticker: bars, coverage, quarantine and revisions that only
    /// `double` has move to `kept`, bars of it that differ to the revisions of `kept`, and `double` is removed; one
    /// transaction. Without `apply` it only says what would move.
    async fn merge_symbol(&self, double: &Symbol, kept: &Symbol, apply: bool, at: Ts) -> Result<Vec<MergedSeries>>;

    /// All series, in order of symbol and timeframe.
    async fn series(&self) -> Result<Vec<SeriesRow>>;

    // -- bars --------------------------------------------------------------------------------------------------------

    /// The first `limit` bars of a series that start in `range`, ascending; all of them without a limit.
    async fn bars(&self, series: SeriesId, range: TimeRange, limit: Option<usize>) -> Result<Vec<StoredBar>>;

    /// The last `count` bars that start in `range`, ascending.
    async fn newest_bars(&self, series: SeriesId, range: TimeRange, count: usize) -> Result<Vec<StoredBar>>;

    /// Coverage of the given series, each in order of start. Expired rows are included: the caller decides.
    async fn coverage(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, Vec<Coverage>)>>;

    /// Intervals in doubt (unjudged, late, suspect, holes, halted, quarantined), over all series, by series and start.
    /// Silence at the newest end that is believable so far is none.
    async fn doubtful(&self) -> Result<Vec<(SeriesId, Coverage)>>;

    /// The profiles of the given series as JSON, by series and part.
    async fn profiles(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, Part, String)>>;

    /// Series that have coverage and no profile: filled before silence was judged, or derived.
    async fn series_without_profile(&self) -> Result<Vec<SeriesId>>;

    /// Notes that a whole range of each series was compared with the vendor's again.
    async fn note_verified(&self, series: &[SeriesId], at: Ts) -> Result<()>;

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
    ///
    /// [`Verdict::Pending`] takes a decision back: an accepted bar moves to `bar_revisions` (`undone`), what it replaced is
    /// stored again and is to be scored, and the bar waits in quarantine again. A bar that the vendor changed since stays.
    /// `NotFound` when there is no decision.
    async fn decide_quarantine(&self, id: i64, verdict: Verdict, accepted: Option<StoredBar>, at: Ts) -> Result<()>;

    /// Notes a decision about many bars, whose bars are stored already or stay out. Those that are decided keep their decision.
    async fn close_quarantine(&self, ids: &[i64], verdict: Verdict, at: Ts) -> Result<()>;

    // -- splits and holidays -----------------------------------------------------------------------------------------

    /// Splits of a symbol by date, without those that its prices contradict.
    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>>;

    /// All splits of a symbol that the vendor lists, by date.
    async fn split_rows(&self, symbol: &Symbol) -> Result<Vec<SplitRow>>;

    /// Replaces the known splits of each symbol by the given ones and notes when; symbols not named are untouched.
    async fn put_splits(&self, splits: &[(Symbol, Vec<SplitRow>)], fetched_at: Ts) -> Result<()>;

    /// When splits of each symbol were last fetched; symbols never asked are absent.
    async fn splits_fetched_at(&self) -> Result<Vec<(Symbol, Ts)>>;

    /// How far back the vendor's plan reaches, at most one row a market; none while nothing was refused.
    async fn plan_starts(&self) -> Result<Vec<PlanStart>>;
    async fn put_plan_start(&self, start: PlanStart) -> Result<()>;

    async fn holidays(&self) -> Result<Vec<HolidayRow>>;
    async fn put_holidays(&self, rows: &[HolidayRow]) -> Result<()>;

    /// Splits of all symbols that their prices do not contradict, by symbol and date.
    async fn all_splits(&self) -> Result<Vec<(Symbol, Split)>>;

    // -- dividends and what follows from them and from splits -----------------------------------------------------------

    /// Dividends of a symbol, by ex-date.
    async fn dividends(&self, symbol: &Symbol) -> Result<Vec<Dividend>>;

    /// Replaces the known dividends of each symbol by the given ones and notes when; symbols not named are untouched.
    async fn put_dividends(&self, dividends: &[(Symbol, Vec<Dividend>)], fetched_at: Ts) -> Result<()>;

    /// When dividends of each symbol were last asked for; symbols never asked are absent.
    async fn dividends_fetched_at(&self) -> Result<Vec<(Symbol, Ts)>>;

    /// The ex-dates from a day on, by symbol.
    async fn ex_dates(&self, from: NaiveDate) -> Result<Vec<(Symbol, NaiveDate)>>;

    /// What splits and dividends did to the prices of a symbol, by time; kept up to date by every write of splits and
    /// dividends.
    async fn price_factors(&self, symbol: &Symbol) -> Result<Vec<PriceFactors>>;

    /// Computes [`price_factors`](Self::price_factors) again, for closes that came or changed since.
    async fn refresh_price_factors(&self, symbols: &[Symbol]) -> Result<()>;

    /// Replaces the weeks of a weekly series in which shares were split, each in the terms of its first day.
    async fn put_split_weeks(&self, series: SeriesId, weeks: &[Bar]) -> Result<()>;

    // -- features ----------------------------------------------------------------------------------------------------

    /// The last `limit` feature rows of a series in `range`, ascending; all of them without a limit.
    async fn features(&self, series: SeriesId, range: TimeRange, limit: Option<usize>) -> Result<Vec<FeatureRow>>;

    /// How many bars of a series have features. Counts rows, so it is for the rare series that is not up to date.
    async fn feature_count(&self, series: SeriesId) -> Result<i64>;

    /// How far the features of the given series are up to date, by symbol and timeframe; series that do not exist are
    /// absent.
    async fn feature_progress(&self, series: &[SeriesId]) -> Result<Vec<FeatureProgress>>;

    /// The newest state kept for a bar before `t`.
    async fn feature_state(&self, series: SeriesId, t: Ts) -> Result<Option<State>>;

    /// Writes features with their states and progress, all or nothing. Outcomes in the order of `writes`.
    async fn put_features(&self, writes: Arc<[FeatureWrite]>) -> Result<Vec<FeatureOutcome>>;

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

    /// Inserts the row, or updates the one with this id and owner. `Refused` when another process has taken it over.
    async fn put_execution(&self, row: &ExecutionRow) -> Result<()>;

    /// The same for an execution that belonged to `from` until now.
    async fn take_execution(&self, row: &ExecutionRow, from: &str) -> Result<()>;

    /// Newest first.
    async fn executions(&self, limit: usize) -> Result<Vec<ExecutionRow>>;

    /// Rows whose status is `running`, whoever owns them.
    async fn running_executions(&self) -> Result<Vec<ExecutionRow>>;

    /// Rows whose status is `queued`, whoever owns them, oldest first.
    async fn queued_executions(&self) -> Result<Vec<ExecutionRow>>;

    /// Takes series for an execution, atomically over all processes that use this database, or a place in the queue. Asked
    /// again, it keeps its place. Claims of processes that are gone, or have not renewed them for 30 s, no longer count.
    async fn claim_series(&self, claim: &SeriesClaim) -> Result<SeriesClaiming>;

    /// Says that these executions still live. Returns those that have no claim of this process any more.
    async fn renew_claims(&self, executions: &[Uuid]) -> Result<Vec<Uuid>>;

    /// Gives up what an execution holds, or its place in the queue.
    async fn release_claim(&self, execution: Uuid) -> Result<()>;

    /// Inserts or updates status rows by (execution, symbol, timeframe).
    async fn put_series_statuses(&self, rows: Vec<SeriesStatus>) -> Result<()>;

    async fn series_statuses(&self, execution: Uuid) -> Result<Vec<SeriesStatus>>;

    // -- requests and rate limit -------------------------------------------------------------------------------------

    /// Records a request that brought no page (a failure, splits, holidays).
    async fn record_request(&self, row: &RequestRow) -> Result<()>;

    async fn request_totals(&self) -> Result<RequestTotals>;

    /// Requests started since `since`, by minute, oldest first; minutes without any are left out.
    async fn requests_by_minute(&self, since: Ts) -> Result<Vec<RequestMinute>>;

    /// What the vendor counted in recent whole answers for ranges of one ticker; answers without a bar, and ranges whose
    /// last page never came, are left out. The same range asked twice is one row.
    async fn counted_answers(&self) -> Result<Vec<CountedAnswer>>;

    /// Takes a place at a vendor, or joins the queue of those who wait for one, atomically over all processes that use this
    /// database. Either is durable before this returns. Places recorded in the future (the clock was set back) count
    /// as taken now.
    async fn take_place(&self, request: PlaceRequest) -> Result<Grant>;

    /// The request that took the place was answered, or failed.
    async fn place_answered(&self, place: i64, now: Moment) -> Result<()>;

    /// All places recorded at all vendors, and the last 429 of each.
    async fn places(&self) -> Result<Recorded>;

    // -- plans -------------------------------------------------------------------------------------------------------

    /// Keeps a plan as JSON so that `backfill --plan-id` can run exactly what was shown. Plans older than 7 days go.
    async fn put_plan(&self, id: Uuid, created_at: Ts, json: &str) -> Result<()>;
    async fn plan(&self, id: Uuid) -> Result<Option<String>>;
    /// Newest first.
    async fn plan_ids(&self) -> Result<Vec<Uuid>>;

    /// Deletes at most `rows` rows of a log from before `before`, and says how many. What totals count stays counted; what
    /// is still going on, the last good execution and the last action of a kind on a target stay.
    async fn prune(&self, log: Log, before: Ts, rows: u32) -> Result<u64>;

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

    /// How many alerts are open, by kind and severity, in that order; kinds without one are absent.
    async fn open_alert_counts(&self) -> Result<Vec<OpenAlertCount>>;

    /// Resolves the open alert of this kind and subject; says whether there was one.
    async fn resolve_alert(&self, kind: &str, subject: Option<&str>, at: Ts) -> Result<bool>;

    /// Who paused the engine, while it is paused.
    async fn engine_pause(&self) -> Result<Option<EnginePause>>;

    /// Keeps a pause of the engine, or its end.
    async fn set_engine_pause(&self, pause: Option<&EnginePause>) -> Result<()>;

    /// Since when stocks are known to trade at night.
    async fn nights_from(&self) -> Result<Option<Ts>>;

    /// Keeps since when they do.
    async fn set_nights_from(&self, from: Ts) -> Result<()>;

    // -- the HTTP API ------------------------------------------------------------------------------------------------

    /// All keys ever made, in order.
    async fn api_keys(&self) -> Result<Vec<ApiKey>>;

    /// Keeps a new key; its id is given. `Refused` when the name is taken, by a revoked key too.
    async fn add_api_key(&self, key: &ApiKey) -> Result<()>;

    /// Says whether there was such a key in force.
    async fn revoke_api_key(&self, name: &str, at: Ts) -> Result<bool>;

    /// Notes when keys were last used; an earlier time changes nothing.
    async fn note_api_keys_used(&self, used: &[(i64, Ts)]) -> Result<()>;

    /// Claims a request, or says what became of it. Requests older than `expired` are forgotten, and those older than
    /// `abandoned` that nobody settled.
    async fn claim_request(&self, request: &ApiRequest, expired: Ts, abandoned: Ts) -> Result<IdempotencyClaim>;

    /// Keeps the answer to a claimed request, or gives the claim back.
    async fn settle_request(&self, request: &ApiRequest, answer: Option<(u16, String)>) -> Result<()>;

    /// A number for each series that grows with every write to its bars, features and splits; series that do not exist
    /// are absent.
    async fn series_marks(&self, series: &[SeriesId]) -> Result<Vec<(SeriesId, i64)>>;

    /// The symbols with the largest turnover in their newest bar of a day (or of an hour), largest first.
    async fn busiest_symbols(&self, count: usize) -> Result<Vec<Symbol>>;

    // -- for screens -------------------------------------------------------------------------------------------------

    /// Bars of a series inside `range`, counted by pieces of `piece_ms` of the UTC day; pieces without bars are left
    /// out.
    async fn bar_counts(&self, series: SeriesId, range: Interval, piece_ms: i64) -> Result<Vec<(Ts, i64)>>;

    // -- many at once ------------------------------------------------------------------------------------------------

    /// Writes several pages like [`Store::commit_page`], in one transaction. Pages that share a series are written one after
    /// the other in it. Outcomes in the order of the pages and of their writes.
    async fn commit_pages(&self, pages: Arc<[PageCommit]>) -> Result<Vec<Vec<WriteOutcome>>>;

    /// The first `count` bars that start in `range`, ascending, with no more than features are computed from.
    async fn feature_bars(&self, series: SeriesId, range: TimeRange, count: usize) -> Result<Vec<FeatureBar>>;

    // -- series at rest, requests looked back on ---------------------------------------------------------------------

    /// Lets series rest, or wakes them; all of them or, when one is not kept, none (`NotFound`).
    async fn set_paused(&self, series: &[(Symbol, Timeframe)], paused: bool) -> Result<()>;

    /// Requests as they were made, newest first.
    async fn requests(&self, filter: &RequestFilter, limit: usize) -> Result<Vec<RequestRow>>;

    /// How many requests changed no bar, by reason; over all requests ever recorded.
    async fn wasted(&self) -> Result<Vec<(Waste, i64)>>;
}

/// Every fixed statement with its name, as it reads in one dialect; so that a check can prepare each of them.
#[must_use]
pub fn statements(dialect: Dialect) -> Vec<(&'static str, &'static str)> {
    [
        tables::alerts::STATEMENTS,
        tables::api::STATEMENTS,
        tables::bars::STATEMENTS,
        tables::coverage::STATEMENTS,
        engine_state::STATEMENTS,
        tables::evidence::STATEMENTS,
        tables::fleet::claims::STATEMENTS,
        tables::fleet::items::STATEMENTS,
        tables::executions::STATEMENTS,
        tables::features::STATEMENTS,
        tables::monitoring::STATEMENTS,
        tables::page::STATEMENTS,
        tables::plans::STATEMENTS,
        tables::coverage::profiles::STATEMENTS,
        tables::quarantine::STATEMENTS,
        tables::reference::STATEMENTS,
        tables::reference::dividends::STATEMENTS,
        tables::reference::sessions::STATEMENTS,
        tables::requests::STATEMENTS,
        upkeep::retention::STATEMENTS,
        series::STATEMENTS,
        tables::symbols::STATEMENTS,
        tables::symbols::merge::STATEMENTS,
        tables::fleet::workers::STATEMENTS,
        upkeep::check::STATEMENTS,
        upkeep::repair::STATEMENTS,
        migration::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .map(|(name, sql)| (*name, sql.text(dialect)))
    .collect()
}
