//! The main job, end to end: the real binary, a real HTTP vendor, real databases.

use std::collections::BTreeMap;
use std::time::Duration;

use barkeep::sim::{FaultKind, FaultRule, SimConfig, SimDelay};
use serde_json::{Value, json};

use crate::support::bench::{Bars, Bench, Values, assert_same, quick_retries, summary_of};
use crate::support::databases::on_both;

const MINUTES: [&str; 4] = ["5m", "15m", "1h", "4h"];

/// Compares every asked timeframe of a symbol with the vendor's own bars of that timeframe.
async fn assert_equal_to_vendor(
    bench: &Bench,
    stored: &Bars,
    symbol: &str,
    ticker: &str,
    tfs: &[&str],
    from: &str,
    to: &str,
) {
    for tf in tfs {
        let vendor = bench.vendor_bars(ticker, tf, from, to).await;
        assert!(!vendor.is_empty(), "the vendor has no {symbol} {tf}; the comparison would be empty");
        assert_same(stored, symbol, tf, &vendor);
    }
}

on_both!(a_year_of_three_symbols, SimConfig::default());
async fn a_year_of_three_symbols(bench: Bench) {
    let (from, to) = ("2024-01-01", "2024-12-30");
    let args = ["AAPL", "SPY", "BTC", "--timeframes", "5m,15m,1h,4h,1d", "--from", from, "--to", to];
    let (code, first) = bench.backfill(&args).await;
    assert_eq!((code, first["status"].as_str()), (0, Some("completed")), "{first}");
    assert_eq!((first["series_total"].as_u64(), first["gaps_left"].as_u64()), (Some(15), Some(0)));
    for ticker in ["AAPL", "SPY"] {
        let asked = bench.asked(&format!("/ticker/{ticker}/range/5/minute/"));
        assert!((1..=6).contains(&asked), "{ticker}: {asked} minute-family requests");
    }
    for other in ["/15/minute/", "/1/hour/", "/4/hour/"] {
        assert_eq!(bench.asked(other), 0, "coarser timeframes are derived, not asked");
    }
    let stored = bench.stored().await;
    assert_eq!(first["bars_written"].as_u64(), Some(stored.len() as u64));
    for (symbol, ticker) in [("AAPL", "AAPL"), ("SPY", "SPY"), ("BTC", "X:BTCUSD")] {
        let tfs = [&MINUTES[..], &["1d"]].concat();
        assert_equal_to_vendor(&bench, &stored, symbol, ticker, &tfs, from, to).await;
    }

    let (code, again) = bench.backfill(&args).await;
    assert_eq!(code, 0, "{again}");
    assert_eq!((again["bars_written"].as_u64(), again["requests"].as_u64()), (Some(0), Some(0)), "{again}");
    assert_eq!(bench.stored().await, stored);

    let seen = bench.sim.log().len();
    let wider = ["AAPL", "--timeframes", "5m,15m,1h,4h,1d", "--from", "2023-12-01", "--to", to];
    let (code, widened) = bench.backfill(&wider).await;
    assert_eq!(code, 0, "{widened}");
    for request in bench.sim.log().iter().skip(seen).filter(|r| r.target.contains("/range/")) {
        let end = request.target.split('?').next().unwrap().rsplit('/').next().unwrap();
        let old_start = 1_704_085_200_000_i64; // 2024-01-01T05:00Z
        let early = end.parse::<i64>().map_or_else(|_| end < "2024-01-02", |ms| ms <= old_start);
        assert!(early, "asks again for what is stored: {}", request.target);
    }
    let stored = bench.stored().await;
    assert_equal_to_vendor(&bench, &stored, "AAPL", "AAPL", &["5m", "4h", "1d"], "2023-12-01", to).await;
}

