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

use crate::draw::fit::Constraint;
use crate::draw::format;
use crate::draw::hits::HitMap;
use crate::draw::look::Look;
use crate::draw::pen::{Words, columns, rows};
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::ListId;
use crate::view::stage::ViewContext;
use crate::view::verdict::{gravity, verdict};
use crate::view::{brief, freshness, limit, phrase, runs};
use crate::widgets::table::Column;

/// Draws it into `area`.
pub fn draw(model: &Model, look: &Look, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let stage = &mut ViewContext::new(model, look, area, buf, hits);
    if area.width < 50 || area.height < 14 {
        return brief::draw(stage, area);
    }
    let wide = area.width >= 76;
    // While nothing runs there is little to say about it.
    let rests = model.snap.live.runs.is_empty();
    let (runs, rest) = if rests { (7, u16::MAX) } else { (40, 9) };
    let panes: [(Panel, Constraint); 6] = if wide {
        let tiers = if area.height >= 34 { 10 } else { 7 };
        [
            (Panel::Now, Constraint::new(6, 6, 9)),
            (Panel::TiersAndLimit, Constraint::new(6, tiers, 7)),
            (Panel::Runs, Constraint::new(5, runs, 4)),
            (Panel::AlertsAndExecutions, Constraint::new(4, rest, if rests { 3 } else { 5 })),
            (Panel::Nothing, Constraint::new(0, 0, 0)),
            (Panel::Nothing, Constraint::new(0, 0, 0)),
        ]
    } else {
        [
            (Panel::Now, Constraint::new(6, 6, 9)),
            (Panel::Tiers, Constraint::new(4, 7, 7)),
            (Panel::Runs, Constraint::new(4, 20, 6)),
            (Panel::Limit, Constraint::new(4, 6, 5)),
            (Panel::Alerts, Constraint::new(4, 7, 4)),
            (Panel::Executions, Constraint::new(4, 9, 3)),
        ]
    };
    let needs = panes.map(|(_, need)| need);
    for ((panel, _), place) in panes.into_iter().zip(rows(area, &needs)) {
        let Some(place) = place.filter(|p| p.height > 0) else { continue };
        let halves = || -> (Rect, Rect) {
            let half = Constraint::new(30, u16::MAX, 1);
            let left = place.width / 2;
            let both = columns(place, 0, &[Constraint::new(left, left, 2), half]);
            let of = |k: usize| both.get(k).copied().flatten().unwrap_or_default();
            (of(0), of(1))
        };
        match panel {
            Panel::Now => now(stage, place),
            Panel::Tiers => freshness::panel(stage, place),
            Panel::Limit => limit::panel(stage, place),
            Panel::Runs => runs::panel(stage, place),
            Panel::Alerts => alerts(stage, place),
            Panel::Executions => executions(stage, place),
            Panel::TiersAndLimit => {
                let (left, right) = halves();
                freshness::panel(stage, left);
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

fn now(stage: &mut ViewContext, area: Rect) {
    let model = stage.model;
    let role = gravity(&model.snap, &model.symbols.worst);
    let frame = if role == Role::Bad { Role::Bad } else { Role::Border };
    let market = market(stage);
    let inner = stage.pen.framed(area, &Words::of(Role::Title, "Now"), &market, frame);
    answers(stage, inner);
}

fn answers(stage: &mut ViewContext, area: Rect) {
    let model = stage.model;
    let (live, now) = (&model.snap.live, stage.now());
    if live.runs.is_empty() {
        live.next.iter().for_each(|beat| stage.hits.counts(now, beat.at));
    } else {
        stage.hits.tick();
    }
    let lines = verdict(&model.snap, &model.symbols.worst, &model.link, stage.now());
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        let label = 9.min(area.width);
        stage.pen.text(area.x, y, label, line.label, Role::Muted);
        stage.pen.words(area.x + label, y, area.width - label, &line.answer);
    }
}

/// What the exchange does.
fn market(stage: &mut ViewContext) -> Words {
    use barkeep_monitor::snapshot::MarketPhase;
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
            stage.hits.counts(now, at);
            words.say(Role::Muted, format!(", opens in {}", format::ahead(at - now)))
        }
        (_, _, Some(at)) => words.say(Role::Muted, format!(", until {}", format::due(at, now))),
        _ => words,
    }
}

/// Open alerts first, as a short list of the newest.
fn alerts(stage: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum Is {
        TimeBound,
        TriggerScope,
    }
    let model = stage.model;
    let rows = &model.snap.data.alerts;
    let open = model.snap.data.open_alerts();
    let title = Words::of(Role::Title, "Alerts").say(
        if open > 0 { Role::Bad } else { Role::Muted },
        if open > 0 { format!(" {open} open") } else { " none open".to_owned() },
    );
    let columns = [Column::new(Is::TimeBound, "", 6, 5), Column::new(Is::TriggerScope, "", 12, 9).up_to(300)];
    let empty = [Words::of(Role::Muted, "no alert yet")];
    let now = stage.now();
    stage.table(ListId::OverviewAlerts, area, title, &columns, &empty, |pen, slot, key, k| {
        let Some(row) = rows.get(k) else { return };
        match key {
            Is::TimeBound => slot.text(pen, &format::when(row.raised_at, now), Role::Muted),
            Is::TriggerScope => {
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

fn executions(stage: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum Is {
        TimeBound,
        Trigger,
        Status,
        Done,
        Took,
        Requests,
    }
    let model = stage.model;
    let rows = &model.snap.data.executions;
    let columns = [
        Column::new(Is::TimeBound, "", 6, 8),
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
                Is::TimeBound => slot.text(pen, &format::when(row.started_at, now), Role::Muted),
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
