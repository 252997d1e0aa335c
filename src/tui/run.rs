//! The loop: messages in, [`Model::update`], effects out, at most one frame after each round.
//!
//! It waits for everything at once and for nothing in vain: while nothing happens and nothing on the screen changes by
//! itself, it sleeps without a timer. Everything it starts it also ends.

use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures_util::{Stream, StreamExt as _};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::runtime::Handle;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::model::{Model, Now};
use super::view::frame::frame;
use crate::draw::context::DrawContext;
use crate::draw::theme::Edited;
use crate::model::arranged::{Arranged, MANY};
use crate::model::msg::{Effects, Exit, Msg};
use crate::terminal::painter::TerminalOutput;
use crate::terminal::schedule::{FrameCaps, FrameClock};
use crate::terminal::screenshot::Screenshots;
use crate::terminal::signals::SignalEvent;
use barkeep_base::clock::Clock;
use barkeep_monitor::snapshot::Snapshot;
use barkeep_runtime::console::Console;
use barkeep_service::handle::CommandError;

/// Events taken in before a frame is drawn, so that a held key or a resize storm is one frame.
const INPUT_AT_ONCE: usize = 64;
const NOTICES_AT_ONCE: usize = 256;
/// Commands and requests at once.
const MAX_TASKS: usize = 64;

/// What the dashboard runs on.
pub struct AppContext<'a> {
    pub console: Arc<dyn Console>,
    /// Where commands and requests are worked on: beside the engine, never where keys are answered.
    pub engine: Handle,
    pub clock: Arc<dyn Clock>,
    pub caps: FrameCaps,
    pub signals: &'a mut mpsc::Receiver<SignalEvent>,
    /// Cancelled when the operator quits: the engine ends its work.
    pub drain: CancellationToken,
    /// Cancelled when the engine has.
    pub drained: CancellationToken,
    /// Where screenshots are saved.
    pub screenshots: Screenshots,
}

/// How the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The engine has ended its work.
    Drained,
    /// The operator did not want to wait.
    AtOnce,
    /// There is no terminal any more.
    Gone,
}

/// The terminal's input.
#[must_use]
pub fn input() -> EventStream {
    EventStream::new()
}

/// What a dashboard on a thread of its own runs on: the parts of an [`AppContext`], its signals among them.
pub struct OwnedContext {
    pub console: Arc<dyn Console>,
    pub clock: Arc<dyn Clock>,
    pub caps: FrameCaps,
    pub signals: mpsc::Receiver<SignalEvent>,
    pub drain: CancellationToken,
    pub drained: CancellationToken,
    pub screenshots: Screenshots,
}

