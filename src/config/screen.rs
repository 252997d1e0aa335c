//! The dashboard's settings, and what the environment tells about the terminal it runs in.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use strum::{EnumCount, IntoStaticStr, VariantArray};

use barkeep_base::variants::all;

use super::environment::Environment;
use crate::yaml::error::{ConfigError, Origin};
use crate::yaml::path::path;
use crate::yaml::reader::Reader;
use crate::yaml::word::ParseWordError;

/// How the dashboard looks and how often it draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TuiSettings {
    pub theme: ThemeName,
    /// `None`: as the locale allows.
    pub ascii: Option<bool>,
    pub mouse: bool,
    /// Frames per second while data streams in.
    pub max_frames: u32,
    /// The same while the terminal's window has no focus.
    pub max_frames_unfocused: u32,
}

const A_THEME: &str = "a theme; use auto, dark, light, color-blind, mono, catppuccin-mocha, catppuccin-latte, gruvbox, \
    nord, tokyo-night, dracula, solarized, okabe-ito-light or the path of a theme file (NAME.yaml)";
const WRITE_A_THEME: &str = "write auto, dark, light, color-blind, mono, catppuccin-mocha, catppuccin-latte, gruvbox, \
    nord, tokyo-night, dracula, solarized or okabe-ito-light";

/// Where own theme files are, beside the settings file.
pub const THEMES: &str = "themes";
/// How the names of theme files end.
pub const THEME_ENDING: &str = "yaml";

/// A theme as settings and flags name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThemeName {
    /// As the terminal says: [`ThemeKind::Mono`], [`ThemeKind::Light`] or [`ThemeKind::Dark`].
    Auto,
    Of(ThemeKind),
    /// A file of one's own.
    File(PathBuf),
}

/// A set of colors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, IntoStaticStr, EnumCount, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum ThemeKind {
    #[default]
    Dark,
    Light,
    /// After Okabe and Ito (2008), told apart with every common color vision; for dark backgrounds.
    ColorBlind,
    /// No color: weight, underline and reverse video.
    Mono,
    CatppuccinMocha,
    CatppuccinLatte,
    Gruvbox,
    Nord,
    TokyoNight,
    Dracula,
    Solarized,
    /// The same on white.
    OkabeItoLight,
}

impl ThemeKind {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }

    /// The theme of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl ThemeName {
    const AUTO: &str = "auto";

    /// Every name there is.
    pub fn names() -> impl Iterator<Item = &'static str> {
        std::iter::once(Self::AUTO).chain(ThemeKind::ALL.into_iter().map(ThemeKind::name))
    }

    /// The theme of that name: a shipped one, a path, or a file in the folder of own themes.
    ///
    /// # Errors
    /// What can be written in place of a name that nothing has.
    pub fn known(name: &str, themes: Option<&Path>) -> Result<Self, String> {
        if let Ok(known) = name.parse() {
            return Ok(known);
        }
        let Some(themes) = themes else { return Err(WRITE_A_THEME.to_owned()) };
        let own = themes.join(format!("{name}.{THEME_ENDING}"));
        if own.is_file() {
            return Ok(Self::File(own));
        }
        let own = barkeep_base::text::printable(&own.display().to_string());
        Err(format!("{WRITE_A_THEME}, or put your own into {own}"))
    }
}

impl fmt::Display for ThemeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad(Self::AUTO),
            Self::Of(kind) => f.pad(kind.name()),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl FromStr for ThemeName {
    type Err = ParseWordError;
    fn from_str(s: &str) -> Result<Self, ParseWordError> {
        if s == Self::AUTO {
            return Ok(Self::Auto);
        }
        let (path, has_folder) = (PathBuf::from(s), s.contains(std::path::is_separator));
        let is_file = path.extension().is_some_and(|ending| ending == THEME_ENDING || ending == "yml");
        if (has_folder || is_file) && !s.contains('\0') {
            return Ok(Self::File(path));
        }
        ThemeKind::named(s).map(Self::Of).ok_or_else(|| ParseWordError::new(s, A_THEME))
    }
}

/// Keys that replace those of an action, and where that was written. Whether the names mean anything is for the
/// dashboard to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetting {
    pub action: String,
    pub keys: Vec<String>,
    pub origin: Origin,
}

