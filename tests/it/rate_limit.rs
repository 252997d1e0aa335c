//! The vendor's limit, across processes: what one run used, the next one knows.

use std::time::Duration;

use barkeep::sim::{SimConfig, Window};

use crate::support::bench::{Bench, summary_of};
use crate::support::databases::on_both;

const ONE: [&str; 9] =
    ["AAPL", "--timeframes", "5m,1d", "--from", "2024-03-04", "--to", "2024-03-08", "--rate-limit", "4"];
const OTHER: [&str; 9] =
    ["MSFT", "--timeframes", "5m,1d", "--from", "2024-03-04", "--to", "2024-03-08", "--rate-limit", "4"];

on_both!(
    the_window_survives_the_process,
    SimConfig { rate_limit: Some(4), window: Window::Sliding, ..SimConfig::default() }
);
async fn the_window_survives_the_process(bench: Bench) {
    let plan = async || {
        let (code, plan) = summary_of(&bench.run(&[&["plan", "--json"], &OTHER[..]].concat()).await);
        assert_eq!((code, plan["requests"].as_u64()), (0, Some(3)), "{plan}");
        plan["estimated_seconds"].as_f64().unwrap()
    };
    assert_eq!(plan().await, 0.0, "three of four fit");
    let (code, summary) = bench.backfill(&ONE).await;
    assert_eq!((code, summary["requests"].as_u64()), (0, Some(3)), "{summary}");
    assert_eq!(plan().await, 60.0, "three of four are used, so three more have to wait");
    let state = bench.count("SELECT count(*) FROM rate_limit_state").await;
    assert_eq!(state, 3);

    // A second process takes the one that is left and then waits, as the vendor sees it.
    let child = bench.spawn(&[&["backfill", "--json"], &OTHER[..]].concat());
    bench.until_asked(4).await;
    // A fifth request would come at once; only time can show that none does.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((bench.sim.log().len(), bench.sim.busiest_minute()), (4, 4));
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let (code, summary) = summary_of(&child.wait_with_output().await.unwrap());
    assert_eq!((code, summary["status"].as_str()), (130, Some("cancelled")), "{summary}");
    assert!(bench.sim.log().iter().all(|r| r.status != 429), "the vendor never had to refuse");
    assert_eq!(bench.sim.busiest_minute(), 4);
}