/// Runs the dashboard until it ends; the model comes back as it was last.
pub async fn run<C, I>(mut app: AppContext<'_>, mut model: Model, output: &mut C, input: &mut I) -> (Ended, Model)
where
    C: TerminalOutput,
    I: Stream<Item = io::Result<Event>> + Unpin,
{
    let start = Instant::now();
    let clock = Arc::clone(&app.clock);
    let now = || Now { wall: clock.now(), since_start: start.elapsed() };
    let (mut snapshots, mut notices, mut link) = (app.console.watch(), app.console.notices(), app.console.link());
    let mut frames = FrameClock::new(app.caps);
    let mut tasks: JoinSet<Msg> = JoinSet::new();
    let mut buffer = Buffer::default();
    frames.request(crate::model::msg::Redraw::Now, true, start);
    snapshots.mark_changed();
    let mut reading = Reading::default();
    let mut edited = Edited::of(model.own_theme, &app.engine);
    let ended = loop {
        edited.follow(model.own_theme);
        let frame_due = frames.due();
        let alarm = alarm(&model, start, now());
        let mut messages = Vec::new();
        tokio::select! {
            biased;
            came = app.signals.recv() => match came {
                Some(SignalEvent::Quit) => messages.push(Msg::Quit),
                Some(SignalEvent::Gone) | None => break Ended::Gone,
                Some(SignalEvent::Suspend) => {
                    if output.suspend().is_err() { break Ended::Gone }
                }
                Some(SignalEvent::Continued) => {
                    if output.retake().is_err() { break Ended::Gone }
                    frames.request(crate::model::msg::Redraw::Now, true, Instant::now());
                }
            },
            came = input.next() => {
                // The end of the input is the end of the terminal.
                let Some(Ok(event)) = came else { break Ended::Gone };
                messages.extend(message(event));
                while messages.len() < INPUT_AT_ONCE {
                    match at_hand(input).await {
                        Some(Some(Ok(event))) => messages.extend(message(event)),
                        _ => break,
                    }
                }
            }
            Some(done) = tasks.join_next() => match done {
                Ok(message) => {
                    if matches!(message, Msg::Arranged(_)) {
                        reading = Reading::default();
                        // It may not be the newest any more.
                        snapshots.mark_changed();
                    }
                    messages.push(message);
                }
                Err(e) => {
                    reading = Reading::default();
                    tracing::error!(error = %e, "a command or a request panicked");
                }
            },
            () = at(frame_due) => {
                let at = now();
                model.now = at;
                let effects = draw(&mut model, output, &mut buffer);
                frames.drawn(Instant::now());
                match effects {
                    Ok(effects) => {
                        if let Some(end) = carry_out(effects, &mut model, output, &mut app, &mut tasks, &buffer) {
                            break end;
                        }
                    }
                    Err(e) => {
                        tracing::info!(error = %e, "the terminal does not accept output");
                        break Ended::Gone;
                    }
                }
            }
            () = at(alarm) => messages.push(Msg::Tick),
            Ok(()) = snapshots.changed() => {
                let came = Arc::clone(&snapshots.borrow_and_update());
                messages.push(Msg::Snapshot(reading.show(came, &model, &mut tasks, &app.engine)));
            }
            Some(read) = edited.read() => messages.push(Msg::ThemeFile(read)),
            Ok(()) = link.changed() => messages.push(Msg::Link(link.borrow_and_update().clone())),
            notice = notices.recv() => match notice {
                Ok(notice) => {
                    messages.push(Msg::LogLine(notice));
                    while messages.len() < NOTICES_AT_ONCE {
                        match notices.try_recv() {
                            Ok(notice) => messages.push(Msg::LogLine(notice)),
                            Err(TryRecvError::Lagged(lines)) => messages.push(Msg::Skipped(lines)),
                            Err(_) => break,
                        }
                    }
                }
                Err(RecvError::Lagged(lines)) => messages.push(Msg::Skipped(lines)),
                Err(RecvError::Closed) => notices = app.console.notices(),
            },
            () = app.drained.cancelled() => break Ended::Drained,
        }
        let mut end = None;
        for message in messages {
            let effects = model.update(message, now());
            frames.request(effects.redraw, model.focused, Instant::now());
            end = end.or(carry_out(effects, &mut model, output, &mut app, &mut tasks, &buffer));
        }
        if let Some(end) = end {
            break end;
        }
    };
    // What is under way on a busy engine need not be waited for.
    let _ = tokio::time::timeout(Duration::from_millis(200), tasks.shutdown()).await;
    (ended, model)
}

/// Whether a reading of many series is being worked out beside the screen.
#[derive(Default)]
struct Reading {
    under_way: bool,
}

impl Reading {
    /// What can be shown at once of a snapshot that came: all of it, or what the engine does, beside the series as they are
    /// shown already.
    fn show(&mut self, came: Arc<Snapshot>, model: &Model, tasks: &mut JoinSet<Msg>, engine: &Handle) -> Arc<Snapshot> {
        if came.data.series.len() < MANY || Arc::ptr_eq(&came.data, &model.newest.data) {
            return came;
        }
        if !self.under_way {
            self.under_way = true;
            let (data, query, sort) = (Arc::clone(&came.data), model.symbols.query.clone(), model.symbols.sort);
            tasks.spawn_blocking_on(move || Msg::Arranged(Box::new(Arranged::of(data, query, sort))), engine);
        }
        let (seq, live, data) = (came.seq, Arc::clone(&came.live), Arc::clone(&model.newest.data));
        Arc::new(Snapshot { seq, live, data })
    }
}

/// What the stream has ready now. It is asked with this task's waker: crossterm's stream keeps the first one it is given
/// until something comes, and with another one the next key would wake nobody.
async fn at_hand<I: Stream + Unpin>(input: &mut I) -> Option<Option<I::Item>> {
    std::future::poll_fn(|cx| match input.poll_next_unpin(cx) {
        Poll::Ready(item) => Poll::Ready(Some(item)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// When the model changes by itself: a toast expires, a request may be repeated, or a countdown goes on.
fn alarm(model: &Model, start: Instant, now: Now) -> Option<Instant> {
    let own = model.next_deadline().map(|at| start + at);
    if model.frozen.is_some() {
        return own;
    }
    let wall_ms = now.wall.ms();
    let in_ms = |ms: i64| Instant::now() + Duration::from_millis(u64::try_from(ms.max(1)).unwrap_or(1));
    let second = model.hits.ticking.then(|| in_ms(1000 - wall_ms.rem_euclid(1000)));
    let later = model.hits.changes_at.map(|at| in_ms(at - now.wall));
    own.into_iter().chain(second).chain(later).min()
}

fn message(event: Event) -> Option<Msg> {
    Some(match event {
        Event::Key(key) => Msg::Key(key),
        Event::Mouse(event) => {
            if matches!(event.kind, crossterm::event::MouseEventKind::Moved) {
                return None;
            }
            Msg::Mouse(event)
        }
        Event::Paste(text) => Msg::Paste(text),
        Event::Resize(width, height) => Msg::Resize(width, height),
        Event::FocusGained => Msg::Focus(true),
        Event::FocusLost => Msg::Focus(false),
    })
}

fn draw<C: TerminalOutput>(model: &mut Model, output: &mut C, buffer: &mut Buffer) -> io::Result<Effects> {
    let context = DrawContext::of(model);
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    if buffer.area != area {
        *buffer = Buffer::empty(area);
    }
    buffer.reset();
    let hits = frame(model, &context, area, buffer);
    output.paint(buffer, hits.caret)?;
    Ok(model.drawn(hits))
}

/// The screen without what lies over it.
pub(crate) fn last_frame(model: &mut Model) -> Buffer {
    model.layers.clear();
    model.toasts.clear();
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    let mut buffer = Buffer::empty(area);
    // Where what lies does not matter any more.
    let _ = frame(model, &DrawContext::of(model), area, &mut buffer);
    buffer
}

/// Does what is to be done.
fn carry_out<C: TerminalOutput>(
    effects: Effects,
    model: &mut Model,
    output: &mut C,
    app: &mut AppContext<'_>,
    tasks: &mut JoinSet<Msg>,
    shown: &Buffer,
) -> Option<Ended> {
    for (id, command) in effects.commands {
        let console = Arc::clone(&app.console);
        let accepted = tasks.len() < MAX_TASKS;
        let work = async move {
            let busy = || CommandError::Refused("too many commands at once".to_owned());
            let outcome = if accepted { console.order(command).await } else { Err(busy()) };
            Msg::CommandFinished { id, outcome }
        };
        tasks.spawn_on(work, &app.engine);
    }
    for request in effects.requests {
        let console = Arc::clone(&app.console);
        let data_at = model.snap.data.generated_at;
        let work = async move {
            let response = console.ask(request.clone()).await;
            Msg::Answered { request, data_at, response }
        };
        tasks.spawn_on(work, &app.engine);
    }
    if effects.screenshot {
        let (screenshots, theme, at) = (app.screenshots.clone(), DrawContext::of(model).theme, model.now.wall);
        let frame = shown.clone();
        tasks.spawn_blocking(move || Msg::Saved(screenshots.add(&frame, theme, at).map_err(|e| e.to_string())));
    }
    if effects.repaint {
        output.forget();
    }
    if effects.suspend && output.suspend().is_err() {
        return Some(Ended::Gone);
    }
    let copied = effects.copy.map_or(Ok(()), |text| output.copy(&text));
    let caught = effects.mouse.map_or(Ok(()), |catch| output.mouse(catch));
    if copied.and(caught).is_err() {
        return Some(Ended::Gone);
    }
    match effects.quit {
        Some(Exit::Now) => Some(Ended::AtOnce),
        Some(Exit::Drain) => {
            app.drain.cancel();
            None
        }
        None => None,
    }
}
