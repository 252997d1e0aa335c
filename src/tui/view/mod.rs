//! Drawing: pure functions from the model to cells. One file per screen; what frames them is in files of its own.
//!
//! [`frame`](mod@frame) draws everything: header, screen, footer and what lies above. Every screen draws into whatever place it is given, down to one cell, and reports in the
//! [`HitMap`] what it drew where: rows, columns, windows of lists, and whether a text counts seconds.

pub mod attempts;
pub mod brief;
mod confirm;
pub mod coverage;
pub mod detail;
pub mod executions;
pub mod failures;
mod footer;
pub mod frame;
pub mod freshness;
mod header;
pub mod limit;
pub mod lists;
pub mod log;
mod menu;
pub mod overview;
pub mod phrase;
pub mod runs;
pub mod session;
pub mod stage;
pub mod symbols;
mod tiny;
pub mod vendor;
pub mod verdict;
pub mod why;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::hits::HitMap;
use super::look::Look;
use super::model::Model;
use super::screen::Screen;

/// Draws the screen that is open into `area`.
pub fn screen(model: &Model, look: &Look, area: Rect, buf: &mut Buffer, hits: &mut HitMap) {
    let draw = match model.screen {
        Screen::Overview => overview::draw,
        Screen::Symbols => symbols::draw,
        Screen::Coverage => coverage::draw,
        Screen::Detail => detail::draw,
        Screen::Executions => executions::draw,
        Screen::Vendor => vendor::draw,
        Screen::Failures => failures::draw,
        Screen::Log => log::draw,
    };
    draw(model, look, area, buf, hits);
    look.glyphs.settle(area, buf);
}
