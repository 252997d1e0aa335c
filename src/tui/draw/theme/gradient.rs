//! Colors between colors: what fills a bar or a graph goes from the calm end of a role to its bright end.

use ratatui::style::{Color, Modifier, Style};

use super::palettes::modifier;
use super::{ColorDepth, Role, Theme, fitted};

/// A role as a range: its color at nothing, in the middle and at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gradient {
    start: u32,
    mid: u32,
    end: u32,
}

impl Theme {
    /// The style of a role at `fraction` of what can be, 0 to 1. Where colors cannot be mixed it is that of the role.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "colors are set in this module and the one above alone")]
    pub fn gradient(self, role: Role, fraction: f64) -> Style {
        let role = self.sobered(role);
        let (Some(rgb), ColorDepth::Indexed | ColorDepth::Rgb) = (self.brush(role).fg, self.depth) else {
            return self.style(role);
        };
        if self.is_mono() {
            return self.style(role);
        }
        let range =
            self.stops(role).map_or_else(|| self.range_of(rgb), |[start, mid, end]| Gradient { start, mid, end });
        let color = fitted(Some(range.at(fraction)), None, self.depth);
        color.map_or_else(|| self.style(role), |color| Style::new().add_modifier(modifier(role)).fg(color))
    }

    /// A role as the color behind a letter. Without colors the letter alone has to do.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "colors are set in this module and the one above alone")]
    pub fn tile(self, role: Role) -> Style {
        let role = self.sobered(role);
        let (brush, near) = (self.brush(role), self.near(role));
        let (Some(ink), None, false) = (brush.fg, brush.bg, self.is_mono()) else { return self.style(role) };
        let (text, paper) = self.paper();
        let is_dark = paper < text;
        let letter = fitted(Some(paper), Some(if is_dark { Color::Black } else { Color::White }), self.depth);
        let behind = fitted(Some(ink), near.fg, self.depth);
        let bold = Style::new().add_modifier(Modifier::BOLD);
        behind.zip(letter).map_or_else(|| self.style(role), |(behind, letter)| bold.bg(behind).fg(letter))
    }

    /// Of a role without a range of its own: from halfway to the paper to halfway to the text.
    fn range_of(self, rgb: u32) -> Gradient {
        let (text, paper) = self.paper();
        Gradient { start: mix(rgb, paper, 0.5), mid: rgb, end: mix(rgb, text, 0.45) }
    }
}

impl Gradient {
    fn at(self, fraction: f64) -> u32 {
        match fraction.clamp(0.0, 1.0) {
            low if low < 0.5 => mix(self.start, self.mid, low * 2.0),
            high if high >= 0.5 => mix(self.mid, self.end, high * 2.0 - 1.0),
            _ => self.mid,
        }
    }
}

/// `share` of the way from one color to another.
fn mix(from: u32, to: u32, share: f64) -> u32 {
    let (from, to) = (from.to_be_bytes(), to.to_be_bytes());
    let mut mixed = [0; 4];
    for (into, (a, b)) in mixed.iter_mut().zip(from.into_iter().zip(to)) {
        *into = (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
    }
    u32::from_be_bytes(mixed)
}

#[cfg(test)]
mod tests {
    use super::super::ThemeKind;
    use super::*;

    #[test]
    fn a_gradient_passes_through_the_color_of_its_role_and_gets_brighter() {
        for kind in [ThemeKind::Dark, ThemeKind::Light, ThemeKind::ColorBlind] {
            let theme = Theme::new(kind, ColorDepth::Rgb);
            assert_eq!(theme.gradient(Role::Accent, 0.5), theme.style(Role::Accent));
            assert_eq!(theme.sober().gradient(Role::Good, 0.7), theme.sober().style(Role::Good));
            let steps: Vec<Style> = (0..=10).map(|k| theme.gradient(Role::Accent, f64::from(k) / 10.0)).collect();
            assert!(steps.windows(2).all(|pair| pair[0] != pair[1]), "{kind:?}");
            assert_eq!(theme.gradient(Role::Running, 7.0), theme.gradient(Role::Running, 1.0));
            assert_eq!(theme.gradient(Role::Accent, f64::NAN), theme.style(Role::Accent));
        }
    }

    #[test]
    fn where_colors_cannot_be_mixed_the_role_keeps_its_own() {
        for (kind, depth) in [
            (ThemeKind::Dark, ColorDepth::Ansi16),
            (ThemeKind::Mono, ColorDepth::Rgb),
            (ThemeKind::Dark, ColorDepth::None),
        ] {
            let theme = Theme::new(kind, depth);
            assert_eq!(theme.gradient(Role::Running, 0.1), theme.style(Role::Running));
        }
    }
}
