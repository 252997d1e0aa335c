//! The vendor's rate limit in a panel: the last minute, when the next request may start, and what is due.

use ratatui::layout::Rect;

use super::context::ViewContext;
use super::phrase;
use crate::draw::canvas::{Line, rows, width, wrap_line};
use crate::draw::format;
use crate::draw::layout::Constraint;
use crate::draw::theme::Role;
use crate::widgets::belt::Mark;
use crate::widgets::{bar, belt, graph};
use barkeep_market::Ts;
use barkeep_market::ts::{SECOND, millis};
use barkeep_monitor::snapshot::Snapshot;
use barkeep_plan::budget::Budget;

/// Draws the panel; lines of least worth go first, and graphs take what is left over.
pub fn panel(view: &mut ViewContext, area: Rect) {
    let snap = view.model.snap.clone();
    let inner = view.panel(area, "Vendor limit", &agreed(&snap));
    let warnings = warnings(&snap, view.now());
    let warned = u16::try_from(warnings.len()).unwrap_or(0);
    let now = view.now();
    // Where lines are free these wrap.
    let wrapped = |line: Line| wrap_line(&line, inner.width, 2);
    let due = wrapped(purchase(snap.data.budget.as_ref(), now));
    let late = wrapped(deadlines(&snap, view.model.digest.loading.len(), now));
    let high = |lines: &[Line]| u16::try_from(lines.len()).unwrap_or(1);
    let needs = [
        Constraint::new(1, 1, 11),
        Constraint::new(1, 1, 10),
        Constraint::new(warned, warned, 9),
        Constraint::new(1, 1, 8),
        Constraint::new(1, 1, 6),
        Constraint::new(1, high(&due), 7),
        Constraint::new(1, high(&late), 5),
        Constraint::new(1, 1, 4),
        Constraint::new(1, 4, 3),
    ];
    let mut needs = needs;
    let texts: u16 = needs.iter().take(8).map(|need| need.max).sum();
    // The graphs share what is left.
    let graphs = inner.height.saturating_sub(texts) / 2;
    for k in [3, 8] {
        if let Some(need) = needs.get_mut(k) {
            need.max = if k == 3 { graphs.clamp(1, 6) } else { 6 };
        }
    }
    let places = rows(inner, &needs);
    for (k, place) in places.into_iter().enumerate() {
        let Some(at) = place.filter(|p| p.height > 0) else { continue };
        match k {
            0 => belt(view, at),
            1 => window(view, at),
            2 => {
                for (y, line) in (at.y..at.bottom()).zip(&warnings) {
                    view.canvas.line(at.x, y, at.width, line);
                }
            }
            3 => requests_by_minute(view, at),
            4 => totals(view, at),
            5 | 6 => {
                let lines = if k == 5 { &due } else { &late };
                for (y, line) in (at.y..at.bottom()).zip(wrapped_into(lines, at.height)) {
                    view.canvas.line(at.x, y, at.width, &line);
                }
            }
            7 => latency(view, at),
            _ => rows_by_second(view, at),
        }
    }
}

/// The same text in as many lines as there are.
fn wrapped_into(lines: &[Line], height: u16) -> Vec<Line> {
    if lines.len() <= usize::from(height) {
        return lines.to_vec();
    }
    let all = lines.iter().fold(Line::new(), |mut all, line| {
        if !all.is_empty() {
            all = all.span(Role::Text, " ");
        }
        all.spans.extend(line.spans.clone());
        all
    });
    vec![all]
}

/// The agreed limit, for the frame of a panel.
#[must_use]
pub fn agreed(snap: &Snapshot) -> Line {
    let limit = snap.live.limit.limit.map_or_else(|| "unlimited".to_owned(), |n| format!("{n} a minute"));
    Line::of(Role::Muted, limit)
}

/// Where labels end and figures begin.
const LABEL: u16 = 10;

/// The places of the limit that are taken at `now`, by all processes: each until 60 s after its answer.
#[must_use]
pub fn marks(snap: &Snapshot, now: Ts) -> Vec<Mark> {
    let gone = (now - snap.live.at).max(0);
    let marks = snap.live.limit.held.iter().map(|place| {
        let left = millis(place.free_in);
        Mark { left: if place.on_the_wire { left } else { left - gone }, on_the_wire: place.on_the_wire }
    });
    marks.filter(|mark| mark.left > 0).collect()
}

