//! The vendor's recorded answers (2019 to 2026): what the client makes of each, served as it came; and the simulated
//! vendor in the same words and digits.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barkeep::base::clock::FixedClock;
use barkeep::config::RateLimit;
use barkeep::market::{AssetClass, Interval, Timeframe, Ts};
use barkeep::sim::{Sim, SimConfig, SimDelay};
use barkeep::vendor::massive::Massive;
use barkeep::vendor::{AggregateQuery, Class, Fault, Page, Vendor as _};
use chrono::{NaiveDate, NaiveTime};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::engine::at;
use crate::support::{http, recorded, rig};

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn recording(path: &str) -> PathBuf {
    recorded::dir().join(path)
}

fn unzipped(path: &Path) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn wire(name: &str) -> String {
    unzipped(&recording(&format!("real/wire/polygon_{name}.body.json.gz")))
}

/// The client, in front of a server that knows one answer.
async fn client(status: u16, body: &str) -> Massive {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let head = format!("HTTP/1.1 {status} Recorded\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer: Arc<[u8]> = [head.as_bytes(), body.as_bytes()].concat().into();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await.unwrap());
                }
                // The client may have read enough before the end.
                let _ = socket.write_all(&answer).await;
            });
        }
    });
    let mut settings = rig::settings(RateLimit::Unlimited).vendor;
    settings.base_url = origin.parse().unwrap();
    Massive::new(&settings, "key-of-the-tests".into()).unwrap()
}

fn aapl(timeframe: Timeframe, from: &str, to: &str) -> AggregateQuery {
    let range = Interval::new(Ts::ny_midnight(date(from)), Ts::ny_midnight(date(to)));
    barkeep::vendor::testing::query("AAPL", timeframe, range)
}

async fn read(query: &AggregateQuery, body: &str) -> Result<Page, Fault> {
    client(200, body).await.aggregates(query, None).await
}

#[tokio::test]
#[cfg_attr(without_data, ignore = "needs the recorded data: set BARKEEP_TEST_DATA to their directory")]
async fn error_bodies_have_their_class() {
    let mut seen = 0;
    for file in std::fs::read_dir(recording("vendor-wire/errors")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(status) = name.get(..3).and_then(|s| s.parse::<u16>().ok()) else { continue };
        let body = std::fs::read_to_string(&path).unwrap();
        seen += 1;
        if status == 200 {
            let ticker = if name.contains("delayed") { "AAPL" } else { "NOSUCH" };
            let query = AggregateQuery { ticker: ticker.to_owned(), ..aapl(Timeframe::M5, "2024-01-02", "2024-01-03") };
            let page = read(&query, &body).await.unwrap();
            assert!(page.bars.is_empty() && page.delayed == name.contains("delayed"));
            continue;
        }
        let want = match name.as_str() {
            "403_plan_timeframe.json" => Class::PlanWindow,
            "403_today_before_eod.json" => Class::TooEarly,
            _ if status == 403 => Class::NotEntitled,
            _ if status == 401 => Class::Auth,
            _ if status == 429 => Class::RateLimited,
            _ => Class::Permanent,
        };
        let fault = client(status, &body).await.market_status().await.unwrap_err();
        assert_eq!((fault.class, fault.status), (want, Some(status)), "{name}");
        assert!(fault.message.contains(": "), "{name} says why: {fault}");
    }
    assert!(seen >= 13, "{seen} bodies");
}

#[tokio::test]
#[cfg_attr(without_data, ignore = "needs the recorded data: set BARKEEP_TEST_DATA to their directory")]
async fn aggregates() {
    let body = wire("aggs_AAPL_1d_2019-01-01_2019-02-01");
    let page = read(&aapl(Timeframe::D1, "2019-01-01", "2019-02-02"), &body).await.unwrap();
    assert_eq!((page.bars.len(), page.query_count), (21, 22));
    assert_eq!(page.bars[0].ts, Ts::ny_midnight(date("2019-01-02")));
    assert_eq!((page.bars[0].volume, page.bars[0].trades), (37_039_737.0, Some(1)));

    let body = wire("aggs_AAPL_1m_2019-01-01_2019-03-01");
    let query = aapl(Timeframe::M1, "2019-01-01", "2019-03-02");
    let page = read(&query, &body).await.unwrap();
    assert_eq!((page.bars.len(), page.query_count), (26_384, 26_384));
    assert!(page.bars.is_sorted_by_key(|b| b.ts));
    assert!(page.adjusted, "recorded before raw prices were asked for");
    // A day too much may be another reading of a date; two are another answer.
    let near = read(&aapl(Timeframe::M1, "2019-01-01", "2019-03-01"), &body).await.unwrap();
    assert_eq!((near.bars.len(), near.dropped), (26_384, 0));
    let near = read(&aapl(Timeframe::M1, "2019-01-01", "2019-02-28"), &body).await.unwrap();
    assert_eq!(near.bars.len() as u64 + near.dropped, 26_384);
    assert!(near.dropped > 500);
    let short = aapl(Timeframe::M1, "2019-01-01", "2019-02-27");
    assert!(read(&short, &body).await.unwrap_err().message.contains("2019-02-28"));
    // Cut anywhere, it is refused.
    for cut in [1, 100, body.len() / 2, body.len() - 1] {
        assert_eq!(read(&query, &body[..cut]).await.unwrap_err().class, Class::Malformed);
    }
}

