//! What is missing of one series, and the last attempts to get it.

use ratatui::layout::Rect;

use super::phrase;
use super::stage::ViewContext;
use crate::draw::format;
use crate::draw::theme::Role;
use crate::draw::words::Words;
use crate::model::screen::ListId;
use crate::widgets::table::Column;

/// Stretches without an answer.
pub fn gaps(stage: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum Is {
        From,
        To,
        Long,
        Why,
    }
    let rows = stage.model.gaps();
    let name = stage.model.detail_series();
    let total = name.and_then(|n| stage.model.answers.detail(&n).value).map_or(0, |d| d.gaps_total);
    let mut title =
        Words::of(Role::Title, "Gaps ").say(if total > 0 { Role::Aging } else { Role::Muted }, format::count(total));
    if total > rows.len() {
        title = title.say(Role::Muted, format!(", the first {}", rows.len()));
    }
    let columns = [
        Column::new(Is::From, "", 13, 9),
        Column::new(Is::To, "", 13, 5),
        Column::new(Is::Long, "", 7, 8).right(),
        Column::new(Is::Why, "", 14, 6).up_to(30),
    ];
    let now = stage.now();
    let empty = [Words::of(Role::Good, "no gaps")];
    stage.table(ListId::Gaps, area, title, &columns, &empty, |pen, slot, key, k| {
        let Some(gap) = rows.get(k) else { return };
        match key {
            Is::From => slot.text(pen, &format::stamp(gap.range.start, now), Role::Text),
            Is::To => slot.text(pen, &format::stamp(gap.range.end, now), Role::Muted),
            Is::Long => slot.text(pen, &format::age(gap.range.len()), Role::Text),
            Is::Why if gap.not_entitled => slot.text(pen, "x not entitled", Role::Refused),
            Is::Why => slot.text(pen, "? not fetched yet", Role::Aging),
        }
    });
}

/// The last attempts, newest first.
pub fn attempts(stage: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum Is {
        TimeBound,
        Status,
        Bars,
        Run,
        Error,
    }
    let rows = stage.model.attempts();
    let columns = [
        Column::new(Is::TimeBound, "", 6, 9),
        Column::new(Is::Status, "", 13, 10),
        Column::new(Is::Bars, "", 9, 5).right(),
        Column::new(Is::Run, "", 8, 2),
        Column::new(Is::Error, "", 8, 7).up_to(80),
    ];
    let now = stage.now();
    let empty = [Words::of(Role::Muted, "no attempts yet")];
    stage.told(
        ListId::Attempts,
        area,
        Words::of(Role::Title, "Attempts"),
        &columns,
        &empty,
        |pen, slot, key, k| {
            let Some(row) = rows.get(k) else { return };
            let (sign, word, role) = phrase::series_state(row.status);
            match key {
                Is::TimeBound => {
                    slot.text(pen, &row.started_at.map_or_else(String::new, |t| format::when(t, now)), Role::Muted);
                }
                Is::Status => slot.text(pen, &format!("{sign} {word}"), role),
                Is::Bars => slot.text(pen, &format!("+{}", format::count(row.records_inserted)), Role::Text),
                Is::Run => slot.text(pen, &phrase::id(row.execution_id), Role::Muted),
                Is::Error => slot.text(pen, row.error_message.as_deref().unwrap_or(""), Role::Bad),
            }
        },
        |k| rows.get(k)?.error_message.clone(),
    );
}
