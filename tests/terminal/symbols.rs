//! Symbols from inside: from an empty database to a running backfill by keys, here and on an engine elsewhere, and symbols
//! that another process adds.

use std::time::{Duration, Instant};

use barkeep::sim::SimConfig;

use crate::support::api::Served;
use crate::support::bench::{Bench, configure};
use crate::support::pty::Pty;

const BARKEEP: &str = env!("CARGO_BIN_EXE_barkeep");

async fn empty() -> Bench {
    let bench = Bench::sqlite(SimConfig::default()).await;
    configure(&bench, "backfill:\n  history: 5d\nvendor:\n  rate_limit: 600\nsymbols:\n  timeframes: [5m, 1h, 1d]\n");
    bench
}

fn dashboard(bench: &Bench) -> Pty {
    let env = [
        ("MASSIVE_API_KEY", "key-of-the-tests".to_owned()),
        ("BARKEEP_VENDOR_URL", bench.sim.url()),
        ("BARKEEP_DATABASE_URL", bench.database.url()),
        ("BARKEEP_API_LISTEN", "127.0.0.1:0".to_owned()),
    ];
    Pty::start(BARKEEP, &[], bench.dir.path(), &env, 120, 40)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_keys_and_a_name_lead_from_an_empty_database_to_a_backfill() {
    let bench = empty().await;
    let mut pty = dashboard(&bench);
    pty.until("n add symbols");
    pty.type_in("n");
    pty.type_in("SPY\r");
    pty.until("SPY as critical");
    assert_eq!(bench.asked("/range/"), 0, "a plan asks nothing");
    pty.until("Yes");
    pty.type_in("\r");
    pty.until(" started");
    pty.type_in("5");
    pty.until("completed");
    pty.type_in("qy");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
    assert!(bench.asked("/range/") > 0);
    assert_eq!(bench.count("SELECT count(*) FROM symbols WHERE symbol = 'SPY' AND criticality = 'critical'").await, 1);
    let stored = "SELECT count(*) FROM series WHERE bar_count > 0";
    assert!(bench.count(stored).await >= 2, "bars are stored");
    // Each step is on record.
    let noted = "SELECT count(DISTINCT action) FROM operator_actions WHERE action IN ('add_symbol', 'trigger')";
    assert_eq!(bench.count(noted).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_adds_is_shown_within_seconds() {
    let bench = empty().await;
    let mut pty = dashboard(&bench);
    pty.until("0 symbols");
    assert!(bench.run(&["symbols", "add", "SPY", "QQQ", "--no-check"]).await.status.success());
    let added = Instant::now();
    pty.until("2 symbols");
    // A look a second and a reading; without the look it would be half a minute.
    assert!(added.elapsed() < Duration::from_secs(5), "{:?}", added.elapsed());
    pty.type_in("qy");
    assert_eq!(pty.ended(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_elsewhere_searches_and_adds() {
    let bench = empty().await;
    let served = Served::start(&bench).await;
    let url = format!("http://{}", served.addr);
    let (home, host) = (tempfile::tempdir().unwrap(), served.addr.to_string());
    let path = home.path().to_owned();
    let seen = tokio::task::spawn_blocking(move || {
        let mut pty = Pty::start(BARKEEP, &["attach", &url], &path, &[], 120, 36);
        pty.until("n add symbols");
        pty.until_so("the first line says where this is", |text| {
            text.lines().next().is_some_and(|line| line.contains(&host))
        });
        pty.type_in("n");
        // Control-S.
        pty.type_in("tesla\u{13}");
        pty.until("Tesla Inc.");
        pty.type_in("\r");
        pty.until(":add TSLA");
        pty.type_in("\r");
        pty.until("Yes");
        pty.type_in("\r");
        pty.until(" started");
        pty.type_in("q");
        pty.ended()
    });
    assert_eq!(seen.await.unwrap(), 0);
    assert_eq!(bench.asked("search=tesla"), 1);
    assert_eq!(served.json("/api/v1/symbols").await["symbols"][0]["symbol"], "TSLA");
    assert_eq!(served.stop().await, 0);
}
