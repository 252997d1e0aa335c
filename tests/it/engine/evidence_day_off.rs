//! Pages whose times are all a whole day off: on the grid, inside trading hours, and wrong. Whatever page of an answer it
//! is, in either direction, no bar of it is stored, and once the vendor is well again every bar is there.

use std::collections::BTreeMap;

use barkeep::config::{Mode, RateLimit};
use barkeep::market::ts::{DAY, MINUTE};
use barkeep::market::{AssetClass, Timeframe, Ts};
use barkeep::pipeline::Backfill;
use barkeep::pipeline::select::Selection;
use barkeep::sim::{FaultKind, FaultRule, SimConfig};
use barkeep::store::{Store as _, Trigger};

use crate::support::bench::vendor_bars;
use crate::support::engine::TestEngine;
use crate::support::rig::{Rig, Wall, settings};
use crate::support::scripted::{Scripted, made_up};

/// Pages of minutes for two days and of days for as many.
fn small_pages(base_limit: u32) -> SimConfig {
    SimConfig { base_limit, ..SimConfig::default() }
}

/// Stored bars that the vendor does not have so.
async fn wrong(engine: &TestEngine, timeframe: &str, truth: &BTreeMap<i64, crate::support::bench::Values>) -> usize {
    let stored = engine.bars("AAPL", timeframe).await;
    let as_vendor = |t: i64, close: f64| truth.get(&t).is_some_and(|bar| (bar.3 - close).abs() < 1e-9);
    stored.iter().filter(|row| !as_vendor(row.bar.ts.ms(), row.bar.close)).count()
}

struct Asked {
    timeframe: &'static str,
    path: &'static str,
    base_limit: u32,
    from: &'static str,
    to: &'static str,
}

