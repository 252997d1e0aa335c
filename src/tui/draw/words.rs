//! Words of different roles in a row, how much room they take, and text broken into lines.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::draw::theme::Role;

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
