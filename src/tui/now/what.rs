//! What each condition is, in words.

use crate::draw::format;
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::now::conditions::{Condition, Facts};
use crate::now::digest::{FailingGroup, overdue};
use barkeep_monitor::snapshot::SeriesView;
use barkeep_runtime::console::SeriesName;

/// Series and causes named in a line.
pub const NAMED: usize = 3;

/// The series of a list.
pub fn rows<'a>(facts: &Facts<'a>, list: &'a [u32]) -> impl Iterator<Item = &'a SeriesView> {
    let series = &facts.snap.data.series;
    list.iter().filter_map(|k| series.get(*k as usize))
}

fn name(row: &SeriesView) -> String {
    format!("{} {}", row.symbol, row.timeframe)
}

/// `ETH 1h, META 5m and 3 more`.
fn some<'a>(names: impl Iterator<Item = String> + 'a, total: usize) -> String {
    let named: Vec<String> = names.take(NAMED).collect();
    match total.saturating_sub(named.len()) {
        0 => named.join(", "),
        more => format!("{} and {} more", named.join(", "), format::count(more)),
    }
}

/// Everything that is wrong, worst first.
#[must_use]
pub fn wrong(facts: &Facts<'_>, conditions: &[Condition<'_>]) -> Line {
    if conditions.is_empty() {
        return Line::of(Role::Good, "nothing");
    }
    let mut line = Line::new();
    for (k, condition) in conditions.iter().enumerate() {
        let gap = if k > 0 { "   " } else { "" };
        let (head, rest) = what(facts, condition);
        line = line.span(condition.severity().role(), format!("{gap}{head}"));
        if !rest.is_empty() {
            line = line.span(Role::Text, rest);
        }
    }
    line
}

/// What a condition is: the first words in its color, then what belongs to it.
fn what(facts: &Facts<'_>, condition: &Condition<'_>) -> (String, String) {
    let now = facts.now;
    let pair = |head: &str, rest: String| (head.to_owned(), rest);
    match condition {
        Condition::NotAnswering { since, error } => {
            (format!("the engine has not answered since {}", format::due(*since, now)), format!(": {error}"))
        }
        Condition::KeyRefused { said, .. } => pair("the vendor refuses the API key", format!(": {}", refusal(said))),
        Condition::Failed { reason } => pair("the engine failed", format!(": {reason}")),
        Condition::NotWriting { since } => {
            (format!("the database has taken no write for {}", format::rough(now - *since)), String::new())
        }
        Condition::NotReading { since } => {
            (format!("the database has not answered for {}", format::rough(now - *since)), String::new())
        }
        Condition::VendorUnreachable { since, attempts, error } => (
            format!("the vendor has not answered since {}", format::due(*since, now)),
            format!(", {}: {error}", format::plural(*attempts, "attempt")),
        ),
        Condition::Paused { by, since, reason, .. } => {
            let why = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            pair("the engine is paused", format!(" by {by} since {}{why}", format::due(*since, now)))
        }
        Condition::ShuttingDown { .. } => pair("the engine is shutting down", String::new()),
        Condition::Late { count } => {
            let one = |(k, row): (usize, &SeriesView)| {
                let too_late = if k == 0 { " too late" } else { "" };
                format!("{} ({}{too_late})", name(row), format::rough(overdue(&facts.snap.data, row)))
            };
            let named = some(rows(facts, &facts.digest.late).enumerate().map(one), *count);
            (format!("{} later than allowed", format::plural(*count, "series")), format!(": {named}"))
        }
        Condition::WillBeLate { first, count, .. } => {
            let more = if *count > 1 { format!(" and {} more", count - 1) } else { String::new() };
            (format!("{} {}{more} will be late", first.symbol, first.timeframe), String::new())
        }
        Condition::Failing { groups, total, .. } => (failing(groups, *total), String::new()),
        Condition::PausedSeries { count } => {
            let named = some(rows(facts, &facts.digest.paused_critical).map(name), *count);
            pair("critical but paused", format!(": {named}"))
        }
        Condition::LimitTooLow { missed, first, short } => {
            let rate = facts.snap.live.limit.limit;
            let head = rate.map_or_else(|| "the limit is too low".to_owned(), |n| format!("{n} a minute is too few"));
            let first = first.map(|(symbol, timeframe)| format!("{symbol} {timeframe}"));
            let rest = match (first, missed.saturating_sub(1)) {
                (Some(first), 0) => format!(": {first} will be late"),
                (Some(first), more) => format!(": {first} and {} more will be late", format::count(more)),
                (None, _) => format!(": {} too many", format::plural(*short, "request")),
            };
            (head, rest)
        }
        Condition::WithoutBars { count } => {
            let named = some(rows(facts, &facts.digest.without_bars).map(name), *count);
            (format!("{} without bars", format::plural(*count, "series")), format!(": {named}"))
        }
        Condition::Holes(holes) => {
            let late =
                (holes.late > 0).then(|| format!("{} without newest bars", format::plural(holes.late, "series")));
            let suspect = (holes.suspect > 0).then(|| format::plural(holes.suspect, "hole"));
            (late.into_iter().chain(suspect).collect::<Vec<_>>().join(", "), String::new())
        }
        Condition::Quarantine { bars } => (format!("{} quarantined", format::plural(*bars, "bar")), String::new()),
        Condition::FeaturesFailing { count } => {
            (format!("features of {} failing", format::plural(*count, "series")), String::new())
        }
        Condition::Alerts { open, newest, .. } => {
            let text = newest.map_or_else(String::new, |text| format!(": {text}"));
            (format!("{} open", format::plural(*open, "alert")), text)
        }
        Condition::Loading { count, running: true } => {
            let named = some(rows(facts, &facts.digest.loading).map(name), *count);
            (format!("first fetch of {} under way", format::plural(*count, "series")), format!(": {named}"))
        }
        Condition::Loading { count, running: false } => {
            let named = some(rows(facts, &facts.digest.loading).map(name), *count);
            (format!("{} not fetched yet", format::plural(*count, "series")), format!(": {named}"))
        }
        Condition::NoSymbols => pair("no symbols yet", String::new()),
    }
}

/// What the vendor said, without saying twice that it refused the key.
#[must_use]
pub fn refusal(said: &str) -> &str {
    let mut rest = said;
    while let Some(shorter) = rest.strip_prefix("the vendor refused the key") {
        rest = shorter.trim_start_matches(" (401)").trim_start_matches([':', ' ']);
    }
    if rest.is_empty() { "401" } else { rest }
}

fn failing(groups: &[FailingGroup], total: usize) -> String {
    let one = |group: &FailingGroup| {
        let names = group.series.iter().map(|(symbol, timeframe): &SeriesName| format!("{symbol} {timeframe}"));
        format!("{}: {}", some(names.take(1), group.series.len()), group.cause)
    };
    let told: Vec<String> = groups.iter().take(NAMED).map(one).collect();
    let named: usize = groups.iter().take(NAMED).map(|group| group.series.len()).sum();
    let more = total.saturating_sub(named);
    let rest = if more > 0 { format!("   {} more failing", format::count(more)) } else { String::new() };
    if told.is_empty() { format!("{} failing", format::plural(total, "series")) } else { told.join("   ") + &rest }
}
