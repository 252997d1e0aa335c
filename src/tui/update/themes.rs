//! `theme NAME` typed behind `:`: each name is shown while it is chosen, and Esc restores what was there.

use crossterm::event::{KeyCode, KeyEvent};
use tui_input::Input;

use crate::draw::theme::{Look, OwnTheme, ThemeKind};
use crate::model::Model;
use crate::model::layer::Layer;
use crate::model::msg::{Effects, Redraw};
use barkeep_runtime::console::Level;

/// What stands behind `theme `.
pub(super) fn named(typed: &str) -> Option<&str> {
    typed.trim_start().strip_prefix("theme ").map(str::trim)
}

impl Model {
    /// The theme that is on.
    fn look(&self) -> Look {
        self.own_theme.map_or(Look::Shipped(self.display.theme), Look::Own)
    }

    pub(super) fn put_on(&mut self, look: Look) {
        match look {
            Look::Shipped(kind) => (self.display.theme, self.own_theme) = (kind, None),
            Look::Own(own) => self.own_theme = Some(own),
        }
    }

    /// Every theme there is, those of one's own last.
    fn looks(&self) -> Vec<Look> {
        let own = self.own_themes.iter().copied().map(Look::Own);
        ThemeKind::ALL.into_iter().map(Look::Shipped).chain(own).collect()
    }

    /// The one after the one that is on.
    pub(super) fn next_look(&self) -> Look {
        let (looks, on) = (self.looks(), self.look());
        let at = looks.iter().position(|look| *look == on).unwrap_or(0);
        looks.get(at + 1).or(looks.first()).copied().unwrap_or(on)
    }

    fn look_named(&self, name: &str) -> Option<Look> {
        self.looks().into_iter().find(|look| look.name() == name)
    }

    /// Takes in what became of the file of the theme that is on; while it is broken the theme stays as it was.
    pub(super) fn theme_edited(&mut self, read: Result<OwnTheme, String>, effects: &mut Effects) {
        let theme = match read {
            Ok(theme) => theme,
            Err(e) => return self.show_toast(Level::Error, e, effects),
        };
        let known = self.own_themes.iter_mut().chain(self.own_theme.as_mut());
        let before = self.theme_before.as_mut().and_then(|look| match look {
            Look::Own(own) => Some(own),
            Look::Shipped(_) => None,
        });
        for own in known.chain(before).filter(|own| own.is_of_file(theme)) {
            *own = theme;
        }
        self.show_toast(Level::Info, format!("theme: {}, as it is in its file now", theme.name()), effects);
    }

    /// Takes a key of the line `theme NAME`; says whether it was one.
    pub(super) fn key_in_theme_line(&mut self, event: KeyEvent, effects: &mut Effects) -> bool {
        let Some(Layer::Palette(menu)) = self.layers.last() else { return false };
        let Some(name) = named(menu.input.value()).map(str::to_owned) else { return false };
        let (on, looks) = (self.look(), self.looks());
        let before = *self.theme_before.get_or_insert(on);
        let walked = match event.code {
            KeyCode::Esc => {
                self.put_on(before);
                self.theme_before = None;
                self.layers.pop();
                None
            }
            KeyCode::Enter => {
                let Some(look) = self.look_named(&name) else {
                    let all = looks.iter().map(|look| look.name()).collect::<Vec<_>>().join(", ");
                    self.show_toast(Level::Error, format!("no theme '{name}'; use {all}"), effects);
                    return true;
                };
                self.put_on(look);
                self.theme_before = None;
                self.layers.pop();
                self.show_toast(Level::Info, format!("theme: {}", look.name()), effects);
                None
            }
            KeyCode::Tab | KeyCode::Down => Some(next(&looks, &name, 1)),
            KeyCode::BackTab | KeyCode::Up => Some(next(&looks, &name, looks.len().saturating_sub(1))),
            _ => return false,
        };
        if let (Some(name), Some(Layer::Palette(menu))) = (walked, self.layers.last_mut()) {
            menu.input = Input::from(format!("theme {name}"));
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
        let look = typed.and_then(|name| self.look_named(name)).unwrap_or(before);
        self.put_on(look);
    }
}

/// The theme that completes what was typed; when that is complete, the one `steps` further.
fn next(looks: &[Look], typed: &str, steps: usize) -> &'static str {
    let next = match looks.iter().position(|look| look.name() == typed) {
        Some(at) => looks.iter().cycle().nth(at + steps),
        None => looks.iter().find(|look| look.name().starts_with(typed)),
    };
    next.or(looks.first()).map_or("", |look| look.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tab_completes_and_then_walks_the_themes() {
        let looks = ThemeKind::ALL.map(Look::Shipped);
        assert_eq!(next(&looks, "gru", 1), "gruvbox");
        assert_eq!(next(&looks, "gruvbox", 1), "nord");
        assert_eq!(next(&looks, "dark", ThemeKind::ALL.len() - 1), "okabe-ito-light");
        assert_eq!(next(&looks, "nothing", 1), "dark");
        assert_eq!((named("theme nord "), named("themes"), named("the")), (Some("nord"), None, None));
    }
}
