//! The characters of bars, frames, charts and marks, and their plain stand-ins.
//!
//! Screens are drawn in Unicode. Where the terminal cannot show it, the finished frame is turned to ASCII cell by cell
//! ([`Glyphs::apply`]), text from outside included: nothing moves, and nothing else can get through.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::border;

/// One set of signs; each is one column wide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Whether nothing else than ASCII may be printed.
    pub is_ascii: bool,
    pub border: border::Set<'static>,
    pub cursor: &'static str,
    pub mark: &'static str,
    pub ellipsis: &'static str,
    pub descending: &'static str,
    pub ascending: &'static str,
    pub separator: &'static str,
}

/// Filling from the left, by eighths.
pub const FILLS: [&str; 9] = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
/// Filling from below, by eighths.
pub const LEVELS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
/// The part of a bar that is not reached yet.
pub const TRACK: &str = "░";
/// One used and one free place of the vendor's window.
pub const TAKEN: &str = "■";
pub const FREE: &str = "□";

pub const CURSOR: &str = "▸";
pub const MARK: &str = "✓";
pub const ASCENDING: &str = "▲";
pub const DESCENDING: &str = "▼";
pub const ELLIPSIS: &str = "…";

pub const RUNNING: &str = "●";
pub const WAITING: &str = "○";
pub const DONE: &str = "✓";
pub const FAILED: &str = "✗";

/// A fresh series of the freshness wall, one that is later than allowed, and one that is being fetched.
pub const TILE: char = '▇';
pub const LATE: char = '‼';
pub const FETCHING: char = '◐';
/// A place of the rate limit after the answer to its request, and before it.
pub const HELD: &str = "▮";
pub const ON_THE_WIRE: &str = "▯";

impl Glyphs {
    #[must_use]
    pub const fn unicode() -> Self {
        Self {
            is_ascii: false,
            border: border::ROUNDED,
            cursor: CURSOR,
            mark: MARK,
            ellipsis: ELLIPSIS,
            descending: DESCENDING,
            ascending: ASCENDING,
            separator: "·",
        }
    }

    #[must_use]
    pub const fn ascii() -> Self {
        Self {
            is_ascii: true,
            border: border::Set {
                top_left: "+",
                top_right: "+",
                bottom_left: "+",
                bottom_right: "+",
                vertical_left: "|",
                vertical_right: "|",
                horizontal_top: "-",
                horizontal_bottom: "-",
            },
            cursor: ">",
            mark: "*",
            ellipsis: "~",
            descending: "v",
            ascending: "^",
            separator: ".",
        }
    }

    /// Leaves only what the terminal can print of what was drawn in `area`.
    pub fn apply(&self, area: Rect, buf: &mut Buffer) {
        if !self.is_ascii {
            return;
        }
        let area = area.intersection(buf.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                let Some(cell) = buf.cell_mut((x, y)).filter(|cell| !cell.symbol().is_ascii()) else { continue };
                let plain = cell.symbol().chars().next().map_or(' ', plain);
                cell.set_char(plain);
            }
        }
    }
}

/// The ASCII character that stands for another.
#[must_use]
pub const fn plain(c: char) -> char {
    match c {
        ' '..='~' => c,
        '─' | '━' | '╌' | '┄' | '–' | '—' | '▬' | '▄' => '-',
        '│' | '╎' | '┆' | '┊' | '╷' | '╵' | '▕' => '|',
        '▀' => '"',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '╭' | '╮' | '╯' | '╰' | '▆' => {
            '+'
        }
        // A candle that fell is filled, one that rose is hollow.
        '█' | '■' | '▓' | '▉' | '▊' | '▋' | '▮' | '┃' | '┏' | '┓' | '┗' | '┛' | '╻' | '╹' | '╽' | '╿' => {
            '#'
        }
        '▌' | '▍' | '▅' => '=',
        '▎' | '▏' | '▁' => '_',
        '▃' => ':',
        '▂' | '░' | '▒' | '□' | '·' | '∙' | '•' | '┈' => '.',
        '▸' | '▶' | '→' | '›' | '≥' => '>',
        '◂' | '◀' | '←' | '‹' | '≤' => '<',
        '▲' | '↑' | '△' => '^',
        '▼' | '↓' | '▽' => 'v',
        '✓' | '●' | '▇' => '*',
        '✗' | '×' => 'x',
        '○' | '◌' | '▯' | '║' | '╥' | '╨' => 'o',
        '…' | '≈' => '~',
        'µ' => 'u',
        '‼' => '!',
        '◐' => '%',
        // Braille, by how much of the cell is filled.
        '\u{2800}'..='\u{28ff}' => match (c as u32 & 0xff).count_ones() {
            0 => ' ',
            1..=2 => '.',
            3..=4 => ':',
            5..=6 => '=',
            _ => '#',
        },
        '\u{a0}' => ' ',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn a_settled_frame_is_ascii_and_nothing_moves() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 20, 2));
        buf.set_string(0, 0, "┌ ▸ café ▁▂▃▄▅▆▇█ ┐", Style::new());
        buf.set_string(0, 1, "日本 ok", Style::new());
        let area = buf.area;
        Glyphs::ascii().apply(area, &mut buf);
        let text: String = buf.content.iter().map(ratatui::buffer::Cell::symbol).collect();
        assert!(text.is_ascii());
        assert_eq!(&text[..20], "+ > caf? _.:-=+*# + ");
        // A wide character takes two columns, plain or not.
        assert_eq!(&text[20..27], "? ?  ok");
    }

    #[test]
    fn every_glyph_has_a_stand_in() {
        let all = FILLS
            .into_iter()
            .chain(LEVELS)
            .chain([TRACK, TAKEN, FREE, CURSOR, MARK, ASCENDING, DESCENDING, ELLIPSIS, RUNNING, WAITING, DONE, FAILED]);
        for glyph in all {
            assert!(glyph.chars().all(|c| plain(c) != '?'), "{glyph}");
        }
    }
}
