//! `theme NAME` typed behind `:`: each name is shown while it is chosen, and Esc restores what was there.

use crossterm::event::{KeyCode, KeyEvent};
use tui_input::Input;

use crate::draw::theme::ThemeKind;
use crate::model::Model;
use crate::model::layer::Layer;
use crate::model::msg::{Effects, Redraw};
use barkeep_runtime::console::Level;

/// What stands behind `theme `.
pub(super) fn named(typed: &str) -> Option<&str> {
    typed.trim_start().strip_prefix("theme ").map(str::trim)
}

impl Model {
    /// Takes a key of the line `theme NAME`; says whether it was one.
    pub(super) fn key_in_theme_line(&mut self, event: KeyEvent, effects: &mut Effects) -> bool {
        let Some(Layer::Palette(menu)) = self.layers.last_mut() else { return false };
        let Some(name) = named(menu.input.value()).map(str::to_owned) else { return false };
        let before = *self.theme_before.get_or_insert(self.display.theme);
        let walked = match event.code {
            KeyCode::Esc => {
                self.display.theme = before;
                self.theme_before = None;
                self.layers.pop();
                None
            }
            KeyCode::Enter => {
                let Some(kind) = ThemeKind::named(&name) else {
                    let all = ThemeKind::ALL.map(ThemeKind::name).join(", ");
                    self.show_toast(Level::Error, format!("no theme '{name}'; use {all}"), effects);
                    return true;
                };
                self.display.theme = kind;
                self.theme_before = None;
                self.layers.pop();
                self.show_toast(Level::Info, format!("theme: {}", kind.name()), effects);
                None
            }
            KeyCode::Tab | KeyCode::Down => Some(next(&name, 1)),
            KeyCode::BackTab | KeyCode::Up => Some(next(&name, ThemeKind::ALL.len() - 1)),
            _ => return false,
        };
        if let (Some(kind), Some(Layer::Palette(menu))) = (walked, self.layers.last_mut()) {
            menu.input = Input::from(format!("theme {}", kind.name()));
        }
        self.preview_theme();
        effects.redraw = Redraw::Now;
        true
    }

    /// Shows the theme whose whole name stands in the line, and the one before where there is none.
    pub(super) fn preview_theme(&mut self) {
        let Some(before) = self.theme_before else { return };
        let typed = if let Some(Layer::Palette(menu)) = self.layers.last() {
            named(menu.input.value())
        } else {
            self.theme_before = None;
            return;
        };
        if typed.is_none() {
            self.theme_before = None;
        }
        self.display.theme = typed.and_then(ThemeKind::named).unwrap_or(before);
    }
}

/// The theme that completes what was typed; when that is complete, the one `steps` further.
fn next(typed: &str, steps: usize) -> ThemeKind {
    match ThemeKind::ALL.iter().position(|kind| kind.name() == typed) {
        Some(at) => ThemeKind::ALL.into_iter().cycle().nth(at + steps).unwrap_or_default(),
        None => ThemeKind::ALL.into_iter().find(|kind| kind.name().starts_with(typed)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tab_completes_and_then_walks_the_themes() {
        assert_eq!(next("gru", 1), ThemeKind::Gruvbox);
        assert_eq!(next("gruvbox", 1), ThemeKind::Nord);
        assert_eq!(next("dark", ThemeKind::ALL.len() - 1), ThemeKind::OkabeItoLight);
        assert_eq!((named("theme nord "), named("themes"), named("the")), (Some("nord"), None, None));
    }
}
