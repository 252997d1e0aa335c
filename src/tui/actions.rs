//! Everything an operator can do, in one table: keys, footer, help, palette, settings and documentation are read from it.
//!
//! The order of the table is the order of the help. What an action does is in [`update`](super::update), one arm each,
//! so the compiler says when one is missing.

use std::fmt::Write as _;

use super::model::Model;
use crate::model::screen::Screen;

mod reasons;

use reasons::{cancel, copy, decide, fine, gap, map, mark, operate, pause, pause_symbol, retry, series, table};
pub use reasons::{executions_to_retry, pausable_symbols, run_to_cancel, triggerable};

/// An action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionId {
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    HalfUp,
    HalfDown,
    Top,
    Bottom,
    NextPane,
    PreviousPane,
    Open,
    Back,
    Go(Screen),
    Filter,
    Sort,
    Reverse,
    ZoomIn,
    ZoomOut,
    Compare,
    LogLevel,
    Follow,
    Freeze,
    Refresh,
    Mark,
    MarkRange,
    MarkAll,
    Unmark,
    Trigger,
    TriggerStale,
    TriggerTier,
    TriggerCritical,
    TriggerStandard,
    TriggerLow,
    TriggerGap,
    Pause,
    PauseSymbol,
    PauseSeries,
    Cancel,
    CancelSeries,
    Retry,
    Accept,
    Reject,
    Copy,
    Picture,
    Theme,
    Ascii,
    Mouse,
    Repaint,
    Help,
    Palette,
    Quit,
}

/// Where an action belongs in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    Move,
    Look,
    Select,
    Backfill,
    Program,
}

impl Group {
    pub const ALL: [Self; 5] = [Self::Move, Self::Look, Self::Select, Self::Backfill, Self::Program];

    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Move => "Navigation",
            Self::Look => "View",
            Self::Select => "Selection",
            Self::Backfill => "Backfill",
            Self::Program => "General",
        }
    }
}

/// On which screens an action means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Everywhere,
    On(&'static [Screen]),
}

impl Place {
    #[must_use]
    pub fn includes(self, screen: Screen) -> bool {
        match self {
            Self::Everywhere => true,
            Self::On(screens) => screens.contains(&screen),
        }
    }

    /// Whether there is a screen on which both mean something.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        Screen::ALL.into_iter().any(|screen| self.includes(screen) && other.includes(screen))
    }
}

/// What stands between the key and the deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    None,
    /// It is asked again before.
    Confirm,
    /// It takes requests: the engine plans it, and the plan is shown before.
    Cost,
}

/// What an action is called: one thing, or one of two by how things stand.
#[derive(Clone, Copy)]
pub enum Title {
    Is(&'static str),
    /// The first while the state is so, else the second.
    Either(fn(&Model) -> bool, &'static str, &'static str),
}

/// One row of the table.
pub struct Spec {
    pub id: ActionId,
    /// What the settings call it.
    pub name: &'static str,
    pub title: Title,
    pub help: &'static str,
    pub group: Group,
    pub place: Place,
    pub keys: &'static [&'static str],
    /// Smaller comes earlier in the footer; absent never comes.
    pub hint: Option<u8>,
    /// Whether it orders something of the engine: not for who may only look.
    pub acts: bool,
    pub danger: Confirmation,
    /// Why it cannot be done now.
    pub enabled: fn(&Model) -> Result<(), String>,
}

impl Spec {
    /// What it is called now.
    #[must_use]
    pub fn title(&self, model: &Model) -> &'static str {
        match self.title {
            Title::Is(title) => title,
            Title::Either(is, yes, no) => {
                if is(model) {
                    yes
                } else {
                    no
                }
            }
        }
    }

    /// What it is called when nothing is known: both names.
    #[must_use]
    pub fn any_title(&self) -> String {
        match self.title {
            Title::Is(title) => title.to_owned(),
            Title::Either(_, yes, no) => format!("{no} / {yes}"),
        }
    }
}

/// A row that only looks.
const fn look(
    id: ActionId,
    name: &'static str,
    title: &'static str,
    help: &'static str,
    group: Group,
    keys: &'static [&'static str],
) -> Spec {
    Spec {
        id,
        name,
        title: Title::Is(title),
        help,
        group,
        place: Place::Everywhere,
        keys,
        hint: None,
        acts: false,
        danger: Confirmation::None,
        enabled: fine,
    }
}

/// A row that orders something.
const fn order(
    id: ActionId,
    name: &'static str,
    title: &'static str,
    help: &'static str,
    keys: &'static [&'static str],
    danger: Confirmation,
) -> Spec {
    Spec { acts: true, danger, enabled: operate, ..look(id, name, title, help, Group::Backfill, keys) }
}

