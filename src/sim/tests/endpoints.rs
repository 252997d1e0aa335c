//! The endpoints that answer with something.

use super::*;

#[tokio::test]
async fn bodies_have_the_recorded_shape() {
    let sim = start(SimConfig::default()).await;
    let got = ask(&sim, &range("AAPL", "1/hour", "2025-03-04", "2025-03-05", 150)).await;
    let text = got.text();
    let mut from = 0;
    for key in [
        "{\"ticker\":\"AAPL\"",
        ",\"queryCount\":150",
        ",\"resultsCount\":",
        ",\"adjusted\":false",
        ",\"results\":[{\"v\":",
        ",\"vw\":",
        ",\"o\":",
        ",\"c\":",
        ",\"h\":",
        ",\"l\":",
        ",\"t\":",
        ",\"n\":",
        "}],\"status\":\"OK\"",
        ",\"request_id\":\"",
        ",\"count\":",
        ",\"next_url\":\"",
    ] {
        from += text[from..].find(key).unwrap_or_else(|| panic!("{key} in {text}"));
    }
    assert!(!text.contains(' '));
    assert_eq!(got.header("x-request-id"), got.json()["request_id"].as_str());
    assert_eq!(got.header("content-type"), Some("application/json"));
    let next = got.json()["next_url"].as_str().unwrap().to_owned();
    let (path, cursor) = next.split_once("?cursor=").unwrap();
    // `from` is the start of the bar withheld, and the cursor decodes to the parameters.
    let last = got.rows().last().unwrap()["t"].as_i64().unwrap();
    assert_eq!(path, format!("{}/v2/aggs/ticker/AAPL/range/1/hour/{}/2025-03-05", sim.url(), last + HOUR));
    assert_eq!(cursor, crate::http::request::pack("limit=150&sort=asc&adjusted=false"));

    for (ticker, from) in [("NOSUCH", "2025-03-04"), ("AAPL", "2025-03-08"), ("aapl", "2025-03-04")] {
        let got = ask(&sim, &range(ticker, "1/hour", from, from, 50_000)).await;
        let id = got.json()["request_id"].as_str().unwrap().to_owned();
        assert_eq!(
            got.text(),
            format!(
                r#"{{"ticker":"{ticker}","queryCount":0,"resultsCount":0,"adjusted":false,"status":"OK","request_id":"{id}","count":0}}"#
            )
        );
    }
    // Newest first, cut by the same rule.
    let down = ask(&sim, "/v2/aggs/ticker/AAPL/range/1/hour/2025-03-04/2025-03-05?sort=desc&limit=150").await.rows();
    let times: Vec<i64> = down.iter().map(|r| r["t"].as_i64().unwrap()).collect();
    assert!(times.len() > 1 && times.is_sorted_by(|a, b| a > b));
}

