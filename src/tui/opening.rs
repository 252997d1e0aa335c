//! The screen from the first moment on, on a thread of its own. A large database takes a moment to open: keys are answered
//! meanwhile, and do what they do as soon as there is something to do it with.

use std::io;
use std::thread::JoinHandle;

use crossterm::event::{Event, KeyCode, KeyModifiers};
use futures_util::{Stream, StreamExt as _, stream};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::Style;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::model::Model;
use crate::run::{AppContext, Ended, OwnedContext, last_frame, run};
use crate::terminal::kept::colored;
use crate::terminal::keys::Key;
use crate::terminal::painter::TerminalOutput;
use crate::terminal::signals::SignalEvent;

/// Events that are kept until there is a dashboard.
const KEPT: usize = 64;
/// The last of them that are shown.
const SHOWN: usize = 8;

/// What a dashboard leaves when it has ended.
pub struct Shown {
    pub ended: Ended,
    /// Those it was given.
    pub signals: mpsc::Receiver<SignalEvent>,
    /// The last screen, where the operator wants it to stay: lines with their colors.
    pub kept: Option<String>,
}

/// A dashboard that is being opened.
pub struct Opening {
    hand: Option<oneshot::Sender<Box<(OwnedContext, Model)>>>,
    end: oneshot::Receiver<Shown>,
    thread: Option<JoinHandle<()>>,
    quit: CancellationToken,
}

impl Opening {
    /// Shows what is waited for, on a thread with a runtime of its own, so that a key is answered and a frame is drawn
    /// whatever the engine is busy with. Commands and requests go to the runtime this is called on.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start<C, I>(
        waiting: String,
        size: Size,
        mut output: C,
        input: impl FnOnce() -> I + Send + 'static,
    ) -> io::Result<Self>
    where
        C: TerminalOutput + Send + 'static,
        I: Stream<Item = io::Result<Event>> + Unpin,
    {
        let engine = Handle::current();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (hand, given) = oneshot::channel::<Box<(OwnedContext, Model)>>();
        let (ended, end) = oneshot::channel();
        let quit = CancellationToken::new();
        let pressed = quit.clone();
        let work = move || {
            output.begin();
            let shown = runtime.block_on(async {
                let mut input = input();
                let (given, typed) = wait(&waiting, size, &mut output, &mut input, given, &pressed).await?;
                let (OwnedContext { console, clock, caps, mut signals, drain, drained, screenshots }, model) = *given;
                let app =
                    AppContext { console, engine, clock, caps, signals: &mut signals, drain, drained, screenshots };
                let mut input = stream::iter(typed.into_iter().map(Ok)).chain(input);
                let (ended, mut model) = run(app, model, &mut output, &mut input).await;
                let kept = model.keeps_screen.then(|| colored(&last_frame(&mut model)));
                Some(Shown { ended, signals, kept })
            });
            // The terminal is given back before anybody hears of the end.
            drop(output);
            if let Some(shown) = shown {
                // Whoever waited may be gone.
                let _ = ended.send(shown);
            }
        };
        let thread = std::thread::Builder::new().name("dashboard".to_owned()).spawn(work)?;
        Ok(Self { hand: Some(hand), end, thread: Some(thread), quit })
    }

    /// Cancelled when ctrl-c is pressed before there is a dashboard. The terminal sends no signal for it any more.
    #[must_use]
    pub const fn quit(&self) -> &CancellationToken {
        &self.quit
    }

    /// Runs the dashboard until it ends.
    ///
    /// # Errors
    /// When it ended without a word.
    pub async fn open(mut self, app: OwnedContext, model: Model) -> io::Result<Shown> {
        if let Some(hand) = self.hand.take() {
            // A thread that is gone tells below how it ended.
            let _ = hand.send(Box::new((app, model)));
        }
        let ended = (&mut self.end).await;
        let thread = self.thread.take();
        match (ended, thread) {
            (Ok(ended), _) => Ok(ended),
            // It ends without a word only by a panic, which goes on here.
            (Err(_), Some(thread)) => match thread.join() {
                Err(bug) => std::panic::resume_unwind(bug),
                Ok(()) => Err(io::Error::other("the dashboard ended without an error message")),
            },
            (Err(_), None) => Err(io::Error::other("the dashboard ended without an error message")),
        }
    }
}

impl Drop for Opening {
    /// The terminal is given back when this is gone.
    fn drop(&mut self) {
        drop(self.hand.take());
        if let Some(thread) = self.thread.take() {
            // Its panic was printed already.
            let _ = thread.join();
        }
    }
}

/// Waits for what the dashboard is made of; what was typed until then comes along. `None`: it could not be opened.
async fn wait<C, I, T>(
    waiting: &str,
    mut size: Size,
    output: &mut C,
    input: &mut I,
    mut given: oneshot::Receiver<T>,
    quit: &CancellationToken,
) -> Option<(T, Vec<Event>)>
where
    C: TerminalOutput,
    I: Stream<Item = io::Result<Event>> + Unpin,
{
    let mut typed = Vec::new();
    let mut listens = true;
    loop {
        // A terminal that takes no frames is found out by the dashboard.
        let _ = output.paint(&frame(waiting, size, &typed), None);
        tokio::select! {
            biased;
            given = &mut given => return given.ok().map(|given| (given, typed)),
            came = input.next(), if listens => match came {
                Some(Ok(event)) => {
                    if let Event::Resize(width, height) = event {
                        size = Size::new(width, height);
                    }
                    match event {
                        Event::Key(key)
                            if key.is_press()
                                && key.code == KeyCode::Char('c')
                                && key.modifiers.contains(KeyModifiers::CONTROL) =>
                        {
                            quit.cancel();
                        }
                        event if typed.len() < KEPT => typed.push(event),
                        _ => {}
                    }
                }
                Some(Err(_)) | None => listens = false,
            }
        }
    }
}

fn frame(waiting: &str, size: Size, typed: &[Event]) -> Buffer {
    let mut frame = Buffer::empty(Rect::new(0, 0, size.width, size.height));
    let width = usize::from(size.width.saturating_sub(1));
    frame.set_stringn(1, 0, format!("barkeep   {waiting}   ctrl-c quits"), width, Style::new());
    let keys = typed.iter().filter_map(|event| match event {
        Event::Key(key) => Some(Key::from(*key).to_string()),
        _ => None,
    });
    let keys: Vec<String> = keys.collect();
    if !keys.is_empty() && size.height > 1 {
        let last = keys.get(keys.len().saturating_sub(SHOWN)..).unwrap_or_default();
        let more = if keys.len() > SHOWN { "… " } else { "" };
        let said = format!("typed ahead: {more}{}", last.join(" "));
        frame.set_stringn(1, size.height - 1, said, width, Style::new());
    }
    frame
}
