//! How the dashboard changes: one message in, the next state and what is to be done out. No I/O, no clock, no waiting.

mod act;
mod commands;
mod layers;
mod mouse;
mod moves;
mod requests;
mod row_text;

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyEvent, KeyEventKind};
use ratatui::layout::Size;

use super::model::{Model, Now};
use crate::draw::format::plural;
use crate::draw::hits::HitMap;
use crate::model::msg::{Effects, Exit, Msg, Redraw};
use crate::terminal::keys::Key;
use barkeep_monitor::snapshot::Snapshot;
use barkeep_runtime::console::Level;

impl Model {
    /// Takes in one message.
    #[must_use]
    pub fn update(&mut self, msg: Msg, now: Now) -> Effects {
        self.now = now;
        let mut effects = Effects::default();
        if self.toasts.expire(now.since_start) {
            effects.redraw = Redraw::Now;
        }
        match msg {
            Msg::Key(key) => self.key(key, &mut effects),
            Msg::Mouse(event) => self.mouse(event, &mut effects),
            Msg::Paste(text) => self.paste(&text, &mut effects),
            Msg::Resize(width, height) => {
                self.size = Size::new(width, height);
                effects.redraw = Redraw::Now;
            }
            Msg::Focus(focused) => {
                self.focused = focused;
                effects.redraw = effects.redraw.max(if focused { Redraw::Now } else { Redraw::No });
            }
            Msg::Snapshot(snapshot) => self.see(snapshot, &mut effects),
            Msg::Link(link) => {
                self.link = link;
                effects.redraw = Redraw::Now;
            }
            Msg::LogLine(notice) => {
                self.log.add(notice);
                self.log_changed(&mut effects);
            }
            Msg::Skipped(lines) => {
                self.log.skipped += lines;
                if self.frozen.is_none() {
                    self.toasts.show(Level::Warn, format!("{lines} log lines skipped"), now.since_start);
                    effects.redraw = effects.redraw.max(Redraw::Soon);
                }
            }
            Msg::Answered { request, data_at, response } => self.answered(&request, data_at, response, &mut effects),
            Msg::CommandFinished { id, outcome } => self.command_finished(id, outcome, &mut effects),
            Msg::Saved(saved) => {
                let (level, text) = match saved {
                    Ok(path) => (Level::Info, format!("screenshot saved: {} (and .txt)", path.display())),
                    Err(error) => (Level::Error, format!("screenshot failed: {error}")),
                };
                self.show_toast(level, text, &mut effects);
            }
            Msg::Tick => effects.redraw = effects.redraw.max(Redraw::Now),
            Msg::Quit => self.quit(&mut effects),
        }
        self.request_what_is_visible(&mut effects);
        effects
    }

    /// Takes in what a frame showed: it may want details of what has come into sight.
    #[must_use]
    pub fn drawn(&mut self, hits: HitMap) -> Effects {
        let mut effects = Effects::default();
        self.hits = hits;
        self.request_what_is_visible(&mut effects);
        effects
    }

    /// When something happens without a message: a toast expires, or a request may be repeated.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.toasts.next_expiry().into_iter().chain(self.next_request_at()).min()
    }

    /// Shows a short text at the bottom of the screen.
    fn show_toast(&mut self, level: Level, text: impl Into<String>, effects: &mut Effects) {
        self.toasts.show(level, text, self.now.since_start);
        effects.redraw = Redraw::Now;
    }

    fn see(&mut self, snapshot: Arc<Snapshot>, effects: &mut Effects) {
        self.newest = snapshot;
        if self.frozen.is_none() {
            self.show_newest();
            effects.redraw = effects.redraw.max(Redraw::Soon);
        }
    }

    /// Shows the newest snapshot.
    fn show_newest(&mut self) {
        let same_series = Arc::ptr_eq(&self.snap.data, &self.newest.data);
        self.snap = Arc::clone(&self.newest);
        if !same_series {
            self.keep_selection(Self::reorder);
        }
    }

    fn log_changed(&mut self, effects: &mut Effects) {
        if self.frozen.is_none() && self.screen == crate::model::screen::Screen::Log {
            effects.redraw = effects.redraw.max(Redraw::Soon);
        }
    }

    fn key(&mut self, event: KeyEvent, effects: &mut Effects) {
        // Windows and some terminals also report releases.
        if event.kind == KeyEventKind::Release {
            return;
        }
        effects.redraw = Redraw::Now;
        if self.layers.is_empty() {
            self.press(Key::from(event), effects);
        } else {
            self.key_in_layer(event, effects);
        }
    }

    /// Runs the action of a key on this screen.
    fn press(&mut self, key: Key, effects: &mut Effects) {
        let keymap = Arc::clone(&self.keymap);
        if let Some(spec) = keymap.action(key, self.screen) {
            self.act(spec, effects);
        } else if let Some(spec) = keymap.meant(key).next() {
            let title = spec.any_title();
            self.show_toast(Level::Info, format!("{title} ({key}) is not available on this screen"), effects);
        } else {
            effects.redraw = Redraw::No;
        }
    }

    fn quit(&mut self, effects: &mut Effects) {
        if self.quitting {
            effects.quit = Some(Exit::Now);
            return;
        }
        self.quitting = true;
        effects.quit = Some(Exit::Drain);
        let running = crate::view::phrase::on_the_wire(&self.newest.live);
        let more = if running > 0 { format!(" after finishing {}", plural(running, "request")) } else { String::new() };
        let key = self.keymap.hint(super::actions::ActionId::Quit).unwrap_or_default();
        self.show_toast(Level::Warn, format!("quitting{more}; press {key} again to quit at once"), effects);
    }
}
