//! Layers above the screen: help, palette, a command line, a confirmation, an input line. The topmost gets the keys.

use tui_input::Input;

use crate::model::command_line::CommandLine;
use barkeep_plan::Plan;
use barkeep_runtime::console::QuarantineRow;
use barkeep_service::handle::EngineCommand;

/// One layer.
#[derive(Clone, Debug)]
pub enum Layer {
    /// All keys that mean something here, to search and to run.
    Help(Menu),
    /// Every action by name.
    Palette(Menu),
    /// A command with arguments: what the palette becomes once one is typed.
    Command(Box<CommandLine>),
    /// The line that edits a screen's filter, and what it was before.
    Filter {
        input: Input,
        before: String,
        /// Which of the filters typed before is shown; their number when it is none of them.
        recalled: usize,
    },
    Confirm(Box<Confirm>),
    /// The messages of the last minutes, newest first; how many are scrolled away.
    Messages(usize),
    /// Everything about the selected row; how many lines are scrolled away.
    Why(usize),
}

/// A line of text and the actions that fit it.
#[derive(Clone, Debug, Default)]
pub struct Menu {
    pub input: Input,
    pub cursor: usize,
}

/// A confirmation; the default is no, but for a command that was written out.
#[derive(Clone, Debug)]
pub struct Confirm {
    /// The id of its preview.
    pub id: u64,
    pub title: String,
    /// What it is done to.
    pub scope: String,
    pub cost: Cost,
    /// The quarantined bar it decides on; shown beside what is stored.
    pub bar: Option<Box<QuarantineRow>>,
    /// What follows when the answer is yes.
    pub then: Then,
    /// Whether yes is selected.
    pub yes: bool,
    /// Whether it is done even when no request is needed for it.
    pub even_if_free: bool,
}

/// What follows a yes.
#[derive(Clone, Debug)]
pub enum Then {
    Send(EngineCommand),
    /// The second once the first is done.
    SendBoth(EngineCommand, EngineCommand),
    Quit,
}

/// What it would cost.
#[derive(Clone, Debug)]
pub enum Cost {
    /// No requests.
    Free,
    /// The engine is planning.
    Planning,
    Known(Box<Plan>),
    /// There is nothing to do, or no plan could be made.
    Unknown(String),
}

impl Cost {
    /// Whether it can be confirmed.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        matches!(self, Self::Free | Self::Known(_))
    }
}
