//! Plans, summaries and snapshots as text.

use std::fmt::Write as _;

use super::figures::{clock, span, thousands};
use super::output::counted;
use barkeep_base::text::printable;
use barkeep_market::{Symbol, Ts};
use barkeep_monitor::snapshot::Snapshot;
use barkeep_pipeline::Summary;
use barkeep_plan::budget::{Breach, Budget};
use barkeep_plan::{Plan, Request};

/// Lines of detail before "and N more".
const MOST_LINES: usize = 20;

/// A plan for people. `limit` is requests per minute.
#[must_use]
pub fn plan(plan: &Plan, limit: Option<u32>) -> String {
    let mut out = String::new();
    let time = limit.map_or_else(
        || "without a limit".to_owned(),
        |n| format!("at most {} at {n}/min", clock(plan.estimated_seconds)),
    );
    let proof = if plan.optimal { "optimal" } else { "not proven optimal" };
    let _ = writeln!(
        out,
        "requests {} (lower bound {}, {proof}), {time}, about {}",
        thousands(plan.requests),
        thousands(plan.lower_bound),
        counted(plan.expected_bars as i64, "bar", "bars"),
    );
    if plan.requests_low < plan.requests_high {
        let _ = writeln!(
            out,
            "  {} to {}, depending on how many minutes had a trade",
            thousands(plan.requests_low),
            thousands(plan.requests_high)
        );
    }
    if let Some(budget) = plan.budget.as_ref().filter(|_| !plan.items.is_empty()) {
        out.push_str(&budget_lines(budget, limit));
    }
    if plan.derived_locally > 0 {
        let _ = writeln!(out, "{} series are computed from stored bars, without a request", plan.derived_locally);
    }
    for item in plan.items.iter().take(MOST_LINES) {
        let names: Vec<&str> = item.symbols.iter().take(4).map(Symbol::as_str).collect();
        let more = item.symbols.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let what = match &item.ask {
            Request::Aggregates { timeframe, derives, range, .. } => {
                let derives: Vec<String> = derives.iter().map(ToString::to_string).collect();
                let arrow = if derives.is_empty() { String::new() } else { format!(" > {}", derives.join(",")) };
                format!("{timeframe}{arrow}  {range}")
            }
            Request::GroupedDaily { date, .. } => format!("1d  whole market on {date}"),
            Request::Splits { .. } => "splits".to_owned(),
        };
        let _ =
            writeln!(out, "  {:>4}  {:<8}  {:<8}  {what}", item.requests, item.criticality, names.join(" ") + &more);
    }
    let rest = plan.items.len().saturating_sub(MOST_LINES);
    if rest > 0 {
        let _ = writeln!(out, "  … and {rest} more; --json shows all");
    }
    if plan.items.is_empty() && plan.derived_locally == 0 {
        out.push_str("nothing is missing\n");
    }
    out
}

/// What the limit allows, for people.
fn budget_lines(budget: &Budget, limit: Option<u32>) -> String {
    let limit = limit.map_or_else(|| "under 100/s".to_owned(), |n| format!("{n}/min"));
    let mut out = String::new();
    if budget.overdue > 0 {
        let _ = writeln!(out, "  {} series are empty or staler than accepted already", thousands(budget.overdue));
    }
    match &budget.tightest {
        Some(worst) if !budget.feasible => {
            let _ = writeln!(
                out,
                "  {limit} is {} requests short: {} are due by {}, {} can start by then",
                thousands(budget.requests_short),
                thousands(worst.due),
                worst.deadline,
                thousands(worst.available)
            );
        }
        Some(worst) => {
            let _ = writeln!(
                out,
                "  {limit} is enough for every deadline: at the tightest, {}, {} are due and {} can start",
                worst.deadline,
                thousands(worst.due),
                thousands(worst.available)
            );
        }
        None => {}
    }
    for breach in budget.breaches.iter().take(5) {
        let Breach { symbol, timeframe, criticality, deadline, served_at } = breach;
        let _ =
            writeln!(out, "    {symbol} {timeframe} ({criticality}) is due {deadline} and gets its turn {served_at}");
    }
    let rest = budget.breaching.saturating_sub(budget.breaches.len().min(5) as u64);
    if rest > 0 {
        let _ = writeln!(out, "    … and {} series more", thousands(rest));
    }
    let next = &budget.next;
    if next.requests > 0 {
        let until = next.until.map_or_else(String::new, |t| format!(" (until {t})"));
        let tiers = [(next.critical, "critical"), (next.standard, "standard"), (next.low, "low")];
        let series = next.critical + next.standard + next.low;
        let tiers: Vec<String> = tiers.iter().filter(|(n, _)| *n > 0).map(|(n, tier)| format!("{n} {tier}")).collect();
        let tiers = if tiers.is_empty() { String::new() } else { format!(" ({})", tiers.join(", ")) };
        let _ = writeln!(
            out,
            "  the next {} requests{until} buy {} series up to date{tiers}, {} of staleness, {} requests of history",
            thousands(next.requests),
            thousands(series),
            span(next.staleness_removed_seconds),
            thousands(next.history_requests)
        );
    }
    out
}

