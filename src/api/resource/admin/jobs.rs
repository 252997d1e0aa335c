//! Backfills on demand.

use std::fmt;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::body::Input;
use crate::guard::keys::Caller;
use crate::params::{Named, Params};
use crate::problem::Problem;
use crate::resource::admin::execution::meant;
use crate::resource::symbols::timeframes_of;
use crate::types::{AssetClassName, Execution, SeriesRun, SymbolName, TimeframeName, WhenText, each};
use crate::{Api, App};
use barkeep_base::ids::IdText;
use barkeep_market::{AssetClass, Symbol, Timeframe, Ts};
use barkeep_monitor::history::{ExecutionDetail, ExecutionHistory};
use barkeep_pipeline::select::{Selection, TimeBound};
use barkeep_plan::Plan;
use barkeep_service::handle::{CommandReply, EngineCommand, TriggerScope};
use barkeep_service::progress::RunView;
use barkeep_store::{ExecutionStatus, SeriesRunState, SeriesStatus, StoreError, Trigger};

/// Symbols of one request.
const MAX_SYMBOLS: usize = 100;
/// Symbols repeated in the response.
const LISTED: usize = 10;

/// A day or a time, written as in the request.
#[derive(Clone, Copy, Debug)]
struct Bound(TimeBound);

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map(Self).map_err(D::Error::custom)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What to fetch. Symbols that are not registered are added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackfillRequest {
    #[schema(value_type = Vec<SymbolName>, min_items = 1, max_items = 100)]
    symbols: Vec<Symbol>,
    /// The timeframes of each symbol by default.
    #[schema(value_type = Option<Vec<TimeframeName>>, min_items = 1, max_items = 8)]
    timeframes: Option<Vec<Timeframe>>,
    /// First day or time; `backfill.history` before the end by default. Alias: `start_date`.
    #[serde(alias = "start_date")]
    #[schema(value_type = Option<WhenText>)]
    from: Option<Bound>,
    /// Last day or time, inclusive; now by default. Alias: `end_date`.
    #[serde(alias = "end_date")]
    #[schema(value_type = Option<WhenText>)]
    to: Option<Bound>,
    /// For symbols that are not registered yet.
    #[schema(value_type = Option<AssetClassName>)]
    asset_class: Option<AssetClass>,
    /// Request stored bars again, too: values that differ replace the old ones, which stay as revisions.
    #[serde(default)]
    refetch: bool,
    /// Only plan the requests.
    #[serde(default)]
    dry_run: bool,
}

/// A range of time.
#[derive(Serialize, ToSchema)]
struct Range {
    start: Option<String>,
    end: Option<String>,
}

/// A backfill that was started.
#[derive(Serialize, ToSchema)]
#[allow(clippy::struct_field_names, reason = "the names of the answer")]
pub(crate) struct Job {
    #[schema(value_type = String, format = "uuid")]
    job_id: Uuid,
    /// `queued`.
    status: &'static str,
    symbols_count: usize,
    /// The first ten.
    #[schema(value_type = Vec<String>)]
    symbols: Vec<Symbol>,
    date_range: Range,
    /// `null`: those of each symbol.
    #[schema(value_type = Option<Vec<String>>)]
    timeframes: Option<Vec<Timeframe>>,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
}

/// What a backfill would request.
#[derive(Serialize, ToSchema)]
#[allow(clippy::struct_field_names, reason = "the names of the answer")]
pub(crate) struct DryRun {
    dry_run: bool,
    /// Expected requests, and the fewest and the most, depending on how many minutes had a trade.
    requests: u64,
    requests_low: u64,
    requests_high: u64,
    /// No plan for these gaps needs fewer requests.
    lower_bound: u64,
    optimal: bool,
    /// Until the last request may start, at the current rate limit.
    estimated_seconds: f64,
    expected_bars: u64,
    /// Ranges to request.
    ranges: usize,
    symbols_count: usize,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
}

impl DryRun {
    fn of(plan: &Plan, symbols_count: usize, timestamp: Ts) -> Self {
        Self {
            dry_run: true,
            requests: plan.requests,
            requests_low: plan.requests_low,
            requests_high: plan.requests_high,
            lower_bound: plan.lower_bound,
            optimal: plan.optimal,
            estimated_seconds: plan.estimated_seconds,
            expected_bars: plan.expected_bars,
            ranges: plan.items.len(),
            symbols_count,
            timestamp,
        }
    }
}

