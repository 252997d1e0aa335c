//! Which key means which action: the table's own keys, and those of the settings in their place.
//!
//! A mistake in the settings is named with its line, with both actions when they want the same key on the same screen.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::actions::{ACTIONS, ActionId, Spec, key_table};
use crate::model::screen::Screen;
use crate::terminal::keys::{Key, Keys};
use barkeep_base::text::printable;
use barkeep_config::yaml::suggest::nearest;
use barkeep_config::{ConfigError, KeySetting};

/// The keys in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keymap {
    /// In the order of the table.
    bound: Vec<Vec<Keys>>,
    by_keys: HashMap<Vec<Key>, Vec<usize>>,
}

/// What keys pressed one after the other mean.
#[derive(Clone, Copy)]
pub enum Meaning {
    Action(&'static Spec),
    /// They are the beginning of something.
    Begun,
    Nothing,
}

impl Keymap {
    /// The table's keys with `settings` in place of some.
    ///
    /// # Errors
    /// When settings name no action, no key, or give one key two meanings; every mistake in a line of its own.
    pub fn new(settings: &[KeySetting]) -> Result<Self, ConfigError> {
        let mut wrong = Vec::new();
        let mut bound: Vec<Vec<Keys>> =
            ACTIONS.iter().map(|spec| spec.keys.iter().filter_map(|key| key.parse().ok()).collect()).collect();
        let mut set_by: Vec<Option<&KeySetting>> = vec![None; ACTIONS.len()];
        for setting in settings {
            let Some(at) = ACTIONS.iter().position(|spec| spec.name == setting.action) else {
                wrong.push(unknown(setting));
                continue;
            };
            let mut keys = Vec::new();
            for text in &setting.keys {
                match text.parse::<Keys>() {
                    Ok(key) if !keys.contains(&key) => keys.push(key),
                    Ok(_) => {}
                    Err(e) => wrong.push(format!("{}: keys.{}: {e}", setting.origin, setting.action)),
                }
            }
            if let (Some(slot), Some(by)) = (bound.get_mut(at), set_by.get_mut(at)) {
                (*slot, *by) = (keys, Some(setting));
            }
        }
        let mut by_keys: HashMap<Vec<Key>, Vec<usize>> = HashMap::new();
        let mut before: Vec<(usize, &Keys)> = Vec::new();
        for (at, (spec, keys)) in ACTIONS.iter().zip(&bound).enumerate() {
            for key in keys {
                for (other_at, other_key) in &before {
                    // The same keys, or one is the beginning of the other.
                    let meet = key.0.starts_with(&other_key.0) || other_key.0.starts_with(&key.0);
                    let other = ACTIONS.get(*other_at).filter(|other| meet && spec.scope.overlaps(other.scope));
                    if let Some(other) = other {
                        let by = set_by.get(at).copied().flatten().or(set_by.get(*other_at).copied().flatten());
                        let shorter = if key.0.len() < other_key.0.len() { key } else { *other_key };
                        wrong.push(conflict(shorter, other, spec, by));
                    }
                }
                before.push((at, key));
                by_keys.entry(key.0.clone()).or_default().push(at);
            }
        }
        drop(before);
        if wrong.is_empty() { Ok(Self { bound, by_keys }) } else { Err(ConfigError(wrong.join("\n       "))) }
    }

    /// What keys mean on a screen.
    #[must_use]
    pub fn meaning(&self, typed: &[Key], screen: Screen) -> Meaning {
        let here = |at: &usize| ACTIONS.get(*at).filter(|spec| spec.scope.includes(screen));
        if let Some(spec) = self.by_keys.get(typed).and_then(|all| all.iter().find_map(here)) {
            return Meaning::Action(spec);
        }
        if self.following(typed, screen).is_empty() { Meaning::Nothing } else { Meaning::Begun }
    }

