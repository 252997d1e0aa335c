//! One run of the load in one mode, measured.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use secrecy::SecretString;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::phases::{PhaseTime, phases};
use super::processor::ProcessorTime;
use super::scratch::Scratch;
use super::verdict::{Circumstances, Diagnosis, verdict};
use barkeep_base::clock::Clock;
use barkeep_config::{BaselineLoad, Config, Mode, Policy, Settings};
use barkeep_market::ts::DAY;
use barkeep_market::{Timeframe, Ts};
use barkeep_pipeline::Backfill;
use barkeep_pipeline::RunError;
use barkeep_pipeline::events::{Event, ItemTiming, Listener};
use barkeep_pipeline::open::OpenError;
use barkeep_pipeline::select::{Selection, TimeBound};
use barkeep_store::{ExecutionStatus, StoreError, Trigger};

/// What to measure.
pub struct BaselineOptions {
    pub load: BaselineLoad,
    pub modes: Vec<Mode>,
    /// Whether to measure the same load without a plan as well, for comparison.
    pub alone: bool,
    pub settings: Settings,
    pub policy: Policy,
    pub key: SecretString,
    pub clock: Arc<dyn Clock>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Run(#[from] RunError),
}

/// One job: an item of the options.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobTime {
    pub job: String,
    pub seconds: f64,
    pub phases: Vec<PhaseTime>,
}

/// The jobs that requested one timeframe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TimeframeTime {
    pub timeframe: Timeframe,
    /// Derived from its answers, in the same time.
    pub derives: Vec<Timeframe>,
    pub jobs: usize,
    pub seconds_per_job: f64,
}

/// The jobs that computed features, with what they read and wrote.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureTime {
    pub jobs: usize,
    pub seconds: f64,
    /// Of the time of all jobs, 0 to 1.
    pub share: f64,
}

/// One mode's run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    pub mode: &'static str,
    pub database: &'static str,
    pub status: ExecutionStatus,
    /// Of the whole run, including planning and closing.
    pub wall_seconds: f64,
    pub requests: u64,
    /// The lower bound for these answers.
    pub requests_needed: u64,
    pub rate_limited: u64,
    pub retries: u64,
    pub bars_written: u64,
    pub bars_per_second: f64,
    pub series_failed: u64,
    pub phases: Vec<PhaseTime>,
    pub timeframes: Vec<TimeframeTime>,
    pub features: FeatureTime,
    /// Absent where the system does not tell.
    pub processor: Option<ProcessorTime>,
    pub slowest_job: Option<JobTime>,
    pub slowest_timeframe: Option<Timeframe>,
    pub verdict: Diagnosis,
    /// Slowest first.
    pub jobs: Vec<JobTime>,
}

/// The same load without a plan: one series after the other, each into an empty database, as a loop over the vendor's API
/// would do it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnplannedRun {
    pub series: usize,
    /// Of the runs only, without creating and deleting their databases.
    pub wall_seconds: f64,
    pub requests: u64,
    pub bars_written: u64,
    /// Series that were not completed.
    pub series_failed: u64,
}

/// The runs of one load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BaselineReport {
    pub generated_at: Ts,
    pub version: &'static str,
    pub vendor: String,
    /// Whether the vendor was a simulated one, on the processors of this machine.
    pub simulated: bool,
    pub limit_per_minute: Option<u32>,
    pub symbols: usize,
    pub timeframes: Vec<Timeframe>,
    pub days: u32,
    pub processors: usize,
    /// Peak memory of this process (`VmHWM`) in MiB; absent where the system does not tell.
    pub peak_memory_mib: Option<f64>,
    pub runs: Vec<Measurement>,
    /// Absent unless requested.
    pub alone: Option<UnplannedRun>,
}

/// Measures the modes one after the other, each into an empty database.
///
/// # Errors
/// With the first mode whose database cannot be opened or whose run breaks off.
pub async fn run(
    options: &BaselineOptions,
    scratch: &Scratch,
    simulated: bool,
    cancel: &CancellationToken,
    mut before: impl FnMut(&str),
) -> Result<BaselineReport, BaselineError> {
    let mut alone = None;
    if options.alone && !cancel.is_cancelled() {
        before("each series by itself");
        alone = Some(each_alone(options, scratch, cancel).await?);
    }
    let mut runs = Vec::new();
    for mode in &options.modes {
        if cancel.is_cancelled() {
            break;
        }
        before(mode.name());
        runs.push(one(options, scratch, *mode, cancel).await?);
    }
    Ok(BaselineReport {
        generated_at: options.clock.now(),
        version: env!("CARGO_PKG_VERSION"),
        vendor: options.settings.vendor.base_url.to_string(),
        simulated,
        limit_per_minute: options.settings.vendor.rate_limit.per_minute(),
        symbols: options.load.symbols.len(),
        timeframes: options.load.timeframes.clone(),
        days: options.load.days,
        processors: processors(),
        peak_memory_mib: peak_memory(),
        runs,
        alone,
    })
}

