//! The vendor's rate limit in a panel: the last minute, when the next request may start, and what is due.

use ratatui::layout::Rect;

use super::context::ViewContext;
use super::phrase;
use crate::draw::canvas::{Line, rows};
use crate::draw::format;
use crate::draw::layout::Constraint;
use crate::draw::theme::Role;
use crate::widgets::{bar, spark};
use barkeep_market::Ts;
use barkeep_monitor::snapshot::Snapshot;
use barkeep_plan::budget::Budget;

/// Draws the panel; lines of least worth go first.
pub fn panel(view: &mut ViewContext, area: Rect) {
    let snap = view.model.snap.clone();
    let limit = &snap.live.limit;
    let tail = limit
        .limit
        .map_or_else(|| Line::of(Role::Muted, "unlimited"), |n| Line::of(Role::Muted, format!("{n} a minute")));
    let inner = view.panel(area, "Vendor limit", &tail);
    let warnings = warnings(&snap, view.now());
    let warned = u16::try_from(warnings.len()).unwrap_or(0);
    let mut needs = [10, 8, 9, 6, 7, 5, 4, 3].map(|worth| Constraint::new(1, 1, worth));
    if let Some(need) = needs.get_mut(2) {
        *need = Constraint::new(warned, warned, 9);
    }
    let places = rows(inner, &needs);
    let now = view.now();
    for (k, place) in places.into_iter().enumerate() {
        let Some(at) = place.filter(|p| p.height > 0) else { continue };
        match k {
            0 => window(view, at),
            1 => requests_by_minute(view, at),
            2 => {
                for (y, line) in (at.y..at.bottom()).zip(&warnings) {
                    view.canvas.line(at.x, y, at.width, line);
                }
            }
            3 => totals(view, at),
            4 => {
                let line = purchase(snap.data.budget.as_ref(), now);
                view.canvas.line(at.x, at.y, at.width, &line);
            }
            5 => {
                let line = deadlines(&snap, view.model.digest.loading.len(), now);
                view.canvas.line(at.x, at.y, at.width, &line);
            }
            6 => latency(view, at),
            _ => rows_by_second(view, at),
        }
    }
}

/// Where labels end and figures begin.
const LABEL: u16 = 10;

/// Requests of the last minute, and when the next one may start.
pub fn window(view: &mut ViewContext, at: Rect) {
    let limit = &view.model.snap.live.limit;
    let used = limit.used;
    view.canvas.text(at.x, at.y, LABEL.min(at.width), "last 60 s", Role::Muted);
    let x = at.x + LABEL;
    let Some(agreed) = limit.limit else {
        let line = Line::of(Role::Text, format!("{} in the last second", format::plural(used, "request")));
        view.canvas.line(x, at.y, at.width.saturating_sub(LABEL), &line);
        return;
    };
    let room = at.width.saturating_sub(LABEL);
    let gauge = u16::try_from(agreed).unwrap_or(u16::MAX).min(room.saturating_sub(8)).min(20);
    bar::places(&mut view.canvas, x, at.y, gauge, used, limit.effective.max(1));
    let free = next_token(view);
    let mut pieces = vec![(9, Line::of(Role::Strong, format!("{used} of {}", limit.effective)))];
    if limit.effective < agreed {
        pieces.push((6, Line::of(Role::Warn, format!("lowered from {agreed} after a 429"))));
    }
    pieces.push((8, free));
    if limit.waiting > 0 {
        pieces.push((3, Line::of(Role::Muted, format!("{} waiting", format::count(limit.waiting)))));
    }
    view.canvas.pieces(x + gauge + 1, at.y, room.saturating_sub(gauge + 1), 2, &pieces);
}

fn next_token(view: &mut ViewContext) -> Line {
    let now = view.now();
    match view.model.snap.next_free_at().filter(|at| *at > now) {
        Some(at) => {
            view.hits.tick();
            Line::of(Role::Muted, "next request in ").span(Role::Accent, format::until(at - now))
        }
        None => Line::of(Role::Good, "free now"),
    }
}

/// Warnings, a line each: a 429, another process with the same key.
#[must_use]
pub fn warnings(snap: &Snapshot, now: Ts) -> Vec<Line> {
    let limit = &snap.live.limit;
    let mut lines = Vec::new();
    if let Some(left) = limit.frozen_for {
        let left = snap.live.at + i64::try_from(left.as_millis()).unwrap_or(i64::MAX) - now;
        lines.push(Line::of(Role::Bad, format!("429: no requests for {}", format::until(left))));
    }
    if let Some(foreign) = limit.foreign_per_minute {
        let text = format!("something else uses this API key: {foreign} requests a minute");
        lines.push(Line::of(Role::Warn, text));
    }
    lines
}

fn labelled(view: &mut ViewContext, at: Rect, label: &str) -> Rect {
    let used = LABEL.min(at.width);
    view.canvas.text(at.x, at.y, used, label, Role::Muted);
    Rect::new(at.x + used, at.y, at.width - used, 1)
}

pub fn requests_by_minute(view: &mut ViewContext, at: Rect) {
    let pulse = &view.model.snap.live.pulse;
    let values = phrase::requests_by_minute(pulse, view.now());
    let top = values.iter().copied().fold(0.0, f64::max) as u64;
    let rest = labelled(view, at, "req/min");
    let room = rest.width.saturating_sub(20).min(30).max(rest.width.min(10));
    spark::line(&mut view.canvas, rest.x, rest.y, room, &values, Role::Accent);
    let note = [(5, Line::of(Role::Muted, "30 min, max ").span(Role::Text, format::count(top)))];
    if rest.width > room + 2 {
        view.canvas.pieces(rest.x + room + 2, rest.y, rest.width - room - 2, 2, &note);
    }
}