on_both!(
    a_run_under_way_or_killed_says_what_it_did,
    SimConfig { base_limit: 2_000, pages_allowed: Some(3), ..SimConfig::default() }
);
async fn a_run_under_way_or_killed_says_what_it_did(bench: Bench) {
    let args = ["--timeframes", "5m", "--from", "2024-02-01", "--to", "2024-03-29"];
    let mut child = bench.spawn(&[&["backfill", "--json", "AAPL"], &args[..]].concat());
    // Splits and three pages.
    bench.until_asked(4).await;
    let stored = async {
        while bench.count("SELECT count(*) FROM vendor_requests").await < 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), stored).await.expect("four requests are stored");
    let bars = bench.count("SELECT count(*) FROM bars").await;
    let shown = async || {
        let output = bench.run(&["status", "--json"]).await;
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        let run = status["executions"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((run["requests"].as_i64(), run["total_records_processed"].as_i64()), (Some(4), Some(bars)), "{run}");
        let history = bench.run(&["history", run["execution_id"].as_str().unwrap()]).await;
        let history = String::from_utf8(history.stdout).unwrap();
        let series = history.lines().find(|line| line.starts_with("AAPL")).unwrap().to_owned();
        let text = String::from_utf8(bench.run(&["status"]).await.stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with("last run")).unwrap().to_owned();
        (run["status"].as_str().unwrap().to_owned(), series, line)
    };
    let said = format!("4 requests, {} bars", barkeep::base::format::count(bars));
    let (status, series, line) = shown().await;
    assert!(status == "running" && series.contains("in progress"), "{status} {series}");
    assert!(line.contains("running  1 symbol, ") && line.ends_with(&said), "{line}");
    child.kill().await.unwrap();
    let (status, series, line) = shown().await;
    assert!(status == "running" && series.contains("interrupted"), "{status} {series}");
    assert!(line.contains("running (its process is gone)  1 symbol, ") && line.ends_with(&said), "{line}");
    // The next one that works closes it, and what it did stays.
    bench.sim.allow_all_pages();
    let (code, summary) = bench.backfill(&[&["MSFT"], &args[..]].concat()).await;
    assert_eq!(code, 0, "{summary}");
    let (status, series, _) = shown().await;
    assert!(status == "interrupted" && series.contains("interrupted"), "{status} {series}");
}

on_both!(
    killed_at_any_moment,
    SimConfig { base_limit: 4_000, latency: Duration::from_millis(15), ..SimConfig::default() }
);
async fn killed_at_any_moment(bench: Bench) {
    let (from, to) = ("2024-02-01", "2024-03-29");
    let args = ["backfill", "--json", "AAPL", "MSFT", "ETH", "--timeframes", "5m,1h,1d", "--from", from, "--to", to];
    let mut kills = 0;
    let (code, summary) = loop {
        let mut child = bench.spawn(&args);
        // Some requests into the run and a little later, each time elsewhere: 17 is coprime to every period in the
        // program. Every fifth time already while it starts.
        let requests = if kills % 5 == 4 { 0 } else { bench.sim.log().len() + 1 + kills % 3 };
        let a_little = Duration::from_millis(kills as u64 * 17 % 60);
        let moment = async {
            bench.until_asked(requests).await;
            tokio::time::sleep(a_little).await;
        };
        if kills == 25 {
            break summary_of(&child.wait_with_output().await.unwrap());
        }
        tokio::select! {
            ended = child.wait() => break (ended.unwrap().code().unwrap_or(-1), json!(null)),
            () = moment => {
                child.kill().await.unwrap();
                kills += 1;
            }
        }
    };
    assert_eq!(code, 0, "{summary}");
    assert!(kills >= 8, "only {kills} kills hit the run");
    let asked = bench.asked("/5/minute/") as i64;
    let stored = bench.stored().await;
    for (symbol, ticker) in [("AAPL", "AAPL"), ("MSFT", "MSFT"), ("ETH", "X:ETHUSD")] {
        assert_equal_to_vendor(&bench, &stored, symbol, ticker, &["5m", "1h", "1d"], from, to).await;
    }
    // What is committed is never asked again: every 5-minute bar came in exactly one committed page.
    let committed = bench
        .count("SELECT CAST(sum(row_count) AS bigint) FROM vendor_requests WHERE endpoint = 'aggregates' AND timeframe = '5m'")
        .await;
    let bars = stored.keys().filter(|(_, timeframe, _)| timeframe == "5m").count();
    assert_eq!(committed, bars as i64);
    // What was asked and not committed was in flight: three series with one page on its way and three waiting each.
    let pages =
        bench.count("SELECT count(*) FROM vendor_requests WHERE endpoint = 'aggregates' AND timeframe = '5m'").await;
    let lost = asked - pages;
    assert!((1..=12 * kills as i64).contains(&lost), "{lost} pages lost by {kills} kills");
    let running = bench.count("SELECT count(*) FROM scheduler_execution_log WHERE status = 'running'").await;
    assert_eq!(running, 0, "no row may stay running for a dead process");
    // Each run says how many requests it made, however it ended.
    let wrong = bench
        .count(
            "SELECT count(*) FROM scheduler_execution_log AS e WHERE e.requests <>
                 (SELECT count(*) FROM vendor_requests AS r WHERE r.execution_id = e.execution_id)",
        )
        .await;
    assert_eq!(wrong, 0);
    let undisturbed = Bench::sqlite(SimConfig { base_limit: 4_000, ..SimConfig::default() }).await;
    let (code, _) = undisturbed.backfill(&args[2..]).await;
    assert_eq!(code, 0);
    assert_eq!(stored, undisturbed.stored().await, "rows differ from a run without kills");
}

