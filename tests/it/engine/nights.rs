//! Stocks that begin to trade at night: bars outside the hours wait, until nights of them are believed.

use barkeep::market::testing::{at, bar};
use std::collections::BTreeMap;
use std::time::Duration;

use barkeep::config::{Mode, RateLimit};
use barkeep::market::ts::{HOUR, MINUTE};
use barkeep::market::{AssetClass, Bar, Interval, Symbol, Timeframe, Ts};
use barkeep::pipeline::Backfill;
use barkeep::pipeline::select::Selection;
use barkeep::store::{CoverageState, Store as _, Trigger, Verdict};

use crate::support::rig::{Rig, Wall, settings};
use crate::support::scripted::Scripted;

const SYMBOLS: [&str; 3] = ["AAA", "BBB", "CCC"];

/// Every five minutes the same trade, day and night.
fn steady(_: &str, ts: Ts) -> Option<Bar> {
    let price = 100.0;
    let trade = Bar { vwap: Some(price), trades: Some(9), ..bar(ts, price) };
    (ts.ms() % (5 * MINUTE) == 0).then_some(trade)
}

fn newest(symbols: &[&str], from: &str) -> Backfill {
    let selection = Selection {
        symbols: symbols.iter().map(|s| s.parse().unwrap()).collect(),
        timeframes: Some(vec![Timeframe::M5, Timeframe::H1]),
        from: Some(from.parse().unwrap()),
        class: Some(AssetClass::Stock),
        ..Selection::default()
    };
    Backfill::new(selection, Mode::Sequential, Trigger::Cli)
}

/// Pending bars of each symbol.
async fn waiting(rig: &Rig) -> BTreeMap<Symbol, usize> {
    let mut counts = BTreeMap::new();
    for row in rig.store.quarantine(true).await.unwrap() {
        *counts.entry(row.symbol).or_default() += 1;
    }
    counts
}

async fn stored(rig: &Rig, symbol: &str, timeframe: Timeframe) -> Vec<Bar> {
    let series = rig.store.series().await.unwrap();
    let id = series.iter().find(|row| row.symbol.as_str() == symbol && row.timeframe == timeframe).unwrap().id;
    rig.store.bars(id, (..).into(), None).await.unwrap().into_iter().map(|row| row.bar).collect()
}

