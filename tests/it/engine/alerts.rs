//! What raises an alert and what does not: situations against alerts, each an hour or more on a paused clock.

use crate::support::rows;
use std::sync::Arc;
use std::time::Duration;

use crate::support::rig::{Rig, Wall, settings};
use crate::support::scripted::{Call, Scripted, made_up};
use barkeep::alerts::{DatabaseHealth, Notifier};
use barkeep::base::clock::Clock;
use barkeep::base::log::Tail;
use barkeep::config::{Environment, RateLimit, Settings, alert_secrets};
use barkeep::market::freshness::Tier;
use barkeep::market::{AssetClass, Criticality, Timeframe};
use barkeep::pipeline::select::Selection;
use barkeep::runtime::console::Console as _;
use barkeep::runtime::runtime::{Runtime, RuntimeParts};
use barkeep::service::handle::{EngineCommand, ExecutionSelector, TriggerScope};
use barkeep::store::{CriticalitySource, ExecutionStatus, Store as _, SymbolRow, Trigger};
use barkeep::vendor::{Class, Fault};

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

fn tracked(symbol: &str, added_at: barkeep::market::Ts) -> SymbolRow {
    SymbolRow {
        criticality: Criticality::Critical,
        criticality_source: CriticalitySource::Policy,
        added_at,
        ..rows::symbol_of(symbol, AssetClass::Crypto, &[Timeframe::M5, Timeframe::H1])
    }
}

/// Twenty days in pages of 300 base bars at two requests a minute: more than an hour for three symbols.
fn slow() -> Settings {
    let mut settings = settings(RateLimit::PerMinute(2));
    settings.backfill.history = Duration::from_hours(20 * 24);
    settings
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_starts_stops_and_first_backfills_raises_nothing() {
    let clock = Wall::at("2025-03-05T14:02:00Z");
    let tickers = ["X:BTCUSD", "X:ETHUSD", "X:SOLUSD"];
    let vendor = Scripted::of(&tickers, clock.clone()).telling(made_up).paged(300);
    let rig = Rig::new(vendor, slow(), clock.clone()).await;
    let rows = ["BTC", "ETH", "SOL"].map(|symbol| tracked(symbol, clock.now()));
    rig.store.put_symbols(&rows).await.unwrap();
    let first = host(&rig).await;
    let selection = Selection { symbols: rows.iter().map(|row| row.symbol.clone()).collect(), ..Selection::default() };
    let what = TriggerScope::Selection(selection);
    first.console.order(EngineCommand::Trigger { what, trigger: Trigger::Manual }).await.unwrap();
    tokio::time::sleep(Duration::from_mins(12)).await;
    let tiers = first.console.snapshot().data.tiers;
    assert!(tiers.of(Tier::Loading) > 0, "the first backfill is under way: {tiers:?}");
    assert_eq!(first.console.snapshot().data.rpo.iter().map(|rpo| rpo.breached).sum::<usize>(), 0);
    first.shutdown().cancel();
    first.finish().await.unwrap();

    // Started again in the middle, twice.
    let mut rig = rig;
    for stays in [Duration::from_mins(35), Duration::from_mins(13)] {
        tokio::time::sleep(Duration::from_mins(1)).await;
        rig.store.reopen();
        rig = Rig::on(rig.store.clone(), rig.vendor.clone(), slow(), clock.clone()).await;
        let again = host(&rig).await;
        tokio::time::sleep(stays).await;
        again.shutdown().cancel();
        again.finish().await.unwrap();
    }
    rig.store.reopen();
    let alerts = rig.store.alerts(false, 100).await.unwrap();
    assert!(alerts.is_empty(), "{alerts:#?}");
    // It was no idle hour.
    let series = rig.store.series().await.unwrap();
    // SOL is of the lowest criticality and has its turn after the others.
    let first = series.iter().filter(|row| row.symbol.as_str() != "SOL");
    assert!(series.len() > 3 && first.into_iter().all(|row| row.bar_count > 100), "{series:#?}");
}

/// The symbols of a first backfill.
const MANY: [&str; 25] = [
    "BTC", "ETH", "XRP", "SOL", "ADA", "DOGE", "DOT", "LTC", "BCH", "LINK", "XLM", "UNI", "ATOM", "ETC", "FIL", "APT",
    "ARB", "OP", "NEAR", "AAVE", "ALGO", "XTZ", "EOS", "SAND", "MANA",
];

/// What happens after 25 symbols were added to a service at five requests a minute, and within the hour.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Nothing,
    /// It is stopped in the middle and started again.
    StopAndStart,
    /// The run is cancelled; the schedule takes it up.
    Cancel,
    /// Its database is cut off like that of a killed process, which leaves a run without an end.
    Interrupt,
}

