//! The texts for states, the same on every screen, each with its role and glyph.

use uuid::Uuid;

use crate::draw::canvas::Line;
use crate::draw::format;
use crate::draw::glyphs::{DONE, FAILED, RUNNING, WAITING};
use crate::draw::hits::HitMap;
use crate::draw::theme::Role;
use crate::now::cause::cause;
use crate::now::conditions::{Condition, Facts, changes_at};
use crate::now::digest::is_loading;
use crate::now::wording;
use barkeep_config::policy::Severity;
use barkeep_market::freshness::Tier;
use barkeep_market::ts::{MINUTE, SECOND};
use barkeep_market::{Timeframe, Ts};
use barkeep_monitor::snapshot::{SeriesView, Snapshot};
use barkeep_pipeline::select::Selection;
use barkeep_runtime::console::{
    Execution, ExecutionStatus, Level, OperatorAction, QuarantineRow, SeriesRunState, SeriesStatus,
};
use barkeep_service::activity::ActivityView;
use barkeep_service::handle::Live;
use barkeep_service::progress::{ItemState, ItemView, RunView};

/// Whether a run does not know yet what it has to fetch.
#[must_use]
pub fn is_planning(run: &RunView) -> bool {
    run.items.is_empty() && run.requests_planned == 0
}

/// The run that a line of its own is about: the first that does not wait for its turn, if any does not.
#[must_use]
pub fn leading(live: &Live) -> Option<&RunView> {
    live.runs.iter().find(|run| run.queued.is_none()).or_else(|| live.runs.first())
}

/// What a run waits for before its turn comes: `waits for run 52ae7c24, which has SPY`.
#[must_use]
pub fn waits(run: &RunView) -> Option<String> {
    let short = |word: &str| match word.trim_end_matches(',').parse::<Uuid>() {
        Ok(whole) => word.replacen(&whole.to_string(), &id(whole), 1),
        Err(_) => word.to_owned(),
    };
    let words: Vec<String> = run.queued.as_ref()?.split(' ').map(short).collect();
    Some(words.join(" ").replace("execution", "run"))
}

/// How far a run is: `37 %`, or that its turn has not come.
#[must_use]
pub fn share(run: &RunView) -> String {
    if run.queued.is_some() { "waiting".to_owned() } else { format::percent(progress(run)).trim().to_owned() }
}

/// How many requests of a run are answered; before it has a plan there is no number.
#[must_use]
pub fn requests(run: &RunView) -> String {
    if let Some(waits) = waits(run) {
        return waits;
    }
    if is_planning(run) {
        return "planning".to_owned();
    }
    let (answered, all) = (format::count(run.requests_answered), format::plural(run.requests_planned, "request"));
    format!("{answered} of at most {all}")
}

/// Letter and word: `S stale`.
#[must_use]
pub fn tier(tier: Tier) -> Line {
    Line::of(tier.into(), format!("{} {}", tier.letter(), tier.name()))
}

/// A tier, and a mark when the series is later than allowed: a word where it fits.
#[must_use]
pub fn series_tier(row: &SeriesView, room: u16) -> Line {
    const WITH_WORD: u16 = 13;
    if !row.tracked {
        return Line::of(Role::Muted, format!("{} {}", row.tier.letter(), row.tier.name()));
    }
    let line = tier(row.tier);
    // A first fetch brings the oldest bars first; how old the newest is then says nothing.
    match (row.breached && !is_loading(row), room >= WITH_WORD) {
        (true, true) => line.span(Role::Text, " ").span(Role::Breach, "!late"),
        (true, false) => line.span(Role::Text, " ").span(Role::Breach, "!"),
        _ => line,
    }
}

#[must_use]
pub const fn severity(severity: Severity) -> Role {
    match severity {
        Severity::Info => Role::Info,
        Severity::Warning => Role::Warn,
        Severity::Critical => Role::Bad,
    }
}

#[must_use]
pub const fn level(level: Level) -> Role {
    match level {
        Level::Error => Role::Bad,
        Level::Warn => Role::Warn,
        Level::Info => Role::Text,
        Level::Debug => Role::Muted,
    }
}

/// The state of an execution: glyph and word.
#[must_use]
pub const fn execution(status: ExecutionStatus) -> (&'static str, &'static str, Role) {
    match status {
        ExecutionStatus::Queued => ("…", "queued", Role::Paused),
        ExecutionStatus::Running => (RUNNING, "running", Role::Running),
        ExecutionStatus::Completed => (DONE, "completed", Role::Good),
        ExecutionStatus::CompletedWithErrors => ("!", "with errors", Role::Warn),
        ExecutionStatus::Failed => (FAILED, "failed", Role::Bad),
        ExecutionStatus::Cancelled => ("-", "cancelled", Role::Paused),
        ExecutionStatus::Interrupted => ("~", "interrupted", Role::Warn),
    }
}

