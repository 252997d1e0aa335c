//! What an answer proves, one behavior after the other: a vendor with a script, a real engine, and a clock that the tests
//! set. The oracle plays the same over random histories.

use barkeep::market::freshness::Tier;
use barkeep::market::ts::{DAY, HOUR};
use barkeep::market::{Interval, Timeframe, Ts};
use barkeep::pipeline::events::Event as Heard;
use barkeep::sim::{Change, ScriptEvent, SimConfig};
use barkeep::store::{Coverage, CoverageState, RequestFilter, RequestPurpose};
use chrono::NaiveDate;

use crate::support::engine::{TestEngine, at};

const FROM: &str = "2024-01-02";
const M5: Timeframe = Timeframe::M5;
const D1: Timeframe = Timeframe::D1;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

async fn open(now: &str, script: Vec<ScriptEvent>) -> TestEngine {
    TestEngine::open(now, SimConfig { script: script.into(), ..SimConfig::default() }).await
}

async fn run(engine: &TestEngine, symbol: &str) -> barkeep::pipeline::Summary {
    engine.run(&[symbol], "5m,1d", Some(FROM), None).await
}

/// What the ledger says of a moment.
async fn row(engine: &TestEngine, symbol: &str, timeframe: Timeframe, moment: Ts) -> Option<Coverage> {
    engine.coverage(symbol, timeframe).await.1.into_iter().find(|row| row.range.contains(moment))
}

async fn state(engine: &TestEngine, symbol: &str, timeframe: Timeframe, moment: &str) -> Option<CoverageState> {
    row(engine, symbol, timeframe, at(moment)).await.map(|row| row.state)
}

/// Re-asks of holes so far.
async fn asked_again(engine: &TestEngine) -> usize {
    let rows = engine.store.requests(&RequestFilter::default(), 10_000).await.unwrap();
    rows.iter().filter(|row| row.purpose == RequestPurpose::Recheck).count()
}

async fn tier(engine: &TestEngine, timeframe: Timeframe) -> (Tier, i64) {
    let snapshot = engine.snapshot().await;
    let row = snapshot.data.series.iter().find(|row| row.timeframe == timeframe).unwrap();
    (row.tier, row.staleness_seconds.unwrap())
}

