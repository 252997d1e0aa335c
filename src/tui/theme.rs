//! Colours by meaning.
//!
//! A screen never names a colour; it names what something is. Without colours (`NO_COLOR`, a mono theme) nothing but
//! bold, dim, underline and reverse is used: crossterm 0.29 would otherwise write a reset that takes those away too.

use ratatui::style::{Color, Modifier, Style};

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorDepth {
    None,
    #[default]
    Ansi16,
    Indexed,
    Rgb,
}

/// The themes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeKind {
    #[default]
    Dark,
    Light,
    /// Told apart by people who see red and green alike.
    ColorBlind,
    Mono,
}

impl ThemeKind {
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::ColorBlind, Self::Mono];

    /// As the settings name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::ColorBlind => "color-blind",
            Self::Mono => "mono",
        }
    }
}

/// What a piece of the screen is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Text,
    Muted,
    Title,
    Header,
    Border,
    BorderFocused,
    Accent,
    Key,
    Selected,
    Marked,
    Fresh,
    Aging,
    Stale,
    Missing,
    Unknown,
    Good,
    Warn,
    Bad,
    Info,
}

/// A theme for one terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    pub kind: ThemeKind,
    pub depth: ColorDepth,
}

impl Theme {
    #[must_use]
    pub fn new(kind: ThemeKind, depth: ColorDepth) -> Self {
        Self { kind, depth }
    }

    /// How something is drawn.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        let modifier = match role {
            Role::Selected => Modifier::REVERSED,
            Role::Title | Role::Header | Role::Key | Role::Marked | Role::Stale | Role::Bad | Role::Missing => {
                Modifier::BOLD
            }
            Role::Muted | Role::Border => Modifier::DIM,
            _ => Modifier::empty(),
        };
        let style = Style::new().add_modifier(modifier);
        if self.depth == ColorDepth::None || self.kind == ThemeKind::Mono {
            return style;
        }
        match role {
            Role::Fresh | Role::Good => style.fg(Color::Green),
            Role::Aging | Role::Warn => style.fg(Color::Yellow),
            Role::Stale | Role::Bad | Role::Missing => style.fg(Color::Red),
            Role::Accent | Role::Key | Role::BorderFocused | Role::Info => style.fg(Color::Cyan),
            _ => style,
        }
    }
}
