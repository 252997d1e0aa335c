//! What an operator does about what is wrong: one selection for three screens, plans before requests, bars side by side.

use crate::support::rows;
use std::sync::Arc;

use barkeep::market::Timeframe;
use barkeep::market::ts::SECOND;
use barkeep::runtime::console::{Link, Verdict};
use barkeep::service::handle::{CommandReply, EngineCommand, TriggerScope};
use barkeep::tui::draw::context::DrawContext;
use barkeep::tui::draw::theme::Role;
use barkeep::tui::model::layer::Layer;
use barkeep::tui::model::msg::{Exit, Msg};
use barkeep::tui::model::screen::{ListId, Screen};
use barkeep::tui::view::frame::frame;
use barkeep::tui::view::phrase;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::hands::{key, model, plan, press, said, show, tell};
use crate::support::screens::{self, name};

#[test]
fn symbols_coverage_and_detail_share_one_selection() {
    let mut model = model(screens::running());
    let _ = press(&mut model, "2 enter");
    let first = model.detail_series().unwrap();
    let _ = press(&mut model, "esc j j 4");
    let third = model.detail_series().unwrap();
    assert_ne!(first, third);
    assert_eq!(model.selected_series(), Some(third.clone()));
    let _ = press(&mut model, "3");
    assert_eq!(model.selected_series(), Some(third));
    // What is opened elsewhere is selected in the table too.
    let _ = press(&mut model, "7");
    model.panes[Screen::Failures as usize] = 0;
    let failing = model.selected_series().unwrap();
    let _ = press(&mut model, "enter 2");
    assert_eq!(model.selected_series(), Some(failing));
}

#[test]
fn a_quarantined_bar_stands_beside_the_bar_it_would_replace() {
    let mut model = model(screens::running());
    let _ = press(&mut model, "7");
    model.panes[Screen::Failures as usize] = 2;
    let bar = model.selected_quarantine().unwrap().bar;
    let _ = press(&mut model, "a");
    let text = show(&mut model).join("\n");
    assert!(text.contains("stored") && text.contains("sent") && text.contains("replaces the stored bar"), "{text}");
    assert!(text.contains("kept in bar_revisions"), "{text}");
    let effects = press(&mut model, "y");
    assert!(matches!(effects.commands[..], [(_, EngineCommand::Decide { verdict: Verdict::Accepted, .. })]));
    // `v` compares here too: with the neighbors, in the detail of the series; Esc leads back.
    let _ = press(&mut model, "v");
    assert_eq!((model.screen, model.detail.compare), (Screen::Detail, true));
    assert_eq!(model.selected_quarantine().map(|row| row.bar.ts), Some(bar.ts));
    let _ = press(&mut model, "esc esc");
    assert_eq!(model.screen, Screen::Failures);
}

#[test]
fn where_nothing_is_stored_accepting_replaces_nothing() {
    let mut model = model(screens::running());
    let _ = press(&mut model, "7");
    model.panes[Screen::Failures as usize] = 2;
    let series = name("AAPL", Timeframe::M5);
    let request = barkeep::runtime::console::ConsoleRequest::Detail { symbol: series.0, timeframe: series.1 };
    let mut detail = screens::detail("AAPL", Timeframe::M5);
    let at = model.selected_quarantine().unwrap().bar.ts;
    detail.bars.retain(|bar| bar.ts != at);
    screens::answer(&mut model, &request, barkeep::runtime::console::ConsoleResponse::Detail(Box::new(detail)));
    let _ = press(&mut model, "a");
    let text = show(&mut model).join("\n");
    assert!(text.contains("Nothing is stored for this time") && !text.contains("replaces"), "{text}");
}

#[test]
fn a_retry_shows_its_plan_before_it_is_sent() {
    let mut model = model(screens::running());
    let effects = press(&mut model, "7 r");
    let [(id, EngineCommand::Preview(TriggerScope::Selection(selection)))] = effects.commands.as_slice() else {
        panic!("{:?}", effects.commands)
    };
    assert_eq!(selection.symbols.len(), 2);
    let _ = tell(&mut model, Msg::CommandFinished { id: *id, outcome: Ok(plan(3)) });
    assert!(show(&mut model).join("\n").contains("at most 3"));
    assert!(matches!(press(&mut model, "y").commands[..], [(_, EngineCommand::RetryFailed(_))]));
}

