use ratatui::style::Modifier;

use super::own::{linear, weak};
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
    for kind in colored() {
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
    for kind in colored() {
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

/// As xterm shows the sixteen colors: what cannot be read there cannot be read in most terminals.
#[test]
fn in_the_sixteen_colors_of_a_light_terminal_nothing_fades_into_the_paper() {
    let rgb = |color| match color {
        Color::Black => 0x00_00_00,
        Color::Red => 0xcd_00_00,
        Color::Green => 0x00_cd_00,
        Color::Blue => 0x00_00_ee,
        Color::Magenta => 0xcd_00_cd,
        Color::Gray => 0xe5_e5_e5,
        Color::DarkGray => 0x7f_7f_7f,
        Color::LightRed => 0xff_00_00,
        Color::LightBlue => 0x5c_5c_ff,
        Color::White => 0xff_ff_ff,
        other => panic!("{other} is too pale"),
    };
    let theme = Theme::new(ThemeKind::Light, ColorDepth::Ansi16);
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Border) {
        let style = theme.style(role);
        let (ink, paper) = (style.fg.map_or(0, rgb), style.bg.map_or(0xff_ff_ff, rgb));
        assert!(own::contrast(ink, paper) >= 2.0, "{role:?}");
    }
}

fn colored() -> impl Iterator<Item = ThemeKind> {
    ThemeKind::ALL.into_iter().filter(|kind| *kind != ThemeKind::Mono)
}

fn times(matrix: [[f64; 3]; 3], by: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(by).map(|(a, b)| a * b).sum())
}

/// Full protanopia, deuteranopia and tritanopia (Machado, Oliveira and Fernandes 2009), after common vision.
const VISIONS: [[[f64; 3]; 3]; 4] = [
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
    [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
    [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]],
];

/// The distance in `OKLab`, times 100, as that vision sees it.
fn distance(vision: [[f64; 3]; 3], one: u32, other: u32) -> f64 {
    let lab = |rgb| {
        let seen = times(vision, linear(rgb)).map(|v| v.clamp(0.0, 1.0));
        let cones = [
            [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
            [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
            [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
        ];
        let axes = [
            [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
            [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
            [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
        ];
        times(axes, times(cones, seen).map(f64::cbrt))
    };
    let squares: f64 = lab(one).iter().zip(lab(other)).map(|(a, b)| (a - b).powi(2)).sum();
    100.0 * squares.sqrt()
}

#[test]
fn every_file_is_read_and_names_its_mistakes() {
    for kind in colored() {
        file::Palette::parse(file::source(kind).unwrap(), kind.name()).unwrap();
    }
    let good = file::source(ThemeKind::Nord).unwrap();
    for (from, to, said) in [
        ("fresh:", "frsh:", "'frsh' is not a role"),
        ("stale: '#", "stale: '", "is not a color; write '#rrggbb'"),
        ("\nwarn:", "\n#warn:", "no color for 'warn'; add a line warn:"),
        ("\nwarn:", "\naging: '#ffffff'\nwarn:", "'aging' is given twice"),
    ] {
        let message = file::Palette::parse(&good.replace(from, to), "nord.yaml").unwrap_err();
        assert!(message.starts_with("nord.yaml:") && message.contains(said), "{message}");
    }
}

#[test]
fn text_can_be_read_on_the_paper_and_on_the_selected_row_of_every_theme() {
    for kind in colored() {
        let palette = palette(kind).unwrap();
        for role in Role::ALL {
            let is = weak(palette, role);
            assert_eq!(is, None, "{} {}", kind.name(), role.name());
        }
    }
}

#[test]
fn missing_paused_and_refused_are_never_alike() {
    for kind in colored() {
        let color = |role| Theme::new(kind, ColorDepth::Rgb).brush(role).fg.unwrap();
        for (a, b) in [(Role::Missing, Role::Paused), (Role::Missing, Role::Refused), (Role::Paused, Role::Refused)] {
            let is = distance(VISIONS[0], color(a), color(b));
            assert!(is >= 7.5, "{}: {a:?} and {b:?} are {is:.1} apart", kind.name());
        }
    }
}

/// Ten is a difference that is seen at once between two neighbors. Seven tiers that are legible on the paper and on the
/// selected row, and whose colors mean what they should (blue is fresh, orange is stale, gray is unknown), cannot be
/// farther from each other in every vision, and need not: wherever a tier is drawn its letter stands with it.
#[test]
fn tiers_are_told_apart_with_every_color_vision() {
    for kind in [ThemeKind::ColorBlind, ThemeKind::OkabeItoLight] {
        let color = |role: Role| Theme::new(kind, ColorDepth::Rgb).brush(role).fg.unwrap();
        let mut pairs =
            vec![(Role::Missing, Role::Paused), (Role::Missing, Role::Refused), (Role::Paused, Role::Refused)];
        pairs.extend(Tier::ALL.iter().flat_map(|a| Tier::ALL.map(|b| (Role::from(*a), Role::from(b)))));
        for ((a, b), vision) in pairs.into_iter().flat_map(|pair| VISIONS.map(|vision| (pair, vision))) {
            let is = distance(vision, color(a), color(b));
            assert!(a == b || is >= 10.0, "{}: {a:?} and {b:?} are {is:.1} apart", kind.name());
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