fn selection(request: &BackfillRequest) -> Result<Selection, Problem> {
    let mut symbols = request.symbols.clone();
    symbols.sort();
    symbols.dedup();
    if !(1..=MAX_SYMBOLS).contains(&symbols.len()) || request.symbols.len() > MAX_SYMBOLS {
        return Err(Problem::invalid(
            "symbols",
            &format!("has {} entries, not 1 to {MAX_SYMBOLS}", request.symbols.len()),
        ));
    }
    let timeframes = timeframes_of(request.timeframes.clone())?;
    Ok(Selection {
        symbols,
        timeframes,
        from: request.from.map(|b| b.0),
        to: request.to.map(|b| b.0),
        class: request.asset_class,
        vendor: None,
        refetch: request.refetch,
    })
}

/// Refuses what the engine would refuse, in the words of a request. The selection names each symbol by its one name.
async fn check(api: &Api, selection: Selection) -> Result<Selection, Problem> {
    let engine = &api.console.engine;
    let now = engine.clock.now();
    let invalid = |e| Problem::of_selection(&e, "asset_class");
    let known = engine.store.symbols().await?;
    let config = engine.config.current();
    let targets = selection.targets(&known, &config.settings, now).map_err(invalid)?;
    for target in &targets {
        let history = config.settings.backfill.history;
        selection.range(target.row.asset_class, history, now).map_err(invalid)?;
    }
    let symbols = targets.into_iter().map(|target| target.row.symbol).collect();
    Ok(Selection { symbols, ..selection })
}

/// Start a backfill
#[utoipa::path(post, path = "/api/v1/backfill", operation_id = "start_backfill", tag = "backfill",
    description = "Starts an execution and answers 202 with its id; with `dry_run` answers 200 with the plan. With an \
        `Idempotency-Key` a repeated request gets the same response and starts nothing.",
    params(("Idempotency-Key" = Option<crate::types::IdempotencyKey>, Header)),
    request_body = BackfillRequest,
    responses((status = 202, body = Job, description = "The backfill was started"), (status = 200, body = DryRun, description = "The plan of a dry run")))]
pub(crate) async fn start(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    Input(request): Input<BackfillRequest>,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let selection = selection(&request)?;
    let selection = check(&api, selection).await?;
    let now = api.console.engine.clock.now();
    let (symbols, timeframes) = (selection.symbols.clone(), selection.timeframes.clone());
    let what = TriggerScope::Selection(selection);
    let action = if request.dry_run {
        EngineCommand::Preview(what)
    } else {
        EngineCommand::Trigger { what, trigger: Trigger::Api }
    };
    match api.console.handle.order(action, &caller.actor).await? {
        CommandReply::Planned(plan) => Ok(Json(DryRun::of(&plan, symbols.len(), now)).into_response()),
        CommandReply::Started(id) => {
            api.recent_jobs.add(id, now, &symbols);
            let job = Job {
                job_id: id,
                status: "queued",
                symbols_count: symbols.len(),
                symbols: symbols.into_iter().take(LISTED).collect(),
                date_range: Range {
                    start: request.from.map(|b| b.to_string()),
                    end: request.to.map(|b| b.to_string()),
                },
                timeframes,
                timestamp: now,
            };
            let location = HeaderValue::from_str(&format!("/api/v1/backfill/{id}")).ok();
            let mut response = (StatusCode::ACCEPTED, Json(job)).into_response();
            response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
            Ok(response)
        }
        CommandReply::Nothing(why) => Err(Problem::not_found(why)),
        CommandReply::Done => Err(Problem::internal("unexpected reply to a trigger")),
    }
}

