//! The days of a series on a calendar: a year as weeks, a month as a page.

use chrono::{Datelike as _, Days, NaiveDate};
use ratatui::layout::Rect;

use crate::draw::canvas::{Canvas, width};
use crate::draw::theme::Role;
use crate::widgets::heat;
use barkeep_runtime::console::{Cell, CellState};

/// The days of one series, and which of them is selected.
#[derive(Clone, Copy)]
pub struct DayCells<'a> {
    from: NaiveDate,
    cells: &'a [Cell],
    selected: Option<NaiveDate>,
    asked_from: NaiveDate,
}

impl<'a> DayCells<'a> {
    /// A cell a day from `from` on.
    #[must_use]
    pub fn new(from: NaiveDate, cells: &'a [Cell], selected: Option<NaiveDate>) -> Self {
        let first = u64::try_from(heat::first_asked(cells)).unwrap_or(u64::MAX);
        let asked_from = from.checked_add_days(Days::new(first)).unwrap_or(NaiveDate::MAX);
        Self { from, cells, selected, asked_from }
    }

    /// Whether nobody has asked about a date or anything before it.
    #[must_use]
    pub fn is_before(&self, date: NaiveDate) -> bool {
        date < self.asked_from
    }

    /// How a date looks.
    #[must_use]
    pub fn look(&self, date: NaiveDate) -> Option<(&'static str, Role)> {
        Some(heat::look(self.on(date)?, self.is_before(date)))
    }

    /// The cell of a date.
    #[must_use]
    pub fn on(&self, date: NaiveDate) -> Option<Cell> {
        let at = usize::try_from((date - self.from).num_days()).ok()?;
        self.cells.get(at).copied()
    }

    /// The last date there is.
    #[must_use]
    pub fn last(&self) -> NaiveDate {
        let count = u64::try_from(self.cells.len().saturating_sub(1)).unwrap_or(0);
        self.from.checked_add_days(Days::new(count)).unwrap_or(self.from)
    }
}

/// The lines a year takes.
pub const YEAR: u16 = 8;

/// The columns a year takes at `each` columns a week.
#[must_use]
pub const fn year_width(each: u16) -> u16 {
    // A year begins and ends within a week.
    LABELS + 54 * each
}

/// The names of weekdays and a space.
const LABELS: u16 = 4;

/// A year: a column a week, as wide as fits, a row a weekday, months above. Shows the weeks that fit, the newest at the
/// right.
pub fn year(canvas: &mut Canvas, area: Rect, days: DayCells<'_>) {
    if area.width < LABELS + 8 || area.height < YEAR || days.cells.is_empty() {
        return;
    }
    let room = area.width - LABELS;
    let monday = |date: NaiveDate| date - Days::new(u64::from(date.weekday().num_days_from_monday()));
    let last = monday(days.last());
    let all = u16::try_from((last - monday(days.from)).num_days() / 7 + 1).unwrap_or(u16::MAX);
    let each = (room / all.max(1)).clamp(1, 4);
    let weeks = all.min(room / each);
    for (row, name) in [(1, "Mon"), (3, "Wed"), (5, "Fri"), (7, "Sun")] {
        canvas.text(area.x, area.y + row, 3, name, Role::Muted);
    }
    let mut free_from = 0;
    for week in 0..weeks {
        let Some(start) = last.checked_sub_days(Days::new(u64::from(weeks - 1 - week) * 7)) else { continue };
        let x = area.x + LABELS + week * each;
        let first_of_month = (0..7).map(|d| start + Days::new(d)).find(|date| date.day() == 1);
        if let Some(first) = first_of_month.filter(|_| x >= free_from) {
            let name = first.format(if first.month() == 1 { "%b %Y" } else { "%b" }).to_string();
            let name_takes = width(&name);
            if x + name_takes <= area.right() {
                canvas.text(x, area.y, name_takes, &name, Role::Muted);
                free_from = x + name_takes + 1;
            }
        }
        for (row, date) in (1..YEAR).zip(start.iter_days()) {
            let Some((glyph, role)) = days.look(date) else { continue };
            // Bricks with a seam between them; a letter stands alone.
            let brick = if heat::is_level(glyph) { each.saturating_sub(u16::from(each > 2)).max(1) } else { 1 };
            if glyph != " " {
                canvas.repeat(x, area.y + row, brick, glyph, role);
            }
            if days.selected == Some(date) {
                let place = Rect::new(x, area.y + row, each.saturating_sub(1).max(1), 1);
                canvas.overlay(place, Role::Selected);
                canvas.overlay(place, Role::Strong);
            }
        }
    }
}

/// The columns a month takes.
pub const MONTH: u16 = 7 * 5;

/// A month as a calendar page: day and state.
pub fn month(canvas: &mut Canvas, area: Rect, days: DayCells<'_>, of: NaiveDate) {
    let Some(first) = of.with_day(1) else { return };
    canvas.text(area.x, area.y, area.width, &first.format("%B %Y").to_string(), Role::Title);
    let each = (area.width / 7).min(5);
    if each < 4 || area.height < 3 {
        return;
    }
    for (k, name) in (0..).zip(["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]) {
        canvas.text(area.x + k * each, area.y + 1, 2, name, Role::Muted);
    }
    let lead = u16::try_from(first.weekday().num_days_from_monday()).unwrap_or(0);
    for (k, date) in (lead..).zip(first.iter_days().take_while(|d| d.month() == first.month())) {
        let (x, y) = (area.x + k % 7 * each, area.y + 2 + k / 7);
        if y >= area.bottom() {
            break;
        }
        let cell = days.on(date).unwrap_or(Cell { state: CellState::Closed, eighths: 0 });
        let (glyph, role) = heat::look(cell, days.is_before(date));
        let is_open = cell.state != CellState::Closed;
        canvas.right(x, y, 2, &date.day().to_string(), if is_open { Role::Text } else { Role::Border });
        canvas.text(x + 2, y, 1, glyph, role);
        if days.selected == Some(date) {
            canvas.overlay(Rect::new(x, y, 3, 1), Role::Selected);
            canvas.overlay(Rect::new(x, y, 2, 1), Role::Strong);
        }
    }
}
