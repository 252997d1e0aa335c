//! What runs now: each execution with its progress, and its items in the order of their turns. While nothing runs, what
//! comes next, or why nothing may.

use ratatui::layout::Rect;

use super::context::ViewContext;
use super::phrase;
use crate::draw::canvas::{Canvas, Line};
use crate::draw::format;
use crate::draw::hits::{ClickTarget, HitMap, ListWindow};
use crate::draw::theme::Role;
use crate::model::screen::ListId;
use crate::now::what::refusal;
use crate::widgets::bar;
use crate::widgets::table::{Column, Slot, Table, range};
use barkeep_market::Ts;
use barkeep_service::handle::EngineState;
use barkeep_service::progress::{ItemState, ItemView, RunView};

#[derive(Clone, Copy)]
enum ItemColumn {
    Sign,
    Label,
    Criticality,
    Timeframes,
    Gauge,
    Percent,
    Rows,
    State,
}

const COLUMNS: [Column<ItemColumn>; 8] = [
    Column::new(ItemColumn::Sign, "", 1, 9),
    Column::new(ItemColumn::Label, "", 10, 10).up_to(14),
    Column::new(ItemColumn::Criticality, "", 8, 2),
    Column::new(ItemColumn::Timeframes, "", 16, 1),
    Column::new(ItemColumn::Gauge, "", 8, 5).up_to(22),
    Column::new(ItemColumn::Percent, "", 5, 8).right(),
    Column::new(ItemColumn::Rows, "", 9, 4).right(),
    Column::new(ItemColumn::State, "", 14, 7).up_to(60),
];

/// Draws the panel.
pub fn panel(view: &mut ViewContext, area: Rect) {
    let runs = &view.model.snap.live.runs;
    if runs.is_empty() {
        return idle(view, area);
    }
    let (title, tail) = heading(view, area.width);
    let mut inner = view.list_panel(ListId::Items, area, title, &tail);
    // One line for each run while several share the panel.
    let lines = u16::try_from(runs.len()).unwrap_or(u16::MAX).min(inner.height.saturating_sub(2)).max(1);
    for (y, run) in (inner.y..inner.bottom().min(inner.y + lines)).zip(runs) {
        overall(view, Rect::new(inner.x, y, inner.width, 1), run, runs.len() > 1);
    }
    inner = Rect::new(inner.x, inner.y + lines.min(inner.height), inner.width, inner.height.saturating_sub(lines));
    items(view, inner);
}

fn heading(view: &mut ViewContext, width: u16) -> (Line, Line) {
    let runs = &view.model.snap.live.runs;
    let now = view.now();
    let Some(run) = runs.first().filter(|_| runs.len() == 1) else {
        return (Line::of(Role::Title, format!("{} runs", runs.len())), Line::new());
    };
    let mut title = Line::of(Role::Title, "Run ")
        .span(Role::Accent, phrase::id(run.execution_id))
        .span(Role::Muted, format!(" {}", run.trigger.name().replace('_', " ")));
    if width > 70 {
        title = title.span(Role::Muted, format!(" since {}", format::hour_minute(run.started_at)));
    }
    // What it waits for stands below.
    if width > 90 && run.queued.is_none() {
        title = title.span(Role::Text, format!("  {}", phrase::requests(run)));
    }
    view.hits.tick();
    let tail = match run.not_before.filter(|at| *at > now) {
        Some(at) => Line::of(Role::Strong, format::until(at - now)).span(Role::Muted, " left"),
        None => Line::new(),
    };
    (title, tail)
}

