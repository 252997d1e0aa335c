//! The Overview: what is wrong and what to do in five lines, then tiers, limit, runs, alerts and past executions.
//!
//! ```text
//! ╭ Now ───────────────────────────────────────────────╮
//! │ wrong / matters / doing / done / you can             │
//! ├ Freshness ───────────────┬ Vendor limit ───────────┤
//! ├ Run 7f3a … ──────────────┴─────────────────────────┤
//! ├ Alerts ──────────────────┬ Executions ─────────────┤
//! ```
//! Below 76 columns the panels stand below each other, below 14 lines or 50 columns it is a list of lines.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::draw::canvas::{Line, columns, rows};
use crate::draw::context::DrawContext;
use crate::draw::format;
use crate::draw::hits::HitMap;
use crate::draw::layout::Constraint;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::ListId;
use crate::now::{conditions, wording};
use crate::view::context::ViewContext;
use crate::view::{brief, freshness, limit, phrase, runs};
use crate::widgets::table::Column;
use barkeep_market::ts::SECOND;

/// A run that lasts so long gets more room.
const LASTING: i64 = 10 * SECOND;

/// Draws it into `area`.
pub fn draw(model: &Model, context: &DrawContext, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    // Nothing looks good while something is wrong.
    let theme = if model.conditions().is_empty() { context.theme } else { context.theme.sober() };
    let context = &DrawContext { theme, ..context.clone() };
    let view = &mut ViewContext::new(model, context, area, buf, hits);
    if area.width < 50 || area.height < 14 {
        return brief::draw(view, area);
    }
    let wide = area.width >= 76;
    // While nothing runs there is little to say about it. A run of a second moves nothing.
    let time = view.now();
    let idle = model.snap.live.runs.iter().all(|run| time - run.started_at < LASTING);
    for run in model.snap.live.runs.iter().filter(|run| time - run.started_at < LASTING) {
        view.hits.changes_at(run.started_at + LASTING);
    }
    let (runs, rest) = if idle { (7, u16::MAX) } else { (40, 9) };
    let panes: [(Panel, Constraint); 6] = if wide {
        // The wall gets what it needs, as far as the rest keeps its room.
        let most = match area.height {
            40.. => 16,
            30.. => 10,
            _ => 7,
        };
        let tiers = freshness::height(view, area.width / 2).clamp(7, most);
        [
            (Panel::Now, Constraint::new(7, 7, 9)),
            (Panel::TiersAndLimit, Constraint::new(6, tiers, 7)),
            (Panel::Runs, Constraint::new(5, runs, 4)),
            (Panel::AlertsAndExecutions, Constraint::new(4, rest, if idle { 3 } else { 5 })),
            (Panel::Nothing, Constraint::new(0, 0, 0)),
            (Panel::Nothing, Constraint::new(0, 0, 0)),
        ]
    } else {
        [
            (Panel::Now, Constraint::new(7, 7, 9)),
            (Panel::Tiers, Constraint::new(4, 7, 7)),
            (Panel::Runs, Constraint::new(4, 20, 6)),
            (Panel::Limit, Constraint::new(4, 6, 5)),
            (Panel::Alerts, Constraint::new(4, 7, 4)),
            (Panel::Executions, Constraint::new(4, 9, 3)),
        ]
    };
    let needs = panes.map(|(_, need)| need);
    for ((panel, _), place) in panes.into_iter().zip(rows(area, &needs)) {
        let Some(place) = place.filter(|p| p.height > 0) else { continue };
        let halves = || -> (Rect, Rect) {
            let half = Constraint::new(30, u16::MAX, 1);
            let left = place.width / 2;
            let both = columns(place, 0, &[Constraint::new(left, left, 2), half]);
            let of = |k: usize| both.get(k).copied().flatten().unwrap_or_default();
            (of(0), of(1))
        };
        match panel {
            Panel::Now => now(view, place),
            Panel::Tiers => freshness::panel(view, place),
            Panel::Limit => limit::panel(view, place),
            Panel::Runs => runs::panel(view, place),
            Panel::Alerts => alerts(view, place),
            Panel::Executions => executions(view, place),
            Panel::TiersAndLimit => {
                let (left, right) = halves();
                freshness::panel(view, left);
                limit::panel(view, right);
            }
            Panel::AlertsAndExecutions => {
                let (left, right) = halves();
                alerts(view, left);
                executions(view, right);
            }
            Panel::Nothing => {}
        }
    }
}

