//! Real recorded bars, replayed over HTTP into both databases and compared row by row.
//!
//! The data are read in place. A folder is one backfill of all its symbols: what it must end with is every row of every
//! file, nothing else, no gap, and nothing to ask the next time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use barkeep::market::{AssetClass, Calendar, Family, Interval, Ts};
use barkeep::sim::SimConfig;

use crate::support::bench::{Bench, assert_same, series};
use crate::support::databases::on_both_with_data;
use crate::support::recorded::{self, Series};

const MINUTE: i64 = 60_000;
const COARSER: [(&str, i64); 3] = [("5m", 5 * MINUTE), ("15m", 15 * MINUTE), ("1h", 60 * MINUTE)];

/// One folder's test.
struct Folder {
    name: &'static str,
    class: &'static str,
    base: &'static str,
    /// Timeframes computed from the recorded ones and compared with a roll-up made here.
    derived: &'static [(&'static str, i64)],
    /// Rows that its files have at least; fewer means that the comparison was empty.
    least: usize,
}

/// What the vendor is asked for: the file's own name, which carries the source.
fn ticker(folder: &Folder, file: &str) -> String {
    if folder.class == "crypto" { format!("X:{file}") } else { file.to_owned() }
}

/// Days with one trade far from all others, undone by the exchange or famous for its flash crash: Google on 2008-09-30 at
/// 0.01, bitcoin at Coinbase on 2017-04-15 at 0.06.
const ABSURD: [(&str, i64); 2] = [("GOOG.lean", 1_222_747_200_000), ("X:BTCUSD.lean-coinbase", 1_492_214_400_000)];

async fn replay(bench: &Bench, data: &Path, folder: Folder) {
    let files: BTreeMap<String, Series> = recorded::names(data, folder.name)
        .into_iter()
        .map(|file| (ticker(&folder, &file), recorded::read(data, &format!("{}/{file}", folder.name))))
        .collect();
    let first = files.values().filter_map(|rows| rows.keys().next()).min().unwrap();
    let last = files.values().filter_map(|rows| rows.keys().next_back()).max().unwrap();
    let (from, to) = (recorded::date(*first), recorded::date(*last));
    let timeframes: Vec<&str> = std::iter::once(folder.base).chain(folder.derived.iter().map(|(tf, _)| *tf)).collect();
    let timeframes = timeframes.join(",");
    let mut args: Vec<&str> = files.keys().map(String::as_str).collect();
    args.extend(["--asset-class", folder.class, "--timeframes", &timeframes, "--from", &from, "--to", &to]);

    let (code, summary) = bench.backfill(&args).await;
    let quarantined = summary["quarantined"].as_u64() > Some(0);
    assert_eq!((code, summary["gaps_left"].as_u64()), (i32::from(quarantined), Some(0)), "{summary}");
    let stored = bench.stored().await;
    let (mut compared, mut all) = (0, 0);
    let mut impossible = 0;
    for (symbol, rows) in &files {
        let (good, bad): (Series, Series) = rows
            .iter()
            .partition(|(t, values)| recorded::possible(values) && !ABSURD.contains(&(symbol.as_str(), **t)));
        impossible += bad.len() as u64;
        let mine = series(&stored, symbol, folder.base);
        assert_eq!(mine.len(), good.len(), "{symbol}: rows");
        for (t, want) in &good {
            assert_eq!(mine.get(t), Some(want), "{symbol} at {t}");
        }
        for (tf, width) in folder.derived {
            let wanted = recorded::roll_up(&good, *width);
            assert_same(&stored, symbol, tf, &wanted);
            all += wanted.len();
        }
        compared += good.len();
    }
    assert!(compared >= folder.least, "{compared} rows compared");
    assert_eq!(stored.len(), compared + all, "rows of no file");
    assert_eq!(summary["quarantined"].as_u64(), Some(impossible), "{summary}");
    bench.assert_settled(&args).await;
}

fn us_1m(data: &Path) -> SimConfig {
    SimConfig { replay: Some(recorded::only(data, "us_1m")), ..SimConfig::default() }
}

on_both_with_data!(us_minutes_and_what_they_make, us_1m);
async fn us_minutes_and_what_they_make(bench: Bench, data: PathBuf) {
    let folder = Folder { name: "us_1m", class: "stock", base: "1m", derived: &COARSER, least: 219_000 };
    replay(&bench, &data, folder).await;
}

fn us_15m(data: &Path) -> SimConfig {
    SimConfig { replay: Some(recorded::only(data, "us_15m")), ..SimConfig::default() }
}

on_both_with_data!(us_quarters_of_an_hour, us_15m);
async fn us_quarters_of_an_hour(bench: Bench, data: PathBuf) {
    let folder = Folder { name: "us_15m", class: "stock", base: "15m", derived: &[], least: 2_900 };
    replay(&bench, &data, folder).await;
}

fn us_1h(data: &Path) -> SimConfig {
    SimConfig { replay: Some(recorded::only(data, "us_1h")), ..SimConfig::default() }
}

on_both_with_data!(us_hours_over_two_decades, us_1h);
async fn us_hours_over_two_decades(bench: Bench, data: PathBuf) {
    let derived = &[("4h", 240 * MINUTE)];
    let folder = Folder { name: "us_1h", class: "stock", base: "1h", derived, least: 104_900 };
    replay(&bench, &data, folder).await;
}

