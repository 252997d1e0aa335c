//! Listings, delistings, renames and names used again: bars and reference endpoints.

use super::*;

fn days(ticker: &str) -> String {
    range(ticker, "1/day", "2025-06-09", "2025-06-17", 50_000)
}

async fn plain(ticker: &str) -> Vec<Value> {
    Clocked::start("").await.rows("2025-06-18T00:00:00Z", &days(ticker)).await
}

impl Clocked {
    async fn details(&self, time: &str, ticker: &str) -> (u16, Value) {
        let got = self.ask(time, &format!("/v3/reference/tickers/{ticker}")).await;
        (got.status, got.json()["results"].clone())
    }
}

#[tokio::test]
async fn a_delisted_ticker_ends() {
    let sim = Clocked::start("[{kind: delisted, ticker: AAPL, on: 2025-06-12}]").await;
    let now = "2025-06-18T00:00:00Z";
    assert_eq!(sim.rows(now, &days("AAPL")).await, plain("AAPL").await[..4]);
    assert!(sim.rows(now, &range("AAPL", "1/minute", "2025-06-13", "2025-06-17", 10)).await.is_empty());
    let grouped = sim.rows(now, "/v2/aggs/grouped/locale/us/market/stocks/2025-06-13?adjusted=false").await;
    assert!(grouped.len() > 200 && grouped.iter().all(|row| row["T"] != "AAPL"));
    let (status, row) = sim.details("2025-06-12T20:00:00Z", "AAPL").await;
    assert_eq!((status, &row["active"], row.get("delisted_utc")), (200, &Value::from(true), None));
    let (status, row) = sim.details(now, "AAPL").await;
    assert_eq!((status, &row["active"], &row["delisted_utc"]), (200, &false.into(), &"2025-06-12T00:00:00Z".into()));
    for (active, found) in [("", 0), ("&active=true", 0), ("&active=false", 1)] {
        assert_eq!(sim.rows(now, &format!("/v3/reference/tickers?ticker=AAPL{active}")).await.len(), found);
        let searched = sim.rows(now, &format!("/v3/reference/tickers?search=AAPL{active}")).await;
        assert_eq!(searched.iter().filter(|row| row["ticker"] == "AAPL").count(), found);
    }
}

#[tokio::test]
async fn a_new_listing_begins() {
    let sim = Clocked::start("[{kind: listed, ticker: AAPL, on: 2025-06-12}]").await;
    assert_eq!(sim.rows("2025-06-18T00:00:00Z", &days("AAPL")).await, plain("AAPL").await[3..]);
    assert_eq!(sim.details("2025-06-12T03:59:59Z", "AAPL").await.0, 404);
    let (status, row) = sim.details("2025-06-12T04:00:00Z", "AAPL").await;
    assert_eq!((status, &row["active"], &row["list_date"]), (200, &true.into(), &"2025-06-12".into()));
}

#[tokio::test]
async fn a_renamed_company_goes_on_under_its_new_name() {
    let sim = Clocked::start("[{kind: renamed, from: AAPL, to: PEAR, on: 2025-06-12}]").await;
    let now = "2025-06-18T00:00:00Z";
    let all = plain("AAPL").await;
    assert_eq!(sim.rows(now, &days("AAPL")).await, all[..3]);
    assert_eq!(sim.rows(now, &days("PEAR")).await, all[3..]);
    assert_eq!(sim.details(now, "AAPL").await.1["delisted_utc"], "2025-06-11T00:00:00Z");
    let (status, row) = sim.details(now, "PEAR").await;
    assert_eq!((status, &row["active"], &row["name"]), (200, &true.into(), &"Apple Inc.".into()));
    assert_eq!(sim.details("2025-06-11T12:00:00Z", "PEAR").await.0, 404);
    let hours = range("PEAR", "1/hour", "2025-06-09", "2025-06-13", 50_000);
    assert!(sim.times(now, &hours).await[0] > at("2025-06-12T04:00:00Z"));
}

#[tokio::test]
async fn a_reused_ticker_has_another_companys_prices() {
    let sim = Clocked::start(
        "[{kind: reused, ticker: AAPL, on: 2025-06-12}, {kind: reused, ticker: SPY, on: 2025-06-12, company: MSFT}]",
    )
    .await;
    let now = "2025-06-18T00:00:00Z";
    let (got, all) = (sim.rows(now, &days("AAPL")).await, plain("AAPL").await);
    assert_eq!(got[..3], all[..3]);
    assert!(got.len() == all.len() && got[3..].iter().zip(&all[3..]).all(|(a, b)| a["c"] != b["c"]));
    assert_eq!(sim.rows(now, &days("SPY")).await[3..], plain("MSFT").await[3..]);
    assert_eq!(sim.details(now, "SPY").await.1["list_date"], "2025-06-12");
}

#[tokio::test]
async fn an_unknown_ticker_has_nothing() {
    let sim = Clocked::start("[{kind: unknown, ticker: BRK-B}]").await;
    let now = "2025-06-18T00:00:00Z";
    let empty = sim.ask(now, &days("BRK-B")).await;
    assert_eq!((empty.status, empty.json()["resultsCount"].as_u64()), (200, Some(0)));
    let got = sim.ask(now, "/v3/reference/tickers/BRK-B").await;
    assert_eq!((got.status, &got.json()["status"]), (404, &"NOT_FOUND".into()));
    assert!(sim.rows(now, "/v3/reference/tickers?ticker=BRK-B").await.is_empty());
    // The right spelling is found from the wrong one.
    assert!(!sim.rows(now, &days("BRK.B")).await.is_empty());
    assert_eq!(sim.rows(now, "/v3/reference/tickers?search=BRK-B&active=true").await[0]["ticker"], "BRK.B");
}
