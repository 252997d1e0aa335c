//! Symbols from inside: added, removed, changed and fetched by lines of the palette.

use std::sync::Arc;

use barkeep::market::{AssetClass, Criticality};
use barkeep::monitor::snapshot::Snapshot;
use barkeep::runtime::console::{ConsoleRequest, ConsoleResponse, FoundTicker, Link, ReadError, SeriesName};
use barkeep::service::handle::{CommandReply, EngineCommand, NewSymbol, SymbolChange, TriggerScope};
use barkeep::tui::draw::context::DrawContext;
use barkeep::tui::model::Model;
use barkeep::tui::model::layer::Layer;
use barkeep::tui::model::msg::{Effects, Msg};
use barkeep::tui::view::frame::frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::hands::{model, plan, press, said, seconds, show, tell, type_in};
use crate::support::screens;

fn previewed(effects: &Effects) -> (u64, TriggerScope) {
    match effects.commands.as_slice() {
        [(id, EngineCommand::Preview(what))] => (*id, what.clone()),
        other => panic!("{other:?}"),
    }
}

fn finish(model: &mut Model, id: u64, reply: CommandReply) -> Effects {
    let effects = tell(model, Msg::CommandFinished { id, outcome: Ok(reply) });
    show(model);
    effects
}

fn text(model: &mut Model) -> String {
    show(model).join("\n")
}

#[test]
fn from_an_empty_database_to_a_running_backfill_in_three_keys_beside_the_name() {
    let mut model = model(screens::empty());
    assert!(text(&mut model).contains("n add symbols, for example SPY QQQ BTC"));
    let _ = press(&mut model, "n");
    type_in(&mut model, "spy btc --criticality low");
    assert!(text(&mut model).contains("enter shows the plan for 2 symbols"));
    let (id, what) = previewed(&press(&mut model, "enter"));
    let TriggerScope::Selection(selection) = what else { panic!("{what:?}") };
    assert_eq!(selection.symbols.iter().map(ToString::to_string).collect::<Vec<_>>(), ["SPY", "BTC"]);
    // Typed too early it waits for the plan.
    assert!(press(&mut model, "enter").commands.is_empty());
    let _ = finish(&mut model, id, plan(18));
    assert!(text(&mut model).contains("at most 18"));
    let sent = press(&mut model, "enter");
    let [(id, EngineCommand::AddSymbols(new))] = sent.commands.as_slice() else { panic!("{:?}", sent.commands) };
    assert!(matches!(&new[..], [NewSymbol { wanted, .. }, _] if wanted.criticality == Some(Criticality::Low)));
    // Only once they are added are they fetched.
    let next = finish(&mut model, *id, CommandReply::Done);
    let [(id, EngineCommand::Trigger { what: TriggerScope::Selection(selection), .. })] = next.commands.as_slice()
    else {
        panic!("{:?}", next.commands)
    };
    assert_eq!(selection.symbols.len(), 2);
    let _ = finish(&mut model, *id, CommandReply::Started(uuid::Uuid::nil()));
    assert!(said(&model).contains("execution 00000000 started"), "{}", said(&model));
}

#[test]
fn what_cannot_be_added_fetches_nothing() {
    let mut model = model(screens::running());
    let _ = press(&mut model, ":");
    type_in(&mut model, "add AAPL");
    assert!(text(&mut model).contains("AAPL is already tracked"));
    assert!(press(&mut model, "enter").commands.is_empty());
    assert!(matches!(model.layers.last(), Some(Layer::Command(_))));
    // Without the verb it is the palette again.
    let _ = press(&mut model, "ctrl-u");
    assert!(matches!(model.layers.last(), Some(Layer::Palette(_))));
    type_in(&mut model, "add NEW");
    let (id, _) = previewed(&press(&mut model, "enter"));
    let _ = finish(&mut model, id, plan(3));
    let sent = press(&mut model, "y");
    let id = sent.commands[0].0;
    let next = finish(&mut model, id, CommandReply::Nothing("NEW is already tracked".into()));
    assert!(next.commands.is_empty() && said(&model).contains("already tracked"));
}

