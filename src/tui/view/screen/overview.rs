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

use crate::draw::canvas::{Line, columns, rows, wrap_line};
use crate::draw::context::DrawContext;
use crate::draw::format;
use crate::draw::hits::HitMap;
use crate::draw::layout::Constraint;
use crate::draw::theme::Role;
use crate::model::screen::ListId;
use crate::model::{LASTING, Model};
use crate::now::cause::short_times;
use crate::now::{conditions, wording};
use crate::view::context::ViewContext;
use crate::view::{WITH_LOG, brief, limit, phrase, runs, wall};
use crate::widgets::table::Column;

/// Draws it into `area`.
pub fn draw(model: &Model, context: &DrawContext, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    // Nothing looks good while something is wrong.
    let theme = if model.conditions().is_empty() { context.theme } else { context.theme.sober() };
    let context = &DrawContext { theme, ..context.clone() };
    let view = &mut ViewContext::new(model, context, area, buf, hits);
    if area.width < 50 || area.height < 14 {
        return brief::draw(view, area);
    }
    if model.maximized {
        return match model.focus() {
            ListId::OverviewAlerts => alerts(view, area),
            ListId::OverviewExecutions => executions(view, area),
            ListId::Freshness => wall::panel(view, area),
            _ => runs::panel(view, area),
        };
    }
    settle(view);
    // While nothing runs there is little to say about it.
    let idle = !model.is_working();
    let (alerted, executed) = (has_alerts(view), has_executions(view));
    let lists = alerted || executed || area.width >= WITH_LOG;
    // While something runs its items have the room; on a small screen the lists below are a line.
    let small = area.height < 24;
    let rest = match (lists, idle) {
        (false, _) => Constraint::new(1, 1, 3),
        (true, true) => Constraint::new(4, u16::MAX, 3),
        (true, false) if small => Constraint::new(1, 1, 5),
        // On a tall screen there is room for both.
        (true, false) if area.height >= 60 => Constraint::new(4, u16::MAX, 5),
        (true, false) => Constraint::new(4, 6.max(area.height / 5), 5),
    };
    // Items that find no row are a key away; empty rows help nobody.
    let runs = if area.height >= 60 && lists && !idle {
        Constraint::new(7, area.height * 3 / 10, 6)
    } else if idle && lists {
        Constraint::new(5, 7, 4)
    } else {
        Constraint::new(if small { 7 } else { 5 }, u16::MAX, 4)
    };
    let now_rows = now_rows(area.height);
    if area.width < 76 {
        let needs = [
            (Panel::Now, Constraint::new(7, 7, 9)),
            (Panel::Wall, Constraint::new(4, wall::wanted(model, area.width, 9).max(4), 7)),
            (Panel::Runs, Constraint::new(4, if idle { 7 } else { 20 }, 6)),
            (Panel::Limit, Constraint::new(4, 6, 5)),
            (Panel::Alerts, if alerted { Constraint::new(4, 7, 4) } else { Constraint::new(1, 1, 4) }),
            (Panel::Executions, if executed { Constraint::new(4, 9, 3) } else { Constraint::new(1, 1, 3) }),
        ];
        return stack(view, area, &needs);
    }
    // The wall gets what it needs of the upper half, by how many symbols there are and not by how they are.
    let left = if area.width < 150 { area.width - area.width / 3 } else { area.width * 3 / 5 };
    let left = if area.height < 28 { area.width / 2 + 8 } else { left };
    let most = if area.height < 28 { 7 } else { (area.height - now_rows) / 2 };
    let top = wall::wanted(model, left, most.max(6)).max(if area.height < 28 { 7 } else { 9 });
    let needs = [
        (Panel::Now, Constraint::new(7, now_rows, 9)),
        (Panel::WallAndLimit(left), Constraint::new(6, top, 7)),
        (Panel::Runs, runs),
        (Panel::Lists, rest),
    ];
    stack(view, area, &needs);
}

/// Rows of the box that says what is wrong: with room to spare its lines may wrap.
#[must_use]
pub const fn now_rows(height: u16) -> u16 {
    match height {
        0..36 => 7,
        36..60 => 8,
        _ => 9,
    }
}

/// Says when the sizes may change by themselves.
fn settle(view: &mut ViewContext) {
    let (time, model) = (view.now(), view.model);
    let begun = model.snap.live.runs.iter().map(|run| run.started_at);
    let raised = model.snap.data.alerts.iter().map(|alert| alert.raised_at);
    let executed = model.snap.data.executions.iter().map(|row| row.started_at);
    let worked = model.work.into_iter().flat_map(|work| [work.since, work.until]);
    for at in begun.chain(raised).chain(executed).chain(worked) {
        if (0..LASTING).contains(&(time - at)) {
            view.hits.changes_at(at + LASTING);
        }
    }
}

/// An alert of the last seconds moves nothing yet.
fn has_alerts(view: &ViewContext) -> bool {
    view.model.snap.data.alerts.iter().any(|alert| view.now() - alert.raised_at >= LASTING)
}

fn has_executions(view: &ViewContext) -> bool {
    view.model.snap.data.executions.iter().any(|row| view.now() - row.started_at >= LASTING)
}

/// Two or three panels beside each other.
fn beside(place: Rect, widths: &[u16]) -> Vec<Rect> {
    let needs: Vec<Constraint> =
        (1..).zip(widths).map(|(k, width)| Constraint::new((*width).min(30), *width, 9 - k)).collect();
    columns(place, 0, &needs).into_iter().map(Option::unwrap_or_default).collect()
}

