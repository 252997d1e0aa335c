//! What happens to the dashboard, and what it wants done.

use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};

use crate::draw::theme::OwnTheme;
use crate::model::arranged::Arranged;
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
    /// A reading was worked out beside the screen.
    Arranged(Box<Arranged>),
    Link(Link),
    LogLine(Arc<LogLine>),
    /// So many log lines came too fast.
    Skipped(u64),
    /// A request was answered; `data_at` is the generation of the data it was made for.
    Answered {
        request: ConsoleRequest,
        data_at: Ts,
        response: Result<ConsoleResponse, ReadError>,
    },
    /// The engine answered a command.
    CommandFinished {
        id: u64,
        outcome: Result<CommandReply, CommandError>,
    },
    /// A screenshot was saved.
    Saved(Result<PathBuf, String>),
    /// The file of the theme that is on was edited: the theme, or what is wrong with the file.
    ThemeFile(Result<OwnTheme, String>),
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

/// What is to be done; the event loop does it.
#[derive(Debug, Default)]
pub struct Effects {
    pub redraw: Redraw,
    /// Commands to the engine, each with the id its answer comes back with.
    pub commands: Vec<(u64, EngineCommand)>,
    pub requests: Vec<ConsoleRequest>,
    /// A text for the clipboard.
    pub copy: Option<String>,
    /// Save a screenshot.
    pub screenshot: bool,
    /// Capture the mouse, or release it.
    pub mouse: Option<bool>,
    /// Send every cell again.
    pub repaint: bool,
    /// Stop the process until the shell lets it go on.
    pub suspend: bool,
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

/// A command that the engine has not answered yet.
#[derive(Clone, Debug)]
pub struct Pending {
    pub id: u64,
    pub toast: u64,
    pub what: String,
    /// What is shown once it is done.
    pub done: String,
    /// How it is undone, if it can be.
    pub undo: Option<(String, EngineCommand)>,
    /// What is sent once it is done, and what that is.
    pub next: Option<(String, EngineCommand)>,
}
