//! Keys, plans, limits, bad requests, and the server as a process.

use std::io::Read;

use super::*;

#[tokio::test]
async fn the_plan_clips_and_refuses() {
    let sim = start(SimConfig { plan_years: Some(2), ..SimConfig::default() }).await;
    let old = ask(&sim, &range("AAPL", "1/day", "2020-01-01", "2021-01-01", 10)).await;
    assert_eq!(old.status, 403);
    assert!(old.json()["message"].as_str().unwrap().starts_with("Your plan doesn't include this data timeframe"));
    let clipped = ask(&sim, &range("AAPL", "1/day", "2020-01-01", "2025-01-01", 50_000)).await;
    // Two years before 2025-06-18 was a Sunday, and Monday 19 June a holiday.
    let first = Ts(clipped.rows()[0]["t"].as_i64().unwrap()).ny_date().to_string();
    assert!(["2023-06-19", "2023-06-20"].contains(&first.as_str()), "{first}");
    assert_eq!(ask(&sim, "/v2/aggs/grouped/locale/us/market/stocks/2020-01-02").await.status, 403);
    for target in [
        "/v2/snapshot/locale/us/markets/stocks/tickers",
        &range("AAPL", "1/second", "2025-01-02", "2025-01-02", 10),
        &range("C:EURUSD", "1/day", "2025-01-02", "2025-01-02", 10),
    ] {
        let got = ask(&sim, target).await;
        assert_eq!(got.status, 403);
        assert!(got.json()["message"].as_str().unwrap().starts_with("You are not entitled"));
    }
}

#[tokio::test]
async fn bad_requests_are_refused_in_the_vendors_words() {
    let sim = start(SimConfig { keys: Some(vec!["key".into()]), ..SimConfig::default() }).await;
    let day = |from: &str, to: &str| range("AAPL", "1/day", from, to, 10);
    for (target, status, words) in [
        (day("yesterday", "2025-01-02"), 400, "Could not parse the time parameter: 'from'"),
        (day("2025-01-02", "2025-1-2"), 400, "Could not parse the time parameter: 'to'"),
        (day("2025-01-02", "2025-01-01"), 400, "The parameter 'to' cannot be a time that occurs before 'from'"),
        (range("AAPL", "1/fortnight", "2025-01-01", "2025-01-02", 10), 400, "timespan"),
        (range("AAPL", "0/day", "2025-01-01", "2025-01-02", 10), 400, "multiplier"),
        (range("AAPL", "1/day", "2025-01-01", "2025-01-02", 50_001), 400, "limit"),
        (format!("{}&cursor=%21%21", day("2025-01-01", "2025-01-02")), 400, "cursor"),
        ("/v3/reference/tickers/NOSUCH".into(), 404, "Ticker not found."),
        ("/v9/nothing".into(), 404, "404 page not found\n"),
    ] {
        let got = ask(&sim, &target).await;
        assert_eq!(got.status, status, "{target}");
        assert!(got.text().contains(words), "{}", got.text());
    }
    let path = day("2025-01-02", "2025-01-03");
    for (headers, query, status, words) in [
        ("", "", 401, "API Key was not provided"),
        ("", "&apiKey=", 401, "API Key was not provided"),
        ("Authorization: Bearer wrong\r\n", "", 401, "Unknown API Key"),
        ("", "&apiKey=wrong", 401, "Unknown API Key"),
        ("", "&apiKey=key", 200, "results"),
    ] {
        let got = send(&sim, "GET", &format!("{path}{query}"), headers, "").await.unwrap();
        assert_eq!(got.status, status);
        assert!(got.text().contains(words), "{}", got.text());
    }
    let log = sim.log();
    let last = log.last().unwrap();
    assert_eq!((last.key, last.status, last.rows), (KeyForm::Query, 200, 2));
    assert!(last.target.ends_with("&apiKey=***"));
    assert!(!format!("{log:?}").contains("wrong"));
}