fn stack(view: &mut ViewContext, area: Rect, panels: &[(Panel, Constraint)]) {
    let needs: Vec<Constraint> = panels.iter().map(|(_, need)| *need).collect();
    for ((panel, _), place) in panels.iter().zip(rows(area, &needs)) {
        let Some(place) = place.filter(|p| p.height > 0) else { continue };
        match panel {
            Panel::Now => now(view, place),
            Panel::Wall => wall::panel(view, place),
            Panel::Limit => limit::panel(view, place),
            Panel::Runs => runs::panel(view, place),
            Panel::Alerts if place.height < 3 => summary(view, place, false),
            Panel::Alerts => alerts(view, place),
            Panel::Executions if place.height < 3 => {}
            Panel::Executions => executions(view, place),
            Panel::WallAndLimit(left) => {
                if let [wall, limit] = beside(place, &[*left, u16::MAX]).as_slice() {
                    wall::panel(view, *wall);
                    limit::panel(view, *limit);
                }
            }
            Panel::Lists => lists(view, place),
        }
    }
}

/// Alerts, executions and the log beside each other; what is empty is named in a line, and the rest has its place.
fn lists(view: &mut ViewContext, place: Rect) {
    let (alerted, executed) = (has_alerts(view), has_executions(view));
    let log = place.width >= WITH_LOG;
    if !alerted && !executed && !log || place.height < 3 {
        return summary(view, place, true);
    }
    let count = u16::from(alerted) + u16::from(executed) + u16::from(log);
    let place = if alerted && executed || place.height < 6 {
        place
    } else {
        summary(view, Rect::new(place.x, place.bottom() - 1, place.width, 1), false);
        Rect { height: place.height - 1, ..place }
    };
    let each = place.width / count.max(1);
    let widths: Vec<u16> = (1..=count).map(|k| if k == count { u16::MAX } else { each }).collect();
    let mut places = beside(place, &widths).into_iter();
    if alerted && let Some(at) = places.next() {
        alerts(view, at);
    }
    if executed && let Some(at) = places.next() {
        executions(view, at);
    }
    if log && let Some(at) = places.next() {
        crate::view::lists::newest_lines(view, at);
    }
}

/// What is empty, in a line; with `all` also what is there and has no room.
fn summary(view: &mut ViewContext, at: Rect, all: bool) {
    let data = &view.model.snap.data;
    let open = data.open_alerts();
    let mut words: Vec<(Role, String)> = Vec::new();
    match (has_alerts(view), open) {
        (false, _) => words.push((Role::Muted, "Alerts: none".to_owned())),
        (true, 0) if all => words.push((Role::Muted, "Alerts: none open".to_owned())),
        (true, _) if all => words.push((Role::Bad, format!("Alerts: {open} open"))),
        _ => {}
    }
    match data.executions.iter().find(|row| row.completed_at.is_some()) {
        _ if !has_executions(view) => words.push((Role::Muted, "Executions: none".to_owned())),
        Some(last) if all => {
            let (sign, word, role) = phrase::execution(last.status);
            let when = format::when(last.started_at, view.now());
            words.push((role, format!("Last execution {sign} {word} {}", when.trim())));
        }
        _ => {}
    }
    let mut line = Line::new();
    for (role, text) in words {
        let between = if line.is_empty() { "" } else { " · " };
        line = line.span(Role::Muted, between).span(role, text);
    }
    view.canvas.line(at.x + 2, at.y, at.width.saturating_sub(2), &line);
}

#[derive(Clone, Copy)]
enum Panel {
    Now,
    Wall,
    Limit,
    /// The width of the wall.
    WallAndLimit(u16),
    Runs,
    Alerts,
    Executions,
    /// Alerts, executions and, where there is room, the log.
    Lists,
}

fn now(view: &mut ViewContext, area: Rect) {
    let model = view.model;
    let (facts, conditions) = (model.facts(), model.conditions());
    let frame = conditions::severity(&conditions).map_or(Role::Border, conditions::ConditionLevel::role);
    let headline = wording::headline(&facts, &conditions);
    let inner = view.canvas.block(area, &Line::of(Role::Title, "Now"), &headline, frame);
    phrase::changes(view.hits, &facts, &conditions);
    let lines = wording::lines(&facts, &conditions, |id| model.key_now(id));
    let label = 9.min(inner.width);
    let room = inner.width - label;
    // Rows that no line needs go to those that are too long, from the top.
    let mut spare = inner.height.saturating_sub(u16::try_from(lines.len()).unwrap_or(0));
    let mut y = inner.y;
    for line in lines {
        let wrapped = wrap_line(&line.text, room, usize::from(spare) + 1);
        view.canvas.text(inner.x, y, label, line.label, Role::Muted);
        for text in &wrapped {
            if y < inner.bottom() {
                view.canvas.line(inner.x + label, y, room, text);
            }
            y += 1;
        }
        spare = spare.saturating_sub(u16::try_from(wrapped.len()).unwrap_or(1).saturating_sub(1));
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
                    None => Line::of(phrase::severity(row.severity), format!("! {}", short_times(&row.message))),
                    Some(at) => Line::of(Role::Good, "✓ ").span(
                        Role::Muted,
                        format!("{} for {}", short_times(&row.message), format::rough(at - row.raised_at)),
                    ),
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
