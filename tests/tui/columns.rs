//! Columns of a list: what it is sorted by, and reaching all of them however narrow the terminal is.

use std::collections::BTreeSet;

use barkeep::tui::draw::hits::ClickTarget;
use barkeep::tui::model::Model;
use barkeep::tui::model::msg::Msg;
use barkeep::tui::model::sort::{Sort, SortBy};
use barkeep::tui::terminal::keys::Key;
use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::hands::{model, press, show, tell};
use crate::support::screens;

fn sort(by: SortBy, reversed: bool) -> Sort {
    Sort { by, reversed }
}

#[test]
fn s_and_a_letter_sort_by_a_column_and_the_same_again_turns_it_round() {
    let mut model = model(screens::running());
    let _ = tell(&mut model, Msg::Resize(160, 45));
    press(&mut model, "2 j j");
    let selected = model.selected_series();
    assert!(show(&mut model).last().unwrap().contains("s sort by"), "the last line says so");
    press(&mut model, "s");
    let line = show(&mut model).last().unwrap().clone();
    for said in ["s …", "s staleness", "a symbol", "b bars", "n newest bar", "t timeframe", "esc never mind"] {
        assert!(line.contains(said), "{said}: {line}");
    }
    press(&mut model, "b");
    assert_eq!(model.symbols.sort, sort(SortBy::Bars, false));
    press(&mut model, "s b");
    assert_eq!(model.symbols.sort, sort(SortBy::Bars, true));
    assert!(show(&mut model).iter().any(|line| line.contains("sorted by bars, reversed")));
    press(&mut model, "s n");
    assert_eq!(model.symbols.sort, sort(SortBy::Newest, false));
    press(&mut model, "s esc");
    assert_eq!(model.symbols.sort, sort(SortBy::Newest, false));
    press(&mut model, ">");
    assert_eq!(model.symbols.sort, sort(SortBy::Bars, false), "the next one in a circle");
    assert_eq!(model.selected_series(), selected, "what is selected stays selected");
    let reached: BTreeSet<SortBy> = "sscartnbk"
        .chars()
        .skip(1)
        .map(|letter| {
            press(&mut model, &format!("s {letter}"));
            model.symbols.sort.by
        })
        .collect();
    assert_eq!(reached.len(), SortBy::ALL.len(), "each has a letter of its own");
}

#[test]
fn a_click_on_the_hint_begins_what_the_key_begins() {
    let mut model = model(screens::running());
    model.display.mouse = true;
    let _ = tell(&mut model, Msg::Resize(160, 45));
    press(&mut model, "2");
    let s: Key = "s".parse().unwrap();
    let (area, _) = *model.hits.areas().iter().find(|(_, target)| *target == ClickTarget::Begin(s)).unwrap();
    let kind = MouseEventKind::Down(MouseButton::Left);
    let _ =
        tell(&mut model, Msg::Mouse(MouseEvent { kind, column: area.x, row: area.y, modifiers: KeyModifiers::NONE }));
    assert_eq!(model.typed, [s]);
    assert!(show(&mut model).last().unwrap().contains("b bars"));
}

/// The titles in sight, of the line that names the columns.
fn titles(model: &mut Model, first: &str) -> String {
    show(model).into_iter().find(|line| line.contains(first)).unwrap_or_default()
}

#[test]
fn every_column_is_reached_at_every_width() {
    const TITLES: [&str; 14] = [
        "SYMBOL",
        "TF",
        "TIER",
        "BEHIND",
        "RPO",
        "CLASS",
        "NEWEST BAR",
        "BARS",
        "COVER",
        "SESSIONS",
        "REASON",
        "FIRST BAR",
        "CHECKED",
        "GAPS",
    ];
    for (width, height) in [(40, 12), (80, 24), (120, 40), (160, 45), (300, 80)] {
        let mut model = model(screens::running());
        let _ = tell(&mut model, Msg::Resize(width, height));
        press(&mut model, "2 w");
        let mut seen = BTreeSet::new();
        for _ in 0..TITLES.len() {
            let line = titles(&mut model, "SYMBOL");
            assert!(line.contains("SYMBOL"), "the first names the row and stays: {line}");
            assert_eq!(
                line.contains('>'),
                !line.contains("GAPS"),
                "{width}x{height}: it says that there are more: {line}"
            );
            assert_eq!(line.contains('<'), model.wide > Some(0), "{width}x{height}: {line}");
            seen.extend(TITLES.into_iter().filter(|title| line.contains(title)));
            press(&mut model, "right");
        }
        assert_eq!(seen.len(), TITLES.len(), "{width}x{height}: {seen:?}");
        let end = titles(&mut model, "SYMBOL");
        assert!(end.contains("GAPS"), "{width}x{height}: {end}");
        press(&mut model, "right");
        assert_eq!(titles(&mut model, "SYMBOL"), end, "there is nothing behind the last one");
        for _ in 0..TITLES.len() {
            press(&mut model, "h");
        }
        assert_eq!(model.wide, Some(0));
        press(&mut model, "w");
        assert_eq!(model.wide, None);
        assert!(!titles(&mut model, "SYMBOL").contains("GAPS"), "only among all columns");
    }
}

#[test]
fn other_lists_show_all_columns_too_and_elsewhere_it_says_why_not() {
    for screen in ["5", "6"] {
        let mut model = model(screens::running());
        let _ = tell(&mut model, Msg::Resize(60, 24));
        press(&mut model, screen);
        let narrow = show(&mut model);
        press(&mut model, "right");
        assert!(
            model.toasts.iter().any(|toast| toast.text.contains("only in a list that shows all columns")),
            "{screen}"
        );
        press(&mut model, "w");
        let before = show(&mut model);
        for _ in 0..10 {
            press(&mut model, "right");
        }
        assert_ne!(before, narrow, "screen {screen}");
        assert_ne!(show(&mut model), before, "screen {screen}: there are more columns than fit");
    }
    let mut model = model(screens::running());
    press(&mut model, "8 w");
    assert!(model.toasts.iter().any(|toast| toast.text.contains("not available on this screen")));
}
