//! What messages do to the dashboard.

use std::sync::Arc;

use barkeep::market::Timeframe;
use barkeep::market::freshness::Tier;
use barkeep::market::ts::DAY;
use barkeep::monitor::snapshot::Snapshot;
use barkeep::runtime::console::{Access, ConsoleRequest, ConsoleResponse, Level, Link, LogLine, Verdict};
use barkeep::service::handle::{CommandError, CommandReply, EngineCommand, ExecutionSelector, TriggerScope};
use barkeep::tui::actions::{ACTIONS, ActionId, Confirmation, SIGNS};
use barkeep::tui::draw::hits::ClickTarget;
use barkeep::tui::draw::theme::{ColorDepth, OwnTheme, Role, Theme, ThemeKind};
use barkeep::tui::model::layer::{Cost, Layer};
use barkeep::tui::model::msg::{Exit, Msg, Redraw};
use barkeep::tui::model::screen::{ListId, Screen};
use barkeep::tui::model::{Model, Overlay, Zoom};
use crossterm::event::{KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::style::Color;

use crate::hands::{key, model, plan, press, said, seconds, show, tell, type_in};
use crate::screens::select;
use crate::support::screens;

fn selected(model: &Model) -> String {
    model.selected_series().map(|(symbol, timeframe)| format!("{symbol} {timeframe}")).unwrap_or_default()
}

#[test]
fn numbers_open_screens_and_escape_leads_back() {
    let mut model = model(screens::running());
    for screen in Screen::ALL {
        press(&mut model, &screen.number().to_string());
        assert_eq!(model.screen, screen);
        press(&mut model, "esc");
        assert_eq!(model.screen, Screen::Overview, "from {screen:?}");
    }
    press(&mut model, "2 j enter");
    assert_eq!((model.screen, model.trail.as_slice()), (Screen::Detail, [Screen::Symbols].as_slice()));
    press(&mut model, "esc");
    assert_eq!(model.screen, Screen::Symbols);
    press(&mut model, "esc");
    assert_eq!(model.screen, Screen::Overview);
}

#[test]
fn the_selection_stays_on_its_series_when_the_order_changes() {
    let mut model = model(screens::running());
    press(&mut model, "2 j j j");
    let name = selected(&model);
    assert!(!name.is_empty() && model.cursor(ListId::Symbols) == Some(3));
    for keys in ["s b", "s b", "o", ">", "s c"] {
        press(&mut model, keys);
        assert_eq!(selected(&model), name, "after {keys}");
    }
    // The same through a new snapshot in which everything stands in another place.
    let mut data = (*model.snap.data).clone();
    data.series.reverse();
    let next = Snapshot { seq: 99, live: Arc::clone(&model.snap.live), data: Arc::new(data) };
    let effects = tell(&mut model, Msg::Snapshot(Arc::new(next)));
    assert_eq!((selected(&model), effects.redraw), (name, Redraw::Soon));
    press(&mut model, "G");
    assert_eq!(model.cursor(ListId::Symbols), Some(model.len_of(ListId::Symbols) - 1));
    press(&mut model, "g g");
    assert_eq!(model.cursor(ListId::Symbols), Some(0));
}

#[test]
fn pages_are_as_long_as_the_screen_showed() {
    let mut model = model(screens::big(100));
    press(&mut model, "2");
    let height = model.hits.window_of(ListId::Symbols).height;
    press(&mut model, "pagedown");
    assert_eq!(model.cursor(ListId::Symbols), Some(height.saturating_sub(1).max(1)));
    press(&mut model, "ctrl-u pageup pageup");
    assert_eq!(model.cursor(ListId::Symbols), Some(0));
}

#[test]
fn a_filter_is_typed_live_kept_with_enter_and_undone_with_escape() {
    let mut model = model(screens::running());
    let all = model.len_of(ListId::Symbols);
    press(&mut model, "2 /");
    type_in(&mut model, "aapl tf:5m");
    assert_eq!(model.len_of(ListId::Symbols), 1);
    assert!(show(&mut model).last().unwrap().contains("/aapl tf:5m"));
    press(&mut model, "enter");
    assert!(model.layers.is_empty() && model.symbols.filter == "aapl tf:5m");
    press(&mut model, "/");
    type_in(&mut model, " nonsense:1");
    assert!(show(&mut model).last().unwrap().contains("nonsense"), "{:?}", show(&mut model).last());
    press(&mut model, "esc");
    assert_eq!((model.symbols.filter.as_str(), model.len_of(ListId::Symbols)), ("aapl tf:5m", 1));
    press(&mut model, "esc");
    assert_eq!(model.len_of(ListId::Symbols), all);
    // From a screen without a list of its own, the filter is that of the table.
    press(&mut model, "1 /");
    assert_eq!(model.screen, Screen::Symbols);
    // Pasted text is text, whatever is in it.
    let _ = tell(&mut model, Msg::Paste("tier:stale\nq\u{1b}[2J".to_owned()));
    assert_eq!(model.symbols.filter, "tier:stale q [2J");
    assert!(!model.quitting);
}

#[test]
fn a_paste_without_a_line_to_go_to_does_nothing() {
    let mut model = model(screens::running());
    let effects = tell(&mut model, Msg::Paste("qpTy".to_owned()));
    assert!(effects.commands.is_empty() && effects.quit.is_none() && effects.redraw == Redraw::No);
}

#[test]
fn a_trigger_shows_what_it_costs_before_it_is_given() {
    let mut model = model(screens::running());
    let effects = press(&mut model, "2 t");
    let [(id, EngineCommand::Preview(TriggerScope::Selection(selection)))] = effects.commands.as_slice() else {
        panic!("{:?}", effects.commands)
    };
    assert_eq!(selection.symbols.len(), 1);
    assert!(matches!(model.layers.last(), Some(Layer::Confirm(c)) if matches!(c.cost, Cost::Planning)));
    // Nobody says yes to what is not known yet.
    assert!(press(&mut model, "y").commands.is_empty());
    let _ = tell(&mut model, Msg::CommandFinished { id: *id, outcome: Ok(plan(7)) });
    let text = show(&mut model).join("\n");
    assert!(text.contains("requests  at most 7") && text.contains("1m 00s"), "{text}");
    // The answer is no unless it is yes.
    assert!(press(&mut model, "enter").commands.is_empty());
    assert!(model.layers.is_empty());
    let again = press(&mut model, "t");
    let _ = tell(&mut model, Msg::CommandFinished { id: again.commands[0].0, outcome: Ok(plan(7)) });
    let given = press(&mut model, "tab enter");
    assert!(matches!(given.commands.as_slice(), [(_, EngineCommand::Trigger { .. })]), "{:?}", given.commands);
    assert!(said(&model).starts_with("sent: backfill"), "{}", said(&model));
}

#[test]
fn marked_series_are_triggered_together() {
    let mut model = model(screens::running());
    press(&mut model, "2 / ");
    type_in(&mut model, "tf:5m rpo:critical");
    press(&mut model, "enter A");
    assert_eq!(model.symbols.marks.len(), 4);
    let effects = press(&mut model, "t");
    let (_, EngineCommand::Preview(TriggerScope::Selection(selection))) = &effects.commands[0] else {
        panic!("{:?}", effects.commands)
    };
    assert_eq!((selection.symbols.len(), selection.timeframes.as_deref()), (4, Some([Timeframe::M5].as_slice())));
    press(&mut model, "n U space j j space");
    // A mark stays where it is made; the next one is two rows below.
    assert_eq!(model.symbols.marks.len(), 2);
    press(&mut model, "U space");
    assert_eq!(model.symbols.marks.len(), 1);
    press(&mut model, "U g g v j j v");
    assert_eq!(model.symbols.marks.len(), 3);
}

#[test]
fn nothing_to_do_and_a_refusal_are_said_in_the_question() {
    for (outcome, said) in [
        (Ok(plan(0)), "Nothing to do: no bar is missing"),
        (Ok(CommandReply::Nothing("no symbol matches".to_owned())), "no symbol matches"),
        (Err(CommandError::Refused("busy with AAPL".to_owned())), "busy with AAPL"),
    ] {
        let mut model = model(screens::running());
        let effects = press(&mut model, "T");
        let (id, EngineCommand::Preview(TriggerScope::Stale)) = &effects.commands[0] else {
            panic!("{:?}", effects.commands)
        };
        let _ = tell(&mut model, Msg::CommandFinished { id: *id, outcome });
        assert!(show(&mut model).join("\n").contains(said), "{said}");
        assert!(press(&mut model, "y tab enter").commands.is_empty(), "{said}");
    }
}

#[test]
fn an_order_is_shown_as_sent_and_as_done_only_once_the_engine_confirms() {
    let mut model = model(screens::running());
    // A run is under way, so it asks.
    assert!(press(&mut model, "p").commands.is_empty());
    assert!(show(&mut model).join("\n").contains("31 of at most 44 requests answered"));
    let effects = press(&mut model, "y");
    assert!(matches!(effects.commands.as_slice(), [(_, EngineCommand::Pause(_))]));
    assert_eq!(said(&model), "sent: pause the engine");
    // Still running: nobody has said otherwise.
    assert!(show(&mut model)[0].contains("RUNNING"));
    let _ = tell(&mut model, Msg::CommandFinished { id: effects.commands[0].0, outcome: Ok(CommandReply::Done) });
    assert_eq!(said(&model), "engine paused");
    let _ = tell(&mut model, Msg::Snapshot(Arc::new(screens::paused())));
    assert!(show(&mut model)[0].contains("PAUSED by tui:ana"), "{:?}", show(&mut model)[0]);
    let effects = press(&mut model, "p");
    assert!(matches!(effects.commands.as_slice(), [(_, EngineCommand::Resume)]), "{:?}", effects.commands);
    let refused = Err(CommandError::Stopped);
    let _ = tell(&mut model, Msg::CommandFinished { id: effects.commands[0].0, outcome: refused });
    assert_eq!(said(&model), "resume the engine: the engine has stopped");
}

#[test]
fn cancelling_names_what_is_lost_and_needs_a_yes() {
    let mut model = model(screens::running());
    let id = model.snap.live.runs[0].execution_id;
    assert!(press(&mut model, "c").commands.is_empty());
    let text = show(&mut model).join("\n");
    assert!(text.contains("Cancel execution") && text.contains("Committed"), "{text}");
    let given = press(&mut model, "y");
    assert!(
        matches!(given.commands.as_slice(), [(_, EngineCommand::Cancel(ExecutionSelector(Some(cancelled))))] if *cancelled == id)
    );
    // Without a run there is nothing to cancel, and it says so.
    let mut idle = crate::hands::model(screens::at_rest());
    assert!(press(&mut idle, "c").commands.is_empty() && idle.layers.is_empty());
    assert_eq!(said(&idle), "cancel: nothing is running");
}

#[test]
fn a_single_series_is_paused_at_once_and_cancelled_after_a_question() {
    let mut model = model(screens::running());
    let given = press(&mut model, "2 z");
    assert!(
        matches!(given.commands.as_slice(), [(_, EngineCommand::PauseSeries(series))] if series.len() == 1),
        "{given:?}"
    );
    press(&mut model, "1");
    let id = model.snap.live.runs[0].execution_id;
    let given = press(&mut model, "C y");
    assert!(
        matches!(given.commands.as_slice(), [(_, EngineCommand::CancelSeries { execution, series })] if *execution == id && series.len() == 1),
        "{given:?}"
    );
}

#[test]
fn a_read_only_dashboard_offers_no_commands_and_says_why() {
    let mut model = model(screens::running());
    model.access = Access::Read;
    for spec in ACTIONS.iter().filter(|spec| spec.is_command) {
        assert!(!model.offers(spec), "{}", spec.name);
        assert!(model.permits(spec).is_err(), "{}", spec.name);
    }
    for keys in ["p", "T", "t", "c", "r", "B", "P"] {
        let effects = press(&mut model, keys);
        assert!(effects.commands.is_empty() && model.layers.is_empty(), "{keys}");
        assert!(said(&model).contains("this dashboard is read-only"), "{keys}: {}", said(&model));
    }
    assert!(!show(&mut model).last().unwrap().contains("trigger"));
    press(&mut model, "?");
    assert!(model.listed().iter().all(|spec| !spec.is_command));
}

#[test]
fn every_action_that_costs_or_destroys_asks_before() {
    for spec in ACTIONS.iter().filter(|spec| {
        // One symbol or series is paused at once; the same key resumes it.
        !matches!(spec.confirmation, Confirmation::None | Confirmation::WhenSeveral)
    }) {
        for screen in Screen::ALL.into_iter().filter(|screen| spec.scope.includes(*screen)) {
            let mut model = model(screens::running());
            press(&mut model, &screen.number().to_string());
            for _ in 0..screen.lists().len() {
                press(&mut model, "tab");
                model.layers = vec![Layer::Palette(barkeep::tui::model::layer::Menu::default())];
                let line = model.listed().iter().position(|listed| listed.id == spec.id);
                let Some(line) = line else { panic!("{} is not in the palette", spec.name) };
                for _ in 0..line {
                    let _ = tell(&mut model, Msg::Key(key("down")));
                }
                let effects = tell(&mut model, Msg::Key(key("enter")));
                let harmless = effects.commands.iter().all(|(_, action)| matches!(action, EngineCommand::Preview(_)));
                assert!(harmless && effects.quit.is_none(), "{} on {screen:?}: {:?}", spec.name, effects.commands);
                model.layers.clear();
            }
        }
    }
}

#[test]
fn help_is_searchable_and_runs_what_is_chosen() {
    let mut model = model(screens::running());
    press(&mut model, "?");
    let all = model.listed().len();
    type_in(&mut model, "freeze");
    assert!(model.listed().len() < all && model.listed().iter().any(|spec| spec.id == ActionId::Freeze));
    press(&mut model, "enter");
    assert!(model.layers.is_empty() && model.frozen.is_some());
    press(&mut model, ":");
    type_in(&mut model, "tcrit");
    assert_eq!(model.listed()[0].id, ActionId::TriggerCritical);
    // Disabled ones are there and say why.
    let mut idle = crate::hands::model(screens::at_rest());
    press(&mut idle, "?");
    type_in(&mut idle, "cancel");
    assert!(show(&mut idle).join("\n").contains("unavailable: nothing is running"));
}

#[test]
fn the_legend_is_searched_too_and_shows_its_colors() {
    let mut model = model(screens::running());
    press(&mut model, "?");
    type_in(&mut model, "tier stale");
    let shown = show(&mut model).join("\n");
    assert!(shown.contains("S stale") && shown.contains("far behind") && !shown.contains("A aging"), "{shown}");
    press(&mut model, "esc");
    press(&mut model, "?");
    type_in(&mut model, "being fetched");
    let shown = show(&mut model).join("\n");
    assert!(model.listed().is_empty() && shown.contains("▇▇ ◐") && !shown.contains("no match"), "{shown}");
    press(&mut model, "enter");
    press(&mut model, "esc");
    // Every tier has its line, in its color.
    for tier in Tier::ALL {
        let sign = format!("{} {}", tier.letter(), tier.name());
        assert!(SIGNS.iter().any(|line| line.sign == sign && line.role == Role::from(tier)), "{sign}");
    }
}

#[test]
fn a_theme_is_tried_on_while_its_name_is_chosen_and_escape_restores() {
    let mut model = model(screens::running());
    let before = model.display.theme;
    press(&mut model, ":");
    type_in(&mut model, "theme gru");
    assert_eq!(model.display.theme, before);
    press(&mut model, "tab");
    assert_eq!(model.display.theme.name(), "gruvbox");
    press(&mut model, "down");
    assert_eq!(model.display.theme.name(), "nord");
    press(&mut model, "esc");
    assert!(model.layers.is_empty() && model.display.theme == before);
    press(&mut model, ":");
    type_in(&mut model, "theme pink");
    press(&mut model, "enter");
    assert!(said(&model).contains("no theme 'pink'; use dark, light"), "{}", said(&model));
    press(&mut model, "esc");
    press(&mut model, ":");
    type_in(&mut model, "theme nord");
    press(&mut model, "enter");
    assert!(model.layers.is_empty() && model.display.theme.name() == "nord");
}

#[test]
fn a_theme_of_ones_own_is_tried_on_and_walked_to_like_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("night-shift.yaml");
    let nord = include_str!("../../config/themes/nord.yaml").replace("fresh: '#a3be8c'", "fresh: '#b8e0a0'");
    std::fs::write(&file, nord).unwrap();
    let mut model = model(screens::running());
    model.own_themes = vec![OwnTheme::read(&file).unwrap()];
    press(&mut model, ":");
    type_in(&mut model, "theme nig");
    assert_eq!(model.own_theme, None);
    press(&mut model, "tab");
    let own = model.own_theme.expect("it is tried on");
    let colors = Theme::new(model.display.theme, ColorDepth::Rgb).with(model.own_theme);
    assert_eq!((own.name(), colors.style(Role::Fresh).fg), ("night-shift", Some(Color::Rgb(0xb8, 0xe0, 0xa0))));
    press(&mut model, "esc");
    assert_eq!((model.own_theme, model.display.theme.name()), (None, "dark"));
    // After the last one that is shipped, and then the first again.
    for _ in 0..ThemeKind::ALL.len() {
        press(&mut model, "ctrl-t");
    }
    assert!(model.own_theme.is_some() && said(&model).contains("theme: night-shift"), "{}", said(&model));
    press(&mut model, "ctrl-t");
    assert_eq!((model.own_theme, model.display.theme.name()), (None, "dark"));
}

