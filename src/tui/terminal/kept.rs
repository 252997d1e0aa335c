//! A frame as it stays on the terminal after the dashboard is gone.

use crossterm::queue;
use crossterm::style::{ContentStyle, PrintStyledContent, StyledContent};
use ratatui::backend::IntoCrossterm as _;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

/// The frame as lines with their colors. Blank lines at its end and blanks at the end of a line are left out.
#[must_use]
pub fn colored(frame: &Buffer) -> String {
    let mut out = Vec::new();
    let mut blank = 0;
    for y in frame.area.top()..frame.area.bottom() {
        let runs = runs(frame, y);
        if runs.is_empty() {
            blank += 1;
            continue;
        }
        out.extend(std::iter::repeat_n(b'\n', std::mem::take(&mut blank)));
        for (style, text) in runs {
            let style: ContentStyle = style.into_crossterm();
            // Writing to a vector does not fail.
            let _ = queue!(out, PrintStyledContent(StyledContent::new(style, text)));
        }
        out.push(b'\n');
    }
    String::from_utf8(out).unwrap_or_default()
}

/// The cells of a line with those of one style together.
fn runs(frame: &Buffer, y: u16) -> Vec<(Style, String)> {
    let cells: Vec<&Cell> = (frame.area.left()..frame.area.right()).filter_map(|x| frame.cell((x, y))).collect();
    let plain = Cell::default().style();
    let end = cells.iter().rposition(|cell| cell.symbol() != " " || cell.bg != plain.bg.unwrap_or_default());
    let mut runs: Vec<(Style, String)> = Vec::new();
    let mut skip = 0;
    for cell in cells.into_iter().take(end.map_or(0, |end| end + 1)) {
        // The cell after a wide character belongs to it.
        if skip > 0 {
            skip -= 1;
            continue;
        }
        skip = cell.symbol().width().saturating_sub(1);
        match runs.last_mut() {
            Some((style, text)) if *style == cell.style() => text.push_str(cell.symbol()),
            _ => runs.push((cell.style(), cell.symbol().to_owned())),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::theme::{ColorDepth, Role, Theme, ThemeKind};
    use ratatui::layout::Rect;

    #[test]
    fn lines_stay_with_their_colors_and_nothing_moves_the_cursor() {
        let mut frame = Buffer::empty(Rect::new(0, 0, 12, 5));
        let theme = Theme::new(ThemeKind::Dark, ColorDepth::Ansi16);
        frame.set_string(1, 1, "ab", theme.style(Role::Bad));
        frame.set_string(4, 1, "日本", Style::new());
        frame.set_string(0, 3, "end", Style::new());
        let text = colored(&frame);
        assert_eq!(text.lines().count(), 4, "the blank line at the end is left out: {text:?}");
        let mut bare = String::new();
        for (k, part) in text.split('\u{1b}').enumerate() {
            let part = if k == 0 {
                part
            } else {
                part.split_once('m').map_or(part, |(code, rest)| {
                    assert!(code.starts_with('['), "only colors: {code:?}");
                    rest
                })
            };
            bare.push_str(part);
        }
        assert_eq!(bare, "\n ab 日本\n\nend\n");
        assert!(text.contains("\u{1b}[38;5;") && text.contains("ab\u{1b}["), "colored, and not what follows: {text:?}");
    }
}
