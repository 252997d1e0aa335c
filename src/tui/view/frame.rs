//! The whole frame: header, screen, footer, and the layers above them.
//!
//! ```text
//! header     what the engine does, vendor, database, clock, exchange
//! tabs       the screens, and how one got here
//! screen
//! footer     what can be done here, or the line that is being typed
//! ```
//! Below 40 columns or 10 rows one line says what matters most.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{description, footer, header, screen, tiny};
use crate::draw::canvas::Canvas;
use crate::draw::context::DrawContext;
use crate::draw::hits::HitMap;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::layer::Layer;
use crate::model::screen::Screen;
use crate::view::dialog::{command, confirm, menu, messages};
use barkeep_runtime::console::Link;

/// Less than this is one line.
pub const LEAST_WIDTH: u16 = 40;
pub const LEAST_HEIGHT: u16 = 10;
/// From here on there is a line for the screens.
const WITH_TABS: u16 = 14;

/// Draws everything.
#[must_use]
pub fn frame(model: &Model, context: &DrawContext, area: Rect, buf: &mut Buffer) -> HitMap {
    let mut hits = HitMap::default();
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return hits;
    }
    buf.set_style(area, context.theme.ground());
    if area.width < LEAST_WIDTH || area.height < LEAST_HEIGHT {
        tiny::draw(model, &mut Canvas::new(buf, context.theme, context.now), area, &mut hits);
        context.glyphs.apply(area, buf);
        return hits;
    }
    let tabs = u16::from(area.height >= WITH_TABS);
    let line = |y: u16| Rect::new(area.x, y, area.width, 1);
    let body = Rect::new(area.x, area.y + 1 + tabs, area.width, area.height - 2 - tabs);
    header::draw(model, &mut Canvas::new(buf, context.theme, context.now), line(area.y), &mut hits);
    if tabs > 0 {
        header::tabs(model, &mut Canvas::new(buf, context.theme, context.now), line(area.y + 1), &mut hits);
    }
    screen(model, context, body, buf, &mut hits);
    let canvas = &mut Canvas::new(buf, context.theme, context.now);
    if matches!(model.link, Link::Lost { .. }) {
        // The picture is an old one; what to make of it stays readable.
        let now = screen::overview::now_rows(body.height).min(body.height);
        let top = if model.screen == Screen::Overview { now } else { 0 };
        canvas.overlay(Rect::new(body.x, body.y + top, body.width, body.height - top), Role::Muted);
    }
    footer::toasts(model, canvas, body);
    footer::draw(model, canvas, line(area.bottom() - 1), &mut hits);
    match model.layers.last() {
        Some(Layer::Help(menu) | Layer::Palette(menu)) => menu::draw(model, menu, canvas, body, &mut hits),
        Some(Layer::Command(line)) => command::draw(model, line, canvas, body, &mut hits),
        Some(Layer::Confirm(question)) => confirm::draw(model, question, canvas, body, &mut hits),
        Some(Layer::Messages(offset)) => messages::draw(model, *offset, canvas, body),
        Some(Layer::Why(skip)) => description::panel::pop_up(model, *skip, canvas, body),
        Some(Layer::Filter { .. }) | None => {}
    }
    context.glyphs.apply(area, buf);
    hits
}
