//! The Executions screen: running and past executions; the opened one series by series, and while it runs, item by item.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use uuid::Uuid;

use crate::draw::canvas::{Line, rows};
use crate::draw::context::DrawContext;
use crate::draw::format;
use crate::draw::hits::HitMap;
use crate::draw::layout::Constraint;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::ListId;
use crate::now::cause::{cause, cause_of_run};
use crate::view::context::{ViewContext, absence};
use crate::view::description::{failure, panel};
use crate::view::{phrase, runs};
use crate::widgets::bar;
use crate::widgets::table::Column;

/// Draws it into `area`.
pub fn draw(model: &Model, context: &DrawContext, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let view = &mut ViewContext::new(model, context, area, buf, hits);
    let area = panel::beside_lists(view, area);
    let Some(open) = model.executions.open else { return history(view, area) };
    let running = model.snap.live.runs.iter().any(|run| run.execution_id == open);
    let on_list = model.focus() == ListId::Executions;
    if area.height < 16 {
        return if on_list { history(view, area) } else { one(view, area, open) };
    }
    // The list shrinks to what shows where one is, unless it has the focus.
    let list = if on_list { Constraint::new(5, 12, 8) } else { Constraint::new(5, 7, 6) };
    let live = if running { Constraint::new(5, 12, 7) } else { Constraint::new(0, 0, 7) };
    let places = rows(area, &[list, live, Constraint::new(5, u16::MAX, 5)]);
    let place = |k: usize| places.get(k).copied().flatten().filter(|p| p.height > 0);
    if let Some(top) = place(0) {
        history(view, top);
    }
    if let Some(middle) = place(1) {
        runs::panel(view, middle);
    }
    if let Some(bottom) = place(2) {
        one(view, bottom, open);
    }
}

fn history(view: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum ExecutionColumn {
        Started,
        Id,
        Trigger,
        Status,
        Gauge,
        Symbols,
        Failed,
        Duration,
        Bars,
        Requests,
        RateLimited,
        Error,
    }
    let model = view.model;
    let rows = model.executions();
    let columns = [
        Column::new(ExecutionColumn::Started, "STARTED", 13, 10),
        Column::new(ExecutionColumn::Id, "RUN", 8, 4),
        Column::new(ExecutionColumn::Trigger, "TRIGGER", 8, 7),
        Column::new(ExecutionColumn::Status, "STATUS", 13, 12),
        Column::new(ExecutionColumn::Gauge, "", 8, 3).up_to(10),
        Column::new(ExecutionColumn::Symbols, "SYMBOLS", 9, 11).right(),
        Column::new(ExecutionColumn::Failed, "FAILED", 6, 6).right(),
        Column::new(ExecutionColumn::Duration, "TOOK", 8, 9).right(),
        Column::new(ExecutionColumn::Bars, "BARS", 7, 5).right(),
        Column::new(ExecutionColumn::Requests, "REQ", 5, 8).right(),
        Column::new(ExecutionColumn::RateLimited, "429S", 4, 1).right(),
        Column::new(ExecutionColumn::Error, "ERROR", 10, 2).up_to(60),
    ];
    let now = view.now();
    let answer = model.answers.history();
    let title = Line::of(Role::Title, "Executions");
    let title = match answer.error {
        Some(error) => title.span(Role::Bad, format!("  older ones cannot be read: {error}")),
        None if answer.value.is_none() => title.span(Role::Muted, "  loading older ones …"),
        None => title,
    };
    let empty = [
        Line::of(Role::Strong, "No executions yet."),
        Line::of(Role::Muted, "The schedule starts them; press T to start one now."),
    ];
    if rows.iter().any(|row| row.completed_at.is_none()) {
        view.hits.tick();
    }
    view.table_with_details(
        ListId::Executions,
        area,
        title,
        &columns,
        &empty,
        |canvas, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            let (sign, word, role) = phrase::execution(row.status);
            let run = model.snap.live.runs.iter().find(|run| run.execution_id == row.execution_id);
            let (requests, bars) = phrase::totals(row, run);
            match key {
                ExecutionColumn::Started => slot.text(canvas, &format::stamp(row.started_at, now), Role::Text),
                ExecutionColumn::Id => slot.text(canvas, &phrase::id(row.execution_id), Role::Muted),
                ExecutionColumn::Trigger => slot.text(canvas, &row.trigger.name().replace('_', " "), Role::Text),
                ExecutionColumn::Status => slot.text(canvas, &format!("{sign} {word}"), role),
                ExecutionColumn::Gauge => {
                    let of = |a: i64, b: i64| if b > 0 { a as f64 / b as f64 } else { 0.0 };
                    let share = run.map_or_else(|| of(row.successful_symbols, row.total_symbols), phrase::progress);
                    bar::share(canvas, slot.x, slot.y, slot.width, share, role);
                }
                ExecutionColumn::Symbols => slot.text(canvas, &phrase::symbols_done(row), Role::Text),
                ExecutionColumn::Failed if row.failed_symbols > 0 => {
                    slot.text(canvas, &format::count(row.failed_symbols), Role::Bad);
                }
                ExecutionColumn::Duration => {
                    let took = row.completed_at.unwrap_or(now) - row.started_at;
                    slot.text(
                        canvas,
                        &phrase::took(took),
                        if row.completed_at.is_none() { Role::Running } else { Role::Text },
                    );
                }
                ExecutionColumn::Bars => {
                    slot.text(canvas, &format::short(bars as f64), Role::Text);
                }
                ExecutionColumn::Requests => slot.text(canvas, &format::count(requests), Role::Text),
                ExecutionColumn::RateLimited if row.rate_limited > 0 => {
                    slot.text(canvas, &format::count(row.rate_limited), Role::Warn);
                }
                ExecutionColumn::Failed | ExecutionColumn::RateLimited => slot.text(canvas, "0", Role::Muted),
                ExecutionColumn::Error => {
                    slot.text(canvas, &row.error_message.as_deref().map_or_else(String::new, cause_of_run), role);
                }
            }
        },
        |k| rows.get(k)?.error_message.as_deref().map(cause_of_run),
    );
}