#[test]
fn a_tier_changes_at_once_and_u_brings_the_former_one_back() {
    let mut model = model(screens::running());
    let _ = press(&mut model, ":");
    type_in(&mut model, "tier spy aapl low");
    let sent = press(&mut model, "enter");
    let [(id, EngineCommand::ChangeSymbols(changes))] = sent.commands.as_slice() else { panic!("{:?}", sent.commands) };
    let tier_of = |all: &[SymbolChange]| all.iter().map(|change| change.criticality.unwrap()).collect::<Vec<_>>();
    assert_eq!(tier_of(changes), [Criticality::Low; 2]);
    let _ = finish(&mut model, *id, CommandReply::Done);
    let undone = press(&mut model, "u");
    let [(_, EngineCommand::ChangeSymbols(changes))] = undone.commands.as_slice() else {
        panic!("{:?}", undone.commands)
    };
    assert_eq!(tier_of(changes), [Criticality::Critical, Criticality::Standard]);
}

#[test]
fn a_removal_asks_keeps_the_bars_and_can_be_undone_a_purge_cannot() {
    let mut model = model(screens::running());
    let _ = press(&mut model, ":");
    type_in(&mut model, "rm aapl");
    let _ = press(&mut model, "enter");
    let shown = text(&mut model);
    assert!(shown.contains("Stop tracking AAPL") && shown.contains("stay in the database"), "{shown}");
    // The answer is no until it is yes.
    assert!(press(&mut model, "enter").commands.is_empty() && model.layers.is_empty());
    let _ = press(&mut model, ":");
    type_in(&mut model, "rm aapl");
    let sent = press(&mut model, "enter y");
    let [(id, EngineCommand::ChangeSymbols(changes))] = sent.commands.as_slice() else { panic!("{:?}", sent.commands) };
    assert_eq!(changes[0].active, Some(false));
    let _ = finish(&mut model, *id, CommandReply::Done);
    let undone = press(&mut model, "u");
    assert!(
        matches!(&undone.commands[..], [(_, EngineCommand::ChangeSymbols(all))] if all[0].active == Some(true)),
        "{:?}",
        undone.commands
    );
    let _ = press(&mut model, ":");
    type_in(&mut model, "rm aapl --purge");
    let sent = press(&mut model, "enter y");
    assert!(matches!(sent.commands[..], [(_, EngineCommand::RemoveSymbols(_))]));
}

#[test]
fn a_first_day_changes_even_when_that_costs_nothing_and_a_backfill_does_not() {
    let mut model = model(screens::running());
    let _ = press(&mut model, ":");
    type_in(&mut model, "since AAPL 2026-01-05");
    let (id, _) = previewed(&press(&mut model, "enter"));
    let _ = finish(&mut model, id, plan(0));
    let sent = press(&mut model, "enter");
    assert!(
        matches!(&sent.commands[..], [(_, EngineCommand::ChangeSymbols(all))] if all[0].history_from.is_some()),
        "{:?}",
        sent.commands
    );
    let _ = press(&mut model, ":");
    type_in(&mut model, "backfill AAPL 2024");
    let (id, what) = previewed(&press(&mut model, "enter"));
    let TriggerScope::Selection(selection) = what else { panic!("{what:?}") };
    let bounds = [selection.from, selection.to].map(|bound| bound.unwrap().to_string());
    assert_eq!(bounds, ["2024-01-01", "2024-12-31"]);
    let _ = finish(&mut model, id, plan(0));
    assert!(text(&mut model).contains("Nothing to do") && press(&mut model, "enter").commands.is_empty());
}

