//! The dashboard over 10,000 symbols against the figures it must reach: `cargo bench --bench tui`.
//!
//! In this process: one frame of the screen in front, as the loop draws it (the whole frame, into a blank buffer); the
//! first frame, from a snapshot to a drawn buffer; and filtering and sorting all series again. The yardstick of a frame
//! is the same frame over 25 symbols: what a table of fifty thousand rows costs more than one of a hundred. Then, with
//! the real program on a terminal (`-- terminal` for only this): from a key to its frame, and from the start to the first.
//! `-- idle` takes eight minutes: what the program uses while nothing happens.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the environment of a benchmark is its own")]

#[path = "../shared/proc.rs"]
mod proc;
#[path = "../../tests/support"]
mod support {
    #![allow(
        dead_code,
        unreachable_pub,
        unused_imports,
        clippy::indexing_slicing,
        reason = "shared with the tests, which use more of it"
    )]

    pub(crate) mod pty;
    pub(crate) use barkeep::store::testing as rows;
    pub(crate) mod screens;
}
mod terminal;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use barkeep::tui::draw::context::DrawContext;
use barkeep::tui::model::Model;
use barkeep::tui::model::msg::Msg;
use barkeep::tui::model::query::Query;
use barkeep::tui::model::screen::Screen;
use barkeep::tui::model::sort::{Sort, SortBy};
use barkeep::tui::view::frame::frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::support::screens;

const WIDTH: u16 = 200;
const HEIGHT: u16 = 60;
const SYMBOLS: usize = 10_000;
const ROUNDS: usize = 201;
/// Rounds of keys; the first is not counted.
const KEYS: usize = 21;
const SETTLING: Duration = Duration::from_mins(6);
const IDLE: Duration = Duration::from_mins(2);

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1e3
}

fn time(rounds: usize, mut what: impl FnMut()) -> f64 {
    let one = |_| {
        let start = Instant::now();
        what();
        start.elapsed()
    };
    median((0..rounds).map(one).collect())
}

fn draw(model: &mut Model, buf: &mut Buffer) {
    buf.reset();
    model.hits = frame(model, &DrawContext::of(model), buf.area, buf);
    black_box(&buf);
}

fn frames(title: &str, large: &mut Model, small: &mut Model, buf: &mut Buffer) {
    let (mut many, mut few) = (0.0, 0.0);
    // Both in one run, turn by turn, so that a busy machine troubles both.
    for model in [&mut *large, &mut *small] {
        draw(model, buf);
    }
    for _ in 0..3 {
        many = time(ROUNDS, || draw(large, buf));
        few = time(ROUNDS, || draw(small, buf));
    }
    println!(
        "frame      {title:<18} {many:>7.3} ms (goal: <= 1), {:>5.2} x the frame of 25 symbols",
        many / few.max(1e-9)
    );
}

/// What the dashboard uses while nothing happens. Its database has rested for a while by then.
fn idle(dir: &std::path::Path) {
    let database = filled(dir, false);
    let mut it = terminal::Terminal::start(dir, &database, WIDTH, HEIGHT);
    it.frame("the symbols", |text| text.contains("10,000"));
    it.wait(SETTLING);
    let before = it.used();
    let start = Instant::now();
    it.wait(IDLE);
    let (seconds, after) = (start.elapsed().as_secs_f64(), it.used());
    println!(
        "idle       {SYMBOLS} symbols for {seconds:.0} s: {:.2} % of a core (goal: < 0.3), {:.2} wake-ups/s of all its threads \
         (goal: <= 1)",
        after.0.saturating_sub(before.0).as_secs_f64() / seconds * 100.0,
        (after.1 - before.1) as f64 / seconds
    );
}

fn filled(dir: &std::path::Path, active: bool) -> std::path::PathBuf {
    let database = dir.join("large.db");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(terminal::fill(&database, SYMBOLS, active));
    database
}

