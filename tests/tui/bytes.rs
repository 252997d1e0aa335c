//! Which bytes reach the terminal, read by a terminal emulator.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

use barkeep::runtime::console::{Level, LogLine};
use barkeep::tui::draw::context::DrawContext;
use barkeep::tui::draw::theme::{ColorDepth, ThemeKind};
use barkeep::tui::model::Model;
use barkeep::tui::terminal::painter::Painter;
use barkeep::tui::view::frame::frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::hands::{model, press};
use crate::support::screens;

/// Everything that was written, and in how many writes.
#[derive(Clone, Default)]
struct Wire(Rc<RefCell<(Vec<u8>, usize)>>);

impl Wire {
    fn take(&self) -> Vec<u8> {
        let mut wire = self.0.borrow_mut();
        wire.1 = 0;
        std::mem::take(&mut wire.0)
    }

    fn writes(&self) -> usize {
        self.0.borrow().1
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        wire.0.extend_from_slice(bytes);
        wire.1 += 1;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Glass {
    wire: Wire,
    painter: Painter<Wire>,
    emulator: vt100::Parser,
}

impl Glass {
    fn new(model: &Model) -> Self {
        let wire = Wire::default();
        let emulator =
            vt100::Parser::new(model.size.height.try_into().unwrap(), model.size.width.try_into().unwrap(), 0);
        Self { painter: Painter::new(wire.clone()), wire, emulator }
    }

    /// Draws, and gives the bytes.
    fn draw(&mut self, model: &mut Model) -> String {
        let area = Rect::new(0, 0, model.size.width, model.size.height);
        let mut buf = Buffer::empty(area);
        let hits = frame(model, &DrawContext::of(model), area, &mut buf);
        let caret = hits.caret;
        let _ = model.drawn(hits);
        self.painter.paint(&buf, caret).unwrap();
        assert!(self.wire.writes() <= 1, "a frame in {} writes", self.wire.writes());
        let bytes = self.wire.take();
        self.emulator.process(&bytes);
        let expected = barkeep::tui::terminal::screenshot::text(&buf);
        let shown = self.emulator.screen().contents();
        for (there, here) in expected.lines().zip(shown.lines()) {
            assert_eq!(here.trim_end(), there);
        }
        String::from_utf8(bytes).unwrap()
    }
}

/// The parameters of every SGR sequence.
fn colours(bytes: &str) -> Vec<String> {
    let sequences = bytes.split("\u{1b}[").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
        rest[end..].starts_with('m').then(|| rest[..end].to_owned())
    });
    sequences
        .filter(|sgr| {
            let code: u32 = sgr.split([';', ':']).next().unwrap_or("").parse().unwrap_or(0);
            (30..=38).contains(&code) || (40..=48).contains(&code) || (90..=107).contains(&code)
        })
        .collect()
}

#[test]
fn a_frame_stands_between_the_marks_of_synchronized_output() {
    let mut model = model(screens::running());
    let mut glass = Glass::new(&model);
    let bytes = glass.draw(&mut model);
    assert!(bytes.starts_with("\u{1b}[?2026h") && bytes.ends_with("\u{1b}[?2026l"), "{:?}", &bytes[..40]);
    press(&mut model, "2");
    let bytes = glass.draw(&mut model);
    assert!(bytes.starts_with("\u{1b}[?2026h") && bytes.ends_with("\u{1b}[?2026l"));
    assert!(!bytes.contains("\u{1b}[6n"), "the terminal is asked for its cursor");
}

#[test]
fn a_frame_like_the_last_one_is_no_byte() {
    let mut model = model(screens::running());
    let mut glass = Glass::new(&model);
    assert!(!glass.draw(&mut model).is_empty());
    assert_eq!(glass.draw(&mut model), "");
    let small = {
        press(&mut model, "2 j");
        glass.draw(&mut model);
        press(&mut model, "j");
        glass.draw(&mut model)
    };
    assert!(!small.is_empty() && small.len() < 4_000, "moving the selection took {} bytes", small.len());
}

#[test]
fn without_colours_the_selection_is_still_seen() {
    for (theme, depth) in [(ThemeKind::Mono, ColorDepth::Rgb), (ThemeKind::Dark, ColorDepth::None)] {
        let mut model = model(screens::running());
        (model.display.theme, model.display.depth) = (theme, depth);
        let mut glass = Glass::new(&model);
        for screen in 1..=8 {
            press(&mut model, &screen.to_string());
            let bytes = glass.draw(&mut model);
            assert_eq!(colours(&bytes), Vec::<String>::new(), "screen {screen}");
        }
        press(&mut model, "2 j");
        glass.draw(&mut model);
        let screen = glass.emulator.screen();
        let (rows, columns) = (model.size.height, model.size.width);
        let inverse =
            |row: u16| (0..columns).filter(|x| screen.cell(row, *x).is_some_and(vt100::Cell::inverse)).count();
        // A whole row below the line of screens.
        let selected: Vec<u16> = (2..rows - 1).filter(|row| inverse(*row) > usize::from(columns) / 2).collect();
        assert_eq!(selected.len(), 1, "{theme:?} {depth:?}:\n{}", screen.contents());
    }
}

#[test]
fn colours_are_there_where_they_are_wanted() {
    let mut model = model(screens::running());
    let mut glass = Glass::new(&model);
    assert!(!colours(&glass.draw(&mut model)).is_empty());
}

#[test]
fn ascii_is_ascii() {
    let mut model = model(screens::running());
    model.display.ascii = true;
    let mut glass = Glass::new(&model);
    for keys in ["1", "2", "3", "4", "5", "6", "7", "8", "?", "esc", ":", "esc", "2", "/", "esc", "T", "n"] {
        press(&mut model, keys);
        let bytes = glass.draw(&mut model);
        assert!(bytes.is_ascii(), "{keys}: {:?}", bytes.chars().filter(|c| !c.is_ascii()).collect::<String>());
    }
}

#[test]
fn what_others_wrote_cannot_act_on_the_terminal() {
    const NASTY: &str = "a\u{1b}[2Jb\u{1b}]52;c;cm0gLXJm\u{7}c\r\n\u{9b}31md\u{202e}e";
    let mut snap = screens::running();
    let mut data = (*snap.data).clone();
    for alert in &mut data.alerts {
        alert.message = NASTY.to_owned();
    }
    for row in &mut data.failing {
        row.error_message = Some(NASTY.to_owned());
    }
    snap.data = Arc::new(data);
    let mut live = (*snap.live).clone();
    live.reason = Some(NASTY.to_owned());
    snap.live = Arc::new(live);
    let mut model = model(snap);
    let text = NASTY.to_owned();
    model.log.add(Arc::new(LogLine { seq: 70_000, at: screens::now(), level: Level::Error, source: "x".into(), text }));
    model.label = Some(NASTY.to_owned());
    let mut glass = Glass::new(&model);
    for keys in ["1", "7", "8", "5"] {
        press(&mut model, keys);
        let bytes = glass.draw(&mut model);
        assert!(!bytes.contains("\u{1b}]52") && !bytes.contains('\u{7}') && !bytes.contains('\u{9b}'), "{keys}");
        // The screen is cleared once, by ourselves.
        assert!(bytes.matches("\u{1b}[2J").count() <= 1, "{keys}");
    }
}
