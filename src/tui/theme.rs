//! What things look like: a role of the text is given a style by the palette, and colours are fitted to the terminal.
//!
//! Screens name roles, never colours, so one place decides what may be red. A colour only repeats what a letter, a word
//! or a position already says: in the mono palette, and wherever colour is switched off, no foreground and no
//! background is set at all, only modifiers. That is more than taste: crossterm answers `NO_COLOR` by writing a plain
//! reset for every colour command (`SetColors`, crossterm 0.29), which would undo the reverse video of a selection.

use ratatui::style::{Color, Modifier, Style};

use crate::market::freshness::Tier;

/// What a piece of the screen means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Plain text, in the terminal's own colours.
    Text,
    /// Figures and names that matter.
    Strong,
    /// Labels, units, what can be skipped.
    Muted,
    /// Frames and empty parts of bars.
    Border,
    /// The frame of the list that has the focus.
    BorderFocused,
    /// Names of panels.
    Title,
    /// Names of columns.
    Header,
    /// A key that can be pressed.
    Key,
    /// Where the eye should go first: keys, the sorted column, what runs.
    Accent,
    /// The row under the cursor; laid over what is drawn.
    Selected,
    /// A marked row.
    Marked,
    /// The bar at the top and at the bottom.
    Bar,
    Fresh,
    Aging,
    Stale,
    Missing,
    Unknown,
    /// Past the recovery point of its criticality.
    Breach,
    /// A stretch of time that is answered for: there is much of it, so it is quiet.
    Covered,
    /// Done and verified.
    Good,
    Warn,
    Bad,
    /// Neither good nor bad.
    Info,
    /// A run, a request on the wire.
    Running,
    /// Stopped by somebody on purpose.
    Paused,
    /// The vendor refuses it for this plan.
    Refused,
    /// A price that rose, and one that fell.
    Rise,
    Fall,
}

impl Role {
    pub const ALL: [Self; 28] = [
        Self::Text,
        Self::Strong,
        Self::Muted,
        Self::Border,
        Self::BorderFocused,
        Self::Title,
        Self::Header,
        Self::Key,
        Self::Accent,
        Self::Selected,
        Self::Marked,
        Self::Bar,
        Self::Fresh,
        Self::Aging,
        Self::Stale,
        Self::Missing,
        Self::Unknown,
        Self::Breach,
        Self::Covered,
        Self::Good,
        Self::Warn,
        Self::Bad,
        Self::Info,
        Self::Running,
        Self::Paused,
        Self::Refused,
        Self::Rise,
        Self::Fall,
    ];
}

impl From<Tier> for Role {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Fresh => Self::Fresh,
            Tier::Aging => Self::Aging,
            Tier::Stale => Self::Stale,
            Tier::Missing => Self::Missing,
            Tier::Unknown => Self::Unknown,
        }
    }
}

/// A set of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ThemeKind {
    #[default]
    Dark,
    Light,
    /// The eight colours of Okabe and Ito (2008), told apart with every common colour vision; for dark backgrounds.
    ColorBlind,
    /// No colour: weight, underline and reverse video.
    Mono,
}

impl ThemeKind {
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::ColorBlind, Self::Mono];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::ColorBlind => "color-blind",
            Self::Mono => "mono",
        }
    }

    /// The palette of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }
}

/// What the terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ColorDepth {
    /// `NO_COLOR`, or a terminal without.
    None,
    /// The sixteen colours the user has chosen.
    #[default]
    Ansi16,
    /// The 256 of xterm.
    Indexed,
    Rgb,
}

/// A colour: exact, and the nearest in meaning of the sixteen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ink(u32, Color);

/// A role in one palette.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Brush {
    fg: Option<Ink>,
    bg: Option<Ink>,
}

const fn ink(rgb: u32, near: Color) -> Brush {
    Brush { fg: Some(Ink(rgb, near)), bg: None }
}