/// A known name, the path of a file, or the name of a file in the folder of own themes.
fn theme(at: &Reader<'_>, env: &Environment) -> Result<ThemeName, ConfigError> {
    let themes = at.file().and_then(|file| file.parent()).map(|beside| beside.join(THEMES));
    let text = at.text()?;
    if let Ok(ThemeName::File(_)) = text.parse() {
        return Ok(ThemeName::File(path(at, env)?));
    }
    ThemeName::known(text, themes.as_deref()).or_else(|to_do| at.parse(&to_do))
}

pub(super) fn read(at: &Reader<'_>, env: &Environment) -> Result<TuiSettings, ConfigError> {
    let ascii = at.get("ascii")?;
    Ok(TuiSettings {
        theme: theme(&at.get("theme")?, env)?,
        ascii: if matches!(ascii.text(), Ok("auto")) { None } else { Some(ascii.bool()?) },
        mouse: at.get("mouse")?.bool()?,
        max_frames: at.get("max_frames")?.int(1..=30)?,
        max_frames_unfocused: at.get("max_frames_unfocused")?.int(1..=30)?,
    })
}

pub(super) fn keys(at: &Reader<'_>) -> Result<Vec<KeySetting>, ConfigError> {
    let one = |(action, origin, at): (&str, &Origin, Reader<'_>)| {
        let keys = at.items()?.iter().map(|item| item.text().map(str::to_owned)).collect::<Result<_, _>>()?;
        Ok(KeySetting { action: action.to_owned(), keys, origin: origin.clone() })
    };
    at.entries().into_iter().map(one).collect()
}

/// What the environment says about the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TerminalHints {
    /// `NO_COLOR` is set (no-color.org), or the terminal is a dumb one.
    pub no_color: bool,
    /// It can only print one line after the other.
    pub dumb: bool,
    /// `COLORTERM` promises 24 bits.
    pub true_color: bool,
    /// `TERM` promises 256 colours.
    pub indexed: bool,
    /// `COLORFGBG` tells of a light background.
    pub light: bool,
    /// The locale is UTF-8.
    pub utf8: bool,
}

