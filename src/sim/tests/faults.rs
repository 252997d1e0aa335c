//! Every fault strikes, is counted, and does what its name says.

use std::io::Read;

use super::*;

/// The request that faults are tried on: its first page of two.
fn page_one() -> String {
    range("AAPL", "5/minute", "2025-03-04", "2025-03-05", 1_000)
}

#[tokio::test]
async fn every_fault_does_what_it_says() {
    let sim = start(SimConfig { base_limit: 1_000, ..SimConfig::default() }).await;
    let target = page_one();
    let good = ask(&sim, &target).await;
    let next = good.json()["next_url"].as_str().expect("two pages").strip_prefix(&sim.url()).unwrap().to_owned();
    let (rows, first_t) = (good.rows(), good.rows()[0]["t"].as_i64().unwrap());
    // Faults that need an answer of another kind.
    let days = range("AAPL", "1/day", "2025-03-03", "2025-03-09", 50_000);
    let market = "/v2/aggs/grouped/locale/us/market/stocks/2025-03-04?adjusted=false".to_owned();
    // Those of flat files have a page of their own.
    for kind in FaultKind::ALL.iter().filter(|kind| !kind.needs_file()) {
        sim.clear_faults();
        sim.add_fault(FaultRule::new(*kind).times(1).delay_ms(1));
        let target = match kind {
            FaultKind::AbaLoop | FaultKind::EmptyPage => &next,
            FaultKind::SaturdayBar => &days,
            FaultKind::GarbageRows => &market,
            _ => &target,
        };
        let name = kind.name();
        if *kind == FaultKind::Hang {
            let waited = tokio::time::timeout(Duration::from_millis(200), ask(&sim, target)).await;
            assert!(waited.is_err());
        } else if *kind == FaultKind::Reset {
            let e = send(&sim, "GET", target, "Authorization: Bearer key\r\n", "").await.unwrap_err();
            assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset);
        } else {
            let got = ask(&sim, target).await;
            check(*kind, &got, &rows, first_t, &sim);
        }
        assert_eq!((sim.faults()[0].matched, sim.faults()[0].fired), (1, 1), "{name}");
        assert_eq!(sim.log().last().unwrap().fault, Some(name));
        // Afterwards all is well.
        assert_eq!(ask(&sim, target).await.status, 200, "{name}");
    }
}

