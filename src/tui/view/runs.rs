//! What runs now: each execution with its progress, and its items in the order of their turns. While nothing runs, what
//! comes next, or why nothing may.

use ratatui::layout::Rect;

use super::phrase;
use super::stage::ViewContext;
use crate::draw::format;
use crate::draw::pen::Words;
use crate::draw::theme::Role;
use crate::model::screen::ListId;
use crate::widgets::bar;
use crate::widgets::table::{Column, Table, range};
use barkeep_service::handle::EngineState;
use barkeep_service::progress::{ItemState, RunView};

#[derive(Clone, Copy)]
enum Is {
    Sign,
    Label,
    Criticality,
    TriggerScope,
    Bar,
    Percent,
    Rows,
    State,
}

const COLUMNS: [Column<Is>; 8] = [
    Column::new(Is::Sign, "", 1, 9),
    Column::new(Is::Label, "", 10, 10).up_to(14),
    Column::new(Is::Criticality, "", 8, 2),
    Column::new(Is::TriggerScope, "", 16, 1),
    Column::new(Is::Bar, "", 8, 5).up_to(22),
    Column::new(Is::Percent, "", 5, 8).right(),
    Column::new(Is::Rows, "", 9, 4).right(),
    Column::new(Is::State, "", 14, 7).up_to(60),
];

/// Draws the panel.
pub fn panel(stage: &mut ViewContext, area: Rect) {
    let runs = &stage.model.snap.live.runs;
    if runs.is_empty() {
        return resting(stage, area);
    }
    let (title, tail) = heading(stage, area.width);
    let mut inner = stage.list_panel(ListId::Items, area, title, &tail);
    // One line for each run while several share the panel.
    let lines = u16::try_from(runs.len()).unwrap_or(u16::MAX).min(inner.height.saturating_sub(2)).max(1);
    for (y, run) in (inner.y..inner.bottom().min(inner.y + lines)).zip(runs) {
        overall(stage, Rect::new(inner.x, y, inner.width, 1), run, runs.len() > 1);
    }
    inner = Rect::new(inner.x, inner.y + lines.min(inner.height), inner.width, inner.height.saturating_sub(lines));
    items(stage, inner);
}

fn heading(stage: &mut ViewContext, width: u16) -> (Words, Words) {
    let runs = &stage.model.snap.live.runs;
    let now = stage.now();
    let Some(run) = runs.first().filter(|_| runs.len() == 1) else {
        return (Words::of(Role::Title, format!("{} runs", runs.len())), Words::new());
    };
    let mut title = Words::of(Role::Title, "Run ")
        .say(Role::Accent, phrase::id(run.execution_id))
        .say(Role::Muted, format!(" {}", run.trigger.name().replace('_', " ")));
    if width > 70 {
        title = title.say(Role::Muted, format!(" since {}", format::hour_minute(run.started_at)));
    }
    if width > 90 {
        let fewest = run.requests_planned == run.lower_bound;
        let bound = if fewest { "fewest possible".to_owned() } else { format!("at least {}", run.lower_bound) };
        title = title
            .say(Role::Muted, "  requests ")
            .say(
                Role::Text,
                format!("{}/{}", format::count(run.requests_answered), format::count(run.requests_planned)),
            )
            .say(Role::Muted, format!(" ({bound})"));
    }
    stage.hits.tick();
    let tail = match run.not_before.filter(|at| *at > now) {
        Some(at) => Words::of(Role::Strong, format::until(at - now)).say(Role::Muted, " left"),
        None => Words::new(),
    };
    (title, tail)
}

fn overall(stage: &mut ViewContext, at: Rect, run: &RunView, named: bool) {
    let done = phrase::progress(run);
    let mut x = at.x;
    if named {
        let words = Words::of(Role::Accent, phrase::id(run.execution_id))
            .say(Role::Muted, format!(" {:<8} ", run.trigger.name().replace('_', " ")));
        x += stage.pen.words(x, at.y, at.width, &words);
    }
    let seconds = &stage.model.snap.live.pulse.rows_by_second;
    let rate = seconds.iter().rev().take(10).sum::<u64>() as f64 / 10.0;
    let mut pieces = vec![
        (9, Words::of(Role::Strong, format::percent(done))),
        (
            7,
            Words::of(
                Role::Text,
                format!("{}/{} items", format::count(run.items_done), format::count(run.items_planned)),
            ),
        ),
        (4, Words::of(Role::Text, format!("{:>7} bars", format::short(run.rows as f64)))),
        (3, Words::of(Role::Muted, format!("{:>5}/s", format::short(rate)))),
    ];
    if run.items_failed > 0 {
        pieces.insert(2, (8, Words::of(Role::Bad, format!("{} failed", format::count(run.items_failed)))));
    }
    let all: u16 = pieces.iter().map(|(_, words)| words.width() + 2).sum();
    let room = at.right().saturating_sub(x);
    let gauge = room.saturating_sub(all).max(room / 3);
    bar::share(&mut stage.pen, x, at.y, gauge, done, Role::Running);
    stage.pen.pieces(x + gauge + 1, at.y, room.saturating_sub(gauge + 1), 2, &pieces);
}

