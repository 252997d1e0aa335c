//! Market days: what of one is believed, and what is left to requests of its own.

use super::grouped::grouped;
use super::*;
use barkeep_market::ts::{DAY, HOUR};

/// 2024-03-11; New York is at -04:00 since the day before.
fn date() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 3, 11).unwrap()
}

/// 16:00 New York of that day.
const CLOSE: i64 = 1_710_187_200_000;

fn row(ticker: &str, close: f64, t: i64) -> String {
    format!(r#"{{"T":"{ticker}","v":1,"vw":1.5,"o":1,"c":{close},"h":9,"l":1,"t":{t},"n":2}}"#)
}

fn read(class: AssetClass, rows: &[String]) -> Result<GroupedPage, Fault> {
    let n = rows.len();
    let body = format!(
        r#"{{"queryCount":{n},"resultsCount":{n},"adjusted":false,"results":[{}],"status":"OK","count":{n}}}"#,
        rows.join(",")
    );
    grouped(body.as_bytes(), class, date())
}

fn stocks(rows: &[String]) -> GroupedPage {
    read(AssetClass::Stock, rows).unwrap()
}

fn tickers(page: &GroupedPage) -> Vec<&str> {
    page.bars.iter().map(|(ticker, _)| ticker.as_str()).collect()
}

#[test]
fn a_day_is_keyed_by_the_date_asked_for() {
    let rows = [row("B", 1.0, CLOSE), row("A", 2.0, CLOSE), row("A", 2.0, CLOSE)];
    let page = stocks(&rows);
    assert_eq!(tickers(&page), ["A", "B"]);
    assert!(page.bars.iter().all(|(_, bar)| bar.ts == Ts::ny_midnight(date())));
    assert!(page.conflicting.is_empty() && page.unreadable.is_empty() && page.dropped == 0);
    let crypto = read(AssetClass::Crypto, &rows).unwrap();
    assert!(crypto.bars.iter().all(|(_, bar)| bar.ts == Ts::utc_midnight(date())));
    let empty = br#"{"queryCount":0,"resultsCount":0,"adjusted":true,"status":"OK"}"#;
    assert!(grouped(empty, AssetClass::Etf, date()).unwrap().bars.is_empty());
    for wrong in [
        &br#"{"resultsCount":0,"status":"OK","next_url":"https://h/x"}"#[..],
        br#"{"resultsCount":0,"status":"OK","message":"not ready"}"#,
        br#"{"resultsCount":1,"results":[],"status":"OK"}"#,
        br#"{"queryCount":8374,"resultsCount":0,"status":"OK"}"#,
    ] {
        assert!(grouped(wrong, AssetClass::Etf, date()).is_err());
    }
}

#[test]
fn a_ticker_twice_with_different_values_is_left_to_a_request_of_its_own() {
    for other in [row("A", 3.0, CLOSE), row("A", 2.0, CLOSE).replace("\"n\":2", "\"n\":3")] {
        let rows = [row("A", 2.0, CLOSE), row("B", 1.0, CLOSE), other.clone(), row("A", 2.0, CLOSE)];
        let page = stocks(&rows);
        assert_eq!(tickers(&page), ["B"], "{other}");
        assert_eq!(page.conflicting.iter().collect::<Vec<_>>(), ["A"]);
    }
}

#[test]
fn rows_that_cannot_be_read_spoil_nothing_and_are_named() {
    let good = row("A", 2.0, CLOSE);
    let wrong = |from: &str, to: &str| row("Z", 2.0, CLOSE).replace(from, to);
    for bad in [
        wrong("\"o\":1", "\"o\":null"),
        wrong("\"o\":1", "\"o\":\"1\""),
        wrong("\"c\":2,", ""),
        wrong("\"v\":1,", "\"v\":1e999,"),
        wrong("\"v\":1,", "\"v\":-1,"),
        wrong("\"l\":1,", "\"l\":0,"),
        wrong("\"h\":9,", "\"h\":0.5,"),
        wrong(&format!("\"t\":{CLOSE}"), "\"t\":null"),
        r#"{"T":"Z"}"#.to_owned(),
    ] {
        let page = stocks(&[bad.clone(), good.clone()]);
        assert_eq!(tickers(&page), ["A"], "{bad}");
        assert_eq!(page.unreadable.iter().collect::<Vec<_>>(), ["Z"], "{bad}");
    }
    // Without a name nobody can ask for it.
    for bad in [r#"{"o":1}"#, r#"{"T":7,"o":1}"#, "[1,2]", "7", "null", r#""A""#] {
        let page = stocks(&[bad.to_owned(), good.clone()]);
        assert_eq!((tickers(&page), page.unreadable.len()), (vec!["A"], 0), "{bad}");
    }
    // A good row beside a bad one of the same ticker is not enough.
    let page = stocks(&[good.clone(), good.replace("\"o\":1", "\"o\":null"), row("B", 1.0, CLOSE)]);
    assert_eq!((tickers(&page), page.unreadable.contains("A")), (vec!["B"], true));
}

#[test]
fn hundreds_of_garbage_rows_leave_the_others_alone() {
    let garbage = (0..400).map(|n| format!(r#"{{"T":"Z{n}","v":null,"o":null,"c":1,"h":1,"l":1,"t":1}}"#));
    let junk = (0..400).map(|n| row(&format!("\\u0000HTLP^{n}"), 8.9e12, n));
    let rows: Vec<String> = (0..2_000).map(|n| row(&format!("A{n}"), 2.0, CLOSE)).chain(garbage).chain(junk).collect();
    let page = stocks(&rows);
    assert_eq!((page.bars.len(), page.unreadable.len()), (2_000, 800));
    // Where nothing can be read, the answer is another one.
    let all = ["A", "B", "C"].map(|ticker| row(ticker, 2.0, CLOSE).replace("\"o\":1", "\"open\":1"));
    assert!(read(AssetClass::Stock, &all).unwrap_err().message.contains("none of the 3 rows"));
}

#[test]
fn rows_of_another_day_are_dropped_and_a_page_of_them_refused() {
    let midnight = Ts::ny_midnight(date()).ms();
    for inside in [midnight, CLOSE, midnight + DAY - 1, midnight + DAY] {
        assert_eq!(tickers(&stocks(&[row("A", 2.0, inside)])), ["A"], "{inside}");
    }
    for outside in [CLOSE - DAY, CLOSE + DAY, midnight - 1, midnight + DAY + 1, 0, i64::MAX, i64::MIN] {
        let page = stocks(&[row("A", 2.0, outside), row("B", 2.0, CLOSE), row("C", 2.0, CLOSE)]);
        assert_eq!((tickers(&page), page.dropped), (vec!["B", "C"], 1), "{outside}");
        let all = ["A", "B", "C", "D", "E", "F"].map(|ticker| row(ticker, 2.0, outside));
        let fault = read(AssetClass::Stock, &all).unwrap_err();
        assert!(fault.message.contains("6 of 6 rows are of another day than 2024-03-11"), "{fault}");
    }
    // The wrong day of a ticker does not contradict its right one.
    let page = stocks(&[row("A", 3.0, CLOSE - DAY), row("A", 2.0, CLOSE), row("B", 2.0, CLOSE)]);
    assert_eq!((tickers(&page), page.dropped, page.conflicting.len()), (vec!["A", "B"], 1, 0));
    // Crypto has UTC days: the evening in New York is the next one.
    let late = Ts::utc_midnight(date()).ms() + DAY;
    assert_eq!(read(AssetClass::Crypto, &[row("X:A", 2.0, late - 1)]).unwrap().bars.len(), 1);
    assert!(read(AssetClass::Crypto, &[row("X:A", 2.0, late + HOUR)]).is_err());
    assert_eq!(stocks(&[row("A", 2.0, late + HOUR)]).bars.len(), 1);
}