#[test]
fn a_frozen_view_stays_while_the_engine_goes_on() {
    let mut model = model(screens::running());
    press(&mut model, "f");
    model.toasts.clear();
    let before = show(&mut model);
    assert!(before[0].contains("VIEW FROZEN"), "{}", before[0]);
    let mut live = (*screens::paused().live).clone();
    live.at = live.at + 5_000;
    let next = Snapshot { seq: 50, live: Arc::new(live), data: Arc::clone(&model.snap.data) };
    let effects = model.update(Msg::Snapshot(Arc::new(next)), seconds(5));
    assert_eq!(effects.redraw, Redraw::No);
    let notice = LogLine { seq: 9_999, at: screens::now(), level: Level::Error, source: "x".into(), text: "y".into() };
    let effects = model.update(Msg::LogLine(Arc::new(notice)), seconds(6));
    assert_eq!((effects.redraw, effects.requests.len()), (Redraw::No, 0));
    assert_eq!(show(&mut model), before);
    press(&mut model, "f");
    assert!(show(&mut model)[0].contains("PAUSED"));
}

#[test]
fn details_are_asked_when_they_are_shown_and_again_when_the_data_has_changed() {
    let mut model = screens::opened(screens::running(), 120, 40);
    model.keymap = Arc::new(barkeep::tui::keymap::Keymap::new(&[]).unwrap());
    show(&mut model);
    let first = press(&mut model, "7");
    assert_eq!(first.requests.len(), 4, "{:?}", first.requests);
    // Answer once, not with every key.
    assert!(press(&mut model, "j k tab").requests.is_empty());
    let of = model.snap.data.generated_at;
    let question = ConsoleRequest::Alerts { limit: 200 };
    let _ = tell(
        &mut model,
        Msg::Answered { request: question.clone(), data_at: of, response: Ok(ConsoleResponse::Alerts(Vec::new())) },
    );
    let mut data = (*model.snap.data).clone();
    data.generated_at = data.generated_at + 1_000;
    let next = Arc::new(Snapshot { seq: 51, live: Arc::clone(&model.snap.live), data: Arc::new(data) });
    // Too soon: it waits, and knows until when.
    assert!(model.update(Msg::Snapshot(Arc::clone(&next)), seconds(1)).requests.is_empty());
    assert!(model.next_deadline().is_some());
    assert_eq!(model.update(Msg::Tick, seconds(3)).requests, [question]);
}

