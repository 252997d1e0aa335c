use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::*;
use crate::read::{BATCH_ROWS, read_lines};
use barkeep_vendor::Class;

const HEADER: &str = "ticker,volume,open,close,high,low,window_start,transactions\n";

fn date() -> NaiveDate {
    "2024-03-07".parse().unwrap()
}

fn packed(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

/// A line of the minute `minute` of the day.
fn line(ticker: &str, minute: i64, close: f64) -> String {
    let start = (day(date()).start.ms() + minute * 60_000) * 1_000_000;
    format!("{ticker},100,10,{close},{},9,{start},7\n", close + 1.0)
}

fn checked(text: &str) -> Result<Checked, Fault> {
    check_lines(packed(text).as_slice(), date())
}

fn refused(text: &str) -> String {
    let fault = checked(text).unwrap_err();
    assert_eq!(fault.class, Class::Malformed);
    fault.message
}

#[test]
fn a_sound_file_yields_its_bars_whatever_the_order_of_its_columns() {
    let start = day(date()).start.ms() * 1_000_000;
    let text = format!(
        "transactions,window_start,ticker,open,high,low,close,volume\n3,{start},A,10,12,9,11,100.5\n4,{},A,11,13,10,12,7\n",
        start + 60_000_000_000
    );
    let file = packed(&text);
    let checked = check_lines(file.as_slice(), date()).unwrap();
    assert_eq!((checked.rows, checked.tickers, checked.left_out.len()), (2, 1, 0));
    let mut all = Vec::new();
    let wanted = BTreeSet::from(["A".to_owned()]);
    read_lines(file.as_slice(), &checked, date(), &wanted, |piece| {
        all.extend(piece);
        ControlFlow::Continue(())
    })
    .unwrap();
    let [one] = all.as_slice() else { panic!("{all:?}") };
    let first = one.bars[0];
    assert_eq!((first.open, first.high, first.low, first.close, first.volume), (10.0, 12.0, 9.0, 11.0, 100.5));
    assert_eq!((first.vwap, first.trades, first.ts), (None, Some(3), day(date()).start));
    assert_eq!(one.bars.len(), 2);
}

#[test]
fn a_cut_or_damaged_file_proves_nothing() {
    let text = format!("{HEADER}{}{}", line("A", 1, 10.0), line("B", 2, 11.0));
    let whole = packed(&text);
    assert!(check_lines(whole.as_slice(), date()).is_ok());
    for end in 0..whole.len() {
        assert!(check_lines(&whole[..end], date()).is_err(), "cut after {end} of {} bytes", whole.len());
    }
    let mut unseen = 0;
    for place in 10..whole.len() {
        let mut bad = whole.clone();
        bad[place] ^= 0x20;
        // Bits that only fill the last byte up mean nothing; everything else is covered by the checksum.
        let mut unpacked = String::new();
        let is_same = GzDecoder::new(bad.as_slice()).read_to_string(&mut unpacked).is_ok() && unpacked == text;
        assert!(check_lines(bad.as_slice(), date()).is_err() || is_same, "damaged at {place}");
        unseen += usize::from(is_same);
    }
    assert!(unseen <= 1, "{unseen} bytes without effect");
    assert!(refused(&text[..text.len() - 1]).contains("last line"));
    assert!(refused(&text[..text.len() - 8]).contains("last line"));
    assert!(refused("ticker,volume\nA,1\n").contains("column open"));
}

#[test]
fn tickers_that_contradict_themselves_are_left_out_and_alone() {
    let unreadable = line("C", 1, 10.0).replace(",9,", ",nine,");
    let text = format!(
        "{HEADER}{}{}{}{}{}{unreadable}",
        line("A", 1, 10.0),
        line("A", 1, 10.0),
        line("B", 1, 10.0),
        line("B", 1, 11.0),
        line("B", 2, 11.0),
    );
    let checked = checked(&text).unwrap();
    assert_eq!(checked.left_out, BTreeSet::from(["B".to_owned(), "C".to_owned()]));
}

#[test]
fn another_day_and_another_order_are_refused() {
    let other: String = (0..10).map(|k| line("A", 1440 + k, 10.0)).collect();
    assert!(refused(&format!("{HEADER}{other}")).contains("10 of 10"));
    let mixed = format!("{HEADER}{}{}{}", line("A", 1, 10.0), line("B", 1, 10.0), line("A", 2, 10.0));
    assert!(refused(&mixed).contains("sorted by ticker"));
}

/// A day of the whole market: pieces stay small, however much is wanted.
#[test]
fn memory_stays_bounded_over_a_day_of_one_and_a_half_million_rows() {
    const TICKERS: i64 = 2_500;
    const MINUTES: i64 = 600;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(HEADER.as_bytes()).unwrap();
    let day: String = (0..MINUTES).map(|minute| line("TICKER", 240 + minute, 10.0)).collect();
    for ticker in 0..TICKERS {
        gzip.write_all(day.replace("TICKER", &format!("T{ticker:05}")).as_bytes()).unwrap();
    }
    let file = gzip.finish().unwrap();
    let checked = check_lines(file.as_slice(), date()).unwrap();
    assert_eq!(checked.rows, 1_500_000);
    let wanted: BTreeSet<String> = (0..TICKERS).map(|ticker| format!("T{ticker:05}")).collect();
    let (mut rows, mut largest) = (0, 0);
    read_lines(file.as_slice(), &checked, date(), &wanted, |piece| {
        let held: usize = piece.iter().map(|one| one.bars.len()).sum();
        rows += held;
        largest = largest.max(held);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(rows, 1_500_000);
    assert!(largest < BATCH_ROWS + 1_440, "{largest}");
}
