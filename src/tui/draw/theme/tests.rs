use ratatui::style::Modifier;

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
            let colors = |depth| {
                let style = Theme::new(kind, depth).style(role);
                [style.fg, style.bg].into_iter().flatten().collect::<Vec<_>>()
            };
            assert!(colors(ColorDepth::Rgb).iter().all(|c| matches!(c, Color::Rgb(..))));
            assert!(colors(ColorDepth::Indexed).iter().all(|c| matches!(c, Color::Indexed(16..))));
            let named = |c: &Color| !matches!(c, Color::Rgb(..) | Color::Indexed(_));
            assert!(colors(ColorDepth::Ansi16).iter().all(named));
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
