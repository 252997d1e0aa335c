//! Drawing: pure functions from the model to cells. One file per screen; what frames them is in files of its own.
//!
//! [`frame`](mod@frame) draws everything: header, screen, footer and layers. Every screen draws into whatever place it is given, down to one cell, and reports in the
//! [`HitMap`] what it drew where: rows, columns, windows of lists, and whether a text counts seconds.

pub mod attempts;
pub mod brief;
pub mod context;
pub mod description;
mod dialog;
mod footer;
pub mod frame;
mod header;
pub mod limit;
pub mod lists;
pub mod phrase;
pub mod runs;
pub mod screen;
pub mod suspect;
mod tiny;
pub mod wall;
pub mod why;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::model::Model;
use crate::draw::context::DrawContext;
use crate::draw::hits::HitMap;
use crate::model::screen::Screen;

/// From this width on the overview ends with the newest lines of the log, and lists have what there is to say about the
/// selected row beside them.
pub const WITH_LOG: u16 = 200;

/// Whether a screen this wide shows the newest lines of the log beside what it is for.
#[must_use]
pub const fn shows_log(screen: Screen, width: u16) -> bool {
    width >= WITH_LOG && !matches!(screen, Screen::Symbols | Screen::Detail | Screen::Log)
}

/// Whether it shows what there is to say about the selected row.
#[must_use]
pub const fn tells_row(screen: Screen, width: u16) -> bool {
    width >= WITH_LOG && !matches!(screen, Screen::Overview | Screen::Detail | Screen::Log)
}

/// Draws the screen that is open into `area`.
pub fn screen(model: &Model, context: &DrawContext, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let draw = match model.screen {
        Screen::Overview => screen::overview::draw,
        Screen::Symbols => screen::symbols::draw,
        Screen::Coverage => screen::coverage::draw,
        Screen::Detail => screen::detail::draw,
        Screen::Executions => screen::executions::draw,
        Screen::Vendor => screen::vendor::draw,
        Screen::Failures => screen::failures::draw,
        Screen::Log => screen::log::draw,
    };
    draw(model, context, area, buf, hits);
    context.glyphs.apply(area, buf);
}
