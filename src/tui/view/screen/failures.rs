//! The Failures & alerts screen: what is wrong, what was, and who did what about it.
//!
//! Side by side where there is room; else the list with the focus in full and a line for each of the others.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::draw::fit::Constraint;
use crate::draw::format;
use crate::draw::hits::{HitMap, Target};
use crate::draw::look::Look;
use crate::draw::pen::{Words, columns, rows};
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::{ListId, Screen};
use crate::view::stage::{ViewContext, absence};
use crate::view::{lists, phrase};
use crate::widgets::table::Column;

/// Draws it into `area`.
pub fn draw(model: &Model, look: &Look, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let stage = &mut ViewContext::new(model, look, area, buf, hits);
    if area.width >= 96 && area.height >= 18 {
        let halves = columns(area, 0, &[Constraint::new(48, area.width / 2, 9), Constraint::new(48, u16::MAX, 8)]);
        let third = area.height / 3;
        let half = |k: usize| halves.get(k).copied().flatten().unwrap_or_default();
        let left = [
            (ListId::Alerts, Constraint::new(4, area.height / 2, 9)),
            (ListId::Quarantine, Constraint::new(4, u16::MAX, 8)),
        ];
        let right = [
            (ListId::FailingSeries, Constraint::new(4, third, 9)),
            (ListId::FailingFeatures, Constraint::new(4, third, 8)),
            (ListId::Actions, Constraint::new(4, u16::MAX, 7)),
        ];
        let needs = left.map(|(_, need)| need);
        for ((list, _), place) in left.into_iter().zip(rows(half(0), &needs)) {
            one(stage, place, list);
        }
        let needs = right.map(|(_, need)| need);
        for ((list, _), place) in right.into_iter().zip(rows(half(1), &needs)) {
            one(stage, place, list);
        }
        return;
    }
    let focus = model.focus();
    let all = Screen::Failures.lists();
    let needs: Vec<Constraint> = all
        .iter()
        .map(|list| if *list == focus { Constraint::new(1, u16::MAX, 9) } else { Constraint::new(1, 1, 5) })
        .collect();
    for (list, place) in all.iter().zip(rows(area, &needs)) {
        if *list == focus {
            one(stage, place, *list);
        } else if let Some(at) = place {
            stage.hits.add(at, Target::List(*list));
            let n = model.len_of(*list);
            let role = if n > 0 && *list != ListId::Actions { Role::Warn } else { Role::Muted };
            let words = Words::of(Role::Border, "─ ")
                .say(Role::Title, list.title())
                .say(role, format!(" {} ", format::count(n)));
            let used = stage.pen.words(at.x, at.y, at.width, &words);
            stage.pen.repeat(at.x + used, at.y, at.width.saturating_sub(used), "─", Role::Border);
        }
    }
}

fn one(stage: &mut ViewContext, place: Option<Rect>, list: ListId) {
    let Some(area) = place else { return };
    let model = stage.model;
    match list {
        ListId::Alerts => lists::alerts(stage, area, list, model.alerts()),
        ListId::Quarantine => {
            let asked = model.answers.quarantine();
            let empty = absence(&asked, &[Words::of(Role::Good, "no quarantined bars")]);
            lists::quarantine(stage, area, list, model.quarantine(), Words::of(Role::Title, "Quarantine"), &empty);
        }
        ListId::FailingFeatures => features(stage, area),
        ListId::Actions => actions(stage, area),
        _ => series(stage, area),
    }
}

