//! The load test as text: a line of figures and a histogram for each scenario.

use std::fmt::Write as _;

use super::figures::{Bucket, Figures};
use super::measure::{LoadTestReport, ScenarioResult};
use super::scenario::Threshold;

/// Width of the longest bar.
const WIDTH: usize = 40;

/// A report as text.
#[must_use]
pub fn text(report: &LoadTestReport) -> String {
    let c = &report.test_configuration;
    let spawned = if c.spawned { ", started for this test on a temporary database" } else { "" };
    let mut out = format!(
        "load test of {}{spawned}: {} requests per scenario, {} at a time, {} processors\n",
        c.url, c.requests_per_scenario, c.concurrent_requests, c.processors
    );
    for measured in &report.scenarios {
        out.push('\n');
        scenario(&mut out, measured);
    }
    let _ = writeln!(out, "\n{}", if report.passed { "all thresholds met" } else { "a threshold was MISSED" });
    out
}

fn scenario(out: &mut String, m: &ScenarioResult) {
    let f = &m.figures;
    let _ = writeln!(out, "{}: {}", m.scenario, m.about);
    let _ = writeln!(
        out,
        "  {} of {} succeeded ({:.1} %), {:.0} requests/s, {:.0} rows and {:.0} KiB per page",
        f.successful,
        f.total_requests,
        f.success_rate,
        f.requests_per_second,
        per(f.rows, f),
        per(f.bytes, f) / 1024.0
    );
    let _ = writeln!(
        out,
        "  ms: avg {}  p50 {}  p95 {}  p99 {}  min {}  max {}",
        ms(f.avg_response_time_ms),
        ms(f.p50_response_time_ms),
        ms(f.p95_response_time_ms),
        ms(f.p99_response_time_ms),
        ms(f.min_response_time_ms),
        ms(f.max_response_time_ms)
    );
    let hits =
        m.server.and_then(|s| s.cache_hit_share).map_or_else(|| "-".to_owned(), |s| format!("{:.0} %", s * 100.0));
    let _ = writeln!(
        out,
        "  average inside the service {} ms, /health {} ms, cache hits {hits}",
        ms(m.server.map(|s| s.avg_ms)),
        ms(m.health_avg_ms)
    );
    for error in &f.errors {
        let _ = writeln!(out, "  {} x {}  {}", error.count, error.kind, error.example);
    }
    histogram(out, &f.histogram);
    for t in &m.thresholds {
        let (what, unit) = match t.threshold {
            Threshold::SuccessAtLeast(percent) => (format!("success >= {percent} %"), "%"),
            Threshold::AverageBelow(ms) => (format!("average < {ms} ms"), "ms"),
        };
        let measured = t.measured.map_or_else(|| "no answers".to_owned(), |m| format!("{m:.1} {unit}"));
        let _ = writeln!(out, "  {} {what}: {measured}", if t.met { "met   " } else { "MISSED" });
    }
    for line in &m.analysis.recommendations {
        let _ = writeln!(out, "  {line}");
    }
}

fn per(sum: u64, figures: &Figures) -> f64 {
    if figures.successful == 0 { 0.0 } else { sum as f64 / figures.successful as f64 }
}

fn ms(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.1}"))
}

fn histogram(out: &mut String, buckets: &[Bucket]) {
    let most = buckets.iter().map(|b| b.count).max().unwrap_or(0).max(1);
    for bucket in buckets {
        let label = bucket.up_to_ms.map_or_else(|| "longer".to_owned(), |ms| format!("<= {ms}"));
        let bar = "#".repeat((bucket.count * WIDTH).div_ceil(most));
        let _ = writeln!(out, "  {label:>8} ms {:>6}  {bar}", bucket.count);
    }
}
