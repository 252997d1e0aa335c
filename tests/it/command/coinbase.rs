//! The second vendor from the command line, without a key.

use barkeep::sim::SimConfig;
use serde_json::Value;

use crate::support::bench::Bench;

/// Exit code, output, errors.
type Said = (i32, String, String);

async fn keyless(bench: &Bench, args: &[&str]) -> Said {
    let mut command = bench.command(args);
    command.env_remove("MASSIVE_API_KEY").env("BARKEEP_COINBASE_URL", bench.sim.url());
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn crypto_needs_no_key_and_stocks_still_do() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let (code, _, errors) = keyless(&bench, &["backfill", "BTC-USD", "--timeframes", "1h"]).await;
    assert!(code == 2 && errors.contains("no API key") && errors.contains("--vendor coinbase"), "{errors}");

    let from = (chrono::Utc::now() - chrono::Duration::days(20)).date_naive().to_string();
    let fetch = ["backfill", "BTC-USD", "--vendor", "coinbase", "--timeframes", "1h,4h,1d", "--from", &from, "--json"];
    let (code, summary, errors) = keyless(&bench, &fetch).await;
    assert_eq!(code, 0, "{errors}");
    let summary: Value = serde_json::from_str(&summary).unwrap();
    // Twenty days and a part of 1h are two windows, and the days one.
    assert_eq!((&summary["requests"], &summary["status"]), (&3.into(), &"completed".into()), "{summary}");
    let (_, bars, _) = keyless(&bench, &["bars", "BTC", "--timeframe", "4h"]).await;
    assert!(bars.lines().count() > 100, "{bars}");

    let (_, list, _) = keyless(&bench, &["symbols", "list", "--json"]).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(
        (&list[0]["symbol"], &list[0]["vendor"], &list[0]["vendor_ticker"]),
        (&"BTC".into(), &"coinbase".into(), &"BTC-USD".into())
    );
    let (_, table, _) = keyless(&bench, &["symbols", "list"]).await;
    assert!(table.contains("VENDOR") && table.contains("coinbase"), "{table}");
    let (_, why, _) = keyless(&bench, &["explain", "BTC"]).await;
    assert!(why.contains("come from coinbase"), "{why}");

    // The schedule's command goes without a key too, and a stock beside it is told by name.
    assert_eq!(keyless(&bench, &["backfill", "--all"]).await.0, 0);
    keyless(&bench, &["symbols", "add", "AAPL", "--timeframes", "1d"]).await;
    let (code, said, _) = keyless(&bench, &["backfill", "--all"]).await;
    assert!(code == 1 && said.contains("AAPL") && said.contains("no API key"), "{said}");
    let (code, _, errors) = keyless(&bench, &["backfill", "AAPL"]).await;
    assert!(code == 2 && errors.contains("no API key"), "{errors}");
    assert!(bench.sim.log().iter().all(|request| request.target.starts_with("/products/")));
}

#[tokio::test]
async fn another_vendor_is_refused_once_there_are_bars() {
    let bench = Bench::sqlite(SimConfig::default()).await;
    let (code, added, errors) = keyless(&bench, &["symbols", "add", "ETH", "--timeframes", "1d", "--no-check"]).await;
    assert!(code == 0 && !added.contains("VENDOR"), "{errors}");
    let (code, _, errors) = keyless(&bench, &["symbols", "set", "ETH", "--vendor", "coinbase"]).await;
    assert_eq!(code, 0, "{errors}");
    let from = (chrono::Utc::now() - chrono::Duration::days(5)).date_naive().to_string();
    assert_eq!(keyless(&bench, &["backfill", "ETH", "--from", &from]).await.0, 0);
    let (code, _, errors) = keyless(&bench, &["symbols", "set", "ETH", "--vendor", "massive"]).await;
    assert!(
        code == 2 && errors.contains("are never mixed in one series") && errors.contains("symbols remove ETH"),
        "{errors}"
    );
    let (code, _, errors) = keyless(&bench, &["symbols", "add", "ETH", "--vendor", "massive"]).await;
    assert!(code == 2 && errors.contains("symbols set ETH --vendor"), "{errors}");
    let (code, _, errors) = keyless(&bench, &["backfill", "ETH", "--vendor", "massive"]).await;
    assert!(code == 2 && errors.contains("from coinbase, not from massive"), "{errors}");
    let (code, _, errors) =
        keyless(&bench, &["symbols", "add", "SPY", "--vendor", "coinbase", "--asset-class", "etf"]).await;
    assert!(code == 2 && errors.contains("crypto only"), "{errors}");
}
