//! Themes of one's own: read from files, and refused where something could not be read or told apart with them.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::file::Palette;
use super::{Role, ThemeKind};
use barkeep_config::THEME_ENDING;
use barkeep_market::freshness::Tier;

/// What tells one writing of a file from another: when, and how many bytes.
pub(super) type Stamp = (SystemTime, u64);

/// The stamp of a file that is there.
pub(super) fn stamp(file: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(file).ok()?;
    Some((about.modified().ok()?, about.len()))
}

/// A theme from a file. It stays in memory until the end: there are few, and each is a kilobyte.
#[derive(Clone, Copy, Debug)]
pub struct OwnTheme(&'static Named);

#[derive(Debug)]
struct Named {
    name: String,
    file: PathBuf,
    stamp: Option<Stamp>,
    palette: Palette,
}

impl PartialEq for OwnTheme {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for OwnTheme {}

impl OwnTheme {
    /// Reads a theme file.
    ///
    /// # Errors
    /// A file that cannot be read, names no role or no color, or gives colors that cannot be read or told apart; with file
    /// and line.
    pub fn read(file: &Path) -> Result<Self, String> {
        let shown = barkeep_base::text::printable(&file.display().to_string());
        // Before the text: what is written in between is read again.
        let stamp = stamp(file);
        let text = std::fs::read_to_string(file)
            .map_err(|e| format!("{shown}: the theme cannot be read: {e}; name a theme file, or a theme"))?;
        let palette = Palette::parse(&text, &shown)?;
        legible(&palette, &text, &shown)?;
        let name = file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Ok(Self(Box::leak(Box::new(Named {
            name: barkeep_base::text::printable(&name),
            file: file.to_owned(),
            stamp,
            palette,
        }))))
    }

    /// The themes in a folder, by name, and what is wrong with the others. No folder, no themes.
    #[must_use]
    pub fn all_in(folder: &Path) -> (Vec<Self>, Vec<String>) {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|ending| ending == THEME_ENDING) && file.is_file());
        files.sort();
        let (mut themes, mut wrong) = (Vec::new(), Vec::new());
        for file in files {
            match Self::read(&file) {
                Ok(theme) => themes.push(theme),
                Err(e) => wrong.push(e),
            }
        }
        (themes, wrong)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        &self.0.name
    }

    pub(super) fn file(self) -> &'static Path {
        &self.0.file
    }

    /// That of the file when it was read.
    pub(super) fn stamp(self) -> Option<Stamp> {
        self.0.stamp
    }

    /// Whether both come from one file.
    #[must_use]
    pub fn is_of_file(self, other: Self) -> bool {
        self.0.file == other.0.file
    }

    pub(super) fn palette(self) -> &'static Palette {
        &self.0.palette
    }
}

/// A theme that can be put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Shipped(ThemeKind),
    Own(OwnTheme),
}

impl Look {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Shipped(kind) => kind.name(),
            Self::Own(own) => own.name(),
        }
    }
}

/// Linear light of red, green and blue.
pub(super) fn linear(rgb: u32) -> [f64; 3] {
    let channel = |v: u8| {
        let v = f64::from(v) / 255.0;
        if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    };
    let [_, r, g, b] = rgb.to_be_bytes();
    [channel(r), channel(g), channel(b)]
}

/// The contrast of two colors, 1 to 21 (WCAG 2).
pub(super) fn contrast(one: u32, other: u32) -> f64 {
    let light = |rgb| [0.2126, 0.7152, 0.0722].iter().zip(linear(rgb)).map(|(share, light)| share * light).sum::<f64>();
    let (a, b) = (light(one).max(light(other)), light(one).min(light(other)));
    (a + 0.05) / (b + 0.05)
}

/// What a role's color needs at least: 4.5 for text; the empty part of a gauge has to have an end, and the frame that has
/// the focus must be seen.
pub(super) const fn least(role: Role) -> f64 {
    match role {
        Role::Border => 1.8,
        Role::BorderFocused => 3.0,
        _ => 4.5,
    }
}

/// What is too weak: a color and the one it stands on, with their contrast.
pub(super) fn weak(palette: &Palette, role: Role) -> Option<(u32, u32, f64)> {
    let brush = palette.brush(role);
    let selected = palette.brush(Role::Selected).bg.unwrap_or(palette.paper);
    let papers = match (brush.bg, role) {
        (Some(own), _) => [own, own],
        (None, Role::Border) => [palette.paper; 2],
        (None, _) => [palette.paper, selected],
    };
    let ink = brush.fg.or_else(|| (role == Role::Text).then_some(palette.ink))?;
    papers.into_iter().map(|paper| (ink, paper, contrast(ink, paper))).find(|(.., is)| *is < least(role))
}

