//! The measurement as text: one line a phase, one block a mode, and the modes side by side.

use std::fmt::Write as _;

use super::measure::{BaselineReport, FeatureTime, Measurement};
use super::processor::ProcessorTime;

/// Width of the longest bar.
const WIDTH: f64 = 40.0;
/// Slowest jobs shown.
const SLOWEST: usize = 3;

fn bar(share: f64) -> String {
    "#".repeat((share.clamp(0.0, 1.0) * WIDTH).round() as usize)
}

/// A report as text.
#[must_use]
pub fn text(all: &BaselineReport) -> String {
    let mut out = String::new();
    let limit = all.limit_per_minute.map_or_else(|| "no limit".to_owned(), |n| format!("{n}/min"));
    let timeframes: Vec<&str> = all.timeframes.iter().map(|t| t.name()).collect();
    let vendor = if all.simulated { "a simulated vendor" } else { &all.vendor };
    let _ = writeln!(
        out,
        "baseline: {} symbols x {} over {} days from {vendor}, {limit}, {} processors",
        all.symbols,
        timeframes.join(" "),
        all.days,
        all.processors
    );
    for run in &all.runs {
        out.push('\n');
        measurement(&mut out, run);
    }
    if all.runs.len() > 1 {
        out.push('\n');
        side_by_side(&mut out, all);
    }
    if let Some(mib) = all.peak_memory_mib {
        let _ = writeln!(out, "\npeak memory {mib:.0} MiB");
    }
    out
}

fn measurement(out: &mut String, run: &Measurement) {
    let _ = writeln!(
        out,
        "{} into {}: {} in {:.2} s, {} requests (lower bound {}), {} bars, {:.0} bars/s",
        run.mode,
        run.database,
        run.status.name().replace('_', " "),
        run.wall_seconds,
        run.requests,
        run.requests_needed,
        run.bars_written,
        run.bars_per_second
    );
    if run.series_failed > 0 {
        let _ = writeln!(out, "  {} series failed; the figures are of the others", run.series_failed);
    }
    for phase in &run.phases {
        let _ = writeln!(
            out,
            "  {:<16} {:>9.2} s {:>5.1} %  {}",
            phase.phase,
            phase.seconds,
            phase.share * 100.0,
            bar(phase.share)
        );
    }
    let _ = writeln!(out, "  (time of all jobs; those that run side by side add up to more than the run took)");
    if let Some(ProcessorTime { seconds, waited_seconds }) = run.processor {
        let _ = writeln!(
            out,
            "  processor: {seconds:.2} s computed, {waited_seconds:.2} s waited while others computed, in {:.2} s",
            run.wall_seconds
        );
    }
    for timeframe in &run.timeframes {
        let derives: Vec<&str> = timeframe.derives.iter().map(|t| t.name()).collect();
        let derives = if derives.is_empty() { String::new() } else { format!(" (and {})", derives.join(", ")) };
        let slowest = if run.slowest_timeframe == Some(timeframe.timeframe) { ", the slowest" } else { "" };
        let _ = writeln!(
            out,
            "  {}{derives}: {} jobs of {:.3} s{slowest}",
            timeframe.timeframe, timeframe.jobs, timeframe.seconds_per_job
        );
    }
    if run.features.jobs > 0 {
        let FeatureTime { jobs, seconds, share } = run.features;
        let _ = writeln!(
            out,
            "  features: {jobs} jobs, {seconds:.2} s with what they read and write ({:.1} %)",
            share * 100.0
        );
    }
    for job in run.jobs.iter().take(SLOWEST) {
        let most = job.phases.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let most = most.filter(|p| p.seconds > 0.0).map(|p| format!(", {:.3} s of it {}", p.seconds, p.phase));
        let _ = writeln!(out, "  slow job: {} took {:.3} s{}", job.job, job.seconds, most.unwrap_or_default());
    }
    let _ = writeln!(
        out,
        "  bottleneck: {:?} ({:.0} %); the largest cause: {}",
        run.verdict.bottleneck,
        run.verdict.share * 100.0,
        run.verdict.cause.name()
    );
    for recommendation in &run.verdict.recommendations {
        let _ = writeln!(out, "  - {recommendation}");
    }
}

fn side_by_side(out: &mut String, all: &BaselineReport) {
    struct Row {
        name: &'static str,
        seconds: f64,
        requests: u64,
        bars: u64,
    }
    let alone = all.alone.as_ref().map(|a| Row {
        name: "no plan",
        seconds: a.wall_seconds,
        requests: a.requests,
        bars: a.bars_written,
    });
    let modes = all.runs.iter().map(|r| Row {
        name: r.mode,
        seconds: r.wall_seconds,
        requests: r.requests,
        bars: r.bars_written,
    });
    let rows: Vec<Row> = alone.into_iter().chain(modes).collect();
    let slowest = rows.iter().map(|r| r.seconds).fold(0.0, f64::max);
    let _ = writeln!(out, "{:<11} {:>10} {:>9} {:>10} {:>8}", "MODE", "SECONDS", "REQUESTS", "BARS/S", "FASTER");
    for Row { name, seconds, requests, bars } in rows {
        let measured = seconds.max(f64::MIN_POSITIVE);
        let _ = writeln!(
            out,
            "{name:<11} {seconds:>10.2} {requests:>9} {:>10.0} {:>7.1}x  {}",
            bars as f64 / measured,
            slowest / measured,
            bar(seconds / slowest.max(f64::MIN_POSITIVE))
        );
    }
    if let Some(alone) = &all.alone {
        let _ = writeln!(out, "no plan: {} series one after the other, each into an empty database", alone.series);
    }
}
