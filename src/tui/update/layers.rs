//! Keys that go to the uppermost layer: text into its line, a choice among what it lists, yes or no.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler as _;

use crate::actions::{ACTIONS, ActionId, SIGNS, Sign, Spec};
use crate::model::Model;
use crate::model::layer::{Cost, Layer, Menu, Then};
use crate::model::msg::Effects;
use crate::model::row_filter::complete;
use crate::update::commands::sentence;

/// The longest line that can be typed or pasted.
const MAX_INPUT: usize = 200;

/// Filters that can be recalled.
const MAX_HISTORY: usize = 50;

/// What a layer makes of a key.
enum Outcome {
    Stay,
    Close,
    /// The filter is now this.
    Filter(String),
    /// Closed with this filter, which can be recalled.
    Filtered(String),
    /// Closed, and the filter is again this.
    Unfilter(String),
    Run(&'static Spec),
    Confirmed,
}

impl Model {
    pub(super) fn key_in_layer(&mut self, event: KeyEvent, effects: &mut Effects) {
        // Quitting by Ctrl-C must work everywhere.
        if event.code == KeyCode::Char('c') && event.modifiers.contains(KeyModifiers::CONTROL) {
            self.layers.clear();
            self.quit(effects);
            return;
        }
        if self.key_in_theme_line(event, effects) {
            return;
        }
        if let Some(Layer::Why(_)) = self.layers.last() {
            return self.key_in_why(event, effects);
        }
        if event.code == KeyCode::Enter
            && let Some(symbol) = self.typed_symbol()
        {
            return self.open_typed(symbol);
        }
        let (listed, len) = (self.listed(), self.menu_len());
        let (list, history) = (self.filtered_list(), self.typed_filters.clone());
        let messages = self.toasts.past().len().saturating_sub(1);
        let page = isize::try_from(self.size.height / 2).unwrap_or(1);
        let outcome = match self.layers.last_mut() {
            None => return,
            Some(Layer::Help(menu) | Layer::Palette(menu)) => key_in_menu(menu, &listed, len, page, event),
            Some(Layer::Command(_)) => return self.key_in_command_line(event, effects),
            Some(Layer::Filter { input, before, recalled }) => match event.code {
                KeyCode::Enter => Outcome::Filtered(input.value().to_owned()),
                KeyCode::Esc => Outcome::Unfilter(before.clone()),
                KeyCode::Tab => {
                    *input = Input::from(complete(list, input.value()));
                    Outcome::Filter(input.value().to_owned())
                }
                KeyCode::Up | KeyCode::Down => {
                    let step = if event.code == KeyCode::Up { -1 } else { 1 };
                    *recalled = recalled.saturating_add_signed(step).min(history.len());
                    *input = Input::from(history.get(*recalled).cloned().unwrap_or_default());
                    Outcome::Filter(input.value().to_owned())
                }
                _ => {
                    type_into(input, event);
                    Outcome::Filter(input.value().to_owned())
                }
            },
            Some(Layer::Why(_)) => Outcome::Stay,
            Some(Layer::Messages(offset)) => match event.code {
                KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | '@') => Outcome::Close,
                KeyCode::Down | KeyCode::Char('j') => {
                    *offset = offset.saturating_add(1).min(messages);
                    Outcome::Stay
                }
                KeyCode::Up | KeyCode::Char('k') => {
                    *offset = offset.saturating_sub(1);
                    Outcome::Stay
                }
                _ => Outcome::Stay,
            },
            Some(Layer::Confirm(confirm)) => {
                let ready = confirm.cost.is_known();
                match event.code {
                    KeyCode::Char('y' | 'Y') if ready => Outcome::Confirmed,
                    // Who presses the key of the question again means it.
                    KeyCode::Char('q' | 'Q') if matches!(confirm.then, Then::Quit) => Outcome::Confirmed,
                    KeyCode::Enter if ready && confirm.yes => Outcome::Confirmed,
                    // Who goes on typing Enter waits for the plan.
                    KeyCode::Enter if confirm.yes && matches!(confirm.cost, Cost::Planning) => Outcome::Stay,
                    KeyCode::Esc | KeyCode::Enter | KeyCode::Char('n' | 'N' | 'q') => Outcome::Close,
                    KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right | KeyCode::Char('h' | 'l')
                        if ready =>
                    {
                        confirm.yes = !confirm.yes;
                        Outcome::Stay
                    }
                    _ => Outcome::Stay,
                }
            }
        };
        self.apply(outcome, effects);
        self.preview_theme();
        self.palette_or_command_line();
    }

