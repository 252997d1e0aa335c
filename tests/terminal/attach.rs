//! `barkeep attach` on a terminal: the screens of an engine in another process.

use barkeep::sim::SimConfig;

use crate::support::api::Served;
use crate::support::bench::Bench;
use crate::support::pty::Pty;

#[tokio::test(flavor = "multi_thread")]
async fn the_screens_in_front_of_it_steer_it_and_leave_it_running() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let (code, summary) = bench.backfill(&["AAPL", "BTC", "--timeframes", "1d", "--from", "2024-03-01"]).await;
    assert_eq!(code, 0, "{summary}");
    let served = Served::start(&bench).await;
    let url = format!("http://{}", served.addr);
    let home = tempfile::tempdir().unwrap();
    let path = home.path().to_owned();
    let seen = tokio::task::spawn_blocking(move || {
        let mut pty = Pty::start(env!("CARGO_BIN_EXE_barkeep"), &["attach", &url], &path, &[], 120, 36);
        pty.until("2 symbols");
        // With a run under way it would ask first.
        pty.until("IDLE");
        pty.type_in("p");
        pty.until_so("it is paused", |text| text.contains("PAUSED"));
        pty.type_in("q");
        pty.ended()
    });
    assert_eq!(seen.await.unwrap(), 0);
    assert_eq!(served.json("/api/v1/snapshot").await["state"], "paused", "the engine goes on without the screen");
    assert_eq!(served.stop().await, 0);

    let nobody = bench.run(&["attach", "http://127.0.0.1:9", "--plain"]).await;
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("no service to attach to"));
    let wrong = bench.run(&["attach", "ftp://x", "--plain"]).await;
    assert_eq!(wrong.status.code(), Some(2));
}
