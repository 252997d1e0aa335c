//! Every role in the sixteen colors of a terminal, and the weight that goes with a color or stands in for it.

#![allow(clippy::match_same_arms, reason = "a table: each role stands by itself")]

use ratatui::style::{Color, Modifier};

use super::Role;

/// A role in the sixteen colors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Near {
    pub(super) fg: Option<Color>,
    pub(super) bg: Option<Color>,
}

const fn ink(near: Color) -> Near {
    Near { fg: Some(near), bg: None }
}

const fn on(near: Color, behind: Color) -> Near {
    Near { fg: Some(near), bg: Some(behind) }
}

const PLAIN: Near = Near { fg: None, bg: None };

/// Weight goes with every palette.
pub(super) const fn modifier(role: Role) -> Modifier {
    match role {
        Role::Strong | Role::Title | Role::Key | Role::Marked | Role::Breach | Role::Bad => Modifier::BOLD,
        _ => Modifier::empty(),
    }
}

/// What replaces color.
pub(super) const fn plain_modifier(role: Role) -> Modifier {
    match role {
        Role::Selected | Role::Bar => Modifier::REVERSED,
        Role::Breach => Modifier::BOLD.union(Modifier::REVERSED),
        Role::Missing => Modifier::BOLD.union(Modifier::UNDERLINED),
        Role::Strong
        | Role::Title
        | Role::Header
        | Role::Key
        | Role::BorderFocused
        | Role::Marked
        | Role::Accent
        | Role::Stale
        | Role::Bad
        | Role::Running => Modifier::BOLD,
        Role::Muted | Role::Border | Role::Unknown | Role::Ended => Modifier::DIM,
        _ => Modifier::empty(),
    }
}

pub(super) const fn dark(role: Role) -> Near {
    match role {
        Role::Text => PLAIN,
        Role::Strong => ink(Color::White),
        Role::Muted | Role::Header | Role::Unknown => ink(Color::Gray),
        Role::Border => ink(Color::DarkGray),
        Role::Ended => ink(Color::LightBlue),
        Role::BorderFocused => ink(Color::Cyan),
        Role::Title => ink(Color::White),
        Role::Accent | Role::Key | Role::Info | Role::Running | Role::Loading => ink(Color::Cyan),
        Role::Selected => Near { fg: None, bg: Some(Color::Blue) },
        Role::Marked => ink(Color::LightYellow),
        Role::Bar => on(Color::White, Color::Black),
        Role::Fresh | Role::Good | Role::Rise => ink(Color::Green),
        Role::Covered => ink(Color::Green),
        Role::Aging | Role::Warn => ink(Color::Yellow),
        Role::Stale => ink(Color::LightRed),
        Role::Missing => ink(Color::Magenta),
        Role::Breach => on(Color::White, Color::Red),
        Role::Bad | Role::Fall => ink(Color::Red),
        Role::Paused => ink(Color::LightMagenta),
        Role::Refused => ink(Color::Magenta),
    }
}

/// Yellow and cyan cannot be read on white in many terminals.
pub(super) const fn light(role: Role) -> Near {
    match role {
        Role::Text => PLAIN,
        Role::Strong => ink(Color::Black),
        Role::Muted | Role::Header | Role::Unknown => ink(Color::DarkGray),
        Role::Border => ink(Color::Gray),
        Role::Ended => ink(Color::LightBlue),
        Role::BorderFocused => ink(Color::Blue),
        Role::Title => ink(Color::Black),
        Role::Accent | Role::Key | Role::Info | Role::Running | Role::Loading => ink(Color::Blue),
        Role::Selected => Near { fg: None, bg: Some(Color::Gray) },
        Role::Marked => ink(Color::Magenta),
        Role::Bar => on(Color::Black, Color::Gray),
        Role::Fresh | Role::Good | Role::Rise => ink(Color::Green),
        Role::Covered => ink(Color::Green),
        Role::Aging | Role::Warn => ink(Color::LightRed),
        Role::Stale => ink(Color::Red),
        Role::Missing => ink(Color::Magenta),
        Role::Breach => on(Color::White, Color::Red),
        Role::Bad | Role::Fall => ink(Color::Red),
        Role::Paused => ink(Color::Magenta),
        Role::Refused => ink(Color::Magenta),
    }
}

/// Okabe and Ito: sky blue, orange, vermillion, reddish purple, yellow; good is blue, bad is orange.
pub(super) const fn cvd(role: Role) -> Near {
    match role {
        Role::Fresh | Role::Good | Role::Rise => ink(Color::LightBlue),
        Role::Covered => ink(Color::LightBlue),
        Role::Aging | Role::Warn | Role::Marked => ink(Color::LightYellow),
        Role::Stale => ink(Color::Yellow),
        Role::Missing | Role::Refused => ink(Color::Magenta),
        Role::Breach => on(Color::Black, Color::Yellow),
        Role::Bad | Role::Fall => ink(Color::LightRed),
        Role::Accent | Role::Key | Role::Info | Role::Running | Role::Loading => ink(Color::LightCyan),
        Role::Paused => ink(Color::LightMagenta),
        Role::Ended => ink(Color::White),
        _ => dark(role),
    }
}