    /// What can follow the keys pressed so far, each with what it does.
    #[must_use]
    pub fn following(&self, typed: &[Key], screen: Screen) -> Vec<(Keys, &'static Spec)> {
        let mut all = Vec::new();
        for (spec, keys) in ACTIONS.iter().zip(&self.bound).filter(|(spec, _)| spec.scope.includes(screen)) {
            let longer = keys.iter().filter(|key| key.0.len() > typed.len() && key.0.starts_with(typed));
            all.extend(longer.map(|key| (Keys(key.0.iter().skip(typed.len()).copied().collect()), spec)));
        }
        all
    }

    /// What a key means on a screen.
    #[must_use]
    pub fn action(&self, key: Key, screen: Screen) -> Option<&'static Spec> {
        self.meant(key).find(|spec| spec.scope.includes(screen))
    }

    /// What a key means somewhere.
    pub fn meant(&self, key: Key) -> impl Iterator<Item = &'static Spec> {
        self.by_keys.get(&vec![key]).into_iter().flatten().filter_map(|&at| ACTIONS.get(at))
    }

    /// The keys of an action.
    #[must_use]
    pub fn keys(&self, id: ActionId) -> &[Keys] {
        let at = ACTIONS.iter().position(|spec| spec.id == id);
        at.and_then(|at| self.bound.get(at)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The first key of an action as it is written, if it has any.
    #[must_use]
    pub fn hint(&self, id: ActionId) -> Option<String> {
        self.keys(id).first().map(Keys::to_string)
    }

    /// Every action with the keys in force, for `config keys`.
    #[must_use]
    pub fn listing(&self) -> String {
        let mut out = String::new();
        for spec in ACTIONS.iter() {
            let keys: Vec<String> = self.keys(spec.id).iter().map(Keys::to_string).collect();
            // Writing to a string does not fail.
            let _ = writeln!(out, "{:<18} {:<16} {}", spec.name, keys.join(" "), spec.help);
        }
        out
    }
}

fn unknown(setting: &KeySetting) -> String {
    let names = ACTIONS.iter().map(|spec| spec.name);
    let name = printable(&setting.action);
    let to_do = nearest(&setting.action, names)
        .map_or_else(|| "`barkeep config keys` lists all actions".to_owned(), |near| format!("did you mean '{near}'?"));
    format!("{}: keys: unknown action '{name}'; {to_do}", setting.origin)
}

fn conflict(key: &Keys, first: &Spec, second: &Spec, by: Option<&KeySetting>) -> String {
    let origin = by.map_or_else(|| "built-in keys".to_owned(), |setting| setting.origin.to_string());
    format!(
        "{origin}: keys: '{key}' is bound to both '{}' and '{}' on the same screen; bind one of them to another key, or to []",
        first.name, second.name
    )
}

/// The key table between these lines of a document is generated.
pub const MARK_BEGIN: &str = "<!-- keys: generated by `barkeep config keys --markdown` -->\n";
pub const MARK_END: &str = "<!-- end of keys -->\n";

/// The part of a document that is generated, as it should be.
#[must_use]
pub fn generated_keys() -> String {
    format!("{MARK_BEGIN}\n{}\n{MARK_END}", key_table())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<Keymap, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("barkeep.yaml");
        std::fs::write(&path, text).unwrap();
        let flags = barkeep_config::Overrides { config: Some(path), ..Default::default() };
        let settings = barkeep_config::load(&flags).unwrap().settings;
        Keymap::new(&settings.keys).map_err(|e| e.to_string())
    }

    #[test]
    fn the_table_has_no_conflict_and_every_key_reads() {
        let keymap = Keymap::new(&[]).unwrap_or_else(|e| panic!("{e}"));
        for spec in ACTIONS.iter() {
            assert_eq!(keymap.keys(spec.id).len(), spec.keys.len(), "{}", spec.name);
            assert!(ACTIONS.iter().filter(|other| other.name == spec.name).count() == 1, "{}", spec.name);
            assert!(ACTIONS.iter().filter(|other| other.id == spec.id).count() == 1, "{}", spec.name);
            assert!(!spec.help.is_empty() && !spec.any_title().is_empty(), "{}", spec.name);
        }
    }

    #[test]
    fn settings_replace_the_keys_of_an_action_and_can_take_them_away() {
        let keymap = loaded("keys:\n  pause: [f9, ö]\n  trigger-stale: []\n").unwrap();
        let key = |text: &str| text.parse::<Key>().unwrap();
        let means = |text: &str| keymap.action(key(text), Screen::Overview).map(|spec| spec.id);
        assert_eq!((means("p"), means("f9"), means("ö")), (None, Some(ActionId::Pause), Some(ActionId::Pause)));
        assert_eq!(means("T"), None);
        assert_eq!(means("t"), Some(ActionId::Trigger));
        assert_eq!(keymap.hint(ActionId::Pause).unwrap(), "f9");
        assert_eq!(keymap.hint(ActionId::TriggerStale), None);
        assert_eq!(loaded("keys: {}\n").unwrap(), Keymap::new(&[]).unwrap());
    }

    #[test]
    fn one_key_may_mean_two_things_on_two_screens() {
        let keymap = Keymap::new(&[]).unwrap();
        let v = "v".parse().unwrap();
        assert_eq!(keymap.action(v, Screen::Symbols).unwrap().id, ActionId::MarkRange);
        assert_eq!(keymap.action(v, Screen::Failures).unwrap().id, ActionId::Compare);
        assert!(keymap.action(v, Screen::Log).is_none());
    }

    #[test]
    fn keys_can_be_pressed_one_after_the_other() {
        let keymap = loaded("keys:\n  theme: [gt, 'ctrl-x t']\n").unwrap();
        let typed = |text: &str| text.split(' ').map(|key| key.parse::<Key>().unwrap()).collect::<Vec<_>>();
        let meaning = |text: &str| keymap.meaning(&typed(text), Screen::Log);
        assert!(matches!(meaning("g g"), Meaning::Action(spec) if spec.id == ActionId::Top));
        assert!(matches!(meaning("ctrl-x t"), Meaning::Action(spec) if spec.id == ActionId::Theme));
        assert!(matches!(meaning("g"), Meaning::Begun) && matches!(meaning("g x"), Meaning::Nothing));
        let following = keymap.following(&typed("ctrl-x"), Screen::Log);
        let following: Vec<_> = following.iter().map(|(keys, spec)| (keys.to_string(), spec.id)).collect();
        assert_eq!(following, [("t".to_owned(), ActionId::Theme)]);
        assert_eq!(keymap.hint(ActionId::Top).unwrap(), "gg");
        // A key that is the beginning of another would never let it come about.
        let message = loaded("keys:\n  theme: [g]\n").unwrap_err();
        assert!(message.contains("'g' is bound to both 'top' and 'theme'"), "{message}");
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let message = loaded("keys:\n  pause: [T]\n  pauze: [x]\n  quit: ['two keys']\n").unwrap_err();
        let lines: Vec<&str> = message.lines().map(str::trim).collect();
        assert_eq!(lines.len(), 3, "{message}");
        assert!(lines[0].contains("barkeep.yaml:3: ") && lines[0].contains("did you mean 'pause'?"), "{message}");
        assert!(lines[1].contains("barkeep.yaml:4: ") && lines[1].contains("'two keys' is not a key"), "{message}");
        assert!(
            lines[2].contains("barkeep.yaml:2: ")
                && lines[2].contains("'T' is bound to both 'trigger-stale' and 'pause'"),
            "{message}"
        );
        // Two actions that meet nowhere may share one.
        assert!(loaded("keys:\n  log-level: [v]\n").is_ok());
    }

    #[test]
    fn the_page_lists_every_key() {
        let page = include_str!("../../docs/keys.md");
        let expected = generated_keys();
        let begin = page.find(MARK_BEGIN).expect("docs/keys.md has the mark of the key table");
        let end = page.find(MARK_END).expect("docs/keys.md has the end of the key table") + MARK_END.len();
        assert!(
            page[begin..end] == expected,
            "docs/keys.md is old; put `barkeep config keys --markdown` between the marks:\n{expected}"
        );
    }
}
