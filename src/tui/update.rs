//! How the dashboard changes: one message in, the next state and what is to be done out. No I/O, no clock, no waiting.

mod act;
mod command_line;
mod commands;
mod explain;
mod layers;
mod marks;
mod mouse;
mod moves;
mod requests;
mod row_text;
mod sending;
mod themes;

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};
use ratatui::layout::Size;

use super::model::{Model, Now};
use crate::actions::ActionId;
use crate::draw::format::plural;
use crate::draw::hits::HitMap;
use crate::keymap::Meaning;
use crate::model::msg::{Effects, Exit, Msg, Redraw};
use crate::model::screen::Screen;
use crate::terminal::keys::{Key, Keys};
use barkeep_monitor::snapshot::Snapshot;
use barkeep_runtime::console::{Access, Level, Link};

/// Where the announcements of a demonstration come from.
const DEMO: &str = "demo";

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
            Msg::Arranged(arranged) => {
                let (seq, live) = (self.newest.seq, Arc::clone(&self.newest.live));
                let snapshot = Snapshot { seq, live, data: Arc::clone(&arranged.data) };
                self.arranged = Some(arranged);
                self.see(Arc::new(snapshot), &mut effects);
            }
            Msg::Link(link) => {
                self.link = link;
                effects.redraw = Redraw::Now;
            }
            Msg::LogLine(notice) => {
                // Whoever looks at another screen must not take what a demonstration does for a fault.
                if notice.source == DEMO {
                    self.show_toast(notice.level, notice.text.clone(), &mut effects);
                }
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
            Msg::ThemeFile(read) => self.theme_edited(read, &mut effects),
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
        for snap in [Arc::clone(&self.snap), Arc::clone(&self.newest)] {
            if let Some(since) = snap.live.runs.iter().map(|run| run.started_at).min() {
                self.works(since);
            }
        }
        self.snap = Arc::clone(&self.newest);
        if !same_series {
            self.keep_selection(Self::arrange);
        }
    }

    fn log_changed(&mut self, effects: &mut Effects) {
        let tail = crate::view::shows_log(self.screen, self.size.width);
        if self.frozen.is_none() && (self.screen == Screen::Log || tail) {
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

    /// Runs the action of a key on this screen, or of several pressed one after the other.
    fn press(&mut self, key: Key, effects: &mut Effects) {
        let said = self.footnote.take().is_some();
        let mut typed = std::mem::take(&mut self.typed);
        if !typed.is_empty() && key.code == KeyCode::Esc {
            return;
        }
        typed.push(key);
        let keymap = Arc::clone(&self.keymap);
        match keymap.meaning(&typed, self.screen) {
            Meaning::Action(spec) => self.act(spec, effects),
            Meaning::Begun => self.typed = typed,
            Meaning::Nothing => {
                let elsewhere = keymap.meant(key).next().filter(|_| typed.len() == 1);
                let name = Keys(typed).to_string();
                if let Some(spec) = elsewhere {
                    let title = spec.any_title();
                    self.show_toast(Level::Info, format!("{title} ({key}) is not available on this screen"), effects);
                } else if self.unknown.insert(name.clone()) {
                    let help =
                        keymap.hint(ActionId::Help).map_or_else(String::new, |key| format!("; {key} lists keys"));
                    self.footnote = Some(format!("no action on '{name}'{help}"));
                } else if !said {
                    effects.redraw = Redraw::No;
                }
            }
        }
    }

    /// Quits, after a question when an engine would stop. A second press does not change what stays on the terminal.
    fn ask_to_quit(&mut self, keeps_screen: bool, effects: &mut Effects) {
        self.keeps_screen = if self.quitting { self.keeps_screen } else { keeps_screen };
        // An engine elsewhere goes on, and nothing is lost of a demonstration.
        let stops = matches!(self.link, Link::Embedded) && self.label.is_none() && self.access == Access::Operate;
        if self.quitting || !stops {
            return self.quit(effects);
        }
        self.confirm_quit();
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
        let key = self.keymap.hint(ActionId::Quit).unwrap_or_default();
        self.show_toast(Level::Warn, format!("quitting{more}; press {key} again to quit at once"), effects);
    }
}
