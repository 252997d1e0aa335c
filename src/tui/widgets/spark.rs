//! Small charts of the recent past.

use crate::draw::canvas::Canvas;
use crate::draw::glyphs::LEVELS;
use crate::draw::theme::Role;

/// Values as a row of levels ending at the right end of `width`; the newest last. Each value has one cell; when there is
/// more room than values, each gets two or more.
pub fn line(canvas: &mut Canvas, x: u16, y: u16, width: u16, values: &[f64], role: Role) {
    chart(canvas, x, y, width, 1, values, role);
}

/// The same over `height` rows. The scale begins at 0 and ends at the greatest value; anything above 0 shows.
pub fn chart(canvas: &mut Canvas, x: u16, y: u16, width: u16, height: u16, values: &[f64], role: Role) {
    if width == 0 || height == 0 {
        return;
    }
    let each = usize::from(width).checked_div(values.len()).unwrap_or(1).clamp(1, 3);
    let shown = values.get(values.len().saturating_sub(usize::from(width) / each)..).unwrap_or_default();
    let top = shown.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let start = x + width - u16::try_from(shown.len() * each).unwrap_or(width).min(width);
    canvas.repeat(x, y + height - 1, start - x, "▁", Role::Border);
    let whole = f64::from(height) * 8.0;
    for (k, value) in shown.iter().enumerate() {
        let eighths =
            if *value > 0.0 && top > 0.0 { (value / top * whole).round().clamp(1.0, whole) as usize } else { 0 };
        for cell in 0..each {
            let at = start + u16::try_from(k * each + cell).unwrap_or(u16::MAX);
            for row in 0..height {
                let here = eighths.saturating_sub(usize::from(height - 1 - row) * 8).min(8);
                match LEVELS.get(here) {
                    Some(level) if here > 0 => canvas.shade(at, y + row, level, role, value / top),
                    _ if row + 1 == height => canvas.glyph(at, y + row, "▁", Role::Border),
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    use super::*;
    use crate::draw::theme::Theme;
    use barkeep_market::Ts;

    fn drawn(width: u16, height: u16, values: &[f64]) -> Vec<String> {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        chart(&mut Canvas::new(&mut buf, Theme::default(), Ts(0)), 0, 0, width, height, values, Role::Accent);
        let row = |y| (0..width).map(|x| buf[(x, y)].symbol().to_owned()).collect();
        (0..height).map(row).collect()
    }

    #[test]
    fn the_newest_is_at_the_right_and_anything_above_nothing_shows() {
        assert_eq!(drawn(5, 1, &[0.0, 0.01, 4.0, 8.0]), ["▁▁▁▄█"]);
        assert_eq!(drawn(3, 1, &[9.0, 0.0, 4.0, 8.0]), ["▁▄█"]);
        assert_eq!(drawn(4, 1, &[1.0, 2.0]), ["▄▄██"]);
        assert_eq!(drawn(3, 2, &[4.0, 6.0, 8.0]), [" ▄█", "███"]);
        assert_eq!(drawn(3, 1, &[]), ["▁▁▁"]);
        assert_eq!(drawn(2, 1, &[f64::NAN, 0.0]), ["▁▁"]);
    }
}
