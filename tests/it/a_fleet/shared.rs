//! One plan, carried out by all services of a database.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::Connection as _;

use super::{TAKE_OVER, bench, drop_database, ended, signal, until, until_works};
use crate::support::api::Served;
use crate::support::bench::{Bench, assert_same, configure};
use barkeep::sim::SimConfig;

const NAMES: [&str; 12] = ["AAPL", "MSFT", "IBM", "SPY", "QQQ", "GE", "KO", "PEP", "XOM", "CVX", "WMT", "JNJ"];
const FROM: &str = "2024-01-02";
const TO: &str = "2024-03-28";

/// Saturday, 2024-03-30; the 29th was a holiday.
const END: i64 = 1_711_756_800_000;

/// Requests that a process may have under way: two items, each with a page on its way to the database and the next one
/// requested.
const UNDER_WAY: usize = 4;

/// Long enough for an order to end, deaths included.
const PATIENCE: Duration = Duration::from_mins(2);

fn slow(ms: u64) -> SimConfig {
    // Several pages each.
    SimConfig { latency: Duration::from_millis(ms), base_limit: 20_000, ..SimConfig::default() }
}

/// Services that all stand ready, the active one first.
async fn services(bench: &Bench, count: usize) -> Vec<Served> {
    configure(bench, "backfill:\n  concurrency: 2\n");
    let mut all = Vec::new();
    for _ in 0..count {
        let service = Served::start(bench).await;
        if all.is_empty() {
            until_works(&service).await;
        }
        all.push(service);
    }
    all
}

async fn order(served: &Served) -> String {
    let body = serde_json::json!({ "symbols": NAMES, "timeframes": ["5m", "1d"], "from": FROM, "to": TO });
    let answer = served.post("/api/v1/backfill", &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    format!("/api/v1/backfill/{}", answer.json()["job_id"].as_str().unwrap())
}

/// Waits until so many workers have items of a plan.
async fn until_shared(bench: &Bench, workers: i64) {
    until("the plan is shared", PATIENCE, async || {
        let holders = bench.count("SELECT count(DISTINCT holder) FROM plan_items WHERE state = 'held'").await;
        (holders >= workers).then_some(())
    })
    .await;
}

/// Where the range of a request for bars ends; it stands in its path, as a date or in milliseconds.
fn end_of(target: &str) -> Option<i64> {
    let path = target.split('?').next().filter(|path| path.contains("/aggs/ticker/"))?;
    let to = path.rsplit('/').next()?;
    let date =
        |to: &str| Some(to.parse::<chrono::NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis());
    to.parse().ok().or_else(|| date(to))
}

/// Requests for bars of the order, and how many of them were made before. The schedule asks for later ones.
fn asked(bench: &Bench) -> (usize, usize) {
    let log = bench.sim.log();
    let of_order = |target: &&String| end_of(target).is_some_and(|end| end < END);
    let all: Vec<&String> = log.iter().map(|request| &request.target).filter(of_order).collect();
    let distinct: BTreeSet<&&String> = all.iter().collect();
    (all.len(), all.len() - distinct.len())
}

/// The requests that were made more than once, and when.
fn repeated(bench: &Bench) -> Vec<(u64, String)> {
    let log = bench.sim.log();
    let times = |target: &str| log.iter().filter(|request| request.target == target).count();
    let twice = log.iter().filter(|request| times(&request.target) > 1);
    twice.map(|request| (request.at_ms, request.target.clone())).collect()
}

/// Every stored bar is the vendor's, and nothing was asked twice but what was under way at a death.
async fn assert_exact(bench: &Bench, lost: usize) {
    let (all, twice) = asked(bench);
    assert!(twice <= lost, "{twice} of {all} requests were made twice: {:#?}", repeated(bench));
    let mut stored = bench.stored().await;
    // What the schedule brought is later.
    stored.retain(|(_, _, at), _| *at < END);
    for symbol in NAMES {
        for timeframe in ["5m", "1d"] {
            let vendor = bench.vendor_bars(symbol, timeframe, FROM, TO).await;
            assert_same(&stored, symbol, timeframe, &vendor);
        }
    }
    assert_eq!(bench.count("SELECT count(*) FROM bar_revisions").await, 0, "no bar was written with other values");
    // The schedule may be at work meanwhile.
    let left =
        "SELECT count(*) FROM plan_items JOIN scheduler_execution_log USING (execution_id) WHERE trigger_kind = 'api'";
    assert_eq!(bench.count(left).await, 0, "nothing is left of the plan");
    let bare = "SELECT count(*) FROM bars AS b WHERE ts < '2024-03-29' AND NOT EXISTS (
                    SELECT 1 FROM features AS f WHERE f.series_id = b.series_id AND f.ts = b.ts)";
    assert_eq!(bench.count(bare).await, 0, "every bar has its features");
}

