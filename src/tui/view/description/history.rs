//! What is missing of the selected series and how the last attempts went, as plain lists beside the table and the map.

use ratatui::layout::Rect;

use crate::draw::canvas::{Line, columns, rows};
use crate::draw::format;
use crate::draw::layout::Constraint;
use crate::draw::theme::Role;
use crate::now::cause::cause;
use crate::view::context::ViewContext;
use crate::view::{attempts, phrase};
use barkeep_runtime::console::SeriesName;

/// Width of a gap in a column of several.
const GAP: u16 = 52;

/// Both below each other.
pub(super) fn below(view: &mut ViewContext, area: Rect, name: &SeriesName) {
    let places = rows(area, &[Constraint::new(4, area.height / 2, 9), Constraint::new(4, u16::MAX, 8)]);
    both(view, &places, name);
}

/// Both side by side.
pub(super) fn aside(view: &mut ViewContext, area: Rect, name: &SeriesName) {
    let places = columns(area, 0, &[Constraint::new(30, area.width / 2, 9), Constraint::new(30, u16::MAX, 8)]);
    both(view, &places, name);
}

fn both(view: &mut ViewContext, places: &[Option<Rect>], name: &SeriesName) {
    let place = |k: usize| places.get(k).copied().flatten();
    if let Some(at) = place(0) {
        gaps(view, at, name);
    }
    if let Some(at) = place(1) {
        tries(view, at, name);
    }
}

fn gaps(view: &mut ViewContext, area: Rect, name: &SeriesName) {
    let (model, now) = (view.model, view.now());
    let Some(detail) = model.answers.detail(name).value else {
        let inner = view.panel(area, "Gaps", &Line::new());
        return view.canvas.center(inner, &[Line::of(Role::Muted, "loading …")]);
    };
    let total = detail.gaps_total;
    let tail = Line::of(if total > 0 { Role::Aging } else { Role::Muted }, format::count(total));
    let inner = view.panel(area, "Gaps", &tail);
    if detail.gaps.is_empty() {
        return view.canvas.center(inner, &[Line::of(Role::Good, "no gaps")]);
    }
    let class = detail.symbol.asset_class;
    let each = (inner.width / GAP.min(inner.width).max(1)).max(1);
    let width = inner.width / each;
    // The newest first: it is what is missed first.
    for (k, gap) in (0..).zip(detail.gaps.iter().rev().take(usize::from(inner.height * each))) {
        let (x, y) = (inner.x + k / inner.height * width, inner.y + k % inner.height);
        let cost = match gap.requests {
            _ if gap.not_entitled => Line::of(Role::Refused, "x not entitled"),
            Some(n) => Line::of(Role::Aging, format::plural(n, "request")),
            None => Line::of(Role::Aging, "missing"),
        };
        let line = Line::of(Role::Text, format!("{}  ", attempts::hole(gap, class, now)));
        let mut line = line;
        line.spans.extend(cost.spans);
        view.canvas.line(x, y, width.saturating_sub(1), &line);
    }
}

fn tries(view: &mut ViewContext, area: Rect, name: &SeriesName) {
    let (model, now) = (view.model, view.now());
    let inner = view.panel(area, "Attempts", &Line::new());
    let Some(detail) = model.answers.detail(name).value else { return };
    if detail.attempts.is_empty() {
        return view.canvas.center(inner, &[Line::of(Role::Muted, "no attempts yet")]);
    }
    for (y, row) in (inner.y..inner.bottom()).zip(&detail.attempts) {
        let (sign, word, role) = phrase::series_state(&model.snap, row);
        let at = row.started_at.map_or_else(String::new, |at| format::when(at, now));
        let new = format!("  +{}", format::count(row.records_inserted));
        let why = row.error_message.as_deref().map_or_else(String::new, |message| format!("  {}", cause(message)));
        let line = Line::of(Role::Muted, format!("{at:>6}  "))
            .span(role, format!("{sign} {word}"))
            .span(Role::Text, new)
            .span(Role::Bad, why);
        view.canvas.line(inner.x, y, inner.width, &line);
    }
}
