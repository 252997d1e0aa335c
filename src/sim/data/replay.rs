//! Recorded bars: `<folder>/<SYMBOL>.<source>.csv.gz` served as base and day bars, value for value.
//!
//! The directory is indexed and every header checked at the start; a file is read when it is first requested.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chrono::NaiveDate;
use flate2::read::MultiGzDecoder;

use crate::data::hours::{Hours, date_of, is_crypto, midnight};
use crate::data::source::{Bars, Row, Sink, Unreadable};
use crate::lock;
use barkeep_market::split::Split;
use barkeep_market::ts::{DAY, HOUR, MINUTE};

/// Folders with the width of their bars, finest first.
const FOLDERS: [(&str, bool, i64); 9] = [
    ("us_1m", false, MINUTE),
    ("us_5m", false, 5 * MINUTE),
    ("us_15m", false, 15 * MINUTE),
    ("us_1h", false, HOUR),
    ("us_1d", false, DAY),
    ("crypto_1m", true, MINUTE),
    ("crypto_5m", true, 5 * MINUTE),
    ("crypto_1h", true, HOUR),
    ("crypto_1d", true, DAY),
];
const SUFFIX: &str = ".csv.gz";
const HEADER: &str = "t_ms_utc,open,high,low,close,volume";

/// One recorded file.
#[derive(Clone, Debug)]
struct Recording {
    /// As in a URL: `AAPL`, `X:BTCUSD`.
    ticker: String,
    source: String,
    width: i64,
    path: PathBuf,
}

/// A directory of recordings.
pub(crate) struct Replay {
    hours: Hours,
    files: Vec<Recording>,
    preferred: Option<String>,
    splits: HashMap<String, Vec<Split>>,
    read: Mutex<HashMap<PathBuf, Arc<Vec<Row>>>>,
}

impl Replay {
    /// Indexes `dir`. The error says what is wrong with which file.
    pub(crate) fn open(
        dir: &Path,
        preferred: Option<String>,
        splits: HashMap<String, Vec<Split>>,
    ) -> Result<Self, Unreadable> {
        let mut files = Vec::new();
        for (folder, crypto, width) in FOLDERS {
            let folder = dir.join(folder);
            if !folder.is_dir() {
                continue;
            }
            let entries = folder.read_dir().map_err(|e| trouble(&folder, &e))?;
            for entry in entries {
                let path = entry.map_err(|e| trouble(&folder, &e))?.path();
                let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(SUFFIX));
                let Some((symbol, source)) = name.and_then(|name| name.rsplit_once('.')) else { continue };
                let ticker = if crypto { format!("X:{symbol}") } else { symbol.to_owned() };
                check_header(&path)?;
                files.push(Recording { ticker, source: source.to_owned(), width, path });
            }
        }
        if files.is_empty() {
            let wanted = FOLDERS.map(|(folder, ..)| folder).join(", ");
            return Err(Unreadable(format!(
                "no recordings <SYMBOL>.<source>{SUFFIX} in the folders {wanted} of {}",
                dir.display()
            )));
        }
        files.sort_by(|a, b| (&a.ticker, a.width, &a.source).cmp(&(&b.ticker, b.width, &b.source)));
        Ok(Self { hours: Hours::new(), files, preferred, splits, read: Mutex::default() })
    }

    /// The recording that stands for a ticker: the finest, of the preferred source if it is among them. `AAPL.polygon`
    /// names the source itself.
    fn find(&self, ticker: &str, daily: bool) -> Option<&Recording> {
        let of = |name: &str, source: Option<&str>| -> Option<&Recording> {
            let fits = |file: &&Recording| {
                file.ticker == name && (file.width == DAY) == daily && source.is_none_or(|source| source == file.source)
            };
            let finest = self.files.iter().find(fits)?;
            let peers = self.files.iter().filter(|file| fits(file) && file.width == finest.width);
            peers.into_iter().find(|file| Some(&file.source) == self.preferred.as_ref()).or(Some(finest))
        };
        of(ticker, None).or_else(|| {
            let (name, source) = ticker.rsplit_once('.')?;
            of(name, Some(source))
        })
    }

    fn rows(&self, file: &Recording) -> Result<Arc<Vec<Row>>, Unreadable> {
        if let Some(rows) = lock(&self.read).get(&file.path) {
            return Ok(Arc::clone(rows));
        }
        let rows = Arc::new(read(&file.path)?);
        lock(&self.read).insert(file.path.clone(), Arc::clone(&rows));
        Ok(rows)
    }
}

impl Bars for Replay {
    fn base_width(&self, ticker: &str) -> Option<i64> {
        self.find(ticker, false).map(|file| file.width)
    }

    fn base(&self, ticker: &str, from: i64, to: i64, sink: Sink<'_>) -> Result<(), Unreadable> {
        let Some(file) = self.find(ticker, false) else { return Ok(()) };
        let rows = self.rows(file)?;
        let first = rows.partition_point(|row| row.t < from);
        let _ = rows.iter().skip(first).take_while(|row| row.t < to).try_for_each(sink);
        Ok(())
    }

    fn day(&self, ticker: &str, date: NaiveDate, cutoff: i64) -> Result<Option<Row>, Unreadable> {
        let Some(file) = self.find(ticker, true) else { return Ok(None) };
        let crypto = is_crypto(ticker);
        // A recorded day is whole: it cannot be shown growing.
        if self.hours.day_ends(crypto, date) > cutoff {
            return Ok(None);
        }
        let rows = self.rows(file)?;
        let at = rows.binary_search_by_key(&midnight(crypto, date), |row| row.t);
        Ok(at.ok().and_then(|k| rows.get(k)).copied())
    }

