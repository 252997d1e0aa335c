//! Drawing into the frame: text by role, cut where its room ends.
//!
//! Nothing here can fail: what lies outside the frame is not drawn, text too long ends in an ellipsis, and an area of
//! nothing is fine. Every screen draws with a [`Pen`] and therefore holds at any size.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::fit::{Need, fit};
use super::glyphs::ELLIPSIS;
use super::theme::{Role, Theme};
use crate::market::Ts;

/// A stretch of text with one meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    pub text: String,
    pub role: Role,
}

/// Words of different roles in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(pub Vec<Say>);

impl Words {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn of(role: Role, text: impl Into<String>) -> Self {
        Self::new().say(role, text)
    }

    #[must_use]
    pub fn say(mut self, role: Role, text: impl Into<String>) -> Self {
        self.0.push(Say { text: text.into(), role });
        self
    }

    /// Both, one after the other.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// A label and its value.
    #[must_use]
    pub fn pair(self, label: &str, value: impl Into<String>) -> Self {
        self.say(Role::Muted, format!("{label} ")).say(Role::Text, value)
    }

    #[must_use]
    pub fn width(&self) -> u16 {
        self.0.iter().fold(0, |sum, say| sum.saturating_add(width(&say.text)))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|say| say.text.is_empty())
    }
}

/// How many cells a text takes.
#[must_use]
pub fn width(text: &str) -> u16 {
    if text.is_ascii() { text.len() } else { text.width() }.try_into().unwrap_or(u16::MAX)
}

/// Draws with one theme at one moment.
pub struct Pen<'a> {
    buf: &'a mut Buffer,
    /// Nothing is drawn outside of it.
    place: Rect,
    pub theme: Theme,
    /// What the clock of the screen says; it stands still while the view is frozen.
    pub now: Ts,
}

impl<'a> Pen<'a> {
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

    /// Writes into `room` cells from (`x`, `y`) and says how many it took.
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

    /// The same, ending at the end of the room.
    pub fn right(&mut self, x: u16, y: u16, room: u16, text: &str, role: Role) {
        let needs = width(text).min(room);
        self.text(x + (room - needs), y, needs, text, role);
    }

    /// Words in a row; returns how many cells they took.
    pub fn words(&mut self, x: u16, y: u16, room: u16, words: &Words) -> u16 {
        let mut used = 0;
        for (k, say) in words.0.iter().enumerate() {
            let left = room - used;
            // A word that does not fit is cut; nothing follows it.
            let more = words.0.iter().skip(k + 1).any(|say| !say.text.is_empty());
            if more && width(&say.text) == left && left > 0 {
                self.text(x + used, y, left, &format!("{} ", say.text), say.role);
                return room;
            }
            used += self.text(x + used, y, left, &say.text, say.role);
            if used >= room {
                break;
            }
        }
        used
    }

    pub fn words_right(&mut self, x: u16, y: u16, room: u16, words: &Words) {
        let needs = words.width().min(room);
        self.words(x + (room - needs), y, needs, words);
    }

