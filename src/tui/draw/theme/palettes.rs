//! The colors themselves: every role in every palette, and the weight that goes with it or stands in for it.

use ratatui::style::{Color, Modifier};

use super::Role;

/// A color: exact, and the nearest in meaning of the sixteen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ink(pub(super) u32, pub(super) Color);

/// A role in one palette.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Brush {
    pub(super) fg: Option<Ink>,
    pub(super) bg: Option<Ink>,
}

const fn ink(rgb: u32, near: Color) -> Brush {
    Brush { fg: Some(Ink(rgb, near)), bg: None }
}

const fn on(fg: u32, near: Color, bg: u32, behind: Color) -> Brush {
    Brush { fg: Some(Ink(fg, near)), bg: Some(Ink(bg, behind)) }
}

pub(super) const PLAIN: Brush = Brush { fg: None, bg: None };

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

pub(super) const fn dark(role: Role) -> Brush {
    match role {
        Role::Text => PLAIN,
        Role::Strong => ink(0xf0_f4_f8, Color::White),
        Role::Muted | Role::Header | Role::Unknown => ink(0x83_90_a0, Color::Gray),
        Role::Border => ink(0x36_41_4e, Color::DarkGray),
        Role::Ended => ink(0x9a_8c_7a, Color::LightBlue),
        Role::BorderFocused => ink(0x4d_7d_a8, Color::Cyan),
        Role::Title => ink(0xb9_c6_d6, Color::White),
        Role::Accent | Role::Key | Role::Info | Role::Running | Role::Loading => ink(0x5c_b3_ff, Color::Cyan),
        Role::Selected => Brush { fg: None, bg: Some(Ink(0x1d_33_4d, Color::Blue)) },
        Role::Marked => ink(0xff_cf_6b, Color::LightYellow),
        Role::Bar => on(0xc5_d0_dc, Color::White, 0x1a_23_2e, Color::Black),
        Role::Fresh | Role::Good | Role::Rise => ink(0x4c_c3_8a, Color::Green),
        Role::Covered => ink(0x35_94_6a, Color::Green),
        Role::Aging | Role::Warn => ink(0xe8_c3_4e, Color::Yellow),
        Role::Stale => ink(0xf2_8b_3c, Color::LightRed),
        Role::Missing => ink(0xe2_6d_c8, Color::Magenta),
        Role::Breach => on(0xff_ff_ff, Color::White, 0xc2_32_3a, Color::Red),
        Role::Bad | Role::Fall => ink(0xff_6b_6b, Color::Red),
        Role::Paused => ink(0xc4_9b_ff, Color::LightMagenta),
        Role::Refused => ink(0xa3_87_d8, Color::Magenta),
    }
}

pub(super) const fn light(role: Role) -> Brush {
    match role {
        Role::Text => PLAIN,
        Role::Strong => ink(0x0a_10_18, Color::Black),
        Role::Muted | Role::Header | Role::Unknown => ink(0x5f_6b_78, Color::DarkGray),
        Role::Border => ink(0xc3_cb_d4, Color::Gray),
        Role::Ended => ink(0x74_63_4c, Color::Cyan),
        Role::BorderFocused => ink(0x5a_93_d0, Color::Blue),
        Role::Title => ink(0x2f_3b_49, Color::Black),
        Role::Accent | Role::Key | Role::Info | Role::Running | Role::Loading => ink(0x06_5f_c4, Color::Blue),
        Role::Selected => Brush { fg: None, bg: Some(Ink(0xd6_e8_fd, Color::Cyan)) },
        Role::Marked => ink(0x8a_56_00, Color::Magenta),
        Role::Bar => on(0x2f_3b_49, Color::Black, 0xe6_eb_f1, Color::Gray),
        Role::Fresh | Role::Good | Role::Rise => ink(0x17_7a_45, Color::Green),
        Role::Covered => ink(0x22_7d_55, Color::Green),
        Role::Aging | Role::Warn => ink(0x8d_66_00, Color::Yellow),
        Role::Stale => ink(0xb9_4a_00, Color::LightRed),
        Role::Missing => ink(0xa8_20_8d, Color::Magenta),
        Role::Breach => on(0xff_ff_ff, Color::White, 0xc6_1f_2b, Color::Red),
        Role::Bad | Role::Fall => ink(0xc6_1f_2b, Color::Red),
        Role::Paused => ink(0x6d_3f_c4, Color::Magenta),
        Role::Refused => ink(0x6a_4c_a8, Color::Magenta),
    }
}

/// Okabe and Ito: sky blue, orange, vermillion, reddish purple, yellow; good is blue, bad is orange.
pub(super) const fn cvd(role: Role) -> Brush {
    match role {
        Role::Fresh | Role::Good | Role::Rise => ink(0x56_b4_e9, Color::LightBlue),
        Role::Covered => ink(0x3f_88_b4, Color::LightBlue),
        Role::Aging | Role::Warn | Role::Marked => ink(0xf0_e4_42, Color::LightYellow),
        Role::Stale => ink(0xe6_9f_00, Color::Yellow),
        Role::Missing | Role::Refused => ink(0xcc_79_a7, Color::Magenta),
        Role::Breach => on(0x00_00_00, Color::Black, 0xe6_9f_00, Color::Yellow),
        Role::Bad | Role::Fall => ink(0xe8_76_1e, Color::LightRed),
        Role::Accent | Role::Key | Role::Info | Role::Running | Role::Loading => ink(0x8c_d0_ff, Color::LightCyan),
        Role::Paused => ink(0xcc_79_a7, Color::LightMagenta),
        Role::Ended => ink(0xb0_a2_8f, Color::White),
        _ => dark(role),
    }
}