#[tokio::test]
async fn the_limit_answers_429() {
    for window in [Window::Sliding, Window::Fixed] {
        let sim = start(SimConfig { rate_limit: Some(2), window, retry_after: true, ..SimConfig::default() }).await;
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(ask(&sim, "/v1/marketstatus/now").await.status);
        }
        assert_eq!(statuses, [200, 200, 429]);
        let refused = ask(&sim, "/v1/marketstatus/now").await;
        assert!(
            refused.json()["error"].as_str().unwrap().starts_with("You've exceeded the maximum requests per minute")
        );
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait));
        let stats = control(&sim, "GET", "stats", "").await.json();
        assert_eq!(
            (stats["total"].as_u64(), stats["rate_limited"].as_u64(), stats["max_in_60s"].as_u64()),
            (Some(4), Some(2), Some(4))
        );
        // Another key has a window of its own, and the limit can be lifted.
        assert_eq!(
            send(&sim, "GET", "/v1/marketstatus/now", "Authorization: Bearer b\r\n", "").await.unwrap().status,
            200
        );
        assert_eq!(control(&sim, "POST", "config", r#"{"rate_limit":null}"#).await.status, 204);
        assert_eq!(ask(&sim, "/v1/marketstatus/now").await.status, 200);
    }
    let sim = start(SimConfig { rate_limit: Some(0), ..SimConfig::default() }).await;
    assert_eq!(ask(&sim, "/v1/marketstatus/now").await.header("retry-after"), None);
}

#[tokio::test]
async fn gzip_is_the_same_text() {
    let sim = start(SimConfig::default()).await;
    let target = range("AAPL", "5/minute", "2025-03-04", "2025-03-05", 50_000);
    let plain = ask(&sim, &target).await;
    let headers = "Authorization: Bearer key\r\nAccept-Encoding: gzip\r\n";
    let packed = send(&sim, "GET", &target, headers, "").await.unwrap();
    assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), (None, Some("gzip")));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*packed.body).read_to_string(&mut text).unwrap();
    let unpacked: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(unpacked["results"], plain.json()["results"]);
    assert!(packed.body.len() * 2 < plain.body.len());
    let refused = send(&sim, "GET", &target, "Accept-Encoding: gzip\r\n", "").await.unwrap();
    assert_eq!((refused.status, refused.header("content-encoding")), (401, Some("gzip")));
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let sim = start(SimConfig::default()).await;
    let clock = Arc::new(FixedClock::at(Ts(0)));
    let taken = Sim::start(sim.addr, SimConfig::default(), clock.clone()).await.unwrap_err();
    assert!(taken.to_string().starts_with(&format!("cannot listen on {}", sim.addr)), "{taken}");
    let config = SimConfig { replay: Some("/nonexistent".into()), ..SimConfig::default() };
    let bad = Sim::start(([127, 0, 0, 1], 0).into(), config, clock.clone()).await.unwrap_err();
    assert!(bad.to_string().starts_with("cannot replay /nonexistent: no recordings"), "{bad}");
    let addr = sim.addr;
    sim.stop().await;
    Sim::start(addr, SimConfig::default(), clock).await.expect("the port is free again").stop().await;
}

#[tokio::test]
async fn control_needs_no_key() {
    let sim = start(SimConfig { keys: Some(vec![]), ..SimConfig::default() }).await;
    assert_eq!(
        control(&sim, "POST", "faults", r#"[{"kind":"hang","page":2},{"kind":"reset","times":1}]"#).await.status,
        204
    );
    assert_eq!(control(&sim, "POST", "faults", r#"{"kind":"status_500","path_contains":"AAPL"}"#).await.status, 204);
    let faults = control(&sim, "GET", "faults", "").await.json();
    assert_eq!(
        faults[2],
        serde_json::json!({
            "kind": "status_500", "path_contains": "AAPL", "after": 0, "matched": 0, "fired": 0
        })
    );
    let wrong = control(&sim, "POST", "faults", r#"{"kind":"nonsense"}"#).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("no fault 'nonsense'"));
    assert_eq!(control(&sim, "POST", "config", r#"{"speed":9}"#).await.status, 400);
    assert_eq!(control(&sim, "DELETE", "faults", "").await.status, 204);
    assert_eq!(sim.faults(), []);
    ask(&sim, "/v1/marketstatus/now").await;
    let log = control(&sim, "GET", "requests", "").await.json();
    assert_eq!((log[0]["status"].as_u64(), log[0]["key"].as_str()), (Some(401), Some("header")));
    control(&sim, "DELETE", "requests", "").await;
    assert!(sim.log().is_empty());
}

#[tokio::test]
async fn stopping_does_not_wait_for_hanging_answers() {
    let sim = start(SimConfig { faults: vec![FaultRule::new(FaultKind::Hang)], ..SimConfig::default() }).await;
    let sim = Arc::new(sim);
    let asking = tokio::spawn({
        let sim = Arc::clone(&sim);
        async move { send(&sim, "GET", "/v1/marketstatus/now", "Authorization: Bearer key\r\n", "").await.is_err() }
    });
    while sim.faults()[0].fired == 0 {
        tokio::task::yield_now().await;
    }
    sim.shared.stopping.cancel();
    assert!(asking.await.unwrap(), "the hanging answer ends without one");
    Arc::into_inner(sim).unwrap().stop().await;
}