    /// Pieces of a line side by side, `gap` apart; those of least worth are left out until the rest fits.
    pub fn pieces(&mut self, x: u16, y: u16, room: u16, gap: u16, pieces: &[(u8, Words)]) -> u16 {
        let needs: Vec<Need> = pieces
            .iter()
            .map(|(worth, words)| {
                let length = words.width();
                Need::new(length, length, *worth)
            })
            .collect();
        let mut places = fit(room, gap, &needs);
        if places.iter().all(Option::is_none) {
            // Not even the best fits: it is cut.
            let best = needs.iter().enumerate().max_by_key(|(k, n)| (n.worth, std::cmp::Reverse(*k))).map(|(k, _)| k);
            if let Some(place) = best.and_then(|k| places.get_mut(k)) {
                *place = Some((0, room));
            }
        }
        let mut end = 0;
        for ((_, words), place) in pieces.iter().zip(places) {
            if let Some((start, length)) = place {
                self.words(x + start, y, length, words);
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

    fn glyph_styled(&mut self, x: u16, y: u16, glyph: &str, style: Style) {
        if !self.place.contains((x, y).into()) {
            return;
        }
        if let Some(cell) = self.buf.cell_mut((x, y)) {
            cell.set_symbol(glyph).set_style(over(style));
        }
    }

    /// Lays a role over what is drawn.
    pub fn lay(&mut self, area: Rect, role: Role) {
        let style = self.theme.style(role);
        self.buf.set_style(area.intersection(self.place), style);
    }

    /// Makes an area blank.
    pub fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.place);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buf.cell_mut((x, y)) {
                    cell.reset();
                }
            }
        }
    }

    /// A frame with a title and, at its right end, a remark; returns what is inside. Too small for a frame it is all
    /// inside.
    pub fn panel(&mut self, area: Rect, title: &Words, tail: &Words) -> Rect {
        self.framed(area, title, tail, Role::Border)
    }

    /// A frame that asks to be looked at.
    pub fn framed(&mut self, area: Rect, title: &Words, tail: &Words, frame: Role) -> Rect {
        if area.width < 4 || area.height < 3 {
            return area;
        }
        let (left, top, right, bottom) = (area.left(), area.top(), area.right() - 1, area.bottom() - 1);
        self.repeat(left + 1, top, area.width - 2, "─", frame);
        self.repeat(left + 1, bottom, area.width - 2, "─", frame);
        for y in top + 1..bottom {
            self.glyph(left, y, "│", frame);
            self.glyph(right, y, "│", frame);
        }
        for (x, y, corner) in [(left, top, "╭"), (right, top, "╮"), (left, bottom, "╰"), (right, bottom, "╯")] {
            self.glyph(x, y, corner, frame);
        }
        let room = area.width.saturating_sub(6);
        let mut used = 0;
        if !title.is_empty() && room > 0 {
            self.text(left + 2, top, 1, " ", frame);
            used = self.words(left + 3, top, room, title);
            self.text(left + 3 + used, top, 1, " ", frame);
        }
        let needs = tail.width();
        if needs > 0 && used + needs + 3 <= room {
            let x = right - 2 - needs;
            self.text(x - 1, top, 1, " ", frame);
            self.words(x, top, needs, tail);
            self.text(x + needs, top, 1, " ", frame);
        }
        let inner = Rect::new(left + 1, top + 1, area.width - 2, area.height - 2);
        // A column of air on both sides, when there is room for it.
        if inner.width > 20 { Rect::new(inner.x + 1, inner.y, inner.width - 2, inner.height) } else { inner }
    }

    /// A few words in the middle of an area: what an empty screen says.
    pub fn centre(&mut self, area: Rect, lines: &[Words]) {
        let count = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let top = area.y + area.height.saturating_sub(count) / 2;
        for (k, line) in lines.iter().enumerate().take(usize::from(area.height)) {
            let needs = line.width().min(area.width);
            let x = area.x + (area.width - needs) / 2;
            self.words(x, top + u16::try_from(k).unwrap_or(u16::MAX), needs, line);
        }
    }
}

/// What is drawn takes nothing of the colour and weight of what was there; a background, and reverse video that stands
/// in for one, stay.
fn over(style: Style) -> Style {
    let weight = Modifier::all().difference(Modifier::REVERSED);
    let plain = Style { fg: Some(Color::Reset), sub_modifier: weight, ..Style::new() };
    plain.patch(style)
}

