//! The service, end to end: the real binary started, killed, stopped and steered by signals.

use std::time::{Duration, Instant};

use barkeep::sim::{FaultKind, FaultRule, SimConfig};
use chrono::{Days, NaiveDate, Utc};
use serde_json::Value;
use tokio::process::Child;

use crate::support::api::Served;
use crate::support::bench::{Bars, Bench, Database, assert_same, quick_retries, summary_of};
use crate::support::databases::on_both;
use crate::support::postgres::Cluster;

/// Dates of a range that ended long enough ago to be final.
fn settled_range() -> (NaiveDate, NaiveDate) {
    let today = Utc::now().date_naive();
    (today - Days::new(40), today - Days::new(4))
}

/// Settings of a service whose history reaches back 45 days and that looks for alerts every second.
fn settle(bench: &Bench) {
    let dir = bench.dir.path().join("config").join("barkeep");
    std::fs::create_dir_all(&dir).unwrap();
    let settings = "backfill:\n  history: 45d\nvendor:\n  backoff_base: 10ms\nalerts:\n  check_every: 1s\n";
    std::fs::write(dir.join("barkeep.yaml"), settings).unwrap();
}

fn service(bench: &Bench) -> Child {
    settle(bench);
    bench.spawn(&["run", "--headless"])
}

/// Requests that the settled range still needs.
async fn missing(bench: &Bench) -> u64 {
    let (from, to) = settled_range();
    let args = ["plan", "--all", "--json", "--from", &from.to_string(), "--to", &to.to_string()];
    let (code, plan) = summary_of(&bench.run(&args).await);
    assert_eq!(code, 0, "{plan}");
    plan["requests"].as_u64().unwrap()
}

