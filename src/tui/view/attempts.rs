//! What is missing of one series, and the last attempts to get it.

use chrono::{Datelike as _, NaiveDate};
use ratatui::layout::Rect;

use super::context::ViewContext;
use super::description::failure;
use super::phrase;
use crate::actions::ActionId;
use crate::draw::format;
use crate::draw::line::Line;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::screen::ListId;
use crate::now::cause::cause;
use crate::widgets::table::Column;
use barkeep_market::ts::DAY;
use barkeep_market::{AssetClass, Ts};
use barkeep_runtime::console::Gap;

/// A gap in words: `hole 30 Jul to 27 Nov, 84 sessions`; within one session with its hours.
#[must_use]
pub fn hole(gap: &Gap, class: AssetClass, now: Ts) -> String {
    let (first, last) = (class.date_of(gap.range.start), class.date_of(gap.range.end - 1));
    let this = now.utc_date();
    let day = |date: NaiveDate| {
        let old = date.year() != this.year() && (this - date).num_days() > 300;
        date.format(if old { "%-d %b %Y" } else { "%-d %b" }).to_string()
    };
    if first == last && gap.range.len() < DAY {
        let (from, to) = (format::hour_minute(gap.range.start), format::hour_minute(gap.range.end));
        return format!("hole {} {from} to {to}", day(first));
    }
    let sessions = format::plural(gap.sessions, if class.is_continuous() { "day" } else { "session" });
    if first == last {
        return format!("hole {}, {sessions}", day(first));
    }
    format!("hole {} to {}, {sessions}", day(first), day(last))
}

/// What fetching a gap takes, and the key for it; empty while the cost is not known.
#[must_use]
pub fn fetches(model: &Model, gap: &Gap) -> Line {
    let Some(requests) = gap.requests else { return Line::new() };
    if requests == 0 {
        return Line::of(Role::Muted, ", nothing to fetch now");
    }
    let key = model.keymap.hint(ActionId::TriggerGap);
    let cost = Line::of(Role::Text, format!(", {}", format::plural(requests, "request")));
    match key {
        Some(key) => cost.span(Role::Text, "  ").span(Role::Key, key).span(Role::Muted, " fetches it"),
        None => cost,
    }
}

/// Stretches without an answer.
pub fn gaps(view: &mut ViewContext, area: Rect) {
    #[derive(Clone, Copy)]
    enum GapColumn {
        What,
        Cost,
    }
    let rows = view.model.gaps();
    let name = view.model.detail_series();
    let class = name.as_ref().and_then(|name| view.model.series(name)).map_or(AssetClass::Stock, |row| row.asset_class);
    let total = name.and_then(|n| view.model.answers.detail(&n).value).map_or(0, |d| d.gaps_total);
    let mut title =
        Line::of(Role::Title, "Gaps ").span(if total > 0 { Role::Aging } else { Role::Muted }, format::count(total));
    if total > rows.len() {
        title = title.span(Role::Muted, format!(", the first {}", rows.len()));
    }
    let columns = [Column::new(GapColumn::What, "", 28, 9).up_to(46), Column::new(GapColumn::Cost, "", 14, 7).right()];
    let now = view.now();
    let empty = [Line::of(Role::Good, "no gaps")];
    view.table(ListId::Gaps, area, title, &columns, &empty, |canvas, slot, key, k| {
        let Some(gap) = rows.get(k) else { return };
        match key {
            GapColumn::What => slot.text(canvas, &hole(gap, class, now), Role::Text),
            GapColumn::Cost if gap.not_entitled => slot.text(canvas, "x not entitled", Role::Refused),
            GapColumn::Cost => {
                let cost = gap.requests.map_or_else(
                    || "missing".to_owned(),
                    |n| {
                        if n == 0 { "no request".to_owned() } else { format::plural(n, "request") }
                    },
                );
                slot.text(canvas, &cost, Role::Aging);
            }
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
    let snap = &view.model.snap;
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
            let (sign, word, role) = phrase::series_state(snap, row);
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
        |k| rows.get(k)?.error_message.as_deref().map(failure),
    );
}
