//! The Failures & alerts screen: failing series and features, quarantine, alerts, operator actions.
//!
//! Side by side where there is room; else the list with the focus in full and a line for each of the others.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::draw::canvas::{Line, columns, rows};
use crate::draw::context::DrawContext;
use crate::draw::format;
use crate::draw::hits::{ClickTarget, HitMap};
use crate::draw::layout::Constraint;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::answers::ShownAnswer;
use crate::model::screen::{ListId, Screen};
use crate::now::cause::{cause, short_times};
use crate::view::context::{ViewContext, absence};
use crate::view::description::{failure, panel};
use crate::view::{lists, phrase};
use crate::widgets::table::Column;

/// Draws it into `area`.
pub fn draw(model: &Model, context: &DrawContext, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let view = &mut ViewContext::new(model, context, area, buf, hits);
    let area = panel::beside_lists(view, area);
    if area.width >= 96 && area.height >= 18 {
        let halves = columns(area, 0, &[Constraint::new(48, area.width / 2, 9), Constraint::new(48, u16::MAX, 8)]);
        let half = |k: usize| halves.get(k).copied().flatten().unwrap_or_default();
        stack(view, half(0), &[ListId::Alerts, ListId::Quarantine]);
        stack(view, half(1), &[ListId::FailingSeries, ListId::FailingFeatures, ListId::Actions]);
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
            one(view, place, *list);
        } else if let Some(at) = place {
            named(view, at, *list);
        }
    }
}

/// Why it is not known what a list holds.
fn unread(model: &Model, list: ListId) -> Option<&'static str> {
    fn why<T: ?Sized>(answer: &ShownAnswer<'_, T>) -> Option<&'static str> {
        match (answer.value, answer.error) {
            (Some(_), _) => None,
            (None, Some(_)) => Some("cannot be read"),
            (None, None) => Some("loading …"),
        }
    }
    match list {
        ListId::Quarantine => why(&model.answers.quarantine()),
        ListId::FailingFeatures => why(&model.answers.failing_features()),
        ListId::Actions => why(&model.answers.actions()),
        _ => None,
    }
}

/// Lists below each other; an empty one is a line and leaves its room to the others, unless it has the focus or all are
/// empty.
fn stack(view: &mut ViewContext, area: Rect, lists: &[ListId]) {
    let focus = view.model.focus();
    // What is not known yet, or could not be read, is not empty.
    let open = |list: ListId| list == focus || view.model.len_of(list) > 0 || unread(view.model, list).is_some();
    let filled = lists.iter().filter(|list| open(**list)).count();
    let whole = |k: usize, list: ListId| open(list) || filled == 0 && k == 0;
    let last = lists.iter().rposition(|list| open(*list)).unwrap_or(0);
    let share = area.height / u16::try_from(filled.max(1)).unwrap_or(1);
    let needs: Vec<Constraint> = (0..)
        .zip(lists)
        .map(|(k, list)| match (whole(k, *list), k == last) {
            (false, _) => Constraint::new(1, 1, 5),
            (true, false) => Constraint::new(4, share, 9),
            (true, true) => Constraint::new(4, u16::MAX, 8),
        })
        .collect();
    let wholes: Vec<bool> = (0..).zip(lists).map(|(k, list)| whole(k, *list)).collect();
    for ((list, whole), place) in lists.iter().zip(wholes).zip(rows(area, &needs)) {
        match place {
            Some(at) if !whole => named(view, at, *list),
            _ => one(view, place, *list),
        }
    }
}

/// A list as a line: its name and how many it holds.
fn named(view: &mut ViewContext, at: Rect, list: ListId) {
    view.hits.add(at, ClickTarget::List(list));
    let n = view.model.len_of(list);
    let role = if n > 0 && list != ListId::Actions { Role::Warn } else { Role::Muted };
    let count = match (n, unread(view.model, list)) {
        (0, Some(why)) => why.to_owned(),
        (0, None) => "none".to_owned(),
        _ => format::count(n),
    };
    let line = Line::of(Role::Border, "─ ").span(Role::Title, list.title()).span(role, format!(" {count} "));
    let used = view.canvas.line(at.x, at.y, at.width, &line);
    view.canvas.repeat(at.x + used, at.y, at.width.saturating_sub(used), "─", Role::Border);
}

fn one(view: &mut ViewContext, place: Option<Rect>, list: ListId) {
    let Some(area) = place else { return };
    let model = view.model;
    match list {
        ListId::Alerts => lists::alerts(view, area, list, &model.alerts()),
        ListId::Quarantine => {
            let answer = model.answers.quarantine();
            let empty = absence(&answer, &[Line::of(Role::Good, "no quarantined bars")]);
            lists::quarantine(view, area, list, &model.quarantine(), Line::of(Role::Title, "Quarantine"), &empty);
        }
        ListId::FailingFeatures => features(view, area),
        ListId::Actions => actions(view, area),
        _ => series(view, area),
    }
}

