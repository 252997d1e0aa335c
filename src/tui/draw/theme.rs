//! What things look like: a role of the text is given a style by the palette, and colors are fitted to the terminal.
//!
//! Screens name roles, never colors, so one place decides what may be red. A color only repeats what a letter, a word
//! or a position already says: in the mono palette, and wherever color is switched off, no foreground and no
//! background is set at all, only modifiers. That is more than taste: crossterm answers `NO_COLOR` by writing a plain
//! reset for every color command (`SetColors`, crossterm 0.29), which would undo the reverse video of a selection.

mod gradient;
mod palettes;

use ratatui::style::{Color, Style};

use barkeep_market::freshness::Tier;
use palettes::{Brush, Ink, PLAIN, cvd, dark, light, modifier, plain_modifier};

/// What a piece of the screen means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Plain text, in the terminal's own colors.
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
    /// Loaded for the first time.
    Loading,
    /// Delisted or renamed.
    Ended,
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
    /// Stopped by an operator.
    Paused,
    /// The vendor refuses it for this plan.
    Refused,
    /// A price that rose, and one that fell.
    Rise,
    Fall,
}

impl Role {
    pub const ALL: [Self; 30] = [
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
        Self::Loading,
        Self::Ended,
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
            Tier::Loading => Self::Loading,
            Tier::Ended => Self::Ended,
        }
    }
}

/// A set of colors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ThemeKind {
    #[default]
    Dark,
    Light,
    /// The eight colors of Okabe and Ito (2008), told apart with every common color vision; for dark backgrounds.
    ColorBlind,
    /// No color: weight, underline and reverse video.
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
    /// The sixteen colors the user has chosen.
    #[default]
    Ansi16,
    /// The 256 of xterm.
    Indexed,
    Rgb,
}

/// Gives roles their styles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    pub kind: ThemeKind,
    pub depth: ColorDepth,
    /// Whether nothing may look good: what is good is drawn as plain text.
    pub sober: bool,
}

impl Theme {
    #[must_use]
    pub const fn new(kind: ThemeKind, depth: ColorDepth) -> Self {
        Self { kind, depth, sober: false }
    }

    /// The same in which nothing looks good.
    #[must_use]
    pub const fn sober(self) -> Self {
        Self { sober: true, ..self }
    }

    /// Whether nothing has a color.
    #[must_use]
    pub const fn is_mono(self) -> bool {
        matches!(self.kind, ThemeKind::Mono) || matches!(self.depth, ColorDepth::None)
    }

    /// The style of a role.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the one place that sets colors")]
    pub fn style(self, role: Role) -> Style {
        let role = self.sobered(role);
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

    const fn sobered(self, role: Role) -> Role {
        if self.sober && matches!(role, Role::Good | Role::Fresh) { Role::Text } else { role }
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

/// The one place where a color is fitted to what the terminal can show.
#[allow(clippy::disallowed_methods, reason = "this is the one place that makes colors")]
fn clamp(Ink(rgb, near): Ink, depth: ColorDepth) -> Option<Color> {
    let [_, r, g, b] = rgb.to_be_bytes();
    match depth {
        ColorDepth::None => None,
        ColorDepth::Ansi16 => Some(near),
        ColorDepth::Indexed => Some(Color::Indexed(indexed(r, g, b))),
        ColorDepth::Rgb => Some(Color::Rgb(r, g, b)),
    }
}

/// The nearest of xterm's color cube (16 to 231) and gray ramp (232 to 255).
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
    let gray = u8::try_from(mean.saturating_sub(3) / 10).unwrap_or(23).min(23);
    let far = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    let shade = 8 + 10 * gray;
    let to_cube = far(r, value(cr)) + far(g, value(cg)) + far(b, value(cb));
    let to_gray = far(r, shade) + far(g, shade) + far(b, shade);
    if to_gray < to_cube { 232 + gray } else { 16 + 36 * cr + 6 * cg + cb }
}

#[cfg(test)]
mod tests;