pub fn rows_by_second(view: &mut ViewContext, at: Rect) {
    let pulse = &view.model.snap.live.pulse;
    let values = phrase::rows_by_second(pulse, view.now());
    let rest = labelled(view, at, "rows/s");
    let room = rest.width.saturating_sub(20).min(30).max(rest.width.min(10));
    spark::line(&mut view.canvas, rest.x, rest.y, room, &values, Role::Good);
    let now: f64 = values.iter().rev().take(10).sum::<f64>() / 10.0;
    if rest.width > room + 2 {
        let line = Line::of(Role::Muted, "last 10 s ").span(Role::Text, format!("{}/s", format::short(now)));
        view.canvas.line(rest.x + room + 2, rest.y, rest.width - room - 2, &line);
    }
}

fn totals(view: &mut ViewContext, at: Rect) {
    let totals = view.model.snap.data.vendor.totals;
    let role = |n: i64, bad: Role| if n > 0 { bad } else { Role::Text };
    let pieces = [
        (9, Line::new().pair("requests", format::count(totals.total_requests))),
        (
            8,
            Line::of(Role::Muted, "429s ")
                .span(role(totals.rate_limited_count, Role::Warn), format::count(totals.rate_limited_count)),
        ),
        (7, Line::of(Role::Muted, "retries ").span(Role::Text, format::count(totals.retries))),
        (6, Line::of(Role::Muted, "failures ").span(role(totals.failures, Role::Warn), format::count(totals.failures))),
        (4, Line::of(Role::Muted, format::bytes(totals.bytes))),
    ];
    view.canvas.pieces(at.x, at.y, at.width, 2, &pieces);
}

pub fn latency(view: &mut ViewContext, at: Rect) {
    let pulse = &view.model.snap.live.pulse;
    let rest = labelled(view, at, "latency");
    let one = |name: &str, ms: Option<u32>| Line::new().pair(name, ms.map_or_else(|| "-".to_owned(), format::latency));
    let pieces = [
        (9, one("p50", pulse.latency_p50_ms)),
        (5, one("p90", pulse.latency_p90_ms)),
        (8, one("p99", pulse.latency_p99_ms)),
    ];
    view.canvas.pieces(rest.x, rest.y, rest.width, 3, &pieces);
}

/// The series that are due, and the requests they need.
#[must_use]
pub fn purchase(budget: Option<&Budget>, now: Ts) -> Line {
    let Some(budget) = budget else { return Line::of(Role::Muted, "calculating …") };
    let next = &budget.next;
    if next.requests == 0 {
        return Line::of(Role::Good, "no requests needed");
    }
    let series = next.critical + next.standard + next.low;
    let mut line = Line::of(Role::Text, format!("{} due", format::plural(series, "series")));
    if next.overdue > 0 {
        line = line.span(Role::Warn, format!(", {} overdue", format::count(next.overdue)));
    }
    line = line.span(Role::Muted, format!(": {}", format::plural(next.requests, "request")));
    match next.until {
        Some(at) if at > now => line.span(Role::Muted, format!(", until {}", format::due(at, now))),
        // It was calculated up to a minute ago; what could have run since can run now.
        Some(_) => line.span(Role::Muted, ", now"),
        None => line,
    }
}

/// Whether the limit lets every series keep its recovery point; `loading` of them have no newest bars yet, so nothing can
/// be said about them.
#[must_use]
pub fn deadlines(snap: &Snapshot, loading: usize, now: Ts) -> Line {
    let Some(budget) = &snap.data.budget else { return Line::new() };
    let rate = snap.live.limit.limit.map_or_else(|| "the limit".to_owned(), |n| format!("{n} a minute"));
    if budget.feasible && loading > 0 {
        let text = format!("{rate} is enough for the rest; {} are fetched first", format::plural(loading, "series"));
        return Line::of(Role::Muted, text);
    }
    if budget.feasible {
        return Line::of(Role::Good, "✓ ").span(Role::Muted, format!("{rate} is enough"));
    }
    let mut line = Line::of(Role::Bad, format!("! {rate} is too few"));
    if let Some(first) = budget.breaches.first() {
        let late = format::rough((first.served_at - first.deadline).max(0));
        let more = budget.breaching.saturating_sub(1);
        let more = if more > 0 { format!(" and {} more", format::count(more)) } else { String::new() };
        let text = format!(
            ": {} {} will be {late} late at {}{more}",
            first.symbol,
            first.timeframe,
            format::due(first.deadline, now)
        );
        line = line.span(Role::Text, text);
    } else {
        let short = format::plural(budget.requests_short, "request");
        line = line.span(Role::Text, format!(": {short} too many"));
    }
    line
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
            let line = purchase(Some(&Budget { next, ..Budget::default() }), now);
            line.to_string()
        };
        let (bought, ahead) = ("25 series due, 5 overdue: 7 requests, ", now + MINUTE);
        assert_eq!(text(ahead), format!("{bought}until {}", format::due(ahead, now)));
        assert_eq!(text(now - MINUTE), format!("{bought}now"));
    }
}
