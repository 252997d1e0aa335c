//! Recorded market data for tests. Where the directory is absent a test says what it leaves out, unless
//! `BARKEEP_REQUIRE_DATA=1` asks for failure.

use std::io::Read;
use std::path::PathBuf;

use super::{Bar, Ts};

/// The file at `path` inside the test data, or `None` after saying on stderr what is left out.
#[allow(clippy::disallowed_methods, reason = "tests are told where their data is by the environment")]
pub(crate) fn file(what: &str, path: &str) -> Option<Vec<u8>> {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    let dir = std::env::var_os("BARKEEP_TEST_DATA").map_or_else(default, PathBuf::from);
    if !dir.is_dir() {
        let required = std::env::var_os("BARKEEP_REQUIRE_DATA").is_some_and(|v| v == "1");
        assert!(!required, "no test data in {}", dir.display());
        eprintln!("LEFT OUT: {what} (no {})", dir.display());
        return None;
    }
    Some(std::fs::read(dir.join(path)).unwrap_or_else(|e| panic!("{path}: {e}")))
}

/// The bars of one recorded series, `us_1d/AAPL.lean` for example.
pub(crate) fn bars(what: &str, series: &str) -> Option<Vec<Bar>> {
    let packed = file(what, &format!("real/{series}.csv.gz"))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let bar = |row: csv::StringRecord| {
        let price = |k: usize| row[k].parse::<f64>().unwrap();
        Bar {
            ts: Ts(row[0].parse().unwrap()),
            open: price(1),
            high: price(2),
            low: price(3),
            close: price(4),
            volume: price(5),
            vwap: row.get(6).and_then(|v| v.parse().ok()),
            trades: row.get(7).and_then(|v| v.parse().ok()),
        }
    };
    Some(rows.records().map(|row| bar(row.unwrap())).collect())
}
