//! The Overview: the four answers first, then tiers, limit, runs, alerts and what ran before.
//!
//! ```text
//! ╭ Now ───────────────────────────────────────────────╮
//! │ stale / why / doing / done by                      │
//! ├ Freshness ───────────────┬ Vendor limit ───────────┤
//! ├ Run 7f3a … ──────────────┴─────────────────────────┤
//! ├ Alerts ──────────────────┬ Executions ─────────────┤
//! ```
//! Below 76 columns the panels stand below each other, below 14 lines or 50 columns it is a list of lines.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::stage::Stage;
use super::verdict::{gravity, verdict};
use super::{limit, phrase, runs};
use crate::market::freshness::Tier;
use crate::tui::fit::Need;
use crate::tui::format;
use crate::tui::hits::HitMap;
use crate::tui::look::Look;
use crate::tui::model::Model;
use crate::tui::pen::{Pen, Words, columns, rows};
use crate::tui::screen::ListId;
use crate::tui::theme::Role;
use crate::tui::widgets::bar;
use crate::tui::widgets::table::Column;

/// Draws it into `area`.
pub fn draw(model: &Model, look: &Look, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let stage = &mut Stage::new(model, look, area, buf, hits);
    if area.width < 50 || area.height < 14 {
        return brief(stage, area);
    }
    let wide = area.width >= 76;
    // While nothing runs there is little to say about it.
    let rests = model.snap.live.runs.is_empty();
    let (runs, rest) = if rests { (7, u16::MAX) } else { (40, 9) };
    let panes: [(Panel, Need); 6] = if wide {
        let tiers = if area.height >= 34 { 10 } else { 7 };
        [
            (Panel::Now, Need::new(6, 6, 9)),
            (Panel::TiersAndLimit, Need::new(6, tiers, 7)),
            (Panel::Runs, Need::new(5, runs, 4)),
            (Panel::AlertsAndExecutions, Need::new(4, rest, if rests { 3 } else { 5 })),
            (Panel::Nothing, Need::new(0, 0, 0)),
            (Panel::Nothing, Need::new(0, 0, 0)),
        ]
    } else {
        [
            (Panel::Now, Need::new(6, 6, 9)),
            (Panel::Tiers, Need::new(4, 7, 7)),
            (Panel::Runs, Need::new(4, 20, 6)),
            (Panel::Limit, Need::new(4, 6, 5)),
            (Panel::Alerts, Need::new(4, 7, 4)),
            (Panel::Executions, Need::new(4, 9, 3)),
        ]
    };
    let needs = panes.map(|(_, need)| need);
    for ((panel, _), place) in panes.into_iter().zip(rows(area, &needs)) {
        let Some(place) = place.filter(|p| p.height > 0) else { continue };
        let halves = || -> (Rect, Rect) {
            let half = Need::new(30, u16::MAX, 1);
            let left = place.width / 2;
            let both = columns(place, 0, &[Need::new(left, left, 2), half]);
            let of = |k: usize| both.get(k).copied().flatten().unwrap_or_default();
            (of(0), of(1))
        };
        match panel {
            Panel::Now => now(stage, place),
            Panel::Tiers => tiers(stage, place),
            Panel::Limit => limit::panel(stage, place),
            Panel::Runs => runs::panel(stage, place),
            Panel::Alerts => alerts(stage, place),
            Panel::Executions => executions(stage, place),
            Panel::TiersAndLimit => {
                let (left, right) = halves();
                tiers(stage, left);
                limit::panel(stage, right);
            }
            Panel::AlertsAndExecutions => {
                let (left, right) = halves();
                alerts(stage, left);
                executions(stage, right);
            }
            Panel::Nothing => {}
        }
    }
}

#[derive(Clone, Copy)]
enum Panel {
    Now,
    Tiers,
    Limit,
    TiersAndLimit,
    Runs,
    Alerts,
    Executions,
    AlertsAndExecutions,
    Nothing,
}

fn now(stage: &mut Stage, area: Rect) {
    let model = stage.model;
    let role = gravity(&model.snap, &model.symbols.worst);
    let frame = if role == Role::Bad { Role::Bad } else { Role::Border };
    let market = market(stage);
    let inner = stage.pen.framed(area, &Words::of(Role::Title, "Now"), &market, frame);
    answers(stage, inner);
}

fn answers(stage: &mut Stage, area: Rect) {
    let model = stage.model;
    stage.hits.tick();
    let lines = verdict(&model.snap, &model.symbols.worst, &model.link, stage.now());
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        let label = 9.min(area.width);
        stage.pen.text(area.x, y, label, line.label, Role::Muted);
        stage.pen.words(area.x + label, y, area.width - label, &line.answer);
    }
}

