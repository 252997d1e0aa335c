//! The service on a paused clock: a week passes in seconds, and orders come in any order.

use barkeep::market::testing::at;
use std::sync::Arc;
use std::time::Duration;

use barkeep::base::clock::Clock;
use barkeep::config::{RateLimit, Settings, criticality_of, default_class};
use barkeep::market::{AssetClass, Criticality, Interval, Symbol, Timeframe, Ts};
use barkeep::monitor::snapshot::{Data, FreshnessContext};
use barkeep::pipeline::select::Selection;
use barkeep::service::Service;
use barkeep::service::handle::{EngineCommand, EngineState, ExecutionSelector, Handle, TriggerScope};
use barkeep::store::{Store, SymbolRow, Trigger};
use barkeep::vendor::{Class, Fault};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::support::rig::{Rig, Wall, settings};
use crate::support::rows;
use crate::support::scripted::{Call, Scripted};

/// The symbols of the baseline, over all tiers.
const SYMBOLS: [&str; 25] = [
    "AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "NVDA", "META", "NFLX", "AVGO", "ASML", "BRK.B", "JPM", "V", "WMT", "JNJ",
    "BTC", "ETH", "XRP", "SOL", "ADA", "SPY", "QQQ", "DIA", "IWM", "EEM",
];

fn row(name: &str, settings: &Settings, timeframes: &[Timeframe]) -> SymbolRow {
    let symbol: Symbol = name.parse().unwrap();
    let asset_class = default_class(settings, &symbol);
    SymbolRow {
        vendor_ticker: rows::ticker(&symbol, asset_class),
        vendor: barkeep::market::Source::Massive,
        asset_class,
        criticality: criticality_of(settings, &symbol),
        ..rows::symbol(name, timeframes)
    }
}

async fn rig_of(
    symbols: &[&str],
    timeframes: &[Timeframe],
    settings: Settings,
    clock: Arc<Wall>,
    vendor: Scripted,
) -> Rig {
    let rig = Rig::new(vendor, settings.clone(), clock).await;
    let rows: Vec<SymbolRow> = symbols.iter().map(|s| row(s, &settings, timeframes)).collect();
    rig.store.put_symbols(&rows).await.unwrap();
    rig
}

fn tickers(symbols: &[&str], settings: &Settings) -> Vec<String> {
    symbols.iter().map(|s| row(s, settings, &[]).vendor_ticker).collect()
}

fn serve(rig: &Rig) -> (Handle, CancellationToken, tokio::task::JoinHandle<()>) {
    let (service, handle) = Service::new(rig.engine.clone(), None);
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let task = tokio::spawn(async move { service.run(stop).await.unwrap() });
    (handle, shutdown, task)
}

