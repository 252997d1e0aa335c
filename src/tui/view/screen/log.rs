//! The Log screen: the last lines, by level and filter, following the newest until the operator scrolls back.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::draw::canvas::{Canvas, Line};
use crate::draw::context::DrawContext;
use crate::draw::format;
use crate::draw::hits::HitMap;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::ListId;
use crate::view::context::ViewContext;
use crate::view::phrase;
use crate::widgets::table::{Column, Slot};

#[derive(Clone, Copy)]
enum LogColumn {
    Level,
    Time,
    Source,
    Text,
}

/// Draws it into `area`.
pub fn draw(model: &Model, context: &DrawContext, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let view = &mut ViewContext::new(model, context, area, buf, hits);
    let lines = model.log_lines();
    // On a narrow screen what is said matters more than where.
    let text = if area.width < 100 { area.width.saturating_sub(30).max(10) } else { 10 };
    let columns = [
        Column::new(LogColumn::Time, "", 9, 6),
        Column::new(LogColumn::Level, "", 5, 7),
        Column::new(LogColumn::Source, "", 16, 3).up_to(28),
        Column::new(LogColumn::Text, "", text, 9).up_to(400),
    ];
    let title = heading(model);
    let empty = nothing(model);
    view.table_with_details(
        ListId::Log,
        area,
        title,
        &columns,
        &empty,
        |canvas: &mut Canvas, slot: Slot, key, k| {
            let Some(line) = lines.get(k) else { return };
            let role = phrase::level(line.level);
            match key {
                LogColumn::Time => slot.text(canvas, &format::clock(line.at), Role::Muted),
                LogColumn::Level => slot.text(canvas, line.level.name(), role),
                LogColumn::Source => slot.text(canvas, &line.source, Role::Muted),
                LogColumn::Text => slot.text(canvas, &line.text, role),
            }
        },
        |k| lines.get(k).filter(|l| l.text.len() > 60).map(|l| l.text.clone()),
    );
}

fn heading(model: &Model) -> Line {
    let log = &model.log;
    let mut line =
        Line::of(Role::Title, "Log ").span(Role::Muted, "level ").span(phrase::level(log.level), log.level.name());
    if !log.filter.is_empty() {
        line = line.span(Role::Muted, "  filter ").span(Role::Accent, log.filter.clone());
    }
    line = if log.follow {
        line.span(Role::Good, "  ● following")
    } else {
        line.span(Role::Paused, "  not following; press G to follow")
    };
    if log.skipped > 0 {
        line = line.span(Role::Warn, format!("  {} skipped", format::plural(log.skipped, "line")));
    }
    line
}

fn nothing(model: &Model) -> Vec<Line> {
    let log = &model.log;
    if log.newest().is_none() {
        return vec![Line::of(Role::Muted, "no log lines yet")];
    }
    let mut line =
        Line::of(Role::Muted, "no lines at level ").span(Role::Text, log.level.name()).span(Role::Muted, " or above");
    if !log.filter.is_empty() {
        line = line.span(Role::Muted, " that contain ").span(Role::Accent, log.filter.clone());
    }
    vec![line]
}
