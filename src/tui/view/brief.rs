//! The overview on a terminal of the size of a phone: state, tiers, the worst series, a line each.

use ratatui::layout::Rect;

use super::context::ViewContext;
use super::phrase;
use crate::draw::format;
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::now::{conditions, wording};
use barkeep_market::freshness::Tier;

/// Draws it.
pub fn draw(view: &mut ViewContext, area: Rect) {
    let model = view.model;
    let (snap, now) = (&model.snap, view.now());
    let (live, data) = (&snap.live, &snap.data);
    let mut y = area.y;
    let (facts, conditions) = (model.facts(), model.conditions());
    let stopped = conditions.iter().any(conditions::Condition::stops);
    let role = conditions::severity(&conditions).map_or(Role::Good, conditions::ConditionLevel::role);
    phrase::changes(view.hits, &facts, &conditions);
    let mut state = Line::of(role, live.state.name().to_uppercase());
    if stopped {
        // No time is named.
    } else if let Some(run) = phrase::leading(live) {
        state = state.span(Role::Strong, format!(" {}", phrase::share(run)));
        view.hits.tick();
        if let Some(at) = run.not_before.filter(|at| *at > now) {
            state = state.span(Role::Text, format!(" {} left", format::until(at - now)));
        }
    } else if let Some(next) = live.next.iter().min_by_key(|run| run.at) {
        view.hits.counts(now, next.at);
        state =
            state.span(Role::Muted, format!(" {} in {}", phrase::schedule(&next.what), format::ahead(next.at - now)));
    }
    let used = live.limit.limit.map_or_else(String::new, |n| format!("{}/{n}", live.limit.used));
    let line = |view: &mut ViewContext, y: u16, pieces: &[(u8, Line)]| {
        if y < area.bottom() {
            view.canvas.pieces(area.x, y, area.width, 2, pieces);
        }
    };
    line(view, y, &[(9, state), (3, Line::of(Role::Muted, used))]);
    y += 1;
    let mut tiers: Vec<(u8, Line)> = Vec::new();
    let order = [Tier::Stale, Tier::Missing, Tier::Aging, Tier::Fresh, Tier::Unknown, Tier::Loading, Tier::Ended];
    for (k, tier) in (0..).zip(order) {
        let n = data.tiers.of(tier);
        if n > 0 || tier == Tier::Fresh {
            tiers.push((9 - k, Line::of(tier.into(), format!("{}{}", tier.letter(), format::count(n)))));
        }
    }
    let breached = model.digest.late.len();
    if breached > 0 {
        tiers.insert(0, (10, Line::of(Role::Breach, format!("{} late", format::count(breached)))));
    }
    line(view, y, &tiers);
    y += 1;
    let [wrong, matters, doing, done, you_can] = wording::lines(&facts, &conditions, |id| model.key_now(id));
    let why = if model.digest.late.is_empty() { matters.text } else { wording::because(&facts) };
    let rest = if conditions.is_empty() {
        vec![doing.text, done.text]
    } else {
        vec![wrong.text, why, doing.text, done.text, you_can.text]
    };
    for text in rest {
        line(view, y, &[(9, text)]);
        y += 1;
    }
    for row in model.digest.attention().filter_map(|k| data.series.get(k as usize)) {
        if y >= area.bottom() {
            return;
        }
        let behind = row.staleness_seconds.map_or_else(|| "   none".to_owned(), |s| format::age(s * 1000));
        let pieces = [
            (9, Line::of(Role::Strong, format!("{:<6}", row.symbol))),
            (8, Line::of(Role::Text, format!("{:<3}", row.timeframe))),
            (7, phrase::series_tier(row, 12)),
            (6, Line::of(Role::Text, behind)),
        ];
        line(view, y, &pieces);
        y += 1;
    }
    let open = data.alerts.iter().filter(|a| a.resolved_at.is_none());
    let mut more = data.open_alerts();
    for alert in open {
        line(view, y, &[(9, Line::of(phrase::severity(alert.severity), format!("! {}", alert.message)))]);
        (y, more) = (y + 1, more.saturating_sub(1));
    }
    if let Some(worst) = data.worst_open_alert().filter(|_| more > 0) {
        line(view, y, &[(9, Line::of(phrase::severity(worst), format!("! {more} more alerts are open")))]);
    }
}
