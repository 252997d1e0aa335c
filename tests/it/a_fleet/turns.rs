//! One service works, the others stand by and take over.

use std::time::{Duration, Instant};

use super::{TAKE_OVER, assert_exact, bench, drop_database, ended, engine, order, signal, until, until_works};
use crate::support::api::Served;
use barkeep::sim::SimConfig;

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn one_works_and_the_other_takes_over() {
    let (bench, name) = bench(SimConfig::default()).await;
    bench.run(&["symbols", "add", "AAPL"]).await;
    let first = Served::start(&bench).await;
    until_works(&first).await;
    let second = Served::start(&bench).await;
    bench.until_asked(1).await;
    assert_eq!(engine(&second).await, "standby");

    // Stopped for longer than its lease, it finds that another works.
    signal(&first, "-STOP");
    until_works(&second).await;
    signal(&first, "-CONT");
    until("the woken service stands by", Duration::from_secs(10), async || {
        (engine(&first).await == "standby").then_some(())
    })
    .await;

    signal(&second, "-KILL");
    until_works(&first).await;
    assert_eq!(first.stop().await, 0);
    drop(second);
    drop_database(&name).await;
}

/// A service that is started again on the same machine has no reason to wait for what it was.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn a_restart_after_a_kill_works_at_once() {
    let (bench, name) = bench(SimConfig { latency: Duration::from_secs(1), ..SimConfig::default() }).await;
    bench.run(&["symbols", "add", "AAPL", "--timeframes", "1d"]).await;
    let mut first = Served::start(&bench).await;
    until_works(&first).await;
    let job = order(&first, &["AAPL", "MSFT"]).await;
    bench.until_asked(1).await;
    first.child.kill().await.unwrap();

    let again = Served::start(&bench).await;
    let begun = Instant::now();
    let job = ended(&again, &job, Duration::from_secs(20)).await;
    assert_eq!(job["status"], "completed", "{job}");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(12), "it stood by for the lease or the claims of a dead process: {took:?}");
    assert_ne!(engine(&again).await, "standby");
    assert_eq!(again.stop().await, 0);
    drop_database(&name).await;
}

/// The leader and a standby die in the middle of an order.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn deaths_in_the_middle_cost_the_requests_under_way() {
    const NAMES: [&str; 8] = ["AAPL", "MSFT", "IBM", "SPY", "QQQ", "GE", "KO", "PEP"];
    let (bench, name) = bench(SimConfig { latency: Duration::from_millis(700), ..SimConfig::default() }).await;
    crate::support::bench::configure(&bench, "backfill:\n  concurrency: 2\n");
    let first = Served::start(&bench).await;
    until_works(&first).await;
    let second = Served::start(&bench).await;
    let third = Served::start(&bench).await;
    let job = order(&first, &NAMES).await;
    bench.until_asked(2).await;
    // Nothing depends on one that only stands by.
    signal(&second, "-KILL");
    bench.until_asked(4).await;
    signal(&first, "-KILL");
    let killed = Instant::now();
    until_works(&third).await;
    assert!(killed.elapsed() < TAKE_OVER);
    let job = ended(&third, &job, Duration::from_mins(1)).await;
    assert_eq!((&job["status"], &job["symbols_total"]), (&"completed".into(), &8.into()), "{job}");
    assert_exact(&bench, &NAMES, 2).await;
    until("nothing is left open", TAKE_OVER, async || {
        let open = "SELECT count(*) FROM scheduler_execution_log WHERE status IN ('running', 'queued')";
        (bench.count(open).await == 0).then_some(())
    })
    .await;
    assert_eq!(third.stop().await, 0);
    drop((first, second));
    drop_database(&name).await;
}
