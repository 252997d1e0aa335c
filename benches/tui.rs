//! The dashboard over 10,000 symbols against the figures it must reach: `cargo bench --bench tui`.
//!
//! Three things are timed: one frame of the screen in front, as the loop draws it (the whole frame, into a blank buffer);
//! the first frame, from a snapshot to a drawn buffer; and filtering and sorting all series again. The yardstick of a
//! frame is the same frame over 25 symbols: what a table of fifty thousand rows costs more than one of a hundred.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/support/screens/mod.rs"]
mod screens;

use std::hint::black_box;
use std::time::{Duration, Instant};

use barkeep::tui::look::Look;
use barkeep::tui::model::Model;
use barkeep::tui::query::Query;
use barkeep::tui::screen::Screen;
use barkeep::tui::sort::{Sort, SortBy};
use barkeep::tui::view::frame::frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const WIDTH: u16 = 200;
const HEIGHT: u16 = 60;
const SYMBOLS: usize = 10_000;
const ROUNDS: usize = 201;

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
    model.hits = frame(model, &Look::of(model), buf.area, buf);
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

fn main() {
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
}
