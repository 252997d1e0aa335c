//! `barkeep baseline` on a small load: the figures agree with each other, and nothing else is touched.

use serde_json::Value;

use crate::support::bench::command;
use crate::support::postgres;

async fn baseline(dir: &std::path::Path, args: &[&str]) -> (i32, Value, String) {
    let mut command = command(dir);
    command.env("TMPDIR", dir).env("BARKEEP_DATABASE_URL", format!("sqlite:{}", dir.join("mine.db").display()));
    let output = command.args([&["baseline", "--json"], args].concat()).output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), error)
}

const SMALL: [&str; 4] = ["--days", "12", "--symbols", "AAPL,BTC"];

fn number(v: &Value) -> f64 {
    v.as_f64().unwrap_or_else(|| panic!("{v} is no number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn modes_are_measured_on_the_same_load() {
    let dir = tempfile::tempdir().unwrap();
    // The pauses of the staggered mode are settings; here they are short.
    let config = dir.path().join("config").join("barkeep");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("barkeep.yaml"), "backfill:\n  stagger: 10ms\n  group_pause: 20ms\n").unwrap();
    let args = [&["--simulated", "--latency", "40ms", "--compare", "--output", "report.json"], &SMALL[..]].concat();
    let (code, report, error) = baseline(dir.path(), &args).await;
    assert_eq!(code, 0, "{error}");
    let written: Value = serde_json::from_slice(&std::fs::read(dir.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(written, report);
    assert!(!dir.path().join("mine.db").exists(), "the database of the settings is not touched");
    let left = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    assert!(left.into_iter().all(|name| !name.starts_with("barkeep-baseline")), "the scratch database is gone");

    let runs = report["runs"].as_array().unwrap();
    let modes: Vec<&str> = runs.iter().map(|r| r["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, ["sequential", "staggered", "pipeline"]);
    for run in runs {
        assert_eq!(
            (run["status"].as_str(), &run["bars_written"]),
            (Some("completed"), &runs[0]["bars_written"]),
            "{run}"
        );
        let phase = |name: &str| {
            let phases = run["phases"].as_array().unwrap();
            number(&phases.iter().find(|p| p["phase"] == name).unwrap()["seconds"])
        };
        // Each request waited at least the vendor's 40 ms; the answers were read and written.
        assert!(phase("vendor_wait") >= 0.040 * number(&run["requests"]), "{run}");
        assert!(phase("transfer") > 0.0 && phase("database") > 0.0 && phase("derive") > 0.0, "{run}");
        // Features are computed and written, too, and that time is somebody's.
        assert!(phase("features") > 0.0, "{run}");
        assert!(
            run["jobs"].as_array().unwrap().iter().any(|j| j["job"].as_str().unwrap().starts_with("features of")),
            "{run}"
        );
        // The jobs for features, with their reads and writes, are a part of all jobs.
        let features = &run["features"];
        assert!(number(&features["jobs"]) >= 1.0 && number(&features["seconds"]) >= phase("features"), "{run}");
        assert!(number(&features["share"]) > 0.0 && number(&features["share"]) < 1.0, "{run}");
        assert!(number(&run["processor"]["seconds"]) > 0.0, "{run}");
        assert!(phase("limiter_wait") < 1.0, "there is no limit: {run}");
        let shares: f64 = run["phases"].as_array().unwrap().iter().map(|p| number(&p["share"])).sum();
        assert!((shares - 1.0).abs() < 1e-9, "{run}");
        let slowest = number(&run["slowest_job"]["seconds"]);
        assert!(run["jobs"].as_array().unwrap().iter().all(|j| number(&j["seconds"]) <= slowest));
        assert!(slowest <= number(&run["wall_seconds"]));
    }
    // One request after the other: their waits follow each other.
    let sequential = &runs[0];
    assert!(number(&sequential["wall_seconds"]) >= 0.040 * number(&sequential["requests"]));
    // Each series by itself: the same bars for more requests, because nothing comes out of another's answers.
    let alone = &report["alone"];
    assert_eq!((&alone["series"], &alone["series_failed"]), (&Value::from(10), &Value::from(0)), "{alone}");
    assert_eq!(alone["bars_written"], sequential["bars_written"], "{alone}");
    assert!(number(&alone["requests"]) > number(&sequential["requests"]), "{alone}");
    assert!(number(&alone["wall_seconds"]) >= 0.040 * number(&alone["requests"]), "{alone}");
    assert!(number(&report["peak_memory_mib"]) > 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_shows_as_a_wait_for_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    // Splits, two minute families, two day families, and what a second look asks: more than 4, so a minute is waited.
    let args = ["--simulated", "--limit", "4", "--days", "5", "--symbols", "AAPL,BTC", "--timeframes", "5m,1d"];
    let (code, report, error) = baseline(dir.path(), &args).await;
    assert_eq!(code, 0, "{error}");
    let run = &report["runs"][0];
    assert_eq!((report["limit_per_minute"].as_u64(), run["rate_limited"].as_u64()), (Some(4), Some(0)), "{run}");
    assert!(number(&run["requests"]) > 4.0, "{run}");
    assert_eq!(run["verdict"]["bottleneck"], "vendor", "{run}");
    assert_eq!(run["verdict"]["cause"], "limit", "{run}");
    let advice = run["verdict"]["recommendations"][0].as_str().unwrap();
    assert!(advice.contains("4/min") && advice.contains("vendor.rate_limit"), "{run}");
    let waited = &run["phases"].as_array().unwrap()[0];
    assert_eq!(waited["phase"], "limiter_wait");
    assert!(number(&waited["seconds"]) > 50.0 && number(&run["wall_seconds"]) > 50.0, "{run}");
}

/// Without features no job computes them, and a slow vendor is told as one.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_vendor_shows_as_a_wait_and_features_can_be_left_out() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("plain.yaml"), "features:\n  enabled: false\n").unwrap();
    let args = ["--simulated", "--latency", "2s", "--days", "5", "--symbols", "AAPL", "--config", "plain.yaml"];
    let (code, report, error) = baseline(dir.path(), &args).await;
    assert_eq!(code, 0, "{error}");
    let run = &report["runs"][0];
    assert_eq!((run["features"]["jobs"].as_u64(), number(&run["features"]["share"])), (Some(0), 0.0), "{run}");
    assert_eq!(
        (&run["verdict"]["bottleneck"], &run["verdict"]["cause"]),
        (&"vendor".into(), &"network".into()),
        "{run}"
    );
    let advice = run["verdict"]["recommendations"][0].as_str().unwrap();
    assert!(advice.contains("backfill.concurrency"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_vendor_or_an_empty_database_nothing_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let (code, report, error) = baseline(dir.path(), &[]).await;
    assert_eq!((code, report), (2, Value::Null));
    assert!(error.contains("MASSIVE_API_KEY") && error.contains("--simulated"), "{error}");
    let (code, _, error) = baseline(dir.path(), &["--latency", "1s"]).await;
    assert!(code == 2 && error.contains("--simulated"), "{error}");

    let url = format!("sqlite:{}", dir.path().join("used.db").display());
    let mut add = command(dir.path());
    assert!(add.args(["symbols", "add", "AAPL", "--database-url", &url]).status().await.unwrap().success());
    let args = [&["--simulated", "--database-url", &url], &SMALL[..]].concat();
    let (code, report, error) = baseline(dir.path(), &args).await;
    assert_eq!((code, report), (2, Value::Null));
    assert!(error.contains("has 1 symbol") && error.contains("--database-url"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn a_named_postgres_database_is_left_empty() {
    let cluster = postgres::shared();
    let name = cluster.create_database().await;
    let url = cluster.url(&name);
    let dir = tempfile::tempdir().unwrap();
    let args = [&["--simulated", "--compare", "--database-url", &url], &SMALL[..]].concat();
    let config = dir.path().join("config").join("barkeep");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("barkeep.yaml"), "backfill:\n  stagger: 0s\n  group_pause: 0s\n").unwrap();
    let (code, report, error) = baseline(dir.path(), &args).await;
    assert_eq!(code, 0, "{error}");
    let runs = report["runs"].as_array().unwrap();
    assert!(runs.len() == 3 && runs.iter().all(|r| r["database"] == "postgres" && number(&r["bars_written"]) > 100.0));
    let store = barkeep::store::open(&url, true).await.unwrap();
    assert!(store.symbols().await.unwrap().is_empty() && store.series().await.unwrap().is_empty());
    store.close().await;
    cluster.drop_database(&name).await;
}