#[tokio::test(start_paused = true)]
async fn a_week_at_five_requests_a_minute() {
    // Thursday to Thursday, over a weekend and the change to daylight saving time.
    let clock = Wall::at("2024-03-07T12:03:00Z");
    let mut settings = settings(RateLimit::PerMinute(5));
    settings.backfill.history = Duration::from_hours(96);
    settings.backfill.overlap = Duration::from_mins(30);
    let names = tickers(&SYMBOLS, &settings);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let vendor = Scripted::of(&names, clock.clone()).after(Duration::from_millis(200));
    let timeframes = [Timeframe::M5, Timeframe::M15, Timeframe::H1, Timeframe::H4, Timeframe::D1];
    let rig = rig_of(&SYMBOLS, &timeframes, settings, clock.clone(), vendor).await;
    let (_handle, shutdown, task) = serve(&rig);

    tokio::time::sleep(Duration::from_hours(1)).await;
    let rpo = |criticality| match criticality {
        Criticality::Critical => 3_600,
        Criticality::Standard => 4 * 3_600,
        Criticality::Low => 24 * 3_600,
    };
    let mut looked = 0;
    for _ in 0..7 * 24 {
        tokio::time::sleep(Duration::from_hours(1)).await;
        let engine = &rig.engine;
        let (config, calendar) = (engine.config.current(), engine.calendar.current());
        let bench = FreshnessContext::of(&config, &calendar);
        let (snapshot, ..) = Data::read(engine.store.as_ref(), bench, clock.now()).await.unwrap();
        assert_eq!(snapshot.series_total, SYMBOLS.len() * timeframes.len());
        for series in &snapshot.series {
            let behind = series.staleness_seconds.expect("every series has bars after an hour");
            let (symbol, tf) = (&series.symbol, series.timeframe);
            // A daily bar is one session of 16 hours behind from the close until the next run brings it.
            let allowed = rpo(series.criticality) + if tf == Timeframe::D1 { 57_600 } else { 0 };
            assert!(behind <= allowed, "{} {symbol} {tf} is {behind} s behind", clock.now());
            looked += 1;
        }
        let weekend = clock.now() > at("2024-03-09T03:00:00Z") && clock.now() < at("2024-03-11T08:00:00Z");
        for series in snapshot.series.iter().filter(|s| weekend && s.asset_class != AssetClass::Crypto) {
            if series.criticality == Criticality::Critical {
                assert_eq!(
                    series.staleness_seconds,
                    Some(0),
                    "{} {} over the weekend",
                    series.symbol,
                    series.timeframe
                );
            }
        }
    }
    assert!(looked > 20_000);
    assert!(rig.most_calls_in_any(Duration::from_mins(1)) <= 5);
    let executions = rig.store.executions(100_000).await.unwrap();
    assert!(executions.len() > 600, "{} executions", executions.len());
    shutdown.cancel();
    task.await.unwrap();
    let open = rig.store.running_executions().await.unwrap();
    assert!(open.is_empty(), "{open:?}");
}

/// One thing an operator may do.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Trigger(usize),
    Tier(usize),
    Stale,
    Pause,
    Resume,
    PauseSymbol(usize),
    ResumeSymbol(usize),
    PauseSeries(usize, usize),
    ResumeSeries(usize, usize),
    Cancel,
    Retry,
}

const FEW: [&str; 4] = ["AAPL", "BTC", "SPY", "IBM"];
const THREE: [Timeframe; 3] = [Timeframe::M5, Timeframe::H1, Timeframe::D1];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u64..120_000).prop_map(Step::Wait),
        2 => (0_usize..FEW.len()).prop_map(Step::Trigger),
        1 => (0_usize..3).prop_map(Step::Tier),
        1 => Just(Step::Stale),
        2 => Just(Step::Pause),
        2 => Just(Step::Resume),
        1 => (0_usize..FEW.len()).prop_map(Step::PauseSymbol),
        1 => (0_usize..FEW.len()).prop_map(Step::ResumeSymbol),
        1 => (0_usize..FEW.len(), 0_usize..3).prop_map(|(k, t)| Step::PauseSeries(k, t)),
        1 => (0_usize..FEW.len(), 0_usize..3).prop_map(|(k, t)| Step::ResumeSeries(k, t)),
        1 => Just(Step::Cancel),
        1 => Just(Step::Retry),
    ];
    proptest::collection::vec(step, 1..25)
}

fn action(step: &Step) -> Option<EngineCommand> {
    let symbol = |k: usize| -> Symbol { FEW[k].parse().unwrap() };
    let trigger = |what| EngineCommand::Trigger { what, trigger: Trigger::Manual };
    Some(match step {
        Step::Wait(_) => return None,
        Step::Trigger(k) => {
            trigger(TriggerScope::Selection(Selection { symbols: vec![symbol(*k)], ..Selection::default() }))
        }
        Step::Tier(k) => trigger(TriggerScope::Tier(Criticality::ALL[*k])),
        Step::Stale => trigger(TriggerScope::Stale),
        Step::Pause => EngineCommand::Pause(None),
        Step::Resume => EngineCommand::Resume,
        Step::PauseSymbol(k) => EngineCommand::PauseSymbols(vec![symbol(*k)]),
        Step::ResumeSymbol(k) => EngineCommand::ResumeSymbols(vec![symbol(*k)]),
        Step::PauseSeries(k, t) => EngineCommand::PauseSeries(vec![(symbol(*k), THREE[*t])]),
        Step::ResumeSeries(k, t) => EngineCommand::ResumeSeries(vec![(symbol(*k), THREE[*t])]),
        Step::Cancel => EngineCommand::Cancel(ExecutionSelector(None)),
        Step::Retry => EngineCommand::RetryFailed(ExecutionSelector(None)),
    })
}