/// Runs that are not measured, without features: afterwards a vendor that keeps its answers has them all.
///
/// # Errors
/// With the first load whose database cannot be opened or whose run breaks off.
pub async fn warm_up(
    options: &BaselineOptions,
    scratch: &Scratch,
    cancel: &CancellationToken,
) -> Result<(), BaselineError> {
    let mut settings = options.settings.clone();
    settings.features.enabled = false;
    let mut loads = vec![options.load.clone()];
    if options.alone {
        let by_timeframe = options.load.timeframes.iter();
        loads.extend(by_timeframe.map(|tf| BaselineLoad { timeframes: vec![*tf], ..options.load.clone() }));
    }
    for load in loads {
        let (settings, policy) = (settings.clone(), options.policy.clone());
        let (key, clock) = (options.key.clone(), Arc::clone(&options.clock));
        let options = BaselineOptions { load, modes: Vec::new(), alone: false, settings, policy, key, clock };
        // Sequential, because memory that is used once stays with the process and would count for the measured run.
        one(&options, scratch, Mode::Sequential, cancel).await?;
    }
    Ok(())
}

async fn each_alone(
    options: &BaselineOptions,
    scratch: &Scratch,
    cancel: &CancellationToken,
) -> Result<UnplannedRun, BaselineError> {
    let mut alone = UnplannedRun { series: 0, wall_seconds: 0.0, requests: 0, bars_written: 0, series_failed: 0 };
    for symbol in &options.load.symbols {
        for timeframe in &options.load.timeframes {
            if cancel.is_cancelled() {
                return Ok(alone);
            }
            let load =
                BaselineLoad { symbols: vec![symbol.clone()], timeframes: vec![*timeframe], ..options.load.clone() };
            let (settings, policy) = (options.settings.clone(), options.policy.clone());
            let (key, clock) = (options.key.clone(), Arc::clone(&options.clock));
            let one_series = BaselineOptions { load, modes: Vec::new(), alone: false, settings, policy, key, clock };
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

/// Collects the timings of the jobs of a run.
#[derive(Default)]
struct Jobs(Mutex<Vec<ItemTiming>>);

impl Listener for Jobs {
    fn on_event(&self, _event: Event) {}

    fn on_timing(&self, job: ItemTiming) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(job);
    }
}

async fn one(
    options: &BaselineOptions,
    scratch: &Scratch,
    mode: Mode,
    cancel: &CancellationToken,
) -> Result<Measurement, BaselineError> {
    let store = scratch.open(&options.settings).await?;
    let database = store.dialect();
    let config = Config::new(options.settings.clone(), options.policy.clone());
    let (key, clock) = (options.key.clone(), Arc::clone(&options.clock));
    let engine = barkeep_pipeline::open(Arc::clone(&store), config, key, clock).await?;
    let from = options.clock.now() - i64::from(options.load.days) * DAY;
    let selection = Selection {
        symbols: options.load.symbols.clone(),
        timeframes: Some(options.load.timeframes.clone()),
        from: Some(TimeBound::Date(from.utc_date())),
        to: None,
        class: None,
        vendor: None,
        refetch: false,
    };
    let backfill = Backfill::new(selection, mode, Trigger::Cli);
    let jobs = Arc::new(Jobs::default());
    let (start, computed) = (Instant::now(), ProcessorTime::now());
    let summary = backfill.run(&engine, Arc::clone(&jobs) as Arc<dyn Listener>, cancel.clone()).await;
    let wall_seconds = start.elapsed().as_secs_f64();
    let processor = ProcessorTime::now().zip(computed).map(|(after, before)| after.since(before));
    drop(engine);
    scratch.close(store).await?;
    let summary = summary?;

    let timed = std::mem::take(&mut *jobs.0.lock().unwrap_or_else(PoisonError::into_inner));
    let phases = phases(&timed);
    let timeframes = timeframes(&timed);
    let features = features(&timed);
    let circumstances = Circumstances {
        limit_per_minute: options.settings.vendor.rate_limit.per_minute(),
        requests_needed: summary.requests_needed,
        concurrency: if mode == Mode::Sequential { 1 } else { options.settings.backfill.concurrency },
        is_sqlite: database == "sqlite",
        writers: options.settings.database_writers,
        features: features.share,
        processor,
        processors: processors(),
        wall_seconds,
    };
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
        verdict: verdict(&phases, &circumstances),
        phases,
        timeframes,
        features,
        processor,
        slowest_job: jobs.first().cloned(),
        slowest_timeframe,
        jobs,
    })
}

fn job_time(job: &ItemTiming) -> JobTime {
    let name = match (&*job.symbols, job.timeframe) {
        ([symbol], Some(timeframe)) => format!("{symbol} {timeframe}"),
        (symbols, Some(timeframe)) => format!("{} symbols {timeframe}", symbols.len()),
        ([symbol], None) if job.is_features => format!("features of {symbol}"),
        (symbols, None) if job.is_features => format!("features of {} symbols", symbols.len()),
        (symbols, None) => format!("splits of {} symbols", symbols.len()),
    };
    JobTime { job: name, seconds: job.took.as_secs_f64(), phases: phases(std::slice::from_ref(job)) }
}

fn timeframes(jobs: &[ItemTiming]) -> Vec<TimeframeTime> {
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

fn features(jobs: &[ItemTiming]) -> FeatureTime {
    let seconds = |job: &ItemTiming| job.spent.total().as_secs_f64();
    let of_features: Vec<f64> = jobs.iter().filter(|job| job.is_features).map(seconds).collect();
    let (spent, all) = (of_features.iter().sum::<f64>(), jobs.iter().map(seconds).sum::<f64>());
    FeatureTime { jobs: of_features.len(), seconds: spent, share: if all > 0.0 { spent / all } else { 0.0 } }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// From `/proc`, so only on Linux.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}
