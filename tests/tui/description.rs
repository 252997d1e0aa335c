//! What describes the selected row: in the pop-up of `d` on every screen, and beside the lists of a wide one.

use barkeep::market::Timeframe;
use barkeep::tui::draw::theme::{ColorDepth, ThemeKind};
use barkeep::tui::model::Model;
use barkeep::tui::model::layer::Layer;
use barkeep::tui::model::screen::{ListId, Screen};
use barkeep::tui::view::description::{describe, failure};
use barkeep::vendor::fault::Class;

use super::hands::{model, press, said, show, type_in};
use crate::support::screens::{self, name, running};

fn shown(model: &mut Model) -> String {
    show(model).join("\n")
}

/// A dashboard of the widest size.
fn wide() -> Model {
    let mut model = model(running());
    model.size = ratatui::layout::Size::new(300, 80);
    model
}

#[test]
fn every_class_of_failure_has_an_outlook_of_its_own_and_no_text_names_a_class() {
    let mut outlooks = std::collections::BTreeSet::new();
    for class in Class::ALL {
        let text = failure(&format!("2 gaps left: {class}: something happened"));
        assert!(text.contains("2 gaps are left") && !text.contains(&format!("{class}:")), "{text}");
        assert!(text.ends_with('.'), "{text}");
        outlooks.insert(text.split_once("left. ").unwrap().1.to_owned());
    }
    assert_eq!(outlooks.len(), Class::ALL.len());
}

#[test]
fn d_tells_of_the_row_of_any_list() {
    for screen in Screen::ALL {
        for (pane, list) in screen.lists().iter().enumerate() {
            let mut model = model(running());
            model.screen = screen;
            model.panes[screen as usize] = pane;
            if screen == Screen::Executions {
                model.executions.open = Some(model.executions()[3].execution_id);
            }
            model.detail.series = Some(name("META", Timeframe::M5));
            let some = *list != ListId::Freshness && model.cursor(*list).is_some();
            let _ = press(&mut model, "d");
            assert_eq!(matches!(model.layers.last(), Some(Layer::Why(_))), some, "{list:?}");
            if !some {
                continue;
            }
            let description = describe(&model).unwrap();
            assert!(description.lines.len() >= 2, "{list:?}: {description:?}");
            let text = shown(&mut model);
            assert!(
                text.contains(&description.lines[0].1.spans[0].text.chars().take(12).collect::<String>()),
                "{text}"
            );
            for raw in ["gap left: ", "transient", "T16:00:00Z", "_"] {
                let of_the_engine = description.lines.iter().any(|(label, line)| {
                    !matches!(*label, "id" | "request" | "said") && line.to_string().contains(raw)
                });
                assert!(!of_the_engine, "{list:?} says {raw}: {description:?}");
            }
            let _ = press(&mut model, "esc");
            assert!(model.layers.is_empty());
        }
    }
}

#[test]
fn the_pop_up_goes_from_row_to_row_and_every_other_key_means_what_it_always_does() {
    let mut model = model(running());
    let _ = press(&mut model, "7 d");
    let first = shown(&mut model);
    assert!(first.contains("META 5m") && first.contains("vendor error 503"), "{first}");
    assert!(first.contains("This usually passes") && first.contains("tries it again now"), "{first}");
    let _ = press(&mut model, "j j");
    let third = shown(&mut model);
    assert!(third.contains("the vendor sent a bar outside the requested range (18 Nov 16:00Z)"), "{third}");
    assert!(third.contains("report it to the vendor"), "{third}");
    let _ = press(&mut model, "k enter");
    assert_eq!((model.screen, model.layers.len()), (Screen::Detail, 0));
    assert_eq!(model.detail_series(), Some(name("META", Timeframe::M15)));
}

#[test]
fn its_details_are_requested_while_it_is_open() {
    let mut model = model(running());
    model.answers.clear();
    let requests = press(&mut model, "2 j").requests;
    assert!(!requests.iter().any(|r| matches!(r, barkeep::runtime::console::ConsoleRequest::Detail { .. })));
    let requests = press(&mut model, "d").requests;
    assert!(requests.iter().any(|r| matches!(r, barkeep::runtime::console::ConsoleRequest::Detail { .. })));
}

#[test]
fn n_goes_from_match_to_match_in_the_log_with_the_filter_on_or_off() {
    let mut model = model(running());
    let _ = press(&mut model, "8 n");
    assert!(said(&model).contains("no search yet"), "{}", said(&model));
    let _ = press(&mut model, "/");
    type_in(&mut model, "gap stays open");
    let _ = press(&mut model, "enter esc");
    assert!(model.log.filter.is_empty(), "the line is seen among the others");
    let at = |model: &Model| model.log_lines()[model.cursor(ListId::Log).unwrap()].text.clone();
    let _ = press(&mut model, "g g n");
    assert!(at(&model).starts_with("ETH 5m failed"), "{}", at(&model));
    let _ = press(&mut model, "n");
    assert!(at(&model).starts_with("META 5m failed"), "{}", at(&model));
    // Past the end it begins anew, and N goes back.
    let _ = press(&mut model, "n");
    assert!(at(&model).starts_with("ETH 5m failed"), "{}", at(&model));
    let _ = press(&mut model, "N");
    assert!(at(&model).starts_with("META 5m failed"), "{}", at(&model));
    assert!(!model.log.follow);
}