/// A state that cannot be: paused with work in flight, idle while something runs.
fn assert_legal(handle: &Handle) {
    let live = handle.live();
    match live.state {
        EngineState::Standby => panic!("a service that has the database for itself never stands by"),
        EngineState::Paused => assert!(live.paused.is_some() && live.in_flight == 0, "{live:?}"),
        EngineState::Pausing => assert!(live.paused.is_some() && live.in_flight > 0, "{live:?}"),
        EngineState::Idle => assert!(live.runs.is_empty() && live.paused.is_none(), "{live:?}"),
        EngineState::Running => assert!(!live.runs.is_empty() && live.paused.is_none(), "{live:?}"),
        EngineState::Draining | EngineState::Failed => panic!("nothing went wrong: {live:?}"),
    }
}

async fn obeys(steps: Vec<Step>) {
    let clock = Wall::at("2024-06-05T15:00:00Z");
    let mut settings = settings(RateLimit::PerMinute(20));
    settings.backfill.history = Duration::from_hours(72);
    let names = tickers(&FEW, &settings);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // Every seventh answer fails once or twice.
    let faults = |call: &Call| (call.number % 7 < 2).then(|| Fault::new(Class::Transient, "a bad line"));
    let vendor = Scripted::of(&names, clock.clone()).after(Duration::from_millis(300)).paged(1_000).failing(faults);
    let rig = rig_of(&FEW, &THREE, settings, clock.clone(), vendor).await;
    let (handle, shutdown, task) = serve(&rig);
    for step in &steps {
        match (step, action(step)) {
            (Step::Wait(ms), _) => tokio::time::sleep(Duration::from_millis(*ms)).await,
            // Refusals (nothing to retry, nothing running) are answers too.
            (_, Some(action)) => drop(handle.order(action, "somebody").await),
            _ => {}
        }
        assert_legal(&handle);
    }
    let symbols: Vec<Symbol> = FEW.iter().map(|s| s.parse().unwrap()).collect();
    let series = symbols.iter().flat_map(|s| THREE.map(|tf| (s.clone(), tf))).collect();
    handle.order(EngineCommand::ResumeSymbols(symbols), "somebody").await.unwrap();
    handle.order(EngineCommand::ResumeSeries(series), "somebody").await.unwrap();
    handle.order(EngineCommand::Resume, "somebody").await.unwrap();
    // Whatever was cancelled or paused on the way is asked again: no work is lost.
    for _ in 0..3 {
        let all =
            EngineCommand::Trigger { what: TriggerScope::Selection(Selection::default()), trigger: Trigger::Manual };
        handle.order(all, "somebody").await.unwrap();
        let mut watch = handle.watch();
        while handle.live().state != EngineState::Idle {
            watch.changed().await.unwrap();
        }
    }
    let settled = clock.now() - 30 * 60_000;
    for (symbol, ticker) in FEW.iter().zip(&names) {
        let class = default_class(&rig.engine.config.current().settings, &symbol.parse().unwrap());
        for timeframe in THREE {
            let range = Interval::new(class.midnight(class.date_of(at("2024-06-03T15:00:00Z"))), settled);
            let range = timeframe.snap_in(class, range);
            let series = rig.store.series().await.unwrap();
            let id = series.iter().find(|s| s.symbol.as_str() == *symbol && s.timeframe == timeframe).unwrap().id;
            let stored: Vec<Ts> =
                rig.store.bars(id, range.into(), None).await.unwrap().iter().map(|b| b.bar.ts).collect();
            let told: Vec<Ts> = rig.vendor.bars(ticker, class, timeframe, range).iter().map(|b| b.ts).collect();
            assert_eq!(stored, told, "{symbol} {timeframe} after {steps:?}");
        }
    }
    assert!(rig.store.running_executions().await.unwrap().is_empty());
    assert!(rig.most_calls_in_any(Duration::from_mins(1)) <= 20);
    shutdown.cancel();
    task.await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_of_orders_leaves_a_legal_engine_and_loses_nothing(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(obeys(steps));
    }
}