async fn until_complete(bench: &Bench, service: &mut Child) {
    let begun = Instant::now();
    while missing(bench).await > 0 {
        assert!(service.try_wait().unwrap().is_none(), "the service ended");
        assert!(begun.elapsed() < Duration::from_mins(1), "still not complete");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn signalled(mut child: Child, signal: &str) -> (i32, Duration) {
    let pid = child.id().unwrap().to_string();
    let begun = Instant::now();
    assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    let status = tokio::time::timeout(Duration::from_secs(20), child.wait()).await.expect("it stops").unwrap();
    (status.code().unwrap_or(-1), begun.elapsed())
}

async fn equal_to_vendor(bench: &Bench) {
    let (from, to) = settled_range();
    let end = to.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_millis();
    let start = (from + Days::new(1)).and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_millis();
    let inside: Bars = bench.stored().await.into_iter().filter(|((_, _, t), _)| (start..end).contains(t)).collect();
    for (symbol, ticker) in [("AAPL", "AAPL"), ("BTC", "X:BTCUSD")] {
        for tf in ["5m", "1h", "1d"] {
            let vendor = bench.vendor_bars(ticker, tf, &from.to_string(), &to.to_string()).await;
            let vendor = vendor.into_iter().filter(|(t, _)| (start..end).contains(t)).collect();
            assert_same(&inside, symbol, tf, &vendor);
        }
    }
}

async fn register(bench: &Bench) {
    let output = bench.run(&["symbols", "add", "AAPL", "BTC", "--timeframes", "5m,1h,1d"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

on_both!(fills_what_is_registered_and_stops_in_order, SimConfig { base_limit: 8_000, ..SimConfig::default() });
async fn fills_what_is_registered_and_stops_in_order(bench: Bench) {
    register(&bench).await;
    let mut child = service(&bench);
    until_complete(&bench, &mut child).await;
    let (code, took) = signalled(child, "-TERM").await;
    assert_eq!(code, 0);
    assert!(took < Duration::from_secs(10), "{took:?}");
    equal_to_vendor(&bench).await;
    let running = bench.count("SELECT count(*) FROM scheduler_execution_log WHERE completed_at IS NULL").await;
    assert_eq!(running, 0);
    let scheduled = bench.count("SELECT count(*) FROM scheduler_execution_log WHERE trigger_kind = 'schedule'").await;
    assert!(scheduled >= 2, "one execution per tier");
}

on_both!(
    survives_kills_at_any_moment,
    SimConfig { base_limit: 3_000, latency: Duration::from_millis(10), ..SimConfig::default() }
);
async fn survives_kills_at_any_moment(bench: Bench) {
    register(&bench).await;
    // A hundred kills take a few minutes; BARKEEP_TEST_KILLS=100 makes them.
    let most = std::env::var("BARKEEP_TEST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let mut kills = 0_u64;
    while kills < most {
        let mut child = service(&bench);
        tokio::time::sleep(Duration::from_millis(60 + (kills * 137) % 700)).await;
        child.kill().await.unwrap();
        kills += 1;
    }
    let mut child = service(&bench);
    until_complete(&bench, &mut child).await;
    // What a killed process had sent, PostgreSQL may commit after the next one has looked for executions of the dead; the
    // leader looks again every 5 s.
    let running = "SELECT count(*) FROM scheduler_execution_log WHERE status = 'running'";
    let begun = Instant::now();
    while bench.count(running).await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(40), "a row stays running for a dead process");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (code, _) = signalled(child, "-TERM").await;
    assert_eq!(code, 0);
    equal_to_vendor(&bench).await;
    assert_eq!(bench.count(running).await, 0, "a row stays running after the stop");
}

on_both!(a_vendor_that_hangs_does_not_hold_up_the_stop, SimConfig::default());
async fn a_vendor_that_hangs_does_not_hold_up_the_stop(bench: Bench) {
    // Without a limit of its own, so its request takes no place.
    register(&bench).await;
    settle(&bench);
    bench.sim.clear_log();
    bench.sim.add_fault(FaultRule::new(FaultKind::Hang));
    let start = || {
        let mut command = bench.command(&["run", "--headless"]);
        command.env("BARKEEP_RATE_LIMIT", "4").kill_on_drop(true).spawn().unwrap()
    };
    let service = start();
    bench.until_asked(4).await;
    let (code, took) = signalled(service, "-TERM").await;
    assert_eq!(code, 0);
    assert!(took < Duration::from_secs(3), "{took:?}");

    // The places of what was given up are still taken for the next process, although the vendor answers again.
    bench.sim.clear_faults();
    let service = start();
    // A fifth request would come at once; only time can show that none does.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (code, _) = signalled(service, "-TERM").await;
    assert_eq!(code, 0);
    assert_eq!(bench.sim.log().len(), 4, "{:#?}", bench.sim.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_is_interrupted_while_the_vendor_hangs() {
    let bench =
        Bench::sqlite(SimConfig { faults: vec![FaultRule::new(FaultKind::Hang)], ..SimConfig::default() }).await;
    let args = ["backfill", "AAPL", "--timeframes", "5m", "--from", "2024-03-04", "--to", "2024-03-08"];
    let child = bench.spawn(&args);
    bench.until_asked(1).await;
    let (code, took) = signalled(child, "-INT").await;
    assert_eq!(code, 130);
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_service_per_sqlite_file() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    register(&bench).await;
    let mut first = service(&bench);
    until_complete(&bench, &mut first).await;
    let second = bench.run(&["run", "--headless"]).await;
    assert_eq!(second.status.code(), Some(4));
    let error = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(error.contains(&format!("process {}", first.id().unwrap())), "{error}");
    let (code, _) = signalled(first, "-INT").await;
    assert_eq!(code, 130);
    let third = Served::start(&bench).await;
    assert_eq!(third.stop().await, 0, "the lock goes with its holder");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_survived_and_told() {
    let bench = Bench::sqlite(SimConfig { keys: Some(vec!["another".into()]), ..SimConfig::default() }).await;
    register(&bench).await;
    let log = bench.dir.path().join("service.log");
    let mut child = bench.spawn(&["run", "--headless", "--log-file", log.to_str().unwrap()]);
    let begun = Instant::now();
    while !std::fs::read_to_string(&log).unwrap_or_default().contains("refused the key") {
        assert!(child.try_wait().unwrap().is_none(), "the service ended");
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let asked = bench.sim.log().len();
    // Another try would come within the shortest pause between two; only time can show that none does.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(bench.sim.log().len(), asked, "a refused key is not tried again");
    assert_eq!(signalled(child, "-TERM").await.0, 0);
    assert_eq!(bench.count("SELECT count(*) FROM bars").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_told_to_the_webhook_once() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let receiver = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", receiver.local_addr().unwrap());
    let bench = Bench::sqlite(SimConfig { keys: Some(vec!["another".into()]), ..SimConfig::default() }).await;
    register(&bench).await;
    settle(&bench);
    let mut command = bench.command(&["run", "--headless"]);
    let child = command.env("BARKEEP_ALERT_WEBHOOK_URL", &url).kill_on_drop(true).spawn().unwrap();
    let (mut stream, _) = tokio::time::timeout(Duration::from_secs(20), receiver.accept()).await.unwrap().unwrap();
    let mut said = Vec::new();
    let mut piece = [0; 4_096];
    while !String::from_utf8_lossy(&said).contains("refused the key") {
        let n = stream.read(&mut piece).await.unwrap();
        assert!(n > 0, "the message ended: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&piece[..n]);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
    let again = tokio::time::timeout(Duration::from_secs(3), receiver.accept()).await;
    assert!(again.is_err(), "an alert that lasts is told once");
    let open =
        bench.count("SELECT count(*) FROM alerts WHERE kind = 'vendor_key_refused' AND resolved_at IS NULL").await;
    assert_eq!(open, 1);
    assert_eq!(signalled(child, "-TERM").await.0, 0);
    assert!(!String::from_utf8_lossy(&said).contains("key-of-the-tests"));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_initdb, ignore = "needs PostgreSQL to start and stop: apt-get install postgresql")]
async fn a_postgres_restart_is_survived_by_the_same_process() {
    let cluster = Cluster::throw_away();
    // The pool tries to connect for some seconds before a read counts as failed, and an alert needs four more seconds of
    // loss. A whole minute takes its time; BARKEEP_TEST_DOWNTIME=60 makes it.
    let downtime = std::env::var("BARKEEP_TEST_DOWNTIME").ok().and_then(|n| n.parse().ok()).unwrap_or(15);
    let downtime = Duration::from_secs(downtime);
    let name = cluster.create_database().await;
    let config = SimConfig { base_limit: 2_000, latency: Duration::from_millis(20), ..SimConfig::default() };
    let bench = Bench::on(config, Database::Postgres(cluster.url(&name))).await;
    register(&bench).await;
    settle(&bench);
    let log = bench.dir.path().join("service.log");
    let mut child = bench.spawn(&["run", "--headless", "--log-file", log.to_str().unwrap()]);
    let process = child.id();
    while bench.asked("/range/") < 4 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let unfinished = missing(&bench).await;
    assert!(unfinished > 0, "nothing was left to do when the server stopped");
    cluster.stop();
    tokio::time::sleep(downtime).await;
    assert!(child.try_wait().unwrap().is_none(), "the service ended with its database");
    cluster.start();
    until_complete(&bench, &mut child).await;
    assert_eq!(child.id(), process);
    // The loss is told while it lasts, and kept once it is over.
    let told = "SELECT count(*) FROM alerts WHERE kind = 'database_lost' AND resolved_at > raised_at";
    let begun = Instant::now();
    while bench.count(told).await == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the downtime is in no alert");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let lasted =
        "SELECT max(extract(epoch FROM resolved_at - raised_at))::bigint FROM alerts WHERE kind = 'database_lost'";
    let lasted = bench.count(lasted).await;
    assert!((1..=downtime.as_secs() as i64 + 15).contains(&lasted), "{lasted} s for {downtime:?}");
    let text = std::fs::read_to_string(&log).unwrap();
    let line =
        |what: &str| text.lines().position(|l| l.contains(what)).unwrap_or_else(|| panic!("no {what:?} in {text}"));
    assert!(line("the database does not answer") < line("the database answers again"));
    assert!(line("alert: ") < line("alert resolved: "));
    assert_eq!(signalled(child, "-TERM").await.0, 0);
    // The same rows as at the vendor, none lost and none twice (the tables' keys do not allow it).
    equal_to_vendor(&bench).await;
    let open = bench.count("SELECT count(*) FROM scheduler_execution_log WHERE status = 'running'").await;
    assert_eq!(open, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_hears_that_it_is_ready_alive_and_stopping() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    register(&bench).await;
    settle(&bench);
    let path = bench.dir.path().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
    let mut command = bench.command(&["run", "--headless"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let child = command.kill_on_drop(true).spawn().unwrap();
    let heard = async || {
        let mut message = [0; 4_096];
        let wait = tokio::time::timeout(Duration::from_secs(20), socket.recv(&mut message));
        let n = wait.await.expect("systemd hears something").unwrap();
        String::from_utf8_lossy(&message[..n]).into_owned()
    };
    let says = |message: &str, line: &str| message.lines().any(|l| l.starts_with(line));
    assert_eq!(heard().await.trim_end(), "READY=1", "the first message");
    // Twice: it goes on saying so.
    for _ in 0..2 {
        let alive = heard().await;
        assert!(says(&alive, "WATCHDOG=1") && says(&alive, "STATUS="), "{alive:?}");
        let words = ["idle", "running"];
        assert!(words.iter().any(|word| says(&alive, &format!("STATUS={word}"))), "{alive:?}");
    }
    let stopped = tokio::spawn(signalled(child, "-TERM"));
    while !says(&heard().await, "STOPPING=1") {}
    assert_eq!(stopped.await.unwrap().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_history_makes_nothing_fresh() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    quick_retries(&bench);
    let year_ago = Utc::now().date_naive() - Days::new(365);
    let (from, to) = (year_ago.to_string(), (year_ago + Days::new(20)).to_string());
    let (code, summary) = bench.backfill(&["BTC", "--timeframes", "5m,1h", "--from", &from, "--to", &to]).await;
    assert_eq!(code, 0, "{summary}");
    let status = bench.run(&["status", "--json"]).await;
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["tiers"]["stale"], 2, "{status}");
    assert_eq!(status["tiers"]["fresh"], 0, "{status}");
}