fn overall(view: &mut ViewContext, at: Rect, run: &RunView, named: bool) {
    let done = phrase::progress(run);
    let mut x = at.x;
    if named {
        let line = Line::of(Role::Accent, phrase::id(run.execution_id))
            .span(Role::Muted, format!(" {:<8} ", run.trigger.name().replace('_', " ")));
        x += view.canvas.line(x, at.y, at.width, &line);
    }
    if let Some(waits) = phrase::waits(run) {
        view.canvas.line(x, at.y, at.right().saturating_sub(x), &Line::of(Role::Muted, waits));
        return;
    }
    let seconds = phrase::rows_by_second(&view.model.snap.live.pulse, view.now());
    let rate = seconds.iter().rev().take(10).sum::<f64>() / 10.0;
    let mut pieces = vec![
        (9, Line::of(Role::Strong, format::percent(done))),
        (
            7,
            Line::of(
                Role::Text,
                format!("{}/{} items", format::count(run.items_done), format::count(run.items_planned)),
            ),
        ),
        (4, Line::of(Role::Text, format!("{:>7} bars", format::short(run.written as f64)))),
    ];
    // The rate is that of the process: several runs share it.
    if !named {
        pieces.push((3, Line::of(Role::Muted, format!("{:>5}/s", format::short(rate)))));
    }
    if run.items_failed > 0 {
        pieces.insert(2, (8, Line::of(Role::Bad, format!("{} failed", format::count(run.items_failed)))));
    }
    let all: u16 = pieces.iter().map(|(_, line)| line.width() + 2).sum();
    let room = at.right().saturating_sub(x);
    let gauge = room.saturating_sub(all).max(room / 3);
    bar::share(&mut view.canvas, x, at.y, gauge, done, Role::Running);
    view.canvas.pieces(x + gauge + 1, at.y, room.saturating_sub(gauge + 1), 2, &pieces);
}

/// From this width on the items stand in two columns.
const TWO_COLUMNS: u16 = 180;
/// Unless there are no more than these.
const ONE_COLUMN: usize = 8;

fn items(view: &mut ViewContext, area: Rect) {
    let model = view.model;
    let items = model.items();
    let len = items.len();
    let before = model.hits.window_of(ListId::Items);
    let cursor = model.cursor(ListId::Items);
    let two = area.width >= TWO_COLUMNS && len > ONE_COLUMN;
    let half = if two { area.width / 2 - 1 } else { area.width };
    let all_wait = model.snap.live.runs.iter().all(|run| run.queued.is_some());
    let empty = [Line::of(Role::Muted, if all_wait { "waiting for another run" } else { "planning …" })];
    let (now, mut ticking) = (view.now(), false);
    // Both columns show one window: the second goes on where the first ends.
    let high = if two { usize::from(area.height).min(len.div_ceil(2)) } else { usize::from(area.height) };
    let window = before.around(cursor, len, if two { high * 2 } else { high });
    let left = Rect { width: half, ..area };
    let right = Rect::new(area.x + half + 2, area.y, area.width - half - if two { 2 } else { 0 }, area.height);
    for (place, offset) in [(left, window.offset), (right, window.offset + high)].into_iter().take(1 + usize::from(two))
    {
        let rows = len.saturating_sub(offset).min(high);
        let table = Table {
            list: ListId::Items,
            columns: &COLUMNS,
            len: rows,
            cursor: cursor.and_then(|cursor| cursor.checked_sub(offset)).filter(|at| *at < rows),
            focused: model.has_focus(ListId::Items),
            sort: None,
            wide: None,
            before: ListWindow::default(),
            empty: &empty,
        };
        // The rows of this column, where the mouse finds them.
        let mut own = HitMap::default();
        table.draw(
            &mut view.canvas,
            &mut own,
            place,
            |_| false,
            |canvas, slot, key, k| {
                if let Some((_, item)) = items.get(offset + k) {
                    ticking |= matches!(item.state, ItemState::Waiting { until: Some(_), .. });
                    cell(canvas, slot, key, item, now);
                }
            },
        );
        for (area, target) in own.areas() {
            let target =
                if let ClickTarget::Row(list, row) = target { ClickTarget::Row(*list, row + offset) } else { *target };
            view.hits.add(*area, target);
        }
    }
    view.hits.window(ListId::Items, window);
    if ticking {
        view.hits.tick();
    }
    let note = range(window, len);
    if !note.is_empty() && area.height > 0 {
        let y = area.bottom();
        view.canvas.right(area.x, y, area.width, &format!(" {note} "), Role::Muted);
    }
}

