//! Actions that mark series for the next command.

use super::availability::{mark, table};
use super::{ActionId, Group, Spec, TABLES, Title, view_action};

const fn select(
    id: ActionId,
    name: &'static str,
    title: &'static str,
    help: &'static str,
    keys: &'static [&'static str],
) -> Spec {
    view_action(id, name, title, help, Group::Selection, keys)
}

pub(super) const SPECS: &[Spec] = &[
    Spec {
        scope: TABLES,
        enabled: mark,
        footer: Some(42),
        ..select(ActionId::Mark, "mark", "mark", "Mark or unmark the selected series, and stay on it", &["space"])
    },
    Spec {
        scope: TABLES,
        enabled: mark,
        title: Title::Either(|model| model.symbols.range_from.is_some(), "end range", "range"),
        ..select(ActionId::MarkRange, "mark-range", "", "Mark a range: press at its first and its last row", &["v"])
    },
    Spec {
        scope: TABLES,
        enabled: mark,
        ..select(ActionId::MarkAll, "mark-all", "mark all", "Mark every series that matches the filter", &["A"])
    },
    Spec { scope: TABLES, enabled: table, ..select(ActionId::Unmark, "unmark", "unmark", "Clear all marks", &["U"]) },
];