    fn apply(&mut self, outcome: Outcome, effects: &mut Effects) {
        match outcome {
            Outcome::Stay => {}
            Outcome::Close => drop(self.layers.pop()),
            Outcome::Filter(text) => self.set_filter(text),
            Outcome::Filtered(text) => {
                self.layers.pop();
                self.typed_filters.retain(|typed| *typed != text);
                if !text.is_empty() {
                    self.typed_filters.push(text);
                }
                if self.typed_filters.len() > MAX_HISTORY {
                    self.typed_filters.remove(0);
                }
            }
            Outcome::Unfilter(text) => {
                self.layers.pop();
                self.set_filter(text);
            }
            Outcome::Run(spec) => {
                self.layers.pop();
                self.act(spec, effects);
            }
            Outcome::Confirmed => {
                if let Some(Layer::Confirm(confirm)) = self.layers.pop() {
                    match confirm.then {
                        Then::Send(command) => self.send(sentence(confirm.title), command, effects),
                        Then::SendBoth(first, next) => {
                            let what = sentence(confirm.title);
                            let next = (format!("{what}: fetch"), next);
                            self.send_both(what, first, next, effects);
                        }
                        Then::Quit => self.quit(effects),
                    }
                }
            }
        }
    }

    /// Answers the confirmation on top.
    pub(super) fn answer(&mut self, yes: bool, effects: &mut Effects) {
        let ready = matches!(
            self.layers.last(),
            Some(Layer::Confirm(confirm)) if confirm.cost.is_known()
        );
        self.apply(if yes && ready { Outcome::Confirmed } else { Outcome::Close }, effects);
    }

    /// Runs a line of the menu on top.
    pub(super) fn run_line(&mut self, line: usize, effects: &mut Effects) {
        if let Some(spec) = self.listed().get(line).copied() {
            self.apply(Outcome::Run(spec), effects);
        }
    }

    /// Moves within the menu on top.
    pub(super) fn move_in_menu(&mut self, lines: isize) {
        let len = self.menu_len();
        if let Some(Layer::Help(menu) | Layer::Palette(menu)) = self.layers.last_mut() {
            menu.cursor = menu.cursor.saturating_add_signed(lines).min(len.saturating_sub(1));
        }
    }

    /// Lines of the menu on top that the cursor can stand on: its actions, and below the whole help the signs.
    #[must_use]
    pub fn menu_len(&self) -> usize {
        self.listed().len() + self.signs().len()
    }

