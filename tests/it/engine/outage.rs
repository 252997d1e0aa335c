//! The database goes away, is held by somebody else, or cannot be used at all.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use barkeep::sim::SimConfig;
use rustix::process::{Pid, Signal};
use serde_json::json;
use sqlx::{Connection as _, Executor as _};
use tokio::process::Child;

use crate::support::api::Served;
use crate::support::bench::{Bench, Database, configure, summary_of, until_logged};
use crate::support::databases::on_both;
use crate::support::postgres::Cluster;

const ARGS: [&str; 9] =
    ["AAPL", "MSFT", "ETH", "--timeframes", "5m,1h,1d", "--from", "2024-02-01", "--to", "2024-03-29"];

/// Pages small and slow enough that something can happen in the middle of a run.
fn slow_vendor() -> SimConfig {
    SimConfig { base_limit: 2_000, latency: Duration::from_millis(20), ..SimConfig::default() }
}

/// What the log says while the database is waited for.
const LOST: &str = "the database does not answer";

/// A backfill under way, and where its log is.
fn logged_backfill(bench: &Bench) -> (Child, PathBuf) {
    let log = bench.dir.path().join("backfill.log");
    let to_file = ["backfill", "--json", "--log-file", log.to_str().unwrap()];
    (bench.spawn(&[&to_file, &ARGS[..]].concat()), log)
}

async fn assert_complete(bench: &Bench) {
    let undisturbed = Bench::sqlite(SimConfig { base_limit: 2_000, ..SimConfig::default() }).await;
    assert_eq!(undisturbed.backfill(&ARGS).await.0, 0);
    let wanted = undisturbed.stored().await;
    assert!(wanted.len() > 10_000);
    assert_eq!(bench.stored().await, wanted, "rows differ from a run without the outage");
}

/// One `error:` line that says `says`, and exit 4.
fn assert_database_error(output: &Output, says: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    assert!(errors[0].contains(says), "'{says}' is not in: {text}");
    assert!(!text.contains("panicked") && !text.contains("key-of-the-tests"), "{text}");
}

/// What a person with a shell does to the database.
async fn by_hand(bench: &Bench, sqlite: &'static str, postgres: &'static str) {
    match &bench.database {
        Database::Sqlite(path) => {
            let url = format!("sqlite:{}", path.display());
            sqlx::SqliteConnection::connect(&url).await.unwrap().execute(sqlite).await.unwrap();
        }
        Database::Postgres(url) => {
            sqlx::PgConnection::connect(url).await.unwrap().execute(postgres).await.unwrap();
        }
    }
}

/// What the database refuses ends the run, and its row says so: the database answers after all.
async fn what_is_refused_half_way_is_closed(bench: Bench) {
    let child = bench.spawn(&[&["backfill", "--json"], &ARGS[..]].concat());
    bench.until_asked(12).await;
    by_hand(
        &bench,
        "CREATE TRIGGER refuse BEFORE INSERT ON coverage BEGIN SELECT RAISE(ABORT, 'nothing more today'); END",
        // No trigger: Citus has none on what it distributes.
        "ALTER TABLE coverage ADD CONSTRAINT \"nothing more today\" CHECK (FALSE) NOT VALID",
    )
    .await;
    assert_database_error(&child.wait_with_output().await.unwrap(), "nothing more today");
    let closed = "SELECT count(*) FROM scheduler_execution_log WHERE status = 'failed' AND completed_at IS NOT NULL
                  AND error_message LIKE '%nothing more today%'";
    assert_eq!((bench.count(closed).await, bench.count(RUNNING).await), (1, 0));
}
on_both!(what_is_refused_half_way_is_closed, slow_vendor());

const RUNNING: &str = "SELECT count(*) FROM scheduler_execution_log WHERE status = 'running'";

