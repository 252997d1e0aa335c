//! A PostgreSQL server that crashes and comes back, and one that ends sessions, while backfills run.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};

use crate::support::bench::configure;
use crate::support::postgres::{self, Cluster};
use crate::world::{Tally, World, dice, report, setting};

/// Pages stored so far.
const PAGES: &str = "SELECT count(*) FROM vendor_requests";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[cfg_attr(without_initdb, ignore = "needs PostgreSQL to start and stop")]
#[cfg_attr(not(without_initdb), ignore = "part of `just chaos`: BARKEEP_CHAOS_RESTARTS restarts take minutes")]
async fn restarts() {
    let wanted = setting("RESTARTS", 5);
    let mut dice = dice("restarts");
    let cluster: &'static Cluster = Box::leak(Box::new(tokio::task::block_in_place(Cluster::throw_away)));
    let (mut done, mut rounds, mut tally) = (0, 0, Tally::default());
    let mut resumed = Vec::new();
    while done < wanted {
        let world = World::new(Some(cluster), Duration::from_millis(60)).await;
        let mut child = world.spawn();
        world.bench.until_asked(2).await;
        let mut cuts = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(dice.u64(..700))).await;
            if done >= wanted || child.try_wait().unwrap().is_some() {
                break;
            }
            tokio::task::block_in_place(|| cluster.stop());
            tokio::time::sleep(Duration::from_millis(dice.u64(..500))).await;
            tokio::task::block_in_place(|| cluster.start());
            done += 1;
            cuts += 1;
            let begun = Instant::now();
            let before = world.number(PAGES).await;
            while world.number(PAGES).await == before && child.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert!(begun.elapsed() < Duration::from_mins(1), "nothing is stored after a restart");
            }
            resumed.push(begun.elapsed());
            tally += world.judge_unfinished().await;
        }
        if tokio::time::timeout(Duration::from_mins(2), child.wait()).await.ok().and_then(|s| s.unwrap().code())
            != Some(0)
        {
            world.show_log();
            tally.unended += 1;
        }
        tally += world.settle().await;
        tally += world.judge_finished(cuts).await;
        rounds += 1;
        world.end().await;
    }
    resumed.sort();
    let (middle, longest) = (resumed[resumed.len() / 2].as_secs_f64(), resumed[resumed.len() - 1].as_secs_f64());
    report(
        &format!(
            "restarts: {done} in {rounds} backfills, stored again after {middle:.1} s (median), {longest:.1} s (longest)"
        ),
        tally,
    );
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL")]
#[cfg_attr(not(without_postgres), ignore = "part of `just chaos`: BARKEEP_CHAOS_ENDED ended sessions take minutes")]
async fn ended_sessions() {
    let wanted = setting("ENDED", 30);
    let mut dice = dice("ended sessions");
    let cluster = postgres::shared();
    let (mut ended, mut rounds, mut tally) = (0, 0, Tally::default());
    while ended < wanted {
        let world = World::new(Some(cluster), Duration::from_millis(30)).await;
        configure(&world.bench, "backfill:\n  database_patience: 60s\n");
        let mut child = world.spawn();
        world.bench.until_asked(2).await;
        let mut admin = PgConnection::connect(&world.bench.database.url()).await.unwrap();
        let mut cuts = 0;
        while ended < wanted && child.try_wait().unwrap().is_none() {
            // All of them, or one.
            let most = if dice.bool() { 100_i64 } else { 1 };
            let sql = "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE \
                       application_name = 'barkeep' AND datname = current_database() ORDER BY random() LIMIT $1) ours";
            let hit: i64 = sqlx::query_scalar(sql).bind(most).fetch_one(&mut admin).await.unwrap();
            ended += hit as u64;
            cuts += hit as usize;
            tokio::time::sleep(Duration::from_millis(dice.u64(..400))).await;
        }
        if tokio::time::timeout(Duration::from_mins(2), child.wait()).await.ok().and_then(|s| s.unwrap().code())
            != Some(0)
        {
            world.show_log();
            tally.unended += 1;
        }
        admin.close().await.unwrap();
        tally += world.settle().await;
        tally += world.judge_finished(cuts).await;
        rounds += 1;
        world.end().await;
    }
    report(&format!("ended sessions: {ended} in {rounds} backfills"), tally);
}