fn check(kind: FaultKind, got: &Got, good: &[Value], first_t: i64, sim: &Sim) {
    let name = kind.name();
    if kind == FaultKind::Empty403 {
        return assert!(got.status == 403 && got.body.is_empty());
    }
    if let Some(status) = name.strip_prefix("status_").or(name.strip_prefix("html_")) {
        assert_eq!(got.status.to_string(), status[..3], "{name}");
        assert_eq!(got.text().starts_with("<html>"), name.starts_with("html_"));
        assert!(got.text().starts_with('<') || got.json()["request_id"].is_string());
        return;
    }
    assert_eq!(got.status, if kind == FaultKind::Redirect { 302 } else { 200 }, "{name}");
    assert_eq!(got.whole, kind != FaultKind::TruncatedBody, "{name}");
    let is_json = serde_json::from_slice::<Value>(&got.body).is_ok();
    let last = |key: &str| got.rows().last().unwrap()[key].as_f64().unwrap();
    let was = |key: &str| good.last().unwrap()[key].as_f64().unwrap();
    let times = || got.rows().iter().map(|row| row["t"].as_i64().unwrap()).collect::<Vec<_>>();
    let good_times: Vec<i64> = good.iter().map(|row| row["t"].as_i64().unwrap()).collect();
    let silent =
        || got.json().get("results").is_none() && got.json()["resultsCount"] == 0 && got.json()["status"] == "OK";
    // One row in the middle differs, in this field.
    let odd = |key: &str| {
        let rows = got.rows();
        let differ: Vec<_> = rows.iter().zip(good).filter(|(a, b)| a != b).collect();
        assert_eq!((rows.len(), differ.len()), (good.len(), 1), "{name}");
        (differ[0].0[key].as_f64().unwrap(), differ[0].1[key].as_f64().unwrap())
    };
    let next = || got.json()["next_url"].as_str().unwrap().to_owned();
    match kind {
        FaultKind::EmptyBody => assert!(got.body.is_empty()),
        FaultKind::TruncatedJson | FaultKind::TruncatedBody => {
            assert!(!is_json && got.text().starts_with("{\"ticker\""));
        }
        FaultKind::CutGzip => {
            assert_eq!(got.header("content-encoding"), Some("gzip"));
            assert!(flate2::read::GzDecoder::new(&*got.body).read_to_end(&mut Vec::new()).is_err());
        }
        FaultKind::ErrorIn200 => assert_eq!(got.json()["status"], "ERROR"),
        FaultKind::NotJson => assert!(!is_json),
        FaultKind::WrongTypes => assert!(got.rows()[0]["c"].is_string()),
        FaultKind::NullField => assert!(got.rows()[0]["c"].is_null()),
        FaultKind::NanLiteral => assert!(!is_json && got.text().contains("\"c\":NaN")),
        FaultKind::SecondsForMs => assert_eq!(got.rows()[0]["t"].as_i64(), Some(first_t / 1_000)),
        FaultKind::OutsideRange => assert!(last("t") as i64 >= at("2025-03-06T05:00:00Z").ms()),
        FaultKind::OffGrid => assert_eq!(last("t") as i64 % MINUTE, 1_000),
        FaultKind::WrongTicker => assert_eq!(got.json()["ticker"], "WRONG"),
        FaultKind::CountMismatch => assert_eq!(got.json()["resultsCount"].as_u64(), Some(got.rows().len() as u64 + 7)),
        FaultKind::DuplicateRows | FaultKind::ConflictingDuplicate => {
            let rows = got.rows();
            let [.., a, b] = rows.as_slice() else { panic!("two rows") };
            assert_eq!((a["t"] == b["t"], a == b), (true, kind == FaultKind::DuplicateRows));
        }
        FaultKind::OutOfOrder => assert!(got.rows()[0]["t"].as_i64() > got.rows()[1]["t"].as_i64()),
        FaultKind::BrokenOhlc => assert!(last("h") < last("l")),
        FaultKind::ZeroPrice => assert_eq!(last("l"), 0.0),
        FaultKind::NegativeVolume => assert!(last("v") < 0.0),
        FaultKind::RepeatedPage | FaultKind::AbaLoop => assert!(next().contains("/2025-03-04/2025-03-05?cursor=")),
        FaultKind::ForeignNextUrl => assert!(next().starts_with("https://other-host.invalid/v2/aggs/")),
        FaultKind::EmptyPageWithNext => assert!(got.json().get("results").is_none() && next().starts_with(&sim.url())),
        FaultKind::AdjustedTrue => assert_eq!(got.json()["adjusted"], true),
        FaultKind::RevisedBar => assert!(last("v") == 2.0 * was("v") && last("c") > was("c")),
        FaultKind::MissingResults => {
            assert!(got.json().get("results").is_none() && got.json()["resultsCount"].as_u64() > Some(0));
        }
        FaultKind::QueryCountOnly => assert!(silent() && got.json()["queryCount"].as_u64() == Some(1_000)),
        FaultKind::ErrorBesideEmpty => assert!(silent() && got.json()["error"].is_string()),
        FaultKind::MessageBesideEmpty => assert!(silent() && got.json()["message"].is_string()),
        FaultKind::BeyondLimit => {
            assert!(got.json()["queryCount"].as_u64() > Some(1_000) && times().len() > good.len());
        }
        FaultKind::NoNextUrl => assert!(got.json().get("next_url").is_none() && got.rows() == good),
        FaultKind::EmptyPage => assert!(silent() && got.json().get("next_url").is_none()),
        FaultKind::AllOffGrid => assert!(times().iter().all(|t| t % MINUTE == 1_000)),
        FaultKind::ShiftedHour => assert!(times().iter().zip(&good_times).all(|(a, b)| a - b == HOUR)),
        FaultKind::OtherDate => assert!(times().iter().zip(&good_times).all(|(a, b)| b - a == DAY)),
        FaultKind::LaterDate => assert!(times().iter().zip(&good_times).all(|(a, b)| a - b == DAY)),
        FaultKind::HoursInstead => {
            assert!(times().len() > 5 && times().windows(2).all(|w| w[1] - w[0] >= HOUR && w[1] % HOUR == 0));
        }
        FaultKind::DaysInstead => {
            assert_eq!(times(), [at("2025-03-04T05:00:00Z"), at("2025-03-05T05:00:00Z")].map(Ts::ms));
        }
        FaultKind::ZeroPrices => {
            assert!(got.rows().iter().all(|row| ["o", "h", "l", "c", "vw"].iter().all(|key| row[key] == 0)));
        }
        FaultKind::AbsurdPrice => {
            let (is, was) = odd("c");
            assert!((is / was - 100.0).abs() < 1e-6);
        }
        FaultKind::AbsurdVolume => {
            let (is, was) = odd("v");
            assert_eq!(is, was * 1e6);
        }
        FaultKind::ZeroVwap => assert_eq!(odd("vw").0, 0.0),
        FaultKind::BarAtNight => {
            assert_eq!((times()[0], times().len()), (at("2025-03-04T08:00:00Z").ms(), good.len() + 1));
        }
        FaultKind::SaturdayBar => {
            assert_eq!((times().len(), times()[5]), (6, at("2025-03-08T05:00:00Z").ms()));
        }
        FaultKind::GarbageRows => {
            let names: Vec<String> = got.rows().iter().map(|row| row["T"].as_str().unwrap().to_owned()).collect();
            assert!(names.iter().any(String::is_empty) && names.iter().any(|name| name == "ZZGARBAGE"));
        }
        FaultKind::SlowTrickle => assert_eq!(got.rows(), good),
        FaultKind::Redirect => {
            assert!(got.header("location").unwrap().starts_with("https://other-host.invalid/v2/aggs/"));
        }
        _ => panic!("{name} is not checked"),
    }
}