#[tokio::test]
#[cfg_attr(without_data, ignore = "needs the recorded data: set BARKEEP_TEST_DATA to their directory")]
async fn a_market_day() {
    let vendor = client(200, &wire("grouped_daily_2019-02-01")).await;
    let page = vendor.grouped_daily(AssetClass::Stock, date("2019-02-01")).await.unwrap();
    assert!(page.bars.len() > 8_300, "{}", page.bars.len());
    // Prices adjusted for later reverse splits beside a raw vwap: such a row is asked for by itself.
    assert_eq!((page.dropped, page.conflicting.len(), page.unreadable.len()), (0, 0, 43));
    assert!(page.unreadable.contains("MYO"));
    let (_, peb) = page.bars.iter().find(|(t, _)| t == "PEB").unwrap();
    assert_eq!((peb.ts, peb.close), (Ts::ny_midnight(date("2019-02-01")), 31.63));
}

#[tokio::test]
#[cfg_attr(without_data, ignore = "needs the recorded data: set BARKEEP_TEST_DATA to their directory")]
async fn reference_answers() {
    let status = client(200, &wire("market_status")).await.market_status().await.unwrap().value;
    assert_eq!(status.market, "closed");
    assert_eq!(status.server_time.unwrap().to_string(), "2020-04-28T07:23:51Z");
    let days = client(200, &wire("market_holidays_2020")).await.upcoming_holidays().await.unwrap().value;
    assert!(days.iter().any(|d| d.date == date("2021-11-26") && d.close.is_some()));
    assert!(days.iter().any(|d| d.date == date("2020-07-03") && d.close.is_none()));
    // An endpoint of 2020 that is no longer asked: another shape is an error, never "no splits".
    let old = client(200, &wire("reference_splits")).await.splits(&["AAPL".to_owned()], None).await;
    assert!(old.unwrap_err().message.contains("execution_date"));

    let file =
        |name: &str| std::fs::read_to_string(recording(&format!("vendor-wire/massive-client-python/{name}"))).unwrap();
    let tickers = client(200, &file("v3/reference/tickers.json")).await.tickers("A", 10).await.unwrap().value;
    assert_eq!((tickers[0].ticker.as_str(), tickers[0].kind.as_deref()), ("A", Some("CS")));
    let days = client(200, &file("v1/marketstatus/upcoming.json")).await.upcoming_holidays().await.unwrap().value;
    let early = Ts::ny(date("2022-11-25"), NaiveTime::from_hms_opt(13, 0, 0).unwrap());
    assert_eq!(days.iter().filter(|d| d.close == Some(early)).count(), 2);
    let status = client(200, &file("v1/marketstatus/now.json")).await.market_status().await.unwrap().value;
    assert_eq!(status.market, "extended-hours");
    let asked = ["GOOGL", "GOOG", "CTO", "SHOP", "DXCM", "AMZN", "BRW", "CM", "CIG.C"].map(str::to_owned);
    let found = client(200, &file("v3/reference/splits.json")).await.splits(&asked, None).await.unwrap().value;
    assert_eq!((found.splits.len(), found.unreadable), (10, 0));
    let apple = client(200, &file("v3/reference/tickers/AAPL.json")).await.ticker("AAPL").await.unwrap().value.unwrap();
    assert_eq!((apple.listed_on, apple.delisted_on), (Some(date("1980-12-12")), None));
    assert!(apple.active && apple.market == "stocks" && apple.currency.as_deref() == Some("usd"));
    assert_eq!(apple.composite_figi.as_deref(), Some("BBG000B9XRY4"));
    let daily = file("v2/aggs/ticker/AAPL/range/1/day/2005-04-01/2005-04-04.json");
    let page = read(&aapl(Timeframe::D1, "2005-04-01", "2005-04-05"), &daily).await.unwrap();
    assert_eq!(page.bars.len(), 2);
}

async fn simulated(config: SimConfig) -> Sim {
    let clock = Arc::new(FixedClock::at(at("2025-06-18T15:02:30Z")));
    Sim::start("127.0.0.1:0".parse().unwrap(), config, clock).await.unwrap()
}

fn range(ticker: &str, span: &str, from: &str, to: &str) -> String {
    format!("/v2/aggs/ticker/{ticker}/range/{span}/{from}/{to}?adjusted=false&sort=asc&limit=50000")
}

