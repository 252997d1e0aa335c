//! How the time of each operation grows with the database: `cargo bench --bench growth`, with `-- sqlite` or `-- postgres`
//! for one of them, `-- large` for 100 million bars too, `-- quick` for a hundredth of every size, `-- busy` for requests at
//! a hundred a minute alone.
//!
//! A size is filled by SQL, then the real program is timed on it, start of the process included. The exponent of an
//! operation is `e` in `time ~ size^e` between two sizes: 0 is as fast at any size, 1 is proportional, and what is above 1
//! and takes its time is told as `SUPERLINEAR`. The yardstick of a size is the start of a program that does nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the environment of a benchmark is its own")]

mod fill;
mod operations;
#[allow(dead_code, unreachable_pub, reason = "shared with the tests, which use more of it")]
#[path = "../../tests/support/postgres.rs"]
mod postgres;

use std::time::{Duration, Instant};

use barkeep::config::postgres_programs;

use fill::Size;
use operations::{OPERATIONS, Times, measure};

/// Requests of a year at the five a minute of the free plan.
const YEAR_OF_REQUESTS: u64 = FREE_PLAN * 60 * 24 * 365;
const FREE_PLAN: u64 = 5;
/// Requests a minute of `-- busy`, and how many of them: nine days, and the ninety that are kept unless somebody says otherwise.
const BUSY: u64 = 100;
const BUSY_REQUESTS: [u64; 2] = [BUSY * 60 * 24 * 9, BUSY * 60 * 24 * 90];
/// What grows no faster than its size, the exponent of a measurement being what it is.
const LINEAR: f64 = 1.1;
/// Operations below this are told without a verdict: their time is that of starting a process.
const SHORT: Duration = Duration::from_millis(100);

/// Sizes of which each differs from the first in one thing; what that thing is.
struct Axis {
    name: &'static str,
    sizes: Vec<(f64, Size)>,
}

fn axes(large: bool, quick: bool, busy: bool) -> Vec<Axis> {
    let scale = if quick { 100 } else { 1 };
    if busy {
        let size = |requests: u64| Size { bars: 1_000_000, series: 50, requests, requests_a_minute: BUSY };
        let sizes = BUSY_REQUESTS.map(|n| size(n / scale)).map(|size| (size.requests as f64, size));
        return vec![Axis { name: "requests", sizes: sizes.to_vec() }];
    }
    let size = |bars: u64, series: u64, requests: u64| Size {
        bars: bars / scale,
        series: if quick && series > 50 { series / 10 } else { series },
        requests: requests / scale,
        requests_a_minute: FREE_PLAN,
    };
    let bars = [1_000_000, 10_000_000].into_iter().chain(large.then_some(100_000_000));
    let of = |n: Size, of: fn(&Size) -> u64| (of(&n) as f64, n);
    vec![
        Axis { name: "bars", sizes: bars.map(|n| of(size(n, 50, 0), |s| s.bars)).collect() },
        Axis {
            name: "series",
            sizes: [50, 5_000, 50_000].into_iter().map(|n| of(size(1_000_000, n, 0), |s| s.series)).collect(),
        },
        Axis {
            name: "requests",
            sizes: [YEAR_OF_REQUESTS / 10, YEAR_OF_REQUESTS]
                .into_iter()
                .map(|n| of(size(1_000_000, 50, n), |s| s.requests))
                .collect(),
        },
    ]
}

fn exponent((small, before): (f64, Duration), (large, after): (f64, Duration)) -> f64 {
    (after.as_secs_f64() / before.as_secs_f64()).ln() / (large / small).ln()
}

/// A line for each operation: its times, and the exponent between each size and the next.
fn table(axis: &Axis, times: &[Times]) {
    let sizes: Vec<f64> = axis.sizes.iter().map(|(n, _)| *n).collect();
    let heads: Vec<String> = sizes.iter().map(|n| format!("{n:>12}")).collect();
    println!("  {:<28} {}   exponents", axis.name, heads.join(" "));
    for (k, operation) in OPERATIONS.iter().enumerate() {
        let points: Vec<(f64, Duration)> =
            sizes.iter().copied().zip(times.iter().filter_map(|t| t.get(k).copied())).collect();
        let cells: Vec<String> = points.iter().map(|(_, t)| format!("{:>9.1} ms", t.as_secs_f64() * 1e3)).collect();
        let mut grows: Vec<String> = Vec::new();
        let mut is_superlinear = false;
        for (before, after) in points.iter().zip(points.iter().skip(1)) {
            let e = exponent(*before, *after);
            grows.push(format!("{e:.2}"));
            is_superlinear |= e > LINEAR && after.1 > SHORT;
        }
        let verdict = if is_superlinear { "  SUPERLINEAR" } else { "" };
        println!("  {operation:<28} {}   {}{verdict}", cells.join(" "), grows.join(", "));
    }
}

/// Fills each size and measures it; a size that several axes share is measured once.
async fn on(database: &str, axes: &[Axis], cluster: Option<&postgres::Cluster>) {
    let mut known: Vec<(Size, Times)> = Vec::new();
    for axis in axes {
        for (_, size) in &axis.sizes {
            if known.iter().any(|(done, _)| done == size) {
                continue;
            }
            let home = tempfile::tempdir().unwrap();
            let name = match cluster {
                Some(cluster) => Some(cluster.create_database().await),
                None => None,
            };
            let url = match (cluster, &name) {
                (Some(cluster), Some(name)) => cluster.url(name),
                _ => format!("sqlite:{}", home.path().join("growth.db").display()),
            };
            let start = Instant::now();
            fill::fill(&url, size).await;
            let filled = start.elapsed();
            let times = measure(home.path(), &url).await;
            println!(
                "  {database}: {} bars, {} series, {} requests filled in {:.1} s",
                size.bars,
                size.series,
                size.requests,
                filled.as_secs_f64()
            );
            if let Some(bytes) = fill::bytes_of_requests(&url).await.filter(|_| size.requests > 0) {
                let each = bytes as f64 / size.requests as f64;
                println!("  {database}: requests take {:.1} GB, {each:.0} bytes each", bytes as f64 / 1e9);
            }
            known.push((*size, times));
            if let (Some(cluster), Some(name)) = (cluster, &name) {
                cluster.drop_database(name).await;
            }
        }
        let times: Vec<Times> = axis
            .sizes
            .iter()
            .filter_map(|(_, size)| known.iter().find(|(done, _)| done == size).map(|(_, times)| *times))
            .collect();
        println!("growth     {database}, by {}", axis.name);
        table(axis, &times);
    }
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let has = |word: &str| asked.iter().any(|a| a == word);
    let wanted = |database: &str| !(has("sqlite") || has("postgres")) || has(database);
    let axes = axes(has("large"), has("quick"), has("busy"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if wanted("sqlite") {
            on("SQLite", &axes, None).await;
        }
        if wanted("postgres") {
            if std::env::var_os("BARKEEP_TEST_POSTGRES_URL").is_some() || postgres_programs().is_some() {
                on("PostgreSQL", &axes, Some(postgres::shared())).await;
            } else {
                println!("LEFT OUT: needs PostgreSQL (apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL)");
            }
        }
    });
}
