//! Pages, right and wrong: what is accepted, what is refused as a whole, and in which words.

use super::address::Base;
use super::*;
use crate::testing;
use barkeep_market::testing::{at, candle};
use barkeep_market::{Bar, Interval, Timeframe, Ts};

fn query(timeframe: Timeframe, class: AssetClass, from: &str, to: &str) -> AggregateQuery {
    let ticker = if class == AssetClass::Crypto { "X:BTCUSD" } else { "TEST" };
    AggregateQuery { class, ..testing::query(ticker, timeframe, Interval::new(at(from), at(to))) }
}

/// Five minute bars of one hour: 15:00 is 1705330800000.
fn hour() -> AggregateQuery {
    query(Timeframe::M5, AssetClass::Stock, "2024-01-15T15:00:00Z", "2024-01-15T16:00:00Z")
}

const T: i64 = 1_705_330_800_000;

fn read(query: &AggregateQuery, body: &str) -> Result<Page, Fault> {
    let base = Base::new(&"https://api.example.com".parse().unwrap()).unwrap();
    page::aggregates(body.as_bytes(), query, &base, &aggregates_path(query).unwrap(), true)
}

/// A page that a cursor led to.
fn read_later(query: &AggregateQuery, body: &str) -> Result<Page, Fault> {
    let base = Base::new(&"https://api.example.com".parse().unwrap()).unwrap();
    page::aggregates(body.as_bytes(), query, &base, &aggregates_path(query).unwrap(), false)
}

fn with_rows(rows: &[String]) -> String {
    let n = rows.len();
    format!(
        r#"{{"ticker":"TEST","queryCount":{n},"resultsCount":{n},"adjusted":false,"results":[{}],"status":"OK"}}"#,
        rows.join(",")
    )
}

