//! Facts with one owner: settings, policy, calendar, the engine's pause, open alerts. Whoever is asked says the same, and
//! says it at once.

use crate::support::rows;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::api::Served;
use crate::support::bench::{Bench, configure};
use crate::support::rig::{Rig, Wall, settings};
use crate::support::scripted::{Scripted, made_up};
use barkeep::alerts::{DatabaseHealth, Notifier};
use barkeep::base::log::Tail;
use barkeep::config::{Config, Environment, RateLimit, alert_secrets};
use barkeep::market::{AssetClass, Criticality, Timeframe, Ts};
use barkeep::monitor::freshness_report::StalenessReport;
use barkeep::monitor::ledger::Ledger;
use barkeep::monitor::snapshot::FreshnessContext;
use barkeep::monitor::snapshot::MarketPhase;
use barkeep::pipeline::index::series::SeriesIndex;
use barkeep::runtime::console::Console as _;
use barkeep::runtime::runtime::{Runtime, RuntimeParts};
use barkeep::service::handle::{CommandError, EngineCommand};
use barkeep::sim::SimConfig;
use barkeep::store::{CriticalitySource, Store as _, SymbolRow};
use barkeep::vendor::Holiday;
use serde_json::{Value, json};

/// Waits until something holds; ten seconds at most.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "not within 10 s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Writes the policy beside the settings file that this bench's binary finds.
fn policy_file(bench: &Bench, text: &str) {
    let dir = bench.dir.path().join("config").join("barkeep");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("rto_rpo_config.yaml"), text).unwrap();
}

fn hang_up(served: &Served) {
    let pid = served.child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
}

async fn add(bench: &Bench, args: &[&str]) {
    let out = bench.run(&[&["symbols", "add"], args].concat()).await;
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

async fn listed(bench: &Bench, symbol: &str) -> String {
    let out = bench.run(&["symbols", "list", "--json"]).await;
    let rows: Value = serde_json::from_slice(&out.stdout).unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| row["symbol"] == symbol);
    row.unwrap()["criticality"].as_str().unwrap().to_owned()
}

/// What the tier `critical` allows, by each of those who say it.
async fn critical_allows(served: &Served, bench: &Bench) -> [u64; 3] {
    let of = |list: &Value, key: &str| {
        let row = list.as_array().unwrap().iter().find(|row| row["criticality"] == "critical").unwrap();
        row[key].as_u64().unwrap()
    };
    let snapshot = served.json("/api/v1/snapshot").await;
    let staleness = served.json("/api/v1/admin/features/staleness").await;
    let out = bench.run(&["explain", "SPY", "1d", "--json"]).await;
    let explained: Value = serde_json::from_slice(&out.stdout).unwrap();
    let key = "acceptable_staleness_seconds";
    [of(&snapshot["rpo"], key), of(&staleness["rpo"], key), explained[0][key].as_u64().unwrap()]
}