#[test]
fn with_everything_fresh_there_is_nothing_stale_to_fetch() {
    let mut model = model(screens::at_rest());
    assert!(press(&mut model, "T").commands.is_empty());
    assert_eq!(said(&model), "trigger stale: every series is fresh");
}

#[test]
fn the_picture_of_a_silent_engine_fades_and_its_clocks_stand_still() {
    let mut model = model(screens::running());
    let since = screens::now() - 6 * SECOND;
    model.link = Link::Lost { url: "http://bars:8000".into(), since, error: "it has sent nothing for 5 s".into() };
    let area = Rect::new(0, 0, 120, 40);
    let draw = |model: &barkeep::tui::model::Model| {
        let mut buf = Buffer::empty(area);
        let _ = frame(model, &DrawContext::of(model), area, &mut buf);
        buf
    };
    let before = draw(&model);
    let muted = DrawContext::of(&model).theme.style(Role::Muted).fg;
    let faded = (10..38).flat_map(|y| (0..120).map(move |x| (x, y))).all(|at| Some(before[at].fg) == muted);
    assert!(faded, "something below the box is not faded");
    model.now.wall = model.now.wall + 30 * SECOND;
    let after = draw(&model);
    // Only how long it has been silent goes on.
    let text =
        |buf: &Buffer| barkeep::tui::terminal::screenshot::text(buf).lines().skip(1).collect::<Vec<_>>().join("\n");
    assert_eq!(text(&before), text(&after));
    let header = barkeep::tui::terminal::screenshot::text(&after);
    assert!(header.lines().next().unwrap().contains("CONNECTION LOST for 36s"), "{header}");
}

#[test]
fn a_run_of_a_second_moves_no_panel() {
    let rows = |snap| {
        let mut model = model(snap);
        let text = show(&mut model);
        let at = |what: &str| text.iter().position(|line| line.contains(what)).unwrap();
        (at("─ Freshness "), at("─ Alerts "))
    };
    let mut short = screens::at_rest();
    let mut live = (*short.live).clone();
    live.runs = screens::live().runs;
    live.runs[0].started_at = screens::now() - SECOND;
    short.live = Arc::new(live);
    assert_eq!(rows(screens::at_rest()), rows(short.clone()));
    // A run that lasts gets its room.
    let mut live = (*short.live).clone();
    live.runs[0].started_at = screens::now() - 11 * SECOND;
    short.live = Arc::new(live);
    assert_ne!(rows(screens::at_rest()), rows(short));
}

#[test]
fn escape_lets_the_run_list_follow_the_run_again() {
    let mut model = model(screens::running());
    let _ = press(&mut model, "j j");
    assert_eq!(model.cursor(ListId::Items), Some(2));
    let _ = press(&mut model, "esc");
    assert_eq!((model.screen, model.cursor(ListId::Items)), (Screen::Overview, Some(0)));
}

#[test]
fn actions_are_told_in_words() {
    let action = |name: &str, target: Option<&str>, detail: Option<&str>| barkeep::store::OperatorAction {
        actor: "tui:ana".into(),
        detail: detail.map(str::to_owned),
        ..rows::operator_action(name, target, screens::now())
    };
    let words = |a: barkeep::store::OperatorAction| phrase::deed(&a);
    assert_eq!(words(action("decide", Some("quarantine 31"), Some("accepted"))), "accepted quarantined bar 31");
    let selection = r#"{"symbols":["ADA","BTC","ETH","SOL"],"timeframes":["5m"]}"#;
    assert_eq!(words(action("trigger", None, Some(selection))), "trigger ADA, BTC, ETH and 1 more at 5m");
    assert_eq!(words(action("pause", Some("SOL"), None)), "pause SOL");
    assert_eq!(words(action("trigger", None, Some("everything stale"))), "trigger everything stale");
}