    /// The legend below the keys of the help: what fits the search.
    #[must_use]
    pub fn signs(&self) -> Vec<&'static Sign> {
        let Some(Layer::Help(menu)) = self.layers.last() else { return Vec::new() };
        let wanted = menu.input.value().to_lowercase();
        SIGNS.iter().filter(|sign| sign.fits(&wanted)).collect()
    }

    /// Pasted text goes where typed text would go, and nowhere else: a paste never runs anything.
    pub(super) fn paste(&mut self, text: &str, effects: &mut Effects) {
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_INPUT).collect();
        let outcome = match self.layers.last_mut() {
            Some(Layer::Help(menu) | Layer::Palette(menu)) => {
                paste_into(&mut menu.input, &line);
                menu.cursor = 0;
                Outcome::Stay
            }
            Some(Layer::Command(command)) => {
                paste_into(&mut command.input, &line);
                command.search = None;
                Outcome::Stay
            }
            Some(Layer::Filter { input, .. }) => {
                paste_into(input, &line);
                Outcome::Filter(input.value().to_owned())
            }
            _ => return,
        };
        effects.redraw = crate::model::msg::Redraw::Now;
        self.apply(outcome, effects);
        self.palette_or_command_line();
    }

    /// The actions that the menu on top lists, in its order.
    #[must_use]
    pub fn listed(&self) -> Vec<&'static Spec> {
        match self.layers.last() {
            Some(Layer::Help(menu)) => {
                let wanted = menu.input.value().to_lowercase();
                let fits = |spec: &&Spec| {
                    let keys = self.keymap.keys(spec.id).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                    let text = format!("{} {} {} {keys}", spec.any_title(), spec.name, spec.help).to_lowercase();
                    wanted.split_whitespace().all(|word| text.contains(word))
                };
                let mut all: Vec<&Spec> = ACTIONS.iter().filter(|spec| self.offers(spec)).filter(fits).collect();
                all.sort_by_key(|spec| spec.group);
                all
            }
            Some(Layer::Palette(menu)) => {
                let wanted = menu.input.value().to_lowercase();
                // As in other programs.
                let named = match wanted.trim() {
                    "q" | "quit" | "qa" | "wq" | "x" => Some(ActionId::Quit),
                    "q!" | "qa!" | "wq!" => Some(ActionId::QuitNow),
                    _ if super::themes::named(&wanted).is_some() => Some(ActionId::Theme),
                    _ => None,
                };
                if let Some(id) = named {
                    return ACTIONS.iter().filter(|spec| spec.id == id).collect();
                }
                let scored =
                    ACTIONS.iter().filter(|spec| self.offers(spec) && !is_motion(spec.id)).filter_map(|spec| {
                        let title = spec.title(self).to_lowercase();
                        let by_title = match_cost(&wanted, &title);
                        let by_name = match_cost(&wanted, spec.name).map(|n| n + 1);
                        let by_help = (wanted.len() > 2 && spec.help.to_lowercase().contains(&wanted)).then_some(500);
                        by_title.into_iter().chain(by_name).chain(by_help).min().map(|score| (score, spec))
                    });
                let mut scored: Vec<(usize, &Spec)> = scored.collect();
                scored.sort_by_key(|(score, spec)| (*score, self.permits(spec).is_err()));
                scored.into_iter().map(|(_, spec)| spec).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Moving is done by keys; as commands it would be noise.
const fn is_motion(id: ActionId) -> bool {
    matches!(
        id,
        ActionId::Up
            | ActionId::Down
            | ActionId::Left
            | ActionId::Right
            | ActionId::PageUp
            | ActionId::PageDown
            | ActionId::HalfUp
            | ActionId::HalfDown
            | ActionId::Palette
    )
}

/// How badly a name matches what was typed, 0 being best; `None` when the letters do not occur in this order. Gaps between
/// letters and a late start add to it.
fn match_cost(typed: &str, name: &str) -> Option<usize> {
    let (mut cost, mut rest, mut first) = (0, name, true);
    for c in typed.chars().filter(|c| !c.is_whitespace()) {
        let at = rest.find(c)?;
        // The beginning of a word is where people aim.
        let aimed = rest.get(..at).is_some_and(|skipped| skipped.ends_with([' ', '-']));
        cost += if at == 0 || (aimed && !first) { at.min(1) } else { at + 2 };
        rest = rest.get(at + c.len_utf8()..)?;
        first = false;
    }
    Some(cost)
}

fn key_in_menu(menu: &mut Menu, listed: &[&'static Spec], len: usize, page: isize, event: KeyEvent) -> Outcome {
    let last = len.saturating_sub(1);
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    let step = match event.code {
        KeyCode::Esc => return Outcome::Close,
        KeyCode::Enter => {
            let chosen = listed.get(menu.cursor.min(last));
            return chosen.map_or(Outcome::Stay, |spec| Outcome::Run(spec));
        }
        KeyCode::Up | KeyCode::BackTab => -1,
        KeyCode::Down | KeyCode::Tab => 1,
        KeyCode::Char('p') if control => -1,
        KeyCode::Char('n') if control => 1,
        KeyCode::PageUp => -page,
        KeyCode::PageDown => page,
        _ => {
            if type_into(&mut menu.input, event) {
                menu.cursor = 0;
            }
            return Outcome::Stay;
        }
    };
    menu.cursor = menu.cursor.min(last).saturating_add_signed(step).min(last);
    Outcome::Stay
}

/// Whether the text changed.
pub(super) fn type_into(input: &mut tui_input::Input, event: KeyEvent) -> bool {
    let long = input.value().chars().count() >= MAX_INPUT;
    if long && matches!(event.code, KeyCode::Char(_)) {
        return false;
    }
    input.handle_event(&Event::Key(event)).is_some_and(|changed| changed.value)
}

fn paste_into(input: &mut tui_input::Input, text: &str) {
    for c in text.chars() {
        if input.value().chars().count() < MAX_INPUT {
            input.handle(tui_input::InputRequest::InsertChar(c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_are_enough_and_beginnings_are_best() {
        assert!(match_cost("ts", "trigger-stale") < match_cost("ts", "half-tasks") && match_cost("st", "ts").is_none());
        assert_eq!(match_cost("", "anything"), Some(0));
        assert_eq!(match_cost("pause", "pause"), Some(0));
        assert!(match_cost("pause", "pause") < match_cost("pause", "pause-symbol").map(|n| n + 1));
    }
}