/// What a fault on page 3 must lead to.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    /// The page is refused: the series fails, its gap stays open, the next run closes it.
    Gap,
    /// Single bars go to quarantine, the rest is stored, nothing is asked again.
    Quarantine,
    /// The client copes.
    Fine,
}

fn outcome(kind: FaultKind) -> Option<Outcome> {
    use FaultKind as F;
    Some(match kind {
        F::Status400
        | F::Status404
        | F::Status408
        | F::Status500
        | F::Status502
        | F::Status503
        | F::Status504
        | F::Html502
        | F::Html503
        | F::Html200
        | F::EmptyBody
        | F::TruncatedJson
        | F::TruncatedBody
        | F::CutGzip
        | F::ErrorIn200
        | F::NotJson
        | F::WrongTypes
        | F::NullField
        | F::NanLiteral
        | F::SecondsForMs
        | F::OutsideRange
        | F::WrongTicker
        | F::CountMismatch
        | F::RepeatedPage
        | F::AbaLoop
        | F::ForeignNextUrl
        | F::MissingResults
        | F::Reset
        | F::Redirect => Outcome::Gap,
        F::OffGrid | F::BrokenOhlc | F::ZeroPrice | F::NegativeVolume | F::ConflictingDuplicate => Outcome::Quarantine,
        // AAPL has no split here, so an answer that says it is adjusted holds the same prices.
        F::DuplicateRows | F::OutOfOrder | F::EmptyPageWithNext | F::AdjustedTrue => Outcome::Fine,
        _ => return None,
    })
}

