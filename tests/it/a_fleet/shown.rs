//! Everybody who shows the state says who works and who stands by.

use std::time::Duration;

use super::{bench, drop_database, until, until_works};
use crate::support::api::Served;
use crate::support::bench::Bench;
use barkeep::sim::SimConfig;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn the_fleet_is_told_by_everybody() {
    let (bench, name) = bench(SimConfig::default()).await;
    bench.run(&["symbols", "add", "AAPL", "--timeframes", "1d"]).await;
    let first = Served::start(&bench).await;
    until_works(&first).await;
    let second = Served::start(&bench).await;
    // Told from the next election on.
    until("both are told", Duration::from_secs(10), async || {
        (first.json("/api/v1/status").await["fleet"]["standby"] == 1).then_some(())
    })
    .await;
    for served in [&first, &second] {
        let fleet = served.json("/api/v1/status").await["fleet"].clone();
        assert_eq!((&fleet["shared"], &fleet["standby"]), (&true.into(), &1.into()), "{fleet}");
        assert!(fleet["leader"].is_string() && fleet["leads_since"].is_string(), "{fleet}");
        let snapshot = served.json("/api/v1/snapshot").await;
        let roles: Vec<&str> =
            snapshot["fleet"].as_array().unwrap().iter().map(|one| one["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["leader", "standby"], "{snapshot}");
        let metrics = served.get("/metrics").await.text();
        for role in ["leader", "standby"] {
            let line = metrics.lines().find(|line| line.starts_with(&format!("barkeep_workers{{role=\"{role}\"")));
            assert!(line.is_some_and(|line| line.ends_with(" 1")), "{role}: {metrics}");
        }
        assert!(metrics.contains("barkeep_stale_answers_total 0"), "{metrics}");
    }
    let out = bench.run(&["status"]).await;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(text.contains(" active since ") && text.contains(", 1 on standby"), "{text}");
    let out = bench.run(&["status", "--json"]).await;
    let status: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(status["fleet"].as_array().unwrap().len(), 2, "{status}");
    assert_eq!(status["storage"]["layout"]["kind"], "plain", "{status}");
    assert!(status["storage"]["bytes"].as_u64() > Some(1_000_000), "{status}");

    // One that only serves the API belongs to nobody, and takes no orders.
    let mut command = bench.command(&["run", "--headless", "--api-only"]);
    command.env_remove("MASSIVE_API_KEY");
    let reader = Served::by(command).await;
    let shown = reader.json("/api/v1/status").await;
    assert_eq!(shown["status"], "standby", "{shown}");
    assert!(shown["reason"].as_str().unwrap().starts_with("this process serves only the API; "), "{shown}");
    assert_eq!(shown["fleet"]["standby"], 1, "{shown}");
    let refused = reader.post("/api/v1/backfill", &serde_json::json!({"symbols": ["AAPL"]})).await;
    assert!((400..500).contains(&refused.status), "{}", refused.text());
    assert_eq!(reader.json("/api/v1/symbols").await["symbols"].as_array().map_or(1, Vec::len), 1);
    assert_eq!(reader.stop().await, 0);
    assert_eq!(second.stop().await, 0);
    until("the one that stopped is gone", Duration::from_secs(10), async || {
        (first.json("/api/v1/status").await["fleet"]["standby"] == 0).then_some(())
    })
    .await;
    assert_eq!(first.stop().await, 0);
    drop_database(&name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_one_process_works_and_says_so() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    bench.run(&["symbols", "add", "AAPL", "--timeframes", "1d"]).await;
    let served = Served::start(&bench).await;
    let status = served.json("/api/v1/status").await;
    assert_eq!(status["fleet"]["shared"], false, "{status}");
    assert_eq!(served.json("/api/v1/snapshot").await["fleet"], Value::Null);
    let out = bench.run(&["status"]).await;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(text.contains("single process (SQLite), ") && text.contains(" MB\n"), "{text}");
    let storage = served.json("/api/v1/snapshot").await["storage"].clone();
    let path = bench.database.url().strip_prefix("sqlite:").unwrap().to_owned();
    assert_eq!(storage["layout"], json!({"kind": "plain"}), "{storage}");
    assert_eq!(storage["bytes"], std::fs::metadata(path).unwrap().len(), "{storage}");
    // Another one may read beside it.
    let reader = Served::by(bench.command(&["run", "--headless", "--api-only"])).await;
    assert_eq!(reader.json("/api/v1/status").await["status"], "standby");
    assert_eq!(reader.stop().await, 0);
    assert_eq!(served.stop().await, 0);
}
