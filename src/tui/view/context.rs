//! What a screen draws with: the model, the canvas, and the map of what was drawn where.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::draw::canvas::{Canvas, Line, wrap};
use crate::draw::context::DrawContext;
use crate::draw::hits::HitMap;
use crate::draw::theme::Role;
use crate::model::Model;
use crate::model::answers::ShownAnswer;
use crate::model::screen::ListId;
use crate::widgets::table::{Column, Slot, Table, range};
use barkeep_market::Ts;

/// One frame of one screen.
pub struct ViewContext<'a> {
    pub model: &'a Model,
    pub canvas: Canvas<'a>,
    pub hits: &'a mut HitMap,
}

impl<'a> ViewContext<'a> {
    #[must_use]
    pub fn new(model: &'a Model, context: &DrawContext, area: Rect, buf: &'a mut Buffer, hits: &'a mut HitMap) -> Self {
        Self { model, canvas: Canvas::new(buf, context.theme, context.now).within(area), hits }
    }

    #[must_use]
    pub const fn now(&self) -> Ts {
        self.canvas.now
    }

    /// A frame around a list; it stands out while the list has the focus.
    #[allow(clippy::needless_pass_by_value, reason = "titles are made where they are handed over")]
    pub fn list_panel(&mut self, list: ListId, area: Rect, title: Line, tail: &Line) -> Rect {
        let focused = self.model.has_focus(list);
        let several = self.model.screen.lists().len() > 1;
        let frame = if focused && several { Role::BorderFocused } else { Role::Border };
        self.canvas.block(area, &title, tail, frame)
    }

    /// A frame around something that is no list.
    pub fn panel(&mut self, area: Rect, title: &str, tail: &Line) -> Rect {
        self.canvas.panel(area, &Line::of(Role::Title, title), tail)
    }

    /// A list as a table in a frame, with the rows in sight named at the end of its title.
    pub fn table<K: Copy>(
        &mut self,
        list: ListId,
        area: Rect,
        title: Line,
        columns: &[Column<K>],
        empty: &[Line],
        cell: impl FnMut(&mut Canvas, Slot, K, usize),
    ) {
        self.table_with_details(list, area, title, columns, empty, cell, |_| None);
    }

    /// The same; where there is room below the rows, the full text of the selected one is shown there.
    #[allow(clippy::too_many_arguments, reason = "a table is its parts; a struct of them would be used once")]
    pub fn table_with_details<K: Copy>(
        &mut self,
        list: ListId,
        area: Rect,
        title: Line,
        columns: &[Column<K>],
        empty: &[Line],
        cell: impl FnMut(&mut Canvas, Slot, K, usize),
        full: impl Fn(usize) -> Option<String>,
    ) {
        let len = self.model.len_of(list);
        let frame = area.height >= 3 && area.width >= 4;
        let before = self.model.hits.window_of(list);
        // The title is drawn first and names the rows that will be in sight.
        let height = usize::from(area.height.saturating_sub(if frame { 2 } else { 0 }));
        let titled = columns.iter().any(|c| !c.title.is_empty());
        let rows = if titled && height > 3 && len > 0 { height - 1 } else { height };
        let cursor = self.model.cursor(list);
        let tail = Line::of(Role::Muted, range(before.around(cursor, len, rows), len));
        let filter = self.model.filters.get(&list).filter(|text| !text.is_empty());
        let title = match filter {
            Some(text) => title.span(Role::Muted, "  filter ").span(Role::Accent, text.clone()),
            None => title,
        };
        let nothing = [Line::of(Role::Muted, "no row matches "), Line::of(Role::Muted, "Esc shows all of them")];
        let empty = if filter.is_some() { &nothing[..] } else { empty };
        let inner = self.list_panel(list, area, title, &tail);
        let focused = self.model.has_focus(list);
        let wide = self.model.wide.filter(|_| focused);
        let table = Table { list, columns, len, cursor, focused, sort: None, wide, before, empty };
        table.draw(&mut self.canvas, self.hits, inner, |_| false, cell);
        let text = cursor.filter(|_| table.focused && inner.width > 8).and_then(full).unwrap_or_default();
        let lines = u16::try_from(wrap(&text, inner.width).len()).unwrap_or(u16::MAX);
        let used = u16::try_from(len).unwrap_or(u16::MAX).saturating_add(2);
        if lines > 0 && used.saturating_add(lines) <= inner.height {
            let y = inner.bottom() - lines;
            self.canvas.repeat(inner.x, y - 1, inner.width, "╌", Role::Border);
            self.canvas.paragraph(Rect::new(inner.x, y, inner.width, lines), &text, Role::Text);
        }
    }
}

/// The text in place of an answer: loading, an error, or that it is empty.
#[must_use]
pub fn absence<T: ?Sized>(answer: &ShownAnswer<'_, T>, nothing: &[Line]) -> Vec<Line> {
    match (answer.value, answer.error) {
        (None, Some(error)) => vec![
            Line::of(Role::Bad, "cannot be read"),
            Line::of(Role::Muted, barkeep_base::text::printable(&error.to_string())),
        ],
        (None, None) => vec![Line::of(Role::Muted, "loading …")],
        (Some(_), _) => nothing.to_vec(),
    }
}

/// A remark when what is shown is older than the last attempt to read it.
#[must_use]
pub fn outdated<T: ?Sized>(answer: &ShownAnswer<'_, T>, now: Ts) -> Line {
    match (answer.value, answer.error, answer.at) {
        (Some(_), Some(error), Some(at)) => Line::of(
            Role::Warn,
            format!(
                "as of {}: {}",
                crate::draw::format::due(at, now),
                barkeep_base::text::printable(&error.to_string())
            ),
        ),
        _ => Line::new(),
    }
}