#[test]
fn an_error_does_not_take_a_known_answer_away() {
    let mut model = model(screens::running());
    press(&mut model, "7");
    let known = model.quarantine().len();
    assert!(known > 0);
    let error = barkeep::runtime::console::ReadError::Unavailable("database is away".to_owned());
    let question = ConsoleRequest::Quarantine { limit: 500 };
    let _ = tell(&mut model, Msg::Answered { request: question, data_at: screens::now(), response: Err(error) });
    assert_eq!((model.quarantine().len(), model.answers.quarantine().error.is_some()), (known, true));
}

#[test]
fn a_lost_engine_takes_no_orders() {
    let mut model = model(screens::running());
    let link = Link::Lost { url: "http://x".into(), since: screens::now(), error: "refused".into() };
    let _ = tell(&mut model, Msg::Link(link));
    assert!(press(&mut model, "p").commands.is_empty());
    assert!(said(&model).contains("the engine is unreachable: refused"), "{}", said(&model));
    assert!(show(&mut model)[0].contains("CONNECTION LOST"));
}

#[test]
fn the_first_quit_drains_and_the_second_does_not_wait() {
    let mut model = model(screens::running());
    // The engine would stop, so it asks.
    assert_eq!(press(&mut model, "q").quit, None);
    assert!(show(&mut model).join("\n").contains("nothing keeps 124 series fresh"));
    assert_eq!(press(&mut model, "q").quit, Some(Exit::Drain));
    assert!(said(&model).contains("press q again to quit at once"), "{}", said(&model));
    assert_eq!(press(&mut model, "q").quit, Some(Exit::Now));
    // Also out of a line that is being typed.
    let mut model = crate::hands::model(screens::running());
    assert_eq!(press(&mut model, "2 / ctrl-c").quit, Some(Exit::Drain));
}