/// Roles that must not have one color: it would be the only thing that tells them apart at a glance.
const UNLIKE: [(Role, Role); 4] = [
    (Role::Covered, Role::Good),
    (Role::Missing, Role::Paused),
    (Role::Missing, Role::Refused),
    (Role::Paused, Role::Refused),
];

fn legible(palette: &Palette, text: &str, file: &str) -> Result<(), String> {
    let line = |role: Role| {
        let of = |line: &str| line.trim().split_once(':').is_some_and(|(key, _)| key == role.name());
        text.lines().position(of).map_or(0, |at| at + 1)
    };
    for role in Role::ALL {
        let brush = palette.brush(role);
        let name = role.name();
        match role {
            Role::Selected if brush.bg.is_none() => {
                return Err(format!("{file}:{}: selected has no color; write '#rrggbb'", line(role)));
            }
            Role::Text | Role::Selected => {}
            _ if brush.fg.is_none() => {
                return Err(format!("{file}:{}: {name} has no color; only text may be terminal", line(role)));
            }
            _ => {}
        }
        if let Some((ink, paper, is)) = weak(palette, role) {
            // Never rounded up to what is asked for.
            let (is, needs) = ((is * 100.0).floor() / 100.0, least(role));
            return Err(format!(
                "{file}:{}: {name} #{ink:06x} on #{paper:06x} has a contrast of {is:.2}; it needs {needs} at least, so make \
                 it lighter or darker",
                line(role)
            ));
        }
    }
    let tiers = Tier::ALL.into_iter().flat_map(|a| Tier::ALL.map(|b| (Role::from(a), Role::from(b))));
    for (a, b) in UNLIKE.into_iter().chain(tiers).filter(|(a, b)| a != b) {
        if palette.brush(a) == palette.brush(b) {
            let (at, one, other) = (line(a).max(line(b)), a.name(), b.name());
            return Err(format!("{file}:{at}: {one} and {other} have the same color; give one of them another"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::file::source;
    use super::*;

    #[test]
    fn a_theme_file_is_refused_with_its_line_and_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mine.yaml");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            OwnTheme::read(&file)
        };
        let good = source(ThemeKind::Nord).unwrap();
        let line = |role: &str| good.lines().position(|l| l.starts_with(role)).unwrap() + 1;
        assert_eq!(read(good).unwrap().name(), "mine");
        let color = |role: &str| good.lines().find(|l| l.starts_with(role)).unwrap().to_owned();
        for (role, is, said) in [
            ("aging:", "aging: '#303030'", "aging #303030 on #"),
            ("aging:", "aging: '#303030'", "it needs 4.5 at least"),
            ("border-focused:", "border-focused: '#303848'", "it needs 3 at least"),
            ("warn:", "warn: terminal", "warn has no color; only text may be terminal"),
            ("stale:", "stale: blue", "stale: blue is not a color"),
            ("good:", &color("covered:").replace("covered", "good"), "covered and good have the same color"),
            ("stale:", &color("aging:").replace("aging", "stale"), "have the same color"),
        ] {
            let message = read(&good.replace(&color(role), is)).unwrap_err();
            assert!(message.contains(said), "{message}");
            let at = message.strip_prefix(&format!("{}:", file.display())).unwrap();
            let at: usize = at.split(':').next().unwrap().parse().unwrap();
            assert!(at == line(role) || said.contains("same"), "{message}");
        }
        let message = OwnTheme::read(&dir.path().join("none.yaml")).unwrap_err();
        assert!(message.contains("none.yaml: the theme cannot be read"), "{message}");
    }

    #[test]
    fn a_folder_gives_its_themes_by_name_and_says_what_is_wrong_with_the_others() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(OwnTheme::all_in(&dir.path().join("none")), (Vec::new(), Vec::new()));
        for (name, text) in [("b.yaml", source(ThemeKind::Nord).unwrap()), ("a.yaml", "nonsense"), ("c.txt", "")] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let (themes, wrong) = OwnTheme::all_in(dir.path());
        assert_eq!(themes.iter().map(|theme| theme.name()).collect::<Vec<_>>(), ["b"]);
        assert!(wrong.len() == 1 && wrong[0].contains("a.yaml:1: no role"), "{wrong:?}");
    }
}
