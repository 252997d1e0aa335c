//! What was said in the last minutes, newest first.

use ratatui::layout::Rect;

use crate::draw::canvas::{Canvas, Line};
use crate::draw::format::{clock, plural};
use crate::draw::theme::Role;
use crate::model::Model;
use crate::view::phrase;

pub(crate) fn draw(model: &Model, offset: usize, canvas: &mut Canvas<'_>, body: Rect) {
    let past = model.toasts.past();
    let count = past.len();
    let width = body.width.min(100);
    let height = body.height.min(u16::try_from(count.max(1)).unwrap_or(u16::MAX).saturating_add(2)).max(3);
    let area = Rect::new(body.x + (body.width - width) / 2, body.y, width, height.min(body.height));
    canvas.clear(area);
    let tail = Line::of(Role::Muted, plural(count, "message"));
    let inner = canvas.block(area, &Line::of(Role::Title, "Messages"), &tail, Role::BorderFocused);
    if count == 0 {
        canvas.text(inner.x, inner.y, inner.width, "no messages yet", Role::Muted);
        return;
    }
    for (y, (at, level, text)) in (inner.y..inner.bottom()).zip(past.skip(offset)) {
        let ago = model.now.since_start.saturating_sub(*at);
        let at = model.now.wall - ago;
        let line = Line::of(Role::Muted, format!("{} ", clock(at))).span(phrase::level(*level), text.clone());
        canvas.line(inner.x, y, inner.width, &line);
    }
}