fn items(stage: &mut ViewContext, area: Rect) {
    let model = stage.model;
    let items = model.items();
    let len = items.len();
    let before = model.hits.window_of(ListId::Items);
    let empty = [Words::of(Role::Muted, "planning …")];
    let cursor = model.cursor(ListId::Items);
    let table = Table {
        list: ListId::Items,
        columns: &COLUMNS,
        len,
        cursor,
        focused: model.has_focus(ListId::Items),
        sort: None,
        before,
        empty: &empty,
    };
    let now = stage.now();
    let mut ticking = false;
    let window = table.draw(
        &mut stage.pen,
        stage.hits,
        area,
        |_| false,
        |pen, slot, key, k| {
            let Some((_, item)) = items.get(k) else { return };
            let (sign, words) = phrase::item(item, now);
            let role = words.0.first().map_or(Role::Text, |say| say.role);
            ticking |= matches!(item.state, ItemState::Waiting { until: Some(_), .. });
            match key {
                Is::Sign => slot.text(pen, sign, role),
                Is::Label => slot.text(pen, &item.label, Role::Strong),
                Is::Criticality => slot.text(pen, item.head.criticality.name(), Role::Muted),
                Is::TriggerScope => {
                    slot.text(pen, &phrase::derivation(item.head.timeframe, &item.head.derives), Role::Muted);
                }
                Is::Bar => {
                    let role = match item.state {
                        ItemState::Verified => Role::Good,
                        ItemState::Failed { .. } => Role::Bad,
                        _ => Role::Running,
                    };
                    bar::share(pen, slot.x, slot.y, slot.width, item.done, role);
                }
                Is::Percent => {
                    let is_done = matches!(item.state, ItemState::Verified);
                    slot.text(
                        pen,
                        &if is_done { " done".to_owned() } else { format::percent(item.done.min(0.99)) },
                        Role::Text,
                    );
                }
                Is::Rows => slot.text(pen, &format::count(item.rows), Role::Text),
                Is::State => slot.words(pen, &words),
            }
        },
    );
    if ticking {
        stage.hits.tick();
    }
    let note = range(window, len);
    if !note.is_empty() && area.height > 0 {
        let y = area.bottom();
        stage.pen.right(area.x, y, area.width, &format!(" {note} "), Role::Muted);
    }
}

/// Nothing runs: what is next, or who stopped it.
fn resting(stage: &mut ViewContext, area: Rect) {
    let model = stage.model;
    let live = &model.snap.live;
    let now = stage.now();
    let (title, frame) = match live.state {
        EngineState::Failed => ("Failed", Role::Bad),
        EngineState::Paused | EngineState::Pausing => ("Paused", Role::Paused),
        EngineState::Draining => ("Shutting down", Role::Paused),
        EngineState::Idle | EngineState::Running => ("Idle", Role::Border),
    };
    stage.hits.add(area, crate::draw::hits::Target::List(ListId::Items));
    let inner = stage.pen.framed(area, &Words::of(Role::Title, title), &Words::new(), frame);
    let mut lines = Vec::new();
    if let Some(reason) = &live.reason {
        lines.push(Words::of(Role::Bad, reason.clone()));
    }
    if let Some(message) = &live.key_refused {
        lines.push(Words::of(Role::Bad, format!("the vendor rejected the API key: {message}")));
    }
    if let Some(pause) = &live.paused {
        stage.hits.counts(now, pause.since);
        lines.push(Words::of(Role::Paused, format!("paused by {} {} ago", pause.by, format::rough(now - pause.since))));
        lines.push(Words::of(
            Role::Muted,
            "requests in flight are finished and stored; nothing starts until you resume",
        ));
    }
    let mut beats: Vec<_> = live.next.iter().collect();
    beats.sort_by_key(|beat| beat.at);
    let pauses = matches!(live.state, EngineState::Paused | EngineState::Pausing | EngineState::Failed);
    for beat in beats.into_iter().filter(|_| !pauses) {
        let left = format::ahead(beat.at - now);
        stage.hits.counts(now, beat.at);
        lines.push(
            Words::of(Role::Text, format!("{:<10}", phrase::schedule(&beat.what)))
                .say(Role::Strong, format!("{:>13}", format::due(beat.at, now)))
                .say(Role::Muted, format!("  in {left:>9}")),
        );
    }
    if lines.is_empty() {
        lines.push(Words::of(Role::Muted, "no engine in this process: showing what is in the database"));
    }
    stage.pen.centre(inner, &lines);
}
