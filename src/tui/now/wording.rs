//! The five lines.

use crate::actions::ActionId;
use crate::draw::format;
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::now::conditions::{Condition, ConditionLevel, Facts, next_try};
use crate::now::help::{Help, help};
use crate::now::reasons::reasons;
use crate::now::what::{NAMED, rows, wrong};
use crate::view::phrase;
use barkeep_market::{Criticality, Ts};
use barkeep_service::handle::EngineState;
use barkeep_service::progress::ItemState;

/// One line: what it is about, and what there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NowLine {
    pub label: &'static str,
    pub text: Line,
}

/// More requests than are made in a moment.
const MANY: u64 = 200;

/// The five lines. `key` gives the key of an action that can be run now.
#[must_use]
pub fn lines(
    facts: &Facts<'_>,
    conditions: &[Condition<'_>],
    key: impl Fn(ActionId) -> Option<String>,
) -> [NowLine; 5] {
    let line = |label, text| NowLine { label, text };
    [
        line("wrong", wrong(facts, conditions)),
        line("matters", matters(facts, conditions)),
        line("doing", doing(facts, conditions)),
        line("done", done(facts, conditions)),
        line("you can", you_can(&help(facts, conditions, |id| key(id).is_some()), key, conditions.is_empty())),
    ]
}

/// What is wrong in a few words, for the frame of the panel.
#[must_use]
pub fn headline(facts: &Facts<'_>, conditions: &[Condition<'_>]) -> Line {
    // The first of the worst.
    let worst = conditions.iter().map(Condition::severity).max();
    let first = conditions.iter().find(|condition| Some(condition.severity()) == worst);
    let Some(condition) = first else { return Line::of(Role::Good, "nothing wrong") };
    let role = condition.severity().role();
    let critical = match condition {
        Condition::Failing { critical, .. } if *critical > 0 => format!("{critical} critical failing"),
        Condition::Late { .. } => {
            let critical = rows(facts, &facts.digest.late).filter(|r| r.criticality == Criticality::Critical).count();
            if critical > 0 { format!("{critical} critical late") } else { condition.word().to_lowercase() }
        }
        _ => condition.word().to_lowercase(),
    };
    let more = conditions.len() - 1;
    let line = Line::of(role, critical);
    if more > 0 { line.span(Role::Muted, format!(" and {more} more")) } else { line }
}

/// Why late series are late, over all of them.
#[must_use]
pub fn because(facts: &Facts<'_>) -> Line {
    let late = &facts.digest.late;
    let mut line = Line::new();
    for (k, (text, n)) in reasons(facts.snap, late).into_iter().take(NAMED).enumerate() {
        line = line.span(Role::Muted, if k > 0 { ", " } else { "" });
        line =
            line.span(Role::Strong, if late.len() == 1 { String::new() } else { format!("{} × ", format::count(n)) });
        line = line.span(Role::Text, text);
    }
    line
}

fn matters(facts: &Facts<'_>, conditions: &[Condition<'_>]) -> Line {
    let digest = facts.digest;
    let fresh = |line: Line| {
        let (fresh, all) = (format::count(digest.fresh_enough), format::plural(digest.tracked, "series"));
        if digest.fresh_enough == digest.tracked {
            return line.span(Role::Text, format!("all {all} are as fresh as they must be"));
        }
        line.span(Role::Text, format!("{fresh} of {all} are as fresh as they must be"))
    };
    if digest.tracked == 0 {
        return Line::of(Role::Muted, "nothing is kept fresh yet");
    }
    let stopped = conditions.iter().any(Condition::stops);
    if !digest.late.is_empty() {
        let of = |criticality| rows(facts, &digest.late).filter(|row| row.criticality == criticality).count();
        let counts = Criticality::ALL.into_iter().filter_map(|criticality| {
            let n = of(criticality);
            (n > 0).then(|| format!("{} {}", format::count(n), criticality.name()))
        });
        let counts = counts.collect::<Vec<_>>().join(", ");
        let mut line = Line::of(Role::Bad, "yes").span(Role::Text, ": ");
        line.spans.extend(because(facts).spans);
        return fresh(line.span(Role::Text, format!("; {counts} late; ")));
    }
    if let Some(Condition::WillBeLate { first, next_try, .. }) =
        conditions.iter().find(|condition| matches!(condition, Condition::WillBeLate { .. }))
    {
        let line = Line::of(Role::Warn, "soon").span(
            Role::Text,
            format!(
                ": {} {} is later than allowed at {}, in {}; its next try is {}; ",
                first.symbol,
                first.timeframe,
                format::due(first.at, facts.now),
                format::ahead(first.at - facts.now),
                format::due(*next_try, facts.now)
            ),
        );
        return fresh(line);
    }
    if stopped {
        return fresh(Line::of(Role::Warn, "not yet").span(Role::Text, ": every series ages; "));
    }
    match conditions.iter().map(Condition::severity).max() {
        None => Line::of(
            Role::Good,
            format!("all {} are as fresh as they must be", format::plural(digest.tracked, "series")),
        ),
        Some(ConditionLevel::Note) => fresh(Line::of(Role::Info, "no").span(Role::Text, ": nothing is late; ")),
        Some(_) => fresh(Line::of(Role::Warn, "not yet").span(Role::Text, ": nothing is late; ")),
    }
}

