//! A chart of prices: one candle a column, by half cells, with its volume below and its axes.

use chrono::Datelike as _;
use ratatui::layout::Rect;

use crate::draw::canvas::{Canvas, width};
use crate::draw::format::price;
use crate::draw::glyphs::LEVELS;
use crate::draw::theme::Role;
use barkeep_market::{AssetClass, Bar, Family, Timeframe, Ts};

/// What one half of a cell holds of a candle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Nothing,
    Wick,
    Body,
}

/// Two halves, the upper first, as one glyph.
const fn glyph(upper: Half, lower: Half) -> &'static str {
    match (upper, lower) {
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

/// The newest bars that fit, the last one at the right.
pub fn chart(canvas: &mut Canvas, area: Rect, bars: &[Bar], class: AssetClass, timeframe: Timeframe) {
    let most = bars.iter().map(|b| width(&price(b.high)).max(width(&price(b.low)))).max().unwrap_or(0);
    let axis = if area.width > 30 { most + 2 } else { 0 };
    let times = u16::from(area.height > 5);
    let volumes = if area.height > 9 { 2 } else { 0 };
    if area.height <= times + volumes || area.width <= axis {
        return;
    }
    let plot = Rect::new(area.x, area.y, area.width - axis, area.height - times - volumes);
    let shown = bars.get(bars.len().saturating_sub(usize::from(plot.width))..).unwrap_or_default();
    let low = shown.iter().map(|b| b.low).fold(f64::INFINITY, f64::min);
    let high = shown.iter().map(|b| b.high).fold(f64::NEG_INFINITY, f64::max);
    if !(low.is_finite() && high.is_finite()) || plot.height == 0 {
        return;
    }
    let scale = Scale { low, high, halves: u32::from(plot.height) * 2 };
    let first = plot.right() - u16::try_from(shown.len()).unwrap_or(plot.width).min(plot.width);
    for (x, bar) in (first..plot.right()).zip(shown) {
        candle(canvas, plot, x, bar, &scale);
    }
    if axis > 0 {
        prices(canvas, Rect::new(plot.right() + 1, plot.y, axis - 1, plot.height), shown, &scale);
    }
    if volumes > 0 {
        let top = shown.iter().map(|b| b.volume).fold(0.0, f64::max);
        for (x, bar) in (first..plot.right()).zip(shown) {
            let level = if top > 0.0 { (bar.volume / top * 16.0).round().clamp(0.0, 16.0) as usize } else { 0 };
            for (row, below) in [(0, 8), (1, 0)] {
                let here = level.saturating_sub(below).min(8);
                if let Some(fill) = LEVELS.get(here).filter(|_| here > 0) {
                    canvas.glyph(x, plot.bottom() + row, fill, Role::Border);
                }
            }
        }
        canvas.text(plot.right() + 1, plot.bottom() + 1, axis.saturating_sub(1), "volume", Role::Muted);
    }
    if times > 0 {
        let line = Rect::new(plot.x, plot.bottom() + volumes, plot.width, 1);
        let starts: Vec<Ts> = shown.iter().map(|b| b.ts).collect();
        time_axis(canvas, line, first, &starts, class, timeframe);
    }
}

struct Scale {
    low: f64,
    high: f64,
    halves: u32,
}

impl Scale {
    /// Which half from the top a price lies in.
    fn half(&self, price: f64) -> u32 {
        let range = self.high - self.low;
        let from_top = if range > 0.0 { (self.high - price) / range } else { 0.5 };
        ((from_top * f64::from(self.halves)) as u32).min(self.halves.saturating_sub(1))
    }

    /// The lowest half from the top that reaches above a price: where something ends that stands on it.
    fn half_above(&self, price: f64) -> u32 {
        let range = self.high - self.low;
        let from_top = if range > 0.0 { (self.high - price) / range } else { 0.5 };
        let halves = (from_top * f64::from(self.halves)).ceil() as u32;
        halves.saturating_sub(1).min(self.halves.saturating_sub(1))
    }
}

fn candle(canvas: &mut Canvas, plot: Rect, x: u16, bar: &Bar, scale: &Scale) {
    let role = if bar.close >= bar.open { Role::Rise } else { Role::Fall };
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
            canvas.glyph(x, plot.y + row, glyph(a, b), role);
        }
    }
}

