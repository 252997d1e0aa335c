//! Drawing into the frame: text by role, cut to its width.
//!
//! Nothing here can fail: what is outside the frame is not drawn, text too long ends in an ellipsis, and an area of
//! nothing is fine. Every screen draws with a [`Canvas`] and therefore holds at any size.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::draw::glyphs::ELLIPSIS;
use crate::draw::layout::{Constraint, split};
pub use crate::draw::layout::{columns, rows};
pub use crate::draw::line::{Line, Span, width, wrap, wrap_line};
use crate::draw::theme::{Role, Theme};
use barkeep_market::Ts;

/// Draws with one theme at one moment.
pub struct Canvas<'a> {
    buf: &'a mut Buffer,
    /// Nothing is drawn outside of it.
    place: Rect,
    pub theme: Theme,
    /// The time the screen shows; it stops while the view is frozen.
    pub now: Ts,
}

impl<'a> Canvas<'a> {
    #[must_use]
    pub fn new(buf: &'a mut Buffer, theme: Theme, now: Ts) -> Self {
        Self { place: buf.area, buf, theme, now }
    }

    /// Draws in this place only.
    #[must_use]
    pub fn within(mut self, place: Rect) -> Self {
        self.place = self.place.intersection(place);
        self
    }

    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// Writes into at most `room` cells from (`x`, `y`) and returns how many it took.
    pub fn text(&mut self, x: u16, y: u16, room: u16, text: &str, role: Role) -> u16 {
        let area = self.place;
        if room == 0 || y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
            return 0;
        }
        let room = room.min(area.right() - x);
        let style = over(self.theme.style(role));
        let needs = width(text);
        if needs <= room {
            let (end, _) = self.buf.set_stringn(x, y, text, usize::from(room), style);
            return end - x;
        }
        let (end, _) = self.buf.set_stringn(x, y, text, usize::from(room - 1), style);
        self.buf.set_stringn(end, y, ELLIPSIS, 1, style);
        end - x + 1
    }

    /// The same, aligned to the right.
    pub fn right(&mut self, x: u16, y: u16, room: u16, text: &str, role: Role) {
        let needs = width(text).min(room);
        self.text(x + (room - needs), y, needs, text, role);
    }

    /// Line in a row; returns how many cells they took.
    pub fn line(&mut self, x: u16, y: u16, room: u16, line: &Line) -> u16 {
        let mut used = 0;
        for (k, span) in line.spans.iter().enumerate() {
            let left = room - used;
            // A word that does not fit is cut; nothing follows it.
            let more = line.spans.iter().skip(k + 1).any(|span| !span.text.is_empty());
            if more && width(&span.text) == left && left > 0 {
                self.text(x + used, y, left, &format!("{} ", span.text), span.role);
                return room;
            }
            used += self.text(x + used, y, left, &span.text, span.role);
            if used >= room {
                break;
            }
        }
        used
    }

    pub fn line_right(&mut self, x: u16, y: u16, room: u16, line: &Line) {
        let needs = line.width().min(room);
        self.line(x + (room - needs), y, needs, line);
    }

    /// Pieces of a line side by side, `gap` apart; those of lowest priority are left out until the rest fits.
    pub fn pieces(&mut self, x: u16, y: u16, room: u16, gap: u16, pieces: &[(u8, Line)]) -> u16 {
        let constraints: Vec<Constraint> = pieces
            .iter()
            .map(|(priority, line)| {
                let length = line.width();
                Constraint::new(length, length, *priority)
            })
            .collect();
        let mut places = split(room, gap, &constraints);
        if places.iter().all(Option::is_none) {
            // Not even the best fits: it is cut.
            let best =
                constraints.iter().enumerate().max_by_key(|(k, n)| (n.priority, std::cmp::Reverse(*k))).map(|(k, _)| k);
            if let Some(place) = best.and_then(|k| places.get_mut(k)) {
                *place = Some((0, room));
            }
        }
        let mut end = 0;
        for ((_, line), place) in pieces.iter().zip(places) {
            if let Some((start, length)) = place {
                self.line(x + start, y, length, line);
                end = end.max(start + length);
            }
        }
        end
    }

    /// A text over several lines, broken between words; returns the lines it took.
    pub fn paragraph(&mut self, area: Rect, text: &str, role: Role) -> u16 {
        let lines = wrap(text, area.width);
        for (k, line) in lines.iter().take(usize::from(area.height)).enumerate() {
            let k = u16::try_from(k).unwrap_or(u16::MAX);
            let last = k + 1 == area.height && lines.len() > usize::from(area.height);
            let cut = if last { format!("{line}{ELLIPSIS}") } else { line.clone() };
            self.text(area.x, area.y + k, area.width, &cut, role);
        }
        u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height)
    }

    /// One glyph over `count` cells.
    pub fn repeat(&mut self, x: u16, y: u16, count: u16, glyph: &str, role: Role) {
        let style = self.theme.style(role);
        for k in 0..count {
            self.glyph_styled(x.saturating_add(k), y, glyph, style);
        }
    }

    /// One glyph in one cell.
    pub fn glyph(&mut self, x: u16, y: u16, glyph: &str, role: Role) {
        let style = self.theme.style(role);
        self.glyph_styled(x, y, glyph, style);
    }

    /// A cell of two colors, one above the other.
    pub fn halves(&mut self, x: u16, y: u16, above: Role, below: Role) {
        let style = self.theme.halves(above, below);
        self.glyph_styled(x, y, "▀", style);
    }

    /// One glyph in a role's color at `fraction` of its range.
    pub fn shade(&mut self, x: u16, y: u16, glyph: &str, role: Role, fraction: f64) {
        let style = self.theme.gradient(role, fraction);
        self.glyph_styled(x, y, glyph, style);
    }

    /// A few letters on a role's color.
    pub fn tile(&mut self, x: u16, y: u16, text: &str, role: Role) {
        let style = self.theme.tile(role);
        for (x, c) in (x..).zip(text.chars()) {
            self.glyph_styled(x, y, c.encode_utf8(&mut [0; 4]), style);
        }
    }

    fn glyph_styled(&mut self, x: u16, y: u16, glyph: &str, style: Style) {
        if !self.place.contains((x, y).into()) {
            return;
        }
        if let Some(cell) = self.buf.cell_mut((x, y)) {
            cell.set_symbol(glyph).set_style(over(style));
        }
    }

    /// Applies a role to what is drawn already.
    pub fn overlay(&mut self, area: Rect, role: Role) {
        let style = self.theme.style(role);
        self.buf.set_style(area.intersection(self.place), style);
    }

    /// Makes an area blank.
    pub fn clear(&mut self, area: Rect) {
        let ground = self.theme.ground();
        let area = area.intersection(self.place);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buf.cell_mut((x, y)) {
                    cell.reset();
                    cell.set_style(ground);
                }
            }
        }
    }

    /// A frame with a title and, at its right end, a remark; returns what is inside. Too small for a frame it is all
    /// inside.
    pub fn panel(&mut self, area: Rect, title: &Line, tail: &Line) -> Rect {
        self.block(area, title, tail, Role::Border)
    }

    /// The same with the frame in another role.
    pub fn block(&mut self, area: Rect, title: &Line, tail: &Line, frame: Role) -> Rect {
        if area.width < 4 || area.height < 3 {
            return area;
        }
        let (left, top, right, bottom) = (area.left(), area.top(), area.right() - 1, area.bottom() - 1);
        // Where a frame cannot turn red it is heavy, and its title reversed.
        let alarm = self.theme.is_mono() && matches!(frame, Role::Bad | Role::Breach);
        let [across, down, corners @ ..] =
            if alarm { ["━", "┃", "┏", "┓", "┗", "┛"] } else { ["─", "│", "╭", "╮", "╰", "╯"] };
        self.repeat(left + 1, top, area.width - 2, across, frame);
        self.repeat(left + 1, bottom, area.width - 2, across, frame);
        for y in top + 1..bottom {
            self.glyph(left, y, down, frame);
            self.glyph(right, y, down, frame);
        }
        for ((x, y), corner) in [(left, top), (right, top), (left, bottom), (right, bottom)].into_iter().zip(corners) {
            self.glyph(x, y, corner, frame);
        }
        let room = area.width.saturating_sub(6);
        let mut used = 0;
        if !title.is_empty() && room > 0 {
            self.text(left + 2, top, 1, " ", frame);
            used = self.line(left + 3, top, room, title);
            self.text(left + 3 + used, top, 1, " ", frame);
            if alarm {
                self.overlay(Rect::new(left + 2, top, used + 2, 1), Role::Selected);
            }
        }
        let needs = tail.width();
        if needs > 0 && used + needs + 3 <= room {
            let x = right - 2 - needs;
            self.text(x - 1, top, 1, " ", frame);
            self.line(x, top, needs, tail);
            self.text(x + needs, top, 1, " ", frame);
        }
        let inner = Rect::new(left + 1, top + 1, area.width - 2, area.height - 2);
        // An empty column on both sides, when the panel is wide enough.
        if inner.width > 20 { Rect::new(inner.x + 1, inner.y, inner.width - 2, inner.height) } else { inner }
    }

    /// A few words in the middle of an area: the text of an empty screen.
    pub fn center(&mut self, area: Rect, lines: &[Line]) {
        let count = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let top = area.y + area.height.saturating_sub(count) / 2;
        for (k, line) in lines.iter().enumerate().take(usize::from(area.height)) {
            let needs = line.width().min(area.width);
            let x = area.x + (area.width - needs) / 2;
            self.line(x, top + u16::try_from(k).unwrap_or(u16::MAX), needs, line);
        }
    }
}

/// What is drawn takes nothing of the color and weight of what was there; a background, and reverse video that stands
/// in for one, stay.
fn over(style: Style) -> Style {
    let weight = Modifier::all().difference(Modifier::REVERSED);
    let plain = Style { fg: Some(Color::Reset), sub_modifier: weight, ..Style::new() };
    plain.patch(style)
}

#[cfg(test)]
mod tests;