async fn first_backfill(then: Then) {
    let clock = Wall::at("2025-03-05T14:02:00Z");
    let tickers = MANY.map(|symbol| format!("X:{symbol}USD"));
    let tickers: Vec<&str> = tickers.iter().map(String::as_str).collect();
    let vendor = Scripted::of(&tickers, clock.clone()).telling(made_up).paged(2_000);
    let mut settings = slow();
    settings.vendor.rate_limit = RateLimit::PerMinute(5);
    let mut rig = Rig::new(vendor, settings.clone(), clock.clone()).await;
    let tiers = [Criticality::Critical, Criticality::Standard, Criticality::Low];
    let tier = |n: usize| tiers[usize::from(n > 1) + usize::from(n > 9)];
    let rows =
        MANY.iter().enumerate().map(|(n, symbol)| SymbolRow { criticality: tier(n), ..tracked(symbol, clock.now()) });
    let rows: Vec<SymbolRow> = rows.collect();
    rig.store.put_symbols(&rows).await.unwrap();
    let mut running = host(&rig).await;
    let selection = Selection { symbols: rows.iter().map(|row| row.symbol.clone()).collect(), ..Selection::default() };
    let what = TriggerScope::Selection(selection);
    running.console.order(EngineCommand::Trigger { what, trigger: Trigger::Manual }).await.unwrap();
    tokio::time::sleep(Duration::from_mins(14)).await;
    let at_work = running.console.snapshot();
    assert!(!at_work.live.runs.is_empty() && at_work.data.tiers.of(Tier::Loading) > 0, "it works on it: {then:?}");
    match then {
        Then::Nothing => {}
        Then::Cancel => {
            running.console.order(EngineCommand::Cancel(ExecutionSelector(None))).await.unwrap();
        }
        Then::StopAndStart | Then::Interrupt => {
            // Scheduled runs that wait behind it have no row.
            let execution = at_work.live.runs.iter().find(|run| run.queued.is_none()).unwrap().execution_id;
            running.shutdown().cancel();
            running.finish().await.unwrap();
            rig.store.reopen();
            if then == Then::Interrupt {
                // As a process leaves it that was killed: the row says running, of an owner that is gone.
                let all = rig.store.executions(10).await.unwrap();
                let row = all.into_iter().find(|row| row.execution_id == execution).unwrap();
                let left = barkeep::store::ExecutionRow {
                    status: ExecutionStatus::Running,
                    completed_at: None,
                    owner: "gone".to_owned(),
                    ..row.clone()
                };
                rig.store.take_execution(&left, &row.owner).await.unwrap();
            }
            tokio::time::sleep(Duration::from_mins(1)).await;
            rig = Rig::on(rig.store.clone(), rig.vendor.clone(), settings, clock.clone()).await;
            running = host(&rig).await;
        }
    }
    tokio::time::sleep(Duration::from_mins(46)).await;
    running.shutdown().cancel();
    running.finish().await.unwrap();
    rig.store.reopen();
    let alerts = rig.store.alerts(false, 100).await.unwrap();
    assert!(alerts.is_empty(), "{then:?}: {alerts:#?}");
    let bars: i64 = rig.store.series().await.unwrap().iter().map(|row| row.bar_count).sum();
    assert!(bars > 5_000, "{then:?} was no idle hour: {bars} bars");
}

