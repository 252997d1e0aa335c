//! Tables: columns as data, and only the rows in sight.
//!
//! A table of fifty thousand rows costs as much as one of fifty: a cell is made only when its row is in the window.
//! Columns that do not fit are left out, lowest priority first.

use ratatui::layout::Rect;

use crate::draw::canvas::{Canvas, Line};
use crate::draw::glyphs::{ASCENDING, CURSOR, DESCENDING, MARK};
use crate::draw::hits::{ClickTarget, HitMap, ListWindow};
use crate::draw::layout::{Constraint, split};
use crate::draw::theme::Role;
use crate::model::screen::ListId;
use crate::model::sort::{Sort, SortBy};

/// A column; `K` names it.
#[derive(Clone, Copy, Debug)]
pub struct Column<K> {
    pub key: K,
    pub title: &'static str,
    pub min: u16,
    pub max: u16,
    /// The higher, the longer it stays on narrow screens.
    pub priority: u8,
    /// Figures end at the same place.
    pub right: bool,
    /// What a click on its title sorts by.
    pub sort: Option<SortBy>,
}

impl<K> Column<K> {
    /// A column of a fixed width.
    #[must_use]
    pub const fn new(key: K, title: &'static str, width: u16, priority: u8) -> Self {
        Self { key, title, min: width, max: width, priority, right: false, sort: None }
    }

    #[must_use]
    pub const fn right(mut self) -> Self {
        self.right = true;
        self
    }

    /// Takes what is left over, up to this.
    #[must_use]
    pub const fn up_to(mut self, max: u16) -> Self {
        self.max = max;
        self
    }

    #[must_use]
    pub const fn sorts(mut self, by: SortBy) -> Self {
        self.sort = Some(by);
        self
    }
}

/// The place of a cell.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub x: u16,
    pub y: u16,
    pub width: u16,
    pub right: bool,
}

impl Slot {
    pub fn text(self, canvas: &mut Canvas, text: &str, role: Role) {
        if self.right {
            canvas.right(self.x, self.y, self.width, text, role);
        } else {
            canvas.text(self.x, self.y, self.width, text, role);
        }
    }

    pub fn line(self, canvas: &mut Canvas, line: &Line) {
        if self.right {
            canvas.line_right(self.x, self.y, self.width, line);
        } else {
            canvas.line(self.x, self.y, self.width, line);
        }
    }
}

/// A list as a table shows it.
pub struct Table<'a, K> {
    pub list: ListId,
    pub columns: &'a [Column<K>],
    pub len: usize,
    pub cursor: Option<usize>,
    /// Whether keys go to it: only then the cursor is shown.
    pub focused: bool,
    pub sort: Option<Sort>,
    /// Every column at its least width, without so many behind the first; `None`: those that fit.
    pub wide: Option<usize>,
    /// What the last frame showed of it.
    pub before: ListWindow,
    /// Shown when it has no rows.
    pub empty: &'a [Line],
}

/// Room for the cursor and the mark, and air.
const GUTTER: u16 = 3;
/// Between columns.
const GAP: u16 = 2;

