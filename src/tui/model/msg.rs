//! What can happen to the dashboard, and what the dashboard can want done.

use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};

use barkeep_market::Ts;
use barkeep_monitor::snapshot::Snapshot;
use barkeep_runtime::console::{ConsoleRequest, ConsoleResponse, Link, LogLine, ReadError};
use barkeep_service::handle::{CommandError, CommandReply, EngineCommand};

/// Something happened.
#[derive(Debug)]
pub enum Msg {
    Key(KeyEvent),
    Mouse(MouseEvent),
    Paste(String),
    Resize(u16, u16),
    /// The terminal's window got or lost the focus.
    Focus(bool),
    Snapshot(Arc<Snapshot>),
    Link(Link),
    LogLine(Arc<LogLine>),
    /// So many log lines came too fast.
    Skipped(u64),
    /// A question was answered; `of` is the reading of the database it was asked at.
    Answered {
        question: ConsoleRequest,
        of: Ts,
        reply: Result<ConsoleResponse, ReadError>,
    },
    /// An order was answered.
    Ordered {
        order: u64,
        outcome: Result<CommandReply, CommandError>,
    },
    /// A picture of the screen was written.
    Saved(Result<PathBuf, String>),
    /// A second has begun, or something on the screen is to go away.
    Tick,
    /// A signal asks the process to end.
    Quit,
}

/// When the next frame is due because of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Redraw {
    #[default]
    No,
    /// With the next frame of data.
    Soon,
    Now,
}

/// What is to be done; the loop does it.
#[derive(Debug, Default)]
pub struct Effects {
    pub redraw: Redraw,
    /// Orders to the engine, each with the number its answer comes back with.
    pub orders: Vec<(u64, EngineCommand)>,
    pub questions: Vec<ConsoleRequest>,
    /// A text for the clipboard.
    pub copy: Option<String>,
    /// A picture of the screen is to be written.
    pub picture: bool,
    /// The mouse is to be caught, or let go.
    pub mouse: Option<bool>,
    /// Every cell is to be sent again.
    pub repaint: bool,
    pub quit: Option<Exit>,
}

/// How the dashboard ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// The engine is to end its work; the screen stays until it has.
    Drain,
    /// At once.
    Now,
}

/// What an order was about, until it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub order: u64,
    pub toast: u64,
    pub what: String,
    /// What is shown once it is done.
    pub done: String,
}