/// The status of an execution.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobStatus {
    /// The `execution_id` in other responses.
    #[schema(value_type = String, format = "uuid")]
    job_id: Uuid,
    /// `queued` until it has the series it wants, then `running`, at the end `completed`, `completed_with_errors`,
    /// `failed`, `cancelled` or `interrupted`.
    status: &'static str,
    /// Why it is queued: which execution has a series it wants.
    waits_for: Option<String>,
    /// 0 to 100: requests answered of those planned while it runs, 100 when it is complete (with errors too), else the share
    /// of its series that were completed.
    progress_pct: f64,
    symbols_total: i64,
    symbols_completed: i64,
    symbols_failed: i64,
    /// Bars received from the vendor; `total_records_processed` of an execution.
    total_records_fetched: i64,
    error_message: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Ts>,
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Ts>,
    /// Requests answered and planned, while it runs.
    requests_answered: Option<u64>,
    requests_planned: Option<u64>,
    details: Vec<SeriesRun>,
}

/// With one decimal, at most 100.
fn percent(done: u64, all: u64) -> f64 {
    (1_000.0 * done as f64 / all.max(1) as f64).round().min(1_000.0) / 10.0
}

/// How far an execution that has ended has come; `None` while it runs.
fn progress_of_ended(status: ExecutionStatus, series: &[SeriesStatus]) -> Option<f64> {
    match status {
        ExecutionStatus::Queued | ExecutionStatus::Running => None,
        ExecutionStatus::Completed | ExecutionStatus::CompletedWithErrors => Some(100.0),
        ExecutionStatus::Failed | ExecutionStatus::Cancelled | ExecutionStatus::Interrupted => {
            let done = series.iter().filter(|row| row.status == SeriesRunState::Completed).count();
            Some(percent(done as u64, series.len() as u64))
        }
    }
}

/// Status of a backfill
#[utoipa::path(get, path = "/api/v1/backfill/{id}", operation_id = "get_backfill", tag = "backfill",
    params(("id" = String, Path, description = "Id of the execution, its first characters, or latest")),
    responses((status = 200, body = JobStatus, description = "The status of the backfill")))]
pub(crate) async fn one(
    State(api): State<App>,
    Named(text): Named<IdText>,
    params: Params,
) -> Result<Json<JobStatus>, Problem> {
    params.only(&[])?;
    let id = meant(&api, &text).await?;
    let run = api.console.handle.live().runs.iter().find(|run| run.execution_id == id).cloned();
    let progress = run.as_ref().map(RunView::percent);
    let progress = progress.map(|p| (p.min(100.0) * 10.0).round() / 10.0);
    let (answered, planned) = run.as_ref().map(|run| (run.requests_answered, run.requests_planned)).unzip();
    let detail = ExecutionDetail::read(api.console.engine.store.as_ref(), id).await.map_err(|e| match e {
        StoreError::NotFound(why) => {
            Problem::not_found(why).at("id").hint("GET /api/v1/backfill/recent lists the newest backfills")
        }
        e => e.into(),
    })?;
    let row = detail.execution;
    Ok(Json(JobStatus {
        job_id: id,
        status: row.status.name(),
        waits_for: run.and_then(|run| run.queued).filter(|_| row.status == ExecutionStatus::Queued),
        progress_pct: progress_of_ended(row.status, &detail.series).or(progress).unwrap_or_default(),
        symbols_total: row.total_symbols,
        symbols_completed: row.successful_symbols,
        symbols_failed: row.failed_symbols,
        total_records_fetched: row.total_records_processed,
        error_message: row.error_message,
        started_at: Some(row.started_at),
        completed_at: row.completed_at,
        requests_answered: answered,
        requests_planned: planned,
        details: each(detail.series),
    }))
}

/// The newest executions, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecentJobs {
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
    count: usize,
    /// Newest first, whatever triggered them.
    jobs: Vec<Execution>,
}

/// The newest executions
#[utoipa::path(get, path = "/api/v1/backfill/recent", operation_id = "list_recent_backfills", tag = "backfill",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Executions, 20 by default")),
    responses((status = 200, body = RecentJobs, description = "The newest executions")))]
pub(crate) async fn recent(State(api): State<App>, params: Params) -> Result<Json<RecentJobs>, Problem> {
    let limit = params.only(&["limit"])?.count("limit", 1..=100, 20)?;
    let history = ExecutionHistory::read(api.console.engine.store.as_ref(), limit).await?;
    let jobs: Vec<Execution> = history.executions.into_iter().map(Execution::from).collect();
    Ok(Json(RecentJobs { timestamp: api.console.engine.clock.now(), count: jobs.len(), jobs }))
}