#[test]
fn toasts_go_away_by_themselves_and_newer_ones_stay() {
    let mut model = model(screens::running());
    press(&mut model, "S");
    let _ = model.update(Msg::Saved(Err("disk full".into())), seconds(0));
    let _ = model.update(Msg::Skipped(12), seconds(5));
    assert_eq!(model.toasts.iter().count(), 2);
    let effects = model.update(Msg::Tick, seconds(11));
    assert_eq!((effects.redraw, said(&model).as_str()), (Redraw::Now, "12 log lines skipped"));
    let _ = model.update(Msg::Tick, seconds(30));
    assert_eq!(model.toasts.iter().count(), 0);
}

#[test]
fn zoom_days_and_timeframes_move_sideways() {
    let mut model = model(screens::running());
    press(&mut model, "3");
    let today = model.coverage_date();
    press(&mut model, "left left right");
    assert_eq!(model.coverage_date(), today.pred_opt().unwrap());
    press(&mut model, "-");
    assert_eq!(model.coverage.zoom, Zoom::Weeks);
    // First the symbol unfolds, then time does.
    press(&mut model, "+");
    assert_eq!((model.coverage.zoom, model.coverage.unfolded.len()), (Zoom::Weeks, 1));
    press(&mut model, "+ enter");
    assert_eq!(model.coverage.zoom, Zoom::Session);
    press(&mut model, "esc");
    assert_eq!((model.coverage.zoom, model.coverage.unfolded.len()), (Zoom::Days, 1));
    press(&mut model, "-");
    assert_eq!((model.coverage.zoom, model.coverage.unfolded.len()), (Zoom::Days, 0));
    model.detail.series = Some(screens::name("AAPL", Timeframe::M5));
    press(&mut model, "4 ]");
    assert_eq!(model.detail.series, Some(screens::name("AAPL", Timeframe::M15)));
    press(&mut model, "[ [");
    assert!(said(&model).contains("has no shorter timeframe"), "{}", said(&model));
}

