//! The terminal taken and given back: after quitting, after a panic, after a signal, while suspended.
//!
//! There is one terminal for a process, so whether it is taken is kept for the process: the panic hook must know it
//! without holding anything.

pub mod kept;
pub mod keys;
pub mod painter;
pub mod schedule;
pub mod screenshot;
pub mod signals;

use std::io::{self, IsTerminal as _, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crossterm::terminal::{
    EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, queue};
use ratatui::buffer::Buffer;
use ratatui::layout::Position;

use crate::terminal::painter::{Painter, TerminalOutput};
use barkeep_base::text::printable;

/// Whether this process holds the terminal.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// The thread that draws.
static DRAWS: Mutex<Option<ThreadId>> = Mutex::new(None);

/// The terminal, taken until this is dropped.
pub struct TerminalGuard {
    painter: Painter<Stdout>,
    mouse: bool,
}

impl TerminalGuard {
    /// Takes the terminal: raw input, the other screen, pastes and focus reported.
    ///
    /// # Errors
    /// When stdin or stdout is not a terminal.
    pub fn new(mouse: bool) -> io::Result<Self> {
        if !io::stdout().is_terminal() {
            return Err(io::Error::other("stdout is not a terminal"));
        }
        *DRAWS.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current().id());
        take(mouse)?;
        Ok(Self { painter: Painter::new(io::stdout()), mouse })
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        give_back();
    }
}

impl TerminalOutput for TerminalGuard {
    fn begin(&mut self) {
        *DRAWS.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current().id());
    }

    fn paint(&mut self, frame: &Buffer, caret: Option<Position>) -> io::Result<()> {
        if !TAKEN.load(Ordering::SeqCst) {
            // About to stop: the terminal is the shell's.
            return Ok(());
        }
        self.painter.paint(frame, caret)
    }

    fn forget(&mut self) {
        self.painter.forget();
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        self.painter.copy(text)
    }

    fn mouse(&mut self, catch: bool) -> io::Result<()> {
        self.mouse = catch;
        self.painter.mouse(catch)
    }

    fn suspend(&mut self) -> io::Result<()> {
        give_back();
        // Everything stops, this thread perhaps a moment later. SIGCONT says when the terminal is ours again.
        Ok(rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?)
    }

    fn retake(&mut self) -> io::Result<()> {
        self.painter.forget();
        if !in_foreground() {
            // Continued by `kill -CONT`: the terminal is still the shell's. `fg` sends another SIGCONT.
            return Ok(());
        }
        take(self.mouse)
    }
}

/// Whether the terminal is this job's. Another that sets its modes is stopped by SIGTTOU, and could not even end.
fn in_foreground() -> bool {
    rustix::termios::tcgetpgrp(io::stdout()).map_or(true, |group| group == rustix::process::getpgrp())
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    enter(&mut out, mouse)?;
    out.flush()
}

/// Gives the terminal back if this process holds it. Whatever fails, the rest is still done.
pub fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    if !in_foreground() {
        // The shell has set its own modes since.
        return;
    }
    let mut out = io::stdout();
    // A terminal that is gone cannot be restored, and need not be.
    let _ = leave(&mut out).and_then(|()| out.flush());
    let _ = disable_raw_mode();
}

fn enter(out: &mut impl Write, mouse: bool) -> io::Result<()> {
    queue!(out, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, cursor::Hide)?;
    if mouse { queue!(out, EnableMouseCapture) } else { Ok(()) }
}

fn leave(out: &mut impl Write) -> io::Result<()> {
    // A frame may have been cut off in the middle.
    queue!(out, EndSynchronizedUpdate, DisableMouseCapture, DisableFocusChange, DisableBracketedPaste)?;
    queue!(out, crossterm::style::ResetColor, LeaveAlternateScreen, cursor::Show)
}

/// From now on a panic of the thread that draws gives the terminal back before the message is printed. A panic of another thread
/// does not end the program; it goes to the log, where the screen shows it.
pub fn guard_against_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |bug| {
        let draws = *DRAWS.lock().unwrap_or_else(PoisonError::into_inner);
        if TAKEN.load(Ordering::SeqCst) && draws.is_some_and(|id| id != std::thread::current().id()) {
            let message = bug.payload_as_str().map_or_else(|| "no message".to_owned(), printable);
            let place = bug.location().map(|l| format!(" ({}:{})", l.file(), l.line())).unwrap_or_default();
            tracing::error!("barkeep hit a bug: {message}{place}");
            return;
        }
        give_back();
        before(bug);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_switched_on_is_switched_off() {
        let (mut on, mut off) = (Vec::new(), Vec::new());
        enter(&mut on, true).unwrap();
        leave(&mut off).unwrap();
        let (on, off) = (String::from_utf8(on).unwrap(), String::from_utf8(off).unwrap());
        let modes: Vec<&str> = on.split("\u{1b}[?").skip(1).filter_map(|rest| rest.strip_suffix('h')).collect();
        assert!(modes.len() >= 5, "{on:?}");
        for mode in modes {
            assert!(off.contains(&format!("\u{1b}[?{mode}l")), "{mode} stays on: {off:?}");
        }
        assert!(on.contains("\u{1b}[?25l") && off.contains("\u{1b}[?25h"), "the cursor");
        assert!(off.contains("\u{1b}[?2026l"), "a frame cut off in the middle");
    }
}