#[tokio::test]
async fn ranges_snap_outwards_and_end_now() {
    let sim = start(SimConfig::default()).await;
    let noon = at("2025-06-17T16:02:10Z").ms();
    let rows =
        ask(&sim, &range("AAPL", "5/minute", &noon.to_string(), &(noon + 6 * MINUTE).to_string(), 50_000)).await.rows();
    assert_eq!(
        rows.iter().map(|r| r["t"].as_i64().unwrap()).collect::<Vec<_>>(),
        [at("2025-06-17T16:00:00Z").ms(), at("2025-06-17T16:05:00Z").ms()]
    );
    // It is 15:02:30: the last whole minute is 15:01, the hour and the day still grow.
    let last = |rows: Vec<Value>| Ts(rows.last().unwrap()["t"].as_i64().unwrap()).to_string();
    let today = |span| range("AAPL", span, "2025-06-16", "2025-06-20", 50_000);
    assert_eq!(last(ask(&sim, &today("1/minute")).await.rows()), "2025-06-18T15:01:00Z");
    assert_eq!(last(ask(&sim, &today("1/hour")).await.rows()), "2025-06-18T15:00:00Z");
    assert_eq!(last(ask(&sim, &today("1/day")).await.rows()), "2025-06-18T04:00:00Z");

    control(&sim, "POST", "config", r#"{"delay":"minutes15"}"#).await;
    let got = ask(&sim, &today("1/minute")).await;
    assert_eq!((last(got.rows()).as_str(), got.json()["status"].as_str()), ("2025-06-18T14:46:00Z", Some("DELAYED")));

    control(&sim, "POST", "config", r#"{"delay":"end_of_day"}"#).await;
    for target in [today("1/minute"), today("1/day"), "/v2/aggs/grouped/locale/us/market/stocks/2025-06-18".into()] {
        let got = ask(&sim, &target).await;
        assert_eq!(got.status, 403);
        assert!(got.json()["message"].as_str().unwrap().starts_with("Attempted to request today's data"));
    }
    // Coins end their day at midnight UTC, shares at midnight New York.
    control(&sim, "POST", "config", r#"{"now":"2025-06-18T02:00:00Z"}"#).await;
    assert_eq!(ask(&sim, &range("AAPL", "1/day", "2025-06-17", "2025-06-17", 10)).await.status, 403);
    assert_eq!(ask(&sim, &range("X:BTCUSD", "1/day", "2025-06-17", "2025-06-17", 10)).await.rows().len(), 1);
    control(&sim, "POST", "config", r#"{"now":"2025-06-18T04:00:00Z"}"#).await;
    assert_eq!(ask(&sim, &range("AAPL", "1/day", "2025-06-17", "2025-06-17", 10)).await.rows().len(), 1);
}

#[tokio::test]
async fn splits_are_listed_and_applied() {
    let split = |date: &str, from, to| Split { date: date.parse().unwrap(), from, to };
    let splits = vec![
        ("AAPL".to_owned(), split("2025-03-05", 1.0, 4.0)),
        ("AAPL".to_owned(), split("2025-03-07", 2.0, 1.0)),
        ("AAPL".to_owned(), split("2030-01-02", 1.0, 2.0)),
    ];
    let sim = start(SimConfig { splits, symbols: vec!["AAPL".into()], ..SimConfig::default() }).await;
    let raw = ask(&sim, &range("AAPL", "1/day", "2025-03-03", "2025-03-07", 10)).await.rows();
    let target = range("AAPL", "1/day", "2025-03-03", "2025-03-07", 10).replace("adjusted=false", "adjusted=true");
    let adjusted = ask(&sim, &target).await;
    assert_eq!(adjusted.json()["adjusted"], true);
    for ((raw, adjusted), factor) in raw.iter().zip(adjusted.rows()).zip([0.5, 0.5, 2.0, 2.0, 1.0]) {
        for key in ["o", "h", "l", "c"] {
            assert_eq!(adjusted[key].as_f64().unwrap(), raw[key].as_f64().unwrap() * factor);
        }
        assert_eq!(adjusted["v"].as_f64().unwrap(), raw["v"].as_f64().unwrap() / factor);
    }
    // The price falls to a quarter overnight.
    let ratio = raw[1]["c"].as_f64().unwrap() / raw[2]["o"].as_f64().unwrap();
    assert!((3.8..4.2).contains(&ratio), "{ratio}");

    let listed = ask(&sim, "/stocks/v1/splits?ticker.any_of=AAPL,MSFT&execution_date.lte=2026-01-01&limit=1").await;
    let row = &listed.rows()[0];
    assert_eq!(
        (row["execution_date"].as_str(), row["adjustment_type"].as_str(), row["historical_adjustment_factor"].as_f64()),
        (Some("2025-03-07"), Some("reverse_split"), Some(1.0))
    );
    let (all, pages) = chain(&sim, "/stocks/v1/splits?ticker=AAPL&sort=execution_date.asc&limit=2").await;
    assert_eq!((all.len(), pages), (3, 2));
    assert_eq!((all[0]["split_from"].as_f64(), all[0]["split_to"].as_f64()), (Some(1.0), Some(4.0)));
    let old = ask(&sim, "/v3/reference/splits?ticker=AAPL").await.rows();
    assert_eq!(
        (old.len(), old[0]["execution_date"].as_str(), old[0].get("adjustment_type")),
        (3, Some("2030-01-02"), None)
    );
    assert!(chain(&sim, "/stocks/v1/splits?limit=5").await.0.len() > 20, "some made-up shares split");
    assert_eq!(ask(&sim, "/stocks/v1/splits?limit=5001").await.status, 400);
}

#[tokio::test]
async fn dividends_are_listed_by_both_endpoints() {
    let payment = |date: &str, amount| Payment { ex_date: date.parse().unwrap(), amount };
    let of = |name: &str, payment| (name.to_owned(), payment);
    let dividends = vec![
        of("AAPL", payment("2025-05-12", 0.26)),
        of("AAPL", payment("2024-05-10", 1.0)),
        of("AAPL", payment("2026-05-11", 0.3)),
    ];
    let split = Split { date: "2025-01-02".parse().unwrap(), from: 1.0, to: 4.0 };
    let splits = vec![("AAPL".to_owned(), split)];
    let sim = start(SimConfig { splits, dividends, symbols: vec!["AAPL".into()], ..SimConfig::default() }).await;
    let rows = ask(&sim, "/stocks/v1/dividends?ticker.any_of=AAPL,NOSUCH&sort=ex_dividend_date.asc").await.rows();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    // What is declared a month ahead is known, not more. Amounts are those of their day.
    assert_eq!(rows.iter().map(|r| text(r, "ex_dividend_date")).collect::<Vec<_>>(), ["2024-05-10", "2025-05-12"]);
    assert_eq!(
        (rows[0]["cash_amount"].as_f64(), rows[0]["split_adjusted_cash_amount"].as_f64()),
        (Some(1.0), Some(0.25))
    );
    assert_eq!((text(&rows[0], "distribution_type"), text(&rows[0], "currency")), ("recurring".into(), "USD".into()));
    let old = ask(&sim, "/v3/reference/dividends?ticker=AAPL&ex_dividend_date.gte=2025-01-01").await.rows();
    assert_eq!((old.len(), text(&old[0], "dividend_type")), (1, "CD".to_owned()));
    let (all, pages) = chain(&sim, "/stocks/v1/dividends?ticker.any_of=KO,MSFT,SPY,IBM,JPM,V,WMT&limit=50").await;
    assert!(all.len() > 150 && pages > 3, "some made-up shares pay: {} rows, {pages} pages", all.len());
    assert_eq!(ask(&sim, "/stocks/v1/dividends?limit=5001").await.status, 400);
}

#[tokio::test]
async fn grouped_days_hold_the_market() {
    let sim = start(SimConfig { symbols: vec!["SPY".into()], ..SimConfig::default() }).await;
    ask(&sim, &range("PEBpE", "1/day", "2025-03-03", "2025-03-07", 10)).await;
    let path = "/v2/aggs/grouped/locale/us/market/stocks/2025-03-04?adjusted=false";
    let grouped = ask(&sim, path).await;
    assert!(grouped.text().starts_with("{\"queryCount\":"));
    let rows = grouped.rows();
    assert!(rows.len() > 200, "{}", rows.len());
    for name in ["SPY", "PEBpE"] {
        let row = rows.iter().find(|row| row["T"] == name).unwrap();
        // Stamped 16:00 New York; everything else as in the ticker's own day.
        assert_eq!(row["t"].as_i64(), Some(at("2025-03-04T21:00:00Z").ms()));
        let own = &ask(&sim, &range(name, "1/day", "2025-03-04", "2025-03-04", 10)).await.rows()[0];
        for key in ["o", "h", "l", "c", "v", "vw", "n"] {
            assert_eq!(row[key], own[key], "{name} {key}");
        }
    }
    for weekend in ["2025-03-08", "2026-01-02"] {
        let got = ask(&sim, &path.replace("2025-03-04", weekend)).await;
        assert_eq!((got.status, got.json().get("results")), (200, None));
    }
    ask(&sim, &range("X:BTCUSD", "1/day", "2025-03-03", "2025-03-07", 10)).await;
    let coins = ask(&sim, "/v2/aggs/grouped/locale/global/market/crypto/2025-03-08").await.rows();
    assert!(coins.len() > 10 && coins.iter().any(|row| row["T"] == "X:BTCUSD"));
    let previous = &ask(&sim, "/v2/aggs/ticker/SPY/prev").await.rows()[0];
    assert_eq!((previous["T"].as_str(), previous["t"].as_i64()), (Some("SPY"), Some(at("2025-06-17T20:00:00Z").ms())));
}

#[tokio::test]
async fn tickers_and_market_status() {
    let sim = start(SimConfig { symbols: vec!["SPY".into(), "X:BTCUSD".into()], ..SimConfig::default() }).await;
    let (all, pages) = chain(&sim, "/v3/reference/tickers?market=stocks&limit=100").await;
    assert!(all.len() > 200 && pages > 2);
    let names: Vec<&str> = all.iter().map(|row| row["ticker"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.contains(&"SPY"));
    assert_eq!(ask(&sim, "/v3/reference/tickers?ticker=TSLA").await.rows()[0]["market"], "stocks");
    assert_eq!(ask(&sim, "/v3/reference/tickers?search=btcusd").await.rows()[0]["ticker"], "X:BTCUSD");
    // A part of a name finds it, too, with its type.
    let named = ask(&sim, "/v3/reference/tickers?search=s%26p%20500&active=true").await;
    assert_eq!((&named.rows()[0]["ticker"], &named.rows()[0]["type"]), (&"SPY".into(), &"ETF".into()));
    assert!(ask(&sim, "/v3/reference/tickers?ticker=NOSUCH").await.rows().is_empty());

    let now = ask(&sim, "/v1/marketstatus/now").await.json();
    assert_eq!((now["market"].as_str(), now["serverTime"].as_str()), (Some("open"), Some("2025-06-18T11:02:30-04:00")));
    let upcoming = ask(&sim, "/v1/marketstatus/upcoming").await.json();
    let find = |date: &str| upcoming.as_array().unwrap().iter().find(|row| row["date"] == date).cloned().unwrap();
    assert_eq!(find("2025-12-25")["status"], "closed");
    let early = find("2025-11-28");
    assert_eq!(
        (early["status"].as_str(), early["close"].as_str()),
        (Some("early-close"), Some("2025-11-28T18:00:00.000Z"))
    );
}

#[tokio::test]
async fn kept_answers_are_the_same_bytes_and_others_have_an_id_of_their_own() {
    let target = range("AAPL", "5/minute", "2025-03-04", "2025-03-05", 50_000);
    for keep_answers in [false, true] {
        let sim = start(SimConfig { keep_answers, ..SimConfig::default() }).await;
        let (first, second) = (ask(&sim, &target).await, ask(&sim, &target).await);
        assert!(first.rows().len() > 100);
        assert_eq!(first.rows(), second.rows());
        assert_eq!(first.body == second.body, keep_answers);
        for got in [first, second] {
            assert_eq!(got.header("x-request-id"), got.json()["request_id"].as_str());
        }
        assert_eq!(sim.log().len(), 2, "both are requests");
    }
}

#[tokio::test]
async fn a_fault_strikes_in_place_of_a_computed_answer_and_is_not_kept() {
    let target = range("AAPL", "5/minute", "2025-03-04", "2025-03-05", 50_000);
    let rule: FaultRule = serde_json::from_str(r#"{"kind":"html_502","times":1}"#).unwrap();
    let sim = start(SimConfig { keep_answers: true, faults: vec![rule], ..SimConfig::default() }).await;
    assert_eq!(ask(&sim, &target).await.status, 502);
    assert_eq!(ask(&sim, &target).await.status, 200);
}