#[test]
fn the_map_moves_symbol_by_symbol_and_through_the_timeframes_of_an_unfolded_one() {
    let mut model = model(screens::running());
    press(&mut model, "3");
    let symbol = |model: &Model| selected(model).split(' ').next().unwrap().to_owned();
    let first = symbol(&model);
    press(&mut model, "j");
    let second = symbol(&model);
    assert_ne!(first, second);
    press(&mut model, "k enter");
    let timeframes: Vec<String> = (0..5)
        .map(|_| {
            let at = selected(&model);
            press(&mut model, "j");
            at
        })
        .collect();
    let all: std::collections::BTreeSet<&String> = timeframes.iter().collect();
    // From its first row in the table on: those below it are the coarser ones.
    assert!(all.len() > 1 && timeframes[0].starts_with(&first), "{timeframes:?}");
    press(&mut model, "G");
    let lines = model.map_lines();
    assert_eq!(model.map_cursor(&lines), Some(lines.len() - 1));
}

#[test]
fn the_cursor_of_the_chart_moves_from_the_newest_bar_and_escape_takes_it_away() {
    let mut model = screens::answered(screens::running(), 120, 40);
    model.detail.series = Some(screens::name("META", Timeframe::M5));
    press(&mut model, "4");
    let series = screens::name("META", Timeframe::M5);
    let bars: Vec<_> = model.answers.detail(&series).value.unwrap().bars.iter().map(|bar| bar.ts).collect();
    let last = bars.len() - 1;
    press(&mut model, "h h");
    assert_eq!(model.detail.at, Some(bars[last - 2]));
    press(&mut model, "l");
    assert_eq!(model.detail.at, Some(bars[last - 1]));
    press(&mut model, "right right right");
    assert_eq!(model.detail.at, Some(bars[last]), "there is no bar after the newest");
    press(&mut model, "i");
    assert_eq!(model.detail.overlay, Overlay::Bands);
    press(&mut model, "esc");
    assert_eq!((model.detail.at, model.screen), (None, Screen::Detail));
}