    fn first_date(&self, ticker: &str) -> Option<NaiveDate> {
        let rows = self.rows(self.find(ticker, true)?).ok()?;
        rows.first().map(|row| date_of(is_crypto(ticker), row.t))
    }

    fn splits(&self, ticker: &str) -> Vec<Split> {
        let plain = ticker.rsplit_once('.').map_or(ticker, |(name, _)| name);
        self.splits.get(ticker).or_else(|| self.splits.get(plain)).cloned().unwrap_or_default()
    }

    fn universe(&self, crypto: bool) -> Vec<String> {
        let mut all: Vec<String> = self.files.iter().map(|file| file.ticker.clone()).collect();
        all.retain(|ticker| is_crypto(ticker) == crypto);
        all.dedup();
        all
    }
}

fn trouble(path: &Path, why: &dyn std::fmt::Display) -> Unreadable {
    Unreadable(format!("{}: {why}", path.display()))
}

fn lines(path: &Path) -> Result<impl Iterator<Item = std::io::Result<String>>, Unreadable> {
    let file = File::open(path).map_err(|e| trouble(path, &e))?;
    Ok(BufReader::new(MultiGzDecoder::new(file)).lines())
}

fn check_header(path: &Path) -> Result<(), Unreadable> {
    match lines(path)?.next() {
        Some(Ok(line)) if line.starts_with(HEADER) => Ok(()),
        Some(Ok(line)) => Err(trouble(path, &format!("the first line is '{line}' and not '{HEADER}'"))),
        Some(Err(e)) => Err(trouble(path, &e)),
        None => Err(trouble(path, &"empty")),
    }
}

/// Reads a file whole; of rows with the same time the last one counts.
fn read(path: &Path) -> Result<Vec<Row>, Unreadable> {
    let mut rows = Vec::new();
    for (k, line) in lines(path)?.enumerate().skip(1) {
        let line = line.map_err(|e| trouble(path, &e))?;
        rows.push(parse(&line).ok_or_else(|| trouble(path, &format!("line {}: '{line}' is not a bar", k + 1)))?);
    }
    rows.sort_by_key(|row: &Row| row.t);
    rows.reverse();
    rows.dedup_by_key(|row| row.t);
    rows.reverse();
    Ok(rows)
}

fn parse(line: &str) -> Option<Row> {
    let mut fields = line.trim_end().split(',');
    let t = fields.next()?.parse().ok()?;
    let mut number = || fields.next()?.parse::<f64>().ok();
    let (o, h, l, c, v) = (number()?, number()?, number()?, number()?, number()?);
    let (vw, n) = (number(), number());
    Some(Row { t, o, h, l, c, v, vw, n: n.map(|n| n as i64) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn write(dir: &Path, name: &str, text: &str) {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut gz = flate2::write::GzEncoder::new(File::create(path).unwrap(), flate2::Compression::fast());
        gz.write_all(text.as_bytes()).unwrap();
        gz.finish().unwrap();
    }

    #[test]
    fn the_finest_recording_of_the_preferred_source_is_found() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["us_1m/A.x", "us_1m/A.y", "us_5m/A.z", "us_1d/A.y", "us_1h/BRK.B.x", "crypto_1m/BTCUSD.x"] {
            write(dir.path(), &format!("{name}.csv.gz"), &format!("{HEADER}\n60000,1,2,0.5,1.5,{}\n", name.len()));
        }
        let replay = Replay::open(dir.path(), Some("y".into()), HashMap::new()).unwrap();
        let source = |ticker, daily| replay.find(ticker, daily).map(|file| (file.source.as_str(), file.width));
        assert_eq!(source("A", false), Some(("y", MINUTE)));
        assert_eq!(source("A.x", false), Some(("x", MINUTE)));
        assert_eq!(source("A.z", false), Some(("z", 5 * MINUTE)));
        assert_eq!(source("A", true), Some(("y", DAY)));
        assert_eq!(source("BRK.B", false), Some(("x", HOUR)));
        assert_eq!(source("X:BTCUSD", false), Some(("x", MINUTE)));
        assert_eq!(source("BTCUSD", false), None);
        assert_eq!(replay.universe(false), ["A", "BRK.B"]);
    }

    #[test]
    fn a_bad_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let why = |dir: &Path| Replay::open(dir, None, HashMap::new()).map(|_| ()).unwrap_err().0;
        assert!(why(dir.path()).contains("no recordings"));
        write(dir.path(), "us_1m/A.x.csv.gz", "time,price\n");
        assert!(why(dir.path()).contains("A.x.csv.gz: the first line"), "{}", why(dir.path()));
        std::fs::write(dir.path().join("us_1m/A.x.csv.gz"), "not gzip").unwrap();
        assert!(why(dir.path()).contains("A.x.csv.gz"));
    }

    #[test]
    fn of_equal_times_the_last_row_counts() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "a.csv.gz", &format!("{HEADER}\n2,1,1,1,1,1\n1,1,1,1,1,2\n2,1,1,1,1,3\n"));
        let volumes: Vec<f64> = read(&dir.path().join("a.csv.gz")).unwrap().iter().map(|row| row.v).collect();
        assert_eq!(volumes, [2.0, 3.0]);
    }
}
