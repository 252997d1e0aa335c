//! A chart of prices: candles with their volume below and round scales, holes shaded where they are, lines of averages,
//! and one bar under the cursor.

use ratatui::layout::Rect;

use crate::draw::canvas::{Canvas, Line, width};
use crate::draw::format::{self, price};
use crate::draw::glyphs::{LEVELS, TRACK};
use crate::draw::theme::Role;
use crate::model::Overlay;
use crate::widgets::axis;
use crate::widgets::braille::Lines;
use crate::widgets::candles::{Scale, candle};
use barkeep_market::{AssetClass, Bar, Family, Interval, Timeframe, Ts};
use barkeep_runtime::console::ChartPoint;

/// Columns of a hole at most, however long it is.
const HOLE: usize = 9;

/// Time without bars, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartHole {
    pub range: Interval,
    pub letter: &'static str,
    pub role: Role,
    pub what: String,
}

/// What a chart is drawn from. Bars ascend, and each has its point.
pub struct Chart<'a> {
    pub bars: &'a [Bar],
    pub points: &'a [ChartPoint],
    pub holes: &'a [ChartHole],
    /// Times of bars that wait in quarantine.
    pub quarantined: &'a [Ts],
    pub class: AssetClass,
    pub timeframe: Timeframe,
    pub overlay: Overlay,
    /// The bar under the cursor; without one there is no cursor.
    pub cursor: Option<Ts>,
}

/// What a column of the plot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Bar(usize),
    /// A day, a month or a year begins.
    Turn,
    /// A piece of a hole: which one, and which of its columns.
    Hole(usize, usize),
    Quarantined(Ts),
}