#[test]
fn a_day_in_a_hole_means_the_whole_hole_and_any_other_day_itself() {
    let mut model = select(screens::answered(screens::running(), 120, 40), "NFLX", Timeframe::M5);
    model.screen = Screen::Coverage;
    let (series, start, end) = model.selected_stretch().unwrap();
    assert_eq!((series, (end - start) / DAY), (screens::name("NFLX", Timeframe::M5), 120));
    model.coverage.date = Some((screens::now() - 100 * DAY).utc_date());
    assert_eq!(model.selected_stretch().map(|(_, start, end)| (end - start) / DAY), Some(120));
    model.coverage.date = Some((screens::now() - 200 * DAY).utc_date());
    assert_eq!(model.selected_stretch().map(|(_, start, end)| (end - start) / DAY), Some(1));
}

#[test]
fn the_selected_row_is_copied_as_text() {
    let mut model = model(screens::running());
    let copied = press(&mut model, "2 y").copy.unwrap();
    assert!(copied.contains(&selected(&model).replace(' ', "  ")), "{copied}");
    for screen in ["5", "7", "8"] {
        assert!(press(&mut model, &format!("{screen} y")).copy.is_some_and(|text| !text.is_empty()), "{screen}");
    }
}

#[test]
fn the_mouse_selects_only_when_it_was_asked_to() {
    let mut model = model(screens::running());
    press(&mut model, "2");
    let row = model.hits.areas().iter().find_map(|(area, target)| match target {
        ClickTarget::Row(ListId::Symbols, 2) => Some(*area),
        _ => None,
    });
    let area = row.expect("the third row is on the screen");
    let kind = MouseEventKind::Down(MouseButton::Left);
    let click = MouseEvent { kind, column: area.x, row: area.y, modifiers: KeyModifiers::NONE };
    let _ = tell(&mut model, Msg::Mouse(click));
    assert_eq!(model.cursor(ListId::Symbols), Some(0));
    assert_eq!(press(&mut model, "m").mouse, Some(true));
    let _ = tell(&mut model, Msg::Mouse(click));
    assert_eq!((model.screen, model.cursor(ListId::Symbols)), (Screen::Symbols, Some(2)));
    let _ = tell(&mut model, Msg::Mouse(click));
    assert_eq!(model.screen, Screen::Detail);
}

