//! Coverage in colors and letters: strips of days, a year as weeks, a month as a calendar page.
//!
//! A cell says by its glyph what its color says too: a level for how much is there, a letter for why something is not.

use chrono::{Datelike as _, Days, NaiveDate};
use ratatui::layout::Rect;

use crate::draw::canvas::{Canvas, Line};
use crate::draw::glyphs::LEVELS;
use crate::draw::theme::Role;
use barkeep_runtime::console::{Cell, CellState};

/// The glyph and the role of a cell.
#[must_use]
pub fn appearance(cell: Cell) -> (&'static str, Role) {
    match cell.state {
        CellState::Closed => (" ", Role::Text),
        CellState::Ahead => ("╌", Role::Border),
        CellState::Present if cell.eighths >= 8 => ("▇", Role::Covered),
        CellState::Present => (LEVELS.get(usize::from(cell.eighths.clamp(1, 6))).copied().unwrap_or("▄"), Role::Aging),
        CellState::NoTrade => ("·", Role::Muted),
        CellState::Unverified => ("?", Role::Warn),
        CellState::NotEntitled => ("x", Role::Refused),
        CellState::Quarantined => ("q", Role::Bad),
        CellState::Quiet => (":", Role::Muted),
        CellState::Late => ("l", Role::Warn),
        CellState::Suspect => ("s", Role::Stale),
        CellState::VendorHole => ("o", Role::Missing),
        CellState::Halted => ("h", Role::Muted),
    }
}

/// The name of a state.
#[must_use]
pub const fn name(state: CellState) -> &'static str {
    match state {
        CellState::Closed => "closed",
        CellState::Ahead => "not available yet",
        CellState::Present => "present",
        CellState::NoTrade => "no trades",
        CellState::Unverified => "not fetched yet",
        CellState::NotEntitled => "not entitled",
        CellState::Quarantined => "quarantined",
        CellState::Quiet => "quiet",
        CellState::Late => "vendor behind",
        CellState::Suspect => "suspect hole",
        CellState::VendorHole => "hole at the vendor",
        CellState::Halted => "trading halted",
    }
}

/// What the glyphs mean, as far as there is room.
pub fn legend(canvas: &mut Canvas, x: u16, y: u16, room: u16) {
    let one = |cell: Cell, what: &str| {
        let (glyph, role) = appearance(cell);
        Line::of(role, glyph).span(Role::Muted, format!(" {what}"))
    };
    let of = |state, eighths| Cell { state, eighths };
    let pieces = [
        (9, one(of(CellState::Present, 8), "present")),
        (6, one(of(CellState::Present, 4), "partial")),
        (3, one(of(CellState::NoTrade, 8), "no trades")),
        (8, one(of(CellState::Unverified, 0), "not fetched")),
        (5, one(of(CellState::NotEntitled, 0), "not entitled")),
        (7, one(of(CellState::Quarantined, 0), "quarantined")),
        (4, one(of(CellState::Late, 0), "late")),
        (4, one(of(CellState::Suspect, 0), "suspect")),
        (4, one(of(CellState::VendorHole, 0), "hole")),
        (1, one(of(CellState::Halted, 0), "halted")),
        (1, one(of(CellState::Quiet, 0), "quiet")),
        (1, one(of(CellState::Ahead, 0), "future")),
        (2, Line::of(Role::Muted, "blank: closed")),
    ];
    canvas.pieces(x, y, room, 2, &pieces);
}

/// Many cells as one: what needs a word first, then what dominates.
#[must_use]
pub fn merge(cells: &[Cell]) -> Cell {
    let count = |state: CellState| cells.iter().filter(|c| c.state == state).count();
    let (present, unverified, refused) =
        (count(CellState::Present), count(CellState::Unverified), count(CellState::NotEntitled));
    let halted = count(CellState::Halted);
    let quiet = count(CellState::NoTrade) + count(CellState::Quiet) + halted;
    let doubtful = [CellState::Late, CellState::Suspect, CellState::VendorHole].map(|state| (count(state), state));
    let doubts: usize = doubtful.iter().map(|(n, _)| n).sum();
    let due = present + unverified + refused + quiet + doubts + count(CellState::Quarantined);
    let of = |state, eighths| Cell { state, eighths };
    if count(CellState::Quarantined) > 0 {
        return of(CellState::Quarantined, 8);
    }
    if let Some((_, state)) = doubtful.into_iter().filter(|(n, _)| *n > 0).max_by_key(|(n, _)| *n) {
        return of(state, 8);
    }
    if due == 0 {
        return if count(CellState::Ahead) > 0 { of(CellState::Ahead, 0) } else { of(CellState::Closed, 0) };
    }
    if unverified * 2 > due {
        return of(CellState::Unverified, 0);
    }
    if refused * 2 > due {
        return of(CellState::NotEntitled, 0);
    }
    if present == 0 {
        let most = if halted * 2 > quiet { CellState::Halted } else { CellState::NoTrade };
        let most = if count(CellState::Quiet) * 2 > quiet { CellState::Quiet } else { most };
        return if unverified > 0 { of(CellState::Unverified, 0) } else { of(most, 8) };
    }
    let eighths: usize = cells
        .iter()
        .map(|c| match c.state {
            CellState::Present => usize::from(c.eighths),
            CellState::NoTrade | CellState::Quiet | CellState::Halted => 8,
            _ => 0,
        })
        .sum();
    of(CellState::Present, u8::try_from(eighths / due).unwrap_or(8).min(8))
}