#[test]
fn what_was_done_can_be_undone() {
    let mut model = model(screens::running());
    let paused = press(&mut model, "2 P");
    let [(id, EngineCommand::PauseSymbols(symbols))] = paused.commands.as_slice() else { panic!("{paused:?}") };
    // Only what the engine has done can be undone.
    assert!(press(&mut model, "u").commands.is_empty());
    assert_eq!(said(&model), "undo: there is nothing to undo");
    let _ = tell(&mut model, Msg::CommandFinished { id: *id, outcome: Ok(CommandReply::Done) });
    let undone = press(&mut model, "u");
    let [(id, EngineCommand::ResumeSymbols(back))] = undone.commands.as_slice() else { panic!("{undone:?}") };
    assert_eq!(back, symbols);
    let _ = tell(&mut model, Msg::CommandFinished { id: *id, outcome: Ok(CommandReply::Done) });
    // What undid something is not undone in turn.
    assert!(press(&mut model, "u").commands.is_empty());
    // Marks come back one step at a time.
    let _ = press(&mut model, "space j space A");
    let all = model.symbols.marks.len();
    let _ = press(&mut model, "u");
    assert_eq!(model.symbols.marks.len(), 2);
    let _ = press(&mut model, "u u");
    assert!(all > 100 && model.symbols.marks.is_empty());
}

#[test]
fn several_symbols_are_paused_after_a_question() {
    let mut model = model(screens::running());
    assert!(press(&mut model, "2 A P").commands.is_empty());
    assert!(show(&mut model).join("\n").contains("will not fetch them until you resume them"));
    assert!(matches!(press(&mut model, "y").commands[..], [(_, EngineCommand::PauseSymbols(_))]));
}

#[test]
fn an_unknown_key_says_so_once() {
    let mut model = model(screens::running());
    let last = |model: &mut barkeep::tui::model::Model| show(model).last().unwrap().clone();
    let _ = press(&mut model, "W");
    assert!(last(&mut model).contains("no action on 'W'; ? lists keys"), "{}", last(&mut model));
    let _ = press(&mut model, "j");
    assert!(!last(&mut model).contains("no action"));
    let _ = press(&mut model, "W");
    assert!(!last(&mut model).contains("no action"));
}

#[test]
fn the_last_line_says_what_can_follow() {
    let mut model = model(screens::running());
    let _ = press(&mut model, "2 j j g");
    let last = show(&mut model).last().unwrap().clone();
    assert!(last.contains("g …") && last.contains("g top") && last.contains("esc never mind"), "{last}");
    let _ = press(&mut model, "esc");
    assert_eq!((model.screen, model.cursor(ListId::Symbols)), (Screen::Symbols, Some(2)));
    let _ = press(&mut model, "g g");
    assert_eq!(model.cursor(ListId::Symbols), Some(0));
    let _ = press(&mut model, "g x");
    assert!(show(&mut model).last().unwrap().contains("no action on 'gx'"));
}

#[test]
fn keys_of_other_programs_do_what_they_do_there() {
    let mut model = model(screens::big(100));
    let _ = press(&mut model, "2 ctrl-n ctrl-e");
    assert_eq!(model.cursor(ListId::Symbols), Some(2));
    let _ = press(&mut model, "ctrl-f");
    assert!(model.cursor(ListId::Symbols) > Some(10));
    let _ = press(&mut model, "ctrl-b ctrl-p ctrl-y");
    assert_eq!(model.cursor(ListId::Symbols), Some(0));
    let _ = press(&mut model, "f1");
    assert!(matches!(model.layers.last(), Some(Layer::Help(_))));
    let _ = press(&mut model, "esc");
    assert!(tell(&mut model, Msg::Key(key("ctrl-z"))).suspend);
    for (typed, quit) in [("q!", Some(Exit::Drain)), ("wq", None)] {
        let mut model = super::hands::model(screens::running());
        let _ = press(&mut model, ":");
        super::hands::type_in(&mut model, typed);
        assert_eq!(press(&mut model, "enter").quit, quit, "{typed}");
    }
}

