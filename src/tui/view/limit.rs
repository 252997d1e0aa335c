//! The vendor's limit in a panel: the window, when the next token comes, and what the next requests buy.

use ratatui::layout::Rect;

use super::stage::ViewContext;
use crate::draw::fit::Constraint;
use crate::draw::format;
use crate::draw::pen::{Words, rows};
use crate::draw::theme::Role;
use crate::widgets::{bar, spark};
use barkeep_market::Ts;
use barkeep_monitor::snapshot::Snapshot;
use barkeep_plan::budget::Budget;

/// Draws the panel; lines of least worth go first.
pub fn panel(stage: &mut ViewContext, area: Rect) {
    let snap = stage.model.snap.clone();
    let limit = &snap.live.limit;
    let tail = limit
        .limit
        .map_or_else(|| Words::of(Role::Muted, "unlimited"), |n| Words::of(Role::Muted, format!("{n} a minute")));
    let inner = stage.panel(area, "Vendor limit", &tail);
    let warnings = warnings(&snap, stage.now());
    let warned = u16::try_from(warnings.len()).unwrap_or(0);
    let mut needs = [10, 8, 9, 6, 7, 5, 4, 3].map(|worth| Constraint::new(1, 1, worth));
    if let Some(need) = needs.get_mut(2) {
        *need = Constraint::new(warned, warned, 9);
    }
    let places = rows(inner, &needs);
    let now = stage.now();
    for (k, place) in places.into_iter().enumerate() {
        let Some(at) = place.filter(|p| p.height > 0) else { continue };
        match k {
            0 => window(stage, at),
            1 => requests_by_minute(stage, at),
            2 => {
                for (y, words) in (at.y..at.bottom()).zip(&warnings) {
                    stage.pen.words(at.x, y, at.width, words);
                }
            }
            3 => totals(stage, at),
            4 => {
                let words = purchase(snap.data.budget.as_ref(), now);
                stage.pen.words(at.x, at.y, at.width, &words);
            }
            5 => {
                let words = deadlines(snap.data.budget.as_ref(), now);
                stage.pen.words(at.x, at.y, at.width, &words);
            }
            6 => latency(stage, at),
            _ => rows_by_second(stage, at),
        }
    }
}

/// Where labels end and figures begin.
const LABEL: u16 = 10;

/// Places taken, and when the next one is free.
pub fn window(stage: &mut ViewContext, at: Rect) {
    let limit = stage.model.snap.live.limit;
    let used = limit.used;
    stage.pen.text(at.x, at.y, LABEL.min(at.width), "last 60 s", Role::Muted);
    let x = at.x + LABEL;
    let Some(agreed) = limit.limit else {
        let words = Words::of(Role::Text, format!("{} in the last second", format::plural(used, "request")));
        stage.pen.words(x, at.y, at.width.saturating_sub(LABEL), &words);
        return;
    };
    let room = at.width.saturating_sub(LABEL);
    let gauge = u16::try_from(agreed).unwrap_or(u16::MAX).min(room.saturating_sub(8)).min(20);
    bar::places(&mut stage.pen, x, at.y, gauge, used, limit.effective.max(1));
    let free = next_token(stage);
    let mut pieces = vec![(9, Words::of(Role::Strong, format!("{used}/{}", limit.effective)))];
    if limit.effective < agreed {
        pieces.push((6, Words::of(Role::Warn, format!("lowered from {agreed} after a 429"))));
    }
    pieces.push((8, free));
    if limit.waiting > 0 {
        pieces.push((3, Words::of(Role::Muted, format!("{} waiting", format::count(limit.waiting)))));
    }
    stage.pen.pieces(x + gauge + 1, at.y, room.saturating_sub(gauge + 1), 2, &pieces);
}

/// When the next request may start, counted from the moment of the snapshot.
#[must_use]
pub fn next_token_at(snap: &Snapshot) -> Option<Ts> {
    let wait = i64::try_from(snap.live.limit.next_free_in.as_millis()).unwrap_or(i64::MAX);
    (wait > 0).then(|| snap.live.at + wait)
}

fn next_token(stage: &mut ViewContext) -> Words {
    let now = stage.now();
    match next_token_at(&stage.model.snap).filter(|at| *at > now) {
        Some(at) => {
            stage.hits.tick();
            Words::of(Role::Muted, "next request in ").say(Role::Accent, format::until(at - now))
        }
        None => Words::of(Role::Good, "free now"),
    }
}

/// What asks to be known: refusals, somebody else with the same key. A line each.
#[must_use]
pub fn warnings(snap: &Snapshot, now: Ts) -> Vec<Words> {
    let limit = &snap.live.limit;
    let mut lines = Vec::new();
    if let Some(left) = limit.frozen_for {
        let left = snap.live.at + i64::try_from(left.as_millis()).unwrap_or(i64::MAX) - now;
        lines.push(Words::of(Role::Bad, format!("429: no requests for {}", format::until(left))));
    }
    if let Some(foreign) = limit.foreign_per_minute {
        let text = format!("something else uses this API key: {foreign} requests a minute");
        lines.push(Words::of(Role::Warn, text));
    }
    lines
}

fn labelled(stage: &mut ViewContext, at: Rect, label: &str) -> Rect {
    let used = LABEL.min(at.width);
    stage.pen.text(at.x, at.y, used, label, Role::Muted);
    Rect::new(at.x + used, at.y, at.width - used, 1)
}

