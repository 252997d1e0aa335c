//! A second vendor behind the same trait: everything that holds for the first holds for it.

use barkeep::market::testing::candle;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use barkeep::base::clock::Clock;
use barkeep::config::{Config, Mode};
use barkeep::market::{Bar, Source, Symbol, Timeframe, Ts};
use barkeep::pipeline::events::Silent;
use barkeep::pipeline::select::{SelectError, Selection};
use barkeep::pipeline::{Backfill, EngineContext, RunError, Summary, dividends};
use barkeep::sim::{FaultKind, FaultRule, LoggedRequest, SimConfig, WantedBars};
use barkeep::store::Trigger;
use tokio_util::sync::CancellationToken;

use crate::support::engine::{TestEngine, at};

const NOW: &str = "2024-06-20T15:00:00Z";
const FROM: &str = "2024-06-18";
const TO: &str = "2024-06-19";

fn wish(symbols: &[&str], timeframes: &[Timeframe], vendor: Option<Source>) -> Backfill {
    let selection = Selection {
        symbols: symbols.iter().map(|s| Symbol::from_str(s).unwrap()).collect(),
        timeframes: Some(timeframes.to_vec()),
        from: Some(FROM.parse().unwrap()),
        to: Some(TO.parse().unwrap()),
        vendor,
        ..Selection::default()
    };
    Backfill::new(selection, Mode::Pipeline, Trigger::Cli)
}

fn coinbase(timeframes: &[Timeframe]) -> Backfill {
    wish(&["BTC-USD"], timeframes, Some(Source::Coinbase))
}

/// A clock that begins at a moment of the past and runs: places at the vendor become free by it.
#[derive(Debug)]
struct Running(Ts, Instant);

impl Clock for Running {
    fn now(&self) -> Ts {
        self.0 + i64::try_from(self.1.elapsed().as_millis()).unwrap()
    }
}

/// An engine as a process has it that has just started, with a key or without.
async fn process(engine: &TestEngine, key: bool) -> EngineContext {
    let fixed = engine.engine().await;
    let config = Config::new(engine.settings.clone(), fixed.config.current().policy.as_ref().clone());
    let (store, clock) = (Arc::clone(&engine.store), Arc::new(Running(at(NOW), Instant::now())));
    let opened = if key {
        barkeep::pipeline::open(store, config, "key-of-the-tests".into(), clock).await
    } else {
        barkeep::pipeline::open_without_key(store, config, "no key here", clock).await
    };
    let Ok(opened) = opened else { panic!("the engine does not open") };
    opened
}

async fn run(engine: &TestEngine, wish: &Backfill) -> Summary {
    wish.run(&process(engine, true).await, Arc::new(Silent), CancellationToken::new()).await.unwrap()
}

fn asked(engine: &TestEngine) -> Vec<LoggedRequest> {
    engine.sim.log()
}

/// The stored bars are those that really traded, without what this vendor does not send.
async fn assert_true(engine: &TestEngine, timeframe: Timeframe) {
    let (from, to) = (at("2024-06-18T00:00:00Z"), at("2024-06-20T00:00:00Z"));
    let truth = engine.sim.truth(&WantedBars::new("X:BTCUSD", timeframe, from, to)).unwrap();
    let truth: Vec<Bar> = truth
        .iter()
        .map(|b| b.bar)
        .map(|b| Bar { volume: b.volume, ..candle(b.at, [b.open, b.high, b.low, b.close]) })
        .collect();
    let stored: Vec<Bar> = engine.bars("BTC", timeframe.name()).await.into_iter().map(|row| row.bar).collect();
    let stored: Vec<Bar> = stored.into_iter().filter(|bar| bar.ts >= from && bar.ts < to).collect();
    assert_eq!(stored.len(), truth.len(), "{timeframe}");
    for (stored, truth) in stored.iter().zip(&truth) {
        // Volumes of derived bars are sums of those of others.
        let near = (stored.volume - truth.volume).abs() <= truth.volume * 1e-9;
        assert!(near, "{timeframe}: {stored:?} {truth:?}");
        assert_eq!(Bar { volume: truth.volume, ..*stored }, *truth, "{timeframe}");
    }
}

