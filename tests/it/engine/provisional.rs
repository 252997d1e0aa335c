//! The newest bars and the passing of time: what is not final is asked again until it is, and nothing longer.
//!
//! The engine runs in this process on a clock that the tests set; vendor, HTTP and database are real.

use barkeep::market::freshness::Tier;
use barkeep::sim::{ConfigChange, FaultKind, FaultRule, SimConfig, SimDelay};

use crate::support::engine::{TestEngine, at};

const ALL: &str = "5m,15m,1h,1d";

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_bars_are_asked_again_until_they_are_final() {
    // 11:02 New York on a Wednesday; bars settle 15 minutes after their end.
    let console = TestEngine::open("2024-03-13T15:02:30Z", SimConfig::default()).await;
    let first = console.fill(&["AAPL"], ALL, "2024-03-11").await;
    assert_eq!(first.requests, 3, "minutes, days and splits: {first:?}");
    let five = ["14:45", "14:50", "14:55", "15:00"].map(|t| format!("2024-03-13T{t}:00Z"));
    assert_eq!(console.provisional("AAPL", "5m").await, five);
    assert_eq!(console.provisional("AAPL", "15m").await, ["2024-03-13T14:45:00Z", "2024-03-13T15:00:00Z"]);
    assert_eq!(console.provisional("AAPL", "1h").await, ["2024-03-13T14:00:00Z", "2024-03-13T15:00:00Z"]);
    assert_eq!(console.provisional("AAPL", "1d").await, ["2024-03-13T04:00:00Z"]);
    for tf in ALL.split(',') {
        console.assert_as_vendor("AAPL", tf, "2024-03-11", "2024-03-13").await;
    }
    let today_at_eleven = console.bars("AAPL", "1d").await.pop().unwrap();

    // Five minutes later the growing bars have grown, the day too.
    console.set("2024-03-13T15:07:30Z");
    let summary = console.fill(&["AAPL"], ALL, "2024-03-11").await;
    assert_eq!(summary.requests, 2, "one for minutes, one for the day");
    for tf in ALL.split(',') {
        console.assert_as_vendor("AAPL", tf, "2024-03-11", "2024-03-13").await;
    }
    let today = console.bars("AAPL", "1d").await.pop().unwrap();
    assert!(today.provisional && today.bar.volume > today_at_eleven.bar.volume, "today's bar grows");
    assert_eq!(today.bar.open, today_at_eleven.bar.open);

    // After the regular close the day still counts late trades; it is final after extended hours and settling.
    console.set("2024-03-13T20:30:00Z");
    console.fill(&["AAPL"], ALL, "2024-03-11").await;
    assert_eq!(console.provisional("AAPL", "1d").await.len(), 1);
    console.set("2024-03-14T00:20:00Z");
    console.fill(&["AAPL"], ALL, "2024-03-11").await;
    for tf in ALL.split(',') {
        assert_eq!(console.provisional("AAPL", tf).await, [""; 0], "{tf}: all final");
        console.assert_as_vendor("AAPL", tf, "2024-03-11", "2024-03-13").await;
    }

    // Nothing is left to ask, all night long.
    for night in ["2024-03-14T00:21:00Z", "2024-03-14T04:30:00Z", "2024-03-14T07:59:00Z"] {
        console.set(night);
        let summary = console.fill(&["AAPL"], ALL, "2024-03-11").await;
        assert_eq!((summary.requests, summary.bars_written), (splits_due(night), 0), "{night}");
    }
}

