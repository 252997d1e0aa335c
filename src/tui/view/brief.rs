//! The overview on a terminal of the size of a phone: state, tiers, the worst series, a line each.

use ratatui::layout::Rect;

use super::phrase;
use super::stage::ViewContext;
use super::verdict::{gravity, verdict};
use crate::draw::format;
use crate::draw::theme::Role;
use crate::draw::words::Words;
use barkeep_market::freshness::Tier;

/// Draws it.
pub fn draw(stage: &mut ViewContext, area: Rect) {
    let model = stage.model;
    let (snap, now) = (&model.snap, stage.now());
    let (live, data) = (&snap.live, &snap.data);
    let mut y = area.y;
    let mut state = Words::of(gravity(snap, &model.symbols.worst), live.state.name().to_uppercase());
    if let Some(run) = live.runs.first() {
        state = state.say(Role::Strong, format!(" {}", format::percent(phrase::progress(run)).trim()));
        stage.hits.tick();
        if let Some(at) = run.not_before.filter(|at| *at > now) {
            state = state.say(Role::Text, format!(" {} left", format::until(at - now)));
        }
    } else if let Some(beat) = live.next.iter().min_by_key(|b| b.at) {
        stage.hits.counts(now, beat.at);
        state = state.say(Role::Muted, format!(" {} in {}", beat.what, format::ahead(beat.at - now)));
    }
    let used = live.limit.limit.map_or_else(String::new, |n| format!("{}/{n}", live.limit.used));
    let line = |stage: &mut ViewContext, y: u16, pieces: &[(u8, Words)]| {
        if y < area.bottom() {
            stage.pen.pieces(area.x, y, area.width, 2, pieces);
        }
    };
    line(stage, y, &[(9, state), (3, Words::of(Role::Muted, used))]);
    y += 1;
    let mut tiers: Vec<(u8, Words)> = Vec::new();
    for (k, tier) in (0..).zip([Tier::Stale, Tier::Missing, Tier::Aging, Tier::Fresh, Tier::Unknown]) {
        let n = data.tiers.of(tier);
        if n > 0 || tier == Tier::Fresh {
            tiers.push((9 - k, Words::of(tier.into(), format!("{}{}", tier.letter(), format::count(n)))));
        }
    }
    let breached: usize = data.rpo.iter().map(|r| r.breached).sum();
    if breached > 0 {
        tiers.insert(0, (10, Words::of(Role::Breach, format!("{breached} past RPO"))));
    }
    line(stage, y, &tiers);
    y += 1;
    let all = verdict(snap, &model.symbols.worst, &model.link, now);
    let brief = if model.symbols.worst.is_empty() { all.into_iter().skip(2) } else { all.into_iter().skip(1) };
    for answer in brief {
        line(stage, y, &[(9, Words::of(Role::Muted, format!("{} ", answer.label))), (9, answer.answer)][1..]);
        y += 1;
    }
    for row in model.symbols.worst.iter().filter_map(|k| data.series.get(*k as usize)) {
        if y >= area.bottom() {
            return;
        }
        let behind = row.staleness_seconds.map_or_else(|| "   none".to_owned(), |s| format::age(s * 1000));
        let pieces = [
            (9, Words::of(Role::Strong, format!("{:<6}", row.symbol))),
            (8, Words::of(Role::Text, format!("{:<3}", row.timeframe))),
            (7, phrase::series_tier(row, 12)),
            (6, Words::of(Role::Text, behind)),
        ];
        line(stage, y, &pieces);
        y += 1;
    }
    let open = data.alerts.iter().filter(|a| a.resolved_at.is_none());
    let mut more = data.open_alerts();
    for alert in open {
        line(stage, y, &[(9, Words::of(phrase::severity(alert.severity), format!("! {}", alert.message)))]);
        (y, more) = (y + 1, more.saturating_sub(1));
    }
    if let Some(worst) = data.worst_open_alert().filter(|_| more > 0) {
        line(stage, y, &[(9, Words::of(phrase::severity(worst), format!("! {more} more alerts are open")))]);
    }
}