#[test]
fn a_key_let_go_is_no_key() {
    let mut model = model(screens::running());
    let mut release = KeyEvent::new(key("q").code, KeyModifiers::NONE);
    release.kind = KeyEventKind::Release;
    assert!(tell(&mut model, Msg::Key(release)).quit.is_none());
}

#[test]
fn the_log_follows_until_somebody_reads_back() {
    let mut model = model(screens::running());
    press(&mut model, "8");
    let last = model.len_of(ListId::Log) - 1;
    assert_eq!(model.cursor(ListId::Log), Some(last));
    press(&mut model, "k");
    let line = |seq: u64| {
        let text = format!("line {seq}");
        Msg::LogLine(Arc::new(LogLine { seq, at: screens::now(), level: Level::Info, source: "x".into(), text }))
    };
    let effects = tell(&mut model, line(100_000));
    assert_eq!((effects.redraw, model.cursor(ListId::Log)), (Redraw::Soon, Some(last - 1)));
    press(&mut model, "G");
    let _ = tell(&mut model, line(100_001));
    assert_eq!(model.cursor(ListId::Log), Some(model.len_of(ListId::Log) - 1));
    // Lines that do not show change nothing.
    press(&mut model, "1");
    assert_eq!(tell(&mut model, line(100_002)).redraw, Redraw::No);
}

