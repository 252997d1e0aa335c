//! Defects seen in other programs that fill bar databases, each turned into a test here or elsewhere:
//!
//! | defect | test |
//! |---|---|
//! | a) an error in the middle is swallowed and the end counts as done | `backfill::a_bad_third_page_of_seven_never_leaves_a_bad_row` |
//! | b), c) following pages are never asked for | `backfill::a_year_of_three_symbols` (five pages a symbol), `backfill::killed_at_any_moment` |
//! | f) less concurrency, but only in the log | `fewer_at_once_means_fewer_at_the_vendor` |
//! | g) the cost estimate ignores what is there already | `the_estimate_is_what_is_asked` |
//! | i) holidays are asked for again and again | `a_holiday_is_no_gap`, `real_days::a_holiday` |
//! | k) progress beyond 100 % | `progress_rises_to_one` |
//! | l) the first wait after a 429 is none | `the_first_wait_after_a_429_is_not_none` |
//! | m) rows twice | `backfill::killed_at_any_moment`, `one_row_per_session_however_it_was_asked` |
//! | n) an upsert that keeps the old prices | `provisional::a_revision_of_a_recent_bar_is_taken_and_the_old_values_are_kept` |
//! | o) a rejected bar leaves a hole that is asked for daily | `a_quarantined_bar_is_not_asked_again` |
//! | p) made-up rows where nothing traded | `a_minute_without_a_trade_has_no_row`, `real_days::a_halt` |
//! | q) volume as a whole number | `volume_keeps_its_fraction` |
//! | r) two keys for one daily bar | `one_row_per_session_however_it_was_asked` |
//! | u) stopping and going on loses the place | `backfill::an_interrupted_run_keeps_what_it_has` |
//! | v) the next page's address takes the key to another host | `the_key_stays_with_the_vendor` |

use std::collections::HashMap;
use std::time::Duration;

use barkeep::pipeline::events::Event;
use barkeep::sim::{FaultKind, FaultRule, SimConfig};

use crate::support::bench::{Bench, assert_same, configure, quick_retries, series, summary_of};
use crate::support::databases::on_both;
use crate::support::engine::TestEngine;