fn cell(canvas: &mut Canvas, slot: Slot, key: ItemColumn, item: &ItemView, now: Ts) {
    let (sign, line) = phrase::item(item, now);
    let role = line.role();
    match key {
        ItemColumn::Sign => slot.text(canvas, sign, role),
        ItemColumn::Label => slot.text(canvas, &phrase::item_label(&item.label), Role::Strong),
        ItemColumn::Criticality => slot.text(canvas, item.info.criticality.name(), Role::Muted),
        ItemColumn::Timeframes => {
            slot.text(canvas, &phrase::derivation(item.info.timeframe, &item.info.derives), Role::Muted);
        }
        ItemColumn::Gauge => {
            let role = match item.state {
                // Quiet: there are many of them.
                ItemState::Verified => Role::Covered,
                ItemState::Failed { .. } => Role::Bad,
                _ => Role::Running,
            };
            bar::share(canvas, slot.x, slot.y, slot.width, item.done, role);
        }
        ItemColumn::Percent => {
            let is_done = matches!(item.state, ItemState::Verified);
            let text = if is_done { " done".to_owned() } else { format::percent(item.done.min(0.99)) };
            slot.text(canvas, &text, Role::Text);
        }
        ItemColumn::Rows => slot.text(canvas, &format::count(item.rows), Role::Text),
        ItemColumn::State => slot.line(canvas, &line),
    }
}

/// Nothing runs: what is next, or why nothing may start.
fn idle(view: &mut ViewContext, area: Rect) {
    let model = view.model;
    let live = &model.snap.live;
    let now = view.now();
    let (title, frame) = match live.state {
        EngineState::Failed => ("Failed", Role::Bad),
        EngineState::Paused | EngineState::Pausing => ("Paused", Role::Paused),
        EngineState::Draining => ("Shutting down", Role::Paused),
        EngineState::Standby => ("Standby", Role::Paused),
        EngineState::Idle | EngineState::Running => ("Idle", Role::Border),
    };
    view.hits.add(area, ClickTarget::List(ListId::Items));
    let inner = view.canvas.block(area, &Line::of(Role::Title, title), &Line::new(), frame);
    let mut lines = Vec::new();
    match (&live.key_refused, &live.reason) {
        (Some(said), _) => {
            lines.push(Line::of(Role::Bad, format!("the vendor refuses the API key: {}", refusal(said))));
        }
        (None, Some(reason)) => lines.push(Line::of(Role::Bad, reason.clone())),
        (None, None) => {}
    }
    if let Some(pause) = &live.paused {
        view.hits.counts(now, pause.since);
        lines.push(Line::of(Role::Paused, format!("paused by {} {} ago", pause.by, format::rough(now - pause.since))));
        lines
            .push(Line::of(Role::Muted, "requests under way are finished and stored; nothing starts until you resume"));
    }
    let mut next: Vec<_> = live.next.iter().collect();
    next.sort_by_key(|run| run.at);
    let pauses = matches!(live.state, EngineState::Paused | EngineState::Pausing | EngineState::Failed);
    for run in next.into_iter().filter(|_| !pauses) {
        let left = format::ahead(run.at - now);
        view.hits.counts(now, run.at);
        lines.push(
            Line::of(Role::Text, format!("{:<10}", phrase::schedule(&run.what)))
                .span(Role::Strong, format!("{:>13}", format::due(run.at, now)))
                .span(Role::Muted, format!("  in {left:>9}")),
        );
    }
    if lines.is_empty() {
        lines.push(Line::of(Role::Muted, "no engine in this process: showing what is in the database"));
    }
    view.canvas.center(inner, &lines);
}
