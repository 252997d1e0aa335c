//! The signs a screen is made of, with an ASCII form for each.

use ratatui::symbols::border;

/// One set of signs; each is one column wide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glyphs {
    pub border: border::Set<'static>,
    pub cursor: &'static str,
    pub mark: &'static str,
    pub ellipsis: &'static str,
    pub descending: &'static str,
    pub ascending: &'static str,
    pub separator: &'static str,
}

impl Glyphs {
    #[must_use]
    pub const fn unicode() -> Self {
        Self {
            border: border::PLAIN,
            cursor: "▸",
            mark: "✓",
            ellipsis: "…",
            descending: "▼",
            ascending: "▲",
            separator: "·",
        }
    }

    #[must_use]
    pub const fn ascii() -> Self {
        Self {
            border: border::Set {
                top_left: "+",
                top_right: "+",
                bottom_left: "+",
                bottom_right: "+",
                vertical_left: "|",
                vertical_right: "|",
                horizontal_top: "-",
                horizontal_bottom: "-",
            },
            cursor: ">",
            mark: "*",
            ellipsis: "~",
            descending: "v",
            ascending: "^",
            separator: "-",
        }
    }
}
