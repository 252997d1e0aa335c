//! The window of a rate limit as time: places go on at the right end and leave at the left, where they are free again.

use crate::draw::canvas::Canvas;
use crate::draw::glyphs::{HELD, LEVELS, ON_THE_WIRE};
use crate::draw::theme::Role;

/// The length of the belt, in milliseconds.
pub const LENGTH: i64 = 60_000;

/// A place on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// How long it stays, in milliseconds.
    pub left: i64,
    /// It does not move yet: its request has no answer.
    pub on_the_wire: bool,
}

/// The cell of a place that stays for `left` milliseconds, on a belt of `width` cells.
#[must_use]
pub fn cell(left: i64, width: u16) -> u16 {
    let at = left.clamp(0, LENGTH) * i64::from(width) / LENGTH;
    u16::try_from(at).unwrap_or(0).min(width.saturating_sub(1))
}

/// In how many milliseconds a place moves to the next cell, or leaves.
#[must_use]
pub fn moves_in(left: i64, width: u16) -> i64 {
    // The cell begins at the least time for which it is the cell.
    let begins = (i64::from(cell(left, width)) * LENGTH + i64::from(width) - 1) / i64::from(width.max(1));
    left - begins + 1
}

/// Up to so many places in a cell are counted there; from more on all cells show by their height how many they hold.
const COUNTED: u32 = 3;
/// What a full cell holds at least.
const FULL: u32 = 8;

/// Draws the belt.
pub fn draw(canvas: &mut Canvas, x: u16, y: u16, width: u16, marks: &[Mark], role: Role) {
    let mut cells = vec![(0_u32, false); usize::from(width)];
    for mark in marks {
        if let Some((count, waits)) = cells.get_mut(usize::from(cell(mark.left, width))) {
            (*count, *waits) = (*count + 1, *waits || mark.on_the_wire);
        }
    }
    let most = cells.iter().map(|(count, _)| *count).max().unwrap_or(0);
    for (k, (count, waits)) in (0_u16..).zip(cells) {
        // What leaves soon is bright: that is what the next request waits for.
        let fraction = 1.0 - 0.7 * f64::from(k) / f64::from(width.max(1));
        let text = match (count, waits) {
            (0, _) => {
                canvas.glyph(x + k, y, "·", Role::Border);
                continue;
            }
            _ if most > COUNTED => {
                let eighths = (count * FULL).div_ceil(most.max(FULL)) as usize;
                LEVELS.get(eighths).copied().unwrap_or(HELD).to_owned()
            }
            (1, true) => ON_THE_WIRE.to_owned(),
            (1, false) => HELD.to_owned(),
            _ => count.to_string(),
        };
        canvas.shade(x + k, y, &text, role, fraction);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    use super::*;
    use crate::draw::theme::Theme;
    use barkeep_market::Ts;

    fn drawn(width: u16, left: &[(i64, bool)]) -> String {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, 1));
        let marks: Vec<Mark> =
            left.iter().map(|(left, on_the_wire)| Mark { left: *left, on_the_wire: *on_the_wire }).collect();
        draw(&mut Canvas::new(&mut buf, Theme::default(), Ts(0)), 0, 0, width, &marks, Role::Running);
        buf.content.iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn places_come_on_at_the_right_and_leave_at_the_left() {
        assert_eq!(drawn(6, &[(60_000, true), (59_999, false)]), "·····2");
        assert_eq!(drawn(6, &[(60_000, true), (30_000, false), (9_999, false)]), "▮··▮·▯");
        assert_eq!(drawn(3, &[(1, false); 3]), "3··");
        assert_eq!(drawn(3, &[(1, false), (2, false), (3, false), (4, false), (40_000, true)]), "▄·▁");
        assert_eq!(drawn(3, &[(1, false); 12]), "█··");
        assert_eq!(drawn(0, &[(1, false)]), "");
    }

    #[test]
    fn a_place_moves_exactly_when_it_is_said_to() {
        for width in [1, 7, 24, 30, 60, 100] {
            for left in (1..=LENGTH).step_by(331) {
                let next = moves_in(left, width);
                let (here, before, then) = (cell(left, width), cell(left - next + 1, width), cell(left - next, width));
                assert!(next > 0 && before == here, "{left} on {width}");
                assert!(then + 1 == here || (here == 0 && left - next < 0), "{left} on {width}: {here} {then}");
            }
        }
    }
}
