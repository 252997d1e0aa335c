//! A load test from beginning to end: is anybody there, then one scenario after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde::Serialize;
use tokio::task::JoinSet;

use super::analysis::{Analysis, analyse};
use super::figures::Figures;
use super::http::{Ask, Bad, Good, Target};
use super::scenario::{Scenario, Threshold, scenarios};
use super::server::{Counters, ServerSide};
use barkeep_base::clock::Clock;
use barkeep_base::text::printable;
use barkeep_market::{Symbol, Ts};

/// What to ask, and how hard.
#[derive(Clone, Debug)]
pub struct Plan {
    pub symbols: Vec<Symbol>,
    /// Requests at once.
    pub concurrency: usize,
    /// Of each scenario.
    pub requests: usize,
    /// Whether the service was started for this test.
    pub spawned: bool,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("no barkeep answers at {url}: {why}")]
    NoServer { url: String, why: String },
    #[error("the service at {url} wants a key: {why}")]
    NoKey { url: String, why: String },
    #[error("a service cannot be started: {0}")]
    Spawn(String),
}

/// A threshold and how it went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checked {
    #[serde(flatten)]
    pub threshold: Threshold,
    /// Absent when nothing answered.
    pub measured: Option<f64>,
    pub met: bool,
}

/// One scenario, measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    pub scenario: &'static str,
    pub about: String,
    #[serde(flatten)]
    pub figures: Figures,
    /// `/health` with as many at once, milliseconds on average.
    pub health_avg_ms: Option<f64>,
    pub server: Option<ServerSide>,
    pub thresholds: Vec<Checked>,
    pub analysis: Analysis,
}

/// What was tested and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Configuration {
    pub url: String,
    /// Started for this test, on a scratch database.
    pub spawned: bool,
    pub concurrent_requests: usize,
    pub requests_per_scenario: usize,
    pub symbols_tested: Vec<Symbol>,
    pub processors: usize,
}

/// All scenarios.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub title: &'static str,
    pub timestamp: Ts,
    pub version: &'static str,
    pub test_configuration: Configuration,
    pub scenarios: Vec<Measured>,
    /// Whether every threshold was met.
    pub passed: bool,
}

/// Asks as planned. `tell` hears of each scenario before it begins.
pub async fn run(target: &Target, plan: &Plan, clock: &dyn Clock, tell: impl Fn(&str)) -> Result<Report, Failed> {
    knock(target).await?;
    let mut all = Vec::new();
    for scenario in scenarios(&plan.symbols, plan.requests) {
        tell(scenario.name);
        all.push(measure(target, plan, scenario).await);
    }
    Ok(Report {
        title: "barkeep load test",
        timestamp: clock.now(),
        version: env!("CARGO_PKG_VERSION"),
        test_configuration: Configuration {
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

/// Whether a barkeep answers, and lets this key in.
async fn knock(target: &Target) -> Result<(), Failed> {
    let url = || target.url().to_owned();
    let nobody = |why: String| Failed::NoServer { url: url(), why };
    let said = |bad: &Bad| match bad.example.as_str() {
        "" => bad.kind.clone(),
        example => format!("{}, {example}", bad.kind),
    };
    let health = target.text("/health").await.map_err(|bad| nobody(said(&bad)))?;
    let is_ours =
        serde_json::from_str::<serde_json::Value>(&health).is_ok_and(|v| v.get("scheduler_running").is_some());
    if !is_ours {
        return Err(nobody(format!("something else does: {}", printable(health.get(..60).unwrap_or(&health)))));
    }
    match target.text("/api/v1/status").await {
        Err(bad) if matches!(bad.kind.as_str(), "status 401" | "status 403") => {
            Err(Failed::NoKey { url: url(), why: said(&bad) })
        }
        _ => Ok(()),
    }
}

async fn measure(target: &Target, plan: &Plan, scenario: Scenario) -> Measured {
    if scenario.warm
        && let Some(first) = scenario.asks.first()
    {
        // Its answer counts when it is asked again.
        let _ = target.page(first).await;
    }
    let before = Counters::read(target).await;
    let start = Instant::now();
    let asks = Arc::new(scenario.asks);
    let (count, asker) = (asks.len(), target.clone());
    let page = move |k: usize| {
        let (target, asks) = (asker.clone(), Arc::clone(&asks));
        async move { page(&target, asks.get(k)).await }
    };
    let outcomes = at_once(plan.concurrency, count, page).await;
    let wall = start.elapsed();
    let server = ServerSide::between(before, Counters::read(target).await);
    let asker = target.clone();
    let health = move |_| {
        let target = asker.clone();
        async move { target.health().await }
    };
    let health = at_once(plan.concurrency, plan.requests, health).await;
    let health: Vec<f64> = health.into_iter().flatten().map(|took| took.as_secs_f64() * 1e3).collect();
    let health_avg_ms = (!health.is_empty()).then(|| health.iter().sum::<f64>() / health.len() as f64);
    let figures = Figures::of(&outcomes, wall);
    Measured {
        scenario: scenario.name,
        about: scenario.about,
        analysis: analyse(&figures, server, health_avg_ms),
        thresholds: scenario.thresholds.into_iter().map(|t| check(t, &figures)).collect(),
        figures,
        health_avg_ms,
        server,
    }
}

async fn page(target: &Target, ask: Option<&Ask>) -> Result<Good, Bad> {
    match ask {
        Some(ask) => target.page(ask).await,
        None => Err(Bad { kind: "nothing asked".to_owned(), example: String::new() }),
    }
}

fn check(threshold: Threshold, figures: &Figures) -> Checked {
    let (measured, met) = match threshold {
        Threshold::SuccessAtLeast(percent) => (Some(figures.success_rate), figures.success_rate >= percent),
        Threshold::AverageBelow(ms) => {
            let average = figures.avg_response_time_ms;
            (average, average.is_some_and(|average| average < ms))
        }
    };
    Checked { threshold, measured, met }
}

/// Does `count` things, `width` of them at a time, each as soon as there is room.
async fn at_once<T, F>(width: usize, count: usize, thing: impl Fn(usize) -> F + Clone + Send + 'static) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..width.min(count) {
        let (next, thing) = (Arc::clone(&next), thing.clone());
        workers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let k = next.fetch_add(1, Ordering::Relaxed);
                if k >= count {
                    return done;
                }
                done.push(thing(k).await);
            }
        });
    }
    workers.join_all().await.into_iter().flatten().collect()
}
