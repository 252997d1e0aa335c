//! Several real processes on one PostgreSQL: whose turn it is, what becomes of the work of one that dies or stands still,
//! and whose clock counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Command;

use crate::support::api::Served;
use crate::support::bench::{Bench, Database};
use crate::support::postgres;
use barkeep::sim::SimConfig;

mod clocks;
mod hosts;
mod shared;
mod shown;
mod stopped;
mod turns;
mod writers;

/// A bench on a new database of the shared server, and its name.
async fn bench(config: SimConfig) -> (Bench, String) {
    let cluster = postgres::shared();
    let name = cluster.create_database().await;
    (Bench::on(config, Database::Postgres(cluster.url(&name))).await, name)
}

async fn drop_database(name: &str) {
    postgres::shared().drop_database(name).await;
}

/// The binary behind other programs, such as `unshare`.
fn behind(wrappers: &[&str], command: &Command) -> Command {
    let inner = command.as_std();
    let mut outer = Command::new(wrappers[0]);
    outer.args(&wrappers[1..]).arg(inner.get_program()).args(inner.get_args()).env_clear();
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer.current_dir(inner.get_current_dir().unwrap()).stdin(std::process::Stdio::null());
    outer
}

/// What gives a process a host name and process ids of its own, as a container has them.
fn container(host: &str) -> [&str; 10] {
    const NAMED: &str = "echo \"$0\" > /proc/sys/kernel/hostname && exec \"$@\"";
    ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", NAMED, host]
}

async fn in_container(bench: &Bench, host: &str) -> Served {
    Served::by(behind(&container(host), &bench.command(&["run", "--headless"]))).await
}

fn signal(served: &Served, name: &str) {
    signal_to(served.child.id().unwrap(), name);
}

fn signal_to(pid: u32, name: &str) {
    assert!(std::process::Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

async fn engine(served: &Served) -> String {
    served.json("/ready").await["engine"].as_str().unwrap().to_owned()
}

/// Waits until something holds.
async fn until<T>(what: &str, patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < patience, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Longest time until another service works.
const TAKE_OVER: Duration = Duration::from_secs(30);

async fn until_works(served: &Served) {
    until("it works", TAKE_OVER, async || (engine(served).await != "standby").then_some(())).await;
}

/// Orders a backfill and returns its path.
async fn order(served: &Served, symbols: &[&str]) -> String {
    let body = serde_json::json!({
        "symbols": symbols, "timeframes": ["1d"], "from": "2024-01-02", "to": "2024-03-28"
    });
    let answer = served.post("/api/v1/backfill", &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    format!("/api/v1/backfill/{}", answer.json()["job_id"].as_str().unwrap())
}

/// Waits until an order has ended, and says how.
async fn ended(served: &Served, path: &str, patience: Duration) -> Value {
    until("the order ends", patience, async || {
        let job = served.json(path).await;
        (job["status"] != "queued" && job["status"] != "running").then_some(job)
    })
    .await
}

/// Every stored daily bar is the vendor's, and nothing was asked twice but what was under way when a process died.
async fn assert_exact(bench: &Bench, symbols: &[&str], lost: usize) {
    let mut asked: Vec<String> = bench.sim.log().into_iter().map(|request| request.target).collect();
    asked.retain(|target| target.contains("/aggs/") && target.contains("2024-0"));
    let distinct: BTreeSet<&String> = asked.iter().collect();
    let twice = asked.len() - distinct.len();
    assert!(twice <= lost, "{twice} requests were made twice: {asked:#?}");
    let stored = bench.stored().await;
    for symbol in symbols {
        let vendor = bench.vendor_bars(symbol, "1d", "2024-01-02", "2024-03-28").await;
        // The schedule may have brought the newest year as well.
        let last = vendor.keys().next_back().copied().unwrap_or(0);
        let of = |(name, timeframe, at): &(String, String, i64)| name == symbol && timeframe == "1d" && *at <= last;
        let own: BTreeMap<i64, _> =
            stored.iter().filter(|(key, _)| of(key)).map(|((_, _, at), values)| (*at, *values)).collect();
        assert_eq!(own, vendor, "{symbol}");
    }
    assert_eq!(bench.count("SELECT count(*) FROM bar_revisions").await, 0, "no bar was written with other values");
}
