//! A whole file, read once before anything of it is believed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};

use chrono::NaiveDate;
use csv::ByteRecord;
use md5::{Digest as _, Md5};

use crate::download::Stored;
use crate::rows::{Columns, day, lines};
use barkeep_market::Bar;
use barkeep_vendor::Fault;

/// More unreadable lines than this, and more than a share of all, are no slips: the file is something else.
const UNREADABLE: u64 = 5;
const UNREADABLE_SHARE: f64 = 0.03;

/// What a sound file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub rows: u64,
    pub tickers: usize,
    /// Tickers with a line that cannot be read, or a minute twice with different values: nothing of them is believed.
    pub left_out: BTreeSet<String>,
}

/// Reads a file to its end: it must be what the storage announced, unpack without a fault, end with a whole line and hold
/// each ticker's lines together.
///
/// # Errors
/// [`Class::Malformed`](barkeep_vendor::Class::Malformed) when the file is cut, damaged or something else.
pub fn check(stored: &Stored, date: NaiveDate) -> Result<Checked, Fault> {
    let mut file = &stored.file;
    file.seek(SeekFrom::Start(0)).map_err(|e| unreadable(&e))?;
    let mut sum = Summed { file, sum: Md5::new() };
    let checked = check_lines(&mut sum, date)?;
    // What may follow the packed text belongs to the file too.
    io::copy(&mut sum, &mut io::sink()).map_err(|e| unreadable(&e))?;
    let tag = stored.tag.trim_matches('"');
    // The tag of an object that was stored in parts is no sum of it.
    let is_sum = tag.len() == 32 && tag.bytes().all(|b| b.is_ascii_hexdigit());
    if is_sum {
        let mut own = String::with_capacity(32);
        for byte in sum.sum.finalize() {
            let _ = write!(own, "{byte:02x}");
        }
        if !own.eq_ignore_ascii_case(tag) {
            return Err(Fault::malformed("the file was damaged in transit: its checksum is not the one in its ETag"));
        }
    }
    Ok(checked)
}

struct Summed<'f> {
    file: &'f File,
    sum: Md5,
}

impl Read for Summed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.sum.update(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

/// The same of any packed text.
pub(crate) fn check_lines(packed: impl Read, date: NaiveDate) -> Result<Checked, Fault> {
    let mut reader = lines(packed);
    let columns = Columns::of(reader.byte_headers().map_err(|e| broken(&e))?)?;
    let day = day(date);
    let (mut checked, mut bad) = (Checked::default(), 0_u64);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut ticker = String::new();
    let mut of_ticker: Vec<Bar> = Vec::new();
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|e| broken(&e))? {
        checked.rows += 1;
        let Some(name) = columns.ticker(&record) else {
            bad += 1;
            continue;
        };
        if name != ticker {
            checked.left_out.extend(contradicts(&mut of_ticker).then(|| ticker.clone()));
            name.clone_into(&mut ticker);
            if !seen.insert(ticker.clone()) {
                return Err(Fault::malformed("the lines of the file are not sorted by ticker"));
            }
            of_ticker.clear();
        }
        if let Some(bar) = columns.bar(&record, day) {
            of_ticker.push(bar);
        } else {
            bad += 1;
            checked.left_out.insert(ticker.clone());
        }
    }
    checked.left_out.extend(contradicts(&mut of_ticker).then_some(ticker));
    if reader.get_ref().last.is_some_and(|last| last != b'\n') {
        return Err(Fault::malformed("the last line of the file is incomplete"));
    }
    if bad >= UNREADABLE && bad as f64 > checked.rows as f64 * UNREADABLE_SHARE {
        let rows = checked.rows;
        return Err(Fault::malformed(format!(
            "{bad} of {rows} lines of the file cannot be read or are of another day"
        )));
    }
    checked.tickers = seen.len();
    Ok(checked)
}

/// Whether a minute comes twice with different values.
fn contradicts(bars: &mut [Bar]) -> bool {
    bars.sort_by_key(|bar| bar.ts);
    bars.windows(2).any(|pair| matches!(pair, [a, b] if a.ts == b.ts && !a.same_values(b)))
}

fn broken(error: &csv::Error) -> Fault {
    Fault::malformed(format!("the file is truncated or damaged: {error}"))
}

fn unreadable(error: &io::Error) -> Fault {
    Fault::malformed(format!("the file cannot be read from the disk: {error}"))
}

#[cfg(test)]
mod tests;