/// Every page of these ranges, one at a time, a day early and a day late.
async fn page_by_page(asked: &Asked) {
    let Asked { timeframe, path, base_limit, from, to } = *asked;
    let truth = {
        let engine = TestEngine::open("2024-03-06T12:00:00Z", small_pages(base_limit)).await;
        vendor_bars(engine.sim.addr, "AAPL", timeframe, "2024-01-02", "2024-03-05").await
    };
    let mut pages = 0;
    for kind in [FaultKind::LaterDate, FaultKind::OtherDate] {
        for page in 1.. {
            let engine = TestEngine::open("2024-03-06T12:00:00Z", small_pages(base_limit)).await;
            engine.sim.add_fault(FaultRule::new(kind).on(path).page(page));
            let summary = engine.run(&["AAPL"], timeframe, Some(from), Some(to)).await;
            if engine.sim.faults()[0].fired == 0 {
                assert!(page > 1, "no page was struck");
                break;
            }
            pages += 1;
            let told = format!("{timeframe} from {from}, page {page}, {}", kind.name());
            assert_eq!(wrong(&engine, timeframe, &truth).await, 0, "{told}");
            assert!(summary.gaps_left > 0 && !summary.is_complete(), "{told}: {summary:?}");
            engine.sim.clear_faults();
            let summary = engine.run(&["AAPL"], timeframe, Some(from), Some(to)).await;
            assert_eq!((wrong(&engine, timeframe, &truth).await, summary.gaps_left), (0, 0), "{told}");
            engine.assert_as_vendor("AAPL", timeframe, from, to).await;
        }
    }
    assert!(pages >= 4, "{pages} pages");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_minutes_is_stored_a_day_off() {
    // A Monday to a Friday; within a week; over a closed Monday.
    for (from, to) in [("2024-02-05", "2024-02-16"), ("2024-02-06", "2024-02-08"), ("2024-02-15", "2024-02-22")] {
        let path = "/range/5/minute/";
        page_by_page(&Asked { timeframe: "5m", path, base_limit: 2_000, from, to }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_days_is_stored_a_day_off() {
    for (from, to) in [("2024-02-05", "2024-02-16"), ("2024-02-06", "2024-02-08"), ("2024-02-14", "2024-02-22")] {
        page_by_page(&Asked { timeframe: "1d", path: "/range/1/day/", base_limit: 2, from, to }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_one_page_is_not_stored_a_day_off() {
    for (timeframe, path, from, to) in [
        ("5m", "/range/5/minute/", "2024-02-05", "2024-02-07"),
        ("5m", "/range/5/minute/", "2024-02-07", "2024-02-07"),
        ("1d", "/range/1/day/", "2024-02-05", "2024-02-09"),
        ("1d", "/range/1/day/", "2024-02-06", "2024-02-07"),
    ] {
        for kind in [FaultKind::LaterDate, FaultKind::OtherDate] {
            let engine = TestEngine::open("2024-03-06T12:00:00Z", SimConfig::default()).await;
            let truth = vendor_bars(engine.sim.addr, "AAPL", timeframe, "2024-02-01", "2024-02-15").await;
            engine.sim.add_fault(FaultRule::new(kind).on(path));
            let summary = engine.run(&["AAPL"], timeframe, Some(from), Some(to)).await;
            let told = format!("{timeframe} {from} to {to}, {}", kind.name());
            assert_eq!(wrong(&engine, timeframe, &truth).await, 0, "{told}");
            assert!(!summary.is_complete(), "{told}: {summary:?}");
        }
    }
}

fn wish(from: &str, to: &str) -> Backfill {
    let selection = Selection {
        symbols: vec!["AAPL".parse().unwrap()],
        timeframes: Some(vec![Timeframe::M5]),
        from: Some(from.parse().unwrap()),
        to: Some(to.parse().unwrap()),
        class: Some(AssetClass::Stock),
        ..Selection::default()
    };
    Backfill::new(selection, Mode::Sequential, Trigger::Cli)
}

/// A vendor whose pages lead on as if their times were right: only the session that is missing before one tells.
#[tokio::test(start_paused = true)]
async fn a_page_that_begins_a_session_late_is_not_stored_when_that_session_has_bars() {
    for follows in [false, true] {
        let clock = Wall::at("2024-03-06T22:00:00Z");
        let vendor = Scripted::of(&["AAPL"], clock.clone()).paged(2_000).moving(follows, DAY);
        let rig = Rig::new(vendor, settings(RateLimit::Unlimited), clock).await;
        let summary = rig.run(&wish("2024-02-05", "2024-02-08")).await.unwrap();
        assert!(!summary.is_complete(), "{summary:?}");
        let id = rig.store.series().await.unwrap()[0].id;
        let stored = rig.store.bars(id, (..).into(), None).await.unwrap();
        assert_eq!(stored.is_empty(), !follows, "what came before the page stays");
        for row in stored {
            let mut minutes = (0..5).filter_map(|k| made_up("AAPL", row.bar.ts + k * MINUTE));
            assert_eq!(Some(row.bar.close), minutes.next_back().map(|bar| bar.close), "{}", row.bar.ts);
        }
    }
}

/// A vendor that sends yesterday's bars for today: they are those that are stored.
#[tokio::test(start_paused = true)]
async fn bars_that_are_stored_a_day_before_are_not_stored_again() {
    let clock = Wall::at("2024-03-06T22:00:00Z");
    let wednesday = AssetClass::Stock.midnight("2024-02-07".parse().unwrap());
    let copied = move |ticker: &str, minute: Ts| {
        let source = if minute >= wednesday { minute - DAY } else { minute };
        made_up(ticker, source).map(|bar| barkeep::market::Bar { ts: minute, ..bar })
    };
    let vendor = Scripted::of(&["AAPL"], clock.clone()).telling(copied);
    let rig = Rig::new(vendor, settings(RateLimit::Unlimited), clock).await;
    rig.run(&wish("2024-02-05", "2024-02-06")).await.unwrap();
    let summary = rig.run(&wish("2024-02-07", "2024-02-07")).await.unwrap();
    assert!(!summary.is_complete(), "{summary:?}");
    let id = rig.store.series().await.unwrap()[0].id;
    assert!(rig.store.bars(id, (wednesday..).into(), None).await.unwrap().is_empty());
}