fn doing(facts: &Facts<'_>, conditions: &[Condition<'_>]) -> Line {
    let (live, now) = (&facts.snap.live, facts.now);
    if let Some(condition) = conditions.iter().find(|condition| condition.stops()) {
        return match condition {
            Condition::NotAnswering { .. } => Line::of(Role::Bad, "nobody knows; this is the picture of then"),
            Condition::KeyRefused { .. } => Line::of(Role::Bad, "nothing until the vendor accepts a key"),
            Condition::Failed { .. } => Line::of(Role::Bad, "nothing until this is over"),
            Condition::NotWriting { .. } => Line::of(Role::Bad, "waiting for the database; what was fetched is kept"),
            Condition::Paused { finishing, .. } if *finishing > 0 => {
                Line::of(Role::Paused, format!("finishing {}", format::plural(*finishing, "request")))
            }
            Condition::ShuttingDown { finishing } => {
                Line::of(Role::Paused, format!("finishing {}", format::plural(*finishing, "request")))
            }
            _ => Line::of(Role::Paused, "nothing while the engine is paused"),
        };
    }
    let Some(run) = phrase::leading(live) else {
        if live.process.is_none() && live.next.is_empty() {
            return Line::of(Role::Text, "no engine in this process");
        }
        return match tried_next(facts, conditions) {
            Some(at) => {
                Line::of(Role::Text, format!("next try {}, in {}", format::due(at, now), format::ahead(at - now)))
            }
            None => Line::of(Role::Text, "idle"),
        };
    };
    let more = live.runs.len() - 1;
    let mut line = Line::of(Role::Running, format!("run {} ", phrase::id(run.execution_id)))
        .span(Role::Muted, format!("({}) ", run.trigger.name().replace('_', " ")))
        .span(Role::Text, phrase::requests(run));
    if run.items_failed > 0 {
        line = line.span(Role::Bad, format!(", {} failed", format::count(run.items_failed)));
    }
    let fetching = run.items.iter().filter(|i| matches!(i.state, ItemState::Fetching { .. } | ItemState::Storing));
    let labels: Vec<String> = fetching.take(NAMED).map(|item| phrase::item_label(&item.label)).collect();
    if !labels.is_empty() {
        line = line.span(Role::Muted, "  now ").span(Role::Text, labels.join(", "));
    }
    if more > 0 {
        line = line.span(Role::Muted, format!("  and {}", format::plural(more, "more run")));
    }
    line
}

/// When the most important series that is not as it should be is tried next.
fn tried_next(facts: &Facts<'_>, conditions: &[Condition<'_>]) -> Option<Ts> {
    let digest = facts.digest;
    let failing = digest.failing.first().and_then(|group| group.series.first());
    let series = &facts.snap.data.series;
    let failing = failing.and_then(|name| series.iter().find(|row| row.symbol == name.0 && row.timeframe == name.1));
    let first = digest.attention().next().and_then(|k| series.get(k as usize));
    let criticality = failing.into_iter().chain(first).map(|row| row.criticality).min();
    let will_be = conditions.iter().find_map(|condition| match condition {
        Condition::WillBeLate { next_try, .. } => Some(*next_try),
        _ => None,
    });
    let unreachable = conditions.iter().any(|condition| matches!(condition, Condition::VendorUnreachable { .. }));
    let any = || facts.snap.live.next.iter().map(|tick| tick.at).min().filter(|_| unreachable);
    criticality.and_then(|criticality| next_try(facts.snap, criticality)).or(will_be).or_else(any)
}