fn series(view: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum FailingSeriesColumn {
        Series,
        Time,
        Error,
    }
    let rows = view.model.failing_series();
    let title = counted("Failing series", rows.len());
    let columns = [
        Column::new(FailingSeriesColumn::Series, "", 9, 9).up_to(12),
        Column::new(FailingSeriesColumn::Time, "", 6, 5),
        Column::new(FailingSeriesColumn::Error, "", 16, 8).up_to(200),
    ];
    let now = view.now();
    let empty = [Line::of(Role::Good, "no failing series")];
    view.table_with_details(
        ListId::FailingSeries,
        area,
        title,
        &columns,
        &empty,
        |canvas, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            match key {
                FailingSeriesColumn::Series => {
                    slot.text(canvas, &format!("{} {}", row.symbol, row.timeframe), Role::Strong);
                }
                FailingSeriesColumn::Time => {
                    let at = row.completed_at.or(row.started_at);
                    slot.text(canvas, &at.map_or_else(String::new, |t| format::when(t, now)), Role::Muted);
                }
                FailingSeriesColumn::Error => {
                    let cause = row.error_message.as_deref().map_or_else(|| "no message".to_owned(), cause);
                    slot.text(canvas, &cause, Role::Bad);
                }
            }
        },
        |k| rows.get(k)?.error_message.as_deref().map(failure),
    );
}

fn features(view: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum FailingFeaturesColumn {
        Series,
        Time,
        Retries,
        Error,
    }
    let rows = view.model.failing_features();
    let open = rows.iter().filter(|row| !row.resolved).count();
    let answer = view.model.answers.failing_features();
    let columns = [
        Column::new(FailingFeaturesColumn::Series, "", 9, 9).up_to(12),
        Column::new(FailingFeaturesColumn::Time, "", 6, 5),
        Column::new(FailingFeaturesColumn::Retries, "", 11, 3),
        Column::new(FailingFeaturesColumn::Error, "", 16, 8).up_to(200),
    ];
    let now = view.now();
    let empty = absence(&answer, &[Line::of(Role::Good, "no failing features")]);
    view.table_with_details(
        ListId::FailingFeatures,
        area,
        counted("Failing features", open),
        &columns,
        &empty,
        |canvas, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            let role = if row.resolved { Role::Muted } else { Role::Bad };
            match key {
                FailingFeaturesColumn::Series => {
                    let name = format!("{} {}", row.failure.symbol, row.failure.timeframe);
                    slot.text(canvas, &name, if row.resolved { Role::Muted } else { Role::Strong });
                }
                FailingFeaturesColumn::Time => {
                    slot.text(canvas, &format::when(row.failure.failed_at, now), Role::Muted);
                }
                FailingFeaturesColumn::Retries if row.resolved => slot.text(canvas, "✓ resolved", Role::Good),
                FailingFeaturesColumn::Retries => {
                    slot.text(canvas, &format::plural(row.retry_count, "retry"), Role::Warn);
                }
                FailingFeaturesColumn::Error => slot.text(canvas, &short_times(&row.failure.error_message), role),
            }
        },
        |k| Some(short_times(&rows.get(k)?.failure.error_message)),
    );
}

fn actions(view: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum OperatorActionColumn {
        Time,
        Actor,
        Action,
        Result,
    }
    let rows = view.model.operator_actions();
    let answer = view.model.answers.actions();
    let columns = [
        Column::new(OperatorActionColumn::Time, "", 6, 6),
        Column::new(OperatorActionColumn::Actor, "", 10, 8).up_to(18),
        Column::new(OperatorActionColumn::Action, "", 14, 9).up_to(60),
        Column::new(OperatorActionColumn::Result, "", 7, 7).up_to(60),
    ];
    let now = view.now();
    let empty = absence(&answer, &[Line::of(Role::Muted, "no actions yet")]);
    view.table_with_details(
        ListId::Actions,
        area,
        Line::of(Role::Title, "Operator actions"),
        &columns,
        &empty,
        |canvas, slot, key, k| {
            let Some(row) = rows.get(k).map(|row| &row.action) else { return };
            match key {
                OperatorActionColumn::Time => slot.text(canvas, &format::when(row.at, now), Role::Muted),
                OperatorActionColumn::Actor => slot.text(canvas, &row.actor, Role::Text),
                OperatorActionColumn::Action => {
                    slot.text(canvas, &phrase::deed(row), Role::Strong);
                }
                OperatorActionColumn::Result => {
                    let (sign, role) = phrase::result(&row.result);
                    slot.text(canvas, sign, role);
                }
            }
        },
        |k| rows.get(k).map(|row| phrase::operator_action(&row.action)),
    );
}

fn counted(what: &str, n: usize) -> Line {
    Line::of(Role::Title, what).span(if n > 0 { Role::Bad } else { Role::Muted }, format!(" {}", format::count(n)))
}