#[test]
fn up_to_date_and_complete_are_two_things() {
    let mut model = model(running());
    model.detail.series = Some(name("META", Timeframe::M5));
    model.screen = Screen::Detail;
    model.size = ratatui::layout::Size::new(160, 45);
    let text = shown(&mut model);
    assert!(text.contains("97 % of its history"), "{text}");
    let said = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!said.contains("complete as far as") && !said.contains("% complete"), "{text}");
    assert!(text.contains("Of the history to keep, 3 % is missing"), "{text}");
    // The same share stands on the other screens.
    for screen in [Screen::Symbols, Screen::Coverage] {
        model.screen = screen;
        model.symbols.query = barkeep::tui::model::query::Query::parse("META tf:5m");
        model.reorder();
        assert!(shown(&mut model).contains("97 %"), "{}", shown(&mut model));
    }
}

/// On a wide terminal no screen leaves its right half, or its lower one, to nobody.
#[test]
fn the_widest_size_is_used_on_every_screen() {
    // The lines of the log are as long as they are.
    for screen in Screen::ALL.into_iter().filter(|screen| *screen != Screen::Log) {
        let mut model = wide();
        model.screen = screen;
        model.detail.series = Some(name("META", Timeframe::M5));
        let lines = show(&mut model);
        let cells = |from: usize, to: usize, rows: &[String]| {
            let inside = rows.iter().flat_map(|line| line.chars().skip(from).take(to - from));
            inside.filter(|c| !c.is_whitespace() && !"─│╭╮╰╯".contains(*c)).count()
        };
        assert!(cells(180, 300, &lines[2..78]) > 250, "{}: {}", screen.title(), lines.join("\n"));
        insta::assert_snapshot!(
            format!("wide_{}", screen.title().split(' ').next().unwrap().to_lowercase()),
            lines.join("\n")
        );
    }
}

#[test]
fn a_wide_screen_tells_of_another_row_when_the_selection_moves() {
    let mut model = wide();
    let _ = press(&mut model, "7");
    assert!(shown(&mut model).contains("it is part of the run that is under way"), "{}", shown(&mut model));
    let before = shown(&mut model);
    let _ = press(&mut model, "j j");
    let after = shown(&mut model);
    assert!(before != after && after.contains("Nothing of that answer was stored"), "{after}");
    // What it says holds without color too.
    (model.display.theme, model.display.depth) = (ThemeKind::Mono, ColorDepth::None);
    assert!(shown(&mut model).contains("Nothing of that answer was stored"));
    let _ = screens::now();
}

#[test]
fn at_eighty_columns_every_screen_has_its_name_in_the_tabs_unless_one_came_from_elsewhere() {
    let mut model = model(running());
    model.size = ratatui::layout::Size::new(80, 24);
    let tabs = |model: &mut Model| show(model)[1].clone();
    for screen in Screen::ALL.into_iter().filter(|screen| *screen != Screen::Detail) {
        model.screen = screen;
        let line = tabs(&mut model);
        assert!(["Over", "Symb", "Cover", "Detail", "Runs", "Vendor", "Fails", "Log"].iter().all(|t| line.contains(t)));
    }
    let _ = press(&mut model, "2 enter");
    assert!(tabs(&mut model).contains("Symbols > Detail"), "{}", tabs(&mut model));
}

/// What was once the filter, because its help has `aapl` in it.
#[test]
fn a_symbol_typed_as_a_command_is_opened() {
    let mut model = model(running());
    let _ = press(&mut model, ":");
    type_in(&mut model, "meta");
    assert!(shown(&mut model).contains("enter opens META"), "{}", shown(&mut model));
    let _ = press(&mut model, "enter");
    assert_eq!((model.screen, model.layers.len()), (Screen::Detail, 0));
    assert_eq!(model.detail_series(), Some(name("META", Timeframe::M5)));
    for (line, tab, opened) in [("sym AVG", true, Timeframe::M5), ("open AVGO 1h", false, Timeframe::H1)] {
        let _ = press(&mut model, ":");
        type_in(&mut model, line);
        let _ = press(&mut model, if tab { "tab enter" } else { "enter" });
        assert_eq!(model.detail_series(), Some(name("AVGO", opened)), "{line}");
        assert!(model.layers.is_empty());
    }
    let _ = press(&mut model, ":");
    type_in(&mut model, "sort bars reversed");
    assert!(shown(&mut model).contains("enter sorts by bars, reversed"), "{}", shown(&mut model));
    let _ = press(&mut model, "enter");
    assert_eq!((model.symbols.sort.by.name(), model.symbols.sort.reversed), ("bars", true));
    // What is no symbol stays in the palette, and a command goes before a symbol.
    let _ = press(&mut model, ":");
    type_in(&mut model, "pause");
    assert_eq!(model.typed_symbol(), None);
}