/// The last minute as a belt of time: places come on at the right and are free again at the left.
pub fn belt(view: &mut ViewContext, at: Rect) {
    let snap = &view.model.snap;
    let limit = &snap.live.limit;
    let labels = at.width >= 44;
    let (before, after) = if labels { ("60 s ago ", " now") } else { ("", "") };
    let (left, right) = (width(before), width(after));
    let room = at.width.saturating_sub(left + right + 2);
    if room == 0 {
        return;
    }
    let (x, role) = (at.x + left + 1, if limit.frozen_for.is_some() { Role::Bad } else { Role::Running });
    view.canvas.text(at.x, at.y, left, before, Role::Muted);
    view.canvas.text(x + room + 1, at.y, right, after, Role::Muted);
    for x in [x - 1, x + room] {
        view.canvas.glyph(x, at.y, "│", Role::Border);
    }
    if limit.limit.is_none() {
        for k in 0..room {
            view.canvas.shade(x + k, at.y, "░", Role::Good, f64::from(k) / f64::from(room));
        }
        let text = " no limit agreed ";
        view.canvas.text(x + room.saturating_sub(width(text)) / 2, at.y, room, text, Role::Text);
        return;
    }
    let marks = marks(snap, view.now());
    if marks.is_empty() && limit.used > 0 && limit.held.is_empty() {
        // An older server does not name its places.
        return bar::places(&mut view.canvas, x, at.y, room, limit.used, limit.effective.max(1));
    }
    belt::draw(&mut view.canvas, x, at.y, room, &marks, role);
    let moving = marks.iter().filter(|mark| !mark.on_the_wire);
    if let Some(next) = moving.map(|mark| belt::moves_in(mark.left, room)).min() {
        let now = view.now();
        // Not more often than a clock that shows seconds.
        view.hits.changes_at(now + next.max(MOVES));
    }
}

/// The belt moves at most this often, in milliseconds.
const MOVES: i64 = SECOND;

/// Requests of the last minute, and when the next one may start.
pub fn window(view: &mut ViewContext, at: Rect) {
    let snap = view.model.snap.clone();
    let limit = &snap.live.limit;
    let Some(agreed) = limit.limit else {
        let line = Line::of(Role::Strong, limit.used.to_string())
            .span(Role::Text, format!(" in the last second, {} at most", limit.effective));
        view.canvas.line(at.x, at.y, at.width, &line);
        return;
    };
    let marks = marks(&snap, view.now());
    // Where the places are named they are counted: they go on leaving between two words of the engine.
    let named = limit.held.len() == limit.used as usize;
    let used = if named { marks.len() } else { limit.used as usize };
    let mut pieces = vec![(9, Line::of(Role::Strong, format!("{used} of {}", limit.effective)))];
    if limit.effective < agreed {
        pieces.push((6, Line::of(Role::Warn, format!("lowered from {agreed} after a 429"))));
    }
    let free = next_token(view);
    pieces.push((8, free));
    if limit.waiting > 0 {
        pieces.push((7, Line::of(Role::Muted, format!("{} waiting", format::count(limit.waiting)))));
    }
    let gap = if at.width < 44 { 1 } else { 3 };
    view.canvas.pieces(at.x, at.y, at.width, gap, &pieces);
}

fn next_token(view: &mut ViewContext) -> Line {
    let now = view.now();
    match view.model.snap.next_free_at().filter(|at| *at > now) {
        Some(at) => {
            view.hits.tick();
            Line::of(Role::Muted, "next in ").span(Role::Accent, format::until(at - now))
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
        let left = snap.live.at + left - now;
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

/// A graph with its name before it and a note behind it.
fn graph(view: &mut ViewContext, at: Rect, label: &str, values: &[f64], role: Role, note: &Line) {
    let middle = at.y + (at.height - 1) / 2;
    view.canvas.text(at.x, middle, LABEL.min(at.width), label, Role::Muted);
    let rest = at.width.saturating_sub(LABEL);
    let noted = if rest >= note.width() + 14 { note.width() + 2 } else { 0 };
    let place = Rect::new(at.x + LABEL.min(at.width), at.y, rest - noted, at.height);
    graph::area(&mut view.canvas, place, values, 0.0, role);
    if noted > 0 {
        view.canvas.line(place.right() + 2, middle, noted - 2, note);
    }
}

/// Requests by minute.
pub fn requests_by_minute(view: &mut ViewContext, at: Rect) {
    let values = phrase::requests_by_minute(&view.model.snap.live.pulse, view.now());
    let top = values.iter().copied().fold(0.0, f64::max) as u64;
    let note = Line::of(Role::Muted, "30 min, max ").span(Role::Text, format!("{:<4}", format::count(top)));
    graph(view, at, "req/min", &values, Role::Running, &note);
}

/// Bars written by second.
pub fn rows_by_second(view: &mut ViewContext, at: Rect) {
    let values = phrase::rows_by_second(&view.model.snap.live.pulse, view.now());
    let now: f64 = values.iter().rev().take(10).sum::<f64>() / 10.0;
    let note = Line::of(Role::Muted, "60 s, now ")
        .span(Role::Text, format!("{:<7}", format!("{}/s", format::short(now).trim())));
    graph(view, at, "rows/s", &values, Role::Covered, &note);
}

fn totals(view: &mut ViewContext, at: Rect) {
    let totals = view.model.snap.request_totals();
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