/// Most requests that were under way at the vendor together.
fn most_at_once(bench: &Bench) -> usize {
    let log = bench.sim.log();
    let under_way = |t: u64| log.iter().filter(|r| r.at_ms <= t && t < r.at_ms + r.took_ms).count();
    log.iter().map(|r| under_way(r.at_ms)).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_at_once_means_fewer_at_the_vendor() {
    let symbols = ["AAPL", "MSFT", "QQQ", "IWM", "NVDA", "TSLA"];
    let range = ["--timeframes", "5m", "--from", "2024-03-04", "--to", "2024-03-08"];
    for (mode, concurrency, least, most) in [("sequential", 8, 1, 1), ("pipeline", 2, 2, 2), ("pipeline", 5, 3, 5)] {
        let config = SimConfig { latency: Duration::from_millis(60), ..SimConfig::default() };
        let bench = Bench::sqlite(config).await;
        configure(&bench, &format!("backfill:\n  concurrency: {concurrency}\n"));
        let args = [&symbols[..], &range, &["--mode", mode]].concat();
        let (code, summary) = bench.backfill(&args).await;
        assert_eq!(code, 0, "{summary}");
        let seen = most_at_once(&bench);
        assert!((least..=most).contains(&seen), "{mode} with {concurrency}: {seen} at once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_estimate_is_what_is_asked() {
    // A whole-market answer of the simulated vendor holds these and whatever was asked before.
    let symbols = ["AAPL", "SPY", "QQQ", "IWM", "MSFT"].map(str::to_owned).to_vec();
    let bench = Bench::sqlite(SimConfig { symbols, ..SimConfig::default() }).await;
    let scenarios: [(&str, &[&str]); 7] = [
        ("nothing stored", &["AAPL", "BTC", "--timeframes", "5m,1h,1d", "--from", "2024-02-01", "--to", "2024-02-29"]),
        ("everything stored", &["AAPL", "BTC", "--timeframes", "5m,1d", "--from", "2024-02-05", "--to", "2024-02-16"]),
        ("gaps on both sides", &["AAPL", "--timeframes", "5m,1d", "--from", "2024-01-02", "--to", "2024-03-28"]),
        ("many pages", &["BTC", "--timeframes", "5m", "--from", "2023-06-01", "--to", "2024-03-28"]),
        ("a coarser timeframe", &["AAPL", "--timeframes", "4h", "--from", "2024-01-02", "--to", "2024-03-28"]),
        ("a finer timeframe", &["AAPL", "--timeframes", "1m", "--from", "2024-03-01", "--to", "2024-03-28"]),
        (
            "a date of many",
            &["AAPL", "SPY", "QQQ", "IWM", "MSFT", "--timeframes", "1d", "--from", "2024-04-02", "--to", "2024-04-02"],
        ),
    ];
    for (what, args) in scenarios {
        let (code, plan) = summary_of(&bench.run(&[&["plan", "--json"], args].concat()).await);
        assert_eq!((code, plan["optimal"].as_bool()), (0, Some(true)), "{what}: {plan}");
        let seen = bench.sim.log().len() as u64;
        let (code, summary) = bench.backfill(args).await;
        assert_eq!(code, 0, "{what}: {summary}");
        assert_eq!(summary["requests"], plan["requests"], "{what}: {plan}");
        assert_eq!(bench.sim.log().len() as u64 - seen, plan["requests"].as_u64().unwrap(), "{what}");
        let free = ["everything stored", "a coarser timeframe"].contains(&what);
        assert_eq!(plan["requests"] == 0, free, "{what}: {plan}");
    }
}

on_both!(a_holiday_is_no_gap, SimConfig::default());
async fn a_holiday_is_no_gap(bench: Bench) {
    // Good Friday 2024-03-29 and the weekend: nothing to ask at all.
    let holiday = ["AAPL", "--timeframes", "5m,1d", "--from", "2024-03-29", "--to", "2024-03-31"];
    let (code, summary) = bench.backfill(&holiday).await;
    assert_eq!((code, summary["gaps_left"].as_u64(), summary["bars_written"].as_u64()), (0, Some(0), Some(0)));
    assert_eq!(bench.asked("/range/") + bench.asked("/grouped/"), 0, "{summary}");
    let around = ["AAPL", "--timeframes", "5m,1d", "--from", "2024-03-25", "--to", "2024-04-05"];
    assert_eq!(bench.backfill(&around).await.0, 0);
    bench.assert_settled(&around).await;
    bench.assert_settled(&holiday).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_rises_to_one() {
    let console =
        TestEngine::open("2024-04-02T01:00:00Z", SimConfig { base_limit: 2_000, ..SimConfig::default() }).await;
    console.fill(&["AAPL", "BTC"], "5m,1h,1d", "2024-03-01").await;
    let mut progress: HashMap<u64, f64> = HashMap::new();
    let mut reports = 0;
    for event in console.heard.events() {
        if let Event::Committed { item: Some(item), done, .. } = event {
            let before = progress.insert(item, done).unwrap_or(0.0);
            assert!((before..=1.0).contains(&done), "item {item} went from {before} to {done}");
            reports += 1;
        }
    }
    assert!(reports > 20 && progress.len() >= 4, "{reports} reports of {} items", progress.len());
    assert!(progress.values().all(|done| *done == 1.0), "{progress:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_wait_after_a_429_is_not_none() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    quick_retries(&bench);
    let once = FaultRule { times: Some(1), ..FaultRule::new(FaultKind::Status429) };
    bench.sim.add_fault(FaultRule { path_contains: Some("/range/".into()), ..once });
    let args = ["AAPL", "BTC", "--timeframes", "5m,1d", "--from", "2024-03-04", "--to", "2024-03-08"];
    let (code, summary) = bench.backfill(&args).await;
    assert_eq!((code, summary["rate_limited"].as_u64()), (0, Some(1)), "{summary}");
    let log = bench.sim.log();
    let refused = log.iter().find(|r| r.status == 429).expect("a 429");
    // Requests under way together with it may still arrive; none starts after its answer for a second.
    let answered = refused.at_ms + refused.took_ms;
    let again = log.iter().filter(|r| r.at_ms > answered + 100).map(|r| r.at_ms).min().expect("a retry");
    assert!(again >= answered + 900, "asked again after {} ms", again - answered);
}

on_both!(a_quarantined_bar_is_not_asked_again, SimConfig::default());
async fn a_quarantined_bar_is_not_asked_again(bench: Bench) {
    let rule = FaultRule::new(FaultKind::BrokenOhlc);
    bench.sim.add_fault(FaultRule { path_contains: Some("/5/minute/".into()), ..rule });
    let args = ["AAPL", "--timeframes", "5m,1h", "--from", "2024-03-04", "--to", "2024-03-08"];
    let (code, summary) = bench.backfill(&args).await;
    assert_eq!((code, summary["quarantined"].as_u64()), (1, Some(1)), "{summary}");
    bench.sim.clear_faults();
    bench.assert_settled(&args).await;
    let vendor = bench.vendor_bars("AAPL", "5m", "2024-03-04", "2024-03-08").await;
    assert_eq!(series(&bench.stored().await, "AAPL", "5m").len(), vendor.len() - 1);

    // Decided by an operator, either way, it stays settled.
    let list = bench.run(&["quarantine", "list", "--json"]).await;
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert!(list.to_string().contains("AAPL"), "{list}");
    let id = bench.count("SELECT CAST(id AS bigint) FROM bar_quarantine").await.to_string();
    let output = bench.run(&["quarantine", "reject", &id]).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    bench.assert_settled(&args).await;
}

on_both!(a_minute_without_a_trade_has_no_row, SimConfig::default());
async fn a_minute_without_a_trade_has_no_row(bench: Bench) {
    // Names are thin by chance; the first of these that trades in less than half of its minutes will do.
    let range = ("2024-03-04", "2024-03-08");
    let minutes_of_a_week = 5 * 960;
    for name in ('A'..='Z').map(|c| format!("THIN{c}")) {
        let vendor = bench.vendor_bars(&name, "1m", range.0, range.1).await;
        if vendor.is_empty() || vendor.len() * 2 > minutes_of_a_week {
            continue;
        }
        let args = [&name, "--timeframes", "1m,5m", "--from", range.0, "--to", range.1];
        let (code, summary) = bench.backfill(&args).await;
        assert_eq!((code, summary["gaps_left"].as_u64()), (0, Some(0)), "{summary}");
        let stored = bench.stored().await;
        assert_same(&stored, &name, "1m", &vendor);
        assert_same(&stored, &name, "5m", &bench.vendor_bars(&name, "5m", range.0, range.1).await);
        return bench.assert_settled(&args).await;
    }
    panic!("no thin symbol");
}

on_both!(volume_keeps_its_fraction, SimConfig::default());
async fn volume_keeps_its_fraction(bench: Bench) {
    let args = ["BTC", "--timeframes", "1m,1d", "--from", "2024-03-04", "--to", "2024-03-05"];
    assert_eq!(bench.backfill(&args).await.0, 0);
    let stored = bench.stored().await;
    for tf in ["1m", "1d"] {
        let vendor = bench.vendor_bars("X:BTCUSD", tf, "2024-03-04", "2024-03-05").await;
        assert!(vendor.values().any(|bar| bar.4.fract() != 0.0), "the vendor has whole volumes only");
        assert_eq!(series(&stored, "BTC", tf), vendor, "{tf}, to the bit");
    }
}

on_both!(one_row_per_session_however_it_was_asked, SimConfig::default());
async fn one_row_per_session_however_it_was_asked(bench: Bench) {
    let many = ["AAPL", "SPY", "QQQ", "IWM", "MSFT", "NVDA"];
    // Ranges for one, then whole-market dates for many over the same days, then a range over all: the grouped answers
    // carry 16:00 New York, the ranges midnight, over a change of clocks.
    let day =
        |symbols: &[&'static str], from, to| [symbols, &["--timeframes", "1d", "--from", from, "--to", to]].concat();
    assert_eq!(bench.backfill(&day(&["AAPL"], "2024-03-01", "2024-03-15")).await.0, 0);
    for date in ["2024-03-08", "2024-03-11"] {
        assert_eq!(bench.backfill(&day(&many, date, date)).await.0, 0);
    }
    assert!(bench.asked("/grouped/") >= 2, "no whole-market date was asked");
    assert_eq!(bench.backfill(&day(&many, "2024-03-01", "2024-03-20")).await.0, 0);
    let stored = bench.stored().await;
    for name in many {
        assert_same(&stored, name, "1d", &bench.vendor_bars(name, "1d", "2024-03-01", "2024-03-20").await);
    }
    assert_eq!(stored.len(), many.len() * 14, "14 sessions");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_stays_with_the_vendor() {
    let stranger = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", stranger.local_addr().unwrap());
    let bench = Bench::sqlite(SimConfig { base_limit: 500, ..SimConfig::default() }).await;
    quick_retries(&bench);
    for kind in [FaultKind::ForeignNextUrl, FaultKind::Redirect] {
        let page = (kind == FaultKind::ForeignNextUrl).then_some(2);
        let rule = FaultRule { path_contains: Some("/range/".into()), page, ..FaultRule::new(kind) };
        bench.sim.add_fault(rule.target(&origin));
        let from = if kind == FaultKind::Redirect { "2024-02-01" } else { "2024-03-04" };
        let args = ["AAPL", "--timeframes", "5m", "--from", from, "--to", "2024-03-15"];
        let (code, summary) = bench.backfill(&args).await;
        assert!(bench.sim.faults().iter().all(|f| f.fired > 0), "{} never struck", kind.name());
        bench.sim.clear_faults();
        assert_eq!(code, i32::from(kind == FaultKind::Redirect), "{summary}");
        if kind == FaultKind::ForeignNextUrl {
            assert_same(
                &bench.stored().await,
                "AAPL",
                "5m",
                &bench.vendor_bars("AAPL", "5m", "2024-03-04", "2024-03-15").await,
            );
        }
        let visit = tokio::time::timeout(Duration::from_millis(50), stranger.accept()).await;
        assert!(visit.is_err(), "{}: the client went to another host", kind.name());
    }
}