/// The vendor would answer in ten minutes; that the series are another's is known at the next sign of life.
async fn lost_series_end_the_run_at_once(bench: Bench) {
    barkeep::store::open(&bench.database.url(), false).await.unwrap().close().await;
    let child = bench.spawn(&[&["backfill", "--json"], &ARGS[..]].concat());
    let begun = Instant::now();
    while bench.count("SELECT count(*) FROM series_claims WHERE granted").await == 0 {
        assert!(begun.elapsed() < Duration::from_mins(1), "nothing is claimed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    by_hand(&bench, "DELETE FROM series_claims", "DELETE FROM series_claims").await;
    let taken = Instant::now();
    assert_database_error(&child.wait_with_output().await.unwrap(), "has taken over the series");
    assert!(taken.elapsed() < Duration::from_secs(20), "after {:?}", taken.elapsed());
    assert_eq!(bench.count(RUNNING).await, 0);
}
on_both!(lost_series_end_the_run_at_once, SimConfig { latency: Duration::from_mins(10), ..SimConfig::default() });

/// A run that another process took the series from ends alone: the service begins what comes next.
async fn a_service_outlives_the_loss_of_a_run(bench: Bench) {
    assert!(bench.run(&["symbols", "add", "BTC", "--timeframes", "1h"]).await.status.success());
    let served = Served::start(&bench).await;
    let until = async |sql: &'static str, what: &str| {
        let begun = Instant::now();
        while bench.count(sql).await == 0 {
            assert!(begun.elapsed() < Duration::from_mins(1), "{what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    until("SELECT count(*) FROM series_claims WHERE granted", "nothing is claimed").await;
    by_hand(&bench, "DELETE FROM series_claims", "DELETE FROM series_claims").await;
    let begun = Instant::now();
    loop {
        let text = served.get("/metrics").await.text();
        if text.contains("barkeep_executions_ended_total{status=\"failed\"} 1") {
            assert!(text.contains("barkeep_engine_state{state=\"failed\"} 0"), "{text}");
            break;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "the run goes on without its series: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let order = json!({"symbols": ["BTC"], "timeframes": ["1h"]});
    assert_eq!(served.post("/api/v1/backfill", &order).await.status, 202);
    until("SELECT count(*) FROM series_claims WHERE granted", "nothing new begins").await;
}
on_both!(a_service_outlives_the_loss_of_a_run, SimConfig { latency: Duration::from_mins(10), ..SimConfig::default() });

async fn on_own_server(config: SimConfig) -> (Cluster, Bench) {
    let cluster = tokio::task::block_in_place(Cluster::throw_away);
    let name = cluster.create_database().await;
    let database = Database::Postgres(cluster.url(&name));
    (cluster, Bench::on(config, database).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[cfg_attr(without_initdb, ignore = "needs PostgreSQL to start and stop: apt-get install postgresql")]
async fn a_server_that_comes_back_is_waited_for() {
    let (cluster, bench) = on_own_server(slow_vendor()).await;
    let (child, log) = logged_backfill(&bench);
    bench.until_asked(12).await;
    tokio::task::block_in_place(|| cluster.stop());
    until_logged(&log, LOST).await;
    let during = bench.sim.log().len();
    tokio::task::block_in_place(|| cluster.start());
    let (code, summary) = summary_of(&child.wait_with_output().await.unwrap());
    assert_eq!((code, summary["status"].as_str()), (0, Some("completed")), "{summary}");
    assert!(bench.sim.log().len() > during, "the server went away after the work was done");
    assert_complete(&bench).await;
    bench.assert_settled(&ARGS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[cfg_attr(without_initdb, ignore = "needs PostgreSQL to start and stop: apt-get install postgresql")]
async fn a_server_that_stays_away_ends_the_run_and_a_later_one_goes_on() {
    let (cluster, bench) = on_own_server(slow_vendor()).await;
    configure(&bench, "backfill:\n  database_patience: 2s\n");
    let child = bench.spawn(&[&["backfill", "--json"], &ARGS[..]].concat());
    bench.until_asked(12).await;
    tokio::task::block_in_place(|| cluster.stop());
    let stopped = Instant::now();
    let output = child.wait_with_output().await.unwrap();
    assert_database_error(&output, "database");
    assert!(output.stdout.is_empty(), "no summary of a run that could not be finished");
    assert!(stopped.elapsed() < Duration::from_secs(30), "gave up after {:?}", stopped.elapsed());
    tokio::task::block_in_place(|| cluster.start());

    let (code, summary) = bench.backfill(&ARGS).await;
    assert_eq!((code, summary["status"].as_str()), (0, Some("completed")), "{summary}");
    assert_complete(&bench).await;
    let running = "SELECT count(*) FROM scheduler_execution_log WHERE status = 'running'";
    assert_eq!(bench.count(running).await, 0, "the dead run is closed");
}

/// Nobody asks an idle database for half a minute; its loss is known all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[cfg_attr(without_initdb, ignore = "needs PostgreSQL to start and stop: apt-get install postgresql")]
async fn an_idle_service_notices_a_server_that_goes_and_comes_back() {
    let (cluster, bench) = on_own_server(SimConfig::default()).await;
    let log = bench.dir.path().join("service.log");
    let served = Served::with(&bench, &["--log-file", log.to_str().unwrap()]).await;
    let ready = async |status: u16| {
        let begun = Instant::now();
        while served.get("/ready").await.status != status {
            assert!(begun.elapsed() < Duration::from_mins(1), "/ready is never {status}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    ready(200).await;
    // What a start asks has been asked.
    tokio::time::sleep(Duration::from_secs(3)).await;
    tokio::task::block_in_place(|| cluster.stop());
    let stopped = Instant::now();
    until_logged(&log, LOST).await;
    assert!(stopped.elapsed() < Duration::from_secs(5), "noticed after {:?}", stopped.elapsed());
    // It is known, so nobody waits for a connection to find out.
    let asked = Instant::now();
    ready(503).await;
    assert!(asked.elapsed() < Duration::from_secs(1), "answered after {:?}", asked.elapsed());
    tokio::task::block_in_place(|| cluster.start());
    until_logged(&log, "the database answers again").await;
    ready(200).await;
    assert_eq!(served.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_writer_of_the_file_is_waited_for() {
    let bench = Bench::sqlite(slow_vendor()).await;
    let (child, log) = logged_backfill(&bench);
    bench.until_asked(12).await;
    let Database::Sqlite(path) = &bench.database else { unreachable!() };
    let mut other = sqlx::SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    other.execute("PRAGMA busy_timeout = 30000; BEGIN IMMEDIATE").await.unwrap();
    let committed = bench.count("SELECT count(*) FROM vendor_requests").await;
    // SQLite's own wait for the lock is over by then.
    until_logged(&log, LOST).await;
    assert_eq!(bench.count("SELECT count(*) FROM vendor_requests").await, committed, "nobody else can write");
    other.execute("COMMIT").await.unwrap();
    other.close().await.unwrap();
    let (code, summary) = summary_of(&child.wait_with_output().await.unwrap());
    assert_eq!((code, summary["status"].as_str()), (0, Some("completed")), "{summary}");
    assert!(bench.count("SELECT count(*) FROM vendor_requests").await > committed);
    assert_complete(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_server_is_told_within_ten_seconds() {
    // Nobody listens; and somebody listens who never says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = {
        let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        port.local_addr().unwrap()
    };
    for address in [closed, silent.local_addr().unwrap()] {
        let url = format!("postgres://somebody:hunter2@{address}/bars");
        let bench = Bench::on(SimConfig::default(), Database::Postgres(url)).await;
        let start = Instant::now();
        let output = bench.run(&["backfill", "AAPL", "--from", "2024-01-02", "--to", "2024-01-05"]).await;
        assert_database_error(&output, &address.to_string());
        assert!(start.elapsed() < Duration::from_secs(10), "{address}: {:?}", start.elapsed());
        assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter2"));
        assert!(bench.sim.log().is_empty(), "nothing is asked without a place to put it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("letter.db");
    std::fs::write(&text, "Dear Sir or Madam, this is no database. ".repeat(100)).unwrap();
    let inside_a_file = text.join("bars.db");
    let cases: [(&Path, &str); 4] = [
        (&text, "not a database"),
        (&inside_a_file, "letter.db"),
        (dir.path(), "directory"),
        // Nobody may write here, not even root.
        (Path::new("/proc/barkeep.db"), "/proc/barkeep.db"),
    ];
    for (path, says) in cases {
        let bench = Bench::on(SimConfig::default(), Database::Sqlite(path.to_owned())).await;
        let output = bench.run(&["backfill", "AAPL", "--from", "2024-01-02", "--to", "2024-01-05"]).await;
        assert_database_error(&output, says);
        assert!(bench.sim.log().is_empty());
    }
    let kept = std::fs::read_to_string(&text).unwrap();
    assert!(kept.starts_with("Dear Sir") && kept.len() == 4_000, "the file is left as it was");
}

/// Whether a process has a handler for the signal, as the kernel says.
fn catches(pid: u32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
    u64::from_str_radix(mask, 16).unwrap() >> (signal.as_raw() - 1) & 1 == 1
}

/// Nothing else would end it before the lock is given up or its patience is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_waits_for_its_database_ends_when_it_is_told_to() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    assert!(bench.run(&["symbols", "add", "AAPL"]).await.status.success());
    let Database::Sqlite(path) = &bench.database else { unreachable!() };
    let mut other = sqlx::SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    other.execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").await.unwrap();
    for (signal, code) in [(Signal::TERM, 0), (Signal::INT, 130)] {
        let service = bench.spawn(&["run", "--headless"]);
        let pid = service.id().unwrap();
        while !catches(pid, signal) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let told = Instant::now();
        rustix::process::kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
        let ended = service.wait_with_output().await.unwrap();
        assert_eq!(ended.status.code(), Some(code), "{}", String::from_utf8_lossy(&ended.stderr));
        assert!(told.elapsed() < Duration::from_secs(3), "{:?}", told.elapsed());
    }
    other.execute("ROLLBACK").await.unwrap();
}
