//! The vendor's limit as time: each place that is taken stands where it will be free, and moves left until it is.

use std::time::Duration;

use crate::draw::canvas::Canvas;
use crate::draw::glyphs::LEVELS;
use crate::draw::theme::Role;
use barkeep_monitor::snapshot::HeldPlace;

/// What a place is taken for after the answer.
const WINDOW: Duration = Duration::from_mins(1);
/// A place that waits to be free, and one whose request has no answer yet.
const HELD: &str = "▮";
const WIRE: &str = "▯";
const NOTHING: &str = "·";

/// The places of the last minute over `width` cells, `since` after they were noted: the left end is free now, the right one
/// in a minute. Where several fall into a cell the level says how many.
pub fn belt(canvas: &mut Canvas, x: u16, y: u16, width: u16, held: &[HeldPlace], since: Duration) {
    let cells = count(width, held, since);
    let most = cells.iter().map(|(held, wire)| held + wire).max().unwrap_or(0);
    for (k, (held, wire)) in (0..).zip(cells) {
        // The closer to being free, the calmer.
        let (x, fraction) = (x + k, f64::from(k) / f64::from(width));
        match held + wire {
            0 => canvas.glyph(x, y, NOTHING, Role::Muted),
            _ if most > 2 => {
                let level = ((held + wire) * 8).div_ceil(most).clamp(1, 8);
                let level = LEVELS.get(level as usize).copied().unwrap_or(HELD);
                canvas.shade(x, y, level, if wire > 0 { Role::Running } else { Role::Accent }, fraction);
            }
            _ if wire > 0 => canvas.glyph(x, y, WIRE, Role::Running),
            _ => canvas.shade(x, y, HELD, Role::Accent, fraction),
        }
    }
}

/// How many places fall into each cell: those with an answer, and those still on the wire.
fn count(width: u16, held: &[HeldPlace], since: Duration) -> Vec<(u32, u32)> {
    let mut cells = vec![(0, 0); usize::from(width)];
    for place in held {
        let left = if place.on_the_wire { WINDOW } else { place.free_in.saturating_sub(since) };
        if left.is_zero() {
            continue;
        }
        let at = left.min(WINDOW).as_secs_f64() / WINDOW.as_secs_f64() * f64::from(width);
        let at = (at.ceil() as usize).saturating_sub(1);
        if let Some((held, wire)) = cells.get_mut(at) {
            if place.on_the_wire { *wire += 1 } else { *held += 1 }
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    use super::*;
    use crate::draw::theme::Theme;
    use barkeep_market::Ts;

    fn place(seconds: u64, on_the_wire: bool) -> HeldPlace {
        HeldPlace { free_in: Duration::from_secs(seconds), on_the_wire }
    }

    fn drawn(held: &[HeldPlace], since: u64) -> String {
        let mut buf = Buffer::empty(Rect::new(0, 0, 12, 1));
        let canvas = &mut Canvas::new(&mut buf, Theme::default(), Ts(0));
        belt(canvas, 0, 0, 12, held, Duration::from_secs(since));
        buf.content.iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn a_place_moves_left_until_it_is_free_and_one_on_the_wire_stays() {
        let held = [place(11, false), place(23, false), place(60, true)];
        assert_eq!(drawn(&held, 0), "··▮·▮······▯");
        assert_eq!(drawn(&held, 10), "▮·▮········▯");
        assert_eq!(drawn(&held, 11), "··▮········▯", "free the moment it is");
        assert_eq!(drawn(&held, 60), "···········▯");
        assert_eq!(drawn(&[], 0), "············");
    }

    #[test]
    fn every_place_is_counted_once_whatever_the_width() {
        let held: Vec<HeldPlace> = (1..=60).map(|s| place(s, s > 55)).collect();
        for width in [1, 7, 20, 60, 200] {
            let all: u32 = count(width, &held, Duration::ZERO).iter().map(|(a, b)| a + b).sum();
            assert_eq!(all, 60, "{width}");
        }
        assert_eq!(drawn(&[place(1, false), place(2, false), place(3, false), place(9, false)], 0), "█▃··········");
    }
}