#[tokio::test(start_paused = true)]
async fn a_first_backfill_of_25_symbols_raises_nothing() {
    first_backfill(Then::Nothing).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_backfill_that_is_stopped_and_started_raises_nothing() {
    first_backfill(Then::StopAndStart).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_backfill_that_is_cancelled_raises_nothing() {
    first_backfill(Then::Cancel).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_backfill_that_is_interrupted_raises_nothing() {
    first_backfill(Then::Interrupt).await;
}

/// What goes wrong at the vendor, once everything is fetched.
type Faults = fn(&Call) -> Option<Fault>;

/// Three symbols are brought up to date; then `faults` happen for `hours`. The kinds of alert that are open at the end.
async fn open_after(faults: Faults, hours: u64) -> Vec<(String, Option<String>)> {
    let clock = Wall::at("2025-03-05T14:02:00Z");
    let begins = tokio::time::Instant::now() + Duration::from_mins(10);
    let vendor = Scripted::of(&["X:BTCUSD", "X:ETHUSD", "X:SOLUSD"], clock.clone()).telling(made_up);
    let vendor = vendor.failing(move |call| if call.at < begins { None } else { faults(call) });
    let mut settings = settings(RateLimit::PerMinute(60));
    settings.backfill.history = Duration::from_hours(5 * 24);
    let rig = Rig::new(vendor, settings, clock.clone()).await;
    let rows = ["BTC", "ETH", "SOL"].map(|symbol| tracked(symbol, clock.now()));
    rig.store.put_symbols(&rows).await.unwrap();
    let running = host(&rig).await;
    tokio::time::sleep(Duration::from_mins(10) + Duration::from_hours(hours)).await;
    let series = rig.store.series().await.unwrap();
    assert!(series.iter().all(|row| row.bar_count > 100), "all was well at first: {series:#?}");
    let alerts = rig.store.alerts(true, 100).await.unwrap();
    running.shutdown().cancel();
    running.finish().await.unwrap();
    let mut open: Vec<_> = alerts.into_iter().map(|row| (row.kind, row.subject)).collect();
    open.sort();
    open
}

fn kinds(open: &[(String, Option<String>)]) -> Vec<&str> {
    let mut kinds: Vec<&str> = open.iter().map(|(kind, _)| kind.as_str()).collect();
    kinds.dedup();
    kinds
}

#[tokio::test(start_paused = true)]
async fn an_ordinary_hour_after_the_first_backfill_raises_nothing() {
    assert_eq!(open_after(|_| None, 2).await, []);
    // A bad line that each time lasts for one attempt.
    let flaky = |call: &Call| call.number.is_multiple_of(4).then(|| Fault::new(Class::Transient, "a bad line"));
    assert_eq!(open_after(flaky, 2).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_critical_symbol_that_fails_run_after_run_is_told() {
    let btc = |call: &Call| {
        let fault = Fault { status: Some(500), ..Fault::new(Class::Transient, "the vendor failed (500)") };
        (call.ticker.as_deref() == Some("X:BTCUSD")).then_some(fault)
    };
    let open = open_after(btc, 3).await;
    assert_eq!(kinds(&open), ["critical_failing", "high_symbol_failure_rate", "rpo_breached"], "{open:?}");
    let of = |kind: &str| open.iter().filter(|(k, _)| k == kind).filter_map(|(_, s)| s.as_deref()).collect::<Vec<_>>();
    assert_eq!((of("critical_failing"), of("rpo_breached")), (vec!["BTC"], vec!["BTC 1h", "BTC 5m"]));
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_cannot_be_reached_is_told() {
    let open = open_after(|_| Some(Fault::new(Class::Transient, "connection refused")), 3).await;
    for kind in ["vendor_unreachable", "rpo_breached", "critical_failing"] {
        assert!(kinds(&open).contains(&kind), "{kind} is not in {open:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_told() {
    let open = open_after(|_| Some(Fault { status: Some(401), ..Fault::new(Class::Auth, "who are you?") }), 3).await;
    for kind in ["vendor_key_refused", "rpo_breached"] {
        assert!(kinds(&open).contains(&kind), "{kind} is not in {open:?}");
    }
    assert!(!kinds(&open).contains(&"vendor_unreachable"), "it answers: {open:?}");
}
