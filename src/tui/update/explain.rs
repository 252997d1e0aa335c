//! The pop-up about the selected row, and going from match to match in the log.

use crossterm::event::{KeyCode, KeyEvent};

use crate::model::layer::Layer;
use crate::model::msg::Effects;
use crate::model::screen::ListId;
use crate::model::{Model, containing};
use crate::terminal::keys::Key;
use barkeep_runtime::console::Level;

/// Lines of a step through a long text.
const STEP: usize = 8;

impl Model {
    /// Another row, more of the text, or the pop-up closes and the key means what it always does.
    pub(super) fn key_in_why(&mut self, event: KeyEvent, effects: &mut Effects) {
        let skip = if let Some(Layer::Why(skip)) = self.layers.pop() { skip } else { 0 };
        let skip = match event.code {
            KeyCode::Up | KeyCode::Char('k') => {
                self.move_by(-1);
                0
            }
            KeyCode::Down | KeyCode::Char('j') => {
                self.move_by(1);
                0
            }
            KeyCode::PageDown => skip.saturating_add(STEP),
            KeyCode::PageUp => skip.saturating_sub(STEP),
            KeyCode::Esc | KeyCode::Char('q' | 'd') => return,
            _ => return self.press(Key::from(event), effects),
        };
        self.layers.push(Layer::Why(skip));
    }

    /// Goes to the next line of the log that fits the last filter, whether it is on or not; past the end it goes on at
    /// the other one.
    pub(super) fn next_match(&mut self, step: isize, effects: &mut Effects) {
        let len = self.len_of(ListId::Log);
        let Some(from) = self.cursor(ListId::Log) else { return };
        let fits = containing(&self.log.sought);
        let matching: Vec<usize> =
            self.log.lines().enumerate().filter(|(_, line)| fits(line)).map(|(row, _)| row).collect();
        let next = if step > 0 {
            matching.iter().find(|row| **row > from).or(matching.first())
        } else {
            matching.iter().rev().find(|row| **row < from).or(matching.last())
        };
        let Some(row) = next.copied().filter(|row| *row < len) else {
            let text = format!("no line has '{}'", self.log.sought);
            return self.show_toast(Level::Info, text, effects);
        };
        self.log.follow = false;
        self.select_by_hand(ListId::Log, row);
    }
}