fn done(facts: &Facts<'_>, conditions: &[Condition<'_>]) -> Line {
    let (live, now) = (&facts.snap.live, facts.now);
    if let Some(condition) = conditions.iter().find(|condition| condition.stops()) {
        return Line::of(
            condition.severity().role(),
            match condition {
                Condition::NotAnswering { .. } => "unknown",
                Condition::KeyRefused { .. } => "not before the vendor accepts a key",
                Condition::NotWriting { .. } => "not before the database takes writes again",
                Condition::Paused { .. } => "not while the engine is paused",
                Condition::ShuttingDown { .. } => "not before barkeep is started again",
                _ => "not before the engine runs again",
            },
        );
    }
    let unreachable = conditions.iter().any(|condition| matches!(condition, Condition::VendorUnreachable { .. }));
    if unreachable {
        return Line::of(Role::Bad, "not before the vendor answers");
    }
    if let Some(run) = phrase::leading(live) {
        let rate = live.limit.limit.map_or_else(String::new, |n| format!(" at {n} a minute"));
        let left = format!("{} left{rate}", format::plural(run.requests_left, "request"));
        if let Some(waits) = phrase::waits(run) {
            return Line::of(Role::Text, format!("not known yet: it {waits}"));
        }
        if phrase::is_planning(run) {
            return Line::of(Role::Text, "soon: it is being planned");
        }
        if run.requests_left == 0 {
            return Line::of(Role::Text, "soon: all requests are answered");
        }
        return match run.not_before.filter(|at| *at > now) {
            Some(at) => Line::of(Role::Strong, format!("{} ", format::due(at, now)))
                .span(Role::Text, format!("at the earliest, in {}", format::until(at - now)))
                .span(Role::Muted, format!(" ({left})")),
            // Without a limit nobody knows how long they take.
            None if run.requests_left > MANY => Line::of(Role::Text, format!("not known yet: {left}")),
            None => Line::of(Role::Text, format!("soon: {left}")),
        };
    }
    if facts.digest.tracked == 0 {
        return Line::of(Role::Muted, "nothing to do yet");
    }
    // The most important of what is not as it should be decides which run counts.
    let first = facts.digest.attention().next().and_then(|k| facts.snap.data.series.get(k as usize));
    let failing = conditions.iter().any(|condition| matches!(condition, Condition::Failing { .. }));
    let when = if failing { "when the vendor has them; " } else { "" };
    let next = match first {
        Some(row) => live.next.iter().filter(|tick| tick.what == row.criticality.name()).min_by_key(|tick| tick.at),
        None => live.next.iter().min_by_key(|tick| tick.at),
    };
    match next {
        Some(next) => Line::of(Role::Text, format!("{when}next check of {} ", phrase::check(&next.what)))
            .span(Role::Strong, format::due(next.at, now))
            .span(Role::Text, format!(", in {}", format::ahead(next.at - now))),
        None if live.state == EngineState::Running => Line::of(Role::Text, "when the run under way is done"),
        None => Line::of(Role::Muted, "no run scheduled"),
    }
}

fn you_can(help: &[Help], key: impl Fn(ActionId) -> Option<String>, calm: bool) -> Line {
    let mut line = Line::new();
    let calm_help = [
        Help { action: Some(ActionId::Palette), text: "all commands".to_owned() },
        Help { action: Some(ActionId::Help), text: "keys and signs".to_owned() },
    ];
    let shown = if calm { &calm_help[..] } else { help };
    for (k, help) in shown.iter().enumerate() {
        if k > 0 {
            line = line.span(Role::Muted, "   ");
        }
        if let Some(key) = help.action.and_then(&key) {
            line = line.span(Role::Key, key).span(Role::Text, " ");
        }
        line = line.span(Role::Text, help.text.clone());
    }
    if line.is_empty() { Line::of(Role::Text, "nothing: it goes on by itself") } else { line }
}

/// When the texts change by themselves, as far as it is known before; `None` when they change every second.
#[must_use]
pub fn counts<'a>(facts: &Facts<'a>, conditions: &[Condition<'a>]) -> Option<Vec<Ts>> {
    let live = &facts.snap.live;
    let writing = conditions.iter().any(|c| matches!(c, Condition::NotWriting { .. } | Condition::NotReading { .. }));
    if writing || (!live.runs.is_empty() && !conditions.iter().any(Condition::stops)) {
        return None;
    }
    let late = conditions.iter().find_map(|condition| match condition {
        Condition::WillBeLate { first, .. } => Some(first.at),
        _ => None,
    });
    Some(live.next.iter().map(|tick| tick.at).chain(late).collect())
}
