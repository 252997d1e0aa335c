//! SIGKILL at random instants: of a backfill, and of a service that takes orders.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::api::Served;
use crate::support::bench::configure;
use crate::support::postgres::{self, Cluster};
use crate::world::{Tally, World, dice, report, setting};

/// Kills one backfill after another, each time somewhere else, until enough were killed.
async fn backfills(name: &str, cluster: Option<&'static Cluster>) {
    let wanted = setting("KILLS", 20) as usize;
    let mut dice = dice(name);
    let (mut kills, mut rounds, mut tally, mut longest) = (0, 0, Tally::default(), Duration::ZERO);
    while kills < wanted {
        let world = World::new(cluster, Duration::from_millis(10)).await;
        let mut killed = 0;
        while kills < wanted {
            let begun = Instant::now();
            let seen = world.bench.sim.log().len();
            let mut child = world.spawn();
            // Every fifth time while it starts.
            let starting = dice.u8(..5) == 0;
            let pause = Duration::from_micros(dice.u64(..if starting { 300_000 } else { 500_000 }));
            let moment = async {
                if !starting {
                    world.bench.until_asked(seen + 1).await;
                    longest = longest.max(begun.elapsed());
                }
                tokio::time::sleep(pause).await;
            };
            tokio::select! {
                ended = child.wait() => {
                    if !ended.unwrap().success() {
                        world.show_log();
                        tally.unended += 1;
                    }
                    break;
                }
                () = moment => child.kill().await.unwrap(),
            }
            kills += 1;
            killed += 1;
            if dice.bool() {
                tally += world.judge_unfinished().await;
            }
        }
        tally += world.settle().await;
        tally += world.judge_finished(killed).await;
        rounds += 1;
        world.end().await;
    }
    let longest = longest.as_secs_f64();
    report(&format!("{name}: {kills} kills in {rounds} backfills, longest restart {longest:.1} s"), tally);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: BARKEEP_CHAOS_KILLS kills take minutes"]
async fn backfills_sqlite() {
    backfills("kills sqlite", None).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: BARKEEP_CHAOS_KILLS kills take minutes"]
async fn backfills_postgres() {
    backfills("kills postgres", Some(postgres::shared())).await;
}

/// An order that was answered 202.
struct Order {
    id: String,
    symbol: &'static str,
    /// Days of 2024 from February 1.
    days: (u64, u64),
}

const FEBRUARY: i64 = 1_706_745_600_000;
const DAY: i64 = 86_400_000;

fn date(day: u64) -> String {
    let ms = FEBRUARY + day as i64 * DAY;
    chrono::DateTime::from_timestamp_millis(ms).unwrap().date_naive().to_string()
}

/// Kills a service while it takes orders, until enough kills were made; then every order must end and have brought its
/// bars.
async fn orders(name: &str, cluster: Option<&'static Cluster>) {
    let wanted = setting("KILLS", 20) as usize;
    let mut dice = dice(name);
    let world = World::new(cluster, Duration::from_millis(30)).await;
    configure(&world.bench, "backfill:\n  history: 10d\nvendor:\n  backoff_base: 10ms\n");
    let added = world.bench.run(&["symbols", "add", "BTC", "--timeframes", "1h,1d"]).await;
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let (mut taken, mut tally, mut longest): (Vec<Order>, _, _) = (Vec::new(), Tally::default(), Duration::ZERO);
    for _ in 0..wanted {
        let begun = Instant::now();
        let mut served = Served::start(&world.bench).await;
        longest = longest.max(begun.elapsed());
        let until = tokio::time::sleep(Duration::from_micros(dice.u64(..900_000)));
        tokio::pin!(until);
        for _ in 0..3 {
            let symbol = ["AAPL", "MSFT", "ETH"][dice.usize(..3)];
            let first = dice.u64(..50);
            let days = (first, first + dice.u64(1..7));
            let body =
                json!({"symbols": [symbol], "timeframes": ["5m", "1h"], "from": date(days.0), "to": date(days.1)});
            let answer = tokio::select! {
                answer = served.post("/api/v1/backfill", &body) => answer,
                () = &mut until => break,
            };
            if answer.status == 202 {
                let id = answer.json()["job_id"].as_str().unwrap().to_owned();
                taken.push(Order { id, symbol, days });
            }
        }
        if !until.is_elapsed() {
            until.await;
        }
        served.child.kill().await.unwrap();
        if dice.bool() {
            tally += world.judge_unfinished().await;
        }
    }
    let served = Served::start(&world.bench).await;
    let patience = Instant::now() + Duration::from_mins(3);
    for order in &taken {
        let path = format!("/api/v1/backfill/{}", order.id);
        let job = loop {
            let job = served.json(&path).await;
            let status = job["status"].as_str().unwrap().to_owned();
            if !["queued", "running"].contains(&status.as_str()) || Instant::now() > patience {
                break job;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        if job["status"] != "completed" {
            eprintln!("the order {} did not end well: {job}", order.id);
            tally.unended += 1;
        }
    }
    let code = served.stop().await;
    assert_eq!(code, 0, "the service stops in order");
    tally += world.judge_unfinished().await;
    let stored = world.inside().await;
    for order in &taken {
        for timeframe in ["5m", "1h"] {
            // The vendor's days begin some hours after midnight UTC.
            let (start, end) = (FEBRUARY + (order.days.0 as i64 + 1) * DAY, FEBRUARY + order.days.1 as i64 * DAY);
            if start < end {
                tally.lost += world.lacking(&stored, order.symbol, timeframe, start, end).len();
            }
        }
    }
    let longest = longest.as_secs_f64();
    let orders = taken.len();
    assert!(orders > 0, "no order was taken; nothing was shown");
    world.end().await;
    report(&format!("{name}: {wanted} kills, {orders} orders, longest restart {longest:.1} s"), tally);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: BARKEEP_CHAOS_KILLS kills take minutes"]
async fn orders_sqlite() {
    orders("orders sqlite", None).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: BARKEEP_CHAOS_KILLS kills take minutes"]
async fn orders_postgres() {
    orders("orders postgres", Some(postgres::shared())).await;
}
