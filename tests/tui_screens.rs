//! What the screens show, cell by cell: every screen in its states, at the sizes it has to hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "support/screens.rs"]
mod screens;

use barkeep::tui::hits::HitMap;
use barkeep::tui::look::Look;
use barkeep::tui::model::Model;
use barkeep::tui::screen::Screen;
use barkeep::tui::{screenshot, view};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

fn frame(model: &Model, width: u16, height: u16) -> (Buffer, HitMap) {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    let mut hits = HitMap::default();
    view::screen(model, &Look::of(model), area, &mut buf, &mut hits);
    (buf, hits)
}

#[test]
fn peek() {
    let size = std::env::var("PEEK_SIZE").unwrap_or_else(|_| "120x36".into());
    let (w, h) = size.split_once('x').unwrap();
    let (w, h) = (w.parse().unwrap(), h.parse().unwrap());
    let which = std::env::var("PEEK").unwrap_or_default();
    let snap = match std::env::var("PEEK_SNAP").unwrap_or_default().as_str() {
        "paused" => screens::paused(),
        "failed" => screens::failed(),
        "empty" => screens::empty(),
        "rest" => screens::at_rest(),
        _ => screens::running(),
    };
    let mut model = screens::answered(snap, w, h);
    for screen in Screen::ALL {
        if !which.is_empty() && !which.contains(screen.title()) {
            continue;
        }
        model.screen = screen;
        let (buf, _) = frame(&model, w, h);
        println!("{}", screenshot::text(&buf));
        std::fs::write(format!("/tmp/peek-{}.svg", screen.number()), screenshot::svg(&buf, Look::of(&model).theme))
            .unwrap();
    }
}
