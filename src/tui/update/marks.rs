//! Marks on series, and undoing.

use crate::draw::format;
use crate::model::msg::Effects;
use crate::model::{Model, Undo};
use barkeep_runtime::console::Level;

impl Model {
    pub(super) fn mark(&mut self) {
        let Some(series) = self.selected_series() else { return };
        self.remember_marks();
        if !self.symbols.marks.remove(&series) {
            self.symbols.marks.insert(series);
        }
    }

    /// Keeps the marks as they are, to be undone to.
    pub(super) fn remember_marks(&mut self) {
        self.push_undo(Undo::Marks(self.symbols.marks.clone()));
    }

    pub(super) fn push_undo(&mut self, undo: Undo) {
        const MOST: usize = 50;
        if self.undo.len() == MOST {
            self.undo.remove(0);
        }
        self.undo.push(undo);
    }

    pub(super) fn undo(&mut self, effects: &mut Effects) {
        match self.undo.pop() {
            Some(Undo::Marks(marks)) => {
                self.symbols.marks = marks;
                let marked = format::plural(self.symbols.marks.len(), "mark");
                self.show_toast(Level::Info, format!("undone: {marked}"), effects);
            }
            // What it undoes is not to be done again by the next one.
            Some(Undo::Send(what, command)) => self.send_once(what, command, effects),
            None => {}
        }
    }

    pub(super) fn mark_range(&mut self) {
        let Some(to) = self.selected_series() else { return };
        let Some(from) = self.symbols.range_from.take() else {
            self.symbols.range_from = Some(to);
            return;
        };
        let at = |name| (0..self.symbols.order.len()).find(|row| self.name_at(*row).as_ref() == Some(name));
        if let (Some(a), Some(b)) = (at(&from), at(&to)) {
            self.remember_marks();
            let range: Vec<_> = (a.min(b)..=a.max(b)).filter_map(|row| self.name_at(row)).collect();
            self.symbols.marks.extend(range);
        }
    }

    pub(super) fn mark_all(&mut self) {
        self.remember_marks();
        let all: Vec<_> = (0..self.symbols.order.len()).filter_map(|row| self.name_at(row)).collect();
        self.symbols.marks.extend(all);
    }
}