/// Cells side by side, one column each.
pub fn strip(canvas: &mut Canvas, x: u16, y: u16, room: u16, cells: impl Iterator<Item = Cell>) {
    for (x, cell) in (x..x.saturating_add(room)).zip(cells) {
        let (glyph, role) = appearance(cell);
        if cell.state != CellState::Closed {
            canvas.glyph(x, y, glyph, role);
        }
    }
}

/// The days of one series, and which of them is selected.
#[derive(Clone, Copy)]
pub struct DayCells<'a> {
    pub from: NaiveDate,
    pub cells: &'a [Cell],
    pub selected: Option<NaiveDate>,
}

impl DayCells<'_> {
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

/// A year: a column a week, a row a weekday, months above. Shows the weeks that fit, the newest at the right.
pub fn year(canvas: &mut Canvas, area: Rect, days: DayCells<'_>) {
    const LABELS: u16 = 4;
    if area.width < LABELS + 8 || area.height < YEAR || days.cells.is_empty() {
        return;
    }
    let room = area.width - LABELS;
    let monday = |date: NaiveDate| date - Days::new(u64::from(date.weekday().num_days_from_monday()));
    let last = monday(days.last());
    let all = u16::try_from((last - monday(days.from)).num_days() / 7 + 1).unwrap_or(u16::MAX);
    let each = (room / all.max(1)).clamp(1, 3);
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
            let name_takes = crate::draw::canvas::width(&name);
            if x + name_takes <= area.right() {
                canvas.text(x, area.y, name_takes, &name, Role::Muted);
                free_from = x + name_takes + 1;
            }
        }
        for (row, date) in (1..YEAR).zip(start.iter_days()) {
            let Some(cell) = days.on(date) else { continue };
            let (glyph, role) = appearance(cell);
            canvas.glyph(x, area.y + row, glyph, role);
            if days.selected == Some(date) {
                canvas.overlay(Rect::new(x, area.y + row, 1, 1), Role::Selected);
                canvas.overlay(Rect::new(x, area.y + row, 1, 1), Role::Strong);
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
        let (glyph, role) = appearance(cell);
        let is_open = cell.state != CellState::Closed;
        canvas.right(x, y, 2, &date.day().to_string(), if is_open { Role::Text } else { Role::Border });
        canvas.text(x + 2, y, 1, glyph, role);
        if days.selected == Some(date) {
            canvas.overlay(Rect::new(x, y, 3, 1), Role::Selected);
            canvas.overlay(Rect::new(x, y, 2, 1), Role::Strong);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<Cell> {
        let of = |state, eighths| Cell { state, eighths };
        text.chars()
            .map(|c| match c {
                ' ' => of(CellState::Closed, 0),
                '-' => of(CellState::Ahead, 0),
                '.' => of(CellState::NoTrade, 8),
                '?' => of(CellState::Unverified, 0),
                'x' => of(CellState::NotEntitled, 0),
                'q' => of(CellState::Quarantined, 8),
                ':' => of(CellState::Quiet, 8),
                'l' => of(CellState::Late, 4),
                's' => of(CellState::Suspect, 8),
                'o' => of(CellState::VendorHole, 8),
                'h' => of(CellState::Halted, 8),
                digit => of(CellState::Present, digit.to_digit(10).unwrap_or(8) as u8),
            })
            .collect()
    }

    #[test]
    fn a_merged_cell_says_what_needs_a_word_and_else_what_dominates() {
        for (days, glyph) in [
            ("88888  ", "▇"),
            ("8888?  ", "▆"),
            ("8???", "?"),
            ("88xxx", "x"),
            ("88q", "q"),
            ("....", "·"),
            (".:::", ":"),
            ("hh. ", "h"),
            ("88:h", "▇"),
            ("888l", "l"),
            ("88sso", "s"),
            ("8so", "o"),
            ("8qs", "q"),
            ("   ", " "),
            (" --", "╌"),
            ("8.--", "▇"),
        ] {
            assert_eq!(appearance(merge(&cells(days))).0, glyph, "{days}");
        }
    }

    #[test]
    fn no_two_states_look_the_same() {
        let all = cells("8.?xq- :lsoh");
        let glyphs: std::collections::BTreeSet<&str> = all.iter().map(|c| appearance(*c).0).collect();
        assert_eq!(glyphs.len(), all.len());
    }
}
