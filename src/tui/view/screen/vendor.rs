//! The Vendor screen: the rate limit to the second, latency and errors, active requests, and whether the limit is
//! enough.

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
use crate::view::context::{ViewContext, absence};
use crate::view::description::panel;
use crate::view::{limit, lists, phrase};
use barkeep_monitor::snapshot::VendorView;
use barkeep_service::progress::ItemState;

/// Draws it into `area`.
pub fn draw(model: &Model, context: &DrawContext, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let view = &mut ViewContext::new(model, context, area, buf, hits);
    if model.maximized {
        return newest(view, area);
    }
    let wide = area.width >= 96;
    let requests = Constraint::new(4, u16::MAX, 5);
    if wide {
        let top = if area.height >= 40 { 13 } else { 11 };
        let places = rows(area, &[Constraint::new(7, top, 9), Constraint::new(6, 8, 6), requests]);
        let place = |k: usize| places.get(k).copied().flatten();
        let halves = |at: Rect| {
            let both = columns(at, 0, &[Constraint::new(40, at.width / 2, 9), Constraint::new(40, u16::MAX, 8)]);
            (both.first().copied().flatten().unwrap_or_default(), both.get(1).copied().flatten().unwrap_or_default())
        };
        if let Some(top) = place(0) {
            let (left, right) = halves(top);
            window(view, left);
            pulse(view, right);
        }
        if let Some(middle) = place(1) {
            let (left, right) = halves(middle);
            enough(view, left);
            wire(view, right);
        }
        if let Some(bottom) = place(2) {
            let bottom = panel::beside_lists(view, bottom);
            newest(view, bottom);
        }
        return;
    }
    let needs = [
        Constraint::new(4, 9, 9),
        Constraint::new(4, 7, 7),
        Constraint::new(4, 6, 6),
        Constraint::new(4, 7, 4),
        requests,
    ];
    let draws: [fn(&mut ViewContext, Rect); 5] = [window, enough, pulse, wire, newest];
    for (draw, place) in draws.into_iter().zip(rows(area, &needs)) {
        if let Some(place) = place {
            draw(view, place);
        }
    }
}

fn window(view: &mut ViewContext, area: Rect) {
    let snap = view.model.snap.clone();
    let (totals, pulse) = (snap.request_totals(), &snap.live.pulse);
    let host = snap.data.vendor.base_url.trim_start_matches("https://").trim_end_matches('/').to_owned();
    let mut tail = Line::of(Role::Muted, format!("{host}  "));
    tail.spans.extend(limit::agreed(&snap).spans);
    let inner = view.panel(area, "Rate limit", &tail);
    let warnings = limit::warnings(&snap, view.now());
    let warned = u16::try_from(warnings.len()).unwrap_or(0);
    let figure = |label: &str, all: i64, now: u64, bad: Role| {
        let role = if all > 0 { bad } else { Role::Text };
        Line::of(Role::Muted, format!("{label:<10}"))
            .span(role, format!("{:>12}", format::count(all)))
            .span(Role::Muted, "   this process ")
            .span(Role::Text, format!("{:>9}", format::count(now)))
    };
    let mut lines = vec![
        figure("requests", totals.total_requests, pulse.requests, Role::Strong),
        figure("429s", totals.rate_limited_count, pulse.rate_limited, Role::Warn),
        figure("retries", totals.retries, pulse.retries, Role::Text),
        figure("failures", totals.failures, pulse.failures, Role::Warn),
        Line::of(Role::Muted, format!("{:<10}", "bytes"))
            .span(Role::Text, format!("{:>12}", format::bytes(totals.bytes)))
            .span(Role::Muted, "   this process ")
            .span(Role::Text, format!("{:>9}", format::bytes(pulse.bytes))),
    ];
    if let Some(line) = wasted(&snap.data.vendor) {
        lines.insert(2, line);
    }
    let worth = |k: usize| u8::try_from(8_usize.saturating_sub(k)).unwrap_or(1);
    let mut needs = vec![Constraint::new(1, 1, 11), Constraint::new(1, 1, 10), Constraint::new(warned, warned, 9)];
    needs.extend((0..lines.len()).map(|k| Constraint::new(1, 1, worth(k))));
    let places = rows(inner, &needs);
    for (k, place) in places.into_iter().enumerate() {
        let Some(at) = place.filter(|p| p.height > 0) else { continue };
        match k {
            0 => limit::belt(view, at),
            1 => limit::window(view, at),
            2 => {
                for (y, line) in (at.y..at.bottom()).zip(&warnings) {
                    view.canvas.line(at.x, y, at.width, line);
                }
            }
            k => {
                if let Some(line) = lines.get(k - 3) {
                    view.canvas.line(at.x, at.y, at.width, line);
                }
            }
        }
    }
}

