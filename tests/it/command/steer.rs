//! Commands to a running service: what they do there, and what they say when there is none.

use std::process::Output;
use std::time::Duration;

use barkeep::sim::SimConfig;
use serde_json::Value;

use crate::support::api::Served;
use crate::support::bench::Bench;

async fn with_bars() -> Bench {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let (code, summary) = bench.backfill(&["AAPL", "BTC", "--timeframes", "1d", "--from", "2024-03-01"]).await;
    assert_eq!(code, 0, "{summary}");
    bench
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a command that must be carried out, and gives what it prints as JSON.
async fn done(bench: &Bench, args: &[&str]) -> Value {
    let output = bench.run(&[args, &["--json"]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["schema"], 1, "{result}");
    result
}

/// Waits until the service's own word on itself is as expected.
async fn until(served: &Served, what: impl Fn(&Value) -> bool) {
    let seen = async {
        while !what(&served.json("/api/v1/snapshot").await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), seen).await.expect("the service comes to it");
}

/// Waits until an execution that was started has ended.
async fn until_ended(bench: &Bench, started: &Value) {
    let id = started["execution_id"].as_str().unwrap();
    let ended = async {
        loop {
            let shown = bench.run(&["history", &id[..8], "--json"]).await;
            let row: Value = serde_json::from_slice(&shown.stdout).unwrap_or_default();
            if row["completed_at"].is_string() {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), ended).await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_found_by_its_database_and_steered() {
    let bench = with_bars().await;
    // The port is chosen by the system: only the lock file knows it.
    let served = Served::start(&bench).await;
    let paused = done(&bench, &["pause"]).await;
    assert_eq!((&paused["action"], &paused["result"]), (&"pause".into(), &"done".into()));
    until(&served, |s| s["state"] == "paused").await;
    done(&bench, &["resume"]).await;
    until(&served, |s| s["paused"].is_null()).await;

    done(&bench, &["pause", "AAPL"]).await;
    assert_eq!(bench.count("SELECT count(*) FROM symbols WHERE symbol = 'AAPL' AND paused").await, 1);
    done(&bench, &["resume", "aapl"]).await;
    assert_eq!(bench.count("SELECT count(*) FROM symbols WHERE paused").await, 0);
    done(&bench, &["pause", "AAPL", "--timeframes", "1d"]).await;
    assert_eq!(bench.count("SELECT count(*) FROM series WHERE paused").await, 1);

    let plan = bench
        .run(&["trigger", "BTC", "--timeframes", "1h", "--from", "2024-01-01", "--to", "2024-01-05", "--dry-run"])
        .await;
    assert!(text(&plan).starts_with("requests "), "{}", text(&plan));
    assert_eq!(bench.count("SELECT count(*) FROM series WHERE timeframe = '1h'").await, 0, "a plan changes nothing");
    let started =
        done(&bench, &["trigger", "BTC", "--timeframes", "1h", "--from", "2024-01-01", "--to", "2024-01-05"]).await;
    assert_eq!(started["result"], "started", "{started}");
    until_ended(&bench, &started).await;
    let bars = "SELECT count(*) FROM market_data WHERE symbol = 'BTC' AND timeframe = '1h'";
    assert_eq!(bench.count(bars).await, 5 * 24);

    let shown = bench.run(&["status", "--json"]).await;
    let status: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(status["service"]["url"], format!("http://{}", served.addr));
    assert_eq!(status["symbols_total"], 2, "the snapshot is there as it was");
    assert_eq!(bench.count("SELECT count(*) FROM operator_actions WHERE actor = 'api:loopback'").await, 6);
    assert_eq!(served.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symbol_added_to_a_running_service_is_fetched_at_once() {
    let bench = with_bars().await;
    let served = Served::start(&bench).await;
    let shown = bench.run(&["add", "IBM", "--timeframes", "1d", "--since", "2024-01-01", "--dry-run"]).await;
    assert!(text(&shown).starts_with("requests "), "{}", text(&shown));
    assert_eq!(bench.count("SELECT count(*) FROM symbols WHERE symbol = 'IBM'").await, 0);
    let added = done(&bench, &["add", "IBM", "--timeframes", "1d", "--since", "2024-01-01"]).await;
    assert_eq!(added["result"], "started", "{added}");
    until_ended(&bench, &added).await;
    assert!(bench.count("SELECT count(*) FROM market_data WHERE symbol = 'IBM'").await > 200);
    let again = done(&bench, &["add", "IBM"]).await;
    assert_eq!((&again["result"], &again["reason"]), (&"nothing".into(), &"IBM is already tracked".into()));
    assert_eq!(served.stop().await, 0);
}

/// A vendor that is never done: its executions can be cancelled, and what failed can be fetched again.
#[tokio::test(flavor = "multi_thread")]
async fn executions_are_cancelled_and_retried_by_the_beginning_of_their_id() {
    let config = SimConfig { latency: Duration::from_secs(20), ..SimConfig::default() };
    let bench = Bench::sqlite(config).await;
    let served = Served::start(&bench).await;
    assert_eq!(done(&bench, &["cancel"]).await["reason"], "no execution is running");
    assert_eq!(done(&bench, &["retry"]).await["result"], "nothing");
    let started = done(&bench, &["trigger", "AAPL", "--timeframes", "1d", "--from", "2024"]).await;
    let id = started["execution_id"].as_str().unwrap().to_owned();
    until(&served, |s| s["runs"][0]["execution_id"] == id.as_str()).await;
    let wrong = bench.run(&["cancel", "zz"]).await;
    assert!(text(&wrong).contains("'zz' is not an id"), "{}", text(&wrong));
    done(&bench, &["cancel", &id[..4]]).await;
    until_ended(&bench, &started).await;
    let latest = bench.run(&["history", "latest", "--json"]).await;
    let latest: Value = serde_json::from_slice(&latest.stdout).unwrap();
    assert_eq!((&latest["execution_id"], &latest["status"]), (&id.as_str().into(), &"cancelled".into()), "{latest}");
    assert_eq!(done(&bench, &["retry", "latest"]).await["result"], "started", "what was cancelled is not there");
    assert_eq!(served.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service_that_is_said_with_how_to_start_one() {
    let bench = with_bars().await;
    for args in [&["pause"][..], &["resume"], &["trigger", "--all"], &["cancel"], &["retry"], &["add", "IBM"]] {
        let output = bench.run(args).await;
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said = text(&output);
        assert!(said.contains("no service runs on sqlite:") && said.contains("barkeep run --headless"), "{said}");
    }
    let nobody = bench.run(&["pause", "--url", "http://127.0.0.1:1"]).await;
    assert!(text(&nobody).contains("no service answers at http://127.0.0.1:1"), "{}", text(&nobody));
    let status = text(&bench.run(&["status"]).await);
    assert!(status.contains("no service runs on this database; start it with `barkeep run --headless`"), "{status}");
    let status: Value = serde_json::from_slice(&bench.run(&["status", "--json"]).await.stdout).unwrap();
    assert_eq!(status["service"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_sent_from_a_file_and_a_reader_may_not_steer() {
    let bench = with_bars().await;
    for role in ["read", "operate"] {
        let output = bench.run(&["keys", "create", role, "--role", role, "--json"]).await;
        let made: Value = serde_json::from_slice(&output.stdout).unwrap();
        std::fs::write(bench.dir.path().join(role), made["key"].as_str().unwrap()).unwrap();
    }
    let served = Served::start(&bench).await;
    let refused = bench.run(&["pause"]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused).contains("--key-file"), "{}", text(&refused));
    let open_to_all = bench.run(&["pause", "--key-file", "operate"]).await;
    assert!(text(&open_to_all).contains("chmod 600 operate"), "{}", text(&open_to_all));
    for role in ["read", "operate"] {
        let path = bench.dir.path().join(role);
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, private).unwrap();
    }
    let reader = bench.run(&["pause", "--key-file", "read"]).await;
    assert_eq!(reader.status.code(), Some(2), "{}", text(&reader));
    done(&bench, &["pause", "--key-file", "operate"]).await;
    until_paused(&bench).await;
    assert_eq!(served.stop().await, 0);
}

async fn until_paused(bench: &Bench) {
    let sql = "SELECT count(*) FROM operator_actions WHERE actor = 'api:operate' AND action = 'pause'";
    assert_eq!(bench.count(sql).await, 1);
}
