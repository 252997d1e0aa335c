//! Answers made to keep a processor busy or to fill the memory: each takes about as long as an honest page of its size.

use crate::testing;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::address::Base;
use super::grouped::grouped;
use super::page::aggregates;
use super::reference::{splits, tickers};
use crate::{AggregateQuery, Fault, Page};
use barkeep_market::ts::MINUTE;
use barkeep_market::{AssetClass, Interval, Timeframe, Ts};

const SIZE: usize = 10 << 20;
/// What makes 50,000 rows as large.
const PAD: usize = 125;
/// Midnight UTC of a day in 2024.
const START: i64 = 1_705_363_200_000;
/// How much longer than an honest page of the same size a hostile one may take.
const TIMES: u32 = 30;
/// What reading any of them may add to the memory, beside the body.
const MEMORY_MIB: u64 = 160;

fn query() -> AggregateQuery {
    let range = Interval::new(Ts(START), Ts(START + 500_000 * MINUTE));
    testing::query("X:BTCUSD", Timeframe::M1, range)
}

fn read(body: &[u8]) -> Result<Page, Fault> {
    let base = Base::new(&"https://api.example.com".parse().unwrap()).unwrap();
    aggregates(body, &query(), &base, "/v2/aggs/ticker/X:BTCUSD/range/1/minute/1/2?limit=50000", true)
}

fn envelope(rows: &str, count: usize, rest: &str) -> String {
    format!(
        r#"{{"ticker":"X:BTCUSD","status":"OK","queryCount":{count},"resultsCount":{count},"adjusted":false,{rest}"results":[{rows}],"next_url":"https://api.example.com/v2/aggs/ticker/X:BTCUSD/range/1/minute/3/2?cursor=a"}}"#
    )
}

/// As many rows as the body has room for, or `most`; a row may be padded by a key nobody reads.
fn page(most: usize, pad: usize, time: impl Fn(i64) -> i64, price: impl Fn(i64) -> i64) -> String {
    let mut rows = String::new();
    let mut count = 0;
    let filler = if pad == 0 { String::new() } else { format!(r#","pad":"{}""#, "x".repeat(pad)) };
    while rows.len() < SIZE && count < most {
        let (t, p) = (START + time(count as i64) * MINUTE, price(count as i64));
        let comma = if count == 0 { "" } else { "," };
        let volume = count % 1_000 + 1;
        write!(rows, r#"{comma}{{"t":{t},"o":{p},"h":{p},"l":{p},"c":{p},"v":{volume}{filler}}}"#).unwrap();
        count += 1;
    }
    envelope(&rows, count, "")
}

/// The shortest of three times, because others work on this machine too.
fn time(read: impl Fn()) -> Duration {
    let once = |_| {
        let start = Instant::now();
        read();
        start.elapsed()
    };
    (0..3).map(once).min().unwrap()
}

/// The most memory this process has had since the last look, and what it has now; `None` where the kernel does not say.
fn memory_mib() -> Option<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1_024)
    };
    let found = (of("VmHWM:")?, of("VmRSS:")?);
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    Some(found)
}

