//! The mouse: a click means what the last frame drew there.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use crate::actions::spec;
use crate::draw::hits::ClickTarget;
use crate::model::Model;
use crate::model::layer::Layer;
use crate::model::msg::{Effects, Redraw};
use crate::model::screen::ListId;

/// Rows of one turn of the wheel.
const WHEEL: isize = 3;

impl Model {
    pub(super) fn mouse(&mut self, event: MouseEvent, effects: &mut Effects) {
        if !self.display.mouse {
            return;
        }
        let target = self.hits.at(event.column, event.row);
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => self.click(target, effects),
            MouseEventKind::ScrollUp => self.wheel(target, -WHEEL, effects),
            MouseEventKind::ScrollDown => self.wheel(target, WHEEL, effects),
            // Moving alone changes nothing.
            _ => {}
        }
    }

    fn click(&mut self, target: Option<ClickTarget>, effects: &mut Effects) {
        effects.redraw = Redraw::Now;
        match self.layers.last() {
            Some(Layer::Help(_) | Layer::Palette(_)) => match target {
                Some(ClickTarget::Line(line)) => self.run_line(line, effects),
                _ => drop(self.layers.pop()),
            },
            Some(Layer::Confirm(_)) => match target {
                Some(ClickTarget::Yes) => self.answer(true, effects),
                Some(ClickTarget::No) => self.answer(false, effects),
                _ => {}
            },
            Some(Layer::Filter { .. } | Layer::Command(_) | Layer::Messages(_) | Layer::Why(_)) => {
                drop(self.layers.pop());
            }
            None => self.click_on_screen(target, effects),
        }
    }

    fn click_on_screen(&mut self, target: Option<ClickTarget>, effects: &mut Effects) {
        match target {
            Some(ClickTarget::Screen(screen)) => self.go(screen),
            Some(ClickTarget::List(list)) => self.focus_list(list),
            Some(ClickTarget::Row(list, row)) => {
                // A click on what is selected opens it.
                let again = self.focus() == list && self.cursor(list) == Some(row);
                self.focus_list(list);
                if list == ListId::Log {
                    self.log.follow = false;
                }
                self.select_by_hand(list, row);
                if again && let Some(open) = spec(crate::actions::ActionId::Open) {
                    self.act(open, effects);
                }
            }
            Some(ClickTarget::Day(row, date)) => {
                self.select_by_hand(ListId::Coverage, row);
                self.coverage.date = Some(date);
            }
            Some(ClickTarget::Bar(at)) => self.detail.at = Some(at),
            Some(ClickTarget::Column(by)) => self.sort_by(by),
            Some(ClickTarget::Begin(key)) => self.typed = vec![key],
            Some(ClickTarget::Action(id)) => {
                if let Some(spec) = spec(id) {
                    self.act(spec, effects);
                }
            }
            Some(ClickTarget::Line(_) | ClickTarget::Yes | ClickTarget::No) | None => effects.redraw = Redraw::No,
        }
    }

    fn wheel(&mut self, target: Option<ClickTarget>, rows: isize, effects: &mut Effects) {
        effects.redraw = Redraw::Now;
        if !self.layers.is_empty() {
            self.move_in_menu(rows);
            return;
        }
        if let Some(ClickTarget::List(list) | ClickTarget::Row(list, _)) = target {
            self.focus_list(list);
        }
        self.move_by(rows);
    }
}