/// Breaks a text between words; a word longer than a line is cut.
#[must_use]
pub fn wrap(text: &str, room: u16) -> Vec<String> {
    let room = usize::from(room.max(1));
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let gap = usize::from(!line.is_empty());
        if line.width() + gap + word.width() <= room {
            line.extend(std::iter::repeat_n(' ', gap));
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            if line.width() + c.width().unwrap_or(0) > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Rows of an area from the top, one panel each: where each panel lies, `None` when it found no room.
#[must_use]
pub fn rows(area: Rect, needs: &[Need]) -> Vec<Option<Rect>> {
    let place = |(start, length): (u16, u16)| Rect::new(area.x, area.y + start, area.width, length);
    fit(area.height, 0, needs).into_iter().map(|p| p.map(place)).collect()
}

/// The same from the left.
#[must_use]
pub fn columns(area: Rect, gap: u16, needs: &[Need]) -> Vec<Option<Rect>> {
    let place = |(start, length): (u16, u16)| Rect::new(area.x + start, area.y, length, area.height);
    fit(area.width, gap, needs).into_iter().map(|p| p.map(place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(width: u16, draw: impl FnOnce(&mut Pen)) -> String {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, 1));
        draw(&mut Pen::new(&mut buf, Theme::default(), Ts(0)));
        buf.content.iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn text_too_long_ends_in_an_ellipsis_and_never_leaves_its_room() {
        assert_eq!(
            drawn(8, |p| {
                p.text(0, 0, 5, "abcdefg", Role::Text);
            }),
            "abcd…   "
        );
        assert_eq!(
            drawn(8, |p| {
                p.text(0, 0, 5, "abcde", Role::Text);
            }),
            "abcde   "
        );
        assert_eq!(drawn(8, |p| p.right(0, 0, 6, "ab", Role::Text)), "    ab  ");
        assert_eq!(
            drawn(4, |p| {
                p.text(2, 0, 90, "日本語", Role::Text);
            }),
            "  … "
        );
        assert_eq!(
            drawn(4, |p| {
                p.text(9, 7, 90, "x", Role::Text);
            }),
            "    "
        );
    }

    #[test]
    fn text_takes_nothing_of_what_was_there_but_its_background() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 2, 1));
        let theme = Theme::new(crate::tui::theme::ThemeKind::Dark, crate::tui::theme::ColorDepth::Rgb);
        let mut pen = Pen::new(&mut buf, theme, Ts(0));
        pen.lay(Rect::new(0, 0, 2, 1), Role::Selected);
        pen.text(0, 0, 2, "ab", Role::Bad);
        pen.text(0, 0, 1, "c", Role::Text);
        let cell = &buf[(0, 0)];
        assert_eq!((cell.fg, cell.modifier), (Color::Reset, Modifier::empty()));
        assert_eq!(Some(cell.bg), theme.style(Role::Selected).bg);
        assert!(buf[(1, 0)].modifier.contains(Modifier::BOLD));
    }

    #[test]
    fn words_that_do_not_all_fit_say_so() {
        let words = Words::of(Role::Muted, "limit ").say(Role::Strong, "4/5");
        assert_eq!(
            drawn(10, |p| {
                p.words(0, 0, 10, &words);
            }),
            "limit 4/5 "
        );
        assert_eq!(
            drawn(10, |p| {
                p.words(0, 0, 8, &words);
            }),
            "limit 4…  "
        );
        assert_eq!(
            drawn(10, |p| {
                p.words(0, 0, 6, &words);
            }),
            "limit…    "
        );
    }

    #[test]
    fn pieces_of_least_worth_are_left_out_first() {
        let pieces =
            [(5, Words::of(Role::Text, "aaaa")), (1, Words::of(Role::Text, "bb")), (9, Words::of(Role::Text, "cc"))];
        assert_eq!(
            drawn(14, |p| {
                p.pieces(0, 0, 14, 2, &pieces);
            }),
            "aaaa  bb  cc  "
        );
        assert_eq!(
            drawn(14, |p| {
                p.pieces(0, 0, 11, 2, &pieces);
            }),
            "aaaa  cc      "
        );
        assert_eq!(
            drawn(14, |p| {
                p.pieces(0, 0, 5, 2, &pieces);
            }),
            "cc            "
        );
        assert_eq!(
            drawn(14, |p| {
                p.pieces(0, 0, 1, 2, &pieces);
            }),
            "…             "
        );
    }

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrap("the quick brown fox", 9), ["the quick", "brown fox"]);
        assert_eq!(wrap("extraordinary", 5), ["extra", "ordin", "ary"]);
        assert!(wrap("", 5).is_empty());
    }
}
