//! The four lines on top of the overview: what is later than allowed, why, what the engine does about it, and when that
//! will be done.
//!
//! They are derived from the snapshot alone, so they are there at once and without a key.

use std::collections::BTreeMap;

use super::phrase;
use crate::draw::canvas::Line;
use crate::draw::format;
use crate::draw::theme::Role;
use crate::model::attention::overdue;
use barkeep_market::Ts;
use barkeep_monitor::snapshot::{SeriesView, Snapshot};
use barkeep_runtime::console::Link;
use barkeep_service::handle::EngineState;
use barkeep_service::progress::{ItemState, ItemView};

/// Series named in a line.
const NAMED: usize = 4;

/// One line: what it is about, and what there is to say.
pub struct SummaryLine {
    pub label: &'static str,
    pub answer: Line,
}

/// The four lines; `attention` indexes the series that matter, worst first.
#[must_use]
pub fn summary(snap: &Snapshot, attention: &[u32], link: &Link, now: Ts) -> [SummaryLine; 4] {
    let named: Vec<&SeriesView> = attention.iter().filter_map(|k| snap.data.series.get(*k as usize)).collect();
    [
        SummaryLine { label: "late", answer: late(snap, &named) },
        SummaryLine { label: "reason", answer: reasons(snap, &named) },
        SummaryLine { label: "doing", answer: doing(snap, link, now) },
        SummaryLine { label: "done by", answer: done_by(snap, &named, now) },
    ]
}

/// How bad the state is, as a role.
#[must_use]
pub fn severity(snap: &Snapshot, attention: &[u32]) -> Role {
    let broken = snap.live.state == EngineState::Failed || snap.live.key_refused.is_some();
    if broken || snap.data.rpo.iter().any(|rpo| rpo.breached > 0) {
        Role::Bad
    } else if attention.is_empty() {
        Role::Good
    } else {
        Role::Warn
    }
}

fn late(snap: &Snapshot, named: &[&SeriesView]) -> Line {
    let breached: usize = snap.data.rpo.iter().map(|rpo| rpo.breached).sum();
    let empty: usize = snap.data.rpo.iter().map(|rpo| rpo.without_data).sum();
    let tracked: usize = snap.data.rpo.iter().map(|rpo| rpo.series).sum();
    if tracked == 0 {
        return Line::of(Role::Muted, "no symbols yet; add some:  barkeep symbols add SPY QQQ BTC");
    }
    let mut line = match (breached, empty) {
        (0, 0) => {
            let all = format!("none: all {} are as fresh as required", format::plural(tracked, "series"));
            return Line::of(Role::Good, all);
        }
        (0, n) => Line::of(Role::Warn, format!("{} without bars: ", format::plural(n, "series"))),
        (n, _) => Line::of(Role::Bad, format!("{} later than allowed: ", format::plural(n, "series"))),
    };
    let shown = named.iter().filter(|row| row.breached == (breached > 0));
    for (k, row) in shown.take(NAMED).enumerate() {
        let comma = if k > 0 { ", " } else { "" };
        line = line.span(Role::Strong, format!("{comma}{} {}", row.symbol, row.timeframe));
        if row.breached {
            line = line.span(Role::Text, format!(" by {}", format::rough(overdue(&snap.data, row))));
        }
    }
    let total = if breached > 0 { breached } else { empty };
    if total > NAMED {
        line = line.span(Role::Muted, format!(" and {} more", format::count(total - NAMED)));
    }
    if breached > 0 && empty > 0 {
        line = line.span(Role::Muted, format!("; {} without bars", format::count(empty)));
    }
    line
}

/// The item of a running plan that fetches a series.
fn item_of<'a>(snap: &'a Snapshot, row: &SeriesView) -> Option<&'a ItemView> {
    let items = || snap.live.runs.iter().flat_map(|run| &run.items);
    let brings = |item: &&ItemView| {
        let head = &item.info;
        let same = head.timeframe == Some(row.timeframe) || head.derives.contains(&row.timeframe);
        same && head.symbol.as_ref().is_none_or(|symbol| *symbol == row.symbol)
    };
    items().find(|item| item.info.symbol.is_some() && brings(item)).or_else(|| items().find(brings))
}

/// Why one series is not fresh, in a few words.
#[must_use]
pub fn reason(snap: &Snapshot, row: &SeriesView) -> String {
    let live = &snap.live;
    if row.paused {
        return "paused".to_owned();
    }
    if let Some(item) = item_of(snap, row) {
        match &item.state {
            ItemState::Waiting { why, retry: Some(n), .. } => return format!("{why}, attempt {n} next"),
            ItemState::Waiting { why, .. } => return phrase::waits_for(why),
            ItemState::Fetching { .. } | ItemState::Storing => return "being fetched".to_owned(),
            ItemState::Failed { reason } => return reason.clone(),
            ItemState::Verified => {}
        }
    }
    let failed = snap.data.failing.iter().find(|f| f.symbol == row.symbol && f.timeframe == row.timeframe);
    if let Some(message) = failed.and_then(|f| f.error_message.as_ref()) {
        return message.clone();
    }
    if row.checked_at.is_none() {
        return "never fetched".to_owned();
    }
    if live.runs.is_empty() { "waiting for the next run".to_owned() } else { "queued in this run".to_owned() }
}

