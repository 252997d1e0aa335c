//! The Executions screen: what ran and how it went; the opened one series by series, and while it runs, item by item.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use uuid::Uuid;

use crate::draw::fit::Constraint;
use crate::draw::format;
use crate::draw::hits::HitMap;
use crate::draw::look::Look;
use crate::draw::pen::{Words, rows};
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::ListId;
use crate::view::stage::{ViewContext, absence};
use crate::view::{phrase, runs};
use crate::widgets::bar;
use crate::widgets::table::Column;

/// Draws it into `area`.
pub fn draw(model: &Model, look: &Look, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let stage = &mut ViewContext::new(model, look, area, buf, hits);
    let Some(open) = model.executions.open else { return history(stage, area) };
    let running = model.snap.live.runs.iter().any(|run| run.execution_id == open);
    let on_list = model.focus() == ListId::Executions;
    if area.height < 16 {
        return if on_list { history(stage, area) } else { one(stage, area, open) };
    }
    // The list shrinks to what shows where one is, unless it has the focus.
    let list = if on_list { Constraint::new(5, 12, 8) } else { Constraint::new(5, 7, 6) };
    let live = if running { Constraint::new(5, 12, 7) } else { Constraint::new(0, 0, 7) };
    let places = rows(area, &[list, live, Constraint::new(5, u16::MAX, 5)]);
    let place = |k: usize| places.get(k).copied().flatten().filter(|p| p.height > 0);
    if let Some(top) = place(0) {
        history(stage, top);
    }
    if let Some(middle) = place(1) {
        runs::panel(stage, middle);
    }
    if let Some(bottom) = place(2) {
        one(stage, bottom, open);
    }
}

fn history(stage: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum Is {
        Started,
        Id,
        Trigger,
        Status,
        Share,
        Done,
        Failed,
        Took,
        Bars,
        Requests,
        Limited,
        Error,
    }
    let model = stage.model;
    let rows = model.executions();
    let columns = [
        Column::new(Is::Started, "STARTED", 13, 10),
        Column::new(Is::Id, "RUN", 8, 4),
        Column::new(Is::Trigger, "TRIGGER", 8, 7),
        Column::new(Is::Status, "STATUS", 13, 12),
        Column::new(Is::Share, "", 8, 3).up_to(10),
        Column::new(Is::Done, "SYMBOLS", 9, 11).right(),
        Column::new(Is::Failed, "FAILED", 6, 6).right(),
        Column::new(Is::Took, "TOOK", 8, 9).right(),
        Column::new(Is::Bars, "BARS", 7, 5).right(),
        Column::new(Is::Requests, "REQ", 5, 8).right(),
        Column::new(Is::Limited, "429S", 4, 1).right(),
        Column::new(Is::Error, "ERROR", 10, 2).up_to(60),
    ];
    let now = stage.now();
    let asked = model.answers.history();
    let title = Words::of(Role::Title, "Executions");
    let title = match asked.error {
        Some(error) => title.say(Role::Bad, format!("  older ones cannot be read: {error}")),
        None if asked.value.is_none() => title.say(Role::Muted, "  loading older ones …"),
        None => title,
    };
    let empty = [
        Words::of(Role::Strong, "No executions yet."),
        Words::of(Role::Muted, "The schedule starts them; press T to start one now."),
    ];
    if rows.iter().any(|row| row.completed_at.is_none()) {
        stage.hits.tick();
    }
    stage.told(
        ListId::Executions,
        area,
        title,
        &columns,
        &empty,
        |pen, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            let (sign, word, role) = phrase::execution(row.status);
            let run = model.snap.live.runs.iter().find(|run| run.execution_id == row.execution_id);
            match key {
                Is::Started => slot.text(pen, &format::stamp(row.started_at, now), Role::Text),
                Is::Id => slot.text(pen, &phrase::id(row.execution_id), Role::Muted),
                Is::Trigger => slot.text(pen, &row.trigger.name().replace('_', " "), Role::Text),
                Is::Status => slot.text(pen, &format!("{sign} {word}"), role),
                Is::Share => {
                    let of = |a: i64, b: i64| if b > 0 { a as f64 / b as f64 } else { 0.0 };
                    let share = run.map_or_else(|| of(row.successful_symbols, row.total_symbols), phrase::progress);
                    bar::share(pen, slot.x, slot.y, slot.width, share, role);
                }
                Is::Done => slot.text(pen, &phrase::symbols_done(row), Role::Text),
                Is::Failed if row.failed_symbols > 0 => slot.text(pen, &format::count(row.failed_symbols), Role::Bad),
                Is::Took => {
                    let took = row.completed_at.unwrap_or(now) - row.started_at;
                    slot.text(
                        pen,
                        &format::elapsed(took),
                        if row.completed_at.is_none() { Role::Running } else { Role::Text },
                    );
                }
                Is::Bars => slot.text(pen, &format::short(row.total_records_processed as f64), Role::Text),
                Is::Requests => slot.text(pen, &format::count(row.requests), Role::Text),
                Is::Limited if row.rate_limited > 0 => slot.text(pen, &format::count(row.rate_limited), Role::Warn),
                Is::Failed | Is::Limited => slot.text(pen, "0", Role::Muted),
                Is::Error => slot.text(pen, row.error_message.as_deref().unwrap_or(""), role),
            }
        },
        |k| rows.get(k)?.error_message.clone(),
    );
}

