//! Days on which recorded markets did something odd: half days, holidays, clock changes, a halt, a split, a ticker that
//! changed hands. Each must end with exactly the recorded rows, without a gap, and with nothing to ask the next time.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use barkeep::market::split::Split;
use barkeep::sim::SimConfig;

use crate::support::bench::{Bench, assert_same, series};
use crate::support::databases::on_both_with_data;
use crate::support::recorded::{self, between};

/// What is asked, and which recorded bars must come of it: `[from, to)` as instants.
struct Case {
    symbol: &'static str,
    timeframe: &'static str,
    days: Span,
    instants: Span,
    rows: usize,
}

type Span = (&'static str, &'static str);

/// A case over the recording that is named like the series.
fn case(symbol: &'static str, timeframe: &'static str, days: Span, instants: Span, rows: usize) -> Case {
    Case { symbol, timeframe, days, instants, rows }
}

/// Backfills the days and compares; gives the stored starts.
async fn check(bench: &Bench, data: &Path, case: &Case) -> Vec<i64> {
    let file = format!("us_{}/{}", case.timeframe, case.symbol);
    let wanted = between(&recorded::read(data, &file), case.instants.0, case.instants.1);
    assert_eq!(wanted.len(), case.rows, "{file}: the recording has other rows than the case says");
    let (from, to) = case.days;
    let args = [case.symbol, "--asset-class", "stock", "--timeframes", case.timeframe, "--from", from, "--to", to];
    let (code, summary) = bench.backfill(&args).await;
    assert_eq!((code, summary["gaps_left"].as_u64()), (0, Some(0)), "{from}: {summary}");
    let stored = bench.stored().await;
    let mine = between(&series(&stored, case.symbol, case.timeframe), case.instants.0, case.instants.1);
    assert_eq!(mine, wanted, "{file}");
    bench.assert_settled(&args).await;
    mine.into_keys().collect()
}

fn hours(data: &Path) -> SimConfig {
    SimConfig { replay: Some(recorded::only(data, "us_1h")), ..SimConfig::default() }
}

fn minutes(data: &Path) -> SimConfig {
    SimConfig { replay: Some(recorded::only(data, "us_1m")), ..SimConfig::default() }
}

fn days(data: &Path) -> SimConfig {
    SimConfig { replay: Some(recorded::only(data, "us_1d")), ..SimConfig::default() }
}