const fn on(fg: u32, near: Color, bg: u32, behind: Color) -> Brush {
    Brush { fg: Some(Ink(fg, near)), bg: Some(Ink(bg, behind)) }
}

const PLAIN: Brush = Brush { fg: None, bg: None };

/// Gives roles their styles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    pub kind: ThemeKind,
    pub depth: ColorDepth,
}

impl Theme {
    #[must_use]
    pub const fn new(kind: ThemeKind, depth: ColorDepth) -> Self {
        Self { kind, depth }
    }

    /// Whether nothing has a colour.
    #[must_use]
    pub const fn is_mono(self) -> bool {
        matches!(self.kind, ThemeKind::Mono) || matches!(self.depth, ColorDepth::None)
    }

    /// The style of a role.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the one place that sets colours")]
    pub fn style(self, role: Role) -> Style {
        if self.is_mono() {
            return Style::new().add_modifier(plain_modifier(role));
        }
        let brush = self.brush(role);
        let mut style = Style::new().add_modifier(modifier(role));
        if let Some(color) = brush.fg.and_then(|ink| clamp(ink, self.depth)) {
            style = style.fg(color);
        }
        if let Some(color) = brush.bg.and_then(|ink| clamp(ink, self.depth)) {
            style = style.bg(color);
        }
        style
    }

    fn brush(self, role: Role) -> Brush {
        match self.kind {
            ThemeKind::Dark => dark(role),
            ThemeKind::Light => light(role),
            ThemeKind::ColorBlind => cvd(role),
            ThemeKind::Mono => PLAIN,
        }
    }

    /// Text and background of a terminal this palette is made for; pictures of the screen are painted on it.
    #[must_use]
    pub const fn paper(self) -> (u32, u32) {
        match self.kind {
            ThemeKind::Light => (0x24_29_2f, 0xff_ff_ff),
            _ => (0xd3_da_e3, 0x0d_12_19),
        }
    }
}

/// The one place where a colour is fitted to what the terminal can show.
#[allow(clippy::disallowed_methods, reason = "this is the one place that makes colours")]
fn clamp(Ink(rgb, near): Ink, depth: ColorDepth) -> Option<Color> {
    let [_, r, g, b] = rgb.to_be_bytes();
    match depth {
        ColorDepth::None => None,
        ColorDepth::Ansi16 => Some(near),
        ColorDepth::Indexed => Some(Color::Indexed(indexed(r, g, b))),
        ColorDepth::Rgb => Some(Color::Rgb(r, g, b)),
    }
}

/// The nearest of xterm's colour cube (16 to 231) and grey ramp (232 to 255).
fn indexed(r: u8, g: u8, b: u8) -> u8 {
    let level = |v: u8| {
        if v < 48 {
            0
        } else if v < 115 {
            1
        } else {
            (v - 35) / 40
        }
    };
    let value = |k: u8| if k == 0 { 0 } else { 55 + 40 * k };
    let (cr, cg, cb) = (level(r), level(g), level(b));
    let mean = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    let grey = u8::try_from(mean.saturating_sub(3) / 10).unwrap_or(23).min(23);
    let far = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    let shade = 8 + 10 * grey;
    let to_cube = far(r, value(cr)) + far(g, value(cg)) + far(b, value(cb));
    let to_grey = far(r, shade) + far(g, shade) + far(b, shade);
    if to_grey < to_cube { 232 + grey } else { 16 + 36 * cr + 6 * cg + cb }
}

/// Weight goes with every palette.
const fn modifier(role: Role) -> Modifier {
    match role {
        Role::Strong | Role::Title | Role::Key | Role::Marked | Role::Breach | Role::Bad => Modifier::BOLD,
        _ => Modifier::empty(),
    }
}

/// What stands in for colour.
const fn plain_modifier(role: Role) -> Modifier {
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
        Role::Muted | Role::Border | Role::Unknown => Modifier::DIM,
        _ => Modifier::empty(),
    }
}

