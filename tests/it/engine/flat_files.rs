//! Flat files: what they bring is what the API would have brought, whatever happens on the way.

use std::collections::BTreeMap;
use std::process::Output;
use std::time::Duration;

use barkeep::sim::{FaultKind, FaultRule, SimConfig};
use serde_json::Value;

use crate::support::bench::{Bench, Values, configure, summary_of};
use crate::support::databases::on_both;

const SYMBOLS: [&str; 5] = ["AAPL", "AMD", "MSFT", "NVDA", "SPY"];
const DAYS: [&str; 4] = ["--from", "2024-03-05", "--to", "2024-03-07"];
const SETTINGS: &str = "vendor:\n  backoff_base: 10ms\n  backoff_cap: 1s\n  read_timeout: 2s\n  total_timeout: 20s\n  \
                        flat_files:\n    cost: 1\n";

fn vendor() -> SimConfig {
    SimConfig { symbols: SYMBOLS.map(str::to_owned).into(), ..SimConfig::default() }
}

/// Runs the binary with keys for the files, over three sessions of some symbols.
async fn run(bench: &Bench, args: &[&str], symbols: &[&str]) -> Output {
    configure(bench, SETTINGS);
    with_keys(bench, args, symbols).output().await.unwrap()
}

fn with_keys(bench: &Bench, args: &[&str], symbols: &[&str]) -> tokio::process::Command {
    let args: Vec<&str> = args.iter().chain(symbols).chain(&DAYS).copied().collect();
    let mut command = bench.command(&args);
    command.env("MASSIVE_S3_ACCESS_KEY", "access-key").env("MASSIVE_S3_SECRET_KEY", "secret-key");
    command
}

async fn backfill(bench: &Bench, timeframes: &str, symbols: &[&str]) {
    let output = run(bench, &["backfill", "--json", "--timeframes", timeframes], symbols).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let (code, summary) = summary_of(&output);
    assert_eq!((code, summary["gaps_left"].as_u64()), (0, Some(0)), "{summary} {said}");
}

/// The stored bars are those of the API, bar for bar; `vwap` is the one value that files lack.
async fn assert_as_api(bench: &Bench, symbols: &[&str], timeframe: &str) {
    let stored = bench.stored().await;
    for symbol in symbols {
        let vendor = bench.vendor_bars(symbol, timeframe, DAYS[1], DAYS[3]).await;
        let without = |(t, v): (i64, Values)| (t, (v.0, v.1, v.2, v.3, v.4, None, v.6));
        let vendor: BTreeMap<i64, Values> = vendor.into_iter().map(without).collect();
        let of_series = stored.iter().filter(|((name, tf, _), _)| name == symbol && tf == timeframe);
        let own: BTreeMap<i64, Values> = of_series.map(|((.., t), values)| (*t, *values)).map(without).collect();
        assert!(vendor.len() > 30, "{symbol}");
        assert_eq!(own, vendor, "{symbol} {timeframe}");
    }
}

