//! Frames to bytes: only what changed, in one write, and no byte when nothing did.
//!
//! ratatui's `Terminal` asks the terminal for its size and hides the cursor with every frame; a dashboard that runs for
//! weeks should be silent when nothing happens. Each frame stands between the marks of synchronized output (DEC mode
//! 2026), so that a terminal that knows them never shows half of one.

use std::io::{self, Write};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui::backend::{Backend as _, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Position;

/// Where frames go.
pub trait TerminalOutput {
    /// From now on this thread draws.
    fn begin(&mut self) {}
    /// Shows a frame.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    fn paint(&mut self, frame: &Buffer, caret: Option<Position>) -> io::Result<()>;
    /// Sends every cell with the next frame.
    fn forget(&mut self);
    /// Puts a text into the clipboard of the terminal (OSC 52), also over ssh.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    fn copy(&mut self, text: &str) -> io::Result<()>;
    /// Catches the mouse, or lets it go.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    fn mouse(&mut self, catch: bool) -> io::Result<()>;
    /// Gives the terminal back, stops the process until it is continued, and takes the terminal again.
    ///
    /// # Errors
    /// When the terminal cannot be written, or its mode not be set.
    fn suspend(&mut self) -> io::Result<()>;
    /// Takes the terminal again after another program used it.
    ///
    /// # Errors
    /// When the terminal cannot be written, or its mode not be set.
    fn retake(&mut self) -> io::Result<()>;
}

/// Draws on a terminal at the other end of `W`.
#[derive(Debug)]
pub struct Painter<W: Write> {
    out: W,
    /// What is written with the next frame, kept to be used again.
    bytes: Vec<u8>,
    shown: Option<Buffer>,
    caret: Option<Position>,
}

impl<W: Write> Painter<W> {
    pub fn new(out: W) -> Self {
        Self { out, bytes: Vec::with_capacity(64 * 1024), shown: None, caret: None }
    }

    /// The other end.
    pub const fn out(&self) -> &W {
        &self.out
    }

    fn send(&mut self) -> io::Result<()> {
        let sent = self.out.write_all(&self.bytes).and_then(|()| self.out.flush());
        self.bytes.clear();
        sent
    }

    /// Shows a frame.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn paint(&mut self, frame: &Buffer, caret: Option<Position>) -> io::Result<()> {
        let shown = self.shown.take().filter(|shown| shown.area == frame.area);
        let fresh = shown.is_none();
        let mut shown = shown.unwrap_or_else(|| Buffer::empty(frame.area));
        let changed = fresh || shown.diff_iter(frame).next().is_some();
        if !changed && caret == self.caret {
            self.shown = Some(shown);
            return Ok(());
        }
        queue!(self.bytes, BeginSynchronizedUpdate)?;
        // Hidden while it would run over the screen.
        if fresh || self.caret.is_some() {
            queue!(self.bytes, Hide)?;
        }
        if fresh {
            queue!(self.bytes, Clear(ClearType::All))?;
        }
        if changed {
            CrosstermBackend::new(&mut self.bytes).draw(shown.diff_iter(frame))?;
        }
        if let Some(Position { x, y }) = caret {
            queue!(self.bytes, MoveTo(x, y), Show)?;
        }
        queue!(self.bytes, EndSynchronizedUpdate)?;
        self.send()?;
        shown.clone_from(frame);
        (self.shown, self.caret) = (Some(shown), caret);
        Ok(())
    }

    /// Sends every cell with the next frame.
    pub fn forget(&mut self) {
        self.shown = None;
    }

    /// Puts a text into the clipboard of the terminal.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        queue!(self.bytes, CopyToClipboard::to_clipboard_from(text))?;
        self.send()
    }

    /// Catches the mouse, or lets it go.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn mouse(&mut self, catch: bool) -> io::Result<()> {
        if catch {
            queue!(self.bytes, EnableMouseCapture)?;
        } else {
            queue!(self.bytes, DisableMouseCapture)?;
        }
        self.send()
    }
}