/// Splits are asked once a day: 24 h after the first run there is one request for them.
fn splits_due(now: &str) -> u64 {
    u64::from(at(now) >= at("2024-03-14T15:02:30Z"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_of_a_recent_bar_is_taken_and_the_old_values_are_kept() {
    // The market is closed and all is final; the newest bar is wrong, as the vendor will see later.
    let console = TestEngine::open("2024-03-14T01:00:00Z", SimConfig::default()).await;
    let wrong = FaultRule { path_contains: Some("/5/minute/".into()), ..FaultRule::new(FaultKind::RevisedBar) };
    console.sim.add_fault(wrong);
    console.fill(&["AAPL"], "5m,1h", "2024-03-04").await;
    console.sim.clear_faults();
    let before = console.bars("AAPL", "5m").await.pop().unwrap();
    assert!(!before.provisional);

    // Next morning it comes again with the newer ones, at no extra request.
    let seen = console.sim.log().len();
    console.set("2024-03-14T14:00:00Z");
    let summary = console.fill(&["AAPL"], "5m,1h", "2024-03-04").await;
    assert_eq!(summary.requests, 1, "{summary:?}");
    // Only the last two days are asked again, not the ten before.
    let from = console.asked_from("/5/minute/", seen);
    assert_eq!(from.len(), 1);
    assert!(from[0] >= at("2024-03-12T13:55:00Z"), "asked again from {}", from[0]);
    console.assert_as_vendor("AAPL", "5m", "2024-03-04", "2024-03-14").await;
    console.assert_as_vendor("AAPL", "1h", "2024-03-04", "2024-03-14").await;
    let kept = "SELECT count(*) FROM bar_revisions AS r JOIN series AS s ON s.id = r.series_id \
                WHERE s.timeframe = '5m' AND r.reason = 'changed' AND r.provisional = 0";
    assert_eq!(console.count(kept).await, 1);
    let old = "SELECT CAST(r.volume AS INTEGER) FROM bar_revisions AS r JOIN series AS s ON s.id = r.series_id \
               WHERE s.timeframe = '5m'";
    assert_eq!(console.count(old).await, before.bar.volume as i64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symbol_without_bars_is_believed_for_a_while_and_asked_again_later() {
    let console = TestEngine::open("2024-03-14T01:00:00Z", SimConfig::default()).await;
    // Recent: an hour. Old history: thirty days.
    let first = console.fill(&["NOSUCH"], "1h", "2024-03-11").await;
    assert!(first.requests >= 1 && first.bars_written == 0);
    console.set("2024-03-14T01:30:00Z");
    assert_eq!(console.fill(&["NOSUCH"], "1h", "2024-03-11").await.requests, 0);
    console.set("2024-03-14T02:01:00Z");
    assert_eq!(console.fill(&["NOSUCH"], "1h", "2024-03-11").await.requests, 1);
    assert_eq!(console.snapshot().await.data.tiers.missing, 1, "asked, and there is none");

    let old = |from: &'static str, to: &'static str| console.run(&["ZZZZ"], "1h", Some(from), Some(to));
    assert_eq!(old("2023-03-01", "2023-03-10").await.gaps_left, 0);
    console.set("2024-04-12T02:00:00Z");
    let asked = |part: &str| console.sim.log().iter().filter(|r| r.target.contains(part)).count();
    let before = asked("/ticker/ZZZZ/range/");
    assert_eq!(old("2023-03-01", "2023-03-10").await.gaps_left, 0);
    assert_eq!(asked("/ticker/ZZZZ/range/"), before, "29 days later it is still believed");
    console.set("2024-04-14T03:00:00Z");
    assert_eq!(old("2023-03-01", "2023-03-10").await.gaps_left, 0);
    assert_eq!(asked("/ticker/ZZZZ/range/"), before + 1, "after 30 days it is not");
}

#[tokio::test(flavor = "multi_thread")]
async fn staleness_counts_market_time_and_comes_from_the_data() {
    // Friday evening, all closed.
    let console = TestEngine::open("2024-03-16T01:00:00Z", SimConfig::default()).await;
    console.fill(&["AAPL", "BTC"], "5m", "2024-03-14").await;
    let tier = async |symbol: &str| {
        let snapshot = console.snapshot().await;
        snapshot.data.series.iter().find(|row| row.symbol.as_str() == symbol).unwrap().tier
    };
    console.set("2024-03-17T18:00:00Z");
    assert_eq!(tier("AAPL").await, Tier::Fresh, "nothing trades on a Sunday");
    assert_eq!(tier("BTC").await, Tier::Stale, "crypto does");
    console.set("2024-03-18T11:30:00Z"); // Monday, 3.5 hours after the market opened
    assert_eq!(tier("AAPL").await, Tier::Aging);
    console.set("2024-03-18T15:00:00Z");
    assert_eq!(tier("AAPL").await, Tier::Stale);
    // Old history, however newly filled, makes nothing fresh.
    let old = console.run(&["AAPL"], "5m", Some("2024-01-02"), Some("2024-01-31")).await;
    assert!(old.is_complete() && old.bars_written > 0);
    assert_eq!(tier("AAPL").await, Tier::Stale);
    console.fill(&["AAPL"], "5m", "2024-03-14").await;
    assert_eq!(tier("AAPL").await, Tier::Fresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symbol_listed_later_is_told_apart_from_a_clipped_history() {
    let listed = {
        let probe = TestEngine::open("2024-06-03T12:00:00Z", SimConfig::default()).await;
        let bars = crate::support::bench::vendor_bars(probe.sim.addr, "NEWCO", "1d", "2018-01-02", "2024-05-31").await;
        *bars.keys().next().unwrap()
    };
    assert!(listed > at("2019-01-01T00:00:00Z").ms(), "NEWCO is listed some time from 2019 on");
    let range = (Some("2018-01-02"), Some("2024-05-31"));

    // Everything is in the plan: there simply was nothing before, and it is not asked for again.
    let console = TestEngine::open("2024-06-03T12:00:00Z", SimConfig::default()).await;
    let summary = console.run(&["NEWCO"], "1h,1d", range.0, range.1).await;
    assert!(summary.is_complete() && summary.gaps_left == 0, "{summary:?}");
    console.assert_as_vendor("NEWCO", "1h", "2018-01-02", "2024-05-31").await;
    console.assert_as_vendor("NEWCO", "1d", "2018-01-02", "2024-05-31").await;
    assert_eq!(console.run(&["NEWCO"], "1h,1d", range.0, range.1).await.requests, 0);

    // Half a year of history: the head of the answer is missing because the plan does not include it.
    let short = SimConfig { plan_years: Some(1), ..SimConfig::default() };
    let console = TestEngine::open("2024-06-03T12:00:00Z", short).await;
    let summary = console.run(&["NEWCO"], "1h,1d", range.0, range.1).await;
    assert!(summary.is_complete() && summary.gaps_left == 0, "{summary:?}");
    assert_eq!(summary.plan_starts.len(), 1, "{summary:?}");
    // With a better plan the rest is fetched, within a month.
    console.sim.configure(&ConfigChange { plan_years: Some(None), ..ConfigChange::default() });
    console.set("2024-07-04T12:30:00Z");
    let summary = console.run(&["NEWCO"], "1h,1d", range.0, range.1).await;
    assert!(summary.is_complete() && summary.gaps_left == 0, "{summary:?}");
    console.assert_as_vendor("NEWCO", "1h", "2018-01-02", "2024-05-31").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_of_day_plan_brings_each_day_after_it() {
    let vendor = SimConfig { delay: SimDelay::EndOfDay, ..SimConfig::default() };
    let console = TestEngine::open("2024-03-13T15:00:00Z", vendor).await;
    console.fill(&["AAPL"], "5m,1d", "2024-03-11").await;
    console.assert_as_vendor("AAPL", "5m", "2024-03-11", "2024-03-12").await;
    console.assert_as_vendor("AAPL", "1d", "2024-03-11", "2024-03-12").await;
    console.set("2024-03-13T21:00:00Z");
    let again = console.fill(&["AAPL"], "5m,1d", "2024-03-11").await;
    assert_eq!((again.requests, again.bars_written), (0, 0), "the refusal of today is believed until tomorrow");
    console.set("2024-03-14T15:30:00Z");
    let next = console.fill(&["AAPL"], "5m,1d", "2024-03-11").await;
    assert!(next.bars_written > 0, "{next:?}");
    console.assert_as_vendor("AAPL", "5m", "2024-03-11", "2024-03-13").await;
    console.assert_as_vendor("AAPL", "1d", "2024-03-11", "2024-03-13").await;
    assert_eq!(console.provisional("AAPL", "1d").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coarser_timeframe_added_later_costs_nothing_a_finer_one_is_fetched() {
    let console = TestEngine::open("2024-03-16T01:00:00Z", SimConfig::default()).await;
    console.fill(&["AAPL", "BTC"], "5m", "2024-03-04").await;
    let coarser = console.fill(&["AAPL"], "15m,1h,4h", "2024-03-04").await;
    assert_eq!(coarser.requests, 0, "{coarser:?}");
    for tf in ["15m", "1h", "4h"] {
        console.assert_as_vendor("AAPL", tf, "2024-03-04", "2024-03-15").await;
        assert!(console.provisional("AAPL", tf).await.is_empty());
    }
    assert_eq!(console.fill(&["AAPL"], "15m,1h,4h", "2024-03-04").await.bars_written, 0);

    let finer = console.fill(&["AAPL"], "1m", "2024-03-04").await;
    assert_eq!(finer.requests, 1, "{finer:?}");
    for tf in ["1m", "5m", "15m", "1h", "4h"] {
        console.assert_as_vendor("AAPL", tf, "2024-03-04", "2024-03-15").await;
    }
    // What was stored stays as it was: the finer bars make the same coarser ones.
    assert_eq!(console.count("SELECT count(*) FROM bar_revisions").await, 0);
    let again = console.fill(&["AAPL"], "1m,5m,15m,1h,4h", "2024-03-04").await;
    assert_eq!((again.requests, again.bars_written), (0, 0));
}