fn shapes() -> Vec<(&'static str, String)> {
    let junk = |one: &str| one.repeat(SIZE / one.len());
    let in_a_row = |key: &str, value: &str| {
        envelope(&format!(r#"{{"t":{START},"o":1,"h":1,"l":1,"c":1,"{key}":{value}}}"#), 1, "")
    };
    vec![
        ("one time, different values", page(50_000, PAD, |_| 0, |n| n + 1)),
        ("one time, equal values", page(50_000, PAD, |_| 0, |_| 1)),
        ("one time, more rows than were asked for", page(usize::MAX, 0, |_| 0, |n| n + 1)),
        ("reverse order", page(50_000, PAD, |n| 50_000 - n, |n| n % 50 + 100)),
        ("two times in turn", page(50_000, PAD, |n| n % 2, |n| n + 1)),
        ("every time twice with different values", page(50_000, PAD, |n| n / 2, |n| n + 1)),
        ("a long run, then single ones", page(50_000, PAD, |n| (n - 25_000).max(0), |n| n + 1)),
        ("far outside the range", page(50_000, PAD, |n| -n * 100_000, |_| 1)),
        (
            "deep in an unknown key",
            envelope("", 0, &format!(r#""x":{}{},"#, "[".repeat(SIZE / 2), "]".repeat(SIZE / 2))),
        ),
        ("deep in a text", envelope("", 0, &format!(r#""message":{}{},"#, "[".repeat(SIZE / 2), "]".repeat(SIZE / 2)))),
        ("wide in a text", envelope("", 0, &format!(r#""error":[{}[]],"#, junk("[],")))),
        ("a long text", envelope("", 0, &format!(r#""error":"{}","#, junk("no ")))),
        ("a long status", format!(r#"{{"status":"{}"}}"#, junk("no "))),
        ("a long ticker", format!(r#"{{"ticker":"{}","status":"OK","resultsCount":0}}"#, junk("A"))),
        (
            "a long next_url",
            format!(r#"{{"status":"OK","resultsCount":0,"results":[],"next_url":"https://a/{}"}}"#, junk("b/")),
        ),
        (
            "a long request id",
            format!(r#"{{"status":"OK","resultsCount":0,"results":[],"request_id":"{}"}}"#, junk("\\u0007")),
        ),
        ("digits", in_a_row("v", &junk("7"))),
        ("digits behind the point", in_a_row("v", &format!("1.{}", junk("7")))),
        ("a large exponent", in_a_row("v", &format!("1e{}", junk("9")))),
        ("a small exponent", in_a_row("v", &format!("1e-{}", junk("9")))),
        ("a number that is a text", in_a_row("v", &format!(r#""{}""#, junk("7")))),
        ("empty rows", envelope(&format!("{}{{}}", junk("{},")), 1, "")),
        ("no rows but arrays", envelope(&format!("{}[]", junk("[],")), 1, "")),
        ("opened and never closed", format!(r#"{{"results":{}"#, junk("["))),
        ("backslashes", format!(r#"{{"status":"{}"}}"#, junk("\\\\"))),
        ("keys", format!("{{{}\"z\":1}}", junk(r#""k":1,"#))),
    ]
}

#[test]
fn no_answer_takes_much_longer_than_an_honest_one() {
    let honest = page(50_000, PAD, |n| n, |n| n % 50 + 100);
    assert!((9 << 20..11 << 20).contains(&honest.len()), "{}", honest.len());
    assert_eq!(read(honest.as_bytes()).unwrap().bars.len(), 50_000);
    let yardstick = time(|| drop(read(honest.as_bytes())));
    for (name, body) in shapes() {
        memory_mib();
        let before = memory_mib();
        let took = time(|| {
            if let Err(fault) = read(body.as_bytes()) {
                assert!(fault.message.len() < 2_000, "{name}: {} bytes of message", fault.message.len());
            }
            let day = chrono::NaiveDate::from_ymd_opt(2024, 1, 16).unwrap();
            drop(grouped(body.as_bytes(), AssetClass::Stock, day));
        });
        assert!(took < yardstick * TIMES, "{name}: {took:?}, an honest page {yardstick:?}");
        if let (Some((_, now)), Some((most, _))) = (before, memory_mib()) {
            assert!(most.saturating_sub(now) < MEMORY_MIB, "{name}: {} MiB", most - now);
        }
    }
}

#[test]
fn what_is_wrong_with_a_page_of_doubles_is_told() {
    for (body, said) in [
        (page(50_000, PAD, |_| 0, |n| n + 1), "50000 of 50000 bars share their time"),
        (page(50_000, PAD, |n| n % 2, |n| n + 1), "50000 of 50000 bars share their time"),
        (page(50_001, 0, |_| 0, |_| 1), "more than 50000 results"),
    ] {
        let fault = read(body.as_bytes()).unwrap_err();
        assert!(fault.message.contains(said), "{fault}");
    }
    assert_eq!(read(page(50_000, PAD, |_| 0, |_| 1).as_bytes()).unwrap_err().class, crate::Class::Malformed);
    // A few are for an operator to decide.
    let few = page(1_000, 0, |n| if n == 1 { 0 } else { n }, |n| n % 50 + 100);
    assert_eq!(read(few.as_bytes()).unwrap().bars.len(), 1_000);
}

#[test]
fn other_answers_have_their_bounds_too() {
    let base = Base::new(&"https://api.example.com".parse().unwrap()).unwrap();
    let honest = page(50_000, PAD, |n| n, |n| n % 50 + 100);
    let yardstick = time(|| drop(read(honest.as_bytes())));
    let split = r#"{"ticker":"AAPL","execution_date":"2020-08-31","split_from":1,"split_to":4},"#;
    let many =
        format!(r#"{{"status":"OK","results":[{}{}]}}"#, split.repeat(SIZE / split.len()), split.trim_end_matches(','));
    let long = format!(r#"{{"status":"OK","results":[{{"ticker":"{}"}}]}}"#, "A".repeat(SIZE));
    for body in [&many, &long] {
        let took = time(|| {
            let fault = splits(body.as_bytes(), &["AAPL".to_owned()], &base, "/stocks/v1/splits").err();
            assert!(fault.is_none_or(|fault| fault.message.len() < 2_000));
            drop(tickers(body.as_bytes()));
        });
        assert!(took < yardstick * TIMES, "{took:?}, an honest page {yardstick:?}");
    }
}

#[test]
fn one_foreign_row_does_not_spoil_a_market_day() {
    let day = chrono::NaiveDate::from_ymd_opt(2024, 1, 16).unwrap();
    let good = r#"{"T":"SPY","t":1705438800000,"o":1,"h":1,"l":1,"c":1,"v":1}"#;
    let long = format!(r#"{{"T":"{}"}}"#, "A".repeat(1 << 20));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let foreign = [
        "null",
        "7",
        "{}",
        "[]",
        r#""SPY""#,
        r#"{"T":null}"#,
        r#"{"T":"X","t":"soon","o":1,"h":1,"l":1,"c":1,"v":1}"#,
        r#"{"T":"X","t":1e300,"o":1,"h":1,"l":1,"c":1,"v":1}"#,
        r#"{"T":"X","t":1705438800000,"o":1e999,"h":1,"l":1,"c":1,"v":1}"#,
        r#"{"T":"X","T":"Y","t":1,"o":1,"h":1,"l":1,"c":1,"v":1}"#,
        r#"{"T":"\ud800","t":1705438800000,"o":1,"h":1,"l":1,"c":1,"v":1}"#,
        &long,
        &deep,
    ];
    let bytes = foreign.iter().map(|row| row.as_bytes().to_vec());
    // A name in Latin-1.
    let latin = b"{\"T\":\"X\xe9\",\"t\":1705438800000,\"o\":1,\"h\":1,\"l\":1,\"c\":1,\"v\":1}".to_vec();
    for row in bytes.chain([latin]) {
        let mut body = br#"{"status":"OK","resultsCount":2,"adjusted":false,"results":["#.to_vec();
        body.extend([&row[..], b",", good.as_bytes(), b"]}"].concat());
        let page = grouped(&body, AssetClass::Stock, day);
        let shown = String::from_utf8_lossy(&row[..row.len().min(80)]).into_owned();
        let page = page.unwrap_or_else(|fault| panic!("{shown}: {fault}"));
        assert!(page.bars.iter().any(|(ticker, _)| ticker == "SPY"), "{shown}");
    }
}
