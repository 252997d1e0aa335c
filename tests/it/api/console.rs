//! What a view sees, asks and orders: the console of an engine on a paused clock, with a store in memory and a scripted
//! vendor.

use std::sync::Arc;
use std::time::Duration;

use CellState::{Ahead, Closed, NoTrade, Present, Quarantined, Unverified};
use barkeep::alerts::{DatabaseHealth, Notifier};
use barkeep::api::types::{self, Command, CommandResult, Question, Reply};
use barkeep::base::clock::{Clock, Moment};
use barkeep::base::format::price;
use barkeep::base::log::Tail;
use barkeep::config::{Environment, RateLimit, alert_secrets};
use barkeep::market::freshness::Tier;
use barkeep::market::split::Split;
use barkeep::market::{AssetClass, Bar, Timeframe, Ts};
use barkeep::monitor::snapshot::{MarketPhase, Snapshot};
use barkeep::pipeline::select::Selection;
use barkeep::runtime::console::{
    Access, CellState, Console, ConsoleRequest, ConsoleResponse, CoverageRow, Gap, Link, ReadError, SeriesName,
    gap_selection,
};
use barkeep::runtime::local_console::LocalConsole;
use barkeep::runtime::runtime::{Runtime, RuntimeParts};
use barkeep::service::handle::{
    CommandError, CommandReply, EngineCommand, EngineState, ExecutionSelector, TriggerScope,
};
use barkeep::store::{ExecutionStatus, Store as _, Trigger, Verdict};
use barkeep::tui::model::Overlay;
use barkeep::tui::widgets::chart::Chart;
use barkeep::vendor::{Class, Fault};

use crate::support::rig::{Rig, Wall, settings};
use crate::support::scripted::{Call, Scripted, made_up};

/// A host on a rig; symbols are registered by ordering them.
async fn host(rig: &Rig) -> Runtime {
    let alerts = &rig.engine.config.current().settings.alerts;
    let secrets = alert_secrets(alerts, &Environment::default()).unwrap();
    Runtime::start(RuntimeParts {
        engine: rig.engine.clone(),
        reload: None,
        notifier: Notifier::start(alerts, &secrets).unwrap(),
        database: Arc::new(DatabaseHealth::default()),
        tail: Tail::default(),
        by: "test".to_owned(),
    })
    .await
    .unwrap()
}

fn selection(symbols: &[&str], timeframes: &[Timeframe], from: &str, to: &str) -> Selection {
    Selection {
        symbols: symbols.iter().map(|s| s.parse().unwrap()).collect(),
        timeframes: Some(timeframes.to_vec()),
        from: Some(from.parse().unwrap()),
        to: Some(to.parse().unwrap()),
        ..Selection::default()
    }
}

async fn run(console: &LocalConsole, selection: Selection) {
    let what = TriggerScope::Selection(selection);
    let answer = console.order(EngineCommand::Trigger { what, trigger: Trigger::Manual }).await.unwrap();
    assert!(matches!(answer, CommandReply::Started(_)), "{answer:?}");
    let mut live = console.handle.watch();
    live.wait_for(|live| live.state == EngineState::Idle && live.process.as_ref().unwrap().executions_begun > 0)
        .await
        .unwrap();
}

async fn days(console: &LocalConsole, series: SeriesName, from: &str, to: &str) -> CoverageRow {
    let question =
        ConsoleRequest::Coverage { series: vec![series], from: from.parse().unwrap(), to: to.parse().unwrap() };
    let ConsoleResponse::Coverage(mut rows) = console.ask(question).await.unwrap() else { panic!() };
    assert_eq!(rows.len(), 1);
    rows.pop().unwrap()
}

fn states(row: &CoverageRow) -> Vec<CellState> {
    row.cells.iter().map(|cell| cell.state).collect()
}

/// What a reply of the API carries to another machine is the same there.
fn assert_travels(response: &ConsoleResponse) {
    let text = serde_json::to_string(&Reply::from(response.clone())).unwrap();
    let back: Reply = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(&ConsoleResponse::from(back), response, "{text}");
}

fn aapl(timeframe: Timeframe) -> SeriesName {
    ("AAPL".parse().unwrap(), timeframe)
}