#[tokio::test(start_paused = true)]
async fn five_nights_of_three_symbols_open_the_nights_and_release_what_waited() {
    // The first night is the one before Tuesday 6 February; the runs are at 21:00 New York, every session over.
    let clock = Wall::at("2024-02-07T02:00:00Z");
    let vendor = Scripted::of(&SYMBOLS, clock.clone()).telling(steady).trading_at_night(at("2024-02-06T00:00:00Z"));
    let rig = Rig::new(vendor, settings(RateLimit::Unlimited), clock).await;
    let wish = newest(&SYMBOLS, "2024-02-05");

    // Nights before Tuesday to Friday: 96 bars each, believed by nobody. The hour after 20:00 is the next session's night.
    for night in 1..=4 {
        rig.run(&wish).await.unwrap();
        let each = waiting(&rig).await;
        assert_eq!(each.len(), 3, "night {night}");
        assert!(each.values().all(|n| *n >= 96 * night), "night {night}: {each:?}");
        assert_eq!(rig.store.nights_from().await.unwrap(), None);
        tokio::time::advance(Duration::from_hours(24)).await;
    }
    // Saturday 21:00 New York: nothing new.
    rig.run(&wish).await.unwrap();
    assert_eq!(rig.store.nights_from().await.unwrap(), None);

    // Monday evening: the night from Sunday to Monday was the fifth.
    tokio::time::advance(Duration::from_hours(48)).await;
    rig.run(&wish).await.unwrap();
    assert_eq!(rig.store.nights_from().await.unwrap(), Some(at("2024-02-06T01:00:00Z")), "20:00 New York");
    assert_eq!(waiting(&rig).await, BTreeMap::new());
    let decided = rig.store.quarantine(false).await.unwrap();
    assert!(!decided.is_empty() && decided.iter().all(|row| row.status == Verdict::Accepted));
    let actions = rig.store.operator_actions(None, 50).await.unwrap();
    let told: Vec<_> = actions.iter().filter(|action| action.action.action == "open nights").collect();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].action.actor.as_str(), told[0].action.result.as_str()), ("engine", "ok"));

    // Later nights pass at once, and of a symbol that came later too; what is stored is what the vendor has.
    tokio::time::advance(Duration::from_hours(24)).await;
    let summary = rig.run(&wish).await.unwrap();
    assert_eq!((summary.quarantined, summary.gaps_left), (0, 0));
    let range = Interval::new(at("2024-02-05T05:00:00Z"), at("2024-02-14T01:00:00Z"));
    for symbol in SYMBOLS {
        for timeframe in [Timeframe::M5, Timeframe::H1] {
            let want = rig.vendor.bars(symbol, AssetClass::Stock, timeframe, range);
            let got: Vec<Bar> = stored(&rig, symbol, timeframe).await;
            let got: Vec<Bar> = got.into_iter().filter(|bar| range.contains(bar.ts)).collect();
            let missing: Vec<&Bar> = want.iter().filter(|bar| !got.contains(bar)).collect();
            assert!(missing.is_empty(), "{symbol} {timeframe} misses {} bars: {:?}", missing.len(), missing[0]);
            assert_eq!(got.len(), want.len(), "{symbol} {timeframe}");
        }
    }
    let night = Interval::new(at("2024-02-13T01:00:00Z"), at("2024-02-13T09:00:00Z"));
    let of_night = stored(&rig, "AAA", Timeframe::M5).await.into_iter().filter(|bar| night.contains(bar.ts)).count();
    assert_eq!(of_night, 96);

    // The next process knows it. A morning's run asks for the night beside the first minutes of the day.
    let clock = Wall::at("2024-02-14T09:30:00Z");
    let vendor = Scripted::of(&SYMBOLS, clock.clone()).telling(steady).trading_at_night(at("2024-02-06T00:00:00Z"));
    let next = Rig::on(rig.store.clone(), std::sync::Arc::new(vendor), settings(RateLimit::Unlimited), clock).await;
    let summary = next.run(&wish).await.unwrap();
    assert_eq!((summary.requests, summary.quarantined), (3, 0));
    let night = Interval::new(at("2024-02-14T01:00:00Z"), at("2024-02-14T09:00:00Z"));
    let of_night = stored(&next, "AAA", Timeframe::M5).await.into_iter().filter(|bar| night.contains(bar.ts)).count();
    assert_eq!(of_night, 96);
}

#[tokio::test(start_paused = true)]
async fn nights_of_two_symbols_a_quiet_night_and_a_lone_bar_change_nothing() {
    let clock = Wall::at("2024-02-20T02:00:00Z");
    let vendor =
        Scripted::of(&["AAA", "BBB"], clock.clone()).telling(steady).trading_at_night(at("2024-02-06T00:00:00Z"));
    let rig = Rig::new(vendor, settings(RateLimit::Unlimited), clock).await;
    rig.run(&newest(&["AAA", "BBB"], "2024-02-05")).await.unwrap();
    assert_eq!(waiting(&rig).await.len(), 2);
    assert_eq!(rig.store.nights_from().await.unwrap(), None, "two symbols are not a market");
}

#[tokio::test(start_paused = true)]
async fn a_night_without_a_bar_is_no_gap_and_nothing_late() {
    let clock = Wall::at("2024-02-14T12:00:00Z");
    let vendor = Scripted::of(&SYMBOLS, clock.clone()).telling(steady);
    let rig = Rig::new(vendor, settings(RateLimit::Unlimited), clock).await;
    rig.store.set_nights_from(at("2024-02-06T01:00:00Z")).await.unwrap();
    rig.engine.calendar.publish(barkeep::pipeline::calendar(rig.store.as_ref()).await.unwrap());
    let summary = rig.run(&newest(&SYMBOLS, "2024-01-08")).await.unwrap();
    assert_eq!((summary.gaps_left, summary.quarantined), (0, 0));
    let again = rig.run(&newest(&SYMBOLS, "2024-01-08")).await.unwrap();
    assert!(again.requests <= 3, "at most the newest minutes: {}", again.requests);
    for row in rig.store.doubtful().await.unwrap() {
        assert!(!matches!(row.1.state, CoverageState::Suspect | CoverageState::Late), "{row:?}");
    }
    let hours = stored(&rig, "AAA", Timeframe::M5).await.len() as i64 * 5 * MINUTE / HOUR;
    assert!(hours > 16 * 20, "{hours}");
}
