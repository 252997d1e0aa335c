//! Hands on the keyboard, and an engine that says what a test tells it to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use barkeep::monitor::snapshot::Snapshot;
use barkeep::plan::Plan;
use barkeep::runtime::console::{Access, Console, ConsoleRequest, ConsoleResponse, Link, LogLine, ReadError};
use barkeep::service::handle::{CommandError, CommandReply, EngineCommand};
use barkeep::tui::draw::context::DrawContext;
use barkeep::tui::keymap::Keymap;
use barkeep::tui::model::msg::{Effects, Msg, Redraw};
use barkeep::tui::model::{Model, Now};
use barkeep::tui::terminal::keys::Key;
use barkeep::tui::view::frame::frame;
use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::sync::{broadcast, watch};

use crate::support::screens;

/// `j`, `ctrl-d`, `enter`: as settings write them.
pub fn key(text: &str) -> KeyEvent {
    let key: Key = text.parse().unwrap_or_else(|e| panic!("{e}"));
    KeyEvent::new(key.code, key.modifiers)
}

/// A dashboard with the built-in keys and an answer to every question.
pub fn model(snap: Snapshot) -> Model {
    let mut model = screens::answered(snap, 120, 40);
    model.keymap = Arc::new(Keymap::new(&[]).unwrap());
    show(&mut model);
    model
}

/// Draws it, so that it knows what is where; the frame as lines.
pub fn show(model: &mut Model) -> Vec<String> {
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    let mut buf = Buffer::empty(area);
    let hits = frame(model, &DrawContext::of(model), area, &mut buf);
    let _ = model.drawn(hits);
    barkeep::tui::terminal::screenshot::text(&buf).lines().map(str::to_owned).collect()
}

pub fn seconds(n: u64) -> Now {
    Now { wall: screens::now() + n as i64 * 1000, since_start: Duration::from_secs(60 + n) }
}

/// Takes in a message at the beginning.
pub fn tell(model: &mut Model, msg: Msg) -> Effects {
    let now = model.now;
    model.update(msg, now)
}

/// Presses keys one after the other, drawing after each; everything that came of them together.
pub fn press(model: &mut Model, keys: &str) -> Effects {
    let mut all = Effects::default();
    for text in keys.split_whitespace() {
        let effects = tell(model, Msg::Key(key(text)));
        all.redraw = all.redraw.max(effects.redraw);
        all.commands.extend(effects.commands);
        all.requests.extend(effects.requests);
        all.copy = effects.copy.or(all.copy);
        all.quit = effects.quit.or(all.quit);
        all.mouse = effects.mouse.or(all.mouse);
        all.screenshot |= effects.screenshot;
        all.repaint |= effects.repaint;
        show(model);
    }
    all
}

/// Types text letter by letter.
pub fn type_in(model: &mut Model, text: &str) {
    for c in text.chars() {
        let code = crossterm::event::KeyCode::Char(c);
        let effects = tell(model, Msg::Key(KeyEvent::new(code, crossterm::event::KeyModifiers::NONE)));
        assert_eq!(effects.redraw, Redraw::Now);
    }
    show(model);
}

/// The words said last.
pub fn said(model: &Model) -> String {
    model.toasts.iter().next_back().map(|toast| toast.text.clone()).unwrap_or_default()
}

pub fn plan(requests: u64) -> CommandReply {
    CommandReply::Planned(Box::new(Plan {
        plan_id: uuid::Uuid::nil(),
        requests,
        requests_low: requests,
        requests_high: requests,
        files: 0,
        file_cost: 0,
        without_files: None,
        lower_bound: requests,
        optimal: true,
        estimated_seconds: 60.0,
        expected_bars: 1_000,
        rechecks: 0,
        derived_locally: 0,
        budget: None,
        items: Vec::new(),
    }))
}

/// An engine that says what it is told to.
pub struct Puppet {
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    pub notices: broadcast::Sender<Arc<LogLine>>,
    pub link: watch::Sender<Link>,
    /// What was ordered.
    pub orders: Mutex<Vec<EngineCommand>>,
    pub questions: Mutex<Vec<ConsoleRequest>>,
    /// What it says to the next orders; nothing left means never an answer.
    pub answers: Mutex<VecDeque<Result<CommandReply, CommandError>>>,
}

impl Puppet {
    pub fn new(snap: Snapshot) -> Arc<Self> {
        Arc::new(Self {
            snapshots: watch::channel(Arc::new(snap)).0,
            notices: broadcast::channel(16).0,
            link: watch::channel(Link::Embedded).0,
            orders: Mutex::default(),
            questions: Mutex::default(),
            answers: Mutex::default(),
        })
    }
}

#[async_trait]
impl Console for Puppet {
    fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.subscribe()
    }

    fn notices(&self) -> broadcast::Receiver<Arc<LogLine>> {
        self.notices.subscribe()
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    fn access(&self) -> Access {
        Access::Operate
    }

    async fn order(&self, action: EngineCommand) -> Result<CommandReply, CommandError> {
        self.orders.lock().unwrap().push(action);
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    async fn ask(&self, question: ConsoleRequest) -> Result<ConsoleResponse, ReadError> {
        let log = matches!(question, ConsoleRequest::Log { .. });
        self.questions.lock().unwrap().push(question);
        if log {
            return Ok(ConsoleResponse::Log(Vec::new()));
        }
        Err(ReadError::Unavailable("not in this test".to_owned()))
    }
}