const fn dark(role: Role) -> Brush {
    match role {
        Role::Text => PLAIN,
        Role::Strong => ink(0xf0_f4_f8, Color::White),
        Role::Muted | Role::Header => ink(0x83_90_a0, Color::Gray),
        Role::Border => ink(0x36_41_4e, Color::DarkGray),
        Role::BorderFocused => ink(0x4d_7d_a8, Color::Cyan),
        Role::Title => ink(0xb9_c6_d6, Color::White),
        Role::Accent | Role::Key | Role::Info | Role::Running => ink(0x5c_b3_ff, Color::Cyan),
        Role::Selected => Brush { fg: None, bg: Some(Ink(0x1d_33_4d, Color::Blue)) },
        Role::Marked => ink(0xff_cf_6b, Color::LightYellow),
        Role::Bar => on(0xc5_d0_dc, Color::White, 0x1a_23_2e, Color::Black),
        Role::Fresh | Role::Good | Role::Rise => ink(0x4c_c3_8a, Color::Green),
        Role::Covered => ink(0x35_94_6a, Color::Green),
        Role::Aging | Role::Warn => ink(0xe8_c3_4e, Color::Yellow),
        Role::Stale => ink(0xf2_8b_3c, Color::LightRed),
        Role::Missing => ink(0xe2_6d_c8, Color::Magenta),
        Role::Unknown => ink(0x83_90_a0, Color::Gray),
        Role::Breach => on(0xff_ff_ff, Color::White, 0xc2_32_3a, Color::Red),
        Role::Bad | Role::Fall => ink(0xff_6b_6b, Color::Red),
        Role::Paused => ink(0xc4_9b_ff, Color::LightMagenta),
        Role::Refused => ink(0xa3_87_d8, Color::Magenta),
    }
}

const fn light(role: Role) -> Brush {
    match role {
        Role::Text => PLAIN,
        Role::Strong => ink(0x0a_10_18, Color::Black),
        Role::Muted | Role::Header => ink(0x5f_6b_78, Color::DarkGray),
        Role::Border => ink(0xc3_cb_d4, Color::Gray),
        Role::BorderFocused => ink(0x5a_93_d0, Color::Blue),
        Role::Title => ink(0x2f_3b_49, Color::Black),
        Role::Accent | Role::Key | Role::Info | Role::Running => ink(0x06_5f_c4, Color::Blue),
        Role::Selected => Brush { fg: None, bg: Some(Ink(0xd6_e8_fd, Color::Cyan)) },
        Role::Marked => ink(0x8a_56_00, Color::Magenta),
        Role::Bar => on(0x2f_3b_49, Color::Black, 0xe6_eb_f1, Color::Gray),
        Role::Fresh | Role::Good | Role::Rise => ink(0x17_7a_45, Color::Green),
        Role::Covered => ink(0x22_7d_55, Color::Green),
        Role::Aging | Role::Warn => ink(0x8d_66_00, Color::Yellow),
        Role::Stale => ink(0xb9_4a_00, Color::LightRed),
        Role::Missing => ink(0xa8_20_8d, Color::Magenta),
        Role::Unknown => ink(0x5f_6b_78, Color::DarkGray),
        Role::Breach => on(0xff_ff_ff, Color::White, 0xc6_1f_2b, Color::Red),
        Role::Bad | Role::Fall => ink(0xc6_1f_2b, Color::Red),
        Role::Paused => ink(0x6d_3f_c4, Color::Magenta),
        Role::Refused => ink(0x6a_4c_a8, Color::Magenta),
    }
}