/// What the exchange does.
fn market(stage: &Stage) -> Words {
    use crate::engine::snapshot::MarketPhase;
    let (market, now) = (stage.model.snap.data.market, stage.now());
    let (word, role) = match market.phase {
        MarketPhase::Closed => ("closed", Role::Muted),
        MarketPhase::PreMarket => ("pre-market", Role::Info),
        MarketPhase::Open => ("open", Role::Good),
        MarketPhase::AfterHours => ("after hours", Role::Info),
    };
    let words = Words::of(Role::Muted, "NYSE ").say(role, word);
    match (market.phase, market.opens_at, market.until) {
        (MarketPhase::Closed | MarketPhase::PreMarket, Some(at), _) => {
            words.say(Role::Muted, format!(", opens in {}", format::until(at - now)))
        }
        (_, _, Some(at)) => words.say(Role::Muted, format!(", until {}", format::due(at, now))),
        _ => words,
    }
}

fn tiers(stage: &mut Stage, area: Rect) {
    let data = &stage.model.snap.data;
    let counts = data.tiers;
    let total = counts.total();
    let tail = Words::of(
        Role::Muted,
        format!("{} · {}", format::plural(data.symbols_total, "symbol"), format::plural(data.series_total, "series")),
    );
    let inner = stage.panel(area, "Freshness", &tail);
    let breached: usize = data.rpo.iter().map(|r| r.breached).sum();
    // Tiers nobody is in go first, then the lines on recovery points.
    let shown = Tier::ALL.map(|tier| (tier, counts.of(tier)));
    let mut needs: Vec<Need> = shown
        .iter()
        .map(|(tier, n)| Need::new(1, 1, if *n > 0 || *tier == Tier::Fresh || *tier == Tier::Stale { 9 } else { 3 }))
        .collect();
    needs.extend(data.rpo.iter().map(|r| Need::new(1, 1, if r.breached > 0 { 8 } else { 5 })));
    let places = rows(inner, &needs);
    for ((tier, n), place) in shown.into_iter().zip(&places) {
        let Some(place) = place else { continue };
        tier_line(&mut stage.pen, *place, tier, n, total);
    }
    for (rpo, place) in data.rpo.iter().zip(places.iter().skip(shown.len())) {
        let Some(place) = place else { continue };
        let within = rpo.series.saturating_sub(rpo.breached + rpo.without_data);
        let accepted = i64::try_from(rpo.acceptable_staleness_seconds).unwrap_or(i64::MAX / 1000) * 1000;
        let (sign, role) = if rpo.breached > 0 { ("!", Role::Bad) } else { ("✓", Role::Good) };
        let mut note = vec![
            (9, Words::of(role, sign).say(Role::Text, format!(" {:<8}", rpo.criticality.name()))),
            (8, Words::of(Role::Text, format!("{:>6} of {:<6}", format::count(within), format::count(rpo.series)))),
            (4, Words::of(Role::Muted, format!("within {:<6}", format::rough(accepted)))),
        ];
        if rpo.breached > 0 {
            note.push((7, Words::of(Role::Breach, format!(" {} past it ", format::count(rpo.breached)))));
        }
        if rpo.without_data > 0 {
            note.push((3, Words::of(Role::Missing, format!("{} empty", format::count(rpo.without_data)))));
        }
        stage.pen.pieces(place.x, place.y, place.width, 1, &note);
    }
    let hidden = breached > 0 && places.iter().skip(shown.len()).all(Option::is_none);
    if hidden && area.height > 2 {
        stage.pen.right(
            area.x,
            area.bottom() - 1,
            area.width.saturating_sub(3),
            &format!(" {breached} past RPO "),
            Role::Breach,
        );
    }
}

fn tier_line(pen: &mut Pen, at: Rect, tier: Tier, n: usize, total: usize) {
    let share = if total == 0 { 0.0 } else { n as f64 / total as f64 };
    let role: Role = if n == 0 { Role::Muted } else { tier.into() };
    let label = 10.min(at.width);
    pen.words(at.x, at.y, label, &Words::of(role, format!("{} {}", tier.letter(), tier.name())));
    let figures = 8.min(at.width - label);
    pen.right(
        at.x + label,
        at.y,
        figures.saturating_sub(1),
        &format::count(n),
        if n == 0 { Role::Muted } else { Role::Strong },
    );
    let rest = at.width - label - figures;
    if rest > 12 {
        bar::share(pen, at.x + label + figures, at.y, rest - 7, share, role);
    }
    if rest >= 6 {
        pen.right(at.right() - 6, at.y, 6, &format::percent(share), Role::Muted);
    }
}