#[tokio::test]
#[cfg_attr(without_data, ignore = "needs the recorded data: set BARKEEP_TEST_DATA to their directory")]
async fn the_simulated_vendor_refuses_in_the_recorded_words() {
    let keyed = SimConfig { keys: Some(vec!["key".to_owned()]), ..SimConfig::default() };
    let end_of_day = SimConfig { delay: SimDelay::EndOfDay, ..SimConfig::default() };
    let day = |from: &str, to: &str| range("AAPL", "1/day", from, to);
    let good = day("2025-01-02", "2025-01-03");
    for (config, target, key, file) in [
        (keyed.clone(), day("yesterday", "2025-01-02"), "key", "400_bad_from.json"),
        (keyed.clone(), day("2025-01-02", "2025-1-2"), "key", "400_bad_to.json"),
        (keyed.clone(), day("2025-01-02", "2025-01-01"), "key", "400_to_before_from.json"),
        (keyed.clone(), good.clone(), "", "401_api_key_not_provided.json"),
        (keyed.clone(), good.clone(), "wrong", "401_unknown_api_key.json"),
        (
            keyed.clone(),
            "/v2/snapshot/locale/us/markets/stocks/tickers".to_owned(),
            "key",
            "403_not_entitled_endpoint.json",
        ),
        (
            SimConfig { plan_years: Some(2), ..keyed.clone() },
            day("2020-01-01", "2021-01-01"),
            "key",
            "403_plan_timeframe.json",
        ),
        (end_of_day, day("2025-06-16", "2025-06-20"), "key", "403_today_before_eod.json"),
        (keyed.clone(), "/v3/reference/tickers/NOSUCH".to_owned(), "key", "404_ticker_details.json"),
        (SimConfig { rate_limit: Some(0), ..keyed.clone() }, good.clone(), "key", "429_rate_limited.json"),
    ] {
        let sim = simulated(config).await;
        let (status, body) = http::send(sim.addr, "GET", &target, key, "").await;
        let body = String::from_utf8(body).unwrap();
        assert!(file.starts_with(&status.to_string()), "{file}: {status} {body}");
        let id = |text: &str| text.split("request_id\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let recorded = std::fs::read_to_string(recording("vendor-wire/errors").join(file)).unwrap();
        // The vendor's name in the link has changed since some were recorded.
        let recorded = recorded.trim().replace("polygon.io", "massive.com").replace(&id(&recorded), &id(&body));
        assert_eq!(body, recorded, "{file}");
    }
}

#[tokio::test]
#[cfg_attr(without_data, ignore = "needs the recorded data: set BARKEEP_TEST_DATA to their directory")]
async fn the_simulated_vendor_replays_recorded_bars_to_the_last_digit() {
    let config = SimConfig {
        replay: Some(recording("real")),
        replay_source: Some("polygon".into()),
        now: Some(at("2026-01-02T00:00:00Z")),
        ..SimConfig::default()
    };
    let sim = simulated(config).await;
    let get = async |target: &str| {
        let (status, body) = http::send(sim.addr, "GET", target, "key", "").await;
        let body = String::from_utf8(body).unwrap();
        assert_eq!(status, 200, "{body}");
        body
    };
    let rows = |body: &str| {
        let body: Value = serde_json::from_str(body).unwrap();
        body["results"].as_array().map(Vec::len)
    };
    let minutes = get(&range("AAPL", "1/minute", "2019-01-01", "2019-03-01")).await;
    assert_eq!(rows(&minutes), Some(26_384));
    // The recording itself, byte for byte from the first bar to the last.
    let bars = |text: &str| {
        let start = text.find("\"results\":[").unwrap();
        text[start..=start + text[start..].find(']').unwrap()].to_owned()
    };
    assert!(bars(&minutes) == bars(&wire("aggs_AAPL_1m_2019-01-01_2019-03-01")));

    let days = get(&range("AAPL", "1/day", "2019-01-01", "2019-02-01")).await;
    assert_eq!(rows(&days), Some(21));
    assert!(days.contains(
        r#"{"v":3.7039737e+07,"vw":155.5485,"o":154.89,"c":157.92,"h":158.85,"l":154.23,"t":1546405200000,"n":1}"#
    ));
    // A source can be named, recorded quarters of an hour have no minutes, coins have their prefix.
    let lean = get(&range("AAPL.lean", "1/minute", "2014-06-05", "2014-06-09")).await;
    assert_eq!(rows(&lean), Some(2_303));
    assert_eq!(rows(&get(&range("SPWR", "1/minute", "2008-01-01", "2012-01-03")).await).unwrap_or(0), 0);
    assert_eq!(rows(&get(&range("SPWR", "1/hour", "2007-11-23", "2012-01-03")).await), Some(1_700));
    assert_eq!(rows(&get(&range("X:BTCUSD", "1/minute", "2016-10-07", "2018-04-06")).await), Some(12_423));
    assert_eq!(rows(&get(&range("NVAX", "1/day", "2019-01-01", "2019-02-01")).await), None);
    assert!(rows(&get("/v2/aggs/grouped/locale/us/market/stocks/2019-01-04").await).unwrap() > 20);
}