pub fn requests_by_minute(stage: &mut ViewContext, at: Rect) {
    let pulse = &stage.model.snap.live.pulse;
    let values: Vec<f64> = pulse.requests_by_minute.iter().map(|n| f64::from(*n)).collect();
    let top = pulse.requests_by_minute.iter().copied().max().unwrap_or(0);
    let rest = labelled(stage, at, "req/min");
    let room = rest.width.saturating_sub(20).min(30).max(rest.width.min(10));
    spark::line(&mut stage.pen, rest.x, rest.y, room, &values, Role::Accent);
    let note = [(5, Words::of(Role::Muted, "30 min, max ").say(Role::Text, format::count(top)))];
    if rest.width > room + 2 {
        stage.pen.pieces(rest.x + room + 2, rest.y, rest.width - room - 2, 2, &note);
    }
}

pub fn rows_by_second(stage: &mut ViewContext, at: Rect) {
    let pulse = &stage.model.snap.live.pulse;
    let values: Vec<f64> = pulse.rows_by_second.iter().map(|n| *n as f64).collect();
    let rest = labelled(stage, at, "rows/s");
    let room = rest.width.saturating_sub(20).min(30).max(rest.width.min(10));
    spark::line(&mut stage.pen, rest.x, rest.y, room, &values, Role::Good);
    let now: f64 = values.iter().rev().take(10).sum::<f64>() / 10.0;
    if rest.width > room + 2 {
        let words = Words::of(Role::Muted, "last 10 s ").say(Role::Text, format!("{}/s", format::short(now)));
        stage.pen.words(rest.x + room + 2, rest.y, rest.width - room - 2, &words);
    }
}

fn totals(stage: &mut ViewContext, at: Rect) {
    let totals = stage.model.snap.data.vendor.totals;
    let role = |n: i64, bad: Role| if n > 0 { bad } else { Role::Text };
    let pieces = [
        (9, Words::new().pair("requests", format::count(totals.total_requests))),
        (
            8,
            Words::of(Role::Muted, "429s ")
                .say(role(totals.rate_limited_count, Role::Warn), format::count(totals.rate_limited_count)),
        ),
        (7, Words::of(Role::Muted, "retries ").say(Role::Text, format::count(totals.retries))),
        (6, Words::of(Role::Muted, "failures ").say(role(totals.failures, Role::Warn), format::count(totals.failures))),
        (4, Words::of(Role::Muted, format::bytes(totals.bytes))),
    ];
    stage.pen.pieces(at.x, at.y, at.width, 2, &pieces);
}

pub fn latency(stage: &mut ViewContext, at: Rect) {
    let pulse = &stage.model.snap.live.pulse;
    let rest = labelled(stage, at, "latency");
    let one = |name: &str, ms: Option<u32>| Words::new().pair(name, ms.map_or_else(|| "-".to_owned(), format::latency));
    let pieces = [
        (9, one("p50", pulse.latency_p50_ms)),
        (5, one("p90", pulse.latency_p90_ms)),
        (8, one("p99", pulse.latency_p99_ms)),
    ];
    stage.pen.pieces(rest.x, rest.y, rest.width, 3, &pieces);
}

/// What the next requests bring.
#[must_use]
pub fn purchase(budget: Option<&Budget>, now: Ts) -> Words {
    let Some(budget) = budget else { return Words::of(Role::Muted, "calculating …") };
    let next = &budget.next;
    if next.requests == 0 {
        return Words::of(Role::Good, "no requests needed");
    }
    let series = next.critical + next.standard + next.low;
    let mut words = Words::of(Role::Text, format!("{} due", format::plural(series, "series")));
    if next.overdue > 0 {
        words = words.say(Role::Warn, format!(", {} overdue", format::count(next.overdue)));
    }
    words = words.say(Role::Muted, format!(": {}", format::plural(next.requests, "request")));
    match next.until {
        Some(at) if at > now => words.say(Role::Muted, format!(", until {}", format::due(at, now))),
        // It was calculated up to a minute ago; what could have run since can run now.
        Some(_) => words.say(Role::Muted, ", now"),
        None => words,
    }
}

/// Whether the limit lets every series keep its recovery point.
#[must_use]
pub fn deadlines(budget: Option<&Budget>, now: Ts) -> Words {
    let Some(budget) = budget else { return Words::new() };
    if budget.feasible {
        return Words::of(Role::Good, "✓ ").say(Role::Muted, "the rate limit is high enough");
    }
    let short = format::plural(budget.requests_short, "request");
    let mut words = Words::of(Role::Bad, format!("! rate limit too low: {short} late"));
    if let Some(first) = budget.breaches.first() {
        let text = format!(
            ", {} missed, first {} {} at {}",
            format::plural(budget.breaching, "deadline"),
            first.symbol,
            first.timeframe,
            format::due(first.deadline, now)
        );
        words = words.say(Role::Text, text);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_market::ts::MINUTE;
    use barkeep_plan::budget::Purchase;

    #[test]
    fn a_moment_that_has_passed_is_not_promised() {
        let now = Ts(1_790_000_000_000);
        let text = |until: Ts| {
            let next = Purchase { requests: 7, until: Some(until), critical: 25, overdue: 5, ..Purchase::default() };
            let words = purchase(Some(&Budget { next, ..Budget::default() }), now);
            words.0.iter().map(|say| say.text.as_str()).collect::<String>()
        };
        let (bought, ahead) = ("25 series due, 5 overdue: 7 requests, ", now + MINUTE);
        assert_eq!(text(ahead), format!("{bought}until {}", format::due(ahead, now)));
        assert_eq!(text(now - MINUTE), format!("{bought}now"));
    }
}
