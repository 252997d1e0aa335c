//! Candles, one a column, by half cells.

use ratatui::layout::Rect;

use crate::draw::canvas::Canvas;
use crate::draw::theme::Role;
use barkeep_market::Bar;

/// What one half of a cell holds of a candle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Nothing,
    Wick,
    Body,
}

/// Two halves, the upper first, as one glyph. The body of a bar that rose is hollow, that of one that fell is filled.
const fn glyph(upper: Half, lower: Half, rose: bool) -> &'static str {
    match (upper, lower) {
        (Half::Body, Half::Body) if rose => "║",
        (_, Half::Body) if rose => "╥",
        (Half::Body, _) if rose => "╨",
        (Half::Nothing, Half::Nothing) => " ",
        (Half::Nothing, Half::Wick) => "╷",
        (Half::Nothing, Half::Body) => "╻",
        (Half::Wick, Half::Nothing) => "╵",
        (Half::Wick, Half::Wick) => "│",
        (Half::Wick, Half::Body) => "╽",
        (Half::Body, Half::Nothing) => "╹",
        (Half::Body, Half::Wick) => "╿",
        (Half::Body, Half::Body) => "┃",
    }
}

/// Prices as heights of a plot.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub low: f64,
    pub high: f64,
    pub halves: u32,
}

impl Scale {
    /// The scale of some bars in a plot of `rows` rows; nothing without a finite price.
    #[must_use]
    pub fn of<'a>(bars: impl Iterator<Item = &'a Bar> + Clone, rows: u16) -> Option<Self> {
        let low = bars.clone().map(|b| b.low).fold(f64::INFINITY, f64::min);
        let high = bars.map(|b| b.high).fold(f64::NEG_INFINITY, f64::max);
        (low.is_finite() && high.is_finite() && rows > 0).then(|| Self { low, high, halves: u32::from(rows) * 2 })
    }

    /// How far from the top a price lies: 0 at the top, 1 at the bottom.
    #[must_use]
    pub fn depth(&self, price: f64) -> f64 {
        let range = self.high - self.low;
        if range > 0.0 { (self.high - price) / range } else { 0.5 }
    }

    /// The row of a price.
    #[must_use]
    pub fn row(&self, price: f64) -> u16 {
        u16::try_from(self.half(price) / 2).unwrap_or(0)
    }

    /// Which half from the top a price lies in.
    fn half(&self, price: f64) -> u32 {
        ((self.depth(price) * f64::from(self.halves)) as u32).min(self.halves.saturating_sub(1))
    }

    /// The lowest half from the top that reaches above a price: where something ends that stands on it.
    fn half_above(&self, price: f64) -> u32 {
        let halves = (self.depth(price) * f64::from(self.halves)).ceil() as u32;
        halves.saturating_sub(1).min(self.halves.saturating_sub(1))
    }
}

/// Draws the candle of a bar into a column.
pub fn candle(canvas: &mut Canvas, plot: Rect, x: u16, bar: &Bar, scale: &Scale) {
    let rose = bar.close >= bar.open;
    let role = if rose { Role::Rise } else { Role::Fall };
    let (top, upper) = (scale.half(bar.high), scale.half(bar.open.max(bar.close)));
    let lower = scale.half_above(bar.open.min(bar.close)).max(upper);
    let bottom = scale.half_above(bar.low).max(lower);
    let what = |half: u32| match half {
        h if (upper..=lower).contains(&h) => Half::Body,
        h if (top..=bottom).contains(&h) => Half::Wick,
        _ => Half::Nothing,
    };
    for row in 0..plot.height {
        let half = u32::from(row) * 2;
        let (a, b) = (what(half), what(half + 1));
        if (a, b) != (Half::Nothing, Half::Nothing) {
            canvas.glyph(x, plot.y + row, glyph(a, b, rose), role);
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;

    use super::*;
    use crate::draw::glyphs::plain;
    use crate::draw::theme::Theme;
    use barkeep_market::Ts;
    use barkeep_market::testing;

    fn bar(open: f64, close: f64) -> Bar {
        let (high, low) = (open.max(close) + 1.0, open.min(close) - 1.0);
        Bar { volume: 5.0, ..testing::candle(Ts(0), [open, high, low, close]) }
    }

    #[test]
    fn a_candle_has_a_body_and_wicks_at_its_prices_and_rise_is_told_from_fall_without_color() {
        let plot = Rect::new(0, 0, 2, 4);
        let mut buf = Buffer::empty(plot);
        let bars = [bar(11.0, 17.0), bar(17.0, 15.0)];
        let scale = Scale::of(bars.iter(), 4).unwrap();
        let mut canvas = Canvas::new(&mut buf, Theme::default(), Ts(0));
        for (x, bar) in (0..).zip(&bars) {
            candle(&mut canvas, plot, x, bar, &scale);
        }
        let column = |x: u16| (0..4).map(|y| buf[(x, y)].symbol().to_owned()).collect::<String>();
        assert_eq!((column(0).as_str(), column(1).as_str()), ("╥║║╨", "╽╿  "));
        let plain = |x: u16| column(x).chars().map(plain).collect::<String>();
        assert_eq!((plain(0).as_str(), plain(1).as_str()), ("oooo", "##  "));
    }
}
