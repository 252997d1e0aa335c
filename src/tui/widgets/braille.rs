//! Lines between candles, by dots of a quarter of a cell's height and half its width.

use std::collections::BTreeMap;

use ratatui::layout::Rect;

use crate::draw::canvas::Canvas;
use crate::draw::theme::Role;

/// The bit of a dot, by column and row within its cell.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// Lines that share their cells: where two meet, the one drawn first gives the color.
#[derive(Debug, Default)]
pub struct Lines {
    cells: BTreeMap<(u16, u16), (u8, Role)>,
}

impl Lines {
    /// A line through heights (0 the top of `plot`, 1 its bottom), one a column; it breaks where there is none, and what
    /// lies outside is left out.
    pub fn add(&mut self, plot: Rect, points: &[(u16, Option<f64>)], role: Role) {
        let rows = f64::from(plot.height) * 4.0;
        let mut last: Option<(u16, i64)> = None;
        for (k, (x, here)) in points.iter().enumerate() {
            let Some(here) = *here else {
                last = None;
                continue;
            };
            let near = |k: Option<usize>| k.and_then(|k| points.get(k)).and_then(|p| p.1).unwrap_or(here);
            let before = near(k.checked_sub(1));
            let after = near(Some(k + 1));
            for (half, at) in [(0, here + (before - here) / 4.0), (1, here + (after - here) / 4.0)] {
                let dot = (at * rows).floor() as i64;
                let column = x * 2 + half;
                // Steep parts are filled up, so that the line does not break.
                let from = last.filter(|(c, _)| column - c <= 4).map_or(dot, |(_, from)| from);
                let step = if from < dot { from + 1..=dot } else { dot..=(from - 1).max(dot) };
                for row in step {
                    self.dot(plot, column, row, role);
                }
                last = Some((column, dot));
            }
        }
    }

    fn dot(&mut self, plot: Rect, column: u16, row: i64, role: Role) {
        let Ok(row) = u16::try_from(row) else { return };
        let (x, y) = (column / 2, plot.y.saturating_add(row / 4));
        if y >= plot.bottom() || x < plot.left() || x >= plot.right() {
            return;
        }
        let bit = DOTS.get(usize::from(column % 2)).and_then(|dots| dots.get(usize::from(row % 4)));
        self.cells.entry((x, y)).or_insert((0, role)).0 |= bit.copied().unwrap_or(0);
    }

    /// Draws them.
    pub fn draw(&self, canvas: &mut Canvas) {
        for ((x, y), (bits, role)) in &self.cells {
            let glyph = char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' ');
            canvas.glyph(*x, *y, glyph.encode_utf8(&mut [0; 4]), *role);
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;

    use super::*;
    use crate::draw::theme::Theme;
    use barkeep_market::Ts;

    #[test]
    fn a_line_goes_through_its_points_and_breaks_where_there_is_none() {
        let plot = Rect::new(0, 0, 4, 2);
        let mut lines = Lines::default();
        lines.add(plot, &[(0, Some(0.0)), (1, Some(0.0)), (2, None), (3, Some(0.99))], Role::Accent);
        lines.add(plot, &[(0, Some(7.0))], Role::Accent);
        let mut buf = Buffer::empty(plot);
        lines.draw(&mut Canvas::new(&mut buf, Theme::default(), Ts(0)));
        let row = |y: u16| (0..4).map(|x| buf[(x, y)].symbol().to_owned()).collect::<String>();
        assert_eq!(row(0), "⠉⠉  ");
        assert_eq!(row(1), "   ⣀");
    }
}
