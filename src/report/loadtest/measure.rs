//! A load test from start to end: check the service, then run one scenario after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde::Serialize;
use tokio::task::JoinSet;

use super::analysis::{Analysis, analyse};
use super::figures::Figures;
use super::http::{PageRequest, PageResponse, RequestError, ServiceClient};
use super::scenario::{Scenario, Threshold, scenarios};
use super::server::{Counters, ServerSide};
use barkeep_base::clock::Clock;
use barkeep_base::text::printable;
use barkeep_market::{Symbol, Ts};

/// What to request, and how hard.
#[derive(Clone, Debug)]
pub struct LoadTestOptions {
    pub symbols: Vec<Symbol>,
    /// Requests at once.
    pub concurrency: usize,
    /// Of each scenario.
    pub requests: usize,
    /// Whether the service was started for this test.
    pub spawned: bool,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum LoadTestError {
    #[error("no barkeep service at {url}: {why}")]
    NoServer { url: String, why: String },
    #[error("the service at {url} requires an API key: {why}")]
    NoKey { url: String, why: String },
    #[error("cannot start a service: {0}")]
    Spawn(String),
}

/// A threshold and its result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ThresholdResult {
    #[serde(flatten)]
    pub threshold: Threshold,
    /// Absent when nothing answered.
    pub measured: Option<f64>,
    pub met: bool,
}

/// One scenario, measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScenarioResult {
    pub scenario: &'static str,
    pub about: String,
    #[serde(flatten)]
    pub figures: Figures,
    /// Average time of `/health` with the same concurrency, in milliseconds.
    pub health_avg_ms: Option<f64>,
    pub server: Option<ServerSide>,
    pub thresholds: Vec<ThresholdResult>,
    pub analysis: Analysis,
}

/// What was tested and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestConfiguration {
    pub url: String,
    /// Whether it was started for this test, on a temporary database.
    pub spawned: bool,
    pub concurrent_requests: usize,
    pub requests_per_scenario: usize,
    pub symbols_tested: Vec<Symbol>,
    pub processors: usize,
}

/// All scenarios.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadTestReport {
    pub title: &'static str,
    pub timestamp: Ts,
    pub version: &'static str,
    pub test_configuration: TestConfiguration,
    pub scenarios: Vec<ScenarioResult>,
    /// Whether every threshold was met.
    pub passed: bool,
}

/// Runs all scenarios. `on_start` is called with the name of each one before it starts.
///
/// # Errors
/// When no barkeep service answers at the address, or it requires another key. Failed requests are counted, not
/// returned.
pub async fn run(
    target: &ServiceClient,
    plan: &LoadTestOptions,
    clock: &dyn Clock,
    on_start: impl Fn(&str),
) -> Result<LoadTestReport, LoadTestError> {
    check_service(target).await?;
    let mut all = Vec::new();
    for scenario in scenarios(&plan.symbols, plan.requests) {
        on_start(scenario.name);
        all.push(measure(target, plan, scenario).await);
    }
    Ok(LoadTestReport {
        title: "barkeep load test",
        timestamp: clock.now(),
        version: env!("CARGO_PKG_VERSION"),
        test_configuration: TestConfiguration {
            url: target.url().to_owned(),
            spawned: plan.spawned,
            concurrent_requests: plan.concurrency,
            requests_per_scenario: plan.requests,
            symbols_tested: plan.symbols.clone(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
        },
        passed: !all.is_empty() && all.iter().flat_map(|m| &m.thresholds).all(|t| t.met),
        scenarios: all,
    })
}

/// Fails unless a barkeep service answers and accepts the key.
async fn check_service(target: &ServiceClient) -> Result<(), LoadTestError> {
    let url = || target.url().to_owned();
    let no_server = |why: String| LoadTestError::NoServer { url: url(), why };
    let describe = |error: &RequestError| match error.example.as_str() {
        "" => error.kind.clone(),
        example => format!("{}, {example}", error.kind),
    };
    let health = target.text("/health").await.map_err(|e| no_server(describe(&e)))?;
    let is_ours =
        serde_json::from_str::<serde_json::Value>(&health).is_ok_and(|v| v.get("scheduler_running").is_some());
    if !is_ours {
        return Err(no_server(format!(
            "something else is listening: {}",
            printable(health.get(..60).unwrap_or(&health))
        )));
    }
    match target.text("/api/v1/status").await {
        Err(e) if matches!(e.kind.as_str(), "status 401" | "status 403") => {
            Err(LoadTestError::NoKey { url: url(), why: describe(&e) })
        }
        _ => Ok(()),
    }
}

async fn measure(target: &ServiceClient, plan: &LoadTestOptions, scenario: Scenario) -> ScenarioResult {
    if scenario.warm
        && let Some(first) = scenario.pages.first()
    {
        // Not measured: it fills the cache.
        let _ = target.page(first).await;
    }
    let before = Counters::read(target).await;
    let start = Instant::now();
    let pages = Arc::new(scenario.pages);
    let (count, client) = (pages.len(), target.clone());
    let page = move |k: usize| {
        let (target, pages) = (client.clone(), Arc::clone(&pages));
        async move { page(&target, pages.get(k)).await }
    };
    let outcomes = concurrently(plan.concurrency, count, page).await;
    let wall = start.elapsed();
    let server = ServerSide::between(before, Counters::read(target).await);
    let asker = target.clone();
    let health = move |_| {
        let target = asker.clone();
        async move { target.health().await }
    };
    let health = concurrently(plan.concurrency, plan.requests, health).await;
    let health: Vec<f64> = health.into_iter().flatten().map(|took| took.as_secs_f64() * 1e3).collect();
    let health_avg_ms = (!health.is_empty()).then(|| health.iter().sum::<f64>() / health.len() as f64);
    let figures = Figures::of(&outcomes, wall);
    ScenarioResult {
        scenario: scenario.name,
        about: scenario.about,
        analysis: analyse(&figures, server, health_avg_ms),
        thresholds: scenario.thresholds.into_iter().map(|t| check(t, &figures)).collect(),
        figures,
        health_avg_ms,
        server,
    }
}

async fn page(target: &ServiceClient, request: Option<&PageRequest>) -> Result<PageResponse, RequestError> {
    match request {
        Some(request) => target.page(request).await,
        None => Err(RequestError { kind: "no request".to_owned(), example: String::new() }),
    }
}

fn check(threshold: Threshold, figures: &Figures) -> ThresholdResult {
    let (measured, met) = match threshold {
        Threshold::SuccessAtLeast(percent) => (Some(figures.success_rate), figures.success_rate >= percent),
        Threshold::AverageBelow(ms) => {
            let average = figures.avg_response_time_ms;
            (average, average.is_some_and(|average| average < ms))
        }
    };
    ThresholdResult { threshold, measured, met }
}

/// Runs `count` tasks, at most `width` at a time.
async fn concurrently<T, F>(width: usize, count: usize, task: impl Fn(usize) -> F + Clone + Send + 'static) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..width.min(count) {
        let (next, task) = (Arc::clone(&next), task.clone());
        workers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let k = next.fetch_add(1, Ordering::Relaxed);
                if k >= count {
                    return done;
                }
                done.push(task(k).await);
            }
        });
    }
    workers.join_all().await.into_iter().flatten().collect()
}