fn row(t: i64, c: &str) -> String {
    format!(r#"{{"v":10,"vw":1.5,"o":1,"c":{c},"h":2,"l":1,"t":{t},"n":3}}"#)
}

fn times(page: &Page) -> Vec<i64> {
    page.bars.iter().map(|b| (b.ts.ms() - T) / 300_000).collect()
}

#[test]
fn the_vendors_habits_are_accepted() {
    for (body, bars) in [
        (r#"{"ticker":"TEST","queryCount":0,"resultsCount":0,"adjusted":false,"status":"OK","count":0}"#, 0),
        (r#"{"ticker":"TEST","queryCount":0,"resultsCount":0,"adjusted":true,"status":"DELAYED"}"#, 0),
        (r#"{"ticker":"TEST","results":[],"status":"OK","new_key":{"deep":[1,[2]]}}"#, 0),
        (r#"{"ticker":"TEST","results":null,"resultsCount":0}"#, 0),
        (r#"{"ticker":"TEST","resultsCount":0,"status":"OK","error":null,"message":""}"#, 0),
        (&with_rows(&[format!(r#"{{"v":6.3896155e+07,"o":1,"c":1,"h":1,"l":1,"t":{T},"otc":true}}"#)]), 1),
        (&with_rows(&[format!(r#"{{"v":9099.618093,"o":1,"c":1,"h":1,"l":1,"t":{T},"n":3.0,"vw":null}}"#)]), 1),
        (&with_rows(&[format!(r#"{{"v":0,"o":0,"c":-1,"h":0,"l":5,"t":{}}}"#, T + 7)]), 1),
    ] {
        let page = read(&hour(), body).unwrap();
        assert_eq!(page.bars.len(), bars, "{body}");
        assert_eq!(page.delayed, body.contains("DELAYED"));
        assert_eq!(page.bytes, body.len() as u64);
    }
    let page = read(&hour(), &with_rows(&[row(T, "1.25")])).unwrap();
    let want = Bar { volume: 10.0, vwap: Some(1.5), trades: Some(3), ..candle(Ts(T), [1.0, 2.0, 1.0, 1.25]) };
    assert_eq!(page.bars, [want]);
}

#[test]
fn a_wrong_page_is_refused_with_its_reason() {
    let one = |fields: &str| with_rows(&[format!("{{{fields}}}")]);
    let full = with_rows(&[row(T, "1")]);
    for (body, reason) in [
        (full.replace("\"resultsCount\":1", "\"resultsCount\":2"), "counts 2 results and holds 1"),
        (r#"{"ticker":"TEST","resultsCount":3,"status":"OK"}"#.to_owned(), "counts 3 results and holds none"),
        (r#"{"ticker":"TEST","count":3,"status":"OK"}"#.to_owned(), "counts 3 results and holds none"),
        (r#"{"ticker":"TEST","status":"OK"}"#.to_owned(), "neither results nor a count"),
        (full.replace("\"status\"", "\"count\":2,\"status\""), "counts 2 results and holds 1"),
        (full.replace("\"resultsCount\":1", "\"count\":3"), "counts 3 results and holds 1"),
        (r#"{"ticker":"TEST","results":[],"resultsCount":1,"count":0}"#.to_owned(), "counts 1 results and holds none"),
        (r#"{"ticker":"TEST","queryCount":12,"resultsCount":0,"status":"OK"}"#.to_owned(), "made of 12 base bars"),
        (r#"{"ticker":"TEST","queryCount":1,"results":[],"status":"DELAYED"}"#.to_owned(), "made of 1 base bars"),
        (r#"{"ticker":"TEST","resultsCount":0,"status":"OK","error":"shard down"}"#.to_owned(), "says: shard down"),
        (r#"{"ticker":"TEST","results":[],"status":"OK","message":"try later"}"#.to_owned(), "says: try later"),
        (r#"{"ticker":"TEST","resultsCount":0,"error":{"code":7}}"#.to_owned(), "says: {\"code\":7}"),
        (r#"{"ticker":"TEST","resultsCount":0,"status":"ok"}"#.to_owned(), "status ok"),
        (r#"{"ticker":"TEST","resultsCount":0,"status":"PARTIAL"}"#.to_owned(), "status PARTIAL"),
        (full.replace("TEST", "OTHER"), "is for OTHER"),
        (
            r#"{"status":"ERROR","request_id":"x","error":"backend \u001b[2J gone"}"#.to_owned(),
            "status ERROR: backend ?[2J gone",
        ),
        (r#"{"status":"ERROR","message":"oops"}"#.to_owned(), "status ERROR: oops"),
        (r#"{"status":"NOT_AUTHORIZED","resultsCount":0,"ticker":"TEST"}"#.to_owned(), "status NOT_AUTHORIZED"),
        (with_rows(&[row(T, "\"12.5\"")]), "wrong shape: invalid type: string"),
        (with_rows(&[row(T, "null")]), "wrong shape: invalid type: null"),
        (with_rows(&[row(T, "true")]), "wrong shape: invalid type: boolean"),
        (with_rows(&[row(T, "NaN")]), "not JSON"),
        (with_rows(&[row(T, "Infinity")]), "not JSON"),
        (with_rows(&[row(T, "1e999")]), "number out of range"),
        (one(&format!(r#""v":1,"o":1,"h":1,"l":1,"t":{T}"#)), "missing field `c`"),
        (one(r#""v":1,"o":1,"h":1,"l":1,"c":1"#), "missing field `t`"),
        (one(r#""v":1,"o":1,"h":1,"l":1,"c":1,"t":"2024-01-15""#), "wrong shape"),
        (one(&format!(r#""v":1,"o":1,"h":1,"l":1,"c":1,"n":1.5,"t":{T}"#)), "wrong shape"),
        (one(&format!(r#""v":1,"o":1,"h":1,"l":1,"c":1,"c":2,"t":{T}"#)), "duplicate field"),
        (with_rows(&[format!("[{T},1,1,1,1,1,1,1]")]), "wrong shape"),
        (full[..full.len() - 10].to_owned(), "cut off"),
        (format!("{full} trailing"), "not JSON"),
        ("404 page not found".to_owned(), "not JSON"),
    ] {
        let fault = read(&hour(), &body).expect_err(&body);
        assert_eq!(fault.class, Class::Malformed);
        assert!(fault.message.contains(reason), "{body}\n gave: {fault}\n want: {reason}");
        assert!(fault.message.chars().all(|c| !c.is_control()));
    }
}

#[test]
fn one_time_far_outside_the_range_refuses_the_page_and_is_named() {
    for (t, named) in [
        (T - 4 * 86_400_000 - 1, "2024-01-11T14:59:59.999Z"),
        (T + 2 * 86_400_000, "2024-01-17T15:00:00Z"),
        (T / 1_000, "written in seconds?"),
        (T * 1_000, "written in microseconds?"),
        (T * 1_000_000, "written in nanoseconds?"),
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31"),
        (i64::MAX, "9999-"),
        (i64::MIN, "0001-"),
        (at("2124-01-15T15:00:00Z").ms(), "2124-01-15"),
    ] {
        let fault = read(&hour(), &with_rows(&[row(T, "1"), row(t, "1")])).unwrap_err();
        assert!(fault.class == Class::Malformed && fault.message.contains(named), "{t}: {fault}");
        let day = query(Timeframe::D1, AssetClass::Stock, "2024-01-15T05:00:00Z", "2024-01-16T05:00:00Z");
        if !day.range.contains(Ts(t)) {
            assert!(read(&day, &with_rows(&[row(t, "1")])).is_err(), "{t}");
        }
    }
}

#[test]
fn rows_just_outside_the_range_are_dropped_and_counted() {
    for t in [T - 1, T - 300_000, T - 86_400_000, T + 3_600_000, T + 3_900_000] {
        let page = read(&hour(), &with_rows(&[row(T, "1"), row(t, "1")])).unwrap();
        assert_eq!((times(&page), page.dropped), (vec![0], 1), "{t}");
        // Nothing but such rows is another answer, not an empty one.
        let fault = read(&hour(), &with_rows(&[row(t, "1")])).unwrap_err();
        assert!(fault.message.contains("every bar lies outside"), "{t}: {fault}");
    }
    // Days of crypto, read in New York: each begins four hours early, and so does the first.
    let days = query(Timeframe::D1, AssetClass::Crypto, "2024-06-03T00:00:00Z", "2024-06-06T00:00:00Z");
    let rows: Vec<String> = (2..6).map(|d| row(at(&format!("2024-06-0{d}T00:00:00Z")).ms(), "1")).collect();
    let page = read(&days, &with_rows(&rows).replace("TEST", "X:BTCUSD")).unwrap();
    assert_eq!((page.bars.len(), page.dropped), (3, 1));
    // Before Monday comes Friday; after the Friday before Memorial Day comes Tuesday. A session further is too far.
    let week = query(Timeframe::D1, AssetClass::Stock, "2024-05-20T04:00:00Z", "2024-05-25T04:00:00Z");
    for (beside, near) in [("2024-05-17", true), ("2024-05-28", true), ("2024-05-16", false), ("2024-05-29", false)] {
        let rows = [row(at("2024-05-22T04:00:00Z").ms(), "1"), row(at(&format!("{beside}T04:00:00Z")).ms(), "1")];
        assert_eq!(read(&week, &with_rows(&rows)).is_ok_and(|page| page.dropped == 1), near, "{beside}");
    }
    // In the middle of an answer a row outside was not read in another zone.
    let more = r#""next_url":"https://api.massive.com/v2/aggs/ticker/TEST/range/5/minute/1705331100000/1705334399999?cursor=a","status""#;
    let late = with_rows(&[row(T, "1"), row(T + 3_600_000, "1")]);
    assert!(read(&hour(), &late.replace("\"status\"", more)).is_err());
    assert!(read_later(&hour(), &late).is_ok());
    let early = with_rows(&[row(T - 300_000, "1"), row(T, "1")]);
    assert!(read_later(&hour(), &early).is_err());
    assert!(read(&hour(), &early.replace("\"status\"", more)).is_ok());
    // The page after this one begins where this one ends, not before its last bar.
    let whole = with_rows(&[row(T, "1"), row(T + 300_000, "1")]);
    for (next, good) in [(T + 600_000, true), (T + 300_000, false), (T + 1, false), (T, true)] {
        let more = more.replace("1705331100000/", &format!("{next}/"));
        assert_eq!(read(&hour(), &whole.replace("\"status\"", &more)).is_ok(), good, "{}", next - T);
    }
}

#[test]
fn an_answer_that_lies_a_whole_day_off_is_refused() {
    let week = query(Timeframe::M5, AssetClass::Stock, "2024-01-16T09:00:00Z", "2024-01-19T01:00:00Z");
    let coins = query(Timeframe::M5, AssetClass::Crypto, "2024-01-16T00:00:00Z", "2024-01-19T00:00:00Z");
    let rows = |shift: i64, from: i64, per_day: i64| -> String {
        let start = at("2024-01-16T00:00:00Z").ms() + from + shift;
        let days = (0..3).flat_map(|day| (0..per_day).map(move |k| start + day * 86_400_000 + k * 300_000));
        with_rows(&days.map(|t| row(t, "1")).collect::<Vec<_>>())
    };
    let open = 14 * 3_600_000 + 1_800_000;
    for day in [86_400_000, -86_400_000] {
        for (query, body) in [(&week, rows(day, open, 78)), (&coins, rows(day, 0, 288).replace("TEST", "X:BTCUSD"))] {
            let fault = read(query, &body).unwrap_err();
            assert!(fault.message.ends_with("all are a day off"), "{fault}");
        }
    }
    assert!(read(&week, &rows(0, open, 78)).is_ok_and(|page| page.dropped == 0));
    // Dates read in a zone nine hours ahead: some hours of the first day are there.
    let far = read(&coins, &rows(9 * 3_600_000, 0, 288).replace("TEST", "X:BTCUSD")).unwrap();
    assert_eq!(far.dropped, 9 * 12);
    // So are a few bars of a quiet symbol: none on the first day, and as many after the last.
    assert!(read(&week, &rows(86_400_000, open, 4)).unwrap_err().message.ends_with("all are a day off"));
}

/// `n` crypto minutes from 2024-01-15 00:00 UTC on, of a range of `asked` minutes.
fn minutes(n: i64, asked: i64, used: i64, next: bool) -> Result<Page, Fault> {
    let start = at("2024-01-15T00:00:00Z");
    let range = Interval::new(start, start + asked * 60_000);
    let minutes = AggregateQuery {
        timeframe: Timeframe::M1,
        range,
        ..query(Timeframe::M1, AssetClass::Crypto, "2024-01-15T00:00:00Z", "2024-01-15T00:00:00Z")
    };
    let rows: Vec<String> = (0..n).map(|k| row(start.ms() + k * 60_000, "1")).collect();
    let body = with_rows(&rows).replace("TEST", "X:BTCUSD");
    let body = body.replace(&format!("\"queryCount\":{n},"), &format!("\"queryCount\":{used},"));
    let url = r#""next_url":"https://api.massive.com/v2/aggs/ticker/X:BTCUSD/range/1/minute/1705276800000/2?cursor=a","status""#;
    read(&minutes, &if next { body.replace("\"status\"", url) } else { body })
}

#[test]
fn a_full_page_that_names_no_next_one_is_refused() {
    for (rows, used) in [(50_000, 50_000), (5_000, 5_000), (40, 50_000), (40, 5_000), (5_000, 60)] {
        let fault = minutes(rows, 60_000, used, false).unwrap_err();
        assert!(fault.message.contains("is full") && fault.message.contains("has no next page"), "{fault}");
        assert!(minutes(rows, 60_000, used, true).unwrap().full, "{rows}");
        // It ends where the range ends.
        assert!(minutes(rows, rows, used, false).unwrap().full, "{rows}");
    }
    for rows in [4_999, 5_001] {
        assert!(!minutes(rows, 60_000, rows, false).unwrap().full, "{rows}");
    }
    let fault = minutes(50_001, 60_000, 50_001, false).unwrap_err();
    assert!(fault.message.contains("more than 50000 results, at most 50000"), "{fault}");
}

#[test]
fn a_full_page_of_a_symbol_that_rests_at_its_end_is_whole() {
    // The last bar of the day begins at 18:00 New York, two hours before trading ends.
    let day = |step: i64| {
        let (from, to) = ("2024-01-16T05:00:00Z", "2024-01-17T05:00:00Z");
        let last = at("2024-01-16T23:00:00Z").ms();
        let rows: Vec<String> = (0..=14 * 12 / step).rev().map(|k| row(last - k * step * 300_000, "1")).collect();
        let n = rows.len();
        let body = with_rows(&rows).replace(&format!("\"queryCount\":{n},"), "\"queryCount\":5000,");
        read(&query(Timeframe::M5, AssetClass::Stock, from, to), &body)
    };
    assert!(day(1).unwrap_err().message.contains("has no next page"));
    assert!(day(36).unwrap().full, "three hours of silence are nothing new for it");
}

#[test]
fn bars_are_sorted_and_equal_ones_kept_once() {
    let step = 300_000;
    let rows = [row(T + 2 * step, "1"), row(T, "1"), row(T + step, "1"), row(T, "1")];
    assert_eq!(times(&read(&hour(), &with_rows(&rows)).unwrap()), [0, 1, 2]);
    // Two different bars of one time are a conflict for the engine to judge; a third like the first is none.
    let rows = [row(T, "1"), row(T, "1.5"), row(T, "1"), row(T + step, "1")];
    let page = read(&hour(), &with_rows(&rows)).unwrap();
    assert_eq!(times(&page), [0, 0, 1]);
    assert_eq!(page.bars.iter().map(|b| b.close).collect::<Vec<_>>(), [1.0, 1.5, 1.0]);
}

#[test]
fn a_stock_day_is_keyed_by_its_session_midnight_across_daylight_saving() {
    // The clocks change on 10 March 2024.
    let day = query(Timeframe::D1, AssetClass::Stock, "2024-03-08T05:00:00Z", "2024-03-13T04:00:00Z");
    for (vendor, ours) in [
        ("2024-03-08T05:00:00Z", "2024-03-08T05:00:00Z"),
        ("2024-03-08T21:00:00Z", "2024-03-08T05:00:00Z"),
        ("2024-03-11T04:00:00Z", "2024-03-11T04:00:00Z"),
        ("2024-03-11T20:00:00Z", "2024-03-11T04:00:00Z"),
        ("2024-03-11T05:00:00Z", "2024-03-11T05:00:00Z"),
        ("2024-03-12T00:00:00Z", "2024-03-12T00:00:00Z"),
    ] {
        let page = read(&day, &with_rows(&[row(at(vendor).ms(), "1")])).unwrap();
        assert_eq!(page.bars[0].ts, at(ours), "{vendor}");
    }
    let crypto = query(Timeframe::D1, AssetClass::Crypto, "2024-03-08T00:00:00Z", "2024-03-13T00:00:00Z");
    let body = with_rows(&[row(at("2024-03-11T20:00:00Z").ms(), "1")]).replace("TEST", "X:BTCUSD");
    assert_eq!(read(&crypto, &body).unwrap().bars[0].ts, at("2024-03-11T20:00:00Z"), "left off the grid");
}

#[test]
fn paths_are_in_milliseconds_or_in_dates_of_the_class() {
    let asked = |q: &AggregateQuery| aggregates_path(q).unwrap();
    let day = |class, from, to| asked(&query(Timeframe::D1, class, from, to));
    assert!(
        day(AssetClass::Stock, "2024-03-08T05:00:00Z", "2024-03-12T04:00:00Z")
            .contains("/1/day/2024-03-08/2024-03-11?")
    );
    assert!(
        day(AssetClass::Crypto, "2024-03-08T00:00:00Z", "2024-03-12T00:00:00Z")
            .contains("/1/day/1709856000000/1710201599999?")
    );
    let crypto = query(Timeframe::W1, AssetClass::Crypto, "2024-03-10T00:00:00Z", "2024-03-17T00:00:00Z");
    assert!(asked(&crypto).contains("/1/week/1710028800000/1710633599999?"));
    let week = query(Timeframe::W1, AssetClass::Stock, "2024-03-10T05:00:00Z", "2024-03-17T04:00:00Z");
    assert!(asked(&week).contains("/1/week/2024-03-10/2024-03-16?"));
    assert!(asked(&hour()).contains(&format!("/5/minute/{T}/{}?", T + 3_599_999)));
    let nothing = AggregateQuery { range: Interval::new(Ts(5), Ts(5)), ..hour() };
    assert_eq!(aggregates_path(&nothing).unwrap_err().class, Class::Permanent);
}

#[test]
fn a_next_url_for_another_question_is_foreign() {
    let page =
        |next: &str| with_rows(&[row(T, "1")]).replace("\"status\"", &format!("\"next_url\":\"{next}\",\"status\""));
    let good = "https://api.polygon.io/v2/aggs/ticker/TEST/range/5/minute/1705331100000/1705334399999?cursor=abc";
    assert_eq!(
        read(&hour(), &page(good)).unwrap().next.unwrap().0,
        "/v2/aggs/ticker/TEST/range/5/minute/1705331100000/1705334399999?cursor=abc&adjusted=false"
    );
    assert_eq!(read(&hour(), &page("")).unwrap().next, None);
    for bad in [good.replace("TEST", "TESU"), good.replace("/5/minute", "/1/minute"), good.replace("minute", "hour")] {
        assert!(read(&hour(), &page(&bad)).unwrap_err().message.starts_with("foreign next_url"), "{bad}");
    }
}

#[test]
fn splits_that_are_none_are_left_out_and_foreign_ones_refused() {
    let base = Base::new(&"https://h".parse().unwrap()).unwrap();
    let read = |rows: &[&str]| {
        let rows: Vec<String> = rows.iter().map(|row| format!(r#"{{"ticker":"A",{row}}}"#)).collect();
        let body = format!(r#"{{"results":[{}],"status":"OK"}}"#, rows.join(","));
        reference::splits(body.as_bytes(), &["A".to_owned()], &base, "/stocks/v1/splits")
    };
    let good = r#""execution_date":"2024-06-10","split_from":1,"split_to":10,"adjustment_type":"forward_split""#;
    let other = r#""execution_date":"2024-06-10","split_from":1,"split_to":4"#;
    let page = read(&[good, other, good]).unwrap();
    let ratios: Vec<_> = page.splits.iter().map(|(_, split)| (split.from, split.to)).collect();
    assert_eq!((ratios, page.unreadable), (vec![(1.0, 10.0), (1.0, 4.0), (1.0, 10.0)], 0));
    let bad = [
        r#""execution_date":"2024-06-10","split_from":0,"split_to":10"#,
        r#""execution_date":"2024-06-10","split_from":1,"split_to":-2"#,
        r#""execution_date":"2024-06-10","split_from":"1","split_to":2"#,
        r#""execution_date":"2024-06-10","split_from":null,"split_to":2"#,
        r#""execution_date":"2024-06-31","split_from":1,"split_to":2"#,
        r#""split_from":1,"split_to":2"#,
    ];
    for row in bad {
        let page = read(&[row, good]).unwrap();
        assert_eq!((page.splits.len(), page.unreadable), (1, 1), "{row}");
    }
    // Nothing but such rows is another kind of answer, not "no splits".
    assert!(read(&bad).unwrap_err().message.contains("none of the 6 rows is a split: 0 for 10 shares"));
    assert_eq!(read(&bad[..1]).unwrap().unreadable, 1);
    let other = br#"{"results":[{"ticker":"B","execution_date":"2024-06-10","split_from":1,"split_to":10}]}"#;
    assert!(reference::splits(other, &["A".to_owned()], &base, "/stocks/v1/splits").is_err());
    let astray = br#"{"results":[],"next_url":"https://h/v3/reference/tickers?cursor=a"}"#;
    assert!(reference::splits(astray, &["A".to_owned()], &base, "/stocks/v1/splits").is_err());
}

#[test]
fn a_ticker_is_read_with_its_dates() {
    let details = |row: &str| {
        reference::details(format!(r#"{{"request_id":"a","results":{row},"status":"OK"}}"#).as_bytes(), "TWTR")
    };
    let gone = details(
        r#"{"ticker":"TWTR","name":"Twitter, Inc.","market":"stocks","type":"CS","active":false,"list_date":"2013-11-07",
        "delisted_utc":"2022-11-08T00:00:00Z","currency_name":"usd","composite_figi":"BBG000H6HNW3","address":{"city":"x"}}"#,
    )
    .unwrap();
    assert_eq!(
        (gone.name.as_str(), gone.market.as_str(), gone.kind.as_deref()),
        ("Twitter, Inc.", "stocks", Some("CS"))
    );
    assert!(!gone.active);
    assert_eq!((gone.listed_on, gone.delisted_on), ("2013-11-07".parse().ok(), "2022-11-08".parse().ok()));
    assert_eq!((gone.currency.as_deref(), gone.composite_figi.as_deref()), (Some("usd"), Some("BBG000H6HNW3")));
    let bare = details(r#"{"ticker":"TWTR"}"#).unwrap();
    assert!(bare.active && bare.listed_on.is_none() && bare.delisted_on.is_none());
    assert!(!details(r#"{"ticker":"TWTR","delisted_utc":"2022-11-08"}"#).unwrap().active);
    for bad in ["null", "[]", "{}", r#"{"ticker":"X"}"#, r#"{"ticker":"TWTR","delisted_utc":"soon"}"#] {
        assert_eq!(details(bad).unwrap_err().class, Class::Malformed, "{bad}");
    }
    let error = br#"{"status":"ERROR","results":{"ticker":"TWTR"}}"#;
    assert!(reference::details(error, "TWTR").unwrap_err().message.contains("status ERROR"));
}
