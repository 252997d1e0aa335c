//! Several services on one PostgreSQL: one works, the others stand by and take over.

use std::time::{Duration, Instant};

use crate::support::api::Served;
use crate::support::bench::{Bench, Database};
use crate::support::postgres;
use barkeep::sim::SimConfig;

/// Longest time until another service works.
const TAKE_OVER: Duration = Duration::from_secs(30);

async fn engine(served: &Served) -> String {
    served.json("/ready").await["engine"].as_str().unwrap().to_owned()
}

async fn until_works(served: &Served) {
    let begun = Instant::now();
    while engine(served).await == "standby" {
        assert!(begun.elapsed() < TAKE_OVER, "nobody took over");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn signal(served: &Served, name: &str) {
    let pid = served.child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn one_works_and_the_other_takes_over() {
    let cluster = postgres::shared();
    let name = cluster.create_database().await;
    let bench = Bench::on(SimConfig::default(), Database::Postgres(cluster.url(&name))).await;
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
    let begun = Instant::now();
    while engine(&first).await != "standby" {
        assert!(begun.elapsed() < Duration::from_secs(10), "the woken service goes on working");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    signal(&second, "-KILL");
    until_works(&first).await;
    assert_eq!(first.stop().await, 0);
    drop(second);
    cluster.drop_database(&name).await;
}
