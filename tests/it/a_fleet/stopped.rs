//! A process that stands still while others go on: what it brings afterwards is old.

use std::time::Duration;

use super::signal_to;
use crate::support::bench::{Bench, configure, summary_of};
use crate::support::databases::on_both;
use barkeep::sim::{ConfigChange, SimConfig};

/// Longer than any claim counts, and than a bar of a minute grows.
const STOPPED: Duration = Duration::from_secs(64);

on_both!(
    a_page_from_before_a_stop_replaces_nothing_newer,
    SimConfig { latency: Duration::from_secs(2), ..SimConfig::default() }
);
async fn a_page_from_before_a_stop_replaces_nothing_newer(bench: Bench) {
    // The limit on a request's time is not what saves the newer bars.
    configure(&bench, "vendor:\n  total_timeout: 10m\n  read_timeout: 5m\nlog:\n  level: info\n");
    let since = (chrono::Utc::now() - chrono::Duration::days(1)).format("%Y-%m-%d").to_string();
    let args = ["backfill", "--json", "BTC", "--timeframes", "1m", "--from", &since];
    let first = bench.spawn(&args);
    bench.until_asked(1).await;
    let pid = first.id().unwrap();
    signal_to(pid, "-STOP");
    tokio::time::sleep(STOPPED).await;
    bench.sim.configure(&ConfigChange { latency_ms: Some(0), ..ConfigChange::default() });
    let (code, newer) = summary_of(&bench.run(&args).await);
    assert_eq!(code, 0, "{newer}");
    let before = bench.stored().await;
    signal_to(pid, "-CONT");
    let out = first.wait_with_output().await.unwrap();
    let (_, older) = summary_of(&out);
    let after = bench.stored().await;
    let last = before.keys().map(|(_, _, at)| *at).max().unwrap();
    for (key, values) in &before {
        // The one that was growing may have been asked for again since, by whoever woke.
        if key.2 < last {
            assert_eq!(after.get(key), Some(values), "{key:?} was replaced: {older}");
        }
    }
    let back = "SELECT count(*) FROM bar_revisions AS r JOIN bars AS b ON b.series_id = r.series_id AND b.ts = r.ts
                WHERE b.fetched_at < r.fetched_at";
    assert_eq!(bench.count(back).await, 0, "a bar went back to an older answer");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let log = logged(&bench);
    let told = "requested before a newer one";
    assert!(said.contains(told) || log.contains(told), "it is told: {said} {log}");
}

/// Everything in the log files of this bench.
fn logged(bench: &Bench) -> String {
    let mut waiting = vec![bench.dir.path().to_path_buf()];
    let mut text = String::new();
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|ext| ext == "log") || path.to_string_lossy().contains("barkeep.log")
            {
                text.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
            }
        }
    }
    text
}
