//! Actions on the dashboard itself.

use super::availability::{copy, undo};
use super::{ActionId, Confirmation, Group, Spec, view_action};

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
        "Save this screen as SVG and text; a message says where",
        &["S"],
    ),
    general(
        ActionId::Theme,
        "theme",
        "theme",
        "Next theme: dark, light, color-blind, mono, catppuccin-mocha and seven more",
        &["ctrl-t"],
    ),
    general(ActionId::Ascii, "ascii", "ascii", "Switch between ASCII and Unicode characters", &[]),
    general(ActionId::Mouse, "mouse", "mouse", "Capture the mouse, or leave it to the terminal", &["m"]),
    general(ActionId::Repaint, "repaint", "repaint", "Redraw the whole screen", &["ctrl-l"]),
    Spec {
        footer: Some(70),
        ..general(
            ActionId::Palette,
            "palette",
            "commands",
            "Search all commands, or type one: add SPY, tier SPY critical, backfill SPY 2024",
            &[":"],
        )
    },
    Spec {
        footer: Some(71),
        ..general(ActionId::Help, "help", "help", "Keys, commands and signs of this screen", &["?", "f1"])
    },
    Spec {
        enabled: undo,
        ..general(
            ActionId::Undo,
            "undo",
            "undo",
            "Undo the last pause, resume, removal, change of tier or marks, or decision about a bar",
            &["u"],
        )
    },
    general(ActionId::Messages, "messages", "messages", "Messages of the last minutes", &["@"]),
    general(ActionId::Suspend, "suspend", "suspend", "Suspend; `fg` in the shell brings it back", &["ctrl-z"]),
    Spec {
        footer: Some(72),
        confirmation: Confirmation::WhenBusy,
        ..general(
            ActionId::Quit,
            "quit",
            "quit",
            "Quit once requests under way are stored; press again to quit at once",
            &["q"],
        )
    },
    Spec {
        confirmation: Confirmation::WhenBusy,
        ..general(
            ActionId::QuitShown,
            "quit-keep",
            "quit, keep the screen",
            "Quit as with q, and leave the last screen in the terminal",
            &["Q"],
        )
    },
    general(
        ActionId::QuitNow,
        "quit-now",
        "quit unasked",
        "Quit without a question; press again to quit at once",
        &["ctrl-c", "ZZ"],
    ),
];