#[tokio::test]
async fn bars_are_those_that_traded_and_the_plan_is_what_is_requested() {
    use Timeframe::{D1, H1, H4, M5, M30, W1};
    let engine = TestEngine::open(NOW, SimConfig::default()).await;
    let wish = coinbase(&[M5, M30, H1, H4, D1]);
    let plan = wish.preview(&engine.engine().await).await.unwrap();
    // Two days of 5m are 576 bars, two windows; the days are one.
    assert_eq!((plan.requests, plan.lower_bound, plan.requests_low, plan.requests_high), (3, 3, 3, 3));
    assert!(asked(&engine).is_empty(), "planning asks nobody");

    let summary = run(&engine, &wish).await;
    assert!(summary.is_complete() && summary.gaps_left == 0, "{summary:?}");
    assert_eq!(asked(&engine).len() as u64, plan.requests);
    assert!(asked(&engine).iter().all(|r| r.target.starts_with("/products/BTC-USD/candles?") && r.status == 200));
    for timeframe in [M5, M30, H1, H4, D1] {
        assert_true(&engine, timeframe).await;
    }
    let row = engine.store.symbols().await.unwrap().remove(0);
    assert_eq!((row.symbol.as_str(), row.vendor, row.vendor_ticker.as_str()), ("BTC", Source::Coinbase, "BTC-USD"));

    // Answered is answered.
    assert_eq!(run(&engine, &coinbase(&[M5, M30, H1, H4, D1])).await.requests, 0);
    // Weeks are computed from the days, which are asked for them.
    assert_eq!(coinbase(&[W1]).preview(&engine.engine().await).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_width_it_lacks_brings_the_next_finer_one() {
    let engine = TestEngine::open(NOW, SimConfig::default()).await;
    assert!(run(&engine, &coinbase(&[Timeframe::H4])).await.is_complete());
    assert!(asked(&engine).iter().all(|r| r.target.contains("granularity=3600")), "{:?}", asked(&engine));
    for timeframe in [Timeframe::H1, Timeframe::H4] {
        assert_true(&engine, timeframe).await;
    }
}

#[tokio::test]
async fn refusals_by_the_limit_cost_time_and_no_bar() {
    let config = SimConfig { public_per_second: Some(3), ..SimConfig::default() };
    let mut engine = TestEngine::open(NOW, config).await;
    engine.settings.vendor.attempts = 8;
    let summary = run(&engine, &coinbase(&[Timeframe::M1])).await;
    assert!(summary.is_complete() && summary.rate_limited > 0, "{summary:?}");
    assert_true(&engine, Timeframe::M1).await;
    let answers = asked(&engine);
    assert_eq!(answers.iter().filter(|r| r.status == 200).count(), 10, "2,880 minutes are ten windows");
}

#[tokio::test]
async fn no_second_has_more_requests_than_agreed() {
    let engine = TestEngine::open(NOW, SimConfig::default()).await;
    let wish = wish(&["BTC", "ETH", "SOL"], &[Timeframe::M1], Some(Source::Coinbase));
    let summary = run(&engine, &wish).await;
    assert!(summary.is_complete() && summary.rate_limited == 0, "{summary:?}");
    let arrivals: Vec<u64> = asked(&engine).iter().map(|r| r.at_ms).collect();
    assert_eq!(arrivals.len(), 30);
    for (k, start) in arrivals.iter().enumerate() {
        let second = arrivals[k..].iter().take_while(|at| *at - start < 1_000).count();
        assert!(second <= 10, "{second} requests in a second from {start}");
    }
    // The limits know nothing of each other.
    let places = engine.store.places().await.unwrap().places;
    assert!(!places.is_empty() && places.iter().all(|place| place.vendor == Source::Coinbase));
}

#[tokio::test]
async fn a_run_that_dies_half_way_loses_no_answer() {
    let engine = TestEngine::open(NOW, SimConfig { latency: Duration::from_millis(50), ..SimConfig::default() }).await;
    let wish = coinbase(&[Timeframe::M1]);
    let users = Arc::strong_count(&engine.store);
    let context = process(&engine, true).await;
    let dying = tokio::spawn(async move { wish.run(&context, Arc::new(Silent), CancellationToken::new()).await });
    while asked(&engine).iter().filter(|r| r.status == 200).count() < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    dying.abort();
    assert!(dying.await.is_err_and(|e| e.is_cancelled()));
    // Pages that were handed over are stored all the same: its tasks end, and writes wait for those before them.
    while Arc::strong_count(&engine.store) > users {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    engine.store.put_symbols(&[]).await.unwrap();
    let before = asked(&engine).len();
    let again = coinbase(&[Timeframe::M1]);
    let left = again.preview(&engine.engine().await).await.unwrap().requests;
    assert!((6..=10).contains(&left), "{left} of 10 windows are left after {before} requests");
    let summary = run(&engine, &again).await;
    assert!(summary.is_complete() && summary.gaps_left == 0, "{summary:?}");
    assert_eq!((asked(&engine).len() - before) as u64, left, "what is left is asked, and nothing else");
    assert_true(&engine, Timeframe::M1).await;
}

#[tokio::test]
async fn answers_that_go_wrong_are_asked_again_or_told() {
    let engine = TestEngine::open(NOW, SimConfig::default()).await;
    for kind in [FaultKind::Html502, FaultKind::TruncatedJson, FaultKind::Reset, FaultKind::Html403] {
        engine.sim.add_fault(FaultRule { times: Some(1), ..FaultRule::new(kind) });
    }
    assert!(run(&engine, &coinbase(&[Timeframe::M1])).await.is_complete());
    assert_true(&engine, Timeframe::M1).await;
    // A product nobody trades is the end of that symbol alone.
    let both = wish(&["BTC", "X:NOSUCH9USD"], &[Timeframe::H1], Some(Source::Coinbase));
    engine
        .sim
        .add_fault(FaultRule { path_contains: Some("NOSUCH9".to_owned()), ..FaultRule::new(FaultKind::Status404) });
    let summary = run(&engine, &both).await;
    let told: Vec<String> = summary.unfinished.iter().map(|open| format!("{open:?}")).collect();
    assert!(told.len() == 1 && told[0].contains("Coinbase has no product NOSUCH9-USD"), "{told:?}");
    assert_true(&engine, Timeframe::H1).await;
}

#[tokio::test]
async fn bars_of_two_vendors_never_stand_in_one_series() {
    let engine = TestEngine::open(NOW, SimConfig::default()).await;
    run(&engine, &coinbase(&[Timeframe::H1])).await;
    let other = wish(&["BTC"], &[Timeframe::H1], Some(Source::Massive));
    let refused = other.preview(&engine.engine().await).await.unwrap_err();
    let RunError::Selection(refused @ SelectError::VendorDiffers { .. }) = refused else { panic!("{refused}") };
    assert!(refused.to_string().contains("bars of BTC come from coinbase, not from massive"), "{refused}");
    // Beside it, another symbol comes from the other vendor in the same run.
    engine.sim.clear_log();
    let both = wish(&["BTC", "ETH"], &[Timeframe::H1, Timeframe::D1], None);
    assert!(run(&engine, &both).await.is_complete());
    let of = |start: &str| asked(&engine).iter().filter(|r| r.target.contains(start)).count();
    assert_eq!((of("/products/BTC-USD/candles"), of("/ticker/X:ETHUSD"), of("X:BTCUSD"), of("ETH-USD")), (1, 2, 0, 0));
}

#[tokio::test]
async fn without_a_key_the_others_are_asked_all_the_same() {
    let engine = TestEngine::open(NOW, SimConfig::default()).await;
    let keyless = process(&engine, false).await;
    let go = async |wish: Backfill| wish.run(&keyless, Arc::new(Silent), CancellationToken::new()).await.unwrap();
    assert!(go(coinbase(&[Timeframe::H1, Timeframe::D1])).await.is_complete());
    let mixed = go(wish(&["BTC", "AAPL"], &[Timeframe::H1], None)).await;
    let told: Vec<String> = mixed.unfinished.iter().map(|open| format!("{open:?}")).collect();
    assert!(told.len() == 1 && told[0].contains("no key here") && told[0].contains("AAPL"), "{told:?}");
    assert!(asked(&engine).iter().all(|r| r.target.starts_with("/products/")), "{:?}", asked(&engine));
}

/// Nobody was asked, so nobody refused: with a key they are asked for at once, not only when the next check is due.
#[tokio::test]
async fn splits_and_dividends_stay_due_without_a_key() {
    let engine = TestEngine::open(NOW, SimConfig::default()).await;
    let keyless = process(&engine, false).await;
    let stock = wish(&["AAPL"], &[Timeframe::H1], None);
    stock.run(&keyless, Arc::new(Silent), CancellationToken::new()).await.unwrap();
    assert_eq!(dividends::refresh(&keyless, &CancellationToken::new()).await.unwrap(), 0);
    assert_eq!(engine.store.splits_fetched_at().await.unwrap(), []);
    assert_eq!(engine.store.dividends_fetched_at().await.unwrap(), []);

    run(&engine, &stock).await;
    let with_key = process(&engine, true).await;
    assert_eq!(dividends::refresh(&with_key, &CancellationToken::new()).await.unwrap(), 1);
    let lists = asked(&engine).iter().filter(|r| r.target.contains("splits") || r.target.contains("dividends")).count();
    assert_eq!(lists, 2, "{:?}", asked(&engine));
}