const TABLES: Place = Place::On(&[Screen::Symbols, Screen::Coverage]);
const WITH_SERIES: Place = Place::On(&[
    Screen::Overview,
    Screen::Symbols,
    Screen::Coverage,
    Screen::Detail,
    Screen::Executions,
    Screen::Failures,
]);

/// The table.
pub const ACTIONS: &[Spec] = &[
    look(ActionId::Up, "up", "up", "Select the row above", Group::Move, &["up", "k"]),
    look(ActionId::Down, "down", "down", "Select the row below", Group::Move, &["down", "j"]),
    Spec {
        place: Place::On(&[Screen::Coverage, Screen::Detail]),
        ..look(
            ActionId::Left,
            "left",
            "earlier",
            "Previous day; in Detail, the shorter timeframe",
            Group::Move,
            &["left", "h"],
        )
    },
    Spec {
        place: Place::On(&[Screen::Coverage, Screen::Detail]),
        ..look(
            ActionId::Right,
            "right",
            "later",
            "Next day; in Detail, the longer timeframe",
            Group::Move,
            &["right", "l"],
        )
    },
    look(ActionId::PageUp, "page-up", "page up", "Move one page up", Group::Move, &["pageup"]),
    look(ActionId::PageDown, "page-down", "page down", "Move one page down", Group::Move, &["pagedown"]),
    look(ActionId::HalfUp, "half-page-up", "half page up", "Move half a page up", Group::Move, &["ctrl-u"]),
    look(ActionId::HalfDown, "half-page-down", "half page down", "Move half a page down", Group::Move, &["ctrl-d"]),
    look(ActionId::Top, "top", "top", "Go to the first row", Group::Move, &["g", "home"]),
    look(ActionId::Bottom, "bottom", "bottom", "Go to the last row", Group::Move, &["G", "end"]),
    look(ActionId::NextPane, "next-pane", "next pane", "Focus the next list", Group::Move, &["tab"]),
    look(
        ActionId::PreviousPane,
        "previous-pane",
        "previous pane",
        "Focus the previous list",
        Group::Move,
        &["shift-tab"],
    ),
    Spec { hint: Some(20), ..look(ActionId::Open, "open", "open", "Open the selected row", Group::Move, &["enter"]) },
    look(ActionId::Back, "back", "back", "Go back; clears the filter, then the marks", Group::Move, &["esc"]),
    look(
        ActionId::Go(Screen::Overview),
        "overview",
        "overview",
        "Freshness, vendor limit, running executions",
        Group::Look,
        &["1"],
    ),
    look(ActionId::Go(Screen::Symbols), "symbols", "symbols", "All series in a table", Group::Look, &["2"]),
    look(ActionId::Go(Screen::Coverage), "coverage", "coverage", "Coverage by day", Group::Look, &["3"]),
    look(
        ActionId::Go(Screen::Detail),
        "detail",
        "detail",
        "One series: prices, age, gaps, attempts, requests",
        Group::Look,
        &["4"],
    ),
    look(
        ActionId::Go(Screen::Executions),
        "executions",
        "executions",
        "Running and past executions",
        Group::Look,
        &["5"],
    ),
    look(
        ActionId::Go(Screen::Vendor),
        "vendor",
        "vendor",
        "Rate limit, counters, latency, requests",
        Group::Look,
        &["6"],
    ),
    look(
        ActionId::Go(Screen::Failures),
        "failures",
        "failures",
        "Failing series, quarantine, alerts, operator actions",
        Group::Look,
        &["7"],
    ),
    look(ActionId::Go(Screen::Log), "log", "log", "Engine log", Group::Look, &["8"]),
    Spec {
        hint: Some(50),
        ..look(
            ActionId::Filter,
            "filter",
            "filter",
            "Filter the list, as in `aapl tier:stale is:late behind>2h -class:crypto`",
            Group::Look,
            &["/"],
        )
    },
    Spec {
        place: TABLES,
        hint: Some(55),
        ..look(ActionId::Sort, "sort", "sort", "Sort by the next column", Group::Look, &["s"])
    },
    Spec {
        place: TABLES,
        ..look(ActionId::Reverse, "reverse", "reverse", "Reverse the sort order", Group::Look, &["o"])
    },
    Spec {
        place: Place::On(&[Screen::Coverage]),
        enabled: map,
        hint: Some(40),
        ..look(ActionId::ZoomIn, "zoom-in", "zoom in", "Zoom in: weeks, days, one session", Group::Look, &["+", "="])
    },
    Spec {
        place: Place::On(&[Screen::Coverage]),
        hint: Some(41),
        ..look(ActionId::ZoomOut, "zoom-out", "zoom out", "Zoom out: one session, days, weeks", Group::Look, &["-"])
    },
    Spec {
        place: Place::On(&[Screen::Detail, Screen::Failures]),
        enabled: decide,
        hint: Some(34),
        ..look(
            ActionId::Compare,
            "compare",
            "compare",
            "Compare the quarantined bar with its neighbors",
            Group::Look,
            &["v"],
        )
    },
    Spec {
        place: Place::On(&[Screen::Log]),
        hint: Some(10),
        ..look(
            ActionId::LogLevel,
            "log-level",
            "level",
            "Change the log level: error, warn, info, debug",
            Group::Look,
            &["L"],
        )
    },
    Spec {
        place: Place::On(&[Screen::Log]),
        hint: Some(11),
        title: Title::Either(|model| model.log.follow, "stop following", "follow"),
        ..look(ActionId::Follow, "follow", "", "Follow the newest line, or stop following", Group::Look, &["F"])
    },
    Spec {
        hint: Some(60),
        title: Title::Either(|model| model.frozen.is_some(), "unfreeze", "freeze"),
        ..look(ActionId::Freeze, "freeze", "", "Freeze the view; the engine keeps running", Group::Look, &["f"])
    },
    look(ActionId::Refresh, "refresh", "refresh", "Reload the details on this screen", Group::Look, &["ctrl-r", "f5"]),
    Spec {
        place: TABLES,
        enabled: mark,
        hint: Some(42),
        ..look(ActionId::Mark, "mark", "mark", "Mark or unmark the selected series", Group::Select, &["space"])
    },
    Spec {
        place: TABLES,
        enabled: mark,
        title: Title::Either(|model| model.symbols.range_from.is_some(), "end range", "range"),
        ..look(
            ActionId::MarkRange,
            "mark-range",
            "",
            "Mark a range: press at its first and its last row",
            Group::Select,
            &["v"],
        )
    },
    Spec {
        place: TABLES,
        enabled: mark,
        ..look(
            ActionId::MarkAll,
            "mark-all",
            "mark all",
            "Mark every series that matches the filter",
            Group::Select,
            &["A"],
        )
    },
    Spec {
        place: TABLES,
        enabled: table,
        ..look(ActionId::Unmark, "unmark", "unmark", "Clear all marks", Group::Select, &["U"])
    },
    Spec {
        place: WITH_SERIES,
        enabled: series,
        hint: Some(12),
        ..order(
            ActionId::Trigger,
            "trigger",
            "trigger",
            "Backfill the marked series or the selected one",
            &["t"],
            Confirmation::Cost,
        )
    },
    Spec {
        hint: Some(13),
        ..order(
            ActionId::TriggerStale,
            "trigger-stale",
            "trigger stale",
            "Backfill every series that is not fresh",
            &["T"],
            Confirmation::Cost,
        )
    },
    order(
        ActionId::TriggerTier,
        "trigger-tier",
        "trigger tier",
        "Choose a tier and backfill its symbols",
        &["B"],
        Confirmation::None,
    ),
    order(
        ActionId::TriggerCritical,
        "trigger-critical",
        "tier critical",
        "Backfill the critical symbols",
        &[],
        Confirmation::Cost,
    ),
    order(
        ActionId::TriggerStandard,
        "trigger-standard",
        "tier standard",
        "Backfill the standard symbols",
        &[],
        Confirmation::Cost,
    ),
    order(ActionId::TriggerLow, "trigger-low", "tier low", "Backfill the low symbols", &[], Confirmation::Cost),
    Spec {
        place: Place::On(&[Screen::Coverage, Screen::Detail]),
        enabled: gap,
        hint: Some(30),
        ..order(
            ActionId::TriggerGap,
            "trigger-gap",
            "trigger gap",
            "Backfill the selected gap or day",
            &["b"],
            Confirmation::Cost,
        )
    },
    Spec {
        enabled: pause,
        hint: Some(14),
        title: Title::Either(|model| model.snap.live.paused.is_some(), "resume", "pause"),
        ..order(
            ActionId::Pause,
            "pause",
            "",
            "Pause or resume the engine; requests in flight are finished and stored",
            &["p"],
            Confirmation::None,
        )
    },
    Spec {
        place: WITH_SERIES,
        enabled: pause_symbol,
        title: Title::Either(reasons::is_symbol_paused, "resume symbol", "pause symbol"),
        ..order(
            ActionId::PauseSymbol,
            "pause-symbol",
            "",
            "Pause or resume the marked symbols or the selected one",
            &["P"],
            Confirmation::Confirm,
        )
    },
    Spec {
        place: WITH_SERIES,
        enabled: series,
        title: Title::Either(reasons::is_series_paused, "resume series", "pause series"),
        ..order(
            ActionId::PauseSeries,
            "pause-series",
            "",
            "Pause or resume the marked series or the selected one, not the whole symbol",
            &["z"],
            Confirmation::Confirm,
        )
    },
    Spec {
        place: Place::On(&[Screen::Overview, Screen::Executions]),
        enabled: cancel,
        hint: Some(15),
        ..order(
            ActionId::Cancel,
            "cancel",
            "cancel",
            "Cancel a running execution; committed bars are kept",
            &["c"],
            Confirmation::Confirm,
        )
    },
    Spec {
        place: Place::On(&[Screen::Overview]),
        enabled: reasons::cancel_series,
        ..order(
            ActionId::CancelSeries,
            "cancel-series",
            "cancel series",
            "Remove the selected series from its running execution",
            &["C"],
            Confirmation::Confirm,
        )
    },
    Spec {
        place: Place::On(&[Screen::Overview, Screen::Executions, Screen::Failures]),
        enabled: retry,
        hint: Some(16),
        ..order(
            ActionId::Retry,
            "retry",
            "retry failed",
            "Retry the failed series of an execution",
            &["r"],
            Confirmation::Confirm,
        )
    },
    Spec {
        place: Place::On(&[Screen::Detail, Screen::Failures]),
        enabled: decide,
        hint: Some(31),
        ..order(
            ActionId::Accept,
            "accept",
            "accept",
            "Accept the quarantined bar: store it as the vendor sent it",
            &["a"],
            Confirmation::Confirm,
        )
    },
    Spec {
        place: Place::On(&[Screen::Detail, Screen::Failures]),
        enabled: decide,
        hint: Some(32),
        ..order(
            ActionId::Reject,
            "reject",
            "reject",
            "Reject the quarantined bar: never store it",
            &["x"],
            Confirmation::Confirm,
        )
    },
    Spec {
        enabled: copy,
        ..look(
            ActionId::Copy,
            "copy",
            "copy",
            "Copy the selected row to the clipboard (OSC 52)",
            Group::Program,
            &["y"],
        )
    },
    look(
        ActionId::Picture,
        "picture",
        "screenshot",
        "Save this screen as SVG and text in the log directory",
        Group::Program,
        &["S"],
    ),
    look(ActionId::Theme, "theme", "theme", "Next theme: dark, light, color-blind, mono", Group::Program, &["ctrl-t"]),
    look(ActionId::Ascii, "ascii", "ascii", "Switch between ASCII and Unicode characters", Group::Program, &[]),
    look(ActionId::Mouse, "mouse", "mouse", "Capture the mouse, or leave it to the terminal", Group::Program, &["m"]),
    look(ActionId::Repaint, "repaint", "repaint", "Redraw the whole screen", Group::Program, &["ctrl-l"]),
    Spec {
        hint: Some(70),
        ..look(ActionId::Palette, "palette", "commands", "Search all commands", Group::Program, &[":"])
    },
    Spec {
        hint: Some(71),
        ..look(ActionId::Help, "help", "help", "Keys and commands of this screen", Group::Program, &["?"])
    },
    Spec {
        hint: Some(72),
        ..look(
            ActionId::Quit,
            "quit",
            "quit",
            "Quit once requests in flight are stored; press again to quit at once",
            Group::Program,
            &["q", "ctrl-c"],
        )
    },
];