/// Open alerts first, as a short list of the newest.
fn alerts(stage: &mut Stage, area: Rect) {
    #[derive(Clone, Copy)]
    enum Is {
        When,
        What,
    }
    let model = stage.model;
    let rows = &model.snap.data.alerts;
    let open = rows.iter().filter(|row| row.resolved_at.is_none()).count();
    let title = Words::of(Role::Title, "Alerts").say(
        if open > 0 { Role::Bad } else { Role::Muted },
        if open > 0 { format!(" {open} open") } else { " none open".to_owned() },
    );
    let columns = [Column::new(Is::When, "", 6, 5), Column::new(Is::What, "", 12, 9).up_to(300)];
    let empty = [Words::of(Role::Muted, "no alert yet")];
    let now = stage.now();
    stage.table(ListId::OverviewAlerts, area, title, &columns, &empty, |pen, slot, key, k| {
        let Some(row) = rows.get(k) else { return };
        match key {
            Is::When => slot.text(pen, &format::when(row.raised_at, now), Role::Muted),
            Is::What => {
                let words = match row.resolved_at {
                    None => Words::of(phrase::severity(row.severity), format!("! {}", row.message)),
                    Some(at) => Words::of(Role::Good, "✓ ")
                        .say(Role::Muted, format!("{} for {}", row.message, format::rough(at - row.raised_at))),
                };
                slot.words(pen, &words);
            }
        }
    });
}

fn executions(stage: &mut Stage, area: Rect) {
    #[derive(Clone, Copy)]
    enum Is {
        When,
        Trigger,
        Status,
        Done,
        Took,
        Requests,
    }
    let model = stage.model;
    let rows = &model.snap.data.executions;
    let columns = [
        Column::new(Is::When, "", 6, 8),
        Column::new(Is::Trigger, "", 8, 4),
        Column::new(Is::Status, "", 13, 9),
        Column::new(Is::Done, "", 9, 7).right(),
        Column::new(Is::Took, "", 8, 5).right(),
        Column::new(Is::Requests, "", 9, 3).right(),
    ];
    let empty = [Words::of(Role::Muted, "nothing has run yet")];
    let now = stage.now();
    stage.table(
        ListId::OverviewExecutions,
        area,
        Words::of(Role::Title, "Executions"),
        &columns,
        &empty,
        |pen, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            match key {
                Is::When => slot.text(pen, &format::when(row.started_at, now), Role::Muted),
                Is::Trigger => slot.text(pen, &row.trigger.name().replace('_', " "), Role::Text),
                Is::Status => {
                    let (sign, word, role) = phrase::execution(row.status);
                    slot.text(pen, &format!("{sign} {word}"), role);
                }
                Is::Done => slot.text(pen, &phrase::symbols_done(row), Role::Text),
                Is::Took => {
                    let took = row.completed_at.unwrap_or(now) - row.started_at;
                    slot.text(pen, &format::elapsed(took), Role::Muted);
                }
                Is::Requests => slot.text(pen, &format!("{} req", format::count(row.requests)), Role::Muted),
            }
        },
    );
}

/// For a terminal of the size of a phone: state, tiers, the worst series.
fn brief(stage: &mut Stage, area: Rect) {
    let model = stage.model;
    let (snap, now) = (&model.snap, stage.now());
    let (live, data) = (&snap.live, &snap.data);
    stage.hits.tick();
    let mut y = area.y;
    let mut state = Words::of(gravity(snap, &model.symbols.worst), live.state.name().to_uppercase());
    if let Some(run) = live.runs.first() {
        state = state.say(Role::Strong, format!(" {}", format::percent(phrase::progress(run)).trim()));
        if let Some(at) = run.not_before.filter(|at| *at > now) {
            state = state.say(Role::Text, format!(" {} left", format::until(at - now)));
        }
    } else if let Some(beat) = live.next.iter().min_by_key(|b| b.at) {
        state = state.say(Role::Muted, format!(" {} in {}", beat.what, format::until(beat.at - now)));
    }
    let used = live.limit.limit.map_or_else(String::new, |n| format!("{}/{n}", live.limit.used));
    let line = |stage: &mut Stage, y: u16, pieces: &[(u8, Words)]| {
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
    for alert in open {
        line(stage, y, &[(9, Words::of(phrase::severity(alert.severity), format!("! {}", alert.message)))]);
        y += 1;
    }
}
