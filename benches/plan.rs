//! Planner and limiter against the figures they must reach: `cargo bench --bench plan`.
//!
//! The yardstick of the planner is reading its input: one pass over the same cells that only counts rows and columns. The
//! yardstick of the limiter is the limit itself, on tokio's paused clock.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::collections::HashSet;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use barkeep::base::clock::{Moment, SystemClock};
use barkeep::config::RateLimit;
use barkeep::plan::cover::minimum_cover;
use barkeep::vendor::Fault;
use barkeep::vendor::dispatch::{Attempt, Journal};
use barkeep::vendor::limit::{Grant, Limiter, PlaceRequest};
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 15;

fn below(state: &mut u64, n: u32) -> u32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 33) % u64::from(n)) as u32
}

/// 10,000 symbols over 1,260 sessions: 200 of them new, the others with 48,000 holes in the last 60 sessions.
fn cells() -> Vec<(u32, u32)> {
    let mut state = 7;
    let new = (0..200).flat_map(|row| (0..1_260).map(move |column| (row, column)));
    let holes = (0..48_000).map(|_| (200 + below(&mut state, 9_800), 1_200 + below(&mut state, 60)));
    new.chain(holes).collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn planner() {
    let cells = cells();
    let (mut solve, mut check, mut count) = (Vec::new(), Vec::new(), Vec::new());
    let mut size = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let cover = minimum_cover(black_box(&cells), &[]);
        solve.push(start.elapsed());
        let start = Instant::now();
        assert!(cover.verify(black_box(&cells), &[]));
        check.push(start.elapsed());
        let start = Instant::now();
        let rows: HashSet<u32> = black_box(&cells).iter().map(|c| c.0).collect();
        let columns: HashSet<u32> = black_box(&cells).iter().map(|c| c.1).collect();
        black_box((rows.len(), columns.len()));
        count.push(start.elapsed());
        size = cover.size();
    }
    let (solve, check, count) = (median(solve), median(check), median(count));
    println!(
        "planner    {} cells, {size} requests: solved in {:.1} ms (reach: < 15), certificate checked in {:.1} ms; \
         counting rows and columns {:.1} ms, ratio {:.2}",
        cells.len(),
        solve.as_secs_f64() * 1e3,
        check.as_secs_f64() * 1e3,
        count.as_secs_f64() * 1e3,
        solve.as_secs_f64() / count.as_secs_f64()
    );
}

struct NoJournal;

#[async_trait]
impl Journal for NoJournal {
    async fn take(&self, _request: PlaceRequest) -> Result<Grant, Fault> {
        Ok(Grant { place: Some(0), ..Grant::default() })
    }

    async fn answered(&self, _place: i64, _now: Moment) {}

    async fn record(&self, _attempt: &Attempt) {}
}

/// An hour of work that never ends, at `limit` a minute, with answers after 200 ms.
async fn limiter(limit: u32) {
    const LATENCY: Duration = Duration::from_millis(200);
    let limiter = Limiter::new(RateLimit::PerMinute(limit), Duration::from_mins(1));
    let (limiter, cancel) = (Arc::new(limiter), CancellationToken::new());
    let begin = tokio::time::Instant::now();
    let starts = Mutex::new(Vec::new());
    while begin.elapsed() < Duration::from_hours(1) {
        let permit = limiter.acquire(&NoJournal, &SystemClock, &cancel).await.unwrap();
        let answering = Arc::clone(&limiter);
        tokio::spawn(async move {
            tokio::time::sleep(LATENCY).await;
            answering.answered(permit, &NoJournal, &SystemClock).await;
        });
        starts.lock().unwrap().push(tokio::time::Instant::now());
    }
    let starts: Vec<_> =
        starts.into_inner().unwrap().into_iter().filter(|t| *t - begin < Duration::from_hours(1)).collect();
    let most = starts
        .iter()
        .enumerate()
        .map(|(k, first)| starts.iter().skip(k).take_while(|t| **t - *first < Duration::from_mins(1)).count())
        .max()
        .unwrap_or(0);
    let allowed = u64::from(limit) * 60;
    println!(
        "limiter    {limit}/min: {} starts in an hour of {allowed}, {:.2} % (reach: >= 98), at most {most} in any minute",
        starts.len(),
        starts.len() as f64 * 100.0 / allowed as f64
    );
}

fn main() {
    planner();
    let paused = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    paused.block_on(async {
        for limit in [1, 5, 100, 1_000] {
            limiter(limit).await;
        }
    });
}
