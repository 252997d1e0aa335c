//! The theme files that are built into the binary: every role with its exact color.

use std::sync::OnceLock;

use super::{Role, ThemeKind};

/// A role in one theme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Brush {
    pub(super) fg: Option<u32>,
    pub(super) bg: Option<u32>,
    /// The middle and the end of the gradient that starts with `fg`.
    pub(super) gradient: Option<[u32; 2]>,
}

/// All roles of one theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Palette {
    pub(super) paper: u32,
    /// Plain text on the paper.
    pub(super) ink: u32,
    brushes: Vec<(Role, Brush)>,
}

impl Palette {
    pub(super) fn brush(&self, role: Role) -> Brush {
        self.brushes.iter().find(|(known, _)| *known == role).map_or_else(Brush::default, |(_, brush)| *brush)
    }

    /// Reads a file: a role and its colors on each line.
    ///
    /// # Errors
    /// A line that names no role or no color, and a role that is missing; with file and line.
    pub(super) fn parse(text: &str, file: &str) -> Result<Self, String> {
        let (mut paper, mut ink, mut brushes) = (None, None, Vec::with_capacity(Role::ALL.len()));
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: &str, to_do: &str| format!("{file}:{number}: {what}; {to_do}");
            let (key, value) = line.split_once(':').ok_or_else(|| wrong("no role", "write role: '#rrggbb'"))?;
            let colors = colors(value).ok_or_else(|| {
                wrong(
                    &format!("{key}:{value} is not a color"),
                    "write '#rrggbb', two or three of them in [ ], or terminal",
                )
            })?;
            match (key, colors.as_slice()) {
                ("paper", &[rgb]) => paper = Some(rgb),
                ("ink", &[rgb]) => ink = Some(rgb),
                _ => {
                    let role = Role::ALL.into_iter().find(|role| role.name() == key);
                    let role = role.ok_or_else(|| {
                        wrong(&format!("'{key}' is not a role"), "the other files of themes name all roles")
                    })?;
                    if brushes.iter().any(|(known, _)| *known == role) {
                        return Err(wrong(&format!("'{key}' is given twice"), "remove one of the lines"));
                    }
                    let brush = match *colors.as_slice() {
                        [] => Brush::default(),
                        [bg] if role == Role::Selected => Brush { bg: Some(bg), ..Brush::default() },
                        [fg] => Brush { fg: Some(fg), ..Brush::default() },
                        [fg, bg] => Brush { fg: Some(fg), bg: Some(bg), gradient: None },
                        [fg, middle, end] => Brush { fg: Some(fg), bg: None, gradient: Some([middle, end]) },
                        _ => return Err(wrong(&format!("{key} has more than three colors"), "write one to three")),
                    };
                    brushes.push((role, brush));
                }
            }
        }
        if let Some(role) = Role::ALL.into_iter().find(|role| !brushes.iter().any(|(known, _)| known == role)) {
            return Err(format!("{file}: no color for '{0}'; add a line {0}: '#rrggbb'", role.name()));
        }
        let missing = |key: &str| format!("{file}: no color for '{key}'; add a line {key}: '#rrggbb'");
        Ok(Self { paper: paper.ok_or_else(|| missing("paper"))?, ink: ink.ok_or_else(|| missing("ink"))?, brushes })
    }
}

fn colors(value: &str) -> Option<Vec<u32>> {
    let value = value.trim();
    if value == "terminal" {
        return Some(Vec::new());
    }
    let list = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(value);
    list.split(',').map(color).collect()
}

fn color(text: &str) -> Option<u32> {
    let text = text.trim();
    let bare = |quote| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    let digits = bare('\'').or_else(|| bare('"'))?.strip_prefix('#')?;
    let hex = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if hex { u32::from_str_radix(digits, 16).ok() } else { None }
}

/// The palette of a theme; `None` for the one without colors.
pub(super) fn palette(kind: ThemeKind) -> Option<&'static Palette> {
    static READ: OnceLock<Vec<(ThemeKind, Palette)>> = OnceLock::new();
    let read = READ.get_or_init(|| {
        let one = |kind: ThemeKind| Some((kind, Palette::parse(source(kind)?, kind.name()).ok()?));
        ThemeKind::ALL.into_iter().filter_map(one).collect()
    });
    read.iter().find(|(known, _)| *known == kind).map(|(_, palette)| palette)
}

macro_rules! themes {
    ($($kind:ident $file:literal),*) => {
        /// The text of the file of a theme.
        pub(super) const fn source(kind: ThemeKind) -> Option<&'static str> {
            match kind {
                $(ThemeKind::$kind => Some(include_str!(concat!("../../../../config/themes/", $file, ".yaml"))),)*
                ThemeKind::Mono => None,
            }
        }
    };
}

themes!(
    Dark "dark", Light "light", ColorBlind "color-blind", CatppuccinMocha "catppuccin-mocha",
    CatppuccinLatte "catppuccin-latte", Gruvbox "gruvbox", Nord "nord", TokyoNight "tokyo-night", Dracula "dracula",
    Solarized "solarized", OkabeItoLight "okabe-ito-light"
);