/// A summary for people.
#[must_use]
pub fn summary(summary: &Summary) -> String {
    let mut out = String::new();
    let word = summary.status.name().replace('_', " ");
    let _ = writeln!(out, "{word} in {}", clock(summary.duration_seconds));
    let _ = writeln!(
        out,
        "  requests  {} ({} retries, {} rate-limited; {} needed at least)",
        thousands(summary.requests),
        thousands(summary.retries),
        thousands(summary.rate_limited),
        thousands(summary.requests_needed)
    );
    let _ = writeln!(
        out,
        "  bars      {} written, {} unchanged, {} quarantined",
        thousands(summary.bars_written),
        thousands(summary.bars_unchanged),
        thousands(summary.quarantined)
    );
    let failed = match summary.features_failed {
        0 => String::new(),
        n => format!(", {n} series failed (see the log)"),
    };
    let _ = writeln!(out, "  features  {} written{failed}", thousands(summary.features_written));
    let complete = summary.series_total - summary.series_failed.min(summary.series_total);
    let _ = writeln!(
        out,
        "  series    {complete} of {} complete, {} left",
        summary.series_total,
        counted(summary.gaps_left as i64, "gap", "gaps")
    );
    for open in summary.unfinished.iter().take(MOST_LINES) {
        let _ = writeln!(
            out,
            "    {:<14} {}: {}",
            format!("{} {}", open.symbol, open.timeframe),
            counted(open.gaps as i64, "gap", "gaps"),
            open.reason
        );
    }
    let rest = summary.unfinished.len().saturating_sub(MOST_LINES);
    if rest > 0 {
        let _ = writeln!(out, "    … and {rest} more; --json shows all");
    }
    if !summary.unfinished.is_empty() {
        out.push_str("  run the same command again: it asks only for what is missing\n");
    }
    if summary.quarantined > 0 {
        out.push_str("  see what was set aside: barkeep quarantine list\n");
    }
    out
}

/// A snapshot for people.
#[must_use]
pub fn snapshot(snapshot: &Snapshot) -> String {
    let mut out = String::new();
    let (live, snapshot) = (&snapshot.live, &snapshot.data);
    let tiers = &snapshot.tiers;
    let _ = writeln!(
        out,
        "{}  {}, {} series on {}  at {}",
        live.state.name(),
        counted(i64::try_from(snapshot.symbols_total).unwrap_or(i64::MAX), "symbol", "symbols"),
        snapshot.series_total,
        snapshot.database,
        to_the_second(snapshot.generated_at)
    );
    if let Some(pause) = &live.paused {
        let reason = pause.reason.as_deref().map_or_else(String::new, |reason| format!(": {}", printable(reason)));
        let _ = writeln!(out, "paused by {} since {}{reason}", printable(&pause.by), to_the_second(pause.since));
    }
    let _ = writeln!(
        out,
        "fresh {}  aging {}  stale {}  missing {}  unknown {}",
        tiers.fresh, tiers.aging, tiers.stale, tiers.missing, tiers.unknown
    );
    let vendor = &snapshot.vendor;
    let limit = vendor.limit_per_minute.map_or_else(|| "unlimited".to_owned(), |n| format!("{n}/min"));
    let next = vendor.next_free_at.map_or_else(|| "now".to_owned(), |t| format!("at {}", to_the_second(t)));
    let _ = writeln!(
        out,
        "vendor {}  {} used of {limit}, next token {next}\nasked so far: {} requests, {} rate-limited, {} failed, {} retries",
        vendor.base_url,
        vendor.used,
        thousands(vendor.totals.total_requests.unsigned_abs()),
        vendor.totals.rate_limited_count,
        vendor.totals.failures,
        vendor.totals.retries
    );
    if !vendor.wasted.is_empty() {
        let total: i64 = vendor.wasted.iter().map(|w| w.requests).sum();
        let reasons: Vec<String> = vendor
            .wasted
            .iter()
            .map(|w| format!("{} {}", thousands(w.requests.unsigned_abs()), w.reason.name().replace('_', "-")))
            .collect();
        let _ = writeln!(out, "changed nothing: {} ({})", thousands(total.unsigned_abs()), reasons.join(", "));
    }
    if snapshot.quarantine_pending > 0 {
        let _ = writeln!(out, "{} bars wait in quarantine: barkeep quarantine list", snapshot.quarantine_pending);
    }
    if let Some(last) = snapshot.executions.first() {
        let _ = writeln!(
            out,
            "last run {}  {}  {} of {}, {}",
            to_the_second(last.started_at),
            last.status.name().replace('_', " "),
            last.successful_symbols,
            counted(last.total_symbols, "symbol", "symbols"),
            counted(last.requests, "request", "requests")
        );
    }
    if !snapshot.series.is_empty() {
        let _ = writeln!(
            out,
            "\n{:<12} {:<6} {:<11} {:<4} {:<8} {:>8}  {:<20} {:>10}",
            "SYMBOL", "CLASS", "CRITICALITY", "TF", "TIER", "BEHIND", "NEWEST BAR", "BARS"
        );
    }
    for row in &snapshot.series {
        let behind = row.staleness_seconds.map_or_else(|| "-".to_owned(), span);
        let newest = row.newest_bar.map_or_else(|| "-".to_owned(), |t| t.to_string());
        let _ = writeln!(
            out,
            "{:<12} {:<6} {:<11} {:<4} {:<8} {behind:>8}  {newest:<20} {:>10}{}",
            row.symbol,
            row.asset_class,
            row.criticality,
            row.timeframe,
            row.tier,
            thousands(row.bars.unsigned_abs()),
            if row.paused { "  paused" } else { "" }
        );
    }
    out
}

/// Milliseconds are noise to a reader.
fn to_the_second(t: Ts) -> Ts {
    Ts(t.ms() - t.ms().rem_euclid(1_000))
}