#[test]
fn an_engine_elsewhere_and_a_demonstration_are_left_without_a_question() {
    let mut model = model(screens::running());
    model.link = Link::Connected { url: "http://bars:8000".into() };
    assert_eq!(press(&mut model, "q").quit, Some(Exit::Drain));
    let mut model = super::hands::model(screens::running());
    model.label = Some("DEMO".into());
    assert_eq!(press(&mut model, "q").quit, Some(Exit::Drain));
}

#[test]
fn messages_can_be_read_again() {
    let mut model = model(screens::running());
    let _ = press(&mut model, "m ctrl-t");
    let _ = press(&mut model, "@");
    let text = show(&mut model).join("\n");
    assert!(text.contains("Messages") && text.contains("theme: light") && text.contains("mouse captured"), "{text}");
    let _ = press(&mut model, "esc");
    assert!(model.layers.is_empty());
}

#[test]
fn the_help_ends_with_what_the_signs_mean() {
    let mut model = model(screens::running());
    let _ = press(&mut model, "?");
    for _ in 0..20 {
        let _ = press(&mut model, "pagedown");
    }
    let text = show(&mut model).join("\n");
    assert!(text.contains("Signs and colors") || text.contains("BEHIND"), "{text}");
    assert!(text.contains("recovery point objective") && text.contains("the frame of Now"), "{text}");
    // A sign is no command.
    let _ = press(&mut model, "enter");
    assert!(matches!(model.layers.last(), Some(Layer::Help(_))));
}

#[test]
fn a_filter_is_for_the_list_in_front() {
    let mut model = model(screens::running());
    let all = model.requests().len();
    let _ = press(&mut model, "6 /");
    super::hands::type_in(&mut model, "status:503");
    assert_eq!((model.screen, model.requests().len()), (Screen::Vendor, 2));
    let _ = press(&mut model, "enter");
    let text = show(&mut model).join("\n");
    assert!(text.contains("filter status:503"), "{text}");
    // The lists of other screens are as they were, and Esc clears it.
    assert_eq!(model.len_of(ListId::Symbols), 125);
    let _ = press(&mut model, "esc");
    assert_eq!((model.screen, model.requests().len()), (Screen::Vendor, all));
    let _ = press(&mut model, "5 /");
    super::hands::type_in(&mut model, "status:failed");
    assert!(
        model.executions().iter().all(|row| row.status.name().contains("failed")) && !model.executions().is_empty()
    );
    let _ = press(&mut model, "esc 7 tab tab tab /");
    super::hands::type_in(&mut model, "is:res");
    let _ = press(&mut model, "tab");
    assert_eq!((model.filter(), model.alerts().len()), ("is:resolved", 3));
}

#[test]
fn filters_are_completed_and_recalled() {
    let mut model = model(screens::running());
    let _ = press(&mut model, "2 /");
    super::hands::type_in(&mut model, "ti");
    let _ = press(&mut model, "tab");
    super::hands::type_in(&mut model, "sta");
    let _ = press(&mut model, "tab enter");
    assert_eq!(model.symbols.filter, "tier:stale");
    let _ = press(&mut model, "esc /");
    super::hands::type_in(&mut model, "aapl");
    let _ = press(&mut model, "enter esc / up");
    assert_eq!(model.symbols.filter, "aapl");
    let _ = press(&mut model, "up");
    assert_eq!(model.symbols.filter, "tier:stale");
    let _ = press(&mut model, "down down");
    assert_eq!(model.symbols.filter, "");
}

#[test]
fn rates_fall_to_nothing_by_themselves() {
    let pulse = screens::live().pulse;
    let now = screens::now();
    let last_ten = |at| phrase::rows_by_second(&pulse, at).iter().rev().take(10).sum::<f64>();
    assert!(last_ten(now) > 0.0);
    // Nothing was published meanwhile, and nothing was written.
    assert_eq!(last_ten(now + 10 * SECOND), 0.0);
    assert_eq!(phrase::rows_by_second(&pulse, now + 90 * SECOND), vec![0.0; 60]);
    let minutes = phrase::requests_by_minute(&pulse, now + 60 * SECOND);
    assert_eq!((minutes.len(), minutes.last()), (30, Some(&0.0)));
}