/// The row of an action.
#[must_use]
pub fn spec(id: ActionId) -> Option<&'static Spec> {
    ACTIONS.iter().find(|spec| spec.id == id)
}

impl Model {
    /// Why an action cannot be done now, if so.
    pub fn permits(&self, spec: &Spec) -> Result<(), String> {
        if !spec.place.includes(self.screen) {
            return Err(format!("{} is not available on this screen", spec.any_title()));
        }
        if spec.acts {
            operate(self)?;
        }
        (spec.enabled)(self)
    }

    /// Whether an action is offered at all: who may only look is not offered orders.
    #[must_use]
    pub fn offers(&self, spec: &Spec) -> bool {
        let reads_only = self.access == barkeep_runtime::console::Access::Read;
        spec.place.includes(self.screen) && !(spec.acts && reads_only)
    }
}

/// The table for people, as Markdown.
#[must_use]
pub fn key_table() -> String {
    let mut out = String::from("| Key | Action | Description | Screens |\n|---|---|---|---|\n");
    for group in Group::ALL {
        for spec in ACTIONS.iter().filter(|spec| spec.group == group) {
            let keys: Vec<String> = spec.keys.iter().map(|key| format!("`{key}`")).collect();
            let keys = if keys.is_empty() { "command palette".to_owned() } else { keys.join(" ") };
            let place = match spec.place {
                Place::Everywhere => "all".to_owned(),
                Place::On(screens) => screens.iter().map(|s| s.title()).collect::<Vec<_>>().join(", "),
            };
            // Writing to a string does not fail.
            let _ = writeln!(out, "| {keys} | `{}` | {} | {place} |", spec.name, spec.help);
        }
    }
    out
}
