//! Actions that move the selection, between lists and back.

use super::availability::sideways;
use super::{ActionId, ActionScope, Group, NOT_LOG, Spec, view_action};
use crate::model::screen::Screen;

const fn navigate(
    id: ActionId,
    name: &'static str,
    title: &'static str,
    help: &'static str,
    keys: &'static [&'static str],
) -> Spec {
    view_action(id, name, title, help, Group::Navigation, keys)
}

pub(super) const SPECS: &[Spec] = &[
    navigate(ActionId::Up, "up", "up", "Select the row above", &["up", "k", "ctrl-p", "ctrl-y"]),
    navigate(ActionId::Down, "down", "down", "Select the row below", &["down", "j", "ctrl-n", "ctrl-e"]),
    Spec {
        scope: NOT_LOG,
        enabled: sideways,
        ..navigate(
            ActionId::Left,
            "left",
            "left",
            "Previous day; in Detail, the previous bar; in a list with all columns, scroll left",
            &["left", "h"],
        )
    },
    Spec {
        scope: NOT_LOG,
        enabled: sideways,
        ..navigate(
            ActionId::Right,
            "right",
            "right",
            "Next day; in Detail, the next bar; in a list with all columns, scroll right",
            &["right", "l"],
        )
    },
    Spec {
        scope: ActionScope::On(&[Screen::Detail]),
        footer: Some(36),
        ..navigate(
            ActionId::ShorterTimeframe,
            "shorter-timeframe",
            "shorter",
            "Show the next shorter timeframe of the symbol",
            &["["],
        )
    },
    Spec {
        scope: ActionScope::On(&[Screen::Detail]),
        footer: Some(37),
        ..navigate(
            ActionId::LongerTimeframe,
            "longer-timeframe",
            "longer",
            "Show the next longer timeframe of the symbol",
            &["]"],
        )
    },
    navigate(ActionId::PageUp, "page-up", "page up", "Move one page up", &["pageup", "ctrl-b"]),
    navigate(ActionId::PageDown, "page-down", "page down", "Move one page down", &["pagedown", "ctrl-f"]),
    navigate(ActionId::HalfUp, "half-page-up", "half page up", "Move half a page up", &["ctrl-u"]),
    navigate(ActionId::HalfDown, "half-page-down", "half page down", "Move half a page down", &["ctrl-d"]),
    navigate(ActionId::Top, "top", "top", "Go to the first row", &["gg", "home"]),
    navigate(ActionId::Bottom, "bottom", "bottom", "Go to the last row", &["G", "end"]),
    navigate(ActionId::NextPane, "next-pane", "next pane", "Focus the next list", &["tab"]),
    navigate(ActionId::PreviousPane, "previous-pane", "previous pane", "Focus the previous list", &["shift-tab"]),
    Spec { footer: Some(20), ..navigate(ActionId::Open, "open", "open", "Open the selected row", &["enter"]) },
    navigate(ActionId::Back, "back", "back", "Go back; clears the filter, then the marks", &["esc", "backspace"]),
];
