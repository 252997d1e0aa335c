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
use crate::docs::{AssetClassName, SymbolName, TimeframeName, WhenText};
use crate::guard::keys::Caller;
use crate::params::{Named, Params};
use crate::problem::Problem;
use crate::resource::symbols::timeframes_of;
use crate::resource::view::{Execution, SeriesProgress};
use crate::{Api, App};
use barkeep_market::ts::SECOND;
use barkeep_market::{AssetClass, Symbol, Timeframe, Ts};
use barkeep_monitor::history::{ExecutionDetail, ExecutionHistory};
use barkeep_pipeline::select::{Selection, TimeBound};
use barkeep_plan::Plan;
use barkeep_service::handle::{CommandReply, EngineCommand, TriggerScope};
use barkeep_store::{ExecutionStatus, StoreError, Trigger};

/// Symbols of one request.
const MOST: usize = 100;
/// Symbols repeated in the answer.
const SHOWN: usize = 10;
/// An execution that has begun gets its row within this time, or ends without work.
const SOON: i64 = 10 * SECOND;

/// A day or an instant, in the one way it is written.
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

/// What to fetch. Symbols not registered are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackfillRequest {
    #[schema(value_type = Vec<SymbolName>, min_items = 1, max_items = 100)]
    symbols: Vec<Symbol>,
    /// Those of each symbol when left out.
    #[schema(value_type = Option<Vec<TimeframeName>>, min_items = 1, max_items = 8)]
    timeframes: Option<Vec<Timeframe>>,
    /// First day or time; `backfill.history` before the end when left out. `start_date` means the same.
    #[serde(alias = "start_date")]
    #[schema(value_type = Option<WhenText>)]
    from: Option<Bound>,
    /// Last day or time, included; now when left out. `end_date` means the same.
    #[serde(alias = "end_date")]
    #[schema(value_type = Option<WhenText>)]
    to: Option<Bound>,
    /// Of symbols not registered yet.
    #[schema(value_type = Option<AssetClassName>)]
    asset_class: Option<AssetClass>,
    /// Only say what would be asked.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Serialize, ToSchema)]
struct Range {
    start: Option<String>,
    end: Option<String>,
}

/// An execution that was begun.
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

/// What a backfill would ask.
#[derive(Serialize, ToSchema)]
#[allow(clippy::struct_field_names, reason = "the names of the answer")]
pub(crate) struct DryRun {
    dry_run: bool,
    /// Expected requests, and what it takes at least and at most, depending on how many minutes had a trade.
    requests: u64,
    requests_low: u64,
    requests_high: u64,
    /// No plan for these gaps can take fewer.
    lower_bound: u64,
    optimal: bool,
    /// Until the last request may start, at the current limit.
    estimated_seconds: f64,
    expected_bars: u64,
    /// Ranges to be asked.
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

fn selection(wish: &BackfillRequest) -> Result<Selection, Problem> {
    let mut symbols = wish.symbols.clone();
    symbols.sort();
    symbols.dedup();
    if !(1..=MOST).contains(&symbols.len()) || wish.symbols.len() > MOST {
        return Err(Problem::invalid("symbols", &format!("names {}, which is not 1 to {MOST}", wish.symbols.len())));
    }
    let timeframes = timeframes_of(wish.timeframes.clone())?;
    Ok(Selection {
        symbols,
        timeframes,
        from: wish.from.map(|b| b.0),
        to: wish.to.map(|b| b.0),
        class: wish.asset_class,
    })
}

/// Refuses what the engine would refuse, in the words of a request.
async fn check(api: &Api, selection: &Selection) -> Result<(), Problem> {
    let engine = &api.desk.engine;
    let now = engine.clock.now();
    let invalid = |e: &dyn fmt::Display| {
        let text = e.to_string();
        let member = if text.contains("--asset-class") { "asset_class" } else { "from" };
        Problem::invalid(member, &text.replace("--asset-class", "asset_class").replace("--", ""))
    };
    let known = engine.store.symbols().await?;
    let config = engine.config.current();
    let targets = selection.targets(&known, &config.settings, now).map_err(|e| invalid(&e))?;
    for target in targets {
        let history = config.settings.backfill.history;
        selection.range(target.row.asset_class, history, now).map_err(|e| invalid(&e))?;
    }
    Ok(())
}

/// Fetch what is missing of some symbols
#[utoipa::path(post, path = "/api/v1/backfill", tag = "backfill",
    description = "Begins an execution and answers 202 with its id; with `dry_run` answers 200 with what would be asked. \
        With an `Idempotency-Key` the same request sent again gets the same answer and begins nothing.",
    params(("Idempotency-Key" = Option<crate::docs::IdempotencyKey>, Header)),
    request_body = BackfillRequest,
    responses((status = 202, body = Job), (status = 200, body = DryRun)))]