impl Chart<'_> {
    /// All columns, oldest first.
    fn columns(&self) -> Vec<Column> {
        let first = self.bars.first().map_or(Ts::MAX, |bar| bar.ts);
        let stored = |at: &Ts| self.bars.binary_search_by_key(at, |bar| bar.ts).is_ok();
        let mut extras: Vec<(Ts, Vec<Column>)> = Vec::new();
        for (k, hole) in self.holes.iter().enumerate().filter(|(_, hole)| hole.range.end > first) {
            let columns = (0..hole_columns(hole, self.timeframe)).map(|column| Column::Hole(k, column)).collect();
            extras.push((hole.range.start.max(first), columns));
        }
        let pending = self.quarantined.iter().filter(|at| **at > first && !stored(at));
        extras.extend(pending.map(|at| (*at, vec![Column::Quarantined(*at)])));
        extras.sort_by_key(|(at, _)| *at);
        let mut all = Vec::with_capacity(self.bars.len() + extras.len() * 4);
        let mut extras = extras.into_iter().peekable();
        let mut turn = None;
        for (k, bar) in self.bars.iter().enumerate() {
            while let Some((_, columns)) = extras.next_if(|(at, _)| *at < bar.ts) {
                all.extend(columns);
            }
            let here = axis::turn(self.class, self.timeframe, bar.ts);
            if turn.replace(here).is_some_and(|before| before != here) {
                all.push(Column::Turn);
            }
            all.push(Column::Bar(k));
        }
        all.extend(extras.flat_map(|(_, columns)| columns));
        all
    }

    /// The columns in sight: the newest, or those around the cursor.
    fn window(&self, room: u16) -> Vec<Column> {
        let all = self.columns();
        let room = usize::from(room);
        let newest = all.len().saturating_sub(room);
        let at_cursor = |column: &Column| match column {
            Column::Bar(k) => self.bars.get(*k).map(|bar| bar.ts) == self.cursor,
            _ => false,
        };
        let chosen = self.cursor.and_then(|_| all.iter().position(at_cursor));
        let from = chosen.map_or(newest, |at| newest.min(at.saturating_sub(room / 3)));
        all.into_iter().skip(from).take(room).collect()
    }

    /// Draws it; returns where each bar stands.
    pub fn draw(&self, canvas: &mut Canvas, area: Rect) -> Vec<(u16, Ts)> {
        let most = self.bars.iter().map(|b| width(&price(b.high)).max(width(&price(b.low)))).max().unwrap_or(0);
        let scale_width = if area.width > 30 { most + 2 } else { 0 };
        let times = u16::from(area.height > 5);
        let volumes = if area.height > 9 { 2 } else { 0 };
        if area.height <= times + volumes || area.width <= scale_width {
            return Vec::new();
        }
        let plot = Rect::new(area.x, area.y, area.width - scale_width, area.height - times - volumes);
        let shown = self.window(plot.width);
        let first = plot.right() - u16::try_from(shown.len()).unwrap_or(plot.width).min(plot.width);
        let columns: Vec<(u16, Column)> = (first..plot.right()).zip(shown).collect();
        let bars: Vec<(u16, usize, &Bar)> = columns
            .iter()
            .filter_map(|(x, column)| match column {
                Column::Bar(k) => Some((*x, *k, self.bars.get(*k)?)),
                _ => None,
            })
            .collect();
        let Some(scale) = Scale::of(bars.iter().map(|(_, _, bar)| *bar), plot.height) else { return Vec::new() };
        let scale_at = Rect::new(plot.right() + 1, plot.y, scale_width.saturating_sub(1), plot.height);
        self.prices(canvas, plot, scale_at, &scale);
        // Backwards, so that the text of a hole lies on all of its columns.
        for (x, column) in columns.iter().rev() {
            self.other(canvas, plot, *x, *column);
        }
        self.lines(canvas, plot, &bars, &scale);
        for (x, _, bar) in &bars {
            candle(canvas, plot, *x, bar, &scale);
        }
        if volumes > 0 {
            volume(canvas, Rect::new(plot.x, plot.bottom(), plot.width, volumes), &bars);
            canvas.text(plot.right() + 1, plot.bottom() + 1, scale_width.saturating_sub(1), "volume", Role::Muted);
        }
        let places: Vec<(u16, Ts)> = bars.iter().map(|(x, _, bar)| (*x, bar.ts)).collect();
        if times > 0 {
            let y = plot.bottom() + volumes;
            for label in axis::labels(&places, plot.right(), self.class, self.timeframe) {
                canvas.text(label.x, y, 1, "╵", Role::Border);
                let role = if label.is_date { Role::Text } else { Role::Muted };
                canvas.text(label.x + 1, y, plot.right().saturating_sub(label.x + 1), &label.text, role);
            }
        }
        if let Some((x, ..)) = bars.iter().find(|(_, _, bar)| Some(bar.ts) == self.cursor) {
            canvas.overlay(Rect::new(*x, plot.y, 1, plot.height + volumes), Role::Selected);
        }
        places
    }

    /// Round prices at the right with a faint line each, and the newest close at its height.
    fn prices(&self, canvas: &mut Canvas, plot: Rect, area: Rect, scale: &Scale) {
        let (ticks, digits) = axis::ticks(scale.low, scale.high, (plot.height / 2).clamp(2, 8));
        let last = self.bars.last();
        let last_row = last.map(|bar| scale.row(bar.close.clamp(scale.low, scale.high)));
        for tick in ticks {
            let row = scale.row(tick);
            canvas.repeat(plot.x, plot.y + row, plot.width, "┈", Role::Border);
            if area.width > 0 && last_row != Some(row) {
                canvas.right(area.x, area.y + row, area.width, &axis::tick(tick, digits), Role::Muted);
            }
        }
        if let Some((last, row)) = last.zip(last_row).filter(|_| area.width > 0) {
            let role = if last.close >= last.open { Role::Rise } else { Role::Fall };
            canvas.text(area.x - 1, area.y + row, 1, "◂", role);
            canvas.right(area.x, area.y + row, area.width, &price(last.close), Role::Strong);
        }
    }

    /// What is no bar: the beginning of a day, a hole, a bar in quarantine.
    fn other(&self, canvas: &mut Canvas, plot: Rect, x: u16, column: Column) {
        match column {
            Column::Bar(_) => {}
            Column::Turn => {
                for y in plot.top()..plot.bottom() {
                    canvas.glyph(x, y, "╎", Role::Border);
                }
            }
            Column::Quarantined(_) => canvas.glyph(x, plot.bottom().saturating_sub(1), "q", Role::Bad),
            Column::Hole(k, at) => {
                let Some(hole) = self.holes.get(k) else { return };
                for y in plot.top()..plot.bottom() {
                    canvas.glyph(x, y, TRACK, Role::Border);
                }
                if at != 0 {
                    return;
                }
                let columns = hole_columns(hole, self.timeframe);
                let text = format!("{} {}", hole.letter, hole.what);
                let text = if usize::from(width(&text)) <= columns { text } else { hole.letter.to_owned() };
                let free = u16::try_from(columns).unwrap_or(0).saturating_sub(width(&text));
                let y = plot.y + plot.height / 2;
                canvas.text(x + free / 2, y, plot.right().saturating_sub(x + free / 2), &text, hole.role);
            }
        }
    }

    fn lines(&self, canvas: &mut Canvas, plot: Rect, bars: &[(u16, usize, &Bar)], scale: &Scale) {
        type Of = fn(&ChartPoint) -> Option<f64>;
        let wanted: &[(Of, Role)] = match self.overlay {
            Overlay::None => &[],
            Overlay::Averages => &[(|p| p.sma_20, Role::Accent), (|p| p.sma_50, Role::Marked)],
            Overlay::Bands => &[(|p| p.bb_upper, Role::Paused), (|p| p.bb_lower, Role::Paused)],
        };
        let mut lines = Lines::default();
        for (of, role) in wanted {
            let height = |k: &usize| self.points.get(*k).and_then(of).map(|value| scale.depth(value));
            let points: Vec<_> = bars.iter().map(|(x, k, _)| (*x, height(k))).collect();
            lines.add(plot, &points, *role);
        }
        lines.draw(canvas);
    }

    /// The bar under the cursor, else the newest, in one line of pieces: the most telling stay longest.
    #[must_use]
    pub fn readout(&self) -> Vec<(u8, Line)> {
        let at = |t: Ts| self.bars.binary_search_by_key(&t, |bar| bar.ts).ok();
        let at = self.cursor.and_then(at).or_else(|| self.bars.len().checked_sub(1));
        let Some((bar, point)) = at.and_then(|k| Some((self.bars.get(k)?, self.points.get(k)))) else {
            return Vec::new();
        };
        let day = self.timeframe.family() == Family::Day;
        let date = self.class.date_of(bar.ts);
        let when = if day {
            date.format("%a %d %b %Y").to_string()
        } else {
            bar.ts.to_utc().format("%a %d %b %H:%MZ").to_string()
        };
        let role = if bar.close >= bar.open { Role::Rise } else { Role::Fall };
        let prices = [("o", bar.open), ("h", bar.high), ("l", bar.low), ("c", bar.close)];
        let mut line = Line::new();
        for (k, (name, value)) in prices.into_iter().enumerate() {
            let space = if k > 0 { " " } else { "" };
            line = line
                .span(Role::Muted, format!("{space}{name} "))
                .span(if name == "c" { role } else { Role::Text }, price(value));
        }
        let mut pieces = vec![(99, Line::of(Role::Strong, when)), (98, line)];
        let pair =
            |name: &'static str, value: String| Line::of(Role::Muted, format!("{name} ")).span(Role::Text, value);
        pieces.push((90, pair("v", format::short(bar.volume))));
        pieces.extend(bar.vwap.map(|vwap| (80, pair("vwap", price(vwap)))));
        let Some(point) = point else { return pieces };
        let score = if point.score < 1.0 { Role::Warn } else { Role::Text };
        pieces.push((85, Line::of(Role::Muted, "score ").span(score, format!("{:.1}", point.score))));
        let (first, second) = match self.overlay {
            Overlay::Bands => (("upper", point.bb_upper, Role::Paused), ("lower", point.bb_lower, Role::Paused)),
            Overlay::Averages => (("sma20", point.sma_20, Role::Accent), ("sma50", point.sma_50, Role::Marked)),
            Overlay::None => (("sma20", point.sma_20, Role::Text), ("sma50", point.sma_50, Role::Text)),
        };
        for (priority, (name, value, role)) in [(70, first), (60, second)] {
            let told = |value| (priority, Line::of(Role::Muted, format!("{name} ")).span(role, price(value)));
            pieces.extend(value.map(told));
        }
        pieces.extend(point.rsi_14.map(|rsi| (50, pair("rsi", format!("{rsi:.0}")))));
        pieces.extend(point.atr.map(|atr| (40, pair("atr", price(atr)))));
        pieces
    }
}

/// The columns of a hole: one a bar as far as it is short.
fn hole_columns(hole: &ChartHole, timeframe: Timeframe) -> usize {
    let bars = usize::try_from(hole.range.len() / timeframe.width()).unwrap_or(HOLE);
    bars.clamp(2, HOLE)
}

fn volume(canvas: &mut Canvas, area: Rect, bars: &[(u16, usize, &Bar)]) {
    let top = bars.iter().map(|(_, _, bar)| bar.volume).fold(0.0, f64::max);
    for (x, _, bar) in bars {
        let level = if top > 0.0 { (bar.volume / top * 16.0).round().clamp(0.0, 16.0) as usize } else { 0 };
        for (row, below) in [(0, 8), (1, 0)] {
            let here = level.saturating_sub(below).min(8);
            if let Some(fill) = LEVELS.get(here).filter(|_| here > 0) {
                canvas.glyph(*x, area.y + row, fill, Role::Border);
            }
        }
    }
}

#[cfg(test)]
mod tests;