/// From a key to the last byte of its frame.
fn keys(dir: &std::path::Path) {
    let database = filled(dir, true);
    let start = Instant::now();
    let mut it = terminal::Terminal::start(dir, &database, WIDTH, HEIGHT);
    let first = it.frame("a first frame", |_| true) - start;
    let filled = it.frame("the symbols", |text| text.contains("10,000")) - start;
    println!(
        "start      to the first frame {:>6.1} ms (goal: < 150), to the data of {SYMBOLS} symbols {:>7.1} ms",
        ms(first),
        ms(filled)
    );
    // No run of its own comes in between; one may be under way already, so that it asks.
    it.key("p", |text| text.contains("PAUSED") || text.contains("Pause the engine"));
    if !it.shows("PAUSED") {
        it.key("y", |text| text.contains("PAUSED"));
    }
    let mut all = Vec::new();
    for round in 0..KEYS {
        for (what, key, so) in STEPS {
            let took = it.key(key, so);
            if round > 0 {
                all.push((took, what));
            }
        }
    }
    all.sort_unstable();
    let times = all.iter().map(|(took, _)| *took).collect();
    let (longest, what) = all.last().copied().unwrap_or_default();
    println!(
        "key        to the end of its frame: median {:.1} ms, 95 % within {:.1} ms, longest {:.1} ms ({what}) of {} keys \
         (goal: <= 20)",
        median(times),
        all.get(all.len() * 95 / 100).map_or(0.0, |(took, _)| ms(*took)),
        ms(longest),
        all.len()
    );
}

/// What a key does, the key, and the screen it leads to.
type Step = (&'static str, &'static str, fn(&str) -> bool);

/// A round over the symbols and back.
const STEPS: [Step; 10] = [
    ("the symbols", "2", |text| text.contains("NEWEST BAR")),
    ("next row", "j", |_| true),
    ("last row", "G", |_| true),
    ("first row", "\x1b[H", |_| true),
    ("open the filter", "/", |text| text.contains("tier:")),
    ("a letter", "5", |text| !text.contains("Series 50,000")),
    ("another letter", "4", |text| !text.contains("Series 50,000")),
    ("no filter", "\x1b", |text| text.contains("Series 50,000")),
    ("sort by the next column", ">", |_| true),
    ("the overview", "1", |text| !text.contains("NEWEST BAR")),
];

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let asked = |what: &str| std::env::args().any(|arg| arg == what);
    if asked("idle") {
        return idle(dir.path());
    }
    if asked("terminal") {
        return keys(dir.path());
    }
    let snap = screens::big(SYMBOLS);
    println!("{} symbols, {} series, {WIDTH}x{HEIGHT}", SYMBOLS, snap.data.series.len());
    let area = Rect::new(0, 0, WIDTH, HEIGHT);
    let mut buf = Buffer::empty(area);

    let first = time(5, || {
        let mut model = screens::opened(snap.clone(), WIDTH, HEIGHT);
        draw(&mut model, &mut buf);
    });
    println!("first      snapshot to frame  {first:>7.1} ms (goal: < 150, with start and database around it)");

    let mut large = screens::answered(snap, WIDTH, HEIGHT);
    let mut small = screens::answered(screens::running(), WIDTH, HEIGHT);
    for screen in Screen::ALL {
        for model in [&mut large, &mut small] {
            model.screen = screen;
        }
        frames(screen.title(), &mut large, &mut small, &mut buf);
    }

    let (one, other) = (Arc::new(screens::big(SYMBOLS)), Arc::new(screens::big(SYMBOLS)));
    let mut turn = false;
    let taken = time(21, || {
        turn = !turn;
        let newest = Arc::clone(if turn { &one } else { &other });
        let now = large.now;
        black_box(large.update(Msg::Snapshot(newest), now));
    });
    println!("snapshot   taken in {taken:.1} ms (a key that comes meanwhile waits)");

    for (filter, sort) in [
        ("", Sort::default()),
        ("tier:stale,aging -tf:1d", Sort::default()),
        ("t012 behind>1h", Sort { by: SortBy::Bars, reversed: true }),
        ("", Sort { by: SortBy::Symbol, reversed: true }),
    ] {
        large.symbols.query = Query::parse(filter);
        large.symbols.sort = sort;
        let ms = time(11, || large.reorder());
        let rows = large.symbols.order.len();
        println!(
            "filter     '{filter}' sorted by {}: {ms:>5.1} ms for {rows} rows (key to frame: <= 20)",
            sort.by.name()
        );
    }
    keys(dir.path());
}
