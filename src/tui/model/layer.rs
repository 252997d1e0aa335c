//! What lies above the screen: help, palette, a question, an input line. The uppermost gets the keys.

use tui_input::Input;

use barkeep_plan::Plan;
use barkeep_service::handle::EngineCommand;

/// One layer.
#[derive(Clone, Debug)]
pub enum Layer {
    /// All keys that mean something here, to search and to run.
    Help(Menu),
    /// Every action by name.
    Palette(Menu),
    /// The line that edits a screen's filter, and what it was before.
    Filter {
        input: Input,
        before: String,
    },
    Confirm(Box<Confirm>),
}

/// A line of text and the actions that fit it.
#[derive(Clone, Debug, Default)]
pub struct Menu {
    pub input: Input,
    pub cursor: usize,
}

/// A question before something is done. The answer is no until it is yes.
#[derive(Clone, Debug)]
pub struct Confirm {
    /// Tells the answers to its preview from others.
    pub id: u64,
    pub title: String,
    /// What it is done to.
    pub scope: String,
    pub cost: Cost,
    /// What is sent when the answer is yes.
    pub command: EngineCommand,
    /// Whether yes is selected.
    pub yes: bool,
}

/// What it would cost.
#[derive(Clone, Debug)]
pub enum Cost {
    /// No requests.
    Free,
    /// The engine is planning.
    Planning,
    Known(Box<Plan>),
    /// There is nothing to do, or it cannot be told.
    Unknown(String),
}

impl Cost {
    /// Whether the question can be answered with yes.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        matches!(self, Self::Free | Self::Known(_))
    }
}
