//! Filled graphs in braille: two values a cell and four levels a row, colored from calm below to bright above.

use ratatui::layout::Rect;

use crate::draw::canvas::Canvas;
use crate::draw::theme::Role;

/// The dots of a cell from below, left and right.
const LEFT: [u32; 5] = [0, 0x40, 0x44, 0x46, 0x47];
const RIGHT: [u32; 5] = [0, 0x80, 0xa0, 0xb0, 0xb8];
/// Dots of a column in one cell.
const DOTS: usize = 4;

/// Fills `at` with the values, the newest at the right end. The scale begins at 0 and ends at `top`, or at the greatest
/// value; anything above 0 shows. Few values are stretched over the whole width, of too many the newest are shown.
pub fn area(canvas: &mut Canvas, at: Rect, values: &[f64], top: f64, role: Role) {
    let columns = usize::from(at.width) * 2;
    let shown = values.get(values.len().saturating_sub(columns)..).unwrap_or_default();
    let most = shown.iter().copied().filter(|v| v.is_finite()).fold(top, f64::max);
    let whole = usize::from(at.height) * DOTS;
    let level = |column: usize| -> usize {
        let k = column * shown.len() / columns.max(1);
        match shown.get(k) {
            Some(v) if *v > 0.0 && most > 0.0 => ((v / most * whole as f64).round() as usize).clamp(1, whole),
            _ => 0,
        }
    };
    for x in 0..at.width {
        let (left, right) = (level(usize::from(x) * 2), level(usize::from(x) * 2 + 1));
        for row in 0..at.height {
            let below = usize::from(row) * DOTS;
            let dots =
                |level: usize, signs: [u32; 5]| signs.get(level.saturating_sub(below).min(DOTS)).copied().unwrap_or(0);
            let bits = dots(left, LEFT) | dots(right, RIGHT);
            let y = at.bottom() - 1 - row;
            if bits == 0 {
                if row == 0 {
                    canvas.glyph(at.x + x, y, "⣀", Role::Border);
                }
                continue;
            }
            let height = if at.height > 1 { (f64::from(row) + 0.5) / f64::from(at.height) } else { 0.5 };
            let sign = char::from_u32(0x2800 | bits).unwrap_or(' ');
            canvas.shade(at.x + x, y, sign.encode_utf8(&mut [0; 4]), role, height);
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;

    use super::*;
    use crate::draw::theme::Theme;
    use barkeep_market::Ts;

    fn drawn(width: u16, height: u16, values: &[f64], top: f64) -> Vec<String> {
        let at = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(at);
        area(&mut Canvas::new(&mut buf, Theme::default(), Ts(0)), at, values, top, Role::Accent);
        let row = |y| (0..width).map(|x| buf[(x, y)].symbol().to_owned()).collect();
        (0..height).map(row).collect()
    }

    #[test]
    fn each_cell_holds_two_values_in_four_levels_a_row() {
        assert_eq!(drawn(2, 1, &[1.0, 2.0, 3.0, 4.0], 0.0), ["⣠⣾"]);
        assert_eq!(drawn(2, 2, &[1.0, 2.0, 3.0, 4.0], 0.0), [" ⣼", "⣼⣿"]);
        // Against a fixed top, stretched, cut to the newest, and nothing at all.
        assert_eq!(drawn(1, 1, &[1.0, 2.0], 4.0), ["⣠"]);
        assert_eq!(drawn(2, 1, &[1.0, 4.0], 0.0), ["⣀⣿"]);
        assert_eq!(drawn(1, 1, &[9.0, 9.0, 0.001, 1.0], 0.0), ["⣸"]);
        assert_eq!(drawn(2, 1, &[], 0.0), ["⣀⣀"]);
        assert_eq!(drawn(1, 1, &[f64::NAN, 0.0], 0.0), ["⣀"]);
        assert_eq!(drawn(0, 0, &[1.0], 0.0), Vec::<String>::new());
    }
}