impl Environment {
    /// What is known of the terminal.
    #[must_use]
    pub fn terminal(&self) -> TerminalHints {
        let get = |name: &'static str| self.get(name).ok().flatten().unwrap_or_default();
        let term = get("TERM");
        // The last number is the background: 7 and 15 are white.
        let background = get("COLORFGBG").rsplit(';').next().and_then(|n| n.parse::<u8>().ok());
        // The first of these that is set counts (setlocale(3)).
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().map(get).find(|value| !value.is_empty());
        let locale = locale.unwrap_or_default().to_lowercase();
        TerminalHints {
            no_color: !get("NO_COLOR").is_empty() || term == "dumb",
            dumb: term == "dumb",
            true_color: matches!(get("COLORTERM").as_str(), "truecolor" | "24bit"),
            indexed: term.contains("256color") || matches!(term.as_str(), "alacritty" | "foot" | "xterm-kitty"),
            light: matches!(background, Some(7 | 15)),
            utf8: locale.contains("utf-8") || locale.contains("utf8"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::loaded;
    use super::*;

    #[test]
    fn settings_of_the_dashboard_are_held_to_their_range() {
        let defaults = loaded("").unwrap().settings.tui;
        assert_eq!((defaults.theme, defaults.ascii, defaults.mouse), (ThemeName::Auto, None, false));
        assert_eq!((defaults.max_frames, defaults.max_frames_unfocused), (10, 1));
        let tui = loaded("tui:\n  theme: color-blind\n  ascii: true\n  max_frames: 4\n").unwrap().settings.tui;
        assert_eq!((tui.theme, tui.ascii, tui.max_frames), (ThemeName::Of(ThemeKind::ColorBlind), Some(true), 4));
        for (text, said) in [
            ("tui:\n  theme: pink\n", ":2: tui.theme"),
            ("tui:\n  ascii: maybe\n", ":2: tui.ascii"),
            ("tui:\n  max_frames: 100\n", "a whole number from 1 to 30"),
            ("tui:\n  them: dark\n", "did you mean 'theme'?"),
        ] {
            let message = loaded(text).unwrap_err().to_string();
            assert!(message.contains(said), "{text}: {message}");
        }
    }

    #[test]
    fn a_theme_of_ones_own_is_a_path_or_the_name_of_a_file_beside_the_settings() {
        let dir = tempfile::tempdir().unwrap();
        let settings = dir.path().join("barkeep.yaml");
        let read = |theme: &str| {
            std::fs::write(&settings, format!("tui:\n  theme: {theme}\n")).unwrap();
            let flags = crate::Overrides { config: Some(settings.clone()), ..crate::Overrides::default() };
            let here = || Some(dir.path().to_path_buf());
            let home = Some("/home/ana".into());
            let env = Environment { home, data_dir: here(), state_dir: here(), ..Environment::default() };
            crate::load_from(&flags, &env).map(|loaded| loaded.settings.tui.theme).map_err(|e| e.to_string())
        };
        assert_eq!(read("~/night.yaml"), Ok(ThemeName::File("/home/ana/night.yaml".into())));
        assert_eq!(read("looks/night.yaml"), Ok(ThemeName::File("looks/night.yaml".into())));
        let own = dir.path().join("themes/mine.yaml");
        let message = read("mine").unwrap_err();
        assert!(message.contains(":2: tui.theme") && message.contains(own.to_str().unwrap()), "{message}");
        std::fs::create_dir(dir.path().join("themes")).unwrap();
        std::fs::write(&own, "").unwrap();
        assert_eq!(read("mine"), Ok(ThemeName::File(own.clone())));
        let named = |name: &str| ThemeName::known(name, own.parent());
        assert_eq!(named("mine"), Ok(ThemeName::File(own.clone())), "a flag has the same names");
        assert!(named("other").unwrap_err().contains("themes/other.yaml"));
        assert!(ThemeName::known("mine", None).is_err());
        assert_eq!(read("nord"), Ok(ThemeName::Of(ThemeKind::Nord)), "a shipped one goes first");
    }

    #[test]
    fn keys_are_free_names_with_lists_and_know_their_line() {
        let keys = loaded("tui:\n  mouse: true\nkeys:\n  pause: [p, f9]\n  trigger-stale: []\n").unwrap().settings.keys;
        assert_eq!(keys.len(), 2);
        assert_eq!(
            (keys[0].action.as_str(), keys[0].keys.as_slice()),
            ("pause", ["p".to_owned(), "f9".to_owned()].as_slice())
        );
        assert!(keys[0].origin.to_string().ends_with(":4"), "{}", keys[0].origin);
        assert_eq!((keys[1].action.as_str(), keys[1].keys.len()), ("trigger-stale", 0));
        for (text, said) in [
            ("keys: [p]\n", "keys is a section"),
            ("keys:\n  pause: p\n", "write [a, b, c]"),
            ("keys:\n  pause:\n    x: y\n", "keys.pause is not a list"),
        ] {
            let message = loaded(text).unwrap_err().to_string();
            assert!(message.contains(said), "{text}: {message}");
        }
        let printed = loaded("keys:\n  pause: ['?']\n").unwrap().effective.settings_yaml();
        assert!(printed.contains("\n  pause: [") && loaded(&printed).is_ok(), "{printed}");
    }

    #[test]
    fn the_environment_tells_of_the_terminal() {
        let of = |variables: &[(&'static str, &str)]| {
            let variables = variables.iter().map(|(name, value)| (*name, (*value).into())).collect();
            Environment { variables, ..Environment::default() }.terminal()
        };
        assert!(of(&[("NO_COLOR", "1")]).no_color && of(&[("TERM", "dumb")]).no_color);
        assert!(!of(&[("NO_COLOR", "")]).no_color);
        assert!(of(&[("COLORTERM", "truecolor")]).true_color && of(&[("TERM", "xterm-256color")]).indexed);
        assert!(of(&[("COLORFGBG", "0;15")]).light && !of(&[("COLORFGBG", "15;0")]).light);
        assert!(of(&[("LANG", "de_DE.UTF-8")]).utf8);
        assert!(!of(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).utf8);
    }
}