fn reasons(snap: &Snapshot, named: &[&SeriesView]) -> Line {
    let live = &snap.live;
    if let Some(message) = &live.key_refused {
        return Line::of(Role::Bad, format!("the vendor rejected the API key: {message}"));
    }
    if live.state == EngineState::Failed {
        return Line::of(Role::Bad, live.reason.clone().unwrap_or_else(|| "the engine failed".to_owned()));
    }
    if let Some(pause) = live.paused.as_ref().filter(|_| !named.is_empty()) {
        return Line::of(
            Role::Paused,
            format!("engine paused by {} at {}", pause.by, format::hour_minute(pause.since)),
        );
    }
    if named.is_empty() {
        return Line::of(Role::Muted, "-");
    }
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for row in named {
        *reasons.entry(reason(snap, row)).or_default() += 1;
    }
    let mut reasons: Vec<(String, usize)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let mut line = Line::new();
    for (k, (text, n)) in reasons.iter().take(3).enumerate() {
        line = line.span(Role::Muted, if k > 0 { "   " } else { "" });
        line = if named.len() == 1 { line } else { line.span(Role::Strong, format!("{n} × ")) };
        line = line.span(Role::Text, text.clone());
    }
    line
}

fn doing(snap: &Snapshot, link: &Link, now: Ts) -> Line {
    let live = &snap.live;
    if let Link::Lost { since, error, .. } = link {
        let text = format!("unknown since {}: {error}", format::due(*since, now));
        return Line::of(Role::Bad, text);
    }
    match live.state {
        EngineState::Failed => return Line::of(Role::Bad, "nothing until this is fixed"),
        EngineState::Paused => return Line::of(Role::Paused, "nothing: the engine is paused"),
        EngineState::Pausing => {
            let left = format::plural(live.in_flight, "request");
            return Line::of(Role::Paused, format!("pausing: finishing {left} in flight"));
        }
        EngineState::Draining => return Line::of(Role::Paused, "shutting down: finishing requests in flight"),
        EngineState::Idle | EngineState::Running => {}
    }
    let Some(run) = live.runs.first() else {
        let next = live.next.iter().min_by_key(|next| next.at);
        let text = next.map_or_else(
            || "no engine in this process".to_owned(),
            |next| format!("idle; next {} at {}", phrase::check(&next.what), format::due(next.at, now)),
        );
        return Line::of(Role::Text, text);
    };
    let more = live.runs.len() - 1;
    let mut line = Line::of(Role::Running, format!("run {} ", phrase::id(run.execution_id)))
        .span(Role::Muted, format!("({}) ", run.trigger.name().replace('_', " ")))
        .span(Role::Text, format!("{} of {} items", format::count(run.items_done), format::count(run.items_planned)));
    if run.items_failed > 0 {
        line = line.span(Role::Bad, format!(", {} failed", format::count(run.items_failed)));
    }
    let fetching = run.items.iter().filter(|i| matches!(i.state, ItemState::Fetching { .. } | ItemState::Storing));
    let labels: Vec<&str> = fetching.take(3).map(|i| i.label.as_str()).collect();
    if !labels.is_empty() {
        line = line.span(Role::Muted, "  now ").span(Role::Text, labels.join(", "));
    }
    if more > 0 {
        line = line.span(Role::Muted, format!("  and {} more", format::plural(more, "run")));
    }
    line
}

fn done_by(snap: &Snapshot, named: &[&SeriesView], now: Ts) -> Line {
    let live = &snap.live;
    let cannot = snap.data.budget.as_ref().filter(|b| !b.feasible && b.breaching > 0).map(|b| {
        let first = b.breaches.first().map_or_else(String::new, |x| format!(": {} {}", x.symbol, x.timeframe));
        format!("   {} will be missed{first}", format::plural(b.breaching, "deadline"))
    });
    let line = match (live.state, live.runs.first()) {
        (EngineState::Paused | EngineState::Pausing | EngineState::Draining | EngineState::Failed, _)
            if !named.is_empty() =>
        {
            let text = match live.state {
                EngineState::Paused | EngineState::Pausing => "not until you resume the engine",
                EngineState::Draining => "not until the engine is started again",
                _ => "not until the engine runs again",
            };
            Line::of(Role::Warn, text)
        }
        (_, Some(run)) => {
            let left = run.requests_planned.saturating_sub(run.requests_answered);
            let rate = live.limit.limit.map_or_else(String::new, |n| format!(" at {n}/min"));
            match run.not_before.filter(|at| *at > now) {
                Some(at) => Line::of(Role::Strong, format!("{} ", format::due(at, now)))
                    .span(Role::Text, format!("at the earliest, in {}", format::until(at - now)))
                    .span(Role::Muted, format!(" ({} left{rate})", format::plural(left, "request"))),
                None => Line::of(Role::Text, format!("soon: {} left", format::plural(left, "request"))),
            }
        }
        (_, None) => {
            // The next run of the most important criticality among them.
            let tier = named.first().map(|row| row.criticality.name());
            let next = live.next.iter().filter(|b| tier.is_none_or(|t| b.what == t)).min_by_key(|run| run.at);
            match next {
                Some(next) => Line::of(Role::Text, format!("{} at ", phrase::check(&next.what)))
                    .span(Role::Strong, format::due(next.at, now))
                    .span(Role::Text, format!(", in {}", format::ahead(next.at - now))),
                None => Line::of(Role::Muted, "no run scheduled"),
            }
        }
    };
    match cannot {
        Some(text) => line.span(Role::Warn, text),
        None => line,
    }
}
