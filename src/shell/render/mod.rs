//! Plans, summaries and snapshots as text.

mod summary;

pub use summary::summary;

use std::fmt::Write as _;
use std::time::Duration;

use barkeep_base::format::{bytes, count, hms, plural, rough, table};
use barkeep_base::text::printable;
use barkeep_base::ts::SECOND;
use barkeep_market::{Family, Symbol, Ts};
use barkeep_monitor::holes::{self, HoleCounts};
use barkeep_monitor::snapshot::{SeriesView, Snapshot};
use barkeep_pipeline::Summary;
use barkeep_pipeline::summary::{Doubts, MissingSession};
use barkeep_plan::budget::{Breach, Budget};
use barkeep_plan::{Item, Plan, Request};
use barkeep_store::{Layout, Storage, Worker, WorkerRole};

/// Missing sessions named in a line.
const MOST_SESSIONS: usize = 6;
/// Lines of detail shown before "and N more".
const MOST_LINES: usize = 20;

/// A plan as text. `limit` is requests per minute.
#[must_use]
pub fn plan(plan: &Plan, limit: Option<u32>) -> String {
    let mut out = String::new();
    let seconds = hms(plan.estimated_seconds);
    let others_only = !plan.items.is_empty() && plan.items.iter().all(|item| !item.request.vendor().is_usual());
    let time = match limit {
        // The limit that is told is the usual vendor's.
        _ if others_only => format!("at most {seconds}"),
        Some(n) => format!("at most {seconds} at {n}/min"),
        None => "without a limit".to_owned(),
    };
    let proof = if plan.optimal { "optimal" } else { "not proven optimal" };
    let _ = writeln!(
        out,
        "requests {} (lower bound {}, {proof}), {time}, about {}",
        count(plan.requests),
        count(plan.lower_bound),
        plural(plan.expected_bars, "bar"),
    );
    if plan.requests_low < plan.requests_high {
        let _ = writeln!(
            out,
            "  {} to {}, depending on how many minutes have a trade",
            count(plan.requests_low),
            count(plan.requests_high)
        );
    }
    out.push_str(&file_line(plan));
    if let Some(budget) = plan.budget.as_ref().filter(|_| !plan.items.is_empty()) {
        out.push_str(&budget_lines(budget, limit));
    }
    if plan.derived_locally > 0 {
        let _ = writeln!(out, "{} series derived from stored bars, without a request", plan.derived_locally);
    }
    for item in plan.items.iter().take(MOST_LINES) {
        let names: Vec<&str> = item.symbols.iter().take(4).map(Symbol::as_str).collect();
        let more = item.symbols.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let what = match &item.request {
            Request::Aggregates { timeframe, derives, range, .. } => {
                let derives: Vec<String> = derives.iter().map(ToString::to_string).collect();
                let arrow = if derives.is_empty() { String::new() } else { format!(" > {}", derives.join(",")) };
                let vendor = item.request.vendor();
                let vendor = if vendor.is_usual() { String::new() } else { format!("  {vendor}") };
                format!("{timeframe}{arrow}  {range}{vendor}")
            }
            Request::GroupedDaily { date, .. } => format!("1d  whole market on {date}"),
            Request::FlatFile { date } => format!("1m  whole market on {date}, as a file"),
            Request::Splits { .. } => "splits".to_owned(),
        };
        let _ =
            writeln!(out, "  {:>4}  {:<8}  {:<8}  {what}", item.requests, item.criticality, names.join(" ") + &more);
    }
    let rest = plan.items.len().saturating_sub(MOST_LINES);
    if rest > 0 {
        let _ = writeln!(out, "  … and {rest} more (--json shows all)");
    }
    if plan.items.is_empty() && plan.derived_locally == 0 {
        out.push_str("nothing is missing\n");
    }
    out
}

/// Whether files or requests are cheaper, and why. Nothing where no file could be used.
fn file_line(plan: &Plan) -> String {
    let cost = plural(plan.file_cost, "request");
    if let Some(without) = plan.without_files {
        let (files, kept) = (plural(plan.files, "flat file"), plan.requests - plan.files);
        let verb = if plan.files == 1 { "replaces" } else { "replace" };
        let replaced = without.saturating_sub(kept);
        return format!(
            "  {files} {verb} {}: cheaper, at {cost} requests per file (vendor.flat_files.cost)\n",
            plural(replaced, "request")
        );
    }
    let could = |item: &Item| match &item.request {
        Request::Aggregates { asset_class, timeframe, vendor, .. } => {
            vendor.is_usual() && !asset_class.is_continuous() && timeframe.family() == Family::Minute
        }
        _ => false,
    };
    if plan.file_cost > 0 && plan.items.iter().any(could) {
        return format!("  no flat files: none replaces more than {cost} requests (vendor.flat_files.cost)\n");
    }
    String::new()
}

