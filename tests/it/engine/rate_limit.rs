//! The vendor's limit, across processes: what one run used, the next one knows.

use std::time::Duration;

use barkeep::sim::{FaultKind, FaultRule, SimConfig, Window};

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

on_both!(
    another_process_sees_the_window_as_the_vendor_counts_it,
    SimConfig {
        rate_limit: Some(4),
        window: Window::Sliding,
        latency: Duration::from_millis(200),
        ..SimConfig::default()
    }
);
async fn another_process_sees_the_window_as_the_vendor_counts_it(bench: Bench) {
    let begin = std::time::Instant::now();
    let child = bench.spawn(&[&["backfill", "--json"], &ONE[..]].concat());
    bench.until_asked(3).await;
    let (code, summary) = summary_of(&child.wait_with_output().await.unwrap());
    assert_eq!((code, summary["requests"].as_u64()), (0, Some(3)), "{summary}");
    let child = bench.spawn(&[&["backfill", "--json"], &OTHER[..]].concat());
    bench.until_asked(4).await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let status = async || {
        let output = bench.run(&["status", "--json", "--rate-limit", "4"]).await;
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let json = status().await;
    let free_at = chrono::DateTime::parse_from_rfc3339(json["vendor"]["next_free_at"].as_str().unwrap()).unwrap();
    let at = chrono::DateTime::parse_from_rfc3339(json["at"].as_str().unwrap()).unwrap();
    assert_eq!((json["vendor"]["used"].as_u64(), json["limit"]["used"].as_u64()), (Some(4), Some(4)), "{json}");
    let wait = (free_at - at).as_seconds_f64();
    assert!((json["limit"]["next_free_in"].as_f64().unwrap() - wait).abs() < 0.002, "{json}");
    // The first place is free 60 s after its answer, which came within this test.
    assert!(wait < 60.0 && wait > 60.0 - begin.elapsed().as_secs_f64(), "{json}");

    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let _ = child.wait_with_output().await.unwrap();
    assert!(bench.sim.log().iter().all(|r| r.status != 429), "the vendor never had to refuse");
    assert_eq!(bench.sim.busiest_minute(), 4);
}

on_both!(
    what_is_more_urgent_goes_first_whichever_process_asks,
    SimConfig { rate_limit: Some(6), window: Window::Sliding, base_limit: 2_000, ..SimConfig::default() }
);
/// A long history of a symbol that matters little is under way in one process when another one wants a critical symbol.
async fn what_is_more_urgent_goes_first_whichever_process_asks(bench: Bench) {
    let run = |args: &[&str]| bench.spawn(&[&["backfill", "--json", "--rate-limit", "6"], args].concat());
    let low = run(&["ORCL", "--timeframes", "5m", "--from", "2023-01-01", "--to", "2024-01-01"]);
    bench.until_asked(6).await;
    let urgent = run(&["SPY", "--timeframes", "5m,1d", "--from", "2024-03-04", "--to", "2024-03-08"]);
    let (code, summary) = summary_of(&urgent.wait_with_output().await.unwrap());
    assert_eq!((code, summary["requests"].as_u64()), (0, Some(4)), "{summary}");
    // The rest of its minute is the other one's again.
    bench.until_asked(12).await;
    let pid = low.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let _ = low.wait_with_output().await.unwrap();
    let asked: Vec<String> = bench.sim.log().iter().map(|request| request.target.clone()).collect();
    let of_spy: Vec<bool> = asked.iter().map(|target| target.contains("SPY")).collect();
    // Room is left for two seconds to what has to follow an answer; a machine that takes longer lets one other through.
    let last = of_spy.iter().rposition(|of_spy| *of_spy).unwrap();
    assert!(last <= 10 && of_spy.iter().filter(|of_spy| **of_spy).count() == 4, "{asked:#?}");
    assert_eq!(bench.sim.busiest_minute(), 6);
}

on_both!(a_429_of_one_process_is_known_to_the_next, SimConfig::default());
async fn a_429_of_one_process_is_known_to_the_next(bench: Bench) {
    bench.sim.add_fault(FaultRule::new(FaultKind::Status429).times(1));
    let args = ["backfill", "--json", "AAPL", "--timeframes", "1d", "--from", "2024-03-04", "--rate-limit", "8"];
    let mut first = bench.spawn(&args);
    bench.until_asked(1).await;
    let recorded = async {
        while bench.count("SELECT count(*) FROM rate_limit_refusals").await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), recorded).await.expect("the 429 is recorded");
    first.kill().await.unwrap();

    let output = bench.run(&["status", "--json", "--rate-limit", "8"]).await;
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let limit = &status["limit"];
    assert_eq!((limit["effective"].as_u64(), limit["used"].as_u64()), (Some(4), Some(1)), "{limit}");
    let frozen = limit["frozen_for"].as_f64().unwrap();
    assert!((20.0..=60.0).contains(&frozen) && limit["next_free_in"].as_f64() >= Some(frozen), "{limit}");

    let mut second = bench.spawn(&args);
    // A request would come at once; only time can show that none does.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(bench.sim.log().len(), 1);
    second.kill().await.unwrap();
}
