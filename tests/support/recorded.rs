//! Recorded files as the tests read them, and a roll-up that shares nothing with the one under test.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use barkeep::market::testing::candle;
use barkeep::market::{Bar, Ts};

use super::bench::Values;

/// One recorded series: the bars by their start.
pub type Series = BTreeMap<i64, Values>;

/// The directory of the recorded data. Without it these tests are ignored, so one that asks for it in vain fails.
pub fn dir() -> PathBuf {
    let named = std::env::var_os("BARKEEP_TEST_DATA").map(PathBuf::from);
    let dir = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    assert!(
        dir.join("real").is_dir(),
        "no recorded data in {}: set BARKEEP_TEST_DATA to their directory",
        dir.display()
    );
    dir
}

/// A recorded file under `real/`, such as `us_1m/AAPL.polygon`.
pub fn read(data: &Path, name: &str) -> Series {
    let path = data.join("real").join(format!("{name}.csv.gz"));
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|h| *h == name);
    let (vwap, trades) = (column("vwap"), column("trades"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let n = |k: usize| cells[k].parse::<f64>().unwrap();
            let optional = |k: Option<usize>| k.and_then(|k| cells.get(k)).filter(|c| !c.is_empty());
            let vwap = optional(vwap).map(|c| c.parse().unwrap());
            let trades = optional(trades).map(|c| c.parse::<f64>().unwrap() as i64);
            (cells[0].parse().unwrap(), (n(1), n(2), n(3), n(4), n(5), vwap, trades))
        })
        .collect()
}

/// The bars of a recorded file.
pub fn bars(data: &Path, name: &str) -> Vec<Bar> {
    let bar = |(ts, (open, high, low, close, volume, vwap, trades))| Bar {
        volume,
        vwap,
        trades,
        ..candle(Ts(ts), [open, high, low, close])
    };
    read(data, name).into_iter().map(bar).collect()
}

/// Names of a folder's files (`AAPL.polygon`), in order.
pub fn names(data: &Path, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(data.join("real").join(folder)).unwrap();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".csv.gz").map(str::to_owned))
        // Kept in its source's order with its duplicates: no vendor could serve it as it is.
        .filter(|name| !name.contains("as-stored"))
        .collect();
    names.sort();
    names
}

/// A directory with this folder alone, so that a ticker means its recording of this width and not a finer one.
pub fn only(data: &Path, folder: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("only-{folder}"));
    std::fs::create_dir_all(&dir).unwrap();
    let target = data.join("real").join(folder).canonicalize().unwrap();
    let link = dir.join(folder);
    if std::fs::read_link(&link).ok().as_ref() != Some(&target) {
        drop(std::fs::remove_file(&link));
        // Two cases of one binary may make it at the same time.
        drop(std::os::unix::fs::symlink(&target, &link));
    }
    assert!(link.is_dir(), "{}", link.display());
    dir
}

/// Whether a bar can be true, in the words of the specification: prices above zero and in order.
pub fn possible((o, h, l, c, v, ..): &Values) -> bool {
    [o, h, l, c].iter().all(|p| **p > 0.0) && *h >= o.max(*c) && *l <= o.min(*c) && *v >= 0.0
}

/// Bars of `width` milliseconds on the epoch grid, as the definition says and no faster.
pub fn roll_up(minutes: &Series, width: i64) -> Series {
    let mut groups: BTreeMap<i64, Vec<Values>> = BTreeMap::new();
    for (t, values) in minutes {
        groups.entry(t - t.rem_euclid(width)).or_default().push(*values);
    }
    groups.into_iter().map(|(t, bars)| (t, merged(&bars))).collect()
}

fn merged(bars: &[Values]) -> Values {
    let (first, last) = (bars[0], bars[bars.len() - 1]);
    let high = bars.iter().map(|b| b.1).fold(f64::MIN, f64::max);
    let low = bars.iter().map(|b| b.2).fold(f64::MAX, f64::min);
    let volume: f64 = bars.iter().map(|b| b.4).sum();
    let traded: Vec<&Values> = bars.iter().filter(|b| b.4 > 0.0).collect();
    let known = !traded.is_empty() && traded.iter().all(|b| b.5.is_some());
    let vwap = known.then(|| traded.iter().map(|b| b.4 * b.5.unwrap()).sum::<f64>() / volume);
    let trades = bars.iter().any(|b| b.6.is_some()).then(|| bars.iter().filter_map(|b| b.6).sum());
    (first.0, high, low, last.3, volume, vwap, trades)
}

/// Milliseconds as the date they fall on in UTC.
pub fn date(t: i64) -> String {
    chrono::DateTime::from_timestamp_millis(t).unwrap().date_naive().to_string()
}

/// The bars of some New York or UTC instants, `[from, to)` as RFC 3339.
pub fn between(series: &Series, from: &str, to: &str) -> Series {
    let ms = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
    series.range(ms(from)..ms(to)).map(|(t, values)| (*t, *values)).collect()
}
