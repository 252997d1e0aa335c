//! `barkeep loadtest` against the real service, and against none.

use std::path::Path;

use barkeep::sim::SimConfig;
use serde_json::Value;
use tokio::process::Command;

use crate::support::api::Served;
use crate::support::bench::{Bench, command};

async fn loadtest(mut command: Command, args: &[&str]) -> (i32, Value, String) {
    let output = command.args([&["loadtest", "--json"], args].concat()).output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!error.contains("panicked"), "{error}");
    (output.status.code().unwrap_or(-1), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), error)
}

fn number(v: &Value) -> f64 {
    v.as_f64().unwrap_or_else(|| panic!("{v} is no number"))
}

async fn service(bench: &Bench) -> (Served, String) {
    let served = Served::start(bench).await;
    let url = format!("http://{}", served.addr);
    (served, url)
}

fn scenario<'a>(report: &'a Value, name: &str) -> &'a Value {
    let all = report["scenarios"].as_array().unwrap();
    all.iter().find(|s| s["scenario"] == name).unwrap_or_else(|| panic!("no {name} in {report}"))
}

#[tokio::test]
async fn without_a_service_there_is_no_test() {
    let dir = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let (code, report, error) = loadtest(command(dir.path()), &["--url", &url, "--out", "report.json"]).await;
    assert_eq!((code, report), (2, Value::Null), "{error}");
    assert!(error.contains(&url) && error.contains("--spawn"), "{error}");
    assert!(!dir.path().join("report.json").exists(), "nothing was measured");

    // Something that is no barkeep answers.
    let bench = Bench::sqlite(SimConfig::default()).await;
    let (code, report, error) = loadtest(command(dir.path()), &["--url", &bench.sim.url()]).await;
    assert_eq!((code, report), (2, Value::Null), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_own_service_is_measured_and_gone_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = command(dir.path());
    command.env("TMPDIR", dir.path()).env("BARKEEP_DATABASE_URL", format!("sqlite:{}/mine.db", dir.path().display()));
    let args =
        ["--spawn", "--requests", "30", "--concurrency", "10", "--symbols", "AAPL,BTC", "--output", "report.json"];
    let (code, report, error) = loadtest(command, &args).await;
    assert_eq!((code, report["passed"].as_bool()), (0, Some(true)), "{report} {error}");
    let written: Value = serde_json::from_slice(&std::fs::read(dir.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(written, report);
    let names: Vec<&str> =
        report["scenarios"].as_array().unwrap().iter().map(|s| s["scenario"].as_str().unwrap()).collect();
    assert_eq!(names, ["cached_symbol", "mixed_symbols", "limits", "timeframes"]);
    for name in names {
        let s = scenario(&report, name);
        assert_eq!((s["total_requests"].as_u64(), s["successful"].as_u64()), (Some(30), Some(30)), "{s}");
        let times = ["min", "p50", "p95", "p99", "max"].map(|t| number(&s[format!("{t}_response_time_ms")]));
        assert!(times[0] > 0.0 && times.is_sorted(), "{s}");
        let average = number(&s["avg_response_time_ms"]);
        assert!(times[0] <= average && average <= times[4], "{s}");
        let histogram: u64 = s["histogram"].as_array().unwrap().iter().map(|b| b["count"].as_u64().unwrap()).sum();
        assert_eq!(histogram, 30, "{s}");
        assert!(s["thresholds"].as_array().unwrap().iter().all(|t| t["met"] == true), "{s}");
        // The service counted them itself: they were real.
        assert_eq!(s["server"]["requests"], 30, "{s}");
        assert!(number(&s["health_avg_ms"]) > 0.0, "{s}");
    }
    let rows = |name: &str| scenario(&report, name)["rows"].as_u64().unwrap();
    // Ten of each limit; thirty full pages.
    assert_eq!((rows("cached_symbol"), rows("limits")), (30 * 500, 10 * (100 + 500 + 1_000)));
    assert_eq!(scenario(&report, "cached_symbol")["server"]["cache_hit_share"], 1.0);

    assert!(!dir.path().join("mine.db").exists(), "the configured database is not touched");
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("barkeep-loadtest")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_lacks_is_counted_and_missed() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let filled = bench.backfill(&["AAPL", "--timeframes", "1d", "--from", "2024-01-02", "--to", "2024-03-29"]).await;
    assert_eq!(filled.0, 0, "{}", filled.1);
    let (mut served, url) = service(&bench).await;
    let args = ["--url", &url, "--requests", "20", "--symbols", "AAPL,NOPE"];
    let (code, report, error) = loadtest(command(bench.dir.path()), &args).await;
    assert_eq!((code, report["passed"].as_bool()), (1, Some(false)), "{report} {error}");
    let cached = scenario(&report, "cached_symbol");
    assert!(cached["successful"] == 20 && cached["thresholds"][0]["met"] == true, "{cached}");
    let mixed = scenario(&report, "mixed_symbols");
    assert_eq!((mixed["successful"].as_u64(), mixed["success_rate"].as_f64()), (Some(10), Some(50.0)), "{mixed}");
    let error = &mixed["errors"][0];
    assert_eq!((error["kind"].as_str(), error["count"].as_u64()), (Some("status 404"), Some(10)), "{mixed}");
    assert_eq!(mixed["thresholds"][0]["met"], false);
    assert!(mixed["analysis"]["recommendations"][0].as_str().unwrap().contains("--symbols"), "{mixed}");

    // Nothing the service has: all scenarios are missed, not skipped.
    let (code, report, _) =
        loadtest(command(bench.dir.path()), &["--url", &url, "--requests", "5", "--symbols", "ZZZZ"]).await;
    assert_eq!(code, 1);
    for s in report["scenarios"].as_array().unwrap() {
        assert_eq!((s["successful"].as_u64(), &s["avg_response_time_ms"]), (Some(0), &Value::Null), "{s}");
        assert!(s["thresholds"].as_array().unwrap().iter().all(|t| t["met"] == false), "{s}");
    }
    served.child.kill().await.unwrap();
    let gone = loadtest(command(bench.dir.path()), &["--url", &url]).await;
    assert_eq!((gone.0, gone.1), (2, Value::Null), "a service that went is no service");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_keys_is_asked_with_one() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let filled = bench.backfill(&["AAPL", "--timeframes", "1d", "--from", "2024-01-02", "--to", "2024-03-29"]).await;
    assert_eq!(filled.0, 0, "{}", filled.1);
    let made = bench.run(&["keys", "create", "load", "--json"]).await;
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let key = made["key"].as_str().unwrap();
    let (_served, url) = service(&bench).await;
    let args = ["--url", url.as_str(), "--requests", "5", "--symbols", "AAPL"];
    let (code, report, error) = loadtest(command(bench.dir.path()), &args).await;
    assert_eq!((code, report), (2, Value::Null), "{error}");
    assert!(error.contains("BARKEEP_API_KEY"), "{error}");

    let mut keyed = command(bench.dir.path());
    keyed.env("BARKEEP_API_KEY", key);
    let (_, by_environment, error) = loadtest(keyed, &[&args[..], &["--out", "report.json"]].concat()).await;
    assert_eq!(scenario(&by_environment, "cached_symbol")["successful"], 5, "{by_environment}");
    // All users of a machine see arguments.
    let (code, by_flag, more) = loadtest(command(bench.dir.path()), &[&args[..], &["--api-key", key]].concat()).await;
    assert!(code == 2 && by_flag == Value::Null && more.contains("BARKEEP_API_KEY"), "{more}");
    let written = std::fs::read_to_string(bench.dir.path().join("report.json")).unwrap();
    for text in [error, more, written, log_of(bench.dir.path())] {
        assert!(!text.contains(key), "the key is repeated");
    }
}

fn log_of(home: &Path) -> String {
    let dir = home.join("state").join("barkeep");
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    files.map(|file| std::fs::read_to_string(file.path()).unwrap_or_default()).collect()
}
