//! Lines of text in several roles, their width, and text wrapped to a width.
//!
//! These are ratatui's `Line` and `Span` with a [`Role`] in place of a style: the theme is known only when they are
//! drawn, and can change while they are kept.

use std::fmt;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::draw::theme::Role;

/// A piece of a line in one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub text: String,
    pub role: Role,
}

/// Spans side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pub spans: Vec<Span>,
}

impl Line {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn of(role: Role, text: impl Into<String>) -> Self {
        Self::new().span(role, text)
    }

    #[must_use]
    pub fn span(mut self, role: Role, text: impl Into<String>) -> Self {
        self.spans.push(Span { text: text.into(), role });
        self
    }

    /// A label and its value.
    #[must_use]
    pub fn pair(self, label: &str, value: impl Into<String>) -> Self {
        self.span(Role::Muted, format!("{label} ")).span(Role::Text, value)
    }

    /// The role of the first span: what the line is about.
    #[must_use]
    pub fn role(&self) -> Role {
        self.spans.first().map_or(Role::Text, |span| span.role)
    }

    #[must_use]
    pub fn width(&self) -> u16 {
        self.spans.iter().fold(0, |sum, span| sum.saturating_add(width(&span.text)))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.iter().all(|span| span.text.is_empty())
    }
}

/// The text without its roles.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spans.iter().try_for_each(|span| f.write_str(&span.text))
    }
}

/// How many cells a text takes.
#[must_use]
pub fn width(text: &str) -> u16 {
    if text.is_ascii() { text.len() } else { text.width() }.try_into().unwrap_or(u16::MAX)
}

/// Wraps a text between words; a word longer than a line is split.
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

/// Wraps a line between words over at most `most` lines; the last one holds all that is left.
#[must_use]
pub fn wrap_line(line: &Line, room: u16, most: usize) -> Vec<Line> {
    let mut lines = vec![Line::new()];
    for span in &line.spans {
        for word in span.text.split_inclusive(' ') {
            let full = lines.len() >= most;
            let Some(last) = lines.last_mut() else { continue };
            let used = last.width();
            if !full && used > 0 && used.saturating_add(width(word.trim_end())) > room {
                if let Some(end) = last.spans.last_mut() {
                    end.text.truncate(end.text.trim_end().len());
                }
                lines.push(Line::of(span.role, word));
            } else {
                match last.spans.last_mut() {
                    Some(before) if before.role == span.role => before.text.push_str(word),
                    _ => last.spans.push(Span { text: word.to_owned(), role: span.role }),
                }
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_wraps_between_words_and_keeps_its_roles() {
        let line = Line::of(Role::Bad, "one two").span(Role::Text, " three four five");
        let texts = |most| wrap_line(&line, 9, most).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts(9), ["one two", "three", "four five"]);
        assert_eq!(texts(2), ["one two", "three four five"]);
        assert_eq!(texts(1), ["one two three four five"]);
        assert!(wrap_line(&line, 7, 9).iter().all(|line| line.width() <= 7), "a space at the end needs no room");
        assert_eq!(wrap_line(&line, 9, 9)[1].role(), Role::Text);
    }
}