/// What the row of the order and its series say: requests, retries, bars, bars of the series, features.
async fn figures(bench: &Bench) -> (i64, i64, i64, i64, i64) {
    let mut db = sqlx::PgConnection::connect(&bench.database.url()).await.unwrap();
    let sql = "SELECT requests, retries, total_records_processed,
                   (SELECT sum(records_inserted)::bigint FROM symbol_computation_status AS s
                    WHERE s.execution_id = e.execution_id),
                   (SELECT sum(features_computed)::bigint FROM symbol_computation_status AS s
                    WHERE s.execution_id = e.execution_id)
               FROM scheduler_execution_log AS e WHERE trigger_kind = 'api'";
    sqlx::query_as(sql).fetch_one(&mut db).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn a_plan_is_carried_out_by_all_services() {
    let mut ends = Vec::new();
    for count in [1, 3] {
        let (bench, name) = bench(slow(400)).await;
        let all = services(&bench, count).await;
        let job = order(&all[0]).await;
        if count > 1 {
            until_shared(&bench, 3).await;
        }
        let job = ended(&all[0], &job, PATIENCE).await;
        assert_eq!(job["status"], "completed", "{job}");
        let log = bench.sim.log().len() as i64;
        let figures = figures(&bench).await;
        assert_eq!(figures.0, log, "the requests of the order are those the vendor saw");
        let recorded = bench.count("SELECT count(*) FROM vendor_requests WHERE execution_id IS NOT NULL").await;
        assert_eq!(recorded, log);
        assert_exact(&bench, 0).await;
        ends.push((figures, bench.stored().await));
        for service in all {
            assert_eq!(service.stop().await, 0);
        }
        drop_database(&name).await;
    }
    assert_eq!(ends[0].0, ends[1].0, "the figures are those of one service");
    assert!(ends[0].1 == ends[1].1, "the rows differ");
}

/// How often a death is tried, each time at another moment: `BARKEEP_DEATHS=20`.
fn deaths() -> u64 {
    std::env::var("BARKEEP_DEATHS").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// Some moment while a plan is carried out.
async fn some_moment() {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    let moment = Duration::from_millis(u64::from(nanos / 1_000 % 3_000));
    println!("a death {moment:?} after the plan is shared");
    tokio::time::sleep(moment).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn one_that_helps_and_dies_costs_its_requests_under_way() {
    for _ in 0..deaths() {
        let (bench, name) = bench(slow(700)).await;
        let all = services(&bench, 3).await;
        let job = order(&all[0]).await;
        until_shared(&bench, 3).await;
        some_moment().await;
        signal(&all[1], "-KILL");
        let job = ended(&all[0], &job, PATIENCE).await;
        assert_eq!(job["status"], "completed", "{job}");
        assert_exact(&bench, UNDER_WAY).await;
        drop(all);
        drop_database(&name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn one_that_planned_and_dies_costs_the_requests_under_way() {
    for _ in 0..deaths() {
        let (bench, name) = bench(slow(700)).await;
        let all = services(&bench, 3).await;
        let job = order(&all[0]).await;
        until_shared(&bench, 3).await;
        some_moment().await;
        signal(&all[0], "-KILL");
        let next = until("another works", TAKE_OVER, async || {
            for service in &all[1..] {
                if super::engine(service).await != "standby" {
                    return Some(service);
                }
            }
            None
        })
        .await;
        let job = ended(next, &job, PATIENCE).await;
        assert_eq!(job["status"], "completed", "{job}");
        // What the others have under way ends before its plan is taken over.
        assert_exact(&bench, UNDER_WAY).await;
        drop(all);
        drop_database(&name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn one_that_helps_and_stands_still_writes_nothing_of_what_others_took_over() {
    let (bench, name) = bench(slow(1_500)).await;
    let all = services(&bench, 2).await;
    let job = order(&all[0]).await;
    until_shared(&bench, 2).await;
    signal(&all[1], "-STOP");
    let job = ended(&all[0], &job, PATIENCE).await;
    assert_eq!(job["status"], "completed", "{job}");
    // Old bars only: the schedule goes on.
    let written = "SELECT (SELECT count(*) FROM bars WHERE ts < '2024-03-29')
                       + (SELECT count(*) FROM coverage WHERE start_ts < '2024-03-29')
                       + (SELECT count(*) FROM vendor_requests WHERE outcome = 'ok' AND asked_from < '2024-03-29')";
    let before = (bench.count(written).await, asked(&bench).0);
    signal(&all[1], "-CONT");
    tokio::time::sleep(Duration::from_secs(8)).await;
    // What was on its way when it was stopped goes on; of what comes back nothing is written.
    let after = (bench.count(written).await, asked(&bench).0);
    assert!(
        after.0 == before.0 && after.1 <= before.1 + UNDER_WAY,
        "it wrote or went on after it woke: {after:?}, {before:?}"
    );
    assert_exact(&bench, UNDER_WAY).await;
    assert_eq!(super::engine(&all[1]).await, "standby");
    drop(all);
    drop_database(&name).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn a_pause_and_a_cancel_reach_those_that_help() {
    let (bench, name) = bench(slow(700)).await;
    let all = services(&bench, 3).await;
    let job = order(&all[0]).await;
    until_shared(&bench, 3).await;
    let command = async |path: &str| {
        let answer = all[0].send("POST", path, &[], "").await;
        assert!(answer.status < 300, "{path}: {}", answer.text());
    };
    command("/api/v1/admin/engine/pause").await;
    // What is on its way is let finish, the next look is half a second on.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let asked = bench.sim.log().len();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(bench.sim.log().len(), asked, "requests were made while the engine was paused");
    command("/api/v1/admin/engine/resume").await;
    bench.until_asked(asked + 4).await;
    let id = job.rsplit('/').next().unwrap();
    command(&format!("/api/v1/admin/executions/{id}/cancel")).await;
    let cancelled = ended(&all[0], &job, Duration::from_secs(20)).await;
    assert_eq!(cancelled["status"], "cancelled", "{cancelled}");
    let asked = bench.sim.log().len();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(bench.sim.log().len(), asked, "requests were made for an order that was cancelled");
    let recorded = bench.count("SELECT count(*) FROM vendor_requests WHERE execution_id IS NOT NULL").await;
    assert_eq!((recorded, figures(&bench).await.0), (asked as i64, asked as i64));
    drop(all);
    drop_database(&name).await;
}