pub(crate) async fn start(
    State(api): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
    Input(wish): Input<BackfillRequest>,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let selection = selection(&wish)?;
    check(&api, &selection).await?;
    let now = api.desk.engine.clock.now();
    let (symbols, timeframes) = (selection.symbols.clone(), selection.timeframes.clone());
    let what = TriggerScope::Selection(selection);
    let action = if wish.dry_run {
        EngineCommand::Preview(what)
    } else {
        EngineCommand::Trigger { what, trigger: Trigger::Api }
    };
    match api.desk.handle.order(action, &caller.actor).await? {
        CommandReply::Planned(plan) => Ok(Json(DryRun::of(&plan, symbols.len(), now)).into_response()),
        CommandReply::Started(id) => {
            api.started.note(id, now, &symbols);
            let job = Job {
                job_id: id,
                status: "queued",
                symbols_count: symbols.len(),
                symbols: symbols.into_iter().take(SHOWN).collect(),
                date_range: Range { start: wish.from.map(|b| b.to_string()), end: wish.to.map(|b| b.to_string()) },
                timeframes,
                timestamp: now,
            };
            let place = HeaderValue::from_str(&format!("/api/v1/backfill/{id}")).ok();
            let mut response = (StatusCode::ACCEPTED, Json(job)).into_response();
            response.headers_mut().extend(place.map(|place| (header::LOCATION, place)));
            Ok(response)
        }
        CommandReply::Nothing(why) => Err(Problem::not_found(why)),
        CommandReply::Done => Err(Problem::internal("a trigger that is merely done")),
    }
}

/// How an execution stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobStatus {
    #[schema(value_type = String, format = "uuid")]
    job_id: Uuid,
    /// `queued`, `running`, `completed`, `completed_with_errors`, `failed`, `cancelled`, `interrupted`, or `skipped`
    /// when other executions already worked on all of it.
    status: &'static str,
    /// 0 to 100, by requests answered; 100 once it has ended.
    progress_pct: f64,
    symbols_total: i64,
    symbols_completed: i64,
    symbols_failed: i64,
    /// Bars the vendor sent so far.
    total_records_fetched: i64,
    error_message: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Ts>,
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Ts>,
    /// Requests answered and planned, while it runs.
    requests_answered: Option<u64>,
    requests_planned: Option<u64>,
    details: Vec<SeriesProgress>,
}

/// How a backfill stands
#[utoipa::path(get, path = "/api/v1/backfill/{id}", tag = "backfill",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = JobStatus)))]
pub(crate) async fn one(
    State(api): State<App>,
    Named(id): Named<Uuid>,
    params: Params,
) -> Result<Json<JobStatus>, Problem> {
    params.only(&[])?;
    let run = api.desk.handle.live().runs.iter().find(|run| run.execution_id == id).cloned();
    let progress = run.as_ref().map(|run| 100.0 * run.requests_answered as f64 / run.requests_planned.max(1) as f64);
    let progress = progress.map(|p| (p.min(100.0) * 10.0).round() / 10.0);
    let (answered, planned) = run.as_ref().map(|run| (run.requests_answered, run.requests_planned)).unzip();
    match ExecutionDetail::read(api.desk.engine.store.as_ref(), id).await {
        Ok(detail) => {
            let row = detail.execution.row;
            let ended = row.status != ExecutionStatus::Running;
            Ok(Json(JobStatus {
                job_id: id,
                status: row.status.name(),
                progress_pct: if ended { 100.0 } else { progress.unwrap_or_default() },
                symbols_total: row.total_symbols,
                symbols_completed: row.successful_symbols,
                symbols_failed: row.failed_symbols,
                total_records_fetched: row.total_records_processed,
                error_message: row.error_message,
                started_at: Some(row.started_at),
                completed_at: row.completed_at,
                requests_answered: answered,
                requests_planned: planned,
                details: detail.series.into_iter().map(SeriesProgress::from).collect(),
            }))
        }
        Err(StoreError::NotFound(why)) => {
            let begun = api.started.find(id).ok_or_else(|| {
                Problem::not_found(why).at("id").hint("GET /api/v1/backfill/recent lists what there is")
            })?;
            let soon = api.desk.engine.clock.now() - begun.at < SOON;
            Ok(Json(JobStatus {
                job_id: id,
                status: if run.is_some() || soon { "queued" } else { "skipped" },
                progress_pct: progress.unwrap_or_default(),
                symbols_total: i64::try_from(begun.symbols.len()).unwrap_or(i64::MAX),
                symbols_completed: 0,
                symbols_failed: 0,
                total_records_fetched: 0,
                error_message: None,
                started_at: Some(begun.at),
                completed_at: None,
                requests_answered: answered,
                requests_planned: planned,
                details: Vec::new(),
            }))
        }
        Err(e) => Err(e.into()),
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RecentJobs {
    #[schema(value_type = String, format = DateTime)]
    timestamp: Ts,
    count: usize,
    /// Newest first, whatever triggered them.
    jobs: Vec<Execution>,
}

/// The newest executions
#[utoipa::path(get, path = "/api/v1/backfill/recent", tag = "backfill",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Executions; 20 when left out")),
    responses((status = 200, body = RecentJobs)))]
pub(crate) async fn recent(State(api): State<App>, params: Params) -> Result<Json<RecentJobs>, Problem> {
    let limit = params.only(&["limit"])?.count("limit", 1..=100, 20)?;
    let history = ExecutionHistory::read(api.desk.engine.store.as_ref(), limit).await?;
    let jobs: Vec<Execution> = history.executions.into_iter().map(Execution::from).collect();
    Ok(Json(RecentJobs { timestamp: api.desk.engine.clock.now(), count: jobs.len(), jobs }))
}
