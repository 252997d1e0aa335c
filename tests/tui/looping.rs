//! When the loop draws, on a clock that stands still until everybody waits.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use barkeep::base::clock::Clock;
use barkeep::market::Ts;
use barkeep::monitor::snapshot::Snapshot;
use barkeep::runtime::console::{Level, LogLine};
use barkeep::service::handle::CommandReply;
use barkeep::tui::draw::theme::{ColorDepth, OwnTheme, Theme, ThemeKind};
use barkeep::tui::model::Model;
use barkeep::tui::opening::{Opening, Shown};
use barkeep::tui::run::{AppContext, Ended, OwnedContext, run};
use barkeep::tui::terminal::painter::TerminalOutput;
use barkeep::tui::terminal::schedule::FrameCaps;
use barkeep::tui::terminal::screenshot;
use barkeep::tui::terminal::screenshot::Screenshots;
use barkeep::tui::terminal::signals::SignalEvent;
use crossterm::event::Event;
use futures_util::Stream;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Size};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep};
use tokio_util::sync::CancellationToken;

use crate::hands::{Puppet, key, model};
use crate::support::screens;

/// The wall clock of a test goes with tokio's.
#[derive(Debug)]
struct Wall(Instant);

impl Clock for Wall {
    fn now(&self) -> Ts {
        screens::now() + i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

/// What was drawn and when.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<(Duration, String)>>>, Arc<Mutex<Option<String>>>, Option<Instant>);

impl Paper {
    fn frames(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn last(&self) -> String {
        self.0.lock().unwrap().last().unwrap().1.clone()
    }

    fn times(&self) -> Vec<u128> {
        self.0.lock().unwrap().iter().map(|(at, _)| at.as_millis()).collect()
    }
}

impl TerminalOutput for Paper {
    fn paint(&mut self, frame: &Buffer, _: Option<Position>) -> io::Result<()> {
        let at = self.2.unwrap().elapsed();
        self.0.lock().unwrap().push((at, screenshot::text(frame)));
        Ok(())
    }
    fn forget(&mut self) {}
    fn copy(&mut self, text: &str) -> io::Result<()> {
        *self.1.lock().unwrap() = Some(text.to_owned());
        Ok(())
    }
    fn mouse(&mut self, _: bool) -> io::Result<()> {
        Ok(())
    }
    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn retake(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A dashboard at work, with a hand on its keyboard.
struct Rig {
    puppet: Arc<Puppet>,
    keys: Keys,
    signals: mpsc::Sender<SignalEvent>,
    drain: CancellationToken,
    drained: CancellationToken,
    paper: Paper,
    task: JoinHandle<(Ended, Model)>,
    dir: tempfile::TempDir,
}

/// Input as crossterm's stream gives it: it wakes whoever asked first, and nobody else, when something comes.
#[derive(Default)]
struct Line {
    events: VecDeque<Event>,
    first: Option<Waker>,
    closed: bool,
}

#[derive(Clone, Default)]
struct Keys(Arc<Mutex<Line>>);

impl Keys {
    fn change(&self, change: impl FnOnce(&mut Line)) {
        let mut line = self.0.lock().unwrap();
        change(&mut line);
        if let Some(first) = line.first.take() {
            first.wake();
        }
    }

    fn send(&self, event: Event) {
        self.change(|line| line.events.push_back(event));
    }

    fn close(&self) {
        self.change(|line| line.closed = true);
    }
}

struct Typed(Keys);

impl Stream for Typed {
    type Item = io::Result<Event>;
    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let mut line = self.0.0.lock().unwrap();
        if let Some(event) = line.events.pop_front() {
            return std::task::Poll::Ready(Some(Ok(event)));
        }
        if line.closed {
            return std::task::Poll::Ready(None);
        }
        line.first.get_or_insert_with(|| cx.waker().clone());
        std::task::Poll::Pending
    }
}

impl Rig {
    fn new(snap: Snapshot) -> Self {
        Self::showing(snap, |_| ())
    }

    /// The same with a model that was changed before it was shown.
    fn showing(snap: Snapshot, change: impl FnOnce(&mut Model) + Send + 'static) -> Self {
        Self::beside(tokio::runtime::Handle::current(), snap, change)
    }

    /// The same with an engine elsewhere.
    fn beside(
        engine: tokio::runtime::Handle,
        snap: Snapshot,
        change: impl FnOnce(&mut Model) + Send + 'static,
    ) -> Self {
        let (puppet, start) = (Puppet::new(snap.clone()), Instant::now());
        let keys = Keys::default();
        let typed = keys.clone();
        let (signals, mut came) = mpsc::channel(8);
        let (drain, drained) = (CancellationToken::new(), CancellationToken::new());
        let mut paper = Paper(Arc::default(), Arc::default(), Some(start));
        let dir = tempfile::tempdir().unwrap();
        let screenshots = Screenshots { dir: dir.path().join("screenshots") };
        let (console, mut canvas) = (Arc::clone(&puppet), paper.clone());
        let (stop, stopped) = (drain.clone(), drained.clone());
        let task = tokio::spawn(async move {
            let app = AppContext {
                console,
                engine,
                clock: Arc::new(Wall(start)),
                caps: FrameCaps::per_second(10, 1),
                signals: &mut came,
                drain: stop,
                drained: stopped,
                screenshots,
            };
            let mut model = model(snap);
            change(&mut model);
            run(app, model, &mut canvas, &mut Typed(typed)).await
        });
        paper.2 = Some(start);
        Self { puppet, keys, signals, drain, drained, paper, task, dir }
    }

    fn press(&self, text: &str) {
        for text in text.split_whitespace() {
            self.keys.send(Event::Key(key(text)));
        }
    }

    /// A new snapshot of the same day, with another number of requests in flight.
    fn publish(&self, n: u64) {
        let before = self.puppet.snapshots.borrow().clone();
        let mut live = (*before.live).clone();
        live.in_flight = usize::try_from(n).unwrap();
        let next = Snapshot { seq: n, live: Arc::new(live), data: Arc::clone(&before.data) };
        self.puppet.snapshots.send_replace(Arc::new(next));
    }
}

#[tokio::test(start_paused = true)]
async fn while_nothing_happens_nothing_is_drawn() {
    // The others ask the engine again from time to time.
    for screen in [1, 2, 8] {
        // No place of the rate limit is taken: those move on the belt.
        let mut snap = screens::at_rest();
        let mut live = (*snap.live).clone();
        (live.limit.used, live.limit.held) = (0, Vec::new());
        snap.live = Arc::new(live);
        let rig = Rig::new(snap);
        rig.press(&screen.to_string());
        sleep(Duration::from_secs(3)).await;
        let before = rig.paper.frames();
        // Within the minute: at its end the clock in the header moves on, and so do times that are still far away.
        sleep(Duration::from_secs(10)).await;
        assert_eq!(rig.paper.frames(), before, "screen {screen}: {:?}", rig.paper.times());
        assert!(rig.puppet.questions.lock().unwrap().len() < 5, "{:?}", rig.puppet.questions.lock().unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn every_key_is_heard_however_quiet_it_is() {
    let rig = Rig::new(screens::at_rest());
    rig.press("8");
    sleep(Duration::from_secs(5)).await;
    for screen in ["5", "8", "5", "8"] {
        rig.press(screen);
        sleep(Duration::from_millis(20)).await;
        assert!(rig.paper.last().contains(if screen == "5" { "Executions" } else { "8 Log" }));
        let at = rig.paper.0.lock().unwrap().last().unwrap().0;
        assert!(
            rig.paper.2.unwrap().elapsed().saturating_sub(at) < Duration::from_millis(30),
            "{screen} was not drawn"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_countdown_is_drawn_once_a_second() {
    let rig = Rig::new(screens::running());
    sleep(Duration::from_secs(2)).await;
    let before = rig.paper.frames();
    sleep(Duration::from_secs(10)).await;
    let drawn = rig.paper.frames() - before;
    assert!((1..=11).contains(&drawn), "{drawn} frames in 10 s: {:?}", rig.paper.times());
}

#[tokio::test(start_paused = true)]
async fn any_number_of_updates_within_a_tenth_of_a_second_is_one_frame() {
    let rig = Rig::new(screens::at_rest());
    rig.press("8");
    sleep(Duration::from_secs(1)).await;
    rig.publish(0);
    sleep(Duration::from_millis(1)).await;
    let before = rig.paper.frames();
    for n in 1..=50 {
        rig.publish(n);
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(rig.paper.frames(), before, "a frame came too soon");
    sleep(Duration::from_millis(60)).await;
    assert_eq!(rig.paper.frames(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_does_not_wait_for_the_next_frame_of_data() {
    let rig = Rig::new(screens::running());
    sleep(Duration::from_millis(500)).await;
    rig.publish(1);
    sleep(Duration::from_millis(20)).await;
    let (before, pressed) = (rig.paper.frames(), rig.paper.2.unwrap().elapsed());
    rig.press("2");
    sleep(Duration::from_millis(20)).await;
    assert_eq!(rig.paper.frames(), before + 1);
    let at = rig.paper.0.lock().unwrap().last().unwrap().0;
    let waited = at.saturating_sub(pressed);
    assert!(waited <= Duration::from_millis(16), "{waited:?}");
    assert!(rig.paper.last().contains("2 Symbols"));
}

#[tokio::test(start_paused = true)]
async fn held_keys_and_resizes_are_taken_in_before_one_frame() {
    let rig = Rig::new(screens::running());
    rig.press("2");
    sleep(Duration::from_millis(200)).await;
    let before = rig.paper.frames();
    for width in 60..100 {
        rig.keys.send(Event::Resize(width, 30));
    }
    rig.press("j j j j j j j j j j");
    sleep(Duration::from_millis(15)).await;
    assert_eq!(rig.paper.frames(), before + 1);
    assert_eq!(rig.paper.last().lines().count(), 30);
}

#[tokio::test(start_paused = true)]
async fn without_the_focus_data_is_drawn_once_a_second() {
    let rig = Rig::new(screens::at_rest());
    rig.press("8");
    rig.keys.send(Event::FocusLost);
    sleep(Duration::from_secs(2)).await;
    let before = rig.paper.frames();
    for n in 0..40 {
        rig.publish(n);
        sleep(Duration::from_millis(100)).await;
    }
    let drawn = rig.paper.frames() - before;
    assert!((3..=5).contains(&drawn), "{drawn} frames in 4 s");
}

#[tokio::test(start_paused = true)]
async fn a_frozen_view_is_not_drawn_however_much_happens() {
    let rig = Rig::new(screens::running());
    sleep(Duration::from_millis(100)).await;
    rig.press("f");
    // Whatever was said goes away first.
    sleep(Duration::from_secs(12)).await;
    let (before, text) = (rig.paper.frames(), rig.paper.last());
    for n in 0..100 {
        rig.publish(n);
        let notice = LogLine { seq: n, at: screens::now(), level: Level::Warn, source: "a".into(), text: "b".into() };
        rig.puppet.notices.send(Arc::new(notice)).unwrap();
        advance(Duration::from_millis(300)).await;
    }
    sleep(Duration::from_secs(70)).await;
    assert_eq!((rig.paper.frames(), rig.paper.last()), (before, text));
    rig.press("f");
    sleep(Duration::from_millis(50)).await;
    assert_eq!(rig.paper.frames(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn log_lines_that_come_too_fast_are_counted() {
    let rig = Rig::new(screens::at_rest());
    sleep(Duration::from_millis(100)).await;
    for seq in 0..40 {
        let notice = LogLine { seq, at: screens::now(), level: Level::Warn, source: "a".into(), text: "b".into() };
        rig.puppet.notices.send(Arc::new(notice)).unwrap();
    }
    sleep(Duration::from_millis(200)).await;
    assert!(rig.paper.last().contains("24 log lines skipped"), "{}", rig.paper.last());
}

#[tokio::test(start_paused = true)]
async fn an_order_is_answered_on_the_screen_within_a_tenth_of_a_second() {
    let rig = Rig::new(screens::running());
    sleep(Duration::from_millis(300)).await;
    rig.press("p y");
    sleep(Duration::from_millis(99)).await;
    assert!(rig.paper.last().contains("sent: pause the engine"));
    assert_eq!(rig.puppet.orders.lock().unwrap().len(), 1);
    rig.puppet.answers.lock().unwrap().push_back(Ok(CommandReply::Done));
    rig.press("p y");
    sleep(Duration::from_millis(50)).await;
    assert!(rig.paper.last().contains("engine paused"));
}

#[tokio::test(start_paused = true)]
async fn quitting_waits_for_the_engine_and_a_second_time_does_not() {
    let rig = Rig::new(screens::running());
    rig.press("q y");
    sleep(Duration::from_secs(2)).await;
    assert!(rig.drain.is_cancelled() && !rig.task.is_finished());
    assert!(rig.paper.last().contains("finishing"), "{}", rig.paper.last());
    rig.drained.cancel();
    assert_eq!(rig.task.await.unwrap().0, Ended::Drained);

    let rig = Rig::new(screens::running());
    rig.press("q y q");
    assert_eq!(rig.task.await.unwrap().0, Ended::AtOnce);

    let rig = Rig::new(screens::running());
    rig.signals.send(SignalEvent::Quit).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert!(rig.drain.is_cancelled() && !rig.task.is_finished());
    rig.signals.send(SignalEvent::Gone).await.unwrap();
    assert_eq!(rig.task.await.unwrap().0, Ended::Gone);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_input_is_the_end_of_the_terminal() {
    let Rig { keys, task, .. } = Rig::new(screens::running());
    keys.close();
    assert_eq!(task.await.unwrap().0, Ended::Gone);
}

#[tokio::test(start_paused = true)]
async fn a_row_is_copied_and_a_picture_is_written() {
    let rig = Rig::new(screens::running());
    sleep(Duration::from_millis(50)).await;
    rig.press("2 y S");
    tokio::time::resume();
    let written = async {
        while !rig.paper.last().contains("screenshot saved: ") {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), written).await.expect("a picture within 20 s");
    assert!(rig.paper.1.lock().unwrap().as_ref().is_some_and(|text| text.contains("bars")));
    let pictures: Vec<_> = std::fs::read_dir(rig.dir.path().join("screenshots")).unwrap().collect();
    assert_eq!(pictures.len(), 2);
}

/// The only thread of the engine is busy with one thing, as with a plan of fifty thousand series; keys are answered.
#[test]
fn keys_are_answered_while_the_engine_is_busy() {
    let engine = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let (begun, working) = std::sync::mpsc::channel::<()>();
    engine.spawn(async move {
        begun.send(()).unwrap();
        let _ = blocked.recv();
    });
    working.recv().unwrap();
    let (keys, start) = (Keys::default(), Instant::now());
    let paper = Paper(Arc::default(), Arc::default(), Some(start));
    let (drain, drained) = (CancellationToken::new(), CancellationToken::new());
    let (_signals, came) = mpsc::channel(8);
    let dir = tempfile::tempdir().unwrap();
    let app = OwnedContext {
        console: Puppet::new(screens::running()),
        clock: Arc::new(Wall(start)),
        caps: FrameCaps::per_second(10, 1),
        signals: came,
        drain: drain.clone(),
        drained: drained.clone(),
        screenshots: Screenshots { dir: dir.path().join("screenshots") },
    };
    let (typed, seen, pressed) = (keys.clone(), paper.clone(), keys.clone());
    // A key before there is a database is answered too, and counts once there is one.
    let opening = engine.block_on(async {
        Opening::start("opening a database".to_owned(), Size::new(160, 45), paper.clone(), move || Typed(keys)).unwrap()
    });
    pressed.send(Event::Key(key("5")));
    let began = std::time::Instant::now();
    while paper.frames() == 0 || !paper.last().contains("typed ahead: 5") {
        assert!(began.elapsed() < Duration::from_secs(20), "the key is not shown");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(paper.last().contains("opening a database"));
    let operator = std::thread::spawn(move || {
        let until = |what: &str| {
            let began = std::time::Instant::now();
            while !seen.0.lock().unwrap().last().is_some_and(|(_, text)| text.contains(what)) {
                assert!(began.elapsed() < Duration::from_secs(20), "no frame with {what}");
                std::thread::sleep(Duration::from_millis(2));
            }
        };
        until("Executions");
        typed.send(Event::Key(key("1")));
        until("Now");
        for (pressed, what) in
            [("2", "Series 125"), ("5", "Executions"), ("7", "Failing series"), ("?", "Help: Failures")]
        {
            typed.send(Event::Key(key(pressed)));
            until(what);
        }
        // Quitting is heard too, although the engine does not hear it.
        for pressed in ["esc", "q", "y"] {
            typed.send(Event::Key(key(pressed)));
        }
        until("quitting");
        drained.cancel();
    });
    let Shown { ended, kept, .. } = engine.block_on(opening.open(app, model(screens::running()))).unwrap();
    operator.join().unwrap();
    assert!(ended == Ended::Drained && drain.is_cancelled() && kept.is_none());
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn an_edited_theme_is_put_on_and_a_broken_one_is_told_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.yaml");
    let shipped = |name: &str| std::fs::read_to_string(format!("config/themes/{name}.yaml")).unwrap();
    let start = std::time::SystemTime::now();
    // A writing is told by its time, which must not depend on how fine that of a file system is.
    let write = |text: &str, second: u64| {
        std::fs::write(&file, text).unwrap();
        let at = start + Duration::from_secs(second);
        std::fs::File::options().append(true).open(&file).unwrap().set_modified(at).unwrap();
    };
    write(&shipped("nord"), 0);
    let own = OwnTheme::read(&file).unwrap();
    let wearing = move |model: &mut Model| (model.own_theme, model.own_themes) = (Some(own), vec![own]);
    let rig = Rig::showing(screens::at_rest(), wearing);
    rig.press("8");
    sleep(Duration::from_secs(10)).await;
    assert!(!rig.paper.last().contains("mine"), "{}", rig.paper.last());
    let frames = rig.paper.frames();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(rig.paper.frames(), frames, "a file that is left alone draws nothing");

    write(&shipped("nord").replacen("stale:", "stale", 1), 1);
    sleep(Duration::from_secs(2)).await;
    let line = shipped("nord").lines().position(|line| line.starts_with("stale:")).unwrap() + 1;
    assert!(rig.paper.last().contains(&format!("mine.yaml:{line}: no role")), "{}", rig.paper.last());
    write(&shipped("gruvbox"), 2);
    sleep(Duration::from_secs(2)).await;
    assert!(rig.paper.last().contains("theme: mine"), "{}", rig.paper.last());

    rig.press("q");
    sleep(Duration::from_millis(50)).await;
    rig.drained.cancel();
    let (_, model) = rig.task.await.unwrap();
    let on = |own| Theme::new(ThemeKind::Dark, ColorDepth::Rgb).with(own).paper();
    let gruvbox = Theme::new(ThemeKind::Gruvbox, ColorDepth::Rgb).paper();
    assert_eq!((on(model.own_theme), on(Some(own)) == gruvbox), (gruvbox, false));
    assert_eq!(model.own_themes, [model.own_theme.unwrap()]);
}

/// Where readings are worked out is busy with something else; the screen shows what it can, and answers keys.
#[tokio::test(start_paused = true)]
async fn a_reading_of_many_series_is_worked_out_beside_the_screen() {
    let engine = tokio::runtime::Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build().unwrap();
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    engine.spawn_blocking(move || blocked.recv());
    let snap = screens::big(1_000);
    let rig = Rig::beside(engine.handle().clone(), snap.clone(), |_| ());
    rig.press("2");
    sleep(Duration::from_secs(1)).await;
    assert!(rig.paper.last().contains("Series 5,000"), "{}", rig.paper.last());
    let (mut live, mut data) = ((*snap.live).clone(), (*snap.data).clone());
    live.state = barkeep::service::handle::EngineState::Paused;
    data.series.truncate(4_000);
    let next = Snapshot { seq: 2, live: Arc::new(live), data: Arc::new(data) };
    rig.puppet.snapshots.send_replace(Arc::new(next));
    for _ in 0..5 {
        rig.press("8 2");
        sleep(Duration::from_millis(500)).await;
    }
    assert!(rig.paper.last().contains("Series 5,000"), "{}", rig.paper.last());
    assert!(rig.paper.last().to_lowercase().contains("paused"), "what the engine does is shown: {}", rig.paper.last());
    release.send(()).unwrap();
    let began = std::time::Instant::now();
    while !rig.paper.last().contains("Series 4,000") {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", rig.paper.last());
        std::thread::sleep(Duration::from_millis(5));
        sleep(Duration::from_millis(100)).await;
    }
    engine.shutdown_background();
}
