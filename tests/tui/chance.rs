//! Anything pressed in any order at any size: no panic, nothing outside its place, nothing ordered without a yes.

use std::sync::Arc;

use barkeep::service::handle::EngineCommand;
use barkeep::tui::draw::context::DrawContext;
use barkeep::tui::keymap::Keymap;
use barkeep::tui::model::Model;
use barkeep::tui::model::layer::Layer;
use barkeep::tui::model::msg::Msg;
use barkeep::tui::view::frame::frame;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;

use crate::hands::plan;
use crate::support::screens;

/// Draws into a place within a larger sheet; nothing around it may change.
fn draw(model: &mut Model) {
    let area = Rect::new(1, 1, model.size.width, model.size.height);
    let sheet = Rect::new(0, 0, area.width + 2, area.height + 2);
    let mut buf = Buffer::filled(sheet, Cell::new("#"));
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            buf[(x, y)].reset();
        }
    }
    let hits = frame(model, &DrawContext::of(model), area, &mut buf);
    for y in sheet.top()..sheet.bottom() {
        for x in sheet.left()..sheet.right() {
            assert!(area.contains((x, y).into()) || buf[(x, y)].symbol() == "#", "drawn outside at {x},{y} of {area}");
        }
    }
    for (place, target) in hits.areas() {
        assert_eq!(place.intersection(area), *place, "{target:?} lies outside");
    }
    let _ = model.drawn(hits);
}

#[derive(Clone, Debug)]
enum Step {
    Key(KeyCode, KeyModifiers),
    Click(u16, u16),
    Size(u16, u16),
    Snapshot(usize),
    Plan(u64),
    Paste(String),
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    let letters: Vec<char> = "123456789tTpcrfyuUgZ@vAaxoskjhlgGLFmSB/?:+-=bPqn ".chars().collect();
    let named = vec![
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Backspace,
    ];
    prop_oneof![
        12 => proptest::sample::select(letters).prop_map(|c| Step::Key(KeyCode::Char(c), KeyModifiers::NONE)),
        8 => proptest::sample::select(named).prop_map(|code| Step::Key(code, KeyModifiers::NONE)),
        2 => proptest::sample::select(vec!['d', 'u', 't', 'r', 'l', 'w', 'f', 'b', 'e', 'y', 'n', 'p', 'z'])
            .prop_map(|c| Step::Key(KeyCode::Char(c), KeyModifiers::CONTROL)),
        2 => (0_u16..300, 0_u16..100).prop_map(|(x, y)| Step::Click(x, y)),
        3 => (1_u16..=300, 1_u16..=100).prop_map(|(w, h)| Step::Size(w, h)),
        2 => (0_usize..6).prop_map(Step::Snapshot),
        1 => (0_u64..900).prop_map(Step::Plan),
        1 => "\\PC{0,40}".prop_map(Step::Paste),
        1 => Just(Step::Tick),
    ]
}

fn snapshot(n: usize) -> barkeep::monitor::snapshot::Snapshot {
    match n {
        0 => screens::empty(),
        1 => screens::at_rest(),
        2 => screens::paused(),
        3 => screens::failed(),
        4 => screens::big(60),
        _ => screens::running(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn nothing_pressed_at_any_size_breaks_it(
        first in 0_usize..6,
        (width, height) in (1_u16..=300, 1_u16..=100),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut model = screens::answered(snapshot(first), width, height);
        model.keymap = Arc::new(Keymap::new(&[]).unwrap());
        model.display.mouse = true;
        draw(&mut model);
        for step in steps {
            let asked = match model.layers.last() {
                Some(Layer::Confirm(confirm)) => Some(confirm.id),
                _ => None,
            };
            let msg = match step.clone() {
                Step::Key(code, modifiers) => Msg::Key(KeyEvent::new(code, modifiers)),
                Step::Click(column, row) => {
                    let kind = MouseEventKind::Down(MouseButton::Left);
                    Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
                }
                Step::Size(width, height) => Msg::Resize(width, height),
                Step::Snapshot(n) => Msg::Snapshot(Arc::new(snapshot(n))),
                Step::Plan(requests) => Msg::CommandFinished { id: asked.unwrap_or(9), outcome: Ok(plan(requests)) },
                Step::Paste(text) => Msg::Paste(text),
                Step::Tick => Msg::Tick,
            };
            let now = model.now;
            let effects = model.update(msg, now);
            for (_, action) in &effects.commands {
                // A single symbol or series is paused at once; the same key resumes it, and so does undoing it.
                let undone = matches!(step, Step::Key(KeyCode::Char('u'), _));
                let free = match action {
                    EngineCommand::Preview(_) | EngineCommand::Pause(_) | EngineCommand::Resume => true,
                    EngineCommand::PauseSymbols(all) | EngineCommand::ResumeSymbols(all) => undone || all.len() == 1,
                    EngineCommand::PauseSeries(all) | EngineCommand::ResumeSeries(all) => undone || all.len() == 1,
                    _ => false,
                };
                prop_assert!(free || asked.is_some(), "{step:?} ordered {action:?} without asking");
            }
            draw(&mut model);
        }
    }
}

#[test]
fn every_screen_fits_every_size() {
    let mut model = screens::answered(screens::running(), 80, 24);
    model.keymap = Arc::new(Keymap::new(&[]).unwrap());
    for screen in barkeep::tui::model::screen::Screen::ALL {
        model.screen = screen;
        for width in [1, 2, 3, 5, 8, 13, 21, 39, 40, 41, 60, 80, 100, 120, 160, 300] {
            for height in [1, 2, 3, 5, 9, 10, 11, 13, 14, 20, 24, 45, 100] {
                (model.size.width, model.size.height) = (width, height);
                draw(&mut model);
            }
        }
    }
}