/// Requests that changed no bar, most common reason first.
fn wasted(vendor: &VendorView) -> Option<Line> {
    let all: i64 = vendor.wasted.iter().map(|w| w.requests).sum();
    if all == 0 {
        return None;
    }
    let mut reasons: Vec<_> = vendor.wasted.iter().collect();
    reasons.sort_by_key(|w| std::cmp::Reverse(w.requests));
    let named = reasons.iter().map(|w| format!("{} {}", w.reason.name().replace('_', " "), format::count(w.requests)));
    let share = all as f64 / vendor.totals.total_requests.max(all) as f64;
    Some(
        Line::of(Role::Muted, format!("{:<10}", "of these"))
            .span(Role::Text, format!("{:>12}", format::count(all)))
            .span(Role::Muted, format!(" brought nothing new ({}): ", format::fine_percent(share).trim()))
            .span(Role::Muted, named.collect::<Vec<_>>().join(", ")),
    )
}

fn pulse(view: &mut ViewContext, area: Rect) {
    let snap = view.model.snap.clone();
    let pulse = &snap.live.pulse;
    let refused: u32 = pulse.rate_limited_by_minute.iter().sum();
    let tail = if refused > 0 {
        Line::of(Role::Warn, format::plural(refused, "429"))
    } else {
        Line::of(Role::Muted, "no 429s")
    };
    let inner = view.panel(area, "Last 30 minutes", &tail);
    let places = rows(inner, &[Constraint::new(1, 6, 9), Constraint::new(1, 6, 8), Constraint::new(1, 1, 10)]);
    let place = |k: usize| places.get(k).copied().flatten().filter(|p| p.height > 0);
    if let Some(at) = place(0) {
        limit::requests_by_minute(view, at);
    }
    if let Some(at) = place(1) {
        limit::rows_by_second(view, at);
    }
    if let Some(at) = place(2) {
        limit::latency(view, at);
    }
}

/// Whether the rate limit is enough for what is due.
fn enough(view: &mut ViewContext, area: Rect) {
    let budget = view.model.snap.data.budget.clone();
    let now = view.now();
    let inner = view.panel(area, "Forecast", &Line::new());
    let mut lines = vec![limit::purchase(budget.as_ref(), now)];
    if let Some(budget) = &budget {
        let next = &budget.next;
        if next.requests > 0 {
            lines.push(
                Line::of(
                    Role::Text,
                    format!("critical {}, standard {}, low {}", next.critical, next.standard, next.low),
                )
                .span(Role::Muted, format!("; {} for old bars", format::plural(next.history_requests, "request"))),
            );
        }
        lines.push(limit::deadlines(&view.model.snap, view.model.digest.loading.len(), now));
        if let Some(tight) = budget.tightest {
            let text = format!(
                "busiest moment {}: {} requests due, {} possible",
                format::due(tight.deadline, now),
                format::count(tight.due),
                format::count(tight.available)
            );
            lines.push(Line::of(Role::Muted, text));
        }
        for breach in &budget.breaches {
            lines.push(
                Line::of(Role::Strong, format!("{:<12}", format!("{} {}", breach.symbol, breach.timeframe)))
                    .span(Role::Muted, format!(" {:<9}", breach.criticality.name()))
                    .span(
                        Role::Text,
                        format!(
                            "due {}  fetched {}",
                            format::due(breach.deadline, now),
                            format::due(breach.served_at, now)
                        ),
                    )
                    .span(Role::Bad, format!("  {} late", format::rough(breach.served_at - breach.deadline))),
            );
        }
    }
    for (y, line) in (inner.y..inner.bottom()).zip(&lines) {
        view.canvas.line(inner.x, y, inner.width, line);
    }
}

/// Requests in flight, and those that wait for a retry.
fn wire(view: &mut ViewContext, area: Rect) {
    let model = view.model;
    let now = view.now();
    let live = &model.snap.live;
    let tail =
        Line::of(Role::Muted, format!("{} under way, {} waiting", phrase::on_the_wire(live), live.limit.waiting));
    let inner = view.panel(area, "Requests under way", &tail);
    let busy: Vec<_> = model
        .items()
        .into_iter()
        .filter(|(_, item)| {
            matches!(
                item.state,
                ItemState::Fetching { .. } | ItemState::Storing | ItemState::Waiting { until: Some(_), .. }
            )
        })
        .collect();
    if busy.is_empty() {
        return view.canvas.center(inner, &[Line::of(Role::Muted, "none")]);
    }
    view.hits.tick();
    for (y, (_, item)) in (inner.y..inner.bottom()).zip(busy) {
        let (sign, line) = phrase::item(item, now);
        let role = line.role();
        view.canvas.text(inner.x, y, 1, sign, role);
        view.canvas.text(inner.x + 2, y, 11, &phrase::item_label(&item.label), Role::Strong);
        view.canvas.line(inner.x + 14, y, inner.width.saturating_sub(14), &line);
    }
}

fn newest(view: &mut ViewContext, area: Rect) {
    let rows = view.model.requests();
    let answer = view.model.answers.requests();
    let empty = absence(&answer, &[Line::of(Role::Muted, "no requests yet")]);
    lists::requests(view, area, ListId::Requests, &rows, Line::of(Role::Title, "Requests, newest first"), &empty);
}