#[test]
fn a_bar_in_quarantine_is_decided_after_a_question() {
    let mut model = model(screens::running());
    press(&mut model, "7 a");
    assert!(said(&model).contains("press Tab"), "{}", said(&model));
    press(&mut model, "tab tab");
    assert_eq!(model.focus(), ListId::Quarantine);
    let id = model.selected_quarantine().unwrap().id;
    let given = press(&mut model, "x y");
    assert!(matches!(given.commands.as_slice(), [(_, EngineCommand::Decide { id: decided, .. })] if *decided == id));
    // Once the engine has done it, it can be taken back; the taking back cannot.
    let (command, _) = given.commands[0];
    let _ = tell(&mut model, Msg::CommandFinished { id: command, outcome: Ok(CommandReply::Done) });
    let undone = press(&mut model, "u");
    assert!(matches!(
        undone.commands.as_slice(),
        [(_, EngineCommand::Decide { id: back, verdict: Verdict::Pending })] if *back == id
    ));
    let (command, _) = undone.commands[0];
    let _ = tell(&mut model, Msg::CommandFinished { id: command, outcome: Ok(CommandReply::Done) });
    assert!(press(&mut model, "u").commands.is_empty());
    assert!(said(&model).contains("nothing to undo"), "{}", said(&model));
}

#[test]
fn the_head_says_who_works_and_who_stands_by() {
    use barkeep::service::handle::{EngineState, Live};
    use barkeep::store::{Worker, WorkerRole};

    let worker = |host: &str, role| Worker {
        worker_id: uuid::Uuid::new_v4(),
        host: host.to_owned(),
        version: "0.1.0".to_owned(),
        role,
        since: screens::now() - 3_600_000,
        heartbeat: screens::now(),
        items: 0,
    };
    let with = |change: &dyn Fn(&mut Live)| {
        let mut snap = screens::running();
        change(Arc::make_mut(&mut snap.live));
        let mut model = model(snap);
        model.size.width = 240;
        show(&mut model)[0].clone()
    };
    let alone = with(&|live| live.fleet = Some(vec![worker("alpha", WorkerRole::Leader)]));
    assert!(!alone.contains("alpha"), "{alone}");
    let leads = with(&|live| {
        live.fleet = Some(vec![worker("alpha", WorkerRole::Leader), worker("beta", WorkerRole::Standby)]);
    });
    assert!(leads.contains("alpha leads since ") && leads.contains(", 1 standby"), "{leads}");
    let stands_by = with(&|live| {
        live.state = EngineState::Standby;
        live.reason = Some("alpha is active since 2024-03-07 11:03Z".to_owned());
    });
    assert!(stands_by.contains("STANDBY alpha is active since"), "{stands_by}");
}

#[test]
fn a_capital_q_quits_like_a_small_one_and_keeps_the_screen() {
    let mut model = model(screens::running());
    press(&mut model, "Q");
    assert!(matches!(model.layers.last(), Some(Layer::Confirm(_))) && model.keeps_screen);
    press(&mut model, "esc q");
    assert!(!model.keeps_screen, "the last question counts");
    press(&mut model, "esc Q Q");
    assert!(model.quitting && model.keeps_screen);
    assert_eq!(press(&mut model, "q").quit, Some(Exit::Now));
    assert!(model.keeps_screen, "the second press only says not to wait");
}