/// A ticker twice on a whole-market day, with different values, and only while the fault holds.
#[tokio::test]
async fn one_row_of_a_whole_market_day_is_struck() {
    let clock = Arc::new(FixedClock::at(at("2025-06-18T15:00:00Z")));
    let config = SimConfig { symbols: vec!["SPY".into()], ..SimConfig::default() };
    let sim = Sim::start(([127, 0, 0, 1], 0).into(), config, clock.clone()).await.unwrap();
    let rule = FaultRule::new(FaultKind::ConflictingDuplicate).on("grouped").row_of("SPY");
    sim.add_fault(rule.between(at("2025-06-18T16:00:00Z"), at("2025-06-18T17:00:00Z")));
    let mut rows = Vec::new();
    for time in ["15:59:59", "16:00:00", "16:59:59", "17:00:00"] {
        clock.set(at(&format!("2025-06-18T{time}Z")));
        let got = ask(&sim, "/v2/aggs/grouped/locale/us/market/stocks/2025-03-04?adjusted=false").await.rows();
        let spy: Vec<Value> = got.iter().filter(|row| row["T"] == "SPY").cloned().collect();
        assert!(spy.len() == 1 || spy[0]["v"] != spy[1]["v"]);
        rows.push(spy.len());
    }
    assert_eq!(rows, [1, 2, 2, 1]);
}

#[tokio::test]
async fn loops_go_round() {
    let sim = start(SimConfig { base_limit: 1_000, ..SimConfig::default() }).await;
    let target = page_one();
    let follow = async |mut target: String| {
        let mut seen = Vec::new();
        for _ in 0..5 {
            let got = ask(&sim, &target).await;
            seen.push(got.rows().first().map_or(0, |row| row["t"].as_i64().unwrap()));
            match got.json()["next_url"].as_str() {
                Some(next) => next.strip_prefix(&sim.url()).unwrap().clone_into(&mut target),
                None => break,
            }
        }
        seen
    };
    let honest = follow(target.clone()).await;
    assert_eq!(honest.len(), 2);
    let (a, b) = (honest[0], honest[1]);
    sim.add_fault(FaultRule::new(FaultKind::AbaLoop));
    assert_eq!(follow(target.clone()).await, [a, b, a, b, a]);
    sim.clear_faults();
    sim.add_fault(FaultRule::new(FaultKind::RepeatedPage));
    assert_eq!(follow(target.clone()).await, [a; 5]);
    sim.clear_faults();
    // An empty page loses nothing for those who go on.
    sim.add_fault(FaultRule::new(FaultKind::EmptyPageWithNext).times(1));
    assert_eq!(follow(target).await, [0, a, b]);
}

#[tokio::test]
async fn requests_for_bars_wait_until_they_are_allowed() {
    let sim = start(SimConfig { pages_allowed: Some(1), ..SimConfig::default() }).await;
    let target = page_one();
    assert_eq!(ask(&sim, &target).await.status, 200);
    let held = |sim: &Sim| sim.log().iter().filter(|request| request.status == 0).count();
    let (second, third) = (ask(&sim, &target), ask(&sim, &target));
    tokio::pin!(second, third);
    // Other requests do not wait.
    assert_eq!(ask(&sim, "/v1/marketstatus/now").await.status, 200);
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut second).await.is_err());
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut third).await.is_err());
    assert_eq!(held(&sim), 2);
    sim.allow_pages(1);
    assert_eq!((second.await.status, held(&sim)), (200, 1));
    sim.allow_all_pages();
    assert_eq!((third.await.status, ask(&sim, &target).await.status, held(&sim)), (200, 200, 0));
}