#[test]
fn the_vendor_is_searched_on_a_key_only_and_once_for_a_text() {
    let mut model = model(screens::running());
    let _ = press(&mut model, ":");
    type_in(&mut model, "add QQQ2 spdr");
    assert!(text(&mut model).contains("ctrl-s searches the vendor's tickers for the last word: 1 request"));
    let asked = press(&mut model, "ctrl-s");
    let request = ConsoleRequest::Tickers { search: "spdr".into() };
    assert_eq!(asked.requests, std::slice::from_ref(&request));
    assert!(text(&mut model).contains("searching the vendor's tickers for spdr"));
    let found = |symbol: &str, asset_class| FoundTicker {
        symbol: symbol.parse().unwrap(),
        asset_class,
        name: format!("{symbol} SPDR Fund"),
    };
    let response = ConsoleResponse::Tickers(vec![found("XLF", AssetClass::Etf), found("XLK", AssetClass::Etf)]);
    let answer = Msg::Answered { request, data_at: screens::now(), response: Ok(response) };
    let _ = tell(&mut model, answer);
    let shown = text(&mut model);
    assert!(
        shown.contains("XLF") && shown.contains("XLK SPDR Fund") && shown.contains("2 tickers for spdr"),
        "{shown}"
    );
    let _ = press(&mut model, "down enter");
    assert!(text(&mut model).contains(":add QQQ2 XLK"));
    let (id, _) = previewed(&press(&mut model, "enter"));
    let _ = finish(&mut model, id, plan(3));
    let sent = press(&mut model, "enter");
    let [(_, EngineCommand::AddSymbols(new))] = sent.commands.as_slice() else { panic!("{:?}", sent.commands) };
    assert_eq!((new[0].wanted.class, new[1].wanted.class), (None, Some(AssetClass::Etf)));
    // The same text is not asked again.
    let _ = press(&mut model, "n");
    type_in(&mut model, "spdr");
    assert!(press(&mut model, "ctrl-s").requests.is_empty());
    assert!(text(&mut model).contains("2 tickers for spdr"));
    let _ = press(&mut model, "esc esc n");
    type_in(&mut model, "other");
    let asked = press(&mut model, "ctrl-s").requests;
    let refused = Err(ReadError::Refused("the rate limit is taken for the next 50 s".into()));
    let _ = tell(&mut model, Msg::Answered { request: asked[0].clone(), data_at: screens::now(), response: refused });
    assert!(text(&mut model).contains("the search for other failed: the rate limit is taken for the next 50 s"));
}

#[test]
fn the_first_line_says_where_this_is() {
    let mut model = model(screens::at_rest());
    assert!(show(&mut model)[0].contains(" bars   IDLE"), "{}", show(&mut model)[0]);
    model.link = Link::Connected { url: "http://bars.example.com:8000".into() };
    for width in [80, 120, 160] {
        model.size.width = width;
        let first = show(&mut model)[0].clone();
        assert!(first.contains("bars.example.com:8000 bars"), "{width}: {first}");
    }
}

/// The series whose coverage is requested by the frame of this second; they are answered at once.
fn requested(model: &mut Model, second: u64) -> Vec<SeriesName> {
    model.now = seconds(second);
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    let hits = frame(model, &DrawContext::of(model), area, &mut Buffer::empty(area));
    let mut all = Vec::new();
    let mut open = model.drawn(hits).requests;
    while let Some(request) = open.pop() {
        if let ConsoleRequest::Coverage { series, .. } = &request {
            all.extend(series.iter().cloned());
            let (data_at, response) = (model.snap.data.generated_at, Ok(ConsoleResponse::Coverage(Vec::new())));
            open.extend(tell(model, Msg::Answered { request, data_at, response }).requests);
        }
    }
    all
}

/// The next reading of the database, in which the first series in sight has a bar more, or none has.
fn read_again(model: &mut Model, written: Option<&SeriesName>) {
    let mut data = (*model.snap.data).clone();
    data.generated_at = data.generated_at + 1;
    for row in &mut data.series {
        row.bars += i64::from(written.is_some_and(|(symbol, tf)| *symbol == row.symbol && *tf == row.timeframe));
    }
    let next = Snapshot { seq: model.snap.seq + 1, live: Arc::clone(&model.snap.live), data: Arc::new(data) };
    let _ = tell(model, Msg::Snapshot(Arc::new(next)));
}

#[test]
fn the_coverage_of_what_was_written_is_read_again_within_two_seconds_and_of_the_rest_within_ten() {
    let mut model = screens::opened(screens::running(), 120, 40);
    press(&mut model, "2");
    model.answers.strips.loading = false;
    assert!(requested(&mut model, 20).len() > 16, "all in sight, batch by batch");
    assert_eq!(requested(&mut model, 20), []);
    let first = model.selected_series().unwrap();
    read_again(&mut model, Some(&first));
    assert_eq!(requested(&mut model, 21), [], "not sooner than the same request may be repeated");
    assert_eq!(requested(&mut model, 23), std::slice::from_ref(&first));
    assert_eq!(requested(&mut model, 24), []);
    read_again(&mut model, None);
    assert_eq!(requested(&mut model, 29), [], "nothing says that anything changed");
    assert!(requested(&mut model, 31).len() > 16, "but it may have: an answer of the vendor without bars");
}
