//! Real recorded bars, replayed over HTTP into both databases and compared row by row.
//!
//! The data are read in place from `BARKEEP_TEST_DATA` (default `../shared/data`); without them the suite says what it
//! left out, and with `BARKEEP_REQUIRE_DATA=1` it fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helper functions too"
)]

mod support;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use barkeep::sim::SimConfig;
use support::bench::{Bars, Bench, Values};
use support::on_both_with_data;

/// Bars of one recorded file, in the file's own order of columns.
fn recorded(path: &Path) -> BTreeMap<i64, Values> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|h| *h == name);
    let (vwap, trades) = (column("vwap"), column("trades"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let n = |k: usize| cells[k].parse::<f64>().unwrap();
            let optional = |k: Option<usize>| k.and_then(|k| cells.get(k)).filter(|c| !c.is_empty());
            let values = (
                n(1),
                n(2),
                n(3),
                n(4),
                n(5),
                optional(vwap).map(|c| c.parse().unwrap()),
                optional(trades).map(|c| c.parse::<f64>().unwrap() as i64),
            );
            (cells[0].parse().unwrap(), values)
        })
        .collect()
}

/// Whether a bar can be true, in the words of the specification: prices above zero and in order.
fn possible((o, h, l, c, v, ..): &Values) -> bool {
    [o, h, l, c].iter().all(|p| **p > 0.0) && *h >= o.max(*c) && *l <= o.min(*c) && *v >= 0.0
}

/// Files of a folder as (symbol to ask, path).
fn files(data: &Path, folder: &str) -> Vec<(String, PathBuf)> {
    let mut all: Vec<(String, PathBuf)> = std::fs::read_dir(data.join("real").join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".csv.gz"))
        // Kept in its source's order with its duplicates: no vendor could serve it as it is.
        .filter(|path| !path.to_string_lossy().contains("as-stored"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().replace(".csv.gz", ""), path))
        .collect();
    all.sort();
    all
}

fn of<'a>(stored: &'a Bars, symbol: &str, tf: &str) -> BTreeMap<i64, &'a Values> {
    stored.iter().filter(|((s, t, _), _)| s == symbol && t == tf).map(|((_, _, t), v)| (*t, v)).collect()
}

/// Stores every file of a folder through the real binary and compares all rows. Returns how many rows were compared.
async fn replay(bench: &Bench, data: &Path, folder: &str, tf: &str, class: &str) -> usize {
    let mut compared = 0;
    for (name, path) in files(data, folder) {
        let symbol = if class == "crypto" { format!("X:{}", name.split('.').next().unwrap()) } else { name.clone() };
        let all = recorded(&path);
        let day = |t: &i64| chrono::DateTime::from_timestamp_millis(*t).unwrap().date_naive().to_string();
        let (from, to) = (day(all.keys().next().unwrap()), day(all.keys().last().unwrap()));
        let args = [&symbol, "--asset-class", class, "--timeframes", tf, "--from", &from, "--to", &to];
        let (code, summary) = bench.backfill(&args).await;
        assert_eq!(code, 0, "{name}: {summary}");
        let (good, bad): (BTreeMap<i64, Values>, BTreeMap<i64, Values>) =
            all.into_iter().partition(|(_, v)| possible(v));
        assert_eq!(summary["quarantined"].as_u64(), Some(bad.len() as u64), "{name}: {summary}");
        let stored = bench.stored().await;
        let mine = of(&stored, &symbol, tf);
        assert_eq!(mine.len(), good.len(), "{name}: rows");
        for (t, want) in &good {
            assert_eq!(mine.get(t), Some(&want), "{name} at {t}");
        }
        compared += good.len();
    }
    compared
}

fn serving(data: &Path) -> SimConfig {
    SimConfig { replay: Some(data.join("real")), ..SimConfig::default() }
}

on_both_with_data!(us_days_of_every_source, serving);
async fn us_days_of_every_source(bench: Bench, data: PathBuf) {
    let compared = replay(&bench, &data, "us_1d", "1d", "stock").await;
    assert!(compared > 60_000, "{compared} rows compared");
}

on_both_with_data!(us_minutes_of_every_source, serving);
async fn us_minutes_of_every_source(bench: Bench, data: PathBuf) {
    let compared = replay(&bench, &data, "us_1m", "1m", "stock").await;
    assert!(compared > 200_000, "{compared} rows compared");
}

on_both_with_data!(us_hours_over_two_decades, serving);
async fn us_hours_over_two_decades(bench: Bench, data: PathBuf) {
    let compared = replay(&bench, &data, "us_1h", "1h", "stock").await;
    assert!(compared > 100_000, "{compared} rows compared");
}
