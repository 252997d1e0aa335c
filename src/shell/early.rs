//! What must be known before the command line is parsed: how to print what is wrong with it.

use std::ffi::OsString;

use clap::ValueEnum;

/// When to use colors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

impl From<Color> for clap::ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Early {
    pub json: bool,
    pub color: Color,
}

impl Early {
    pub fn of(arguments: impl Iterator<Item = OsString>) -> Self {
        let mut early = Self::default();
        let mut before = String::new();
        // What is not UTF-8 is none of these options.
        for word in arguments.skip(1).map(|word| word.into_string().unwrap_or_default()).take_while(|word| word != "--")
        {
            early.json |= word == "--json";
            let color = word.strip_prefix("--color=").or((before == "--color").then_some(word.as_str()));
            if let Some(Ok(color)) = color.map(|color| Color::from_str(color, false)) {
                early.color = color;
            }
            before = word;
        }
        early
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_seen_wherever_they_stand() {
        let of = |line: &str| Early::of(line.split(' ').map(OsString::from));
        assert_eq!(of("barkeep status"), Early::default());
        assert_eq!(of("barkeep --color never x --json"), Early { json: true, color: Color::Never });
        assert_eq!(of("barkeep --color=always"), Early { json: false, color: Color::Always });
        assert_eq!(of("barkeep -- --json --color=always"), Early::default());
        assert_eq!(of("barkeep --color=red --color"), Early::default());
    }
}
