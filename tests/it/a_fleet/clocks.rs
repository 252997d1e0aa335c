//! Machines whose clocks differ: the vendor's limit is counted by the server's clock.

use std::time::Duration;

use super::{behind, bench, drop_database};
use crate::support::bench::Bench;
use crate::support::faketime::wrong_by;
use barkeep::sim::SimConfig;
use tokio::process::Command;

const LIMIT: usize = 6;

/// Another machine: started at another time, with a clock that is wrong by so much.
fn on_another_machine(bench: &Bench, boot: &str, clock: &str, symbols: &[&str]) -> Command {
    let id = bench.dir.path().join(boot);
    std::fs::write(&id, format!("{}\n", uuid::Uuid::new_v4())).unwrap();
    let script = "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"";
    let range = ["--timeframes", "1d", "--from", "2024-01-02", "--to", "2024-03-28", "--rate-limit", "6"];
    let mut inner = bench.command(&[&["backfill"], symbols, &range[..]].concat());
    wrong_by(&mut inner, clock);
    let wrappers = ["unshare", "--mount", "sh", "-c", script, id.to_str().unwrap()];
    behind(&wrappers, &inner)
}

/// The first machine fills the limit and is gone; whatever the second's clock says, it waits for the minute to pass.
async fn the_second_machine_waits(first: &str, second: &str) {
    let (bench, name) = bench(SimConfig { rate_limit: Some(6), ..SimConfig::default() }).await;
    let six = ["AAPL", "MSFT", "IBM", "SPY", "QQQ", "GE", "KO", "PEP", "XOM"];
    let mut one = on_another_machine(&bench, "one", first, &six).kill_on_drop(true).spawn().unwrap();
    bench.until_asked(LIMIT).await;
    // Its last answer is recorded.
    tokio::time::sleep(Duration::from_millis(700)).await;
    one.kill().await.unwrap();
    let mut two = on_another_machine(&bench, "two", second, &["BA", "CAT", "DIS"]).kill_on_drop(true).spawn().unwrap();
    // Only time can show that it asks nothing.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(two.try_wait().unwrap().is_none(), "it waits");
    assert_eq!(bench.sim.log().len(), LIMIT, "clocks {first} and {second}");
    assert!(bench.sim.log().iter().all(|request| request.status != 429));
    // It goes on as soon as the vendor allows it.
    tokio::time::timeout(Duration::from_secs(75), async {
        while bench.sim.log().len() == LIMIT {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("the minute passes");
    two.wait().await.unwrap();
    assert!(bench.sim.busiest_minute() <= LIMIT && bench.sim.log().iter().all(|request| request.status != 429));
    drop_database(&name).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_faketime, ignore = "needs PostgreSQL, root and faketime: apt-get install faketime")]
async fn wrong_clocks_free_no_place_early() {
    tokio::join!(the_second_machine_waits("+0s", "+45s"), the_second_machine_waits("+45s", "+0s"));
}
