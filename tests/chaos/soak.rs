//! A service for a long time with everything at once: a vendor that fails, orders, others who hold the lock, kills.

use std::time::{Duration, Instant};

use barkeep::sim::{FaultKind, FaultRule};
use serde_json::json;
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::load::memory;
use crate::support::api::Served;
use crate::support::bench::configure;
use crate::world::{Tally, World, dice, report, setting};

const FAULTS: [FaultKind; 8] = [
    FaultKind::Status500,
    FaultKind::Status503,
    FaultKind::Html502,
    FaultKind::Reset,
    FaultKind::TruncatedBody,
    FaultKind::TruncatedJson,
    FaultKind::EmptyBody,
    FaultKind::CutGzip,
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: BARKEEP_CHAOS_SOAK_SECONDS seconds"]
async fn soak() {
    let seconds = setting("SOAK_SECONDS", 20);
    let mut dice = dice("soak");
    let world = World::new(None, Duration::from_millis(10)).await;
    configure(&world.bench, "backfill:\n  history: 10d\nvendor:\n  backoff_base: 10ms\n  backoff_cap: 1s\n");
    for kind in FAULTS {
        world.bench.sim.add_fault(FaultRule::new(kind).probability(0.01));
    }
    let until = Instant::now() + Duration::from_secs(seconds);
    let (mut kills, mut stops, mut orders, mut locks, mut tally) = (0, 0, 0, 0, Tally::default());
    let (mut first, mut most) = (None, 0);
    while Instant::now() < until {
        let served = Served::start(&world.bench).await;
        let pid = served.child.id().unwrap();
        let life = Instant::now() + Duration::from_secs(dice.u64(2..20)).min(until - Instant::now().min(until));
        while Instant::now() < life {
            let symbol = ["AAPL", "MSFT", "ETH"][dice.usize(..3)];
            let day = dice.u8(1..20);
            let body = json!({"symbols": [symbol], "timeframes": ["5m", "1h"], "from": format!("2024-03-{day:02}"),
                "to": format!("2024-03-{:02}", day + 9), "refetch": dice.u8(..4) == 0});
            orders += usize::from(served.post("/api/v1/backfill", &body).await.status == 202);
            if dice.u8(..4) == 0 {
                let mut other = SqliteConnection::connect(&world.bench.database.url()).await.unwrap();
                if other.execute("PRAGMA busy_timeout = 2000; BEGIN IMMEDIATE").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(dice.u64(..700))).await;
                    other.execute("ROLLBACK").await.unwrap();
                    locks += 1;
                }
                other.close().await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(dice.u64(..500))).await;
            most = most.max(memory(pid, "VmRSS"));
        }
        first.get_or_insert(most);
        if dice.bool() {
            let mut served = served;
            served.child.kill().await.unwrap();
            kills += 1;
        } else {
            if served.stop().await != 0 {
                tally.unended += 1;
            }
            stops += 1;
        }
        tally += world.judge_unfinished().await;
    }
    let fired: u32 = world.bench.sim.faults().iter().map(|fault| fault.fired).sum();
    world.bench.sim.clear_faults();
    tally += world.settle().await;
    tally += world.judge_unfinished().await;
    let first = first.unwrap_or_default();
    let requests = world.bench.sim.log().len();
    world.end().await;
    report(
        &format!(
            "soak: {seconds} s, {requests} requests, {fired} of them failed on purpose, {orders} orders, {kills} kills, {stops} \
             stops, {locks} locks; memory {first} MB in the first life, {most} MB at most"
        ),
        tally,
    );
}