fn us_1d(data: &Path) -> SimConfig {
    SimConfig { replay: Some(recorded::only(data, "us_1d")), ..SimConfig::default() }
}

on_both_with_data!(us_days_of_every_source, us_1d);
async fn us_days_of_every_source(bench: Bench, data: PathBuf) {
    let folder = Folder { name: "us_1d", class: "stock", base: "1d", derived: &[], least: 79_800 };
    replay(&bench, &data, folder).await;
}

fn crypto_1m(data: &Path) -> SimConfig {
    SimConfig { replay: Some(recorded::only(data, "crypto_1m")), ..SimConfig::default() }
}

on_both_with_data!(crypto_minutes_and_what_they_make, crypto_1m);
async fn crypto_minutes_and_what_they_make(bench: Bench, data: PathBuf) {
    let folder = Folder { name: "crypto_1m", class: "crypto", base: "1m", derived: &COARSER, least: 25_700 };
    replay(&bench, &data, folder).await;
}

fn crypto_1h(data: &Path) -> SimConfig {
    SimConfig { replay: Some(recorded::only(data, "crypto_1h")), ..SimConfig::default() }
}

on_both_with_data!(crypto_hours, crypto_1h);
async fn crypto_hours(bench: Bench, data: PathBuf) {
    let folder = Folder { name: "crypto_1h", class: "crypto", base: "1h", derived: &[], least: 733 };
    replay(&bench, &data, folder).await;
}

fn crypto_1d(data: &Path) -> SimConfig {
    let replay_source = Some("lean-coinbase".to_owned());
    SimConfig { replay: Some(recorded::only(data, "crypto_1d")), replay_source, ..SimConfig::default() }
}

on_both_with_data!(crypto_days, crypto_1d);
async fn crypto_days(bench: Bench, data: PathBuf) {
    let folder = Folder { name: "crypto_1d", class: "crypto", base: "1d", derived: &[], least: 1_317 };
    replay(&bench, &data, folder).await;
}

/// Writes a recording of its own into a directory under the bench's.
fn write(dir: &Path, name: &str, rows: &Series) {
    use std::io::Write as _;
    let path = dir.join(format!("{name}.csv.gz"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut gz = flate2::write::GzEncoder::new(std::fs::File::create(path).unwrap(), flate2::Compression::fast());
    writeln!(gz, "t_ms_utc,open,high,low,close,volume").unwrap();
    for (t, (o, h, l, c, v, ..)) in rows {
        writeln!(gz, "{t},{o},{h},{l},{c},{v}").unwrap();
    }
    gz.finish().unwrap();
}

/// Bars round the clock from Christmas Eve 2019 (an early close) over Christmas to the weekend after it, which no
/// calendar expects, and days on which the exchange is closed.
fn around_the_clock() -> (Series, Series) {
    let price = |k: i64| 100.0 + (k % 97) as f64 / 4.0;
    let bar = |k: i64| (price(k), price(k) + 1.0, price(k) - 1.0, price(k) + 0.5, 10.0 + k as f64, None, None);
    let start = 1_577_163_600_000; // 2019-12-24T05:00Z, midnight New York
    let minutes = (0..6 * 24 * 60).filter(|k| k % 7 == 0).map(|k| (start + k * MINUTE, bar(k))).collect();
    let days = (0..6).map(|k| (start + k * 1_440 * MINUTE, bar(k))).collect();
    (minutes, days)
}

/// A bar for a time at which the market is closed cannot be true; it is put aside and never lost.
#[tokio::test(flavor = "multi_thread")]
async fn bars_outside_the_calendar_are_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let (minutes, days) = around_the_clock();
    write(dir.path(), "us_1m/NIGHT.own", &minutes);
    write(dir.path(), "us_1d/NIGHT.own", &days);
    let bench = Bench::sqlite(SimConfig { replay: Some(dir.path().to_owned()), ..SimConfig::default() }).await;
    // As time goes on, so that what lies between two requests is asked too.
    for to in ["2019-12-24", "2019-12-26", "2019-12-29"] {
        let args = ["NIGHT", "--timeframes", "1m,1h,1d", "--from", "2019-12-24", "--to", to];
        let (code, summary) = bench.backfill(&args).await;
        let quarantined = summary["quarantined"].as_u64() > Some(0);
        assert_eq!((code, summary["gaps_left"].as_u64()), (i32::from(quarantined), Some(0)), "{summary}");
        bench.assert_settled(&args).await;
    }
    let stored = bench.stored().await;
    let open = |all: &Series, family: Family| -> Series {
        let range = Interval::new(Ts(*all.keys().next().unwrap()), Ts(all.keys().next_back().unwrap() + 1));
        let hours = Calendar::new().trading(AssetClass::Stock, family, range);
        all.iter().filter(|(t, _)| hours.contains(Ts(**t))).map(|(t, values)| (*t, *values)).collect()
    };
    let (sessions, traded) = (open(&days, Family::Day), open(&minutes, Family::Minute));
    assert!(!traded.is_empty() && sessions.len() == 3);
    assert_same(&stored, "NIGHT", "1m", &traded);
    assert_same(&stored, "NIGHT", "1h", &recorded::roll_up(&traded, 60 * MINUTE));
    assert_same(&stored, "NIGHT", "1d", &sessions);
    let aside = bench.count("SELECT CAST(count(*) AS bigint) FROM bar_quarantine").await;
    assert_eq!(aside as usize, minutes.len() - traded.len() + days.len() - sessions.len());
}
