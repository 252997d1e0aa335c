//! One run of the load in one mode, measured.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use secrecy::SecretString;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::scratch::Scratch;
use super::verdict::{Verdict, verdict};
use barkeep_base::clock::Clock;
use barkeep_base::timing::Phase;
use barkeep_config::{BaselineLoad, Config, Mode, Policy, RateLimit, Settings};
use barkeep_market::ts::DAY;
use barkeep_market::{Timeframe, Ts};
use barkeep_pipeline::Backfill;
use barkeep_pipeline::RunError;
use barkeep_pipeline::events::{Event, Job, Listener, Silent};
use barkeep_pipeline::open::OpenError;
use barkeep_pipeline::select::{Selection, TimeBound};
use barkeep_store::{ExecutionStatus, StoreError, Trigger};

/// What to measure.
pub struct Plan {
    pub load: BaselineLoad,
    pub modes: Vec<Mode>,
    /// Whether each series is asked for by itself as well, for comparison.
    pub alone: bool,
    pub settings: Settings,
    pub policy: Policy,
    pub key: SecretString,
    pub clock: Arc<dyn Clock>,
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Time of one phase, added up over all jobs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PhaseTime {
    pub phase: Phase,
    pub seconds: f64,
    /// Of the time of all phases, 0 to 1.
    pub share: f64,
}

/// One job: an item of the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobTime {
    pub job: String,
    pub seconds: f64,
    pub phases: Vec<PhaseTime>,
}

/// The jobs that asked for one timeframe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TimeframeTime {
    pub timeframe: Timeframe,
    /// Computed from its answers, in the same time.
    pub derives: Vec<Timeframe>,
    pub jobs: usize,
    pub seconds_per_job: f64,
}

/// One mode's run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    pub mode: &'static str,
    pub database: &'static str,
    pub status: ExecutionStatus,
    /// Of the whole run, planning and closing included.
    pub wall_seconds: f64,
    pub requests: u64,
    /// The fewest there could be for these answers.
    pub requests_needed: u64,
    pub rate_limited: u64,
    pub retries: u64,
    pub bars_written: u64,
    pub bars_per_second: f64,
    pub series_failed: u64,
    pub phases: Vec<PhaseTime>,
    pub timeframes: Vec<TimeframeTime>,
    pub slowest_job: Option<JobTime>,
    pub slowest_timeframe: Option<Timeframe>,
    pub verdict: Verdict,
    /// Slowest first.
    pub jobs: Vec<JobTime>,
}

/// The same load without a plan: each series asked for by itself, one after the other, into a database that holds nothing
/// else. So the replaced service works, and so would anyone who calls the vendor in a loop.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alone {
    pub series: usize,
    /// Of the runs only; making and removing their databases is left out.
    pub wall_seconds: f64,
    pub requests: u64,
    pub bars_written: u64,
    /// Series that were not completed.
    pub series_failed: u64,
}

/// Runs of the same load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    pub generated_at: Ts,
    pub version: &'static str,
    pub vendor: String,
    /// Whether the vendor was a simulated one on this machine, sharing its processors.
    pub simulated: bool,
    pub limit_per_minute: Option<u32>,
    pub symbols: usize,
    pub timeframes: Vec<Timeframe>,
    pub days: u32,
    pub processors: usize,
    /// The most memory this process ever held (`VmHWM`), MiB; absent where the system does not say.
    pub peak_memory_mib: Option<f64>,
    pub runs: Vec<Measurement>,
    /// Absent unless it was asked for.
    pub alone: Option<Alone>,
}

/// Measures the modes one after the other, each into an empty database.
pub async fn run(
    plan: &Plan,
    scratch: &Scratch,
    simulated: bool,
    cancel: &CancellationToken,
    mut before: impl FnMut(&str),
) -> Result<Compared, Failed> {
    let mut alone = None;
    if plan.alone && !cancel.is_cancelled() {
        before("each series alone");
        alone = Some(each_alone(plan, scratch, cancel).await?);
    }
    let mut runs = Vec::new();
    for mode in &plan.modes {
        if cancel.is_cancelled() {
            break;
        }
        before(mode.name());
        runs.push(one(plan, scratch, *mode, cancel).await?);
    }
    let rate = plan.settings.vendor.rate_limit;
    Ok(Compared {
        generated_at: plan.clock.now(),
        version: env!("CARGO_PKG_VERSION"),
        vendor: plan.settings.vendor.base_url.to_string(),
        simulated,
        limit_per_minute: match rate {
            RateLimit::PerMinute(n) => Some(n),
            RateLimit::Unlimited => None,
        },
        symbols: plan.load.symbols.len(),
        timeframes: plan.load.timeframes.clone(),
        days: plan.load.days,
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        peak_memory_mib: peak_memory(),
        runs,
        alone,
    })
}

/// Runs that nobody measures, without features: afterwards a vendor that keeps its answers has them all.
pub async fn warm_up(plan: &Plan, scratch: &Scratch, cancel: &CancellationToken) -> Result<(), Failed> {
    let mut settings = plan.settings.clone();
    settings.features.enabled = false;
    let mut loads = vec![plan.load.clone()];
    if plan.alone {
        let by_timeframe = plan.load.timeframes.iter();
        loads.extend(by_timeframe.map(|tf| BaselineLoad { timeframes: vec![*tf], ..plan.load.clone() }));
    }
    for load in loads {
        let (settings, policy) = (settings.clone(), plan.policy.clone());
        let (key, clock) = (plan.key.clone(), Arc::clone(&plan.clock));
        let plan = Plan { load, modes: Vec::new(), alone: false, settings, policy, key, clock };
        // One page after the other: what is held at once stays with this process, and would count as memory of the run
        // that is measured.
        one(&plan, scratch, Mode::Sequential, cancel).await?;
    }
    Ok(())
}