/// Every stored bar of a symbol is one the vendor has, value for value.
fn assert_subset(stored: &Bars, symbol: &str, tf: &str, vendor: &BTreeMap<i64, Values>, why: &str) -> usize {
    let mine: BTreeMap<i64, &Values> =
        stored.iter().filter(|((s, t, _), _)| s == symbol && t == tf).map(|((_, _, t), v)| (*t, v)).collect();
    for (t, values) in &mine {
        assert_eq!(Some(*values), vendor.get(t), "{why}: a bar the vendor does not have at {t}");
    }
    mine.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_third_page_of_seven_never_leaves_a_bad_row() {
    let (from, to) = ("2024-02-01", "2024-03-08");
    let mut tried = 0;
    for kind in FaultKind::ALL {
        let Some(expected) = outcome(*kind) else { continue };
        let name = kind.name();
        let bench = Bench::sqlite(SimConfig { base_limit: 3_000, ..SimConfig::default() }).await;
        quick_retries(&bench);
        let rule = json!({"kind": name, "path_contains": "/ticker/AAPL/range/5/minute", "page": 3});
        let rule: FaultRule = serde_json::from_value(rule).unwrap();
        bench.sim.add_fault(rule);
        let args = ["AAPL", "MSFT", "--timeframes", "5m,15m,1d", "--from", from, "--to", to];
        let (code, summary) = bench.backfill(&args).await;
        assert!(bench.sim.faults().iter().any(|f| f.fired > 0), "{name} never struck");
        bench.sim.clear_faults();
        let vendor = bench.vendor_bars("AAPL", "5m", from, to).await;
        let stored = bench.stored().await;
        for tf in ["5m", "15m", "1d"] {
            assert_same(&stored, "MSFT", tf, &bench.vendor_bars("MSFT", tf, from, to).await);
        }
        assert_same(&stored, "AAPL", "1d", &bench.vendor_bars("AAPL", "1d", from, to).await);
        match expected {
            Outcome::Gap => {
                assert_eq!(code, 1, "{name}: {summary}");
                assert_eq!(summary["status"], "completed_with_errors", "{name}: {summary}");
                assert!(summary["gaps_left"].as_u64() >= Some(1), "{name}: {summary}");
                let got = assert_subset(&stored, "AAPL", "5m", &vendor, name);
                assert!(got > 0 && got < vendor.len(), "{name}: {got} of {} bars", vendor.len());
                let reasons = bench.count("SELECT count(*) FROM symbol_computation_status WHERE status = 'failed' AND error_message <> ''").await;
                assert_eq!(reasons, 2, "{name}: both minute series say why");
            }
            Outcome::Quarantine => {
                assert_eq!((code, &summary["status"]), (1, &json!("completed")), "{name}: {summary}");
                assert!(summary["quarantined"].as_u64() >= Some(1), "{name}: {summary}");
                let got = assert_subset(&stored, "AAPL", "5m", &vendor, name);
                assert!(got < vendor.len(), "{name}: the bad bar is stored");
            }
            Outcome::Fine => {
                assert_eq!(code, 0, "{name}: {summary}");
                assert_same(&stored, "AAPL", "5m", &vendor);
            }
        }
        let (code, later) = bench.backfill(&args).await;
        assert_eq!(code, 0, "{name}, later run: {later}");
        if expected == Outcome::Gap {
            let stored = bench.stored().await;
            assert_same(&stored, "AAPL", "5m", &vendor);
            assert_same(&stored, "AAPL", "15m", &bench.vendor_bars("AAPL", "15m", from, to).await);
        } else {
            assert_eq!(later["requests"], 0, "{name}: nothing is asked again: {later}");
        }
        tried += 1;
    }
    assert!(tried >= 35, "only {tried} faults were tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn adjusted_prices_are_refused_where_a_split_has_happened_since() {
    let split = barkeep::market::split::Split { date: "2024-06-10".parse().unwrap(), from: 1.0, to: 10.0 };
    let config = SimConfig { splits: vec![("AAPL".to_owned(), split)], base_limit: 3_000, ..SimConfig::default() };
    let bench = Bench::sqlite(config).await;
    quick_retries(&bench);
    bench.sim.add_fault(FaultRule::new(FaultKind::AdjustedTrue).on("/ticker/AAPL/range/5/minute").page(2));
    let args = ["AAPL", "--timeframes", "5m", "--from", "2024-05-20", "--to", "2024-06-05"];
    let (code, summary) = bench.backfill(&args).await;
    assert_eq!(code, 1, "{summary}");
    assert!(summary["unfinished"][0]["reason"].as_str().unwrap().contains("adjusted"), "{summary}");
    bench.sim.clear_faults();
    assert_eq!(bench.backfill(&args).await.0, 0);
    assert_same(&bench.stored().await, "AAPL", "5m", &bench.vendor_bars("AAPL", "5m", args[4], args[6]).await);
}

on_both!(a_refused_key_leaves_nothing, SimConfig { keys: Some(vec!["the right one".into()]), ..SimConfig::default() });
async fn a_refused_key_leaves_nothing(bench: Bench) {
    for symbols in [&["AAPL", "SPY", "BTC"][..], &["BTC"]] {
        let output =
            bench.run(&[&["backfill", "--json", "--from", "2024-01-02", "--to", "2024-01-05"], symbols].concat()).await;
        assert_eq!(output.status.code(), Some(3));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("key") && !error.contains("key-of-the-tests"), "{error}");
    }
    for table in ["bars", "symbols", "series", "coverage", "scheduler_execution_log", "symbol_computation_status"] {
        let sql: &'static str = format!("SELECT count(*) FROM {table}").leak();
        assert_eq!(bench.count(sql).await, 0, "{table}");
    }
    assert!(bench.sim.log().len() <= 9, "a refused key is not tried again and again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_keeps_what_it_has() {
    let bench =
        Bench::sqlite(SimConfig { base_limit: 1_000, latency: Duration::from_millis(40), ..SimConfig::default() })
            .await;
    let args = ["AAPL", "MSFT", "--timeframes", "5m,1d", "--from", "2024-02-01", "--to", "2024-03-29"];
    let child = bench.spawn(&[&["backfill", "--json"], &args[..]].concat());
    bench.until_asked(8).await;
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().await.unwrap();
    let (code, summary) = summary_of(&output);
    assert_eq!((code, summary["status"].as_str()), (130, Some("cancelled")), "{summary}");
    assert!(!bench.stored().await.is_empty());
    let before = bench.asked("/5/minute/");
    let (code, summary) = bench.backfill(&args).await;
    assert_eq!(code, 0, "{summary}");
    let all = bench.asked("/5/minute/");
    let fresh = Bench::sqlite(SimConfig { base_limit: 1_000, ..SimConfig::default() }).await;
    assert_eq!(fresh.backfill(&args).await.0, 0);
    assert!(all <= fresh.asked("/5/minute/") + 4, "asked {before} + {} again", all - before);
    assert_eq!(bench.stored().await, fresh.stored().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_plan_does_not_include_is_told_apart_from_what_did_not_trade() {
    let bench = Bench::sqlite(SimConfig { plan_years: Some(2), ..SimConfig::default() }).await;
    let args = ["AAPL", "--timeframes", "1h,1d", "--from", "2019-01-01", "--to", "2019-03-01"];
    let (code, summary) = bench.backfill(&args).await;
    assert_eq!((code, summary["status"].as_str()), (0, Some("completed")), "{summary}");
    assert_eq!(
        summary["plan_starts"][0]["starts_on"], "2019-03-02",
        "what was refused is all that is known: {summary}"
    );
    let asked = bench.asked("/ticker/AAPL/");
    let (code, again) = bench.backfill(&args).await;
    assert_eq!((code, again["requests"].as_u64()), (0, Some(0)), "what is not in the plan is not requested: {again}");
    assert_eq!(bench.asked("/ticker/AAPL/"), asked);

    // A range that begins before the plan's history is clipped silently; the head must not count as answered.
    let wide = ["MSFT", "--timeframes", "1h,1d", "--from", "2019-01-01", "--to", "2026-01-31"];
    let (code, summary) = bench.backfill(&wide).await;
    assert_eq!((code, summary["gaps_left"].as_u64()), (0, Some(0)), "{summary}");
    let stored = bench.stored().await;
    let vendor = bench.vendor_bars("MSFT", "1h", "2019-01-01", "2026-01-31").await;
    assert_same(&stored, "MSFT", "1h", &vendor);
    let refused = bench.count("SELECT count(*) FROM coverage WHERE state = 'not_entitled'").await;
    assert!(refused >= 2, "the clipped head is known to be refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_of_day_plan_is_no_failure() {
    let bench = Bench::sqlite(SimConfig { delay: SimDelay::EndOfDay, ..SimConfig::default() }).await;
    let (code, summary) = bench.backfill(&["AAPL", "BTC", "--timeframes", "5m,1d"]).await;
    assert_eq!((code, summary["gaps_left"].as_u64()), (0, Some(0)), "{summary}");
    let (code, again) = bench.backfill(&["AAPL", "BTC", "--timeframes", "5m,1d"]).await;
    assert_eq!((code, again["bars_written"].as_u64(), again["requests"].as_u64()), (0, Some(0), Some(0)), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_session_of_many_symbols_is_one_request() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let symbols: Vec<String> = ('A'..='T').map(|c| format!("{c}{c}CO")).collect();
    let names: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let day = |from, to| [&names[..], &["--timeframes", "1d", "--from", from, "--to", to]].concat();
    let (code, history) = bench.backfill(&day("2024-01-02", "2024-02-28")).await;
    assert_eq!(code, 0, "{history}");
    let before = bench.sim.log().len();
    let plan = bench.run(&[&["plan", "--json"], &day("2024-01-02", "2024-02-29")[..]].concat()).await;
    let (code, plan) = summary_of(&plan);
    assert_eq!((code, plan["requests"].as_u64(), plan["optimal"].as_bool()), (0, Some(1), Some(true)), "{plan}");
    let (code, summary) = bench.backfill(&day("2024-01-02", "2024-02-29")).await;
    assert_eq!((code, summary["requests"].as_u64()), (0, Some(1)), "{summary}");
    assert_eq!(bench.sim.log().len(), before + 1);
    let stored = bench.stored().await;
    for name in names {
        assert_same(&stored, name, "1d", &bench.vendor_bars(name, "1d", "2024-01-02", "2024-02-29").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn modes_end_in_the_same_rows() {
    let mut rows: Vec<Bars> = Vec::new();
    for mode in ["pipeline", "staggered", "sequential"] {
        let bench = Bench::sqlite(SimConfig::default()).await;
        quick_retries(&bench);
        let args = [
            "AAPL",
            "MSFT",
            "QQQ",
            "ETH",
            "--timeframes",
            "15m,1h,1d",
            "--from",
            "2024-03-01",
            "--to",
            "2024-03-15",
            "--mode",
            mode,
        ];
        let (code, summary) = bench.backfill(&args).await;
        assert_eq!(code, 0, "{mode}: {summary}");
        rows.push(bench.stored().await);
    }
    assert!(!rows[0].is_empty());
    assert!(rows.iter().all(|r| *r == rows[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let output =
        bench.run(&["backfill", "AAPL", "--dry-run", "--json", "--from", "2024-01-02", "--to", "2024-03-01"]).await;
    let (code, plan) = summary_of(&output);
    assert_eq!(code, 0);
    assert!(plan["requests"].as_u64() >= Some(2) && plan["items"].as_array().is_some_and(|i| !i.is_empty()), "{plan}");
    assert_eq!(bench.count("SELECT count(*) FROM symbols").await, 0);
    assert!(bench.sim.log().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_can_be_run_as_shown() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let selection = ["AAPL", "--timeframes", "1h,1d", "--from", "2024-01-02", "--to", "2024-03-01"];
    let output = bench.run(&[&["plan", "--json"], &selection[..]].concat()).await;
    let (_, plan) = summary_of(&output);
    let id = plan["plan_id"].as_str().unwrap().to_owned();
    let none = bench.run(&["backfill", "--plan-id", "0-0-0"]).await;
    let none = String::from_utf8(none.stderr).unwrap();
    assert!(none.contains("no plan has an id that begins with 0-0-0") && none.contains("barkeep plan"), "{none}");
    // Its beginning is enough.
    let (code, summary) = bench.backfill(&["--plan-id", &id[..6]]).await;
    assert_eq!((code, &summary["requests"]), (0, &plan["requests"]), "{summary}");
    let stored = bench.stored().await;
    assert_equal_to_vendor(&bench, &stored, "AAPL", "AAPL", &["1h", "1d"], "2024-01-02", "2024-03-01").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_reaches_a_url_a_log_or_the_database() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    quick_retries(&bench);
    let rule: FaultRule = serde_json::from_value(json!({"kind": "status_500", "times": 2})).unwrap();
    bench.sim.add_fault(rule);
    let log = bench.dir.path().join("run.log");
    let log_name = log.to_str().unwrap().to_owned();
    let output = bench
        .run(&["backfill", "AAPL", "-v", "--log-file", &log_name, "--from", "2024-01-02", "--to", "2024-01-31"])
        .await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let key = "key-of-the-tests";
    let everything = [
        output.stdout,
        output.stderr,
        std::fs::read(&log).unwrap(),
        std::fs::read(bench.dir.path().join("bars.db")).unwrap(),
    ];
    for text in everything {
        assert!(!text.windows(key.len()).any(|w| w == key.as_bytes()));
    }
    assert!(bench.sim.log().iter().all(|r| !r.target.contains(key)));
}