async fn rows_are_those_of_the_api_and_the_plan_is_what_is_requested(bench: Bench) {
    let output = run(&bench, &["plan", "--json", "--timeframes", "1m"], &SYMBOLS).await;
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    // Three files in place of five requests; the splits come by themselves.
    let figures = ["requests", "files", "file_cost", "without_files"].map(|key| plan[key].as_u64().unwrap());
    assert_eq!(figures, [4, 3, 1, 6], "{plan}");
    assert_eq!(plan["optimal"], true);
    let kinds = plan["items"].as_array().unwrap().iter().filter(|item| item["kind"] == "flat_file").count();
    assert_eq!(kinds, 3);
    let text = run(&bench, &["plan", "--timeframes", "1m"], &SYMBOLS).await;
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("3 flat files replace 5 requests"), "{text}");
    assert!(bench.sim.log().is_empty(), "planning asks nobody");

    // One request in a minute: files take no place of the limit.
    configure(&bench, SETTINGS);
    let mut command = with_keys(&bench, &["backfill", "--json", "--timeframes", "1m"], &SYMBOLS);
    let output = command.env("BARKEEP_RATE_LIMIT", "1");
    let output = tokio::time::timeout(Duration::from_secs(50), output.output()).await.unwrap().unwrap();
    let (code, summary) = summary_of(&output);
    assert_eq!((code, &summary["gaps_left"], &summary["requests"]), (0, &0.into(), &4.into()), "{summary}");
    assert_eq!((bench.asked("/flatfiles/"), bench.asked("/v2/aggs/"), bench.sim.log().len()), (3, 0, 4));
    assert_eq!(bench.count("SELECT COUNT(*) FROM vendor_requests WHERE endpoint = 'flat_file'").await, 3);
    assert_eq!(bench.count("SELECT COUNT(*) FROM bars WHERE vwap IS NOT NULL").await, 0);
    assert_as_api(&bench, &SYMBOLS, "1m").await;
    bench.assert_settled(&[&["--timeframes", "1m"][..], &SYMBOLS, &DAYS].concat()).await;
    // Nothing is left on the disk.
    let left = std::fs::read_dir(bench.dir.path().join("data/barkeep/flat-files")).unwrap().count();
    assert_eq!(left, 0);
}

on_both!(rows_are_those_of_the_api_and_the_plan_is_what_is_requested, vendor());

async fn coarser_bars_are_computed_from_the_minutes_of_a_file(bench: Bench) {
    backfill(&bench, "5m,1h", &SYMBOLS).await;
    assert_eq!((bench.asked("/flatfiles/"), bench.asked("/v2/aggs/")), (3, 0));
    for timeframe in ["5m", "1h"] {
        assert_as_api(&bench, &SYMBOLS, timeframe).await;
    }
}

on_both!(coarser_bars_are_computed_from_the_minutes_of_a_file, vendor());

async fn a_killed_run_goes_on_where_its_download_broke(bench: Bench) {
    configure(&bench, SETTINGS);
    bench.sim.add_fault(FaultRule::new(FaultKind::SlowTrickle).on("/flatfiles/").delay_ms(40));
    for round in 1..=3 {
        let mut command = with_keys(&bench, &["backfill", "--timeframes", "1m"], &SYMBOLS);
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let before = bench.asked("/flatfiles/");
        while bench.asked("/flatfiles/") == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(700 * round)).await;
        child.kill().await.unwrap();
        child.wait().await.unwrap();
    }
    bench.sim.clear_faults();
    backfill(&bench, "1m", &SYMBOLS).await;
    let parts = bench.sim.log().iter().filter(|request| request.status == 206).count();
    assert!(parts > 0, "no download went on: {:?}", bench.sim.log());
    assert_eq!(bench.asked("/v2/aggs/"), 0);
    assert_as_api(&bench, &SYMBOLS, "1m").await;
}

on_both!(a_killed_run_goes_on_where_its_download_broke, vendor());

async fn no_fault_of_the_storage_reaches_the_bars(bench: Bench) {
    let faults = [
        FaultKind::TruncatedBody,
        FaultKind::DamagedByte,
        FaultKind::CutGzip,
        FaultKind::CutLine,
        FaultKind::ReplacedFile,
        FaultKind::Status503,
        FaultKind::Reset,
        FaultKind::Hang,
    ];
    for kind in faults {
        bench.sim.add_fault(FaultRule::new(kind).on("2024-03-06.csv").times(1));
    }
    configure(
        &bench,
        &format!("{SETTINGS}    enabled: true\n")
            .replace("vendor:\n", "vendor:\n  attempts: 12\n  malformed_attempts: 12\n"),
    );
    let output = with_keys(&bench, &["backfill", "--json", "--timeframes", "1m"], &SYMBOLS).output().await.unwrap();
    let (code, summary) = summary_of(&output);
    assert_eq!((code, &summary["gaps_left"]), (0, &0.into()), "{summary} {}", String::from_utf8_lossy(&output.stderr));
    let fired: Vec<u32> = bench.sim.faults().iter().map(|count| count.fired).collect();
    assert_eq!(fired, [1; 8]);
    assert_eq!(bench.asked("/v2/aggs/"), 0);
    // A fault that strikes the question whether a replaced file is still the same is not seen.
    let failed = "SELECT COUNT(*) FROM vendor_requests WHERE endpoint = 'flat_file' AND outcome <> 'ok'";
    assert!(bench.count(failed).await >= 6);
    assert_as_api(&bench, &SYMBOLS, "1m").await;
}

