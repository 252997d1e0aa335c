//! Lists that more than one screen shows: bars in quarantine, requests, alerts.

use ratatui::layout::Rect;

use super::phrase;
use super::stage::ViewContext;
use crate::draw::format;
use crate::draw::pen::Words;
use crate::draw::theme::Role;
use crate::model::screen::ListId;
use crate::widgets::table::Column;
use barkeep_runtime::console::{AlertRow, QuarantineRow, RequestRow, Verdict};

/// Bars that cannot be true.
pub fn quarantine(
    stage: &mut ViewContext,
    area: Rect,
    list: ListId,
    rows: &[QuarantineRow],
    title: Words,
    empty: &[Words],
) {
    #[derive(Clone, Copy)]
    enum Is {
        Series,
        TimeBound,
        Reason,
        Bar,
        Verdict,
    }
    let columns = [
        Column::new(Is::Series, "", 9, 10).up_to(12),
        Column::new(Is::TimeBound, "", 13, 6),
        Column::new(Is::Reason, "", 16, 9).up_to(34),
        Column::new(Is::Bar, "", 26, 5).up_to(40),
        Column::new(Is::Verdict, "", 8, 4),
    ];
    let now = stage.now();
    let title = if rows.is_empty() { title } else { title.say(Role::Bad, format!(" {}", format::count(rows.len()))) };
    stage.told(
        list,
        area,
        title,
        &columns,
        empty,
        |pen, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            match key {
                Is::Series => slot.text(pen, &format!("{} {}", row.symbol, row.timeframe), Role::Strong),
                Is::TimeBound => slot.text(pen, &format::stamp(row.bar.ts, now), Role::Text),
                Is::Reason => slot.text(pen, &row.reason, Role::Bad),
                Is::Bar => {
                    let [o, h, l, c] = [row.bar.open, row.bar.high, row.bar.low, row.bar.close].map(format::price);
                    slot.text(pen, &format!("o {o} h {h} l {l} c {c}"), Role::Muted);
                }
                Is::Verdict => {
                    let role = match row.status {
                        Verdict::Pending => Role::Warn,
                        Verdict::Accepted => Role::Good,
                        Verdict::Rejected => Role::Muted,
                    };
                    slot.text(pen, row.status.name(), role);
                }
            }
        },
        |k| rows.get(k).map(phrase::suspect),
    );
}

/// Requests as they were made, newest first.
pub fn requests(stage: &mut ViewContext, area: Rect, list: ListId, rows: &[RequestRow], title: Words, empty: &[Words]) {
    #[derive(Clone, Copy)]
    enum Is {
        TimeBound,
        TriggerScope,
        Asked,
        Attempt,
        Status,
        Latency,
        Rows,
        Bytes,
        Id,
        Error,
    }
    let columns = [
        Column::new(Is::TimeBound, "TIME", 9, 10),
        Column::new(Is::TriggerScope, "SERIES", 12, 11).up_to(22),
        Column::new(Is::Asked, "RANGE", 19, 2),
        Column::new(Is::Attempt, "TRY", 3, 5).right(),
        Column::new(Is::Status, "STATUS", 6, 12),
        Column::new(Is::Latency, "LATENCY", 7, 9).right(),
        Column::new(Is::Rows, "ROWS", 7, 8).right(),
        Column::new(Is::Bytes, "BYTES", 7, 4).right(),
        Column::new(Is::Error, "ERROR", 10, 6).up_to(40),
        Column::new(Is::Id, "REQUEST ID", 12, 1).up_to(24),
    ];
    stage.told(
        list,
        area,
        title,
        &columns,
        empty,
        |pen, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            match key {
                Is::TimeBound => slot.text(pen, &format::clock(row.started_at), Role::Muted),
                Is::TriggerScope => {
                    let endpoint = if row.endpoint == "grouped_daily" { "all symbols" } else { &*row.endpoint };
                    let subject = row.ticker.as_deref().unwrap_or(endpoint);
                    let tf = row.timeframe.map_or_else(String::new, |tf| format!(" {tf}"));
                    slot.text(pen, &format!("{subject}{tf}"), Role::Strong);
                }
                Is::Asked => {
                    slot.text(pen, &row.asked.map_or_else(String::new, format::dates), Role::Muted);
                }
                Is::Attempt => {
                    slot.text(pen, &row.attempt.to_string(), if row.attempt > 1 { Role::Warn } else { Role::Muted });
                }
                Is::Status => {
                    let role = match row.status {
                        Some(200..=299) => Role::Good,
                        Some(429) => Role::Warn,
                        _ => Role::Bad,
                    };
                    slot.text(pen, &row.status.map_or_else(|| "none".to_owned(), |s| s.to_string()), role);
                }
                Is::Latency => slot.text(pen, &format::latency(row.latency_ms), Role::Text),
                Is::Rows => slot.text(pen, &format::count(row.rows), Role::Text),
                Is::Bytes => slot.text(pen, &format::bytes(row.bytes), Role::Muted),
                Is::Error => slot.text(pen, row.error.as_deref().unwrap_or(""), Role::Bad),
                Is::Id => slot.text(pen, row.request_id.as_deref().unwrap_or(""), Role::Muted),
            }
        },
        |k| rows.get(k)?.error.clone(),
    );
}

/// Alerts, newest first.
pub fn alerts(stage: &mut ViewContext, area: Rect, list: ListId, rows: &[AlertRow]) {
    #[derive(Clone, Copy)]
    enum Is {
        TimeBound,
        State,
        Message,
        Kind,
    }
    let open = rows.iter().filter(|row| row.resolved_at.is_none()).count();
    let title = Words::of(Role::Title, "Alerts ").say(
        if open > 0 { Role::Bad } else { Role::Muted },
        if open > 0 { format!("{open} open") } else { "none open".to_owned() },
    );
    let columns = [
        Column::new(Is::TimeBound, "", 6, 8),
        Column::new(Is::State, "", 17, 6),
        Column::new(Is::Kind, "", 12, 2),
        Column::new(Is::Message, "", 16, 10).up_to(200),
    ];
    let now = stage.now();
    let empty = [Words::of(Role::Good, "no alerts yet")];
    stage.told(
        list,
        area,
        title,
        &columns,
        &empty,
        |pen, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            let role = phrase::severity(row.severity);
            match key {
                Is::TimeBound => slot.text(pen, &format::when(row.raised_at, now), Role::Muted),
                Is::State => match row.resolved_at {
                    None => slot.text(
                        pen,
                        &format!("! {} {}", row.severity.name(), format::rough(now - row.raised_at)),
                        role,
                    ),
                    Some(at) => slot.text(pen, &format!("✓ lasted {}", format::rough(at - row.raised_at)), Role::Good),
                },
                Is::Kind => slot.text(pen, &row.kind.replace('_', " "), Role::Muted),
                Is::Message => slot.text(pen, &row.message, if row.resolved_at.is_none() { role } else { Role::Muted }),
            }
        },
        |k| rows.get(k).map(|row| row.message.clone()),
    );
}