impl<K: Copy> Table<'_, K> {
    /// Draws it and returns the rows in sight.
    pub fn draw(
        &self,
        canvas: &mut Canvas,
        hits: &mut HitMap,
        area: Rect,
        marked: impl Fn(usize) -> bool,
        mut cell: impl FnMut(&mut Canvas, Slot, K, usize),
    ) -> ListWindow {
        hits.add(area, ClickTarget::List(self.list));
        if area.is_empty() {
            hits.window(self.list, ListWindow::default());
            return ListWindow::default();
        }
        // The last cell is for the sign of more columns.
        let margin = GUTTER + u16::from(self.wide.is_some());
        let places = self.places(area.width.saturating_sub(margin), hits);
        let titled = self.columns.iter().any(|c| !c.title.is_empty());
        let header = titled && area.height > 3 && self.len > 0;
        let body = if header { Rect::new(area.x, area.y + 1, area.width, area.height - 1) } else { area };
        if header {
            for (column, place) in self.columns.iter().zip(&places) {
                let Some((start, width)) = *place else { continue };
                let slot = Slot { x: area.x + GUTTER + start, y: area.y, width, right: column.right };
                self.title(canvas, hits, slot, column);
            }
            if self.wide.is_some_and(|skipped| skipped > 0) {
                canvas.text(area.x, area.y, 1, "<", Role::Key);
            }
            if self.wide.is_some() && places.last().is_some_and(Option::is_none) {
                canvas.text(area.right().saturating_sub(1), area.y, 1, ">", Role::Key);
            }
        }
        if self.len == 0 {
            canvas.center(body, self.empty);
        }
        let window = self.before.around(self.cursor, self.len, usize::from(body.height));
        hits.window(self.list, window);
        for (line, row) in (body.y..body.bottom()).zip(window.offset..self.len) {
            let whole = Rect::new(body.x, line, body.width, 1);
            hits.add(whole, ClickTarget::Row(self.list, row));
            for (column, place) in self.columns.iter().zip(&places) {
                let Some((start, width)) = *place else { continue };
                let slot = Slot { x: body.x + GUTTER + start, y: line, width, right: column.right };
                cell(canvas, slot, column.key, row);
            }
            if marked(row) {
                canvas.text(body.x + 1, line, 1, MARK, Role::Marked);
            }
            if self.focused && self.cursor == Some(row) {
                canvas.text(body.x, line, 1, CURSOR, Role::Accent);
                canvas.overlay(whole, Role::Selected);
            }
        }
        window
    }

    /// Where each column is, if it is in sight.
    fn places(&self, room: u16, hits: &mut HitMap) -> Vec<Option<(u16, u16)>> {
        let constraint = |c: &Column<K>| Constraint::new(c.min, c.max, c.priority);
        let Some(skipped) = self.wide else {
            return split(room, GAP, &self.columns.iter().map(constraint).collect::<Vec<_>>());
        };
        // The first column names the row and stays; the last one can always be reached.
        let skipped = skipped.min(self.columns.len().saturating_sub(2));
        let (mut used, mut end) = (0, self.columns.len());
        for (k, column) in self.columns.iter().enumerate().filter(|(k, _)| *k == 0 || *k > skipped) {
            let needs = column.min + if k == 0 { 0 } else { GAP };
            if used + needs > room && k > skipped + 1 {
                end = k;
                break;
            }
            used += needs;
        }
        if self.focused {
            hits.columns_outside = self.columns.len() - end;
        }
        let shown = |k: usize| k == 0 || (k > skipped && k < end);
        let mut kept: Vec<Constraint> =
            self.columns.iter().enumerate().filter(|(k, _)| shown(*k)).map(|(_, c)| constraint(c)).collect();
        if let [first, only] = kept.as_mut_slice() {
            only.min = only.min.min(room.saturating_sub(first.min + GAP)).max(1);
        }
        let mut places = split(room, GAP, &kept).into_iter();
        (0..self.columns.len()).map(|k| if shown(k) { places.next().flatten() } else { None }).collect()
    }

    fn title(&self, canvas: &mut Canvas, hits: &mut HitMap, slot: Slot, column: &Column<K>) {
        let Some(by) = column.sort else { return slot.text(canvas, column.title, Role::Header) };
        hits.add(Rect::new(slot.x, slot.y, slot.width, 1), ClickTarget::Column(by));
        match self.sort.filter(|sort| sort.by == by) {
            Some(sort) => {
                let arrow = if sort.reversed { ASCENDING } else { DESCENDING };
                slot.line(canvas, &Line::of(Role::Accent, column.title).span(Role::Accent, arrow));
            }
            None => slot.text(canvas, column.title, Role::Header),
        }
    }
}

/// `3-31 of 340`, or nothing when all of it is in sight.
#[must_use]
pub fn range(window: ListWindow, len: usize) -> String {
    if window.height >= len {
        return String::new();
    }
    let count = |n: usize| crate::draw::format::count(n);
    format!("{}-{} of {}", count(window.offset + 1), count((window.offset + window.height).min(len)), count(len))
}
