//! Coverage in colors and letters: cells, strips of them, and two series in one row of cells.
//!
//! A cell says by its glyph what its color says too: a level for how much is there, a letter for why something is not.
//! What was never asked is dim, however much of it there is; bright is only what is due and missing.

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
        CellState::NoTrade => ("n", Role::Muted),
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

/// The glyph and the role of what lies before everything that was ever asked.
pub const UNASKED: (&str, Role) = ("·", Role::Border);

/// The first cell that anybody asked about: what is missing behind it is a hole, before it the history has not begun.
#[must_use]
pub fn first_asked(cells: &[Cell]) -> usize {
    let asked = |c: &Cell| !matches!(c.state, CellState::Closed | CellState::Ahead | CellState::Unverified);
    cells.iter().position(asked).unwrap_or(cells.len())
}

/// The same as [`appearance`], given whether the cell lies before the first one asked.
#[must_use]
pub fn look(cell: Cell, is_before: bool) -> (&'static str, Role) {
    if is_before && cell.state == CellState::Unverified { UNASKED } else { appearance(cell) }
}

/// Whether a glyph stands for an amount, not for a word.
#[must_use]
pub fn is_level(glyph: &str) -> bool {
    LEVELS.contains(&glyph)
}

/// The color of half a cell; nothing where nothing trades.
#[must_use]
pub fn shade(cell: Cell, is_before: bool) -> Option<Role> {
    match cell.state {
        CellState::Closed | CellState::Ahead => None,
        CellState::NoTrade | CellState::Quiet | CellState::Halted => Some(Role::Covered),
        CellState::Unverified if is_before => Some(Role::Border),
        _ => Some(appearance(cell).1),
    }
}

/// Two cells in one place, each with whether it lies before the first one asked: their colors above each other, or the
/// letter of the one that needs one.
pub fn pair(canvas: &mut Canvas, x: u16, y: u16, upper: (Cell, bool), lower: (Cell, bool)) {
    let lettered = [upper.0, lower.0].into_iter().find(|cell| cell.state.is_doubtful());
    if let Some(cell) = lettered {
        let (glyph, role) = appearance(cell);
        return canvas.glyph(x, y, glyph, role);
    }
    let unasked = |(cell, before): (Cell, bool)| before && cell.state == CellState::Unverified;
    let due = |(cell, before): (Cell, bool)| !before && cell.state == CellState::Unverified;
    match (shade(upper.0, upper.1), shade(lower.0, lower.1)) {
        (None, None) => {}
        _ if unasked(upper) && unasked(lower) => canvas.glyph(x, y, UNASKED.0, UNASKED.1),
        _ if due(upper) && due(lower) => canvas.glyph(x, y, "?", Role::Warn),
        (Some(role), None) => canvas.glyph(x, y, "▀", role),
        (None, Some(role)) => canvas.glyph(x, y, "▄", role),
        (Some(above), Some(below)) => canvas.halves(x, y, above, below),
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
        CellState::Unverified => "missing",
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
        (8, one(of(CellState::Unverified, 0), "missing")),
        (7, Line::of(UNASKED.1, UNASKED.0).span(Role::Muted, " not asked yet")),
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

/// Cells side by side, one column each, as they look.
pub fn strip(canvas: &mut Canvas, x: u16, y: u16, room: u16, cells: impl Iterator<Item = (&'static str, Role)>) {
    for (x, (glyph, role)) in (x..x.saturating_add(room)).zip(cells) {
        if glyph != " " {
            canvas.glyph(x, y, glyph, role);
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
            ("....", "n"),
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