/// Bars that came for a time that an earlier answer had covered without them.
fn came_late(engine: &TestEngine) -> u64 {
    let late = |event: &Heard| if let Heard::Committed { outcome, .. } = event { outcome.late } else { 0 };
    engine.heard.events().iter().map(late).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_is_sessions_behind_is_not_fresh_and_what_it_sends_later_is_stored() {
    let late = ScriptEvent::late_until("AAPL", date("2024-03-11"), at("2024-03-14T12:00:00Z"));
    let engine = open("2024-03-13T21:30:00Z", vec![late]).await;
    run(&engine, "AAPL").await;
    let (tier_of_minutes, behind) = tier(&engine, M5).await;
    assert_eq!(tier_of_minutes, Tier::Stale);
    assert!(behind > 2 * 16 * 3_600, "two sessions and most of a third: {behind} s");
    assert_ne!(tier(&engine, D1).await.0, Tier::Fresh);
    for moment in ["2024-03-11T14:00:00Z", "2024-03-13T14:00:00Z"] {
        assert_eq!(state(&engine, "AAPL", M5, moment).await, Some(CoverageState::Late), "{moment}");
    }
    assert_eq!(state(&engine, "AAPL", D1, "2024-03-11T14:00:00Z").await, Some(CoverageState::Late));

    engine.set("2024-03-14T13:00:00Z");
    run(&engine, "AAPL").await;
    engine.assert_as_vendor("AAPL", "5m", FROM, "2024-03-14").await;
    engine.assert_as_vendor("AAPL", "1d", FROM, "2024-03-13").await;
    assert_eq!(tier(&engine, M5).await.0, Tier::Fresh);
    assert!(came_late(&engine) >= 3 * 78, "{}", came_late(&engine));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_friday_afternoon_that_came_late_is_stored_by_mondays_run() {
    let late = ScriptEvent::late_until("AAPL", at("2024-03-15T18:00:00Z"), at("2024-03-18T10:00:00Z"));
    let engine = open("2024-03-16T02:00:00Z", vec![late]).await;
    run(&engine, "AAPL").await;
    assert_eq!(state(&engine, "AAPL", M5, "2024-03-15T19:00:00Z").await, Some(CoverageState::Late));
    engine.set("2024-03-18T14:00:00Z");
    run(&engine, "AAPL").await;
    engine.assert_as_vendor("AAPL", "5m", FROM, "2024-03-18").await;
    assert_eq!(state(&engine, "AAPL", M5, "2024-03-15T19:00:00Z").await, Some(CoverageState::Present));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_is_asked_about_at_growing_intervals_until_it_is_the_vendors() {
    use CoverageState::{Suspect, VendorHole};
    let hole = ScriptEvent::hole("SPY", at("2024-03-12T15:00:00Z"), at("2024-03-12T17:00:00Z"), None);
    let engine = open("2024-03-13T02:00:00Z", vec![hole]).await;
    let found = at("2024-03-13T02:00:00Z");
    // Nothing newer is wanted, so that only the hole is asked about.
    let ask = async |after: i64| {
        engine.clock.set(found + after);
        engine.run(&["SPY"], "5m", Some(FROM), Some("2024-03-12")).await;
        let known = row(&engine, "SPY", M5, at("2024-03-12T16:00:00Z")).await.unwrap();
        (asked_again(&engine).await, known.state, known.answers)
    };
    assert_eq!(ask(0).await, (0, Suspect, 1));
    let known = row(&engine, "SPY", M5, at("2024-03-12T16:00:00Z")).await.unwrap();
    assert_eq!(known.range, Interval::new(at("2024-03-12T15:00:00Z"), at("2024-03-12T17:00:00Z")));
    assert_eq!(engine.store.doubtful().await.unwrap().len(), 1, "it is told");

    assert_eq!(ask(HOUR - 60_000).await.0, 0);
    assert_eq!(ask(HOUR).await, (1, Suspect, 1));
    assert_eq!(ask(5 * HOUR).await.0, 1);
    assert_eq!(ask(6 * HOUR).await, (2, Suspect, 1));
    assert_eq!(ask(DAY).await, (3, Suspect, 2));
    assert_eq!(ask(2 * DAY).await.0, 3);
    // Three answers, days apart.
    assert_eq!(ask(3 * DAY).await, (4, VendorHole, 3));
    assert_eq!(ask(7 * DAY).await.0, 5);
    assert_eq!(ask(29 * DAY).await.0, 5);
    assert_eq!(ask(30 * DAY).await.0, 6);
    assert_eq!(ask(40 * DAY).await.0, 6, "seven in forty days at most");
    assert_eq!(ask(60 * DAY).await, (7, VendorHole, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_that_is_filled_later_is_stored_and_counted() {
    let filled = at("2024-03-13T05:00:00Z");
    let hole = ScriptEvent::hole("SPY", at("2024-03-12T15:02:00Z"), at("2024-03-12T17:03:00Z"), Some(filled.into()));
    let engine = open("2024-03-13T02:00:00Z", vec![hole]).await;
    engine.run(&["SPY"], "5m,1h", Some(FROM), Some("2024-03-12")).await;
    assert_eq!(state(&engine, "SPY", M5, "2024-03-12T16:00:00Z").await, Some(CoverageState::Suspect));
    assert_eq!(state(&engine, "SPY", Timeframe::H1, "2024-03-12T16:00:00Z").await, Some(CoverageState::Suspect));
    engine.set("2024-03-13T08:00:00Z");
    engine.run(&["SPY"], "5m,1h", Some(FROM), Some("2024-03-12")).await;
    assert_eq!(asked_again(&engine).await, 1);
    // The bars beside it held a part of their minutes.
    for timeframe in ["5m", "1h"] {
        engine.assert_as_vendor("SPY", timeframe, FROM, "2024-03-12").await;
    }
    assert_eq!(state(&engine, "SPY", M5, "2024-03-12T16:00:00Z").await, Some(CoverageState::Present));
    assert!(engine.store.doubtful().await.unwrap().is_empty());
    assert_eq!(came_late(&engine), 23, "15:05 to 16:55; coarser bars are computed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_session_is_suspect_by_day_and_by_minute() {
    let hole = ScriptEvent::hole("SPY", date("2024-03-11"), date("2024-03-11"), None);
    let engine = open("2024-03-14T02:00:00Z", vec![hole]).await;
    run(&engine, "SPY").await;
    assert_eq!(state(&engine, "SPY", M5, "2024-03-11T15:00:00Z").await, Some(CoverageState::Suspect));
    assert_eq!(state(&engine, "SPY", D1, "2024-03-11T15:00:00Z").await, Some(CoverageState::Suspect));
    for near in ["2024-03-08T15:00:00Z", "2024-03-12T15:00:00Z"] {
        assert_eq!(state(&engine, "SPY", M5, near).await, Some(CoverageState::Present));
        assert_eq!(state(&engine, "SPY", D1, near).await, Some(CoverageState::Present));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_that_stood_still_is_halted_and_not_asked_about_again() {
    let all = ["SPY", "AAPL", "MSFT", "QQQ", "JPM", "EEM", "WMT", "NVDA", "META", "JNJ", "DIA", "IWM"];
    let engine =
        open("2024-03-13T02:00:00Z", vec![ScriptEvent::halt(at("2024-03-12T15:00:00Z"), at("2024-03-12T16:00:00Z"))]);
    let engine = engine.await;
    let run = async || engine.run(&all, "15m", Some("2024-02-12"), Some("2024-03-12")).await;
    run().await;
    for symbol in all {
        let state = state(&engine, symbol, Timeframe::M15, "2024-03-12T15:30:00Z").await;
        assert_eq!(state, Some(CoverageState::Halted), "{symbol}");
    }
    for now in ["2024-03-13T04:00:00Z", "2024-03-16T04:00:00Z", "2024-04-20T04:00:00Z"] {
        engine.set(now);
        run().await;
    }
    assert_eq!(asked_again(&engine).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_impossible_bars_proves_nothing() {
    let engine = open("2024-03-13T02:00:00Z", Vec::new()).await;
    engine.run(&["SPY"], "1d", Some(FROM), None).await;
    // The next day's only bar has a low of 0.
    let change = Change { l: Some(0.0), ..Change::default() };
    let wrong = ScriptEvent::Wrong {
        ticker: "SPY".into(),
        from: date("2024-03-13").into(),
        to: date("2024-03-13").into(),
        change,
        since: None,
        until: Some(at("2024-03-15T12:00:00Z").into()),
        family: None,
    };
    engine.sim.set_script(vec![wrong]).unwrap();
    engine.set("2024-03-14T02:00:00Z");
    engine.run(&["SPY"], "1d", Some(FROM), None).await;
    let claimed = state(&engine, "SPY", D1, "2024-03-13T12:00:00Z").await;
    assert!(matches!(claimed, None | Some(CoverageState::Quarantined)), "{claimed:?}");
    assert_eq!(engine.bars("SPY", "1d").await.last().unwrap().bar.ts, at("2024-03-12T04:00:00Z"));
    assert_ne!(tier(&engine, D1).await.0, Tier::Fresh);

    engine.set("2024-03-16T02:00:00Z");
    engine.run(&["SPY"], "1d", Some(FROM), None).await;
    engine.assert_as_vendor("SPY", "1d", FROM, "2024-03-15").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_from_before_is_judged_by_the_stored_bars() {
    let hole = ScriptEvent::hole("SPY", at("2024-03-05T15:00:00Z"), at("2024-03-05T17:00:00Z"), None);
    let engine = open("2024-03-13T02:00:00Z", vec![hole]).await;
    let run = async || engine.run(&["SPY"], "5m,1h,1d", Some(FROM), Some("2024-03-12")).await;
    run().await;
    let bars = engine.bars("SPY", "5m").await.len();
    // As an earlier version left it: some bar came, so all of it is covered for ever.
    engine
        .alter(
            "DELETE FROM profiles; \
             UPDATE coverage SET state = 'present', expires_at = NULL, found_at = NULL, answers = 1, surprise = NULL",
        )
        .await;
    assert_eq!(engine.store.series_without_profile().await.unwrap().len(), 3);

    let seen = engine.sim.log().len();
    engine.set("2024-03-13T20:00:00Z");
    run().await;
    let known = row(&engine, "SPY", M5, at("2024-03-05T16:00:00Z")).await.unwrap();
    assert_eq!(known.state, CoverageState::Suspect);
    assert_eq!(state(&engine, "SPY", Timeframe::H1, "2024-03-05T16:00:00Z").await, Some(CoverageState::Suspect));
    // The hole and the bars beside it are asked about; nothing else is fetched again.
    let asked = engine.asked_from("/range/", seen);
    assert_eq!(asked, [at("2024-03-05T14:55:00Z")]);
    let rows: usize = engine.sim.log().iter().skip(seen).filter(|r| r.target.contains("/range/")).map(|r| r.rows).sum();
    assert_eq!((rows, asked_again(&engine).await, engine.bars("SPY", "5m").await.len()), (2, 1, bars));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_with_a_clock_behind_ours_proves_nothing_after_its_own_time() {
    let behind = ScriptEvent::Skew { seconds: -7_200, since: None, until: None };
    let engine = open("2024-03-13T18:00:00Z", vec![behind]).await;
    run(&engine, "AAPL").await;
    let (_, rows) = engine.coverage("AAPL", M5).await;
    let end = rows.iter().filter(|row| row.state.is_answered()).map(|row| row.range.end).max().unwrap();
    assert!(end <= at("2024-03-13T16:00:00Z"), "claimed up to {end}");
    assert!(tier(&engine, M5).await.1 >= 90 * 60);
    engine.set("2024-03-13T20:30:00Z");
    run(&engine, "AAPL").await;
    engine.assert_as_vendor("AAPL", "5m", FROM, "2024-03-13").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_year_takes_what_its_plan_says_and_a_second_run_nothing() {
    let engine = open("2024-03-14T02:00:00Z", Vec::new()).await;
    let year = (Some("2023-03-14"), None);
    let plan = engine.plan(&["AAPL", "BTC"], "5m,1h,1d", year.0, year.1).await;
    let first = engine.run(&["AAPL", "BTC"], "5m,1h,1d", year.0, year.1).await;
    assert!(first.is_complete() && first.gaps_left == 0, "{first:?}");
    // Nobody knows yet how many minutes of extended hours have a trade.
    assert!((plan.requests_low..=plan.requests).contains(&first.requests), "{} {plan:?}", first.requests);
    assert_eq!(first.requests, first.requests_needed);
    // Its next minute bars are due at 04:00 New York; crypto trades on.
    let second = engine.run(&["AAPL"], "5m,1h,1d", year.0, year.1).await;
    assert_eq!((second.requests, second.bars_written, second.gaps_left), (0, 0, 0), "{second:?}");
    let doubtful = engine.store.doubtful().await.unwrap();
    assert!(doubtful.iter().all(|(_, row)| row.state == CoverageState::Unjudged), "{doubtful:?}");
}
