//! The confirmation dialog: what a command does, to what, and what it costs. The default is no.

use ratatui::layout::Rect;

use crate::draw::canvas::{Canvas, Line, wrap};
use crate::draw::format::{count, plural, span};
use crate::draw::hits::{ClickTarget, HitMap};
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::layer::{Confirm, Cost};
use crate::view::suspect::{self, Stored};
use barkeep_plan::Plan;

pub(crate) fn draw(model: &Model, question: &Confirm, canvas: &mut Canvas<'_>, body: Rect, hits: &mut HitMap) {
    let width = body.width.min(76);
    let room = width.saturating_sub(4);
    let mut lines: Vec<Line> = wrap(&question.scope, room).into_iter().map(|line| Line::of(Role::Text, line)).collect();
    let ready = question.cost.is_known();
    match &question.cost {
        Cost::Free => {}
        Cost::Planning => lines.push(Line::of(Role::Muted, "planning …")),
        Cost::Known(plan) => lines.extend(cost(model, plan)),
        Cost::Unknown(why) => lines.extend(wrap(why, room).into_iter().map(|line| Line::of(Role::Warn, line))),
    }
    let bar_lines = if question.bar.is_some() { 5 } else { 0 };
    let scope_lines = lines.len();
    lines.extend(std::iter::repeat_n(Line::new(), bar_lines));
    let wanted = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(4);
    let height = body.height.min(wanted);
    let area = Rect::new(body.x + (body.width - width) / 2, body.y + (body.height - height) / 3, width, height);
    canvas.clear(area);
    let inner = canvas.block(area, &Line::of(Role::Title, question.title.clone()), &Line::new(), Role::BorderFocused);
    if inner.is_empty() {
        return;
    }
    for (y, line) in (inner.y..inner.bottom().saturating_sub(1)).zip(&lines) {
        canvas.line(inner.x, y, inner.width, line);
    }
    if let Some(row) = &question.bar {
        let top = inner.y + u16::try_from(scope_lines).unwrap_or(0) + 1;
        let stored = suspect::stored_of(model, row);
        let replaced = if let Stored::Bar(bar) = stored { Some(bar) } else { None };
        let place = |k: u16| Rect::new(inner.x, top + k, inner.width, 1);
        let last = inner.bottom().saturating_sub(1);
        let draw = |k: u16| top + k < last;
        if draw(0) {
            suspect::heading(canvas, place(0));
        }
        if let Some(bar) = replaced.filter(|_| draw(1)) {
            suspect::line(canvas, place(1), "stored", bar, Role::Strong, None);
        }
        if draw(2) {
            suspect::line(canvas, place(2), "sent", &row.bar, Role::Bad, replaced);
        }
        if draw(3) {
            canvas.line(inner.x, top + 3, inner.width, &suspect::consequence(stored));
        }
    }
    let y = inner.bottom() - 1;
    let mut x = inner.x;
    let choices = [
        (!question.yes || !ready, if ready { " No " } else { " Close " }, ClickTarget::No),
        (question.yes, " Yes ", ClickTarget::Yes),
    ];
    for (chosen, text, target) in choices.into_iter().take(if ready { 2 } else { 1 }) {
        let place = Rect::new(x, y, crate::draw::canvas::width(text), 1).intersection(inner);
        canvas.text(x, y, place.width, text, if chosen { Role::Strong } else { Role::Text });
        if chosen {
            canvas.overlay(place, Role::Selected);
        }
        hits.add(place, target);
        x = place.right() + 2;
    }
}

/// Requests with their proof, time at the limit in force, bars.
fn cost(model: &Model, plan: &Plan) -> Vec<Line> {
    let limit = &model.snap.live.limit;
    let at = limit.limit.map_or_else(|| "without a limit".to_owned(), |_| format!("at {} per minute", limit.effective));
    let (time, at) = match plan.estimated_seconds {
        s if s < 1.0 => ("less than 1 s".to_owned(), String::new()),
        s => (format!("about {}", span((s * 1000.0) as i64)), at),
    };
    let mut lines = vec![
        Line::of(Role::Muted, "requests  ").span(Role::Muted, "at most ").span(Role::Strong, count(plan.requests)),
        Line::of(Role::Muted, "time      ").span(Role::Strong, time).span(Role::Muted, format!("  {at}")),
        Line::of(Role::Muted, "bars      ").span(Role::Text, format!("about {}", count(plan.expected_bars))),
    ];
    if plan.derived_locally > 0 {
        let derived = plural(plan.derived_locally, "series");
        lines.push(Line::of(Role::Muted, "derived   ").span(Role::Text, format!("{derived}, no request")));
    }
    if let (Some(used), Some(most)) = (Some(limit.used), limit.limit) {
        lines.push(
            Line::of(Role::Muted, "limit     ").span(Role::Text, format!("{used} of {most} used in the last 60 s")),
        );
    }
    lines
}
