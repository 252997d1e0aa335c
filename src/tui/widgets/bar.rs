//! Bars that fill from the left: shares, progress, the vendor's window.

use crate::draw::canvas::Canvas;
use crate::draw::glyphs::{FILLS, FREE, TAKEN, TRACK};
use crate::draw::theme::Role;

/// A share of 1 as a bar of `width` cells, in eighths of a cell. It is empty only at 0 and full only at 1: what is
/// nearly done does not look done.
pub fn share(canvas: &mut Canvas, x: u16, y: u16, width: u16, share: f64, role: Role) {
    let whole = u32::from(width) * 8;
    let eighths = match share {
        s if s >= 1.0 => whole,
        s if s > 0.0 => ((s * f64::from(whole)) as u32).clamp(1, whole.saturating_sub(1).max(1)),
        _ => 0,
    };
    for k in 0..width {
        let here = eighths.saturating_sub(u32::from(k) * 8).min(8);
        match FILLS.get(here as usize) {
            Some(fill) if here > 0 => canvas.shade(x + k, y, fill, role, 0.15 + 0.7 * f64::from(k) / f64::from(width)),
            _ => canvas.glyph(x + k, y, TRACK, Role::Border),
        }
    }
}

/// Parts of a whole side by side, each in its role; whatever is there gets at least one cell while there is room.
pub fn parts(canvas: &mut Canvas, x: u16, y: u16, width: u16, parts: &[(usize, Role)]) {
    let total: usize = parts.iter().map(|(n, _)| n).sum();
    if total == 0 || width == 0 {
        return canvas.repeat(x, y, width, TRACK, Role::Border);
    }
    let cells = u64::from(width);
    let mut lengths: Vec<u64> =
        parts.iter().map(|(n, _)| (*n as u64 * cells / total as u64).max(u64::from(*n > 0))).collect();
    // Rounding is settled by the longest.
    let Some(longest) = lengths.iter().enumerate().max_by_key(|(_, n)| **n).map(|(k, _)| k) else { return };
    let others: u64 = lengths.iter().enumerate().filter(|(k, _)| *k != longest).map(|(_, n)| n).sum();
    if let Some(length) = lengths.get_mut(longest) {
        *length = cells.saturating_sub(others);
    }
    let mut at = 0;
    for (length, (_, role)) in lengths.into_iter().zip(parts) {
        let length = u16::try_from(length).unwrap_or(u16::MAX).min(width - at);
        canvas.repeat(x + at, y, length, "█", *role);
        at += length;
    }
}

/// The vendor's window: one sign per place while they fit, else a bar.
pub fn places(canvas: &mut Canvas, x: u16, y: u16, width: u16, used: u32, limit: u32) {
    let role = if used >= limit { Role::Warn } else { Role::Good };
    if limit == 0 || limit > u32::from(width) {
        let of = if limit == 0 { 0.0 } else { f64::from(used) / f64::from(limit) };
        return share(canvas, x, y, width, of, role);
    }
    for k in 0..limit {
        let at = x + u16::try_from(k).unwrap_or(u16::MAX);
        if k < used { canvas.glyph(at, y, TAKEN, role) } else { canvas.glyph(at, y, FREE, Role::Muted) }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    use super::*;
    use crate::draw::theme::Theme;
    use barkeep_market::Ts;

    fn drawn(draw: impl FnOnce(&mut Canvas)) -> String {
        let mut buf = Buffer::empty(Rect::new(0, 0, 8, 1));
        draw(&mut Canvas::new(&mut buf, Theme::default(), Ts(0)));
        buf.content.iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn a_bar_is_empty_at_nothing_and_full_at_all() {
        for (of, text) in [
            (0.0, "░░░░░░░░"),
            (0.000_01, "▏░░░░░░░"),
            (0.5, "████░░░░"),
            (0.55, "████▍░░░"),
            (0.999_999, "███████▉"),
            (1.0, "████████"),
            (7.0, "████████"),
            (f64::NAN, "░░░░░░░░"),
        ] {
            assert_eq!(drawn(|p| share(p, 0, 0, 8, of, Role::Good)), text, "{of}");
        }
    }

    #[test]
    fn small_parts_can_be_seen_and_all_parts_fill_the_bar() {
        assert_eq!(
            drawn(|p| parts(p, 0, 0, 8, &[(9_990, Role::Fresh), (9, Role::Stale), (1, Role::Missing)])),
            "████████"
        );
        assert_eq!(drawn(|p| parts(p, 0, 0, 8, &[(0, Role::Fresh)])), "░░░░░░░░");
    }

    #[test]
    fn the_window_shows_each_place_or_a_bar() {
        assert_eq!(drawn(|p| places(p, 0, 0, 8, 4, 5)), "■■■■□   ");
        assert_eq!(drawn(|p| places(p, 0, 0, 8, 30, 60)), "████░░░░");
        assert_eq!(drawn(|p| places(p, 0, 0, 8, 9, 5)), "■■■■■   ");
    }
}
