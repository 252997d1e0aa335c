//! Keys as settings write them (`ctrl-d`, `T`, `space`, `?`) and as a terminal sends them.
//!
//! A letter's case says whether shift is held, so `t` and `T` differ and shift is never named for a character. Any
//! character a keyboard can send is a key, ASCII or not: `ö` on a German one is as good as `o`.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use barkeep_base::text::printable;

/// One key with what is held beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub code: KeyCode,
    pub modifiers: KeyModifiers,
}

const NAMED: [(&str, KeyCode); 19] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("space", KeyCode::Char(' ')),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    // Other ways to write them.
    ("return", KeyCode::Enter),
    ("escape", KeyCode::Esc),
    ("del", KeyCode::Delete),
    ("ins", KeyCode::Insert),
];
const HELD: [(&str, KeyModifiers); 3] =
    [("ctrl-", KeyModifiers::CONTROL), ("alt-", KeyModifiers::ALT), ("shift-", KeyModifiers::SHIFT)];

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        let held = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        Self { code: event.code, modifiers: held }.normal()
    }
}

impl Key {
    /// Terminals differ in whether they report shift beside the character it made; a back tab is a tab with shift.
    fn normal(self) -> Self {
        let Self { mut code, mut modifiers } = self;
        match code {
            KeyCode::BackTab => {
                code = KeyCode::Tab;
                modifiers |= KeyModifiers::SHIFT;
            }
            KeyCode::Char(c) => {
                if modifiers.contains(KeyModifiers::SHIFT) && c.is_ascii_lowercase() {
                    code = KeyCode::Char(c.to_ascii_uppercase());
                }
                modifiers -= KeyModifiers::SHIFT;
                // With ctrl a terminal does not tell the case.
                if modifiers.contains(KeyModifiers::CONTROL) {
                    code = KeyCode::Char(c.to_ascii_lowercase());
                }
            }
            _ => {}
        }
        Self { code, modifiers }
    }
}

/// A text that names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a key; use a character, a name such as enter, esc, tab, space, pageup or f5, or one of these with ctrl-, alt- or shift-"
)]
pub struct InvalidKey(String);

impl FromStr for Key {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let invalid = || InvalidKey(printable(text));
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = text;
        // A lone dash is a key; `ctrl--` is ctrl and a dash.
        'more: while rest.chars().count() > 1 {
            for (name, held) in HELD {
                if let Some(after) =
                    rest.get(..name.len()).filter(|head| head.eq_ignore_ascii_case(name)).and(rest.get(name.len()..))
                {
                    modifiers |= held;
                    rest = after;
                    continue 'more;
                }
            }
            break;
        }
        let mut characters = rest.chars();
        let code = match (characters.next(), characters.next()) {
            (Some(c), None) if !c.is_control() && !c.is_whitespace() => KeyCode::Char(c),
            (Some(_), Some(_)) => {
                let named = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(rest)).map(|(_, code)| *code);
                let number = || rest.strip_prefix(['f', 'F'])?.parse().ok().filter(|n| (1..=24).contains(n));
                named.or_else(|| number().map(KeyCode::F)).ok_or_else(invalid)?
            }
            _ => return Err(invalid()),
        };
        Ok(Self { code, modifiers }.normal())
    }
}

/// Keys pressed one after the other, mostly one: `T`, `gg`, `ctrl-x s`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Keys(pub Vec<Key>);

impl FromStr for Keys {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let whole = text.parse::<Key>();
        if let Ok(key) = whole {
            return Ok(Self(vec![key]));
        }
        let several: Result<Vec<Key>, _> = match text.chars().collect::<Vec<_>>()[..] {
            // Two letters, as `gg`; longer words are more likely to be misspelled names.
            [a, b] if a.is_alphabetic() && b.is_alphabetic() => {
                [a, b].iter().map(|c| c.to_string().parse::<Key>()).collect()
            }
            _ => text.split_whitespace().map(str::parse::<Key>).collect(),
        };
        match several {
            Ok(keys) if (2..=3).contains(&keys.len()) => Ok(Self(keys)),
            _ => Err(InvalidKey(printable(text))),
        }
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |key: &Key| matches!(key.code, KeyCode::Char(c) if c.is_alphabetic()) && key.modifiers.is_empty();
        let gap = if self.0.iter().all(plain) { "" } else { " " };
        for (k, key) in self.0.iter().enumerate() {
            write!(f, "{}{key}", if k > 0 { gap } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, held) in HELD {
            if self.modifiers.contains(held) {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::F(n) => write!(f, "f{n}"),
            code => match NAMED.iter().find(|(_, named)| *named == code) {
                Some((name, _)) => f.write_str(name),
                None => match code {
                    KeyCode::Char(c) => write!(f, "{c}"),
                    other => write!(f, "{other:?}"),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_sent() {
        let event = |code, modifiers| Key::from(KeyEvent::new(code, modifiers));
        let (none, shift, ctrl) = (KeyModifiers::NONE, KeyModifiers::SHIFT, KeyModifiers::CONTROL);
        for (text, code, held) in [
            ("t", KeyCode::Char('t'), none),
            ("T", KeyCode::Char('T'), shift),
            ("T", KeyCode::Char('T'), none),
            ("shift-t", KeyCode::Char('T'), shift),
            ("?", KeyCode::Char('?'), shift),
            ("ö", KeyCode::Char('ö'), none),
            ("-", KeyCode::Char('-'), none),
            ("ctrl-d", KeyCode::Char('d'), ctrl),
            ("Ctrl-D", KeyCode::Char('d'), ctrl),
            ("shift-tab", KeyCode::BackTab, shift),
            ("space", KeyCode::Char(' '), none),
            ("PageUp", KeyCode::PageUp, none),
            ("f12", KeyCode::F(12), none),
            ("alt-left", KeyCode::Left, KeyModifiers::ALT),
        ] {
            assert_eq!(text.parse::<Key>().unwrap(), event(code, held), "{text}");
        }
    }

    #[test]
    fn printed_keys_read_back_and_wrong_ones_are_refused() {
        for text in ["t", "T", "ctrl-d", "shift-tab", "space", "f5", "?", "-", "alt-left", "esc", "ctrl--"] {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), text);
        }
        for bad in ["", " ", "tt", "hyper-x", "f0", "f25", "ctrl-", "\u{1b}"] {
            assert!(bad.parse::<Key>().is_err(), "{bad:?}");
        }
        assert!("\u{1b}[2J".parse::<Key>().unwrap_err().to_string().find('\u{1b}').is_none());
    }
}
