//! Containers: host names and process ids of their own, which say nothing about who lives.

use std::time::{Duration, Instant};

use super::{
    TAKE_OVER, assert_exact, behind, bench, container, drop_database, ended, engine, in_container, order, until,
};
use super::{signal, until_works};
use crate::support::bench::summary_of;
use barkeep::sim::SimConfig;

fn slow() -> SimConfig {
    SimConfig { latency: Duration::from_millis(1_500), ..SimConfig::default() }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_spaces, ignore = "needs PostgreSQL, and root to give processes host names and ids of their own")]
async fn what_a_dead_container_left_is_taken_up_by_one_of_another_name() {
    let (bench, name) = bench(slow()).await;
    let first = in_container(&bench, "alpha").await;
    until_works(&first).await;
    let second = in_container(&bench, "beta").await;
    let job = order(&first, &["AAPL", "MSFT", "IBM", "SPY"]).await;
    bench.until_asked(1).await;
    let ready = second.json("/api/v1/status").await;
    assert_eq!(ready["status"], "standby", "{ready}");
    assert!(ready["reason"].as_str().unwrap().starts_with("alpha is active since "), "{ready}");

    signal(&first, "-KILL");
    let killed = Instant::now();
    until_works(&second).await;
    assert!(killed.elapsed() < TAKE_OVER);
    // The order is taken up 30 s after the last sign of life.
    let job = ended(&second, &job, Duration::from_mins(1)).await;
    assert_eq!((&job["status"], &job["symbols_total"]), (&"completed".into(), &4.into()), "{job}");
    assert_exact(&bench, &["AAPL", "MSFT", "IBM", "SPY"], 4).await;
    drop((first, second));
    drop_database(&name).await;
}

/// Two containers from one image: the same name, and process ids that the other one does not have.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_spaces, ignore = "needs PostgreSQL, and root to give processes host names and ids of their own")]
async fn a_living_container_of_the_same_name_is_left_alone() {
    let (bench, name) = bench(slow()).await;
    let first = in_container(&bench, "same").await;
    until_works(&first).await;
    crate::support::bench::configure(&bench, "backfill:\n  concurrency: 1\n");
    let job = order(&first, &["AAPL", "MSFT", "IBM", "SPY", "QQQ", "GE", "KO", "PEP"]).await;
    bench.until_asked(1).await;
    let second = in_container(&bench, "same").await;
    // A command there goes its own way meanwhile.
    let args = ["backfill", "--json", "XOM", "--timeframes", "1d", "--from", "2024-01-02", "--to", "2024-03-28"];
    let command = behind(&container("same"), &bench.command(&args)).output().await.unwrap();
    let (code, summary) = summary_of(&command);
    assert_eq!(code, 0, "{summary} {}", String::from_utf8_lossy(&command.stderr));
    let owners = bench.count("SELECT count(DISTINCT owner) FROM scheduler_execution_log").await;
    assert_eq!(owners, 2, "the service's and the command's");
    assert_eq!(engine(&second).await, "standby");
    let job = ended(&first, &job, Duration::from_mins(1)).await;
    assert_eq!(job["status"], "completed", "{job}");
    let interrupted = bench.count("SELECT count(*) FROM scheduler_execution_log WHERE status <> 'completed'").await;
    assert_eq!(interrupted, 0, "a living execution was declared dead");
    assert_exact(&bench, &["AAPL", "XOM"], 0).await;
    until("it stands by still", Duration::from_secs(1), async || (engine(&second).await == "standby").then_some(()))
        .await;
    drop((first, second));
    drop_database(&name).await;
}