#[derive(Clone, Copy)]
enum Panel {
    Now,
    Tiers,
    Limit,
    TiersAndLimit,
    Runs,
    Alerts,
    Executions,
    AlertsAndExecutions,
    Nothing,
}

fn now(view: &mut ViewContext, area: Rect) {
    let model = view.model;
    let (facts, conditions) = (model.facts(), model.conditions());
    let frame = conditions::severity(&conditions).map_or(Role::Border, conditions::Severity::role);
    let headline = wording::headline(&facts, &conditions);
    let inner = view.canvas.block(area, &Line::of(Role::Title, "Now"), &headline, frame);
    phrase::changes(view.hits, &facts, &conditions);
    let lines = wording::lines(&facts, &conditions, |id| model.key_now(id));
    for (y, line) in (inner.y..inner.bottom()).zip(lines) {
        let label = 9.min(inner.width);
        view.canvas.text(inner.x, y, label, line.label, Role::Muted);
        view.canvas.line(inner.x + label, y, inner.width - label, &line.text);
    }
}

/// Open alerts first, as a short list of the newest.
fn alerts(view: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum OverviewAlertColumn {
        Raised,
        Message,
    }
    let model = view.model;
    let rows = &model.snap.data.alerts;
    let open = model.snap.data.open_alerts();
    let title = Line::of(Role::Title, "Alerts").span(
        if open > 0 { Role::Bad } else { Role::Muted },
        if open > 0 { format!(" {open} open") } else { " none open".to_owned() },
    );
    let columns = [
        Column::new(OverviewAlertColumn::Raised, "", 6, 5),
        Column::new(OverviewAlertColumn::Message, "", 12, 9).up_to(300),
    ];
    let empty = [Line::of(Role::Muted, "no alerts yet")];
    let now = view.now();
    view.table(ListId::OverviewAlerts, area, title, &columns, &empty, |canvas, slot, key, k| {
        let Some(row) = rows.get(k) else { return };
        match key {
            OverviewAlertColumn::Raised => slot.text(canvas, &format::when(row.raised_at, now), Role::Muted),
            OverviewAlertColumn::Message => {
                let line = match row.resolved_at {
                    None => Line::of(phrase::severity(row.severity), format!("! {}", row.message)),
                    Some(at) => Line::of(Role::Good, "✓ ")
                        .span(Role::Muted, format!("{} for {}", row.message, format::rough(at - row.raised_at))),
                };
                slot.line(canvas, &line);
            }
        }
    });
}

fn executions(view: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum OverviewExecutionColumn {
        Started,
        Trigger,
        Status,
        Symbols,
        Duration,
        Requests,
    }
    let model = view.model;
    let rows = &model.snap.data.executions;
    let columns = [
        Column::new(OverviewExecutionColumn::Started, "", 6, 8),
        Column::new(OverviewExecutionColumn::Trigger, "", 8, 4),
        Column::new(OverviewExecutionColumn::Status, "", 13, 9),
        Column::new(OverviewExecutionColumn::Symbols, "", 9, 7).right(),
        Column::new(OverviewExecutionColumn::Duration, "", 8, 5).right(),
        Column::new(OverviewExecutionColumn::Requests, "", 9, 3).right(),
    ];
    let empty = [Line::of(Role::Muted, "no executions yet")];
    let now = view.now();
    view.table(
        ListId::OverviewExecutions,
        area,
        Line::of(Role::Title, "Executions"),
        &columns,
        &empty,
        |canvas, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            let run = model.snap.live.runs.iter().find(|run| run.execution_id == row.execution_id);
            match key {
                OverviewExecutionColumn::Started => slot.text(canvas, &format::when(row.started_at, now), Role::Muted),
                OverviewExecutionColumn::Trigger => {
                    slot.text(canvas, &row.trigger.name().replace('_', " "), Role::Text);
                }
                OverviewExecutionColumn::Status => {
                    let (sign, word, role) = phrase::execution(row.status);
                    slot.text(canvas, &format!("{sign} {word}"), role);
                }
                OverviewExecutionColumn::Symbols => slot.text(canvas, &phrase::symbols_done(row), Role::Text),
                OverviewExecutionColumn::Duration => {
                    let took = row.completed_at.unwrap_or(now) - row.started_at;
                    slot.text(canvas, &phrase::took(took), Role::Muted);
                }
                OverviewExecutionColumn::Requests => {
                    let (requests, _) = phrase::totals(row, run);
                    slot.text(canvas, &format!("{} req", format::count(requests)), Role::Muted);
                }
            }
        },
    );
}