/// Whether the limit is enough for every RPO, as text.
fn budget_lines(budget: &Budget, limit: Option<u32>) -> String {
    let limit = limit.map_or_else(|| "under 100/s".to_owned(), |n| format!("{n}/min"));
    let mut out = String::new();
    if budget.overdue > 0 {
        let _ = writeln!(out, "  {} series empty or already past their RPO", count(budget.overdue));
    }
    match &budget.tightest {
        Some(worst) if !budget.feasible => {
            let _ = writeln!(
                out,
                "  {limit} is {} requests too few: {} are due by {}, {} can start by then",
                count(budget.requests_short),
                count(worst.due),
                worst.deadline,
                count(worst.available)
            );
        }
        Some(worst) => {
            let _ = writeln!(
                out,
                "  {limit} is enough for every deadline; at the tightest, {}, {} are due and {} can start",
                worst.deadline,
                count(worst.due),
                count(worst.available)
            );
        }
        None => {}
    }
    for breach in budget.breaches.iter().take(5) {
        let Breach { symbol, timeframe, criticality, deadline, served_at } = breach;
        let _ = writeln!(out, "    {symbol} {timeframe} ({criticality}) is due {deadline} and starts {served_at}");
    }
    let rest = budget.breaching.saturating_sub(budget.breaches.len().min(5) as u64);
    if rest > 0 {
        let _ = writeln!(out, "    … and {} more series", count(rest));
    }
    let next = &budget.next;
    if next.requests > 0 {
        let until = next.until.map_or_else(String::new, |t| format!(" (until {})", to_the_second(t)));
        let tiers = [(next.critical, "critical"), (next.standard, "standard"), (next.low, "low")];
        let series = next.critical + next.standard + next.low;
        let tiers: Vec<String> = tiers.iter().filter(|(n, _)| *n > 0).map(|(n, tier)| format!("{n} {tier}")).collect();
        let tiers = if tiers.is_empty() { String::new() } else { format!(" ({})", tiers.join(", ")) };
        let _ = writeln!(
            out,
            "  the next {} requests{until}: {} series up to date{tiers}, {} less staleness, {} requests for history",
            count(next.requests),
            count(series),
            rough(next.staleness_removed_seconds * SECOND),
            count(next.history_requests)
        );
    }
    out
}

/// Who works on the database.
fn fleet(workers: Option<&[Worker]>) -> String {
    let Some(workers) = workers else { return "single process (SQLite)".to_owned() };
    let count = |role| workers.iter().filter(|worker| worker.role == role).count();
    let leader = workers.iter().find(|worker| worker.role == WorkerRole::Leader);
    let mut words = vec![leader.map_or_else(
        || "no active service".to_owned(),
        |one| format!("service on {} active since {}", printable(&one.host), to_the_second(one.since)),
    )];
    let (standby, commands) = (count(WorkerRole::Standby), count(WorkerRole::Command));
    if standby > 0 {
        words.push(format!("{standby} on standby"));
    }
    let items: u64 = workers.iter().map(|worker| worker.items).sum();
    let sharing = workers.iter().filter(|worker| worker.items > 0).count();
    if sharing > 1 {
        words.push(format!("{sharing} share a plan ({} under way)", plural(items, "item")));
    }
    if commands > 0 {
        words.push(format!("{} running", plural(commands, "command")));
    }
    words.join(", ")
}

/// What the database takes, after who works on it.
fn storage(Storage { bytes: size, layout }: &Storage) -> String {
    match layout {
        Layout::Plain => format!(", {}", bytes(*size)),
        other => format!(", {} in {}", bytes(*size), other.text()),
    }
}

