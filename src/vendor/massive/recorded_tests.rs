//! Bodies recorded from the vendor (2019 to 2026), read as they came.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::address::Base;
use super::*;
use crate::fault::{Failure, classify};
use barkeep_market::{Interval, Timeframe, Ts};

/// The directory of recorded bodies; `None`, said aloud, when this machine has none.
fn recordings(what: &str) -> Option<PathBuf> {
    #[allow(clippy::disallowed_methods, reason = "a test finds its data by environment")]
    let (data, required) = (std::env::var_os("BARKEEP_TEST_DATA"), std::env::var_os("BARKEEP_REQUIRE_DATA"));
    let data = data.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let dir = data.join(what);
    if dir.is_dir() {
        return Some(dir);
    }
    assert!(required.is_none_or(|r| r != "1"), "no {}", dir.display());
    eprintln!("LEFT OUT: recorded vendor answers (no {})", dir.display());
    None
}

fn unzipped(path: &Path) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn base() -> Base {
    Base::new(&"https://api.massive.com".parse().unwrap()).unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn aapl(timeframe: Timeframe, from: &str, to: &str) -> AggregateQuery {
    let range = Interval::new(Ts::ny_midnight(date(from)), Ts::ny_midnight(date(to)));
    AggregateQuery { ticker: "AAPL".to_owned(), class: AssetClass::Stock, timeframe, range }
}

fn read(query: &AggregateQuery, body: &str) -> Result<Page, Fault> {
    page::aggregates(body.as_bytes(), query, &base(), &aggregates_path(query).unwrap())
}

#[test]
fn recorded_error_bodies_have_their_class() {
    let Some(dir) = recordings("vendor-wire/errors") else { return };
    let mut seen = 0;
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(status) = name.get(..3).and_then(|s| s.parse::<u16>().ok()) else { continue };
        let body = std::fs::read_to_string(&path).unwrap();
        seen += 1;
        if status == 200 {
            let ticker = if name.contains("delayed") { "AAPL" } else { "NOSUCH" };
            let query = AggregateQuery { ticker: ticker.to_owned(), ..aapl(Timeframe::M5, "2024-01-02", "2024-01-03") };
            let page = read(&query, &body).unwrap();
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
        let fault = classify(Failure::Answer { status, body: &body });
        assert_eq!(fault.class, want, "{name}");
        assert!(fault.message.contains(": "), "{name} says why: {fault}");
    }
    assert!(seen >= 13, "{seen} bodies");
}

#[test]
fn recorded_aggregates() {
    let Some(dir) = recordings("real/wire") else { return };
    let body = unzipped(&dir.join("polygon_aggs_AAPL_1d_2019-01-01_2019-02-01.body.json.gz"));
    let page = read(&aapl(Timeframe::D1, "2019-01-01", "2019-02-02"), &body).unwrap();
    assert_eq!((page.bars.len(), page.query_count), (21, 22));
    assert_eq!(page.bars[0].ts, Ts::ny_midnight(date("2019-01-02")));
    assert_eq!((page.bars[0].volume, page.bars[0].trades), (37_039_737.0, Some(1)));

    let body = unzipped(&dir.join("polygon_aggs_AAPL_1m_2019-01-01_2019-03-01.body.json.gz"));
    let query = aapl(Timeframe::M1, "2019-01-01", "2019-03-02");
    let page = read(&query, &body).unwrap();
    assert_eq!((page.bars.len(), page.query_count), (26_384, 26_384));
    assert!(page.bars.is_sorted_by_key(|b| b.ts));
    assert!(page.adjusted, "recorded before raw prices were asked for");
    let short = aapl(Timeframe::M1, "2019-01-01", "2019-02-28");
    assert!(read(&short, &body).unwrap_err().message.contains("2019-02-28"));
    // Cut anywhere, it is refused.
    for cut in [1, 100, body.len() / 2, body.len() - 1] {
        assert_eq!(read(&query, &body[..cut]).unwrap_err().class, Class::Malformed);
    }
}

#[test]
fn a_recorded_market_day() {
    let Some(dir) = recordings("real/wire") else { return };
    let body = unzipped(&dir.join("polygon_grouped_daily_2019-02-01.body.json.gz"));
    let page = page::grouped(body.as_bytes(), AssetClass::Stock, date("2019-02-01")).unwrap();
    assert!(page.bars.len() > 8_300, "{}", page.bars.len());
    let (_, peb) = page.bars.iter().find(|(t, _)| t == "PEB").unwrap();
    assert_eq!((peb.ts, peb.close), (Ts::ny_midnight(date("2019-02-01")), 31.63));
}

#[test]
fn recorded_reference_answers() {
    if let Some(dir) = recordings("real/wire") {
        let file = |name: &str| unzipped(&dir.join(format!("polygon_{name}.body.json.gz")));
        let status = reference::market_status(file("market_status").as_bytes()).unwrap();
        assert_eq!(status.market, "closed");
        assert_eq!(status.server_time.unwrap().to_string(), "2020-04-28T07:23:51Z");
        let days = reference::holidays(file("market_holidays_2020").as_bytes()).unwrap();
        assert!(days.iter().any(|d| d.date == date("2021-11-26") && d.close.is_some()));
        assert!(days.iter().any(|d| d.date == date("2020-07-03") && d.close.is_none()));
        // An endpoint of 2020 that is no longer asked: another shape is an error, never "no splits".
        let old = reference::splits(file("reference_splits").as_bytes(), &["AAPL".to_owned()], &base(), SPLITS);
        assert!(old.unwrap_err().message.contains("execution_date"));
    }
    if let Some(dir) = recordings("vendor-wire/massive-client-python") {
        let file = |name: &str| std::fs::read(dir.join(name)).unwrap();
        let tickers = reference::tickers(&file("v3/reference/tickers.json")).unwrap();
        assert_eq!((tickers[0].ticker.as_str(), tickers[0].kind.as_deref()), ("A", Some("CS")));
        let days = reference::holidays(&file("v1/marketstatus/upcoming.json")).unwrap();
        assert_eq!(
            days.iter()
                .filter(
                    |d| d.close == Some(Ts::ny(date("2022-11-25"), chrono::NaiveTime::from_hms_opt(13, 0, 0).unwrap()))
                )
                .count(),
            2
        );
        assert_eq!(reference::market_status(&file("v1/marketstatus/now.json")).unwrap().market, "extended-hours");
        let asked: Vec<String> =
            ["GOOGL", "GOOG", "CTO", "SHOP", "DXCM", "AMZN", "BRW", "CM", "CIG.C"].map(str::to_owned).to_vec();
        let (splits, _) = reference::splits(&file("v3/reference/splits.json"), &asked, &base(), OLD_SPLITS).unwrap();
        assert_eq!(splits.len(), 10);
        let daily = String::from_utf8(file("v2/aggs/ticker/AAPL/range/1/day/2005-04-01/2005-04-04.json")).unwrap();
        let page = read(&aapl(Timeframe::D1, "2005-04-01", "2005-04-05"), &daily).unwrap();
        assert_eq!(page.bars.len(), 2);
    }
}