/// The scale at the right, and the newest close at its height.
fn prices(canvas: &mut Canvas, area: Rect, bars: &[Bar], scale: &Scale) {
    let rows = area.height.max(1);
    let steps = (rows / 4).clamp(1, 5);
    for step in 0..=steps {
        let row = (rows - 1) * step / steps;
        let at = scale.high - (scale.high - scale.low) * (f64::from(row) + 0.5) / f64::from(rows);
        canvas.right(area.x, area.y + row, area.width, &price(at), Role::Muted);
    }
    if let Some(last) = bars.last() {
        let row = u16::try_from(scale.half(last.close) / 2).unwrap_or(0).min(rows - 1);
        canvas.repeat(area.x, area.y + row, area.width, " ", Role::Text);
        let role = if last.close >= last.open { Role::Rise } else { Role::Fall };
        canvas.text(area.x - 1, area.y + row, 1, "◂", role);
        canvas.right(area.x, area.y + row, area.width, &price(last.close), Role::Strong);
    }
}

/// A date where a day (a month) begins, else the time of day, as often as there is room.
fn time_axis(canvas: &mut Canvas, line: Rect, first: u16, starts: &[Ts], class: AssetClass, timeframe: Timeframe) {
    let mut free_from = line.x;
    let mut before = None;
    for (k, start) in starts.iter().enumerate() {
        let date = class.date_of(*start);
        let (turn, label) = if timeframe.family() == Family::Day {
            let label = if date.month() == 1 { date.format("%Y") } else { date.format("%b") };
            ((date.year(), date.month()), label.to_string())
        } else {
            ((date.year(), date.ordinal()), date.format("%d %b").to_string())
        };
        let turned = before.is_some_and(|b| b != turn);
        before = Some(turn);
        let every = k > 0 && k.is_multiple_of(20) && timeframe.family() == Family::Minute;
        if !turned && !every {
            continue;
        }
        let label = if turned { label } else { start.to_utc().format("%H:%M").to_string() };
        let x = first + u16::try_from(k).unwrap_or(u16::MAX);
        let needs = width(&label) + 1;
        if x < free_from || x + needs > line.right() {
            continue;
        }
        canvas.text(x, line.y, 1, "╵", Role::Border);
        canvas.text(x + 1, line.y, needs - 1, &label, if turned { Role::Text } else { Role::Muted });
        free_from = x + needs + 1;
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;

    use super::*;
    use crate::draw::theme::Theme;
    use barkeep_market::ts::MINUTE;

    fn bar(k: i64, open: f64, close: f64) -> Bar {
        let (high, low) = (open.max(close) + 1.0, open.min(close) - 1.0);
        Bar { ts: Ts(k * 5 * MINUTE), open, high, low, close, volume: 5.0, vwap: None, trades: None }
    }

    #[test]
    fn a_candle_has_a_body_and_wicks_at_its_prices() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 2, 4));
        let bars = [bar(0, 11.0, 17.0), bar(1, 17.0, 15.0)];
        chart(
            &mut Canvas::new(&mut buf, Theme::default(), Ts(0)),
            Rect::new(0, 0, 2, 4),
            &bars,
            AssetClass::Stock,
            Timeframe::M5,
        );
        let column = |x: u16| (0..4).map(|y| buf[(x, y)].symbol().to_owned()).collect::<String>();
        assert_eq!(column(0), "╽┃┃╿");
        assert_eq!(column(1), "╽╿  ");
    }

    #[test]
    fn nothing_to_draw_and_no_room_are_fine() {
        for (w, h) in [(0, 0), (1, 1), (40, 3), (8, 20), (60, 14)] {
            let area = Rect::new(0, 0, w, h);
            let mut buf = Buffer::empty(area);
            let mut canvas = Canvas::new(&mut buf, Theme::default(), Ts(0));
            let level = bar(0, 5.0, 5.0);
            for bars in [vec![], vec![bar(1, 5.0, 6.0)], vec![Bar { high: 5.0, low: 5.0, ..level }; 300]] {
                chart(&mut canvas, area, &bars, AssetClass::Crypto, Timeframe::D1);
            }
        }
    }
}