/// The state of a series in an execution. When its process dies the row stays as it was, but nobody works on it.
#[must_use]
pub fn series_state(snap: &Snapshot, row: &SeriesStatus) -> (&'static str, &'static str, Role) {
    let id = row.execution_id;
    let known = &snap.data.executions;
    // One that is newer than all that are known has only just begun.
    let is_newer = || row.started_at > known.first().map(|execution| execution.started_at);
    let noted = known.iter().find(|execution| execution.execution_id == id);
    let is_under_way = snap.live.runs.iter().any(|run| run.execution_id == id)
        || noted.map_or_else(is_newer, |execution| !execution.is_over());
    match row.status {
        SeriesRunState::Pending if !is_under_way => ("~", "not started", Role::Muted),
        SeriesRunState::InProgress if !is_under_way => ("~", "interrupted", Role::Warn),
        SeriesRunState::Pending => (WAITING, "pending", Role::Muted),
        SeriesRunState::InProgress => (RUNNING, "in progress", Role::Running),
        SeriesRunState::Completed => (DONE, "completed", Role::Good),
        SeriesRunState::Failed => (FAILED, "failed", Role::Bad),
    }
}

/// The result of an operator's action: done, what was started, or why not.
#[must_use]
pub fn result(text: &str) -> (&str, Role) {
    match text {
        "ok" => ("✓", Role::Good),
        started if started.starts_with("started ") => (started, Role::Text),
        refused => (refused, Role::Bad),
    }
}

/// An operator's action and its result.
#[must_use]
pub fn operator_action(action: &OperatorAction) -> String {
    format!("{} {}: {}", action.actor, deed(action), action.result)
}

/// A bar in quarantine: why, and its values.
#[must_use]
pub fn suspect(row: &QuarantineRow) -> String {
    let [open, high, low, close] = [row.bar.open, row.bar.high, row.bar.low, row.bar.close].map(format::price);
    let volume = format::short(row.bar.volume);
    let request = row.request_id.as_ref().map_or_else(String::new, |id| format!(", request {id}"));
    format!("{}: open {open}, high {high}, low {low}, close {close}, volume {volume}{request}", row.reason)
}

/// The first eight characters of an id: enough to tell executions apart and to name one.
#[must_use]
pub fn id(id: Uuid) -> String {
    id.simple().to_string().chars().take(8).collect()
}

/// What an execution did or does, in one number: `88/124`.
#[must_use]
pub fn symbols_done(row: &Execution) -> String {
    format!("{}/{}", format::count(row.successful_symbols), format::count(row.total_symbols))
}

/// Requests and bars of an execution. While it runs the run itself knows more than was read of it, unless it was taken up
/// again: what it had done before is only in the database.
#[must_use]
pub fn totals(row: &Execution, run: Option<&RunView>) -> (i64, i64) {
    match run {
        Some(run) => (row.requests.max(run.requests_answered as i64), row.total_records_processed.max(run.rows as i64)),
        None => (row.requests, row.total_records_processed),
    }
}

/// How long a run took: `00:08:51`, `< 1 s`.
#[must_use]
pub fn took(ms: i64) -> String {
    if (0..1_000).contains(&ms) { "< 1 s".to_owned() } else { format::elapsed(ms) }
}

