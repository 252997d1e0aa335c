//! Actions on the dashboard itself.

use super::availability::copy;
use super::{ActionId, Group, Spec, view_action};

const fn general(
    id: ActionId,
    name: &'static str,
    title: &'static str,
    help: &'static str,
    keys: &'static [&'static str],
) -> Spec {
    view_action(id, name, title, help, Group::General, keys)
}

pub(super) const SPECS: &[Spec] = &[
    Spec {
        enabled: copy,
        ..general(ActionId::Copy, "copy", "copy", "Copy the selected row to the clipboard (OSC 52)", &["y"])
    },
    general(
        ActionId::Screenshot,
        "picture",
        "screenshot",
        "Save this screen as SVG and text in the log directory",
        &["S"],
    ),
    general(ActionId::Theme, "theme", "theme", "Next theme: dark, light, color-blind, mono", &["ctrl-t"]),
    general(ActionId::Ascii, "ascii", "ascii", "Switch between ASCII and Unicode characters", &[]),
    general(ActionId::Mouse, "mouse", "mouse", "Capture the mouse, or leave it to the terminal", &["m"]),
    general(ActionId::Repaint, "repaint", "repaint", "Redraw the whole screen", &["ctrl-l"]),
    Spec { footer: Some(70), ..general(ActionId::Palette, "palette", "commands", "Search all commands", &[":"]) },
    Spec { footer: Some(71), ..general(ActionId::Help, "help", "help", "Keys and commands of this screen", &["?"]) },
    Spec {
        footer: Some(72),
        ..general(
            ActionId::Quit,
            "quit",
            "quit",
            "Quit once requests in flight are stored; press again to quit at once",
            &["q", "ctrl-c"],
        )
    },
];
