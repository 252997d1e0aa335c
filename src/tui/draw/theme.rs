//! What things look like: a role of the text is given a style by the palette, and colors are fitted to the terminal.
//!
//! Screens name roles, never colors, so one place decides what may be red. A color only repeats what a letter, a word
//! or a position already says: in the mono palette, and wherever color is switched off, no foreground and no
//! background is set at all, only modifiers. That is more than taste: crossterm answers `NO_COLOR` by writing a plain
//! reset for every color command (`SetColors`, crossterm 0.29), which would undo the reverse video of a selection.

mod edited;
mod file;
mod gradient;
mod own;
mod palettes;

pub use barkeep_config::ThemeKind;
use ratatui::style::{Color, Style};

use barkeep_base::variants::all;
use barkeep_market::freshness::Tier;
pub use edited::Edited;
use file::{Brush, Palette, palette};
pub use own::{Look, OwnTheme};
use palettes::{Near, cvd, dark, light, modifier, plain_modifier};
use strum::{EnumCount, IntoStaticStr, VariantArray};

/// What a piece of the screen means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumCount, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
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
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    /// Its name in theme files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
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
    /// In place of `kind`.
    own: Option<OwnTheme>,
    pub depth: ColorDepth,
    /// Whether nothing may look good: what is good is drawn as plain text.
    pub sober: bool,
}

impl Theme {
    #[must_use]
    pub const fn new(kind: ThemeKind, depth: ColorDepth) -> Self {
        Self { kind, own: None, depth, sober: false }
    }

    /// The same with colors of one's own.
    #[must_use]
    pub const fn with(self, own: Option<OwnTheme>) -> Self {
        Self { own, ..self }
    }

    /// The same in which nothing looks good.
    #[must_use]
    pub const fn sober(self) -> Self {
        Self { sober: true, ..self }
    }

    /// Whether nothing has a color.
    #[must_use]
    pub const fn is_mono(self) -> bool {
        (self.own.is_none() && matches!(self.kind, ThemeKind::Mono)) || matches!(self.depth, ColorDepth::None)
    }

    /// The style of a role.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the one place that sets colors")]
    pub fn style(self, role: Role) -> Style {
        let role = self.sobered(role);
        if self.is_mono() {
            return Style::new().add_modifier(plain_modifier(role));
        }
        let (brush, near) = (self.brush(role), self.near(role));
        let mut style = Style::new().add_modifier(modifier(role));
        if let Some(color) = fitted(brush.fg, near.fg, self.depth) {
            style = style.fg(color);
        }
        if let Some(color) = fitted(brush.bg, near.bg, self.depth) {
            style = style.bg(color);
        }
        style
    }

    /// What lies under everything: the paper of the theme, where it has one of its own.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the one place that sets colors")]
    pub fn ground(self) -> Style {
        let own = !self.is_mono() && self.brush(Role::Text).fg.is_some();
        let exact = matches!(self.depth, ColorDepth::Rgb | ColorDepth::Indexed);
        match self.palette() {
            Some(palette) if own && exact => match fitted(Some(palette.paper), None, self.depth) {
                Some(paper) => self.style(Role::Text).bg(paper),
                None => Style::new(),
            },
            _ => Style::new(),
        }
    }

    /// Start, middle and end of a role's gradient, where the theme gives one.
    #[must_use]
    pub fn stops(self, role: Role) -> Option<[u32; 3]> {
        let brush = self.brush(role);
        let [middle, end] = brush.gradient?;
        Some([brush.fg?, middle, end])
    }

    /// The style of a cell whose upper half has the color of one role and whose lower half that of another. Where nothing
    /// has a color there are no halves.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the one place that sets colors")]
    pub fn halves(self, above: Role, below: Role) -> Style {
        let style = Style { fg: self.style(above).fg, ..Style::new() };
        // What is answered for is much: a darker lower half keeps the rows apart.
        let color = match (below, self.style(below).fg) {
            (Role::Covered, Some(Color::Rgb(r, g, b))) => {
                let [_, red, green, blue] = self.paper().1.to_be_bytes();
                let mix =
                    |ink: u8, paper: u8| u8::try_from((u16::from(ink) * 7 + u16::from(paper) * 3) / 10).unwrap_or(ink);
                Some(Color::Rgb(mix(r, red), mix(g, green), mix(b, blue)))
            }
            (_, color) => color,
        };
        color.map_or(style, |color| style.bg(color))
    }

    const fn sobered(self, role: Role) -> Role {
        if self.sober && matches!(role, Role::Good | Role::Fresh) { Role::Text } else { role }
    }

    fn brush(self, role: Role) -> Brush {
        self.palette().map_or_else(Brush::default, |palette| palette.brush(role))
    }

    fn palette(self) -> Option<&'static Palette> {
        self.own.map_or_else(|| palette(self.kind), |own| Some(own.palette()))
    }

    fn near(self, role: Role) -> Near {
        match self.kind {
            // The sixteen colors are the terminal's; what counts is whether they stand on dark or on light.
            _ if self.own.is_some() => {
                let (ink, paper) = self.paper();
                if own::contrast(paper, 0) > own::contrast(ink, 0) { light(role) } else { dark(role) }
            }
            ThemeKind::Light | ThemeKind::CatppuccinLatte | ThemeKind::OkabeItoLight => light(role),
            ThemeKind::ColorBlind => cvd(role),
            _ => dark(role),
        }
    }

    /// Text and background of a terminal this palette is made for; pictures of the screen are painted on it.
    #[must_use]
    pub fn paper(self) -> (u32, u32) {
        self.palette()
            .or_else(|| palette(ThemeKind::Dark))
            .map_or((0xff_ff_ff, 0), |palette| (palette.ink, palette.paper))
    }
}

/// The one place where a color is fitted to what the terminal can show.
#[allow(clippy::disallowed_methods, reason = "this is the one place that makes colors")]
fn fitted(rgb: Option<u32>, near: Option<Color>, depth: ColorDepth) -> Option<Color> {
    match depth {
        ColorDepth::None => None,
        ColorDepth::Ansi16 => near,
        ColorDepth::Indexed => rgb.map(|rgb| {
            let [_, r, g, b] = rgb.to_be_bytes();
            Color::Indexed(indexed(r, g, b))
        }),
        ColorDepth::Rgb => rgb.map(|rgb| {
            let [_, r, g, b] = rgb.to_be_bytes();
            Color::Rgb(r, g, b)
        }),
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
