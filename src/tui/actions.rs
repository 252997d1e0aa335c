//! Everything an operator can do, as data: keys, footer, help, palette, settings and documentation are generated from it.
//!
//! What an action does is in [`update`](super::update), one arm each, so the compiler says when one is missing.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::model::Model;
use crate::model::screen::Screen;
use crate::model::sort::SortBy;

mod availability;
mod backfill;
mod general;
mod navigation;
mod selection;
mod signs;
mod views;

use availability::always;
pub(crate) use availability::operate;
pub use availability::{executions_to_retry, pausable_symbols, run_to_cancel, triggerable};
pub use signs::{SIGNS, Sign};

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
    SortBy(SortBy),
    Reverse,
    Wide,
    ZoomIn,
    ZoomOut,
    Compare,
    Overlay,
    ShorterTimeframe,
    LongerTimeframe,
    LogLevel,
    Follow,
    Freeze,
    Refresh,
    Maximize,
    Mark,
    MarkRange,
    MarkAll,
    Unmark,
    Explain,
    NextMatch,
    PreviousMatch,
    Trigger,
    TriggerStale,
    TriggerTier,
    TriggerCritical,
    TriggerStandard,
    TriggerLow,
    TriggerGap,
    AddSymbols,
    RemoveSymbols,
    SetTier,
    SetSince,
    BackfillRange,
    Pause,
    PauseSymbol,
    PauseSeries,
    Cancel,
    CancelSeries,
    Retry,
    Accept,
    Reject,
    Copy,
    Screenshot,
    Theme,
    Ascii,
    Mouse,
    Repaint,
    Help,
    Palette,
    Undo,
    Messages,
    Suspend,
    Quit,
    QuitShown,
    QuitNow,
}

/// The section of the help an action belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    Navigation,
    View,
    Selection,
    Backfill,
    General,
}

impl Group {
    pub const ALL: [Self; 5] = [Self::Navigation, Self::View, Self::Selection, Self::Backfill, Self::General];

    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Navigation => "Navigation",
            Self::View => "View",
            Self::Selection => "Selection",
            Self::Backfill => "Backfill",
            Self::General => "General",
        }
    }
}

/// The screens an action is available on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionScope {
    Everywhere,
    On(&'static [Screen]),
}

impl ActionScope {
    #[must_use]
    pub fn includes(self, screen: Screen) -> bool {
        match self {
            Self::Everywhere => true,
            Self::On(screens) => screens.contains(&screen),
        }
    }

    /// Whether both are available on some screen.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        Screen::ALL.into_iter().any(|screen| self.includes(screen) && other.includes(screen))
    }
}

/// What is shown between the key and the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    None,
    /// A yes or no while a run is under way or an engine would stop.
    WhenBusy,
    /// A yes or no when it is about more than one symbol or series.
    WhenSeveral,
    /// A yes or no.
    Confirm,
    /// A yes or no with the engine's plan: the action costs requests.
    Cost,
}

/// What an action is called: one thing, or one of two by how things app.
#[derive(Clone, Copy)]
pub enum Title {
    Fixed(&'static str),
    /// The first while the condition holds, else the second.
    Either(fn(&Model) -> bool, &'static str, &'static str),
}

/// One action.
#[derive(Clone, Copy)]
pub struct Spec {
    pub id: ActionId,
    /// Its name in the settings.
    pub name: &'static str,
    pub title: Title,
    pub help: &'static str,
    pub group: Group,
    pub scope: ActionScope,
    pub keys: &'static [&'static str],
    /// Its rank in the footer, smallest first; `None`: not in the footer.
    pub footer: Option<u8>,
    /// What the first of its keys begins, where it is one of several that begin alike: the footer names only that.
    pub family: Option<&'static str>,
    /// Whether it changes something in the engine; not offered on a read-only dashboard.
    pub is_command: bool,
    pub confirmation: Confirmation,
    /// `Err`: why it is not available now.
    pub enabled: fn(&Model) -> Result<(), String>,
}

impl Spec {
    /// The title in this state.
    #[must_use]
    pub fn title(&self, model: &Model) -> &'static str {
        match self.title {
            Title::Fixed(title) => title,
            Title::Either(is, yes, no) => {
                if is(model) {
                    yes
                } else {
                    no
                }
            }
        }
    }

    /// The title whatever the state: both of them.
    #[must_use]
    pub fn any_title(&self) -> String {
        match self.title {
            Title::Fixed(title) => title.to_owned(),
            Title::Either(_, yes, no) => format!("{no} / {yes}"),
        }
    }
}

/// An action that changes nothing in the engine.
const fn view_action(
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
        title: Title::Fixed(title),
        help,
        group,
        scope: ActionScope::Everywhere,
        keys,
        footer: None,
        family: None,
        is_command: false,
        confirmation: Confirmation::None,
        enabled: always,
    }
}

/// An action that changes something in the engine.
const fn command(
    id: ActionId,
    name: &'static str,
    title: &'static str,
    help: &'static str,
    keys: &'static [&'static str],
    confirmation: Confirmation,
) -> Spec {
    Spec {
        is_command: true,
        confirmation,
        enabled: operate,
        ..view_action(id, name, title, help, Group::Backfill, keys)
    }
}

/// Every screen but the log, where `n` goes to the next match and nothing can be moved sideways.
const NOT_LOG: ActionScope = ActionScope::On(&[
    Screen::Overview,
    Screen::Symbols,
    Screen::Coverage,
    Screen::Detail,
    Screen::Executions,
    Screen::Vendor,
    Screen::Failures,
]);
/// Where lists have columns.
const WITH_COLUMNS: ActionScope =
    ActionScope::On(&[Screen::Overview, Screen::Symbols, Screen::Executions, Screen::Vendor, Screen::Failures]);
const TABLES: ActionScope = ActionScope::On(&[Screen::Symbols, Screen::Coverage]);
const WITH_SERIES: ActionScope = ActionScope::On(&[
    Screen::Overview,
    Screen::Symbols,
    Screen::Coverage,
    Screen::Detail,
    Screen::Executions,
    Screen::Failures,
]);

/// All actions, in the order of the help.
pub static ACTIONS: LazyLock<Vec<Spec>> = LazyLock::new(|| {
    let groups = [navigation::SPECS, views::SPECS, selection::SPECS, backfill::SPECS, general::SPECS];
    groups.into_iter().flatten().copied().collect()
});

/// The row of an action.
#[must_use]
pub fn spec(id: ActionId) -> Option<&'static Spec> {
    ACTIONS.iter().find(|spec| spec.id == id)
}

/// The table for people, as Markdown.
#[must_use]
pub fn key_table() -> String {
    let mut out = String::from("| Key | Action | Description | Screens |\n|---|---|---|---|\n");
    for group in Group::ALL {
        for spec in ACTIONS.iter().filter(|spec| spec.group == group) {
            let keys: Vec<String> = spec.keys.iter().map(|key| format!("`{key}`")).collect();
            let keys = if keys.is_empty() { "command palette".to_owned() } else { keys.join(" ") };
            let place = match spec.scope {
                ActionScope::Everywhere => "all".to_owned(),
                ActionScope::On(screens) => screens.iter().map(|s| s.title()).collect::<Vec<_>>().join(", "),
            };
            // Writing to a string does not fail.
            let _ = writeln!(out, "| {keys} | `{}` | {} | {place} |", spec.name, spec.help);
        }
    }
    out
}
