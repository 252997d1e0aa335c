//! Lists that more than one screen shows: bars in quarantine, requests, alerts.

use ratatui::layout::Rect;

use super::context::ViewContext;
use super::phrase;
use crate::draw::canvas::Line;
use crate::draw::format;
use crate::draw::theme::Role;
use crate::model::screen::ListId;
use crate::now::cause::short_times;
use crate::widgets::table::Column;
use barkeep_runtime::console::{AlertRow, QuarantineRow, RequestRow, Verdict};

/// Quarantined bars.
pub fn quarantine(
    view: &mut ViewContext,
    area: Rect,
    list: ListId,
    rows: &[&QuarantineRow],
    title: Line,
    empty: &[Line],
) {
    #[derive(Clone, Copy)]
    enum QuarantineColumn {
        Series,
        Time,
        Reason,
        Bar,
        Verdict,
    }
    let columns = [
        Column::new(QuarantineColumn::Series, "", 9, 10).up_to(12),
        Column::new(QuarantineColumn::Time, "", 13, 6),
        Column::new(QuarantineColumn::Reason, "", 16, 9).up_to(34),
        Column::new(QuarantineColumn::Bar, "", 26, 5).up_to(40),
        Column::new(QuarantineColumn::Verdict, "", 8, 4),
    ];
    let now = view.now();
    let title = if rows.is_empty() { title } else { title.span(Role::Bad, format!(" {}", format::count(rows.len()))) };
    view.table_with_details(
        list,
        area,
        title,
        &columns,
        empty,
        |canvas, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            match key {
                QuarantineColumn::Series => {
                    slot.text(canvas, &format!("{} {}", row.symbol, row.timeframe), Role::Strong);
                }
                QuarantineColumn::Time => slot.text(canvas, &format::stamp(row.bar.ts, now), Role::Text),
                QuarantineColumn::Reason => slot.text(canvas, &row.reason, Role::Bad),
                QuarantineColumn::Bar => {
                    let [o, h, l, c] = [row.bar.open, row.bar.high, row.bar.low, row.bar.close].map(format::price);
                    slot.text(canvas, &format!("o {o} h {h} l {l} c {c}"), Role::Muted);
                }
                QuarantineColumn::Verdict => {
                    let role = match row.status {
                        Verdict::Pending => Role::Warn,
                        Verdict::Accepted => Role::Good,
                        Verdict::Rejected => Role::Muted,
                    };
                    slot.text(canvas, row.status.name(), role);
                }
            }
        },
        |k| rows.get(k).map(|row| phrase::suspect(row)),
    );
}

/// Requests as they were made, newest first.
pub fn requests(view: &mut ViewContext, area: Rect, list: ListId, rows: &[&RequestRow], title: Line, empty: &[Line]) {
    #[derive(Clone, Copy)]
    enum RequestColumn {
        Time,
        Series,
        Range,
        Attempt,
        Status,
        Latency,
        Rows,
        Bytes,
        Id,
        Error,
    }
    let columns = [
        Column::new(RequestColumn::Time, "TIME", 9, 10),
        Column::new(RequestColumn::Series, "SERIES", 12, 11).up_to(22),
        Column::new(RequestColumn::Range, "RANGE", 19, 2),
        Column::new(RequestColumn::Attempt, "TRY", 3, 5).right(),
        Column::new(RequestColumn::Status, "STATUS", 6, 12),
        Column::new(RequestColumn::Latency, "LATENCY", 7, 9).right(),
        Column::new(RequestColumn::Rows, "ROWS", 7, 8).right(),
        Column::new(RequestColumn::Bytes, "BYTES", 7, 4).right(),
        Column::new(RequestColumn::Error, "ERROR", 20, 6).up_to(120),
        Column::new(RequestColumn::Id, "REQUEST ID", 12, 1).up_to(36),
    ];
    view.table_with_details(
        list,
        area,
        title,
        &columns,
        empty,
        |canvas, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            match key {
                RequestColumn::Time => slot.text(canvas, &format::clock(row.started_at), Role::Muted),
                RequestColumn::Series => {
                    let endpoint = if row.endpoint == "grouped_daily" { "all symbols" } else { &*row.endpoint };
                    let subject = row.ticker.as_deref().unwrap_or(endpoint);
                    let tf = row.timeframe.map_or_else(String::new, |tf| format!(" {tf}"));
                    slot.text(canvas, &format!("{subject}{tf}"), Role::Strong);
                }
                RequestColumn::Range => {
                    slot.text(
                        canvas,
                        &row.asked.map_or_else(String::new, |range| format::dates(range.start, range.end)),
                        Role::Muted,
                    );
                }
                RequestColumn::Attempt => {
                    slot.text(canvas, &row.attempt.to_string(), if row.attempt > 1 { Role::Warn } else { Role::Muted });
                }
                RequestColumn::Status => {
                    let role = match row.status {
                        Some(200..=299) => Role::Good,
                        Some(429) => Role::Warn,
                        _ => Role::Bad,
                    };
                    slot.text(canvas, &row.status.map_or_else(|| "none".to_owned(), |s| s.to_string()), role);
                }
                RequestColumn::Latency => slot.text(canvas, &format::latency(row.latency_ms), Role::Text),
                RequestColumn::Rows => slot.text(canvas, &format::count(row.rows), Role::Text),
                RequestColumn::Bytes => slot.text(canvas, &format::bytes(row.bytes), Role::Muted),
                RequestColumn::Error => slot.text(canvas, row.error.as_deref().unwrap_or(""), Role::Bad),
                RequestColumn::Id => slot.text(canvas, row.request_id.as_deref().unwrap_or(""), Role::Muted),
            }
        },
        |k| rows.get(k)?.error.clone(),
    );
}