on_both!(no_fault_of_the_storage_reaches_the_bars, vendor());

async fn an_unusable_file_leaves_its_day_to_the_api(bench: Bench) {
    bench.sim.add_fault(FaultRule::new(FaultKind::CutLine).on("2024-03-06.csv"));
    bench.sim.add_fault(FaultRule::new(FaultKind::Status404).on("2024-03-07.csv"));
    backfill(&bench, "1m", &SYMBOLS).await;
    let told = "SELECT COUNT(*) FROM vendor_requests WHERE error LIKE '%the last line of the file is incomplete%'";
    assert!(bench.count(told).await > 0);
    let told = "SELECT COUNT(*) FROM vendor_requests WHERE error LIKE '%there is no such file%'";
    assert_eq!(bench.count(told).await, 1);
    // Both days of a symbol in one request.
    assert_eq!(bench.asked("/v2/aggs/"), SYMBOLS.len());
    assert_as_api(&bench, &SYMBOLS, "1m").await;
}

on_both!(an_unusable_file_leaves_its_day_to_the_api, vendor());

#[tokio::test(flavor = "multi_thread")]
async fn without_a_subscription_the_run_says_so_and_asks_the_api() {
    let bench = Bench::sqlite(vendor()).await;
    bench.sim.add_fault(FaultRule::new(FaultKind::Status403Entitlement).on("/flatfiles/"));
    backfill(&bench, "1m", &SYMBOLS).await;
    let told = "SELECT COUNT(*) FROM vendor_requests WHERE error LIKE '%vendor.flat_files.enabled%'";
    assert!(bench.count(told).await > 0);
    assert_eq!(bench.asked("/v2/aggs/"), SYMBOLS.len());
    assert_as_api(&bench, &SYMBOLS, "1m").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_names_the_variable_and_the_setting() {
    let config = SimConfig { s3_access_keys: Some(vec!["another".to_owned()]), ..vendor() };
    let bench = Bench::sqlite(config).await;
    backfill(&bench, "1m", &SYMBOLS).await;
    let told = "SELECT COUNT(*) FROM vendor_requests WHERE error LIKE '%MASSIVE_S3_ACCESS_KEY%access_key_file%'";
    assert!(bench.count(told).await > 0);
    assert_eq!(bench.count("SELECT COUNT(*) FROM vendor_requests WHERE error LIKE '%secret-key%'").await, 0);
    assert_eq!(bench.asked("/v2/aggs/"), SYMBOLS.len());
}

async fn a_symbol_that_no_file_holds_gets_a_request_and_vwap_is_no_restatement(bench: Bench) {
    let symbols = [&SYMBOLS[..], &["IBM"]].concat();
    backfill(&bench, "1m", &symbols).await;
    assert_eq!((bench.asked("/flatfiles/"), bench.asked("/v2/aggs/")), (3, 1));
    assert_as_api(&bench, &symbols, "1m").await;
    // Asked again, of the API: the values are the same and `vwap` comes in.
    let (code, again) = bench.backfill(&[&["--refetch", "--timeframes", "1m", "AAPL"][..], &DAYS].concat()).await;
    assert_eq!((code, &again["bars_changed"]), (0, &0.into()), "{again}");
    assert_eq!(bench.count("SELECT COUNT(*) FROM bar_revisions").await, 0);
    let lacking = "SELECT COUNT(*) FROM market_data WHERE symbol = 'AAPL' AND volume > 0 AND vwap IS NULL";
    assert_eq!(bench.count(lacking).await, 0);
}

on_both!(a_symbol_that_no_file_holds_gets_a_request_and_vwap_is_no_restatement, vendor());
