//! Others who hold locks on what a backfill writes, for random times at random instants.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

use crate::support::bench::Database;
use crate::support::postgres::{self, Cluster};
use crate::world::{Tally, World, dice, report, setting};

/// Statements that begin a transaction which stands in the way.
const SQLITE: [&str; 3] = ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "BEGIN; SELECT count(*) FROM bars"];
const POSTGRES: [&str; 4] = [
    "BEGIN; LOCK TABLE bars IN ACCESS EXCLUSIVE MODE",
    "BEGIN; LOCK TABLE coverage IN EXCLUSIVE MODE",
    "BEGIN; LOCK TABLE vendor_requests IN SHARE MODE",
    "BEGIN; SELECT * FROM series FOR UPDATE",
];

/// Holds a lock for a time; whether it was had.
async fn hold(database: &Database, how: &'static str, time: Duration) -> bool {
    match database {
        Database::Sqlite(_) => {
            let mut other = SqliteConnection::connect(&database.url()).await.unwrap();
            other.execute("PRAGMA busy_timeout = 3000").await.unwrap();
            let held = sqlx::raw_sql(how).execute(&mut other).await.is_ok();
            tokio::time::sleep(time).await;
            let _ = other.execute("ROLLBACK").await;
            other.close().await.unwrap();
            held
        }
        Database::Postgres(url) => {
            let mut other = PgConnection::connect(url).await.unwrap();
            let held = sqlx::raw_sql(AssertSqlSafe(how.to_owned())).execute(&mut other).await.is_ok();
            tokio::time::sleep(time).await;
            let _ = other.execute("ROLLBACK").await;
            other.close().await.unwrap();
            held
        }
    }
}

async fn locks(name: &str, cluster: Option<&'static Cluster>, ways: &[&'static str]) {
    let wanted = setting("LOCKS", 8) as usize;
    let mut dice = dice(name);
    let (mut held, mut rounds, mut tally, mut longest) = (0, 0, Tally::default(), Duration::ZERO);
    while held < wanted {
        let world = World::new(cluster, Duration::from_millis(20)).await;
        let begun = Instant::now();
        let mut child = world.spawn();
        world.bench.until_asked(1).await;
        while held < wanted && child.try_wait().unwrap().is_none() {
            let how = ways[dice.usize(..ways.len())];
            // Now and then longer than the 5 s after which a lock is no more waited for in one piece.
            let time = Duration::from_millis(if dice.u8(..6) == 0 { 6_000 } else { dice.u64(..800) });
            held += usize::from(hold(&world.bench.database, how, time).await);
            longest = longest.max(time);
            tokio::time::sleep(Duration::from_millis(dice.u64(..100))).await;
        }
        let ended = tokio::time::timeout(Duration::from_mins(2), child.wait()).await;
        if ended.ok().and_then(|status| status.unwrap().code()) != Some(0) {
            world.show_log();
            tally.unended += 1;
        }
        eprintln!("{name}: a run of {:?}", begun.elapsed());
        tally += world.settle().await;
        tally += world.judge_finished(0).await;
        rounds += 1;
        world.end().await;
    }
    report(&format!("{name}: {held} held up to {:.1} s in {rounds} backfills", longest.as_secs_f64()), tally);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: BARKEEP_CHAOS_LOCKS locks take minutes"]
async fn locks_sqlite() {
    locks("locks sqlite", None, &SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL")]
#[cfg_attr(not(without_postgres), ignore = "part of `just chaos`: BARKEEP_CHAOS_LOCKS locks take minutes")]
async fn locks_postgres() {
    locks("locks postgres", Some(postgres::shared()), &POSTGRES).await;
}