fn series(stage: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum Is {
        Series,
        TimeBound,
        Error,
    }
    let rows = stage.model.failing_series();
    let title = counted("Failing series", rows.len());
    let columns = [
        Column::new(Is::Series, "", 9, 9).up_to(12),
        Column::new(Is::TimeBound, "", 6, 5),
        Column::new(Is::Error, "", 16, 8).up_to(200),
    ];
    let now = stage.now();
    let empty = [Words::of(Role::Good, "no failing series")];
    stage.told(
        ListId::FailingSeries,
        area,
        title,
        &columns,
        &empty,
        |pen, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            match key {
                Is::Series => slot.text(pen, &format!("{} {}", row.symbol, row.timeframe), Role::Strong),
                Is::TimeBound => {
                    let at = row.completed_at.or(row.started_at);
                    slot.text(pen, &at.map_or_else(String::new, |t| format::when(t, now)), Role::Muted);
                }
                Is::Error => slot.text(pen, row.error_message.as_deref().unwrap_or("no message"), Role::Bad),
            }
        },
        |k| rows.get(k)?.error_message.clone(),
    );
}

fn features(stage: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum Is {
        Series,
        TimeBound,
        Tries,
        Error,
    }
    let rows = stage.model.failing_features();
    let open = rows.iter().filter(|row| !row.resolved).count();
    let asked = stage.model.answers.failing_features();
    let columns = [
        Column::new(Is::Series, "", 9, 9).up_to(12),
        Column::new(Is::TimeBound, "", 6, 5),
        Column::new(Is::Tries, "", 11, 3),
        Column::new(Is::Error, "", 16, 8).up_to(200),
    ];
    let now = stage.now();
    let empty = absence(&asked, &[Words::of(Role::Good, "no failing features")]);
    stage.told(
        ListId::FailingFeatures,
        area,
        counted("Failing features", open),
        &columns,
        &empty,
        |pen, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            let role = if row.resolved { Role::Muted } else { Role::Bad };
            match key {
                Is::Series => {
                    let name = format!("{} {}", row.failure.symbol, row.failure.timeframe);
                    slot.text(pen, &name, if row.resolved { Role::Muted } else { Role::Strong });
                }
                Is::TimeBound => slot.text(pen, &format::when(row.failure.failed_at, now), Role::Muted),
                Is::Tries if row.resolved => slot.text(pen, "✓ resolved", Role::Good),
                Is::Tries => slot.text(pen, &format::plural(row.retry_count, "retry"), Role::Warn),
                Is::Error => slot.text(pen, &row.failure.error_message, role),
            }
        },
        |k| Some(rows.get(k)?.failure.error_message.clone()),
    );
}

fn actions(stage: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum Is {
        TimeBound,
        Who,
        TriggerScope,
        Result,
    }
    let rows = stage.model.operator_actions();
    let asked = stage.model.answers.actions();
    let columns = [
        Column::new(Is::TimeBound, "", 6, 6),
        Column::new(Is::Who, "", 10, 8).up_to(18),
        Column::new(Is::TriggerScope, "", 14, 9).up_to(34),
        Column::new(Is::Result, "", 4, 7).up_to(40),
    ];
    let now = stage.now();
    let empty = absence(&asked, &[Words::of(Role::Muted, "no actions yet")]);
    stage.told(
        ListId::Actions,
        area,
        Words::of(Role::Title, "Operator actions"),
        &columns,
        &empty,
        |pen, slot, key, k| {
            let Some(row) = rows.get(k).map(|row| &row.action) else { return };
            match key {
                Is::TimeBound => slot.text(pen, &format::when(row.at, now), Role::Muted),
                Is::Who => slot.text(pen, &row.actor, Role::Text),
                Is::TriggerScope => {
                    let target =
                        row.target.as_ref().or(row.detail.as_ref()).map_or_else(String::new, |t| format!(" {t}"));
                    slot.words(pen, &Words::of(Role::Strong, row.action.clone()).say(Role::Text, target));
                }
                Is::Result => {
                    let (sign, role) = phrase::result(&row.result);
                    slot.text(pen, sign, role);
                }
            }
        },
        |k| rows.get(k).map(|row| phrase::deed(&row.action)),
    );
}

fn counted(what: &str, n: usize) -> Words {
    Words::of(Role::Title, what).say(if n > 0 { Role::Bad } else { Role::Muted }, format!(" {}", format::count(n)))
}