/// A snapshot as text, and how often stored daily bars are checked.
#[must_use]
pub fn snapshot(snapshot: &Snapshot, daily_checked_every: Option<Duration>) -> String {
    let mut out = String::new();
    let next_free_at = snapshot.next_free_at();
    let (live, snapshot) = (&snapshot.live, &snapshot.data);
    let tiers = &snapshot.tiers;
    let _ = writeln!(
        out,
        "{}  {}, {} series on {}  at {}",
        live.state.name(),
        plural(snapshot.symbols_total, "symbol"),
        snapshot.series_total,
        snapshot.database,
        to_the_second(snapshot.generated_at)
    );
    let _ = write!(out, "{}", fleet(live.fleet.as_deref()));
    out.push_str(&snapshot.storage.as_ref().map_or_else(String::new, storage));
    out.push('\n');
    if let Some(pause) = &live.paused {
        let reason = pause.reason.as_deref().map_or_else(String::new, |reason| format!(": {}", printable(reason)));
        let _ = writeln!(out, "paused by {} since {}{reason}", printable(&pause.by), to_the_second(pause.since));
    }
    let _ = writeln!(
        out,
        "fresh {}  aging {}  stale {}  missing {}  unknown {}{}",
        tiers.fresh,
        tiers.aging,
        tiers.stale,
        tiers.missing,
        tiers.unknown,
        outside(tiers.loading, tiers.ended)
    );
    if let Some(sentence) = holes::sentence(&snapshot.newest_holes, snapshot.generated_at) {
        let _ = writeln!(out, "{sentence}");
    }
    out.push_str(&doubts(snapshot.holes));
    let vendor = &snapshot.vendor;
    let used = match vendor.limit_per_minute {
        Some(limit) => format!("{} of {limit}/min used", live.limit.used),
        None => format!("{} requests in the last minute, no limit", live.limit.used),
    };
    let next = next_free_at.map_or_else(|| "now".to_owned(), |t| format!("at {}", to_the_second(t)));
    let _ = writeln!(
        out,
        "vendor {}  {used}, next request {next}\nrequests {} in total, {} rate-limited, {} failed, {} retries",
        vendor.base_url,
        count(vendor.totals.total_requests),
        vendor.totals.rate_limited_count,
        vendor.totals.failures,
        vendor.totals.retries
    );
    if !vendor.wasted.is_empty() {
        let total: i64 = vendor.wasted.iter().map(|w| w.requests).sum();
        let reasons: Vec<String> = vendor
            .wasted
            .iter()
            .map(|w| format!("{} {}", count(w.requests), w.reason.name().replace('_', "-")))
            .collect();
        let _ = writeln!(out, "requests that changed nothing: {} ({})", count(total), reasons.join(", "));
    }
    if let Some(every) = daily_checked_every.filter(|_| snapshot.series_total > 0) {
        let days = every.as_secs().div_ceil(86_400);
        let _ = writeln!(out, "every daily bar checked every {}", plural(days, "day"));
    }
    if snapshot.quarantine_pending > 0 {
        let _ = writeln!(
            out,
            "{} in quarantine, waiting for review: barkeep quarantine list",
            plural(snapshot.quarantine_pending, "bar")
        );
    }
    if let Some(last) = snapshot.executions.first() {
        let symbols = plural(last.total_symbols, "symbol");
        // How many have succeeded is known when it ends.
        let symbols = if last.status.is_open() { symbols } else { format!("{} of {symbols}", last.successful_symbols) };
        let _ = writeln!(
            out,
            "last run {}  {}  {symbols}, {}, {}",
            to_the_second(last.started_at),
            last.status_name().replace('_', " "),
            plural(last.requests, "request"),
            plural(last.total_records_processed, "bar")
        );
    }
    let rows: Vec<_> = snapshot
        .series
        .iter()
        .map(|row| {
            [
                row.symbol.to_string(),
                row.asset_class.to_string(),
                row.criticality.to_string(),
                row.timeframe.to_string(),
                row.tier.to_string(),
                format!("{:>7}", row.staleness_seconds.map_or_else(|| "-".to_owned(), |s| rough(s * SECOND))),
                row.newest_bar.map_or_else(|| "-".to_owned(), |t| t.to_string()),
                format!("{:>10}", count(row.bars)),
                format!("{:>5}", row.gaps.map_or_else(|| "-".to_owned(), count)),
                notes(row),
            ]
        })
        .collect();
    if !rows.is_empty() {
        out.push('\n');
        let heading =
            ["SYMBOL", "CLASS", "CRITICALITY", "TF", "TIER", " BEHIND", "NEWEST BAR", "      BARS", " GAPS", ""];
        out.push_str(&table(heading, &rows));
    }
    out
}

/// What else there is to say of a series.
fn notes(row: &SeriesView) -> String {
    let paused = row.paused.then(|| "paused".to_owned());
    paused.into_iter().chain(doubt_words(row.holes)).collect::<Vec<_>>().join(", ")
}

/// The tiers outside the counts, where there are any.
#[must_use]
pub fn outside(loading: usize, ended: usize) -> String {
    let of = |name: &str, n: usize| if n > 0 { format!("  {name} {n}") } else { String::new() };
    of("loading", loading) + &of("ended", ended)
}

/// Ranges in doubt of each kind that occurs, in words.
#[must_use]
pub fn doubt_words(holes: HoleCounts) -> Vec<String> {
    let words = ["late", "suspect", "vendor hole", "halted", "unjudged", "quarantined"];
    let some = words.into_iter().zip(holes.all()).filter(|(_, n)| *n > 0);
    some.map(|(word, n)| format!("{} {word}", count(n))).collect()
}

/// A line on the ranges in doubt; empty when there is none.
#[must_use]
pub fn doubts(holes: HoleCounts) -> String {
    if holes.is_empty() { String::new() } else { format!("ranges in doubt: {}\n", doubt_words(holes).join(", ")) }
}

/// Without milliseconds.
fn to_the_second(t: Ts) -> Ts {
    Ts(t.ms() - t.ms().rem_euclid(1_000))
}