/// An operator's action in words: `trigger ADA, BTC and 23 more at 5m`, `accepted quarantined bar 31`.
#[must_use]
pub fn deed(action: &OperatorAction) -> String {
    let target = action.target.as_deref().unwrap_or_default();
    let detail = action.detail.as_deref().unwrap_or_default();
    if let Some(id) = target.strip_prefix("quarantine ") {
        let verdict = if detail.is_empty() { "decided on" } else { detail };
        return format!("{verdict} quarantined bar {id}");
    }
    let what = match serde_json::from_str::<Selection>(detail) {
        Ok(selection) => {
            let named: Vec<String> = selection.symbols.iter().take(3).map(ToString::to_string).collect();
            let more = selection.symbols.len().saturating_sub(named.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let names = if named.is_empty() { "every symbol".to_owned() } else { named.join(", ") };
            let at: Vec<&str> = selection.timeframes.iter().flatten().map(|tf| tf.name()).collect();
            let at = if at.is_empty() { String::new() } else { format!(" at {}", at.join(", ")) };
            format!("{names}{more}{at}")
        }
        Err(_) if target.is_empty() => detail.to_owned(),
        Err(_) if detail.is_empty() => target.to_owned(),
        Err(_) => format!("{target}: {detail}"),
    };
    format!("{} {what}", action.action).trim_end().to_owned()
}

/// How far a run is, 0 to 1; 1 only when every item is verified.
#[must_use]
pub fn progress(run: &RunView) -> f64 {
    if run.items_planned > 0 && run.items_done == run.items_planned {
        return 1.0;
    }
    (run.percent() / 100.0).min(0.99)
}

/// Requests that are on the wire or being stored; those that only wait do not count.
#[must_use]
pub fn on_the_wire(live: &Live) -> usize {
    let items = live.runs.iter().flat_map(|run| &run.items);
    items.filter(|item| matches!(item.state, ItemState::Fetching { .. } | ItemState::Storing)).count()
}

/// Bars written by second up to now: what was published a while ago has moved on since.
#[must_use]
pub fn rows_by_second(pulse: &ActivityView, now: Ts) -> Vec<f64> {
    moved_on(pulse.rows_by_second.iter().map(|n| *n as f64), now.ms() / SECOND - pulse.until.ms() / SECOND)
}

/// Requests by minute up to now, likewise.
#[must_use]
pub fn requests_by_minute(pulse: &ActivityView, now: Ts) -> Vec<f64> {
    moved_on(pulse.requests_by_minute.iter().map(|n| f64::from(*n)), now.ms() / MINUTE - pulse.until.ms() / MINUTE)
}

/// The same entries so many steps later: nothing has happened in the last ones.
fn moved_on(values: impl ExactSizeIterator<Item = f64>, steps: i64) -> Vec<f64> {
    let len = values.len();
    let steps = usize::try_from(steps).unwrap_or(0).min(len);
    values.skip(steps).chain(std::iter::repeat_n(0.0, steps)).collect()
}

/// Says when the lines about what is wrong change by themselves.
pub fn changes(hits: &mut HitMap, facts: &Facts<'_>, conditions: &[Condition<'_>]) {
    match wording::counts(facts, conditions) {
        None => hits.tick(),
        Some(times) => times.into_iter().for_each(|at| hits.counts(facts.now, at)),
    }
    if let Some(at) = changes_at(facts) {
        hits.changes_at(at);
    }
}

/// What an item of a run requests: `AAPL 5m`, `all symbols 1d`.
#[must_use]
pub fn item_label(label: &str) -> String {
    if label == "market 1d" { "all symbols 1d".to_owned() } else { label.to_owned() }
}

/// What an item waits for.
#[must_use]
pub fn waits_for(why: &str) -> String {
    match why {
        "rate limit" => "waiting for rate limit".to_owned(),
        "its turn" => "queued".to_owned(),
        other => other.to_owned(),
    }
}

/// What the schedule starts next: `critical`, `standard`, `low` or the daily full check.
#[must_use]
pub fn schedule(what: &str) -> &str {
    if what == "sweep" { "full check" } else { what }
}

/// The same in a sentence: `critical symbols`, `daily full check`.
#[must_use]
pub fn check(what: &str) -> String {
    if what == "sweep" { "daily full check".to_owned() } else { format!("{what} symbols") }
}

/// What an item of a run is doing.
#[must_use]
pub fn item(item: &ItemView, now: Ts) -> (&'static str, Line) {
    match &item.state {
        ItemState::Waiting { why, until, retry } => {
            let role = if retry.is_some() { Role::Warn } else { Role::Muted };
            let left = until.filter(|at| *at > now).map(|at| format::until(at - now));
            let line = match (retry, left) {
                (Some(n), Some(left)) => {
                    Line::of(role, format!("attempt {n} in {left}  ")).span(Role::Muted, cause(why))
                }
                (Some(n), None) => Line::of(role, format!("attempt {n}  ")).span(Role::Muted, cause(why)),
                (None, Some(left)) => Line::of(role, format!("{left}  ")).span(Role::Muted, waits_for(why)),
                (None, None) => Line::of(role, waits_for(why)),
            };
            (WAITING, line)
        }
        ItemState::Fetching { attempt } => {
            let page =
                format!("fetching page {} of about {}", item.pages_done + 1, item.info.pages.max(item.pages_done + 1));
            let line = Line::of(Role::Running, page);
            let again = if *attempt > 1 { format!("  attempt {attempt}") } else { String::new() };
            (RUNNING, line.span(Role::Warn, again))
        }
        ItemState::Storing => (RUNNING, Line::of(Role::Running, "storing")),
        ItemState::Verified => (DONE, Line::of(Role::Good, "verified")),
        ItemState::Failed { reason } => (FAILED, Line::of(Role::Bad, cause(reason))),
    }
}

/// `5m > 15m, 1h`: what is fetched and what is computed from it.
#[must_use]
pub fn derivation(timeframe: Option<Timeframe>, derives: &[Timeframe]) -> String {
    let base = timeframe.map_or("", Timeframe::name);
    if derives.is_empty() {
        return base.to_owned();
    }
    let names: Vec<&str> = derives.iter().map(|tf| tf.name()).collect();
    format!("{base} → {}", names.join(" "))
}
