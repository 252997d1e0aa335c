//! A clock that is set while barkeep runs, by libfaketime: only the time of day steps, as on a real machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::support::api::Served;
use crate::support::bench::configure;
use crate::support::faketime::wrong_as;
use crate::world::{Tally, World, dice, report, setting};

/// Seconds: what a drift, a summer time, a wrong zone, a dead battery and a typing error make.
const STEPS: [i64; 14] =
    [1, -1, 61, -61, 600, -600, 3_600, -3_600, 86_400, -86_400, 2_592_000, -2_592_000, 31_536_000, -31_536_000];

/// A clock that a test sets.
struct Clock(PathBuf);

impl Clock {
    fn new(dir: &Path) -> Self {
        let clock = Self(dir.join("clock"));
        clock.set(0);
        clock
    }

    /// So many seconds from the right time.
    fn set(&self, offset: i64) {
        // Whole at any moment.
        let new = self.0.with_extension("new");
        std::fs::write(&new, format!("{offset:+}s\n")).unwrap();
        std::fs::rename(new, &self.0).unwrap();
    }

    fn on(&self, command: &mut Command) {
        wrong_as(command, &self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: needs faketime; BARKEEP_CHAOS_STEPS steps take minutes"]
async fn clock_steps() {
    let wanted = setting("STEPS", 20);
    let mut dice = dice("clock steps");
    let (mut steps, mut rounds, mut tally) = (0, 0, Tally::default());
    while steps < wanted {
        let world = World::new(None, Duration::from_millis(20)).await;
        let clock = Clock::new(world.bench.dir.path());
        let mut command = world.backfill();
        clock.on(&mut command);
        let mut child = command.spawn().unwrap();
        world.bench.until_asked(1).await;
        while steps < wanted && child.try_wait().unwrap().is_none() {
            clock.set(STEPS[dice.usize(..STEPS.len())]);
            steps += 1;
            tokio::time::sleep(Duration::from_millis(dice.u64(20..300))).await;
        }
        clock.set(0);
        let ended = tokio::time::timeout(Duration::from_mins(2), child.wait()).await;
        if ended.ok().and_then(|status| status.unwrap().code()) != Some(0) {
            world.show_log();
            tally.unended += 1;
        }
        tally += world.settle().await;
        tally += world.judge_finished(0).await;
        rounds += 1;
        world.end().await;
    }
    report(&format!("clock steps: {steps} of up to a year in {rounds} backfills"), tally);
}

/// A service whose clock steps answers all the time, claims nothing that the vendor did not have, and ends in order.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: needs faketime; BARKEEP_CHAOS_STEPS steps take minutes"]
async fn clock_steps_of_a_service() {
    let wanted = setting("STEPS", 20);
    let mut dice = dice("clock steps of a service");
    let world = World::new(None, Duration::from_millis(5)).await;
    configure(&world.bench, "backfill:\n  history: 10d\nvendor:\n  backoff_base: 10ms\n");
    let added = world.bench.run(&["symbols", "add", "BTC", "AAPL", "--timeframes", "5m,1h,1d"]).await;
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let clock = Clock::new(world.bench.dir.path());
    let mut command = world.bench.command(&["run", "--headless"]);
    clock.on(&mut command);
    let served = Served::by(command).await;
    let (mut tally, mut longest) = (Tally::default(), Duration::ZERO);
    for _ in 0..wanted {
        clock.set(STEPS[dice.usize(..STEPS.len())]);
        tokio::time::sleep(Duration::from_millis(dice.u64(100..900))).await;
        let asked = std::time::Instant::now();
        let answer = served.get("/health").await;
        longest = longest.max(asked.elapsed());
        if answer.status != 200 {
            eprintln!("/health: {}", answer.text());
            tally.unended += 1;
        }
    }
    clock.set(0);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let ordered = serde_json::json!({"symbols": ["BTC", "AAPL"], "timeframes": ["5m", "1h", "1d"]});
    let answer = served.post("/api/v1/backfill", &ordered).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let id = answer.json()["job_id"].as_str().unwrap().to_owned();
    let ended = async {
        loop {
            let row: Value = served.json(&format!("/api/v1/backfill/{id}")).await;
            if !["queued", "running"].contains(&row["status"].as_str().unwrap()) {
                return row["status"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    match tokio::time::timeout(Duration::from_mins(1), ended).await {
        Ok(status) if status == "completed" => {}
        other => {
            eprintln!("the order after the steps: {other:?}");
            tally.unended += 1;
        }
    }
    if served.stop().await != 0 {
        tally.unended += 1;
    }
    tally += world.judge_newest(&[("BTC", "X:BTCUSD"), ("AAPL", "AAPL")]).await;
    world.end().await;
    report(&format!("clock steps of a service: {wanted}, longest answer {:.0} ms", longest.as_secs_f64() * 1e3), tally);
}
