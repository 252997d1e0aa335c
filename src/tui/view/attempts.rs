//! What is missing of one series, and the last attempts to get it.

use ratatui::layout::Rect;

use super::context::ViewContext;
use super::phrase;
use crate::draw::format;
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::model::screen::ListId;
use crate::now::cause::cause;
use crate::widgets::table::Column;

/// Stretches without an answer.
pub fn gaps(view: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum GapColumn {
        From,
        To,
        Length,
        Cause,
    }
    let rows = view.model.gaps();
    let name = view.model.detail_series();
    let total = name.and_then(|n| view.model.answers.detail(&n).value).map_or(0, |d| d.gaps_total);
    let mut title =
        Line::of(Role::Title, "Gaps ").span(if total > 0 { Role::Aging } else { Role::Muted }, format::count(total));
    if total > rows.len() {
        title = title.span(Role::Muted, format!(", the first {}", rows.len()));
    }
    let columns = [
        Column::new(GapColumn::From, "", 13, 9),
        Column::new(GapColumn::To, "", 13, 5),
        Column::new(GapColumn::Length, "", 7, 8).right(),
        Column::new(GapColumn::Cause, "", 14, 6).up_to(30),
    ];
    let now = view.now();
    let empty = [Line::of(Role::Good, "no gaps")];
    view.table(ListId::Gaps, area, title, &columns, &empty, |canvas, slot, key, k| {
        let Some(gap) = rows.get(k) else { return };
        match key {
            GapColumn::From => slot.text(canvas, &format::stamp(gap.range.start, now), Role::Text),
            GapColumn::To => slot.text(canvas, &format::stamp(gap.range.end, now), Role::Muted),
            GapColumn::Length => slot.text(canvas, &format::age(gap.range.len()), Role::Text),
            GapColumn::Cause if gap.not_entitled => slot.text(canvas, "x not entitled", Role::Refused),
            GapColumn::Cause => slot.text(canvas, "? not fetched yet", Role::Aging),
        }
    });
}

/// The last attempts, newest first.
pub fn attempts(view: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum AttemptColumn {
        Started,
        Status,
        Bars,
        Run,
        Error,
    }
    let rows = view.model.attempts();
    let columns = [
        Column::new(AttemptColumn::Started, "", 6, 9),
        Column::new(AttemptColumn::Status, "", 13, 10),
        Column::new(AttemptColumn::Bars, "", 9, 5).right(),
        Column::new(AttemptColumn::Run, "", 8, 2),
        Column::new(AttemptColumn::Error, "", 8, 7).up_to(80),
    ];
    let now = view.now();
    let empty = [Line::of(Role::Muted, "no attempts yet")];
    view.table_with_details(
        ListId::Attempts,
        area,
        Line::of(Role::Title, "Attempts"),
        &columns,
        &empty,
        |canvas, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            let (sign, word, role) = phrase::series_state(row.status);
            match key {
                AttemptColumn::Started => {
                    slot.text(canvas, &row.started_at.map_or_else(String::new, |t| format::when(t, now)), Role::Muted);
                }
                AttemptColumn::Status => slot.text(canvas, &format!("{sign} {word}"), role),
                AttemptColumn::Bars => {
                    slot.text(canvas, &format!("+{}", format::count(row.records_inserted)), Role::Text);
                }
                AttemptColumn::Run => slot.text(canvas, &phrase::id(row.execution_id), Role::Muted),
                AttemptColumn::Error => {
                    slot.text(canvas, &row.error_message.as_deref().map_or_else(String::new, cause), Role::Bad);
                }
            }
        },
        |k| rows.get(k)?.error_message.clone(),
    );
}