fn one(view: &mut ViewContext, area: Rect, open: Uuid) {
    #[derive(Clone, Copy)]
    enum ExecutionSeriesColumn {
        Symbol,
        Timeframe,
        Status,
        Bars,
        Inserted,
        Features,
        Duration,
        Error,
    }
    let model = view.model;
    let answer = model.answers.execution(open);
    let rows = model.execution_series();
    let mut title = Line::of(Role::Title, "Run ").span(Role::Accent, phrase::id(open));
    if let Some(detail) = answer.value {
        let row = &detail.execution;
        let (_, word, role) = phrase::execution(row.status);
        title = title
            .span(Role::Muted, format!(" {} {} ", row.trigger.name().replace('_', " "), row.mode))
            .span(role, word);
        if let Some(rate) = detail.execution.success_rate {
            title = title.span(Role::Text, format!(" {rate:.1} %"));
        }
        if detail.execution.crashed {
            title = title.span(Role::Bad, " its process died");
        }
    }
    let columns = [
        Column::new(ExecutionSeriesColumn::Symbol, "SYMBOL", 7, 10).up_to(12),
        Column::new(ExecutionSeriesColumn::Timeframe, "TF", 3, 9),
        Column::new(ExecutionSeriesColumn::Status, "STATUS", 13, 11),
        Column::new(ExecutionSeriesColumn::Bars, "BARS", 9, 6).right(),
        Column::new(ExecutionSeriesColumn::Inserted, "NEW", 9, 5).right(),
        Column::new(ExecutionSeriesColumn::Features, "FEATURES", 9, 2).right(),
        Column::new(ExecutionSeriesColumn::Duration, "TOOK", 8, 4).right(),
        Column::new(ExecutionSeriesColumn::Error, "ERROR", 10, 7).up_to(80),
    ];
    let empty = absence(&answer, &[Line::of(Role::Muted, "no series")]);
    view.table_with_details(
        ListId::ExecutionSeries,
        area,
        title,
        &columns,
        &empty,
        |canvas, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            let (sign, word, role) = phrase::series_state(&model.snap, row);
            match key {
                ExecutionSeriesColumn::Symbol => slot.text(canvas, row.symbol.as_str(), Role::Strong),
                ExecutionSeriesColumn::Timeframe => slot.text(canvas, row.timeframe.name(), Role::Text),
                ExecutionSeriesColumn::Status => slot.text(canvas, &format!("{sign} {word}"), role),
                ExecutionSeriesColumn::Bars => slot.text(canvas, &format::count(row.records_processed), Role::Text),
                ExecutionSeriesColumn::Inserted => slot.text(canvas, &format::count(row.records_inserted), Role::Text),
                ExecutionSeriesColumn::Features => {
                    slot.text(canvas, &format::count(row.features_computed), Role::Muted);
                }
                ExecutionSeriesColumn::Duration => {
                    let took =
                        row.duration_seconds.map_or_else(|| "-".to_owned(), |s| phrase::took((s * 1000.0) as i64));
                    slot.text(canvas, &took, Role::Muted);
                }
                ExecutionSeriesColumn::Error => {
                    slot.text(canvas, &row.error_message.as_deref().map_or_else(String::new, cause), Role::Bad);
                }
            }
        },
        |k| rows.get(k)?.error_message.as_deref().map(failure),
    );
}
