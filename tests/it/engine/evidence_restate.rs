//! Stored bars asked again, the plan's history, and where a symbol's history begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use barkeep::config::{Mode, RateLimit};
use barkeep::market::{Bar, Timeframe};
use barkeep::pipeline::Backfill;
use barkeep::pipeline::select::Selection;
use barkeep::service::Service;
use barkeep::sim::{FaultKind, FaultRule, Sim, SimConfig};
use barkeep::store::{CoverageState, ExecutionStatus, RequestPurpose, SeriesRow, Store, Trigger};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::bench::{Bench, quick_retries, summary_of};
use crate::support::databases::on_both;
use crate::support::engine::{TestEngine, at};
use crate::support::rig::{Rig, Wall, settings};
use crate::support::rows;
use crate::support::scripted::{Scripted, made_up};

const RANGE: [&str; 4] = ["--from", "2024-02-01", "--to", "2024-04-30"];

fn with<'a>(head: &[&'a str], tail: &[&'a str]) -> Vec<&'a str> {
    [head, &RANGE, tail].concat()
}

on_both!(a_correction_is_found_told_and_kept, SimConfig::default());
async fn a_correction_is_found_told_and_kept(bench: Bench) {
    let (code, first) = bench.backfill(&with(&["AAPL", "--timeframes", "1d"], &[])).await;
    assert_eq!(code, 0, "{first}");
    for key in [
        "execution_id",
        "status",
        "requests",
        "rate_limited",
        "retries",
        "bars_written",
        "bars_unchanged",
        "quarantined",
        "series_total",
        "series_failed",
        "gaps_left",
        "late",
        "suspect",
        "vendor_holes",
        "duration_seconds",
        "bars_late",
        "bars_changed",
        "rechecks",
        "largest_change_pct",
    ] {
        assert!(first.get(key).is_some(), "{key} is missing: {first}");
    }
    assert!(first["duration_seconds"].is_number() && first["largest_change_pct"].is_null(), "{first}");
    let stored = bench.stored().await;
    let coverage = bench.count("SELECT count(*) FROM coverage").await;

    // The vendor corrects the last bar of the range by 1 %.
    bench.sim.add_fault(FaultRule::new(FaultKind::RevisedBar).on("/ticker/AAPL/range/1/day"));
    let again = with(&["AAPL", "--timeframes", "1d"], &["--refetch"]);
    let (_, plan) = summary_of(&bench.run(&[&["plan", "--json"], &again[..]].concat()).await);
    assert_eq!(plan["requests"], 1, "{plan}");
    let (code, summary) = bench.backfill(&again).await;
    assert_eq!((code, summary["bars_changed"].as_u64()), (0, Some(1)), "{summary}");
    let largest = summary["largest_change_pct"].as_f64().unwrap();
    assert!((largest - 1.0).abs() < 0.05, "{summary}");
    assert_eq!(summary["bars_vanished"], 0, "{summary}");
    let now = bench.stored().await;
    assert_eq!(now.iter().filter(|(key, values)| stored[*key] != **values).count(), 1);
    assert_eq!(bench.count("SELECT count(*) FROM bar_revisions").await, 1);
    assert_eq!(bench.count("SELECT count(*) FROM vendor_requests WHERE purpose = 'verify'").await, 1);
    assert_eq!(bench.count("SELECT count(*) FROM coverage").await, coverage, "coverage was renewed, not changed");
    assert_eq!(bench.count("SELECT count(*) FROM alerts WHERE kind = 'restated' AND subject = 'AAPL'").await, 1);
    let changed = "SELECT CAST(sum(changed_bars) AS bigint) FROM scheduler_execution_log";
    assert_eq!(bench.count(changed).await, 1);

    // Without --json the cost comes first and the change is told in words.
    bench.sim.clear_faults();
    let output = bench.run(&[&["backfill", "--yes"], &again[..]].concat()).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("requests 1 ") && text.contains("1 bar changed: close by 1.0 % on average"), "{text}");
    assert_eq!(bench.stored().await, stored);
    bench.assert_settled(&with(&["AAPL", "--timeframes", "1d"], &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refetch_loses_nothing_it_did_not_renew() {
    let bench = Bench::sqlite(SimConfig { base_limit: 2_000, ..SimConfig::default() }).await;
    quick_retries(&bench);
    let args = with(&["AAPL", "--timeframes", "5m,1h,1d"], &[]);
    assert_eq!(bench.backfill(&args).await.0, 0);
    let stored = bench.stored().await;
    let again = with(&["AAPL", "--timeframes", "5m,1h,1d"], &["--refetch"]);
    for kind in [FaultKind::Status403Entitlement, FaultKind::Status403Timeframe, FaultKind::Status500] {
        bench.sim.add_fault(FaultRule::new(kind).on("/ticker/AAPL/range/"));
        let (code, summary) = bench.backfill(&again).await;
        assert!(code == 1 || kind == FaultKind::Status403Timeframe, "{kind:?}: {summary}");
        bench.sim.clear_faults();
        bench.assert_settled(&args).await;
    }
    // Killed in the middle of it, some pages renewed and some not.
    for requests in 1..4 {
        let seen = bench.sim.log().len();
        let mut child = bench.spawn(&[&["backfill", "--json"], &again[..]].concat());
        bench.until_asked(seen + requests).await;
        child.kill().await.unwrap();
        assert_eq!(bench.stored().await, stored);
        bench.assert_settled(&args).await;
    }
    let (code, summary) = bench.backfill(&again).await;
    assert_eq!((code, summary["bars_changed"].as_u64()), (0, Some(0)), "{summary}");
}

/// The one series of a store.
async fn only_series(store: &dyn Store) -> SeriesRow {
    store.series().await.unwrap().into_iter().next().unwrap()
}

fn refetch(from: &str) -> Selection {
    Selection {
        symbols: vec!["AAPL".parse().unwrap()],
        timeframes: Some(vec![Timeframe::D1]),
        from: Some(from.parse().unwrap()),
        refetch: true,
        ..Selection::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_company_under_the_ticker_overwrites_nothing() {
    let mut engine = TestEngine::open("2024-06-03T12:00:00Z", SimConfig::default()).await;
    engine.fill(&["AAPL"], "1d", "2023-06-01").await;
    let before = engine.bars("AAPL", "1d").await;
    let other = SimConfig { seed: 77, ..SimConfig::default() };
    let other = Sim::start("127.0.0.1:0".parse().unwrap(), other, engine.clock.clone()).await.unwrap();
    engine.settings.vendor.base_url = other.url().parse().unwrap();
    let summary = engine.select(refetch("2023-06-01")).await;
    assert_ne!(summary.status, ExecutionStatus::Completed, "{summary:?}");
    assert!(summary.unfinished[0].reason.contains("something else"), "{summary:?}");
    assert_eq!(engine.bars("AAPL", "1d").await, before);
    let alerts = engine.store.alerts(true, 10).await.unwrap();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!((alerts[0].kind.as_str(), alerts[0].subject.as_deref()), ("restated", Some("AAPL")));
    assert!(alerts[0].message.contains("reused"), "{alerts:?}");
    assert_eq!(only_series(engine.store.as_ref()).await.verified_at, None);
    // With the right vendor all is well again, and nothing was lost.
    engine.settings.vendor.base_url = engine.sim.url().parse().unwrap();
    let summary = engine.select(refetch("2023-06-01")).await;
    assert_eq!((summary.status, summary.bars_changed), (ExecutionStatus::Completed, 0), "{summary:?}");
    assert_eq!(engine.store.alerts(true, 10).await.unwrap(), []);
    assert!(only_series(engine.store.as_ref()).await.verified_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn rescaled_prices_and_bars_no_longer_sent_are_told() {
    // A Sunday: every bar is final.
    let clock = Wall::at("2024-06-02T12:00:00Z");
    let mode = Arc::new(AtomicU32::new(0));
    let (switch, split_day) = (Arc::clone(&mode), at("2024-04-15T04:00:00Z"));
    let gone = at("2024-05-01T04:00:00Z")..at("2024-05-04T04:00:00Z");
    let vendor = Scripted::of(&["AAPL"], clock.clone()).telling(move |ticker, minute| {
        let bar = made_up(ticker, minute)?;
        match switch.load(Ordering::Relaxed) {
            1 if minute < split_day => Some(Bar {
                open: bar.open / 4.0,
                high: bar.high / 4.0,
                low: bar.low / 4.0,
                close: bar.close / 4.0,
                vwap: bar.vwap.map(|vwap| vwap / 4.0),
                ..bar
            }),
            2 if gone.contains(&minute) => None,
            _ => Some(bar),
        }
    });
    let rig = Rig::new(vendor, settings(RateLimit::Unlimited), clock).await;
    let wish = |selection| Backfill::new(selection, Mode::Pipeline, Trigger::Cli);
    let fill = Selection { refetch: false, ..refetch("2024-03-01") };
    assert_eq!(rig.run(&wish(fill.clone())).await.unwrap().status, ExecutionStatus::Completed);
    let bars = only_series(rig.store.as_ref()).await.bar_count;

    mode.store(1, Ordering::Relaxed);
    let summary = rig.run(&wish(refetch("2024-03-01"))).await.unwrap();
    assert_eq!(summary.bars_changed, 30, "every session before the day: {summary:?}");
    let alerts = rig.store.alerts(true, 10).await.unwrap();
    assert!(
        alerts[0].message.contains("multiplied by 0.2500") && alerts[0].message.contains("2024-04-12"),
        "{alerts:?}"
    );

    mode.store(0, Ordering::Relaxed);
    rig.run(&wish(refetch("2024-03-01"))).await.unwrap();
    let again = rig.run(&wish(refetch("2024-03-01"))).await.unwrap();
    assert_eq!(again.bars_changed, 0);
    assert_eq!(rig.store.alerts(true, 10).await.unwrap(), [], "verified without a difference, it is over");

    mode.store(2, Ordering::Relaxed);
    let summary = rig.run(&wish(refetch("2024-03-01"))).await.unwrap();
    assert_eq!(summary.restated.bars_vanished, Some(3), "{summary:?}");
    let row = only_series(rig.store.as_ref()).await;
    assert_eq!(row.bar_count, bars, "final bars are never deleted");
    let calls = rig.vendor.calls().len();
    let summary = rig.run(&wish(fill)).await.unwrap();
    assert_eq!((summary.status, rig.vendor.calls().len() - calls), (ExecutionStatus::Completed, 0), "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plans_history_is_learned_rolls_and_grows_back() {
    let engine =
        TestEngine::open("2026-11-27T12:00:00Z", SimConfig { plan_years: Some(2), ..SimConfig::default() }).await;
    // One symbol that was listed long ago: two probes find where the plan begins.
    let summary = engine.run(&["AAPL"], "1d", Some("2024-01-02"), None).await;
    assert_eq!((summary.status, summary.gaps_left), (ExecutionStatus::Completed, 0), "{summary:?}");
    let starts = engine.store.plan_starts().await.unwrap();
    // The plan begins on 2024-11-27; the last refused session is the day before.
    assert_eq!(starts.len(), 1);
    assert_eq!(starts[0].starts_on.to_string(), "2024-11-27");
    assert_eq!(summary.plan_starts.len(), 1, "{summary:?}");
    let seen = engine.sim.log().len();
    let summary = engine.run(&["AAPL", "MSFT"], "1d", Some("2024-01-02"), None).await;
    assert_eq!((summary.status, summary.gaps_left), (ExecutionStatus::Completed, 0), "{summary:?}");
    let begun = engine.asked_from("/range/1/day/", seen);
    assert!(begun.iter().all(|from| *from >= at("2024-11-27T05:00:00Z")), "{begun:?}");

    // A window of two years begins two days later two days later.
    engine.set("2026-11-29T12:00:00Z");
    let seen = engine.sim.log().len();
    let summary = engine.run(&["NVDA"], "1d", Some("2024-01-02"), None).await;
    assert_eq!((summary.status, summary.gaps_left), (ExecutionStatus::Completed, 0), "{summary:?}");
    assert_eq!(summary.plan_starts[0].starts_on.to_string(), "2024-11-29");
    assert_eq!(engine.asked_from("/range/1/day/", seen), [at("2024-11-29T05:00:00Z")]);

    // Upgraded: a month later, or when stored bars are asked again, it is noticed.
    engine.sim.configure(&serde_json::from_str(r#"{"plan_years": null}"#).unwrap());
    engine.set("2027-01-04T12:00:00Z");
    let summary = engine.run(&["AAPL"], "1d", Some("2024-01-02"), None).await;
    assert_eq!((summary.status, summary.gaps_left), (ExecutionStatus::Completed, 0), "{summary:?}");
    assert_eq!(summary.plan_starts, []);
    assert_eq!(engine.bars("AAPL", "1d").await[0].bar.ts, at("2024-01-02T05:00:00Z"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symbol_that_was_not_listed_moves_no_plan() {
    let engine = TestEngine::open("2026-11-27T12:00:00Z", SimConfig::default()).await;
    let summary = engine.run(&["NEWCO"], "1d", Some("2016-01-04"), None).await;
    assert_eq!(summary.status, ExecutionStatus::Completed, "{summary:?}");
    assert!(engine.bars("NEWCO", "1d").await[0].bar.ts > at("2018-01-01T05:00:00Z"));
    assert_eq!(engine.store.plan_starts().await.unwrap(), []);
    // Half the range lies before the plan, and the symbol was listed after its beginning: only what was refused counts.
    let engine =
        TestEngine::open("2026-11-27T12:00:00Z", SimConfig { plan_years: Some(10), ..SimConfig::default() }).await;
    let summary = engine.run(&["NEWCO"], "1d", Some("2012-01-03"), None).await;
    assert_eq!(summary.status, ExecutionStatus::Completed, "{summary:?}");
    let starts = engine.store.plan_starts().await.unwrap();
    assert!(starts.iter().all(|start| start.starts_on < "2016-11-27".parse().unwrap()), "{starts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticker_outside_the_plan_stays_a_failure() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    quick_retries(&bench);
    for kind in [FaultKind::Status403Entitlement, FaultKind::Status403Timeframe] {
        bench.sim.add_fault(FaultRule::new(kind).on("/ticker/AAPL/"));
        let (code, summary) = bench.backfill(&["AAPL", "MSFT", "--timeframes", "1h"]).await;
        assert_eq!(code, 1, "{kind:?}: {summary}");
        assert_eq!(summary["series_failed"], 1, "{summary}");
        assert_eq!(bench.count("SELECT count(*) FROM plan_starts").await, 0);
        bench.sim.clear_faults();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn holes_in_stored_history_are_gaps_and_since_says_where_it_begins() {
    let engine = TestEngine::open("2024-06-03T12:00:00Z", SimConfig::default()).await;
    engine.run(&["AAPL"], "1d", Some("2021-01-04"), Some("2021-02-26")).await;
    let seen = engine.sim.log().len();
    let summary = engine.run(&["AAPL"], "1d", None, None).await;
    assert_eq!((summary.status, summary.gaps_left), (ExecutionStatus::Completed, 0), "{summary:?}");
    let asked = engine.asked_from("/range/1/day/", seen);
    assert_eq!(asked, [at("2021-02-27T05:00:00Z")], "from where the stored history breaks off");

    let mut rows = engine.store.symbols().await.unwrap();
    let msft = rows::symbol("MSFT", &[Timeframe::D1]);
    rows.push(barkeep::store::SymbolRow { history_from: Some("2023-03-01".parse().unwrap()), ..msft });
    engine.store.put_symbols(&rows).await.unwrap();
    engine.run(&["MSFT"], "1d", None, None).await;
    assert_eq!(engine.bars("MSFT", "1d").await[0].bar.ts, at("2023-03-01T05:00:00Z"));
    engine.run(&["MSFT"], "1d", Some("2023-01-03"), None).await;
    assert_eq!(engine.bars("MSFT", "1d").await[0].bar.ts, at("2023-01-03T05:00:00Z"), "who names a day means it");
}

#[tokio::test(flavor = "multi_thread")]
async fn since_is_set_and_cleared_on_the_command_line() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let json = async |args: &[&str]| -> Value {
        let output = bench.run(args).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let added = json(&["symbols", "add", "AAPL", "--since", "2020-01-02", "--json"]).await;
    assert_eq!(added["added"][0]["history_from"], "2020-01-02");
    let set = json(&["symbols", "set", "AAPL", "--since", "2021-01-04", "--json"]).await;
    assert_eq!(set["history_from"], "2021-01-04");
    let cleared = json(&["symbols", "set", "AAPL", "--since", "none", "--json"]).await;
    assert!(cleared["history_from"].is_null());
    let wrong = bench.run(&["symbols", "set", "AAPL", "--since", "soon"]).await;
    assert_eq!(wrong.status.code(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn with_nothing_else_to_do_daily_history_is_verified_oldest_first() {
    let clock = Wall::at("2024-06-03T12:00:00Z");
    let names = ["AAPL", "MSFT", "NVDA"];
    let vendor = Scripted::of(&names, clock.clone()).after(Duration::from_millis(200));
    let mut settings = settings(RateLimit::PerMinute(5));
    settings.backfill.history = Duration::from_hours(24 * 60);
    let rig = Rig::new(vendor, settings, clock.clone()).await;
    let now = at("2024-06-03T12:00:00Z");
    let added = |name, days: i64| barkeep::store::SymbolRow {
        added_at: now - days * barkeep::market::ts::DAY,
        ..rows::symbol(name, &[Timeframe::D1])
    };
    // Of these, one is not due yet.
    let symbols = [added("AAPL", 40), added("MSFT", 50), added("NVDA", 1)];
    rig.store.put_symbols(&symbols).await.unwrap();
    let (service, _handle) = Service::new(rig.engine.clone(), None);
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(service.run(shutdown.clone()));
    tokio::time::sleep(Duration::from_mins(12)).await;
    shutdown.cancel();
    task.await.unwrap().unwrap();

    let requests = rig.store.requests(&barkeep::store::RequestFilter::default(), 1_000).await.unwrap();
    let mut verified: Vec<_> = requests.iter().filter(|row| row.purpose == RequestPurpose::Verify).collect();
    verified.sort_by_key(|row| row.started_at);
    let asked: Vec<_> = verified.iter().filter_map(|row| row.ticker.as_deref()).collect();
    assert_eq!(asked, ["MSFT", "AAPL"], "one a minute, the oldest first, each once");
    assert!(verified[1].started_at - verified[0].started_at >= 60_000);
    let filled = requests.iter().filter(|row| row.purpose == RequestPurpose::Backfill);
    assert!(filled.map(|row| row.started_at).max() < Some(verified[0].started_at), "whatever is missing goes first");
    for row in rig.store.series().await.unwrap() {
        assert_eq!(row.verified_at.is_some(), row.symbol.as_str() != "NVDA", "{row:?}");
    }
    let ids: Vec<_> = rig.store.series().await.unwrap().iter().map(|row| row.id).collect();
    let coverage = rig.store.coverage(&ids).await.unwrap();
    assert!(coverage.iter().flat_map(|(_, rows)| rows).all(|row| row.state != CoverageState::NotEntitled));
}