/// Okabe and Ito: sky blue, orange, vermillion, reddish purple, yellow; good is blue, bad is orange.
const fn cvd(role: Role) -> Brush {
    match role {
        Role::Fresh | Role::Good | Role::Rise => ink(0x56_b4_e9, Color::LightBlue),
        Role::Covered => ink(0x3f_88_b4, Color::LightBlue),
        Role::Aging | Role::Warn => ink(0xf0_e4_42, Color::LightYellow),
        Role::Stale => ink(0xe6_9f_00, Color::Yellow),
        Role::Missing | Role::Refused => ink(0xcc_79_a7, Color::Magenta),
        Role::Breach => on(0x00_00_00, Color::Black, 0xe6_9f_00, Color::Yellow),
        Role::Bad | Role::Fall => ink(0xe8_76_1e, Color::LightRed),
        Role::Accent | Role::Key | Role::Info | Role::Running => ink(0x8c_d0_ff, Color::LightCyan),
        Role::Marked => ink(0xf0_e4_42, Color::LightYellow),
        Role::Paused => ink(0xcc_79_a7, Color::LightMagenta),
        _ => dark(role),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_only_modifiers_are_set_and_the_selection_still_shows() {
        for theme in [Theme::new(ThemeKind::Mono, ColorDepth::Rgb), Theme::new(ThemeKind::Dark, ColorDepth::None)] {
            for role in Role::ALL {
                let style = theme.style(role);
                assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
            }
            assert!(theme.style(Role::Selected).add_modifier.contains(Modifier::REVERSED));
            assert!(theme.style(Role::Breach).add_modifier.contains(Modifier::REVERSED | Modifier::BOLD));
        }
    }

    #[test]
    fn every_depth_gets_only_colours_it_can_show() {
        for kind in [ThemeKind::Dark, ThemeKind::Light, ThemeKind::ColorBlind] {
            for role in Role::ALL {
                let colours = |depth| {
                    let style = Theme::new(kind, depth).style(role);
                    [style.fg, style.bg].into_iter().flatten().collect::<Vec<_>>()
                };
                assert!(colours(ColorDepth::Rgb).iter().all(|c| matches!(c, Color::Rgb(..))));
                assert!(colours(ColorDepth::Indexed).iter().all(|c| matches!(c, Color::Indexed(16..))));
                let named = |c: &Color| !matches!(c, Color::Rgb(..) | Color::Indexed(_));
                assert!(colours(ColorDepth::Ansi16).iter().all(named));
            }
        }
    }

    #[test]
    fn tiers_are_told_apart_in_every_palette() {
        for kind in [ThemeKind::Dark, ThemeKind::Light, ThemeKind::ColorBlind] {
            for depth in [ColorDepth::Ansi16, ColorDepth::Indexed, ColorDepth::Rgb] {
                let theme = Theme::new(kind, depth);
                for a in Tier::ALL {
                    for b in Tier::ALL {
                        assert!(a == b || theme.style(a.into()) != theme.style(b.into()), "{kind:?} {a} {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn text_can_be_read_on_the_paper_of_its_palette() {
        // WCAG 2: 4.5 for text. Frames and the empty part of a bar carry no information.
        let channel = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        let light = |rgb: u32| {
            let [_, r, g, b] = rgb.to_be_bytes();
            0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
        };
        for kind in [ThemeKind::Dark, ThemeKind::Light, ThemeKind::ColorBlind] {
            let theme = Theme::new(kind, ColorDepth::Rgb);
            for role in Role::ALL.into_iter().filter(|r| !matches!(r, Role::Border | Role::BorderFocused)) {
                let brush = theme.brush(role);
                let Some(Ink(fg, _)) = brush.fg else { continue };
                let paper = brush.bg.map_or(theme.paper().1, |ink| ink.0);
                let (a, b) = (light(fg).max(light(paper)), light(fg).min(light(paper)));
                let contrast = (a + 0.05) / (b + 0.05);
                assert!(contrast >= 4.5, "{kind:?} {role:?}: {contrast:.2}");
            }
        }
    }

    #[test]
    fn the_256_colours_are_the_nearest() {
        assert_eq!(indexed(0, 0, 0), 16);
        assert_eq!(indexed(255, 255, 255), 231);
        assert_eq!(indexed(255, 0, 0), 196);
        assert_eq!(indexed(128, 128, 128), 244);
    }
}
