//! How a frame looks and what time it shows.

use crate::draw::glyphs::Glyphs;
use crate::draw::theme::Theme;
use crate::model::Model;
use barkeep_market::Ts;

/// What drawing takes besides the model.
#[derive(Clone, Debug)]
pub struct DrawContext {
    pub theme: Theme,
    pub glyphs: Glyphs,
    /// The time that ages and countdowns are shown for; it stops while the view is frozen.
    pub now: Ts,
}

impl DrawContext {
    /// The look of the next frame.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        Self {
            theme: Theme::new(model.display.theme, model.display.depth).with(model.own_theme),
            glyphs: if model.display.ascii { Glyphs::ascii() } else { Glyphs::unicode() },
            now: model.shown_now(),
        }
    }
}