/// Wednesday the 6th of March 2024, an hour after the close.
const NOW: &str = "2024-03-06T22:00:00Z";

async fn rig_of(vendor: impl FnOnce(Scripted) -> Scripted) -> (Rig, Arc<Wall>) {
    let clock = Wall::at(NOW);
    let mut settings = settings(RateLimit::Unlimited);
    settings.backfill.history = Duration::from_hours(24 * 30);
    let scripted = vendor(Scripted::of(&["AAPL", "X:BTCUSD"], clock.clone()));
    (Rig::new(scripted, settings, clock.clone()).await, clock)
}

/// Asks the vendor, the store, the screens and the metrics; there is one answer.
#[tokio::test(start_paused = true)]
async fn everybody_counts_the_same_requests_and_knows_the_same_window() {
    let clock = Wall::at(NOW);
    let script = |call: &Call| match call.number {
        2 => Some(Fault { status: Some(500), ..Fault::new(Class::Transient, "the vendor failed") }),
        3 => Some(Fault::new(Class::Transient, "no answer")),
        4 => Some(Fault {
            status: Some(429),
            retry_after: Some(Duration::from_secs(2)),
            ..Fault::new(Class::RateLimited, "slower")
        }),
        _ => None,
    };
    let vendor = Scripted::of(&["AAPL", "X:BTCUSD"], clock.clone()).failing(script).after(Duration::from_millis(200));
    let mut settings = settings(RateLimit::PerMinute(60));
    settings.backfill.history = Duration::from_hours(24 * 30);
    let rig = Rig::new(vendor, settings, clock.clone()).await;
    let host = host(&rig).await;
    let console = host.console.clone();
    let mut publisher = console.watch();
    run(&console, selection(&["AAPL", "BTC"], &[Timeframe::M5, Timeframe::D1], "2024-03-04", "2024-03-06")).await;
    assert_eq!(console.order(EngineCommand::Pause(None)).await.unwrap(), CommandReply::Done);

    let calls = rig.vendor.calls().len() as u64;
    let told = |s: &Arc<Snapshot>| s.data.vendor.totals.total_requests.unsigned_abs() == calls;
    let snapshot = publisher.wait_for(told).await.unwrap().clone();
    let (totals, pulse) = (&snapshot.data.vendor.totals, &snapshot.live.pulse);
    let all_time = [totals.total_requests, totals.rate_limited_count, totals.failures, totals.retries, totals.bytes];
    assert_eq!(
        all_time.map(i64::unsigned_abs),
        [pulse.requests, pulse.rate_limited, pulse.failures, pulse.retries, pulse.bytes]
    );
    assert_eq!((pulse.requests, pulse.rate_limited, pulse.failures, pulse.retries), (calls, 1, 3, 3));
    assert_eq!(snapshot.live.process.as_ref().unwrap().requests_made, calls);
    assert_eq!(pulse.rate_limited_by_minute.iter().sum::<u32>(), 1);
    assert_eq!(u64::from(pulse.requests_by_minute.iter().sum::<u32>()), calls);
    assert_eq!(pulse.latency_p99_ms, Some(200));

    // Another process fills the window. It is seen without anything happening here, and is forgotten by itself.
    let ours = snapshot.live.limit.used;
    assert_eq!(u64::from(ours), calls);
    let moment = Moment::now(&*clock);
    while rig
        .store
        .take_place(barkeep::vendor::limit::PlaceRequest::new(
            barkeep::market::Source::Massive,
            60,
            Duration::from_mins(1),
            moment,
        ))
        .await
        .unwrap()
        .place
        .is_some()
    {}
    let full = publisher.wait_for(|s| s.live.limit.used == 60).await.unwrap().clone();
    let json = serde_json::to_value(&*full).unwrap();
    assert_eq!(json["vendor"]["used"], json["limit"]["used"]);
    let (at, free_at) = (json["at"].as_str().unwrap(), json["vendor"]["next_free_at"].as_str().unwrap());
    let time = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
    let wait = (time(free_at) - time(at)).num_milliseconds() as f64 / 1_000.0;
    assert!(wait > 0.0 && (json["limit"]["next_free_in"].as_f64().unwrap() - wait).abs() < 0.002, "{json}");
    let idle = publisher.wait_for(|s| s.live.limit.used == 0).await.unwrap().clone();
    assert!(idle.next_free_at().is_none() && clock.now() - moment.at < 125_000, "{:?}", idle.live.limit);
    host.shutdown().cancel();
    host.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_board_shows_what_a_run_stored_and_ages_by_itself() {
    let (rig, clock) = rig_of(|vendor| vendor).await;
    let host = host(&rig).await;
    let console = host.console.clone();
    let mut publisher = console.watch();
    assert_eq!(publisher.borrow().data.series_total, 0);
    assert_eq!(*console.link().borrow(), Link::Embedded);
    run(&console, selection(&["AAPL", "BTC"], &[Timeframe::M5, Timeframe::D1], "2024-03-04", "2024-03-06")).await;

    let snapshot = publisher.wait_for(|s| s.data.tiers.fresh == 4).await.unwrap().clone();
    assert_eq!((snapshot.data.symbols_total, snapshot.data.market.phase), (2, MarketPhase::AfterHours));
    assert_eq!(snapshot.data.executions[0].status, ExecutionStatus::Completed);
    let requests: u32 = snapshot.live.pulse.requests_by_minute.iter().sum();
    assert_eq!(u64::from(requests), snapshot.live.pulse.requests);
    assert!(requests > 0);
    let first = snapshot.data.series.iter().find(|row| row.symbol.as_str() == "BTC").unwrap().staleness_seconds;

    // What the limit allows is worked out again once a run has ended, not only every minute.
    let before = tokio::time::Instant::now();
    publisher.wait_for(|s| s.data.budget.as_ref().is_some_and(|b| b.overdue == 0 && b.feasible)).await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());

    // The schedule would keep it fresh; paused, it ages without anybody writing.
    assert_eq!(console.order(EngineCommand::Pause(None)).await.unwrap(), CommandReply::Done);
    tokio::time::sleep(Duration::from_hours(2)).await;
    let later = publisher.wait_for(|s| s.data.generated_at > clock.now() - 60_000).await.unwrap().clone();
    let aged = later.data.series.iter().find(|row| row.symbol.as_str() == "BTC" && row.timeframe == Timeframe::M5);
    assert!(aged.unwrap().staleness_seconds > first.map(|s| s + 6_000), "{aged:?}");
    assert_eq!(aged.unwrap().tier, Tier::Aging);
    assert!(later.seq > snapshot.seq && later.live.paused.as_ref().unwrap().by == "test");
    let text = serde_json::to_string(&types::Snapshot::from(later.as_ref())).unwrap();
    let back: types::Snapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(Snapshot::from(back), *later, "{text}");
    // The process that runs an execution and the stored form of its selection concern nobody outside.
    assert!(
        text.contains("\"executions\":[{\"execution_id\"")
            && !text.contains("\"owner\"")
            && !text.contains("\"selection\"")
    );

    host.shutdown().cancel();
    host.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reading_asked_for_holds_what_was_written_before() {
    let (rig, _) = rig_of(|vendor| vendor).await;
    let host = host(&rig).await;
    let console = host.console.clone();
    let mut row = rig.store.symbols().await.unwrap();
    assert!(row.is_empty());
    run(&console, selection(&["AAPL"], &[Timeframe::D1], "2024-03-04", "2024-03-05")).await;
    row = rig.store.symbols().await.unwrap();
    row[0].paused = true;
    rig.store.put_symbols(&row).await.unwrap();
    // Written past the engine, as another process would.
    let reading = console.publisher.fresh().await;
    assert!(reading.data.series[0].paused);
    host.shutdown().cancel();
    host.finish().await.unwrap();
    // Without anybody who reads, the last reading is given rather than nothing.
    assert_eq!(console.publisher.fresh().await.data.series, reading.data.series);
}

#[tokio::test(start_paused = true)]
async fn each_day_stands_as_its_evidence_says() {
    let quiet = |ticker: &str, t: Ts| {
        let date = t.ny_date().to_string();
        (date != "2024-02-28" || ticker != "AAPL").then(|| made_up(ticker, t)).flatten().map(|bar| {
            match date.as_str() {
                // Five minutes that close above their high.
                "2024-02-29" if t.ms() % 86_400_000 == (15 * 60 + 4) * 60_000 => Bar { close: bar.high * 3.0, ..bar },
                _ => bar,
            }
        })
    };
    let (rig, _) = rig_of(|vendor| vendor.telling(quiet)).await;
    let host = host(&rig).await;
    let console = host.console.clone();
    run(&console, selection(&["AAPL"], &[Timeframe::M5], "2024-02-27", "2024-03-05")).await;

    let row = days(&console, aapl(Timeframe::M5), "2024-02-24", "2024-03-08").await;
    let expected = [
        Closed,
        Closed,
        Unverified,
        Present,
        NoTrade,
        Quarantined,
        Present,
        Closed,
        Closed,
        Present,
        Present,
        Unverified,
        Ahead,
        Ahead,
    ];
    assert_eq!(states(&row), expected);
    assert_eq!((row.cells[3].eighths, row.cells[2].eighths), (8, 0));

    let session = ConsoleRequest::Session {
        symbol: "AAPL".parse().unwrap(),
        timeframe: Timeframe::M5,
        date: "2024-02-29".parse().unwrap(),
    };
    let ConsoleResponse::Session(session) = console.ask(session).await.unwrap() else { panic!() };
    assert_eq!(session.pieces.len(), 192, "16 hours of five minutes");
    let odd: Vec<_> = session.pieces.iter().filter(|(_, cell, _)| cell.state == Quarantined).collect();
    assert_eq!(odd.len(), 1);
    assert_eq!(odd[0].0.to_string(), "2024-02-29T15:00:00Z");
    assert!(session.pieces.iter().map(|(_, _, bars)| *bars).sum::<u32>() > 100);
    assert_travels(&ConsoleResponse::Session(session));

    // An operator rejects it; then the day is as any other.
    let ConsoleResponse::Quarantine(waiting) = console.ask(ConsoleRequest::Quarantine { limit: 10 }).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(waiting.len(), 1);
    let decide = EngineCommand::Decide { id: waiting[0].id, verdict: Verdict::Rejected };
    let reader = console.as_somebody("reader", Access::Read);
    assert!(matches!(reader.order(decide.clone()).await, Err(CommandError::Refused(_))));
    assert_eq!(console.order(decide).await.unwrap(), CommandReply::Done);
    assert_eq!(days(&console, aapl(Timeframe::M5), "2024-02-29", "2024-02-29").await.cells[0].state, Present);
    let ConsoleResponse::Actions(actions) = console.ask(ConsoleRequest::Actions { limit: 9 }).await.unwrap() else {
        panic!()
    };
    assert_eq!((actions[0].action.actor.as_str(), actions[0].action.action.as_str()), ("test", "decide"));

    let too_much = ConsoleRequest::Coverage {
        series: vec![],
        from: "2000-01-01".parse().unwrap(),
        to: "2024-01-01".parse().unwrap(),
    };
    assert!(matches!(console.ask(too_much).await, Err(ReadError::Refused(_))));
    host.shutdown().cancel();
    host.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_detail_tells_gaps_splits_and_why() {
    let split = Split { date: "2024-03-06".parse().unwrap(), from: 1.0, to: 2.0 };
    let (rig, _) = rig_of(|vendor| vendor.with_splits(vec![("AAPL".to_owned(), split)])).await;
    let host = host(&rig).await;
    let console = host.console.clone();
    run(&console, selection(&["AAPL"], &[Timeframe::D1], "2024-02-26", "2024-02-28")).await;
    run(&console, selection(&["AAPL"], &[Timeframe::D1], "2024-03-04", "2024-03-05")).await;

    let ask = ConsoleRequest::Detail { symbol: "AAPL".parse().unwrap(), timeframe: Timeframe::D1 };
    let ConsoleResponse::Detail(detail) = console.ask(ask).await.unwrap() else { panic!() };
    assert_eq!(detail.bars.len(), 5);
    let id = detail.series.id;
    let raw = rig.store.newest_bars(id, (..).into(), 9).await.unwrap();
    for (shown, stored) in detail.bars.iter().zip(&raw) {
        let factor = if AssetClass::Stock.date_of(shown.ts) < split.date { 0.5 } else { 1.0 };
        assert!((shown.close - stored.bar.close * factor).abs() < 1e-9, "{shown:?}");
    }
    // Before the first run, between the two, and the day that has just closed.
    let gaps: Vec<String> = detail.gaps.iter().map(|gap| gap.range.start.to_string()).collect();
    assert!(gaps.iter().any(|start| start.starts_with("2024-02-29")), "{gaps:?}");
    assert_eq!(detail.gaps_total, detail.gaps.len());
    assert!(detail.covered > 0.1 && detail.covered < 0.5, "{}", detail.covered);
    let split_date = split.date;
    let split = detail.explanation.split.as_ref().unwrap();
    assert_eq!(split.causes.iter().map(|share| share.ms).sum::<i64>(), split.age_ms);
    assert_eq!(detail.attempts.len(), 2);

    // A gap costs what the planner plans for it, and the map knows the same gaps and the same share.
    for gap in &detail.gaps {
        let series = ("AAPL".parse().unwrap(), Timeframe::D1);
        let preview = EngineCommand::Preview(TriggerScope::Selection(gap_selection(series, gap.range)));
        let CommandReply::Planned(plan) = console.order(preview).await.unwrap() else { panic!("{gap:?}") };
        assert_eq!(gap.requests, Some(plan.requests), "{gap:?}");
    }
    let series = vec![("AAPL".parse().unwrap(), Timeframe::D1)];
    let days =
        ConsoleRequest::Coverage { series, from: "2024-03-01".parse().unwrap(), to: "2024-03-05".parse().unwrap() };
    let ConsoleResponse::Coverage(rows) = console.ask(days).await.unwrap() else { panic!() };
    assert_eq!(rows[0].complete, Some(detail.covered));
    let ranges = |gaps: &[Gap]| gaps.iter().map(|gap| (gap.range, gap.sessions)).collect::<Vec<_>>();
    assert_eq!(ranges(&rows[0].gaps), ranges(&detail.gaps));
    // What the chart says of a bar is what is stored of it, adjusted for the split.
    assert_eq!(detail.points.len(), detail.bars.len());
    for stored in &raw {
        let chart = Chart {
            bars: &detail.bars,
            points: &detail.points,
            holes: &[],
            quarantined: &[],
            class: AssetClass::Stock,
            timeframe: Timeframe::D1,
            overlay: Overlay::default(),
            cursor: Some(stored.bar.ts),
        };
        let said = chart.readout().iter().map(|(_, line)| line.to_string()).collect::<Vec<_>>().join("  ");
        let date = AssetClass::Stock.date_of(stored.bar.ts);
        let factor = if date < split_date { 0.5 } else { 1.0 };
        let [open, high, low, close] =
            [stored.bar.open, stored.bar.high, stored.bar.low, stored.bar.close].map(|p| price(p * factor));
        let want = format!("{}  o {open} h {high} l {low} c {close}", date.format("%a %d %b %Y"));
        assert!(said.starts_with(&want), "{said} is not {want}");
        assert!(said.contains(&format!("score {:.1}", stored.quality_score)), "{said}");
    }
    assert_travels(&ConsoleResponse::Detail(detail));

    let unknown = ConsoleRequest::Detail { symbol: "MSFT".parse().unwrap(), timeframe: Timeframe::D1 };
    assert!(matches!(console.ask(unknown).await, Err(ReadError::NotFound(_))));
    host.shutdown().cancel();
    host.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn failures_are_named_and_previews_cost_nothing() {
    let broken = |call: &crate::support::scripted::Call| {
        (call.ticker.as_deref() == Some("AAPL") && call.endpoint == "aggregates")
            .then(|| Fault::new(Class::Permanent, "no such thing"))
    };
    let (rig, _) = rig_of(|vendor| vendor.failing(broken)).await;
    let host = host(&rig).await;
    let console = host.console.clone();
    let wanted = selection(&["AAPL", "BTC"], &[Timeframe::M5], "2024-03-04", "2024-03-05");
    let preview = EngineCommand::Preview(TriggerScope::Selection(wanted.clone()));
    let reader = console.as_somebody("reader", Access::Read);
    let CommandReply::Planned(plan) = reader.order(preview).await.unwrap() else { panic!() };
    assert_eq!((plan.requests, rig.vendor.calls().len()), (plan.lower_bound, 0));

    run(&console, wanted).await;
    let ConsoleResponse::Failures { series, features } =
        console.ask(ConsoleRequest::Failures { limit: 9 }).await.unwrap()
    else {
        panic!()
    };
    assert_eq!((series.len(), features.len()), (1, 0));
    assert!(series[0].error_message.as_ref().unwrap().contains("no such thing"));
    let failing = console.publisher.fresh().await.data.failing.clone();
    assert_eq!(failing, series);
    let ConsoleResponse::History(history) = console.ask(ConsoleRequest::History { limit: 1 }).await.unwrap() else {
        panic!()
    };
    assert_eq!(history[0].status, ExecutionStatus::CompletedWithErrors);
    let id = history[0].execution_id;
    let ConsoleResponse::Execution(detail) = console.ask(ConsoleRequest::Execution { id }).await.unwrap() else {
        panic!()
    };
    assert_eq!(detail.series.len(), 2);
    assert_travels(&ConsoleResponse::Execution(detail));
    host.shutdown().cancel();
    host.finish().await.unwrap();
}

#[test]
fn orders_questions_and_answers_travel() {
    let wanted = selection(&["AAPL"], &[Timeframe::M5], "2024-03-04", "2024-03-05T10:00:00Z");
    for action in [
        EngineCommand::Trigger { what: TriggerScope::Selection(wanted.clone()), trigger: Trigger::Api },
        EngineCommand::Trigger { what: TriggerScope::Stale, trigger: Trigger::Manual },
        EngineCommand::Preview(TriggerScope::Selection(wanted)),
        EngineCommand::Pause(None),
        EngineCommand::Resume,
        EngineCommand::PauseSymbols(vec!["BRK.B".parse().unwrap()]),
        EngineCommand::Cancel(ExecutionSelector(None)),
        EngineCommand::RetryFailed(ExecutionSelector(Some(uuid::Uuid::nil()))),
        EngineCommand::Decide { id: 7, verdict: Verdict::Accepted },
    ] {
        let text = serde_json::to_string(&Command::try_from(action.clone()).unwrap()).unwrap();
        let back: Command = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{:?}", EngineCommand::from(back)), format!("{action:?}"), "{text}");
    }
    for question in [
        ConsoleRequest::Detail { symbol: "AAPL".parse().unwrap(), timeframe: Timeframe::H4 },
        ConsoleRequest::Requests { symbol: None, limit: 5 },
        ConsoleRequest::Log { limit: 100 },
    ] {
        let text = serde_json::to_string(&Question::from(question.clone())).unwrap();
        let back: Question = serde_json::from_str(&text).unwrap();
        assert_eq!(ConsoleRequest::from(back), question, "{text}");
    }
    for bad in [
        r#"{"ask":"log","limit":1001}"#,
        r#"{"ask":"log","limit":0.5}"#,
        r#"{"ask":"log","limit":-1}"#,
        r#"{"ask":"log"}"#,
    ] {
        assert!(serde_json::from_str::<Question>(bad).is_err(), "{bad}");
    }
    assert_eq!(
        ConsoleRequest::from(serde_json::from_str::<Question>(r#"{"ask":"log","limit":7.0}"#).unwrap()),
        ConsoleRequest::Log { limit: 7 }
    );
    // To cancel everything must be said, not left out.
    assert!(serde_json::from_str::<Command>(r#"{"action":"cancel"}"#).is_err());
    let all = serde_json::from_str::<Command>(r#"{"action":"cancel","of":null}"#).unwrap();
    assert!(matches!(all.into(), EngineCommand::Cancel(ExecutionSelector(None))));
    for answer in [CommandReply::Done, CommandReply::Nothing("why".into()), CommandReply::Started(uuid::Uuid::nil())] {
        let text = serde_json::to_string(&CommandResult::from(answer.clone())).unwrap();
        let back: CommandResult = serde_json::from_str(&text).unwrap();
        assert_eq!(CommandReply::from(back), answer, "{text}");
    }
}
