//! A file's lines: its columns by name, a line as a bar.

use std::io::{self, BufReader, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};
use flate2::read::MultiGzDecoder;

use barkeep_base::ts::MINUTE;
use barkeep_market::{AssetClass, Bar, Interval, Timeframe, Ts};
use barkeep_vendor::Fault;
use chrono::NaiveDate;

/// Nanoseconds of a millisecond.
const NANOS: i64 = 1_000_000;
const NAMES: [&str; 8] = ["ticker", "volume", "open", "close", "high", "low", "window_start", "transactions"];

/// Where each column of [`NAMES`] is in a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns([usize; 8]);

impl Columns {
    pub(crate) fn of(header: &ByteRecord) -> Result<Self, Fault> {
        let mut places = [0; 8];
        for (place, name) in places.iter_mut().zip(NAMES) {
            let found = header.iter().position(|column| column == name.as_bytes());
            *place = found.ok_or_else(|| Fault::malformed(format!("the file has no column {name}")))?;
        }
        Ok(Self(places))
    }

    fn text<'r>(&self, record: &'r ByteRecord, column: usize) -> Option<&'r str> {
        std::str::from_utf8(record.get(*self.0.get(column)?)?).ok()
    }

    /// The ticker of a line, if it has one.
    pub(crate) fn ticker<'r>(&self, record: &'r ByteRecord) -> Option<&'r str> {
        self.text(record, 0).filter(|ticker| !ticker.is_empty())
    }

    /// The bar of a line; `None` when it cannot be read, or is no minute of `day`.
    pub(crate) fn bar(&self, record: &ByteRecord, day: Interval) -> Option<Bar> {
        let number = |column| self.text(record, column)?.parse::<f64>().ok().filter(|n| n.is_finite());
        let nanos = self.text(record, 6)?.parse::<i64>().ok()?;
        let ts = Ts(nanos / NANOS);
        if nanos % (NANOS * MINUTE) != 0 || !day.contains(ts) {
            return None;
        }
        Some(Bar {
            ts,
            volume: number(1)?,
            open: number(2)?,
            close: number(3)?,
            high: number(4)?,
            low: number(5)?,
            // The files have none; an answer of the API fills it in.
            vwap: None,
            trades: Some(self.text(record, 7)?.parse().ok()?),
        })
    }
}

/// The day of New York that a file is of.
pub(crate) fn day(date: NaiveDate) -> Interval {
    Timeframe::D1.span(AssetClass::Stock, AssetClass::Stock.midnight(date))
}

/// Reads lines out of a compressed file.
pub(crate) fn lines<R: Read>(compressed: R) -> Reader<Unpacked<R>> {
    let unpacked = Unpacked { inner: MultiGzDecoder::new(BufReader::with_capacity(1 << 16, compressed)), last: None };
    // A line of another length is a line that cannot be read, not the end of the file.
    ReaderBuilder::new().flexible(true).buffer_capacity(1 << 16).from_reader(unpacked)
}

/// The unpacked text; remembers its last byte.
pub(crate) struct Unpacked<R> {
    inner: MultiGzDecoder<BufReader<R>>,
    pub(crate) last: Option<u8>,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.last = n.checked_sub(1).and_then(|k| buffer.get(k)).copied().or(self.last);
        Ok(n)
    }
}
