//! A PostgreSQL server that crashes and comes back, and one that ends sessions, while backfills run.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::api::Served;
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

/// How soon a service that has nothing to do knows that its server is gone, and that it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[cfg_attr(without_initdb, ignore = "needs PostgreSQL to start and stop")]
#[cfg_attr(not(without_initdb), ignore = "part of `just chaos`: BARKEEP_CHAOS_LOSSES losses take minutes")]
async fn losses_are_noticed() {
    let wanted = setting("LOSSES", 3);
    let mut dice = dice("losses noticed");
    let cluster: &'static Cluster = Box::leak(Box::new(tokio::task::block_in_place(Cluster::throw_away)));
    let world = World::new(Some(cluster), Duration::ZERO).await;
    let served = Served::start(&world.bench).await;
    let until = async |status: u16| {
        let begun = Instant::now();
        // Each question by itself: one that hangs hides nothing.
        let mut asked = tokio::task::JoinSet::new();
        loop {
            let mut stream = TcpStream::connect(served.addr).await.unwrap();
            let head = format!("GET /ready HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", served.addr);
            asked.spawn(async move {
                stream.write_all(head.as_bytes()).await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
            });
            let pause = tokio::time::sleep(Duration::from_millis(50));
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    Some(answer) = asked.join_next() => if answer.unwrap() == status { return begun.elapsed() },
                    () = &mut pause => break,
                }
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "/ready is never {status}");
        }
    };
    let (mut lost, mut back) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..wanted {
        until(200).await;
        tokio::time::sleep(Duration::from_millis(dice.u64(1_000..4_000))).await;
        tokio::task::block_in_place(|| cluster.stop());
        lost = lost.max(until(503).await);
        tokio::time::sleep(Duration::from_millis(dice.u64(..3_000))).await;
        tokio::task::block_in_place(|| cluster.start());
        back = back.max(until(200).await);
    }
    let (lost, back) = (lost.as_secs_f64(), back.as_secs_f64());
    let tally = Tally { unended: usize::from(served.stop().await != 0), ..Tally::default() };
    world.end().await;
    report(&format!("losses noticed: {wanted}, the longest after {lost:.1} s; back after {back:.1} s"), tally);
    assert!(lost < 2.0, "a loss is noticed after {lost:.1} s");
}