const POLICY: &str = "rpo_by_symbol_criticality:\n  critical:\n    acceptable_staleness_hours: ";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_reaches_everybody_who_says_what_is_acceptable() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    policy_file(&bench, &format!("{POLICY}1\n"));
    add(&bench, &["SPY", "--timeframes", "1d"]).await;
    let served = Served::start(&bench).await;
    assert_eq!(critical_allows(&served, &bench).await, [3_600; 3]);
    policy_file(&bench, &format!("{POLICY}5\n"));
    hang_up(&served);
    until("all say five hours", async || (critical_allows(&served, &bench).await == [5 * 3_600; 3]).then_some(()))
        .await;
    assert_eq!(served.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_rate_limit_is_in_force_for_what_waits() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    configure(&bench, "vendor:\n  rate_limit: 1\nbackfill:\n  history: 30d\n");
    add(&bench, &["AAPL", "MSFT", "SPY", "--timeframes", "5m,1d"]).await;
    let mut command = bench.command(&["run", "--headless"]);
    command.env_remove("BARKEEP_RATE_LIMIT");
    let served = Served::by(command).await;
    bench.until_asked(1).await;
    until("the rest waits for the minute", async || {
        let snapshot = served.json("/api/v1/snapshot").await;
        (snapshot["limit"]["waiting"].as_u64() > Some(0)).then_some(())
    })
    .await;
    configure(&bench, "vendor:\n  rate_limit: 6000\nbackfill:\n  history: 30d\n  concurrency: 2\n");
    let reply = served.post("/api/v1/admin/engine/reload", &json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    // At one a minute the second request would be a minute away.
    let begun = Instant::now();
    bench.until_asked(4).await;
    assert!(begun.elapsed() < Duration::from_secs(20));
    until("the snapshot says so", async || {
        (served.json("/api/v1/snapshot").await["limit"]["limit"] == 6_000).then_some(())
    })
    .await;
    assert_eq!(served.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_a_restart_can_change_is_refused_by_name_and_nothing_changes() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    configure(&bench, "log:\n  level: info\n");
    policy_file(&bench, &format!("{POLICY}1\n"));
    add(&bench, &["SPY", "--timeframes", "1d"]).await;
    let mut command = bench.command(&["run", "--headless"]);
    command.env_remove("BARKEEP_API_LISTEN").args(["--log-file", "log"]);
    configure(&bench, "api:\n  listen: 127.0.0.1:0\n");
    let served = Served::by(command).await;
    configure(&bench, "log:\n  level: debug\napi:\n  listen: 127.0.0.1:8123\n");
    policy_file(&bench, &format!("{POLICY}5\n"));
    let problem = served.post("/api/v1/admin/engine/reload", &json!({})).await.problem(409);
    assert_eq!(problem["needs_restart"], json!(["log.level", "api.listen"]));
    assert!(problem["detail"].as_str().unwrap().contains("barkeep.yaml:4"), "{problem}");
    hang_up(&served);
    let refused = "SELECT COUNT(*) FROM operator_actions
         WHERE action = 'reload' AND target = 'engine' AND result LIKE '%api.listen%'";
    until("both refusals are in the audit", async || (bench.count(refused).await == 2).then_some(())).await;
    assert_eq!(critical_allows(&served, &bench).await[..2], [3_600; 2], "nothing of it is in force");

    configure(&bench, "api:\n  listen: 127.0.0.1:0\n");
    policy_file(&bench, &format!("{POLICY}many\n"));
    let problem = served.post("/api/v1/admin/engine/reload", &json!({})).await.problem(422);
    assert!(problem["detail"].as_str().unwrap().contains("rto_rpo_config.yaml:3"), "{problem}");
    policy_file(&bench, &format!("{POLICY}5\n"));
    assert_eq!(served.post("/api/v1/admin/engine/reload", &json!({})).await.status, 200);
    until("it is in force now", async || (critical_allows(&served, &bench).await == [5 * 3_600; 3]).then_some(()))
        .await;
    assert_eq!(served.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_assigns_tiers_but_never_over_an_operator() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let tiers = "rpo_by_symbol_criticality:\n  critical:\n    symbols: [SPY]\n  standard:\n    symbols: ";
    policy_file(&bench, &format!("{tiers}[AAPL, MSFT, NVDA]\n"));
    add(&bench, &["AAPL", "--timeframes", "1d", "--criticality", "critical"]).await;
    add(&bench, &["MSFT", "NVDA", "--timeframes", "1d"]).await;
    add(&bench, &["NVDA", "--criticality", "standard"]).await;
    let served = Served::start(&bench).await;
    policy_file(&bench, &format!("{tiers}[]\n"));
    hang_up(&served);
    until("the policy's symbol follows", async || (listed(&bench, "MSFT").await == "low").then_some(())).await;
    assert_eq!(listed(&bench, "AAPL").await, "critical", "an operator said so");
    assert_eq!(listed(&bench, "NVDA").await, "standard", "an operator said the same as the policy of then");
    let change = json!({ "criticality": "critical" }).to_string();
    let reply =
        served.send("PUT", "/api/v1/admin/symbols/MSFT", &[("Content-Type", "application/json")], &change).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    policy_file(&bench, &format!("{tiers}[MSFT]\n"));
    assert_eq!(served.post("/api/v1/admin/engine/reload", &json!({})).await.status, 200);
    assert_eq!(listed(&bench, "MSFT").await, "critical");
    assert_eq!(served.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_survives_a_kill_and_everybody_says_so() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    add(&bench, &["SPY", "--timeframes", "1d"]).await;
    let mut served = Served::start(&bench).await;
    bench.until_asked(1).await;
    let reply = served.post("/api/v1/admin/engine/pause?reason=maintenance", &json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    served.child.kill().await.unwrap();
    add(&bench, &["MSFT", "--timeframes", "1d"]).await;
    let asked = bench.sim.log().len();

    let served = Served::start(&bench).await;
    let snapshot = until("the engine is paused again", async || {
        let snapshot = served.json("/api/v1/snapshot").await;
        (snapshot["state"] == "paused").then_some(snapshot)
    })
    .await;
    let pause = &snapshot["paused"];
    assert_eq!((pause["by"].as_str(), pause["reason"].as_str()), (Some("api:loopback"), Some("maintenance")));
    until("status says so", async || (served.json("/api/v1/status").await["status"] == "paused").then_some(())).await;
    let out = bench.run(&["status", "--json"]).await;
    let status: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&status["state"], &status["paused"]), (&json!("paused"), pause));
    let explained = |out: std::process::Output| serde_json::from_slice::<Value>(&out.stdout).unwrap();
    let why = explained(bench.run(&["explain", "MSFT", "1d", "--json"]).await);
    assert_eq!(why[0]["blocker"]["cause"], "paused", "{why}");
    assert_eq!(bench.sim.log().len(), asked, "a paused engine asks the vendor nothing");

    assert_eq!(served.post("/api/v1/admin/engine/resume", &json!({})).await.status, 200);
    bench.until_asked(asked + 1).await;
    let why = explained(bench.run(&["explain", "MSFT", "1d", "--json"]).await);
    assert_ne!(why[0]["blocker"]["cause"], "paused", "{why}");
    assert_eq!(bench.count("SELECT COUNT(*) FROM engine_state WHERE paused_by IS NOT NULL").await, 0);
    assert_eq!(served.stop().await, 0);
}

/// Everything of a process on a rig.
async fn host(rig: &Rig) -> Runtime {
    let alerts = &rig.engine.config.current().settings.alerts;
    let secrets = alert_secrets(alerts, &Environment::default()).unwrap();
    Runtime::start(RuntimeParts {
        engine: rig.engine.clone(),
        reload: None,
        notifier: Notifier::start(alerts, &secrets).unwrap(),
        database: Arc::new(DatabaseHealth::default()),
        tail: Tail::default(),
        by: "test".to_owned(),
    })
    .await
    .unwrap()
}

fn spy() -> SymbolRow {
    SymbolRow {
        criticality: Criticality::Critical,
        criticality_source: CriticalitySource::Policy,
        ..rows::symbol_of("SPY", AssetClass::Etf, &[Timeframe::M5])
    }
}

#[tokio::test(start_paused = true)]
async fn an_announced_closure_reaches_every_judge_of_staleness() {
    // A Wednesday without a holiday by any rule; the sweep at 02:00 UTC hears of the closure.
    let clock = Wall::at("2025-03-05T01:30:00Z");
    let closed: chrono::NaiveDate = "2025-03-05".parse().unwrap();
    let mourning =
        Holiday { exchange: "NYSE".to_owned(), name: "Day of Mourning".to_owned(), date: closed, close: None };
    let open = move |ticker: &str, t: Ts| made_up(ticker, t).filter(|_| t.ny_date() != closed);
    let vendor = Scripted::of(&["SPY"], clock.clone()).telling(open).announcing(vec![mourning]);
    let mut settings = settings(RateLimit::Unlimited);
    settings.backfill.history = Duration::from_hours(3 * 24);
    let rig = Rig::new(vendor, settings, clock).await;
    rig.store.put_symbols(&[spy()]).await.unwrap();
    let host = host(&rig).await;
    tokio::time::sleep(Duration::from_hours(1)).await;
    // Nobody asks any more, so ages grow with the trading time that the calendar knows.
    host.console.order(EngineCommand::Pause(None)).await.unwrap();
    tokio::time::sleep(Duration::from_hours(20)).await;

    let snapshot = host.console.snapshot();
    assert_eq!(snapshot.data.market.phase, MarketPhase::Closed);
    let breached: usize = snapshot.data.rpo.iter().map(|rpo| rpo.breached).sum();
    assert_eq!((breached, snapshot.data.tiers.stale), (0, 0), "{:?}", snapshot.data.series);
    let (config, calendar) = (rig.engine.config.current(), rig.engine.calendar.current());
    let now = rig.engine.clock.now();
    let index = SeriesIndex::read(rig.store.as_ref(), now).await.unwrap();
    let context = FreshnessContext::of(&config, &calendar);
    let report = StalenessReport::of(&index, &Ledger::default(), context, 50, now);
    assert_eq!((report.summary.stale_count, report.rpo.iter().map(|r| r.breached).sum::<usize>()), (0, 0));
    let alerts = rig.store.alerts(false, 100).await.unwrap();
    assert!(alerts.iter().all(|alert| alert.kind != "stale_features"), "{alerts:?}");
    host.shutdown().cancel();
    host.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn alerts_follow_the_policy_in_force() {
    let clock = Wall::at("2025-03-05T16:00:00Z");
    let rig = Rig::new(Scripted::of(&["SPY"], clock.clone()), settings(RateLimit::Unlimited), clock).await;
    rig.store.put_symbols(&[spy()]).await.unwrap();
    let host = host(&rig).await;
    host.console.order(EngineCommand::Pause(None)).await.unwrap();
    tokio::time::sleep(Duration::from_hours(2)).await;
    let raised = async || {
        let alerts = rig.store.alerts(true, 100).await.unwrap();
        alerts.into_iter().any(|alert| alert.kind == "no_successful_backfill")
    };
    assert!(!raised().await, "six hours are allowed");
    let config = rig.engine.config.current();
    let mut policy = (*config.policy).clone();
    policy.monitoring_thresholds.no_successful_backfill.0 = Duration::from_hours(1);
    rig.engine.apply(Config { policy: Arc::new(policy), ..(*config).clone() });
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert!(raised().await, "one hour is allowed now, and two have passed");
    let refused = host.console.order(EngineCommand::Reload).await;
    assert_eq!(refused, Err(CommandError::CannotReload), "nothing here knows where the settings come from");
    host.shutdown().cancel();
    host.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_alerts_are_counted_however_many_came_after() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    add(&bench, &["SPY", "--timeframes", "1d"]).await;
    let store = barkeep::store::open(&bench.database.url(), false).await.unwrap();
    let alert = |kind: &str, at: i64| rows::new_alert(kind, None, Ts(at));
    store.raise_alert(&alert("high_symbol_failure_rate", 1)).await.unwrap();
    for flap in 0..30 {
        store.raise_alert(&alert("stale_features", 10 + 2 * flap)).await.unwrap();
        store.resolve_alert("stale_features", None, Ts(11 + 2 * flap)).await.unwrap();
    }
    store.close().await;
    let served = Served::start(&bench).await;
    let snapshot = served.json("/api/v1/snapshot").await;
    assert_eq!(
        snapshot["open_alerts"],
        json!([{ "kind": "high_symbol_failure_rate", "severity": "critical", "open": 1 }])
    );
    assert!(snapshot["alerts"].as_array().unwrap().iter().all(|alert| !alert["resolved_at"].is_null()));
    let metrics = served.get("/metrics").await.text();
    assert!(metrics.lines().any(|line| line == "barkeep_alerts_open 1"), "{metrics}");
    let out = bench.run(&["alerts", "--json"]).await;
    let open: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(open.as_array().map(Vec::len), Some(1), "{open}");
    assert_eq!(served.stop().await, 0);
}