async fn each_alone(plan: &Plan, scratch: &Scratch, cancel: &CancellationToken) -> Result<Alone, Failed> {
    let mut alone = Alone { series: 0, wall_seconds: 0.0, requests: 0, bars_written: 0, series_failed: 0 };
    for symbol in &plan.load.symbols {
        for timeframe in &plan.load.timeframes {
            if cancel.is_cancelled() {
                return Ok(alone);
            }
            let load =
                BaselineLoad { symbols: vec![symbol.clone()], timeframes: vec![*timeframe], ..plan.load.clone() };
            let (settings, policy) = (plan.settings.clone(), plan.policy.clone());
            let (key, clock) = (plan.key.clone(), Arc::clone(&plan.clock));
            let one_series = Plan { load, modes: Vec::new(), alone: false, settings, policy, key, clock };
            let run = one(&one_series, scratch, Mode::Sequential, cancel).await?;
            alone.series += 1;
            alone.wall_seconds += run.wall_seconds;
            alone.requests += run.requests;
            alone.bars_written += run.bars_written;
            alone.series_failed += run.series_failed;
        }
    }
    Ok(alone)
}

/// Keeps the times of the jobs of a run.
#[derive(Default)]
struct Jobs(Mutex<Vec<Job>>);

impl Listener for Jobs {
    fn hear(&self, _event: Event) {}

    fn timed(&self, job: Job) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(job);
    }
}

async fn one(plan: &Plan, scratch: &Scratch, mode: Mode, cancel: &CancellationToken) -> Result<Measurement, Failed> {
    let store = scratch.open().await?;
    let database = store.dialect();
    let config = Config::new(plan.settings.clone(), plan.policy.clone());
    let (key, clock) = (plan.key.clone(), Arc::clone(&plan.clock));
    let engine = barkeep_pipeline::open(Arc::clone(&store), config, key, clock, Arc::new(Silent)).await?;
    let from = plan.clock.now() - i64::from(plan.load.days) * DAY;
    let selection = Selection {
        symbols: plan.load.symbols.clone(),
        timeframes: Some(plan.load.timeframes.clone()),
        from: Some(TimeBound::Date(from.utc_date())),
        to: None,
        class: None,
    };
    let wish = Backfill::new(selection, mode, Trigger::Cli);
    let jobs = Arc::new(Jobs::default());
    let start = Instant::now();
    let summary = wish.run(&engine, Arc::clone(&jobs) as Arc<dyn Listener>, cancel.clone()).await;
    let wall_seconds = start.elapsed().as_secs_f64();
    drop(engine);
    scratch.close(store).await?;
    let summary = summary?;

    let timed = std::mem::take(&mut *jobs.0.lock().unwrap_or_else(PoisonError::into_inner));
    let phases = phases(&timed);
    let timeframes = timeframes(&timed);
    let slowest_timeframe =
        timeframes.iter().max_by(|a, b| a.seconds_per_job.total_cmp(&b.seconds_per_job)).map(|t| t.timeframe);
    let mut jobs: Vec<JobTime> = timed.iter().map(job_time).collect();
    jobs.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    Ok(Measurement {
        mode: mode.name(),
        database,
        status: summary.status,
        wall_seconds,
        requests: summary.requests,
        requests_needed: summary.requests_needed,
        rate_limited: summary.rate_limited,
        retries: summary.retries,
        bars_written: summary.bars_written,
        bars_per_second: summary.bars_written as f64 / wall_seconds.max(f64::MIN_POSITIVE),
        series_failed: summary.series_failed,
        verdict: verdict(&phases),
        phases,
        timeframes,
        slowest_job: jobs.first().cloned(),
        slowest_timeframe,
        jobs,
    })
}

fn job_time(job: &Job) -> JobTime {
    let name = match (job.symbols.as_slice(), job.timeframe) {
        ([symbol], Some(timeframe)) => format!("{symbol} {timeframe}"),
        (symbols, Some(timeframe)) => format!("{} symbols {timeframe}", symbols.len()),
        (symbols, None) => format!("splits of {} symbols", symbols.len()),
    };
    JobTime { job: name, seconds: job.took.as_secs_f64(), phases: phases(std::slice::from_ref(job)) }
}

fn phases(jobs: &[Job]) -> Vec<PhaseTime> {
    let seconds = |phase| jobs.iter().map(|job| job.spent.of(phase).as_secs_f64()).sum::<f64>();
    let all: f64 = Phase::ALL.into_iter().map(seconds).sum();
    let share = |seconds: f64| if all > 0.0 { seconds / all } else { 0.0 };
    Phase::ALL
        .into_iter()
        .map(|phase| PhaseTime { phase, seconds: seconds(phase), share: share(seconds(phase)) })
        .collect()
}

fn timeframes(jobs: &[Job]) -> Vec<TimeframeTime> {
    let mut all: Vec<TimeframeTime> = Vec::new();
    for (job, timeframe) in jobs.iter().filter_map(|job| Some((job, job.timeframe?))) {
        let seconds = job.took.as_secs_f64();
        if let Some(known) = all.iter_mut().find(|t| t.timeframe == timeframe) {
            known.seconds_per_job += seconds;
            known.jobs += 1;
        } else {
            let derives = job.derives.clone();
            all.push(TimeframeTime { timeframe, derives, jobs: 1, seconds_per_job: seconds });
        }
    }
    for known in &mut all {
        known.seconds_per_job /= known.jobs as f64;
    }
    all.sort_by_key(|t| t.timeframe);
    all
}

/// Linux tells in `/proc`; elsewhere nothing is made up.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}