fn ms(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

on_both_with_data!(a_half_day, hours);
async fn a_half_day(bench: Bench, data: PathBuf) {
    let case =
        case("SPY.lean", "1h", ("2020-11-25", "2020-11-30"), ("2020-11-25T05:00:00Z", "2020-12-01T05:00:00Z"), 18);
    let starts = check(&bench, &data, &case).await;
    let on_the_27th = starts.iter().filter(|t| recorded::date(**t) == "2020-11-27").count();
    assert_eq!(on_the_27th, 4, "09:00 to 12:00 New York: the session ends at 13:00");
    assert!(starts.iter().all(|t| recorded::date(*t) != "2020-11-26"), "Thanksgiving");
}

on_both_with_data!(a_holiday, minutes);
async fn a_holiday(bench: Bench, data: PathBuf) {
    let case = case(
        "AAPL.polygon",
        "1m",
        ("2019-01-18", "2019-01-22"),
        ("2019-01-18T05:00:00Z", "2019-01-23T05:00:00Z"),
        1279,
    );
    let starts = check(&bench, &data, &case).await;
    let pause = ms("2019-01-19T05:00:00Z")..ms("2019-01-22T05:00:00Z");
    assert!(starts.iter().all(|t| !pause.contains(t)), "Martin Luther King Day is closed");
}

on_both_with_data!(a_clock_change, hours);
async fn a_clock_change(bench: Bench, data: PathBuf) {
    for (days, instants, rows, before, after) in [
        (("2020-03-06", "2020-03-09"), ("2020-03-06T05:00:00Z", "2020-03-10T04:00:00Z"), 14, 14, 13),
        (("2020-10-30", "2020-11-02"), ("2020-10-30T04:00:00Z", "2020-11-03T05:00:00Z"), 14, 13, 14),
    ] {
        let case = case("SPY.lean", "1h", days, instants, rows);
        let starts = check(&bench, &data, &case).await;
        let first_hour = |date: &str| {
            let first = starts.iter().find(|t| recorded::date(**t) == date).unwrap();
            first / 3_600_000 % 24
        };
        assert_eq!((first_hour(days.0), first_hour(days.1)), (before, after), "the market opens at 09:30 New York");
    }
}

on_both_with_data!(minutes_over_a_clock_change, minutes);
async fn minutes_over_a_clock_change(bench: Bench, data: PathBuf) {
    let case =
        case("SHY.lean", "1m", ("2008-03-07", "2008-03-10"), ("2008-03-07T05:00:00Z", "2008-03-11T04:00:00Z"), 652);
    check(&bench, &data, &case).await;
}

on_both_with_data!(a_halt, minutes);
async fn a_halt(bench: Bench, data: PathBuf) {
    let case =
        case("AAPL.polygon", "1m", ("2019-01-02", "2019-01-02"), ("2019-01-02T05:00:00Z", "2019-01-03T05:00:00Z"), 801);
    let starts = check(&bench, &data, &case).await;
    let halted = ms("2019-01-02T21:25:00Z")..ms("2019-01-02T21:50:00Z");
    assert!(starts.iter().all(|t| !halted.contains(t)), "25 minutes without a trade, and no made-up bar");
    assert!(starts.contains(&halted.end) && starts.contains(&(halted.start - 60_000)));
}

fn days_with_the_split(data: &Path) -> SimConfig {
    let split = Split { date: chrono::NaiveDate::from_str("2014-06-09").unwrap(), from: 1.0, to: 7.0 };
    SimConfig { splits: vec![("AAPL".to_owned(), split)], ..days(data) }
}

on_both_with_data!(a_split, days_with_the_split);
async fn a_split(bench: Bench, data: PathBuf) {
    let case =
        case("AAPL.lean", "1d", ("2014-06-02", "2014-06-13"), ("2014-06-02T04:00:00Z", "2014-06-14T04:00:00Z"), 10);
    // Stored as traded, whatever split is known.
    let starts = check(&bench, &data, &case).await;
    let splits = bench.count("SELECT count(*) FROM splits").await;
    assert_eq!(splits, 1);

    // Read adjusted: another source's adjusted prices of the same days. The two disagree by up to 3 cents themselves.
    let adjusted = recorded::read(&data, "us_1d/AAPL.zipline");
    let output = bench.run(&["bars", "AAPL.lean", "--timeframe", "1d", "--format", "csv"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let mut rows = csv::Reader::from_reader(output.stdout.as_slice());
    let header = rows.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    let (time, close, volume) = (column("time"), column("close"), column("volume"));
    let raw = recorded::read(&data, "us_1d/AAPL.lean");
    let mut compared = 0;
    for row in rows.records().map(Result::unwrap) {
        let t = ms(&row[time]);
        let n = |k: usize| row[k].parse::<f64>().unwrap();
        assert!((n(close) - adjusted[&t].3).abs() < 0.05, "{}: {} and {}", &row[time], n(close), adjusted[&t].3);
        let factor = if t < ms("2014-06-09T04:00:00Z") { 7.0 } else { 1.0 };
        assert!((n(volume) - raw[&t].4 * factor).abs() <= 1e-6 * n(volume), "volume of {}", &row[time]);
        compared += 1;
    }
    assert_eq!(compared, starts.len());

    // And raw on request.
    let output = bench.run(&["bars", "AAPL.lean", "--timeframe", "1d", "--raw", "--to", "2014-06-06"]).await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("645.57"));
}

on_both_with_data!(a_split_by_the_minute, minutes);
async fn a_split_by_the_minute(bench: Bench, data: PathBuf) {
    let case =
        case("AAPL.lean", "1m", ("2014-06-05", "2014-06-09"), ("2014-06-05T04:00:00Z", "2014-06-10T04:00:00Z"), 2_303);
    check(&bench, &data, &case).await;
    // 645.57, the price before the split, stands in the first minute after it: remarkable, and kept.
    let odd = "SELECT count(*) FROM bars WHERE quality_score < 1 AND open = 645.57 AND low < 93";
    assert_eq!(bench.count(odd).await, 1);
}

on_both_with_data!(a_ticker_that_changed_hands, days);
async fn a_ticker_that_changed_hands(bench: Bench, data: PathBuf) {
    let case =
        case("FB.lean", "1d", ("2003-01-02", "2012-06-29"), ("2003-01-02T05:00:00Z", "2012-06-30T04:00:00Z"), 90);
    let starts = check(&bench, &data, &case).await;
    let nobody = ms("2003-04-01T05:00:00Z")..ms("2012-05-18T04:00:00Z");
    assert!(starts.iter().all(|t| !nobody.contains(t)), "nine years without the ticker hold no bar");
    let vendor = bench.vendor_bars("FB.lean", "1d", "2003-01-02", "2012-06-29").await;
    assert_same(&bench.stored().await, "FB.lean", "1d", &vendor);
}