fn one(stage: &mut ViewContext, area: Rect, open: Uuid) {
    #[derive(Clone, Copy)]
    enum Is {
        Symbol,
        Timeframe,
        Status,
        Bars,
        New,
        Features,
        Took,
        Error,
    }
    let model = stage.model;
    let asked = model.answers.execution(open);
    let rows = model.execution_series();
    let mut title = Words::of(Role::Title, "Run ").say(Role::Accent, phrase::id(open));
    if let Some(detail) = asked.value {
        let row = &detail.execution.row;
        let (_, word, role) = phrase::execution(row.status);
        title =
            title.say(Role::Muted, format!(" {} {} ", row.trigger.name().replace('_', " "), row.mode)).say(role, word);
        if let Some(rate) = detail.execution.success_rate {
            title = title.say(Role::Text, format!(" {rate:.1} %"));
        }
        if detail.execution.crashed {
            title = title.say(Role::Bad, " its process died");
        }
    }
    let columns = [
        Column::new(Is::Symbol, "SYMBOL", 7, 10).up_to(12),
        Column::new(Is::Timeframe, "TF", 3, 9),
        Column::new(Is::Status, "STATUS", 13, 11),
        Column::new(Is::Bars, "BARS", 9, 6).right(),
        Column::new(Is::New, "NEW", 9, 5).right(),
        Column::new(Is::Features, "FEATURES", 9, 2).right(),
        Column::new(Is::Took, "TOOK", 8, 4).right(),
        Column::new(Is::Error, "ERROR", 10, 7).up_to(80),
    ];
    let empty = absence(&asked, &[Words::of(Role::Muted, "no series")]);
    stage.told(
        ListId::ExecutionSeries,
        area,
        title,
        &columns,
        &empty,
        |pen, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            let (sign, word, role) = phrase::series_state(row.status);
            match key {
                Is::Symbol => slot.text(pen, row.symbol.as_str(), Role::Strong),
                Is::Timeframe => slot.text(pen, row.timeframe.name(), Role::Text),
                Is::Status => slot.text(pen, &format!("{sign} {word}"), role),
                Is::Bars => slot.text(pen, &format::count(row.records_processed), Role::Text),
                Is::New => slot.text(pen, &format::count(row.records_inserted), Role::Text),
                Is::Features => slot.text(pen, &format::count(row.features_computed), Role::Muted),
                Is::Took => {
                    let took =
                        row.duration_seconds.map_or_else(|| "-".to_owned(), |s| format::elapsed((s * 1000.0) as i64));
                    slot.text(pen, &took, Role::Muted);
                }
                Is::Error => slot.text(pen, row.error_message.as_deref().unwrap_or(""), Role::Bad),
            }
        },
        |k| rows.get(k)?.error_message.clone(),
    );
}