/// Alerts, newest first.
pub fn alerts(view: &mut ViewContext, area: Rect, list: ListId, rows: &[&AlertRow]) {
    #[derive(Clone, Copy)]
    enum AlertColumn {
        Raised,
        State,
        Message,
        Kind,
    }
    // The list is cut; how many are open says the store.
    let open = view.model.snap.data.open_alerts();
    let title = Line::of(Role::Title, "Alerts ").span(
        if open > 0 { Role::Bad } else { Role::Muted },
        if open > 0 { format!("{open} open") } else { "none open".to_owned() },
    );
    let columns = [
        Column::new(AlertColumn::Raised, "", 6, 8),
        Column::new(AlertColumn::State, "", 17, 6),
        Column::new(AlertColumn::Kind, "", 32, 2),
        Column::new(AlertColumn::Message, "", 16, 10).up_to(200),
    ];
    let now = view.now();
    let empty = [Line::of(Role::Good, "no alerts yet")];
    view.table_with_details(
        list,
        area,
        title,
        &columns,
        &empty,
        |canvas, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            let role = phrase::severity(row.severity);
            match key {
                AlertColumn::Raised => slot.text(canvas, &format::when(row.raised_at, now), Role::Muted),
                AlertColumn::State => match row.resolved_at {
                    None => slot.text(
                        canvas,
                        &format!("! {} {}", row.severity.name(), format::rough(now - row.raised_at)),
                        role,
                    ),
                    Some(at) => {
                        slot.text(canvas, &format!("✓ lasted {}", format::rough(at - row.raised_at)), Role::Good);
                    }
                },
                AlertColumn::Kind => slot.text(canvas, &row.kind.replace('_', " "), Role::Muted),
                AlertColumn::Message => {
                    slot.text(
                        canvas,
                        &short_times(&row.message),
                        if row.resolved_at.is_none() { role } else { Role::Muted },
                    );
                }
            }
        },
        |k| rows.get(k).map(|row| short_times(&row.message)),
    );
}

/// The newest lines of the log, the last one at the bottom.
pub fn newest_lines(view: &mut ViewContext, area: Rect) {
    let model = view.model;
    let inner = view.panel(area, "Log", &Line::of(Role::Muted, model.log.level.name()));
    let lines: Vec<_> = model.log.lines().rev().take(usize::from(inner.height)).collect();
    for (y, line) in (inner.y..inner.bottom()).zip(lines.into_iter().rev()) {
        let text = Line::of(Role::Muted, format!("{} ", format::clock(line.at)))
            .span(phrase::level(line.level), barkeep_base::text::printable(&line.text));
        view.canvas.line(inner.x, y, inner.width, &text);
    }
}
