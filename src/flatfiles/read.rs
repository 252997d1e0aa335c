//! The bars of the wanted tickers, in pieces of bounded size.

use std::collections::BTreeSet;
use std::io::{Read, Seek as _, SeekFrom};
use std::ops::ControlFlow;

use chrono::NaiveDate;
use csv::ByteRecord;

use crate::check::Checked;
use crate::download::Stored;
use crate::rows::{Columns, day, lines};
use barkeep_market::Bar;
use barkeep_vendor::Fault;

/// Rows that a piece holds before it is handed on: 1.6 MB, and at most one ticker's day more.
pub const BATCH_ROWS: usize = 20_000;

/// The minutes of one ticker, ascending, one per time.
#[derive(Clone, Debug, PartialEq)]
pub struct TickerBars {
    pub ticker: String,
    pub bars: Vec<Bar>,
}

/// Reads a checked file and hands on what it holds of the wanted tickers, piece by piece. It ends early when `sink` has
/// enough.
///
/// # Errors
/// When the file is no longer what was checked.
pub fn read(
    stored: &Stored,
    checked: &Checked,
    date: NaiveDate,
    wanted: &BTreeSet<String>,
    sink: impl FnMut(Vec<TickerBars>) -> ControlFlow<()>,
) -> Result<(), Fault> {
    let mut file = &stored.file;
    file.seek(SeekFrom::Start(0)).map_err(|e| Fault::malformed(format!("the file cannot be read again: {e}")))?;
    read_lines(file, checked, date, wanted, sink)
}

/// The same of any packed text.
pub(crate) fn read_lines(
    packed: impl Read,
    checked: &Checked,
    date: NaiveDate,
    wanted: &BTreeSet<String>,
    mut sink: impl FnMut(Vec<TickerBars>) -> ControlFlow<()>,
) -> Result<(), Fault> {
    let changed = |e: csv::Error| Fault::malformed(format!("the file has changed since it was checked: {e}"));
    let mut reader = lines(packed);
    let columns = Columns::of(reader.byte_headers().map_err(changed)?)?;
    let day = day(date);
    let (mut piece, mut held) = (Vec::new(), 0);
    let mut one: Option<TickerBars> = None;
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(changed)? {
        let Some(name) = columns.ticker(&record) else { continue };
        if one.as_ref().is_none_or(|one| one.ticker != name) {
            held += close(one.take(), &mut piece);
            if held >= BATCH_ROWS {
                held = 0;
                if sink(std::mem::take(&mut piece)).is_break() {
                    return Ok(());
                }
            }
            let is_wanted = wanted.contains(name) && !checked.left_out.contains(name);
            one = is_wanted.then(|| TickerBars { ticker: name.to_owned(), bars: Vec::new() });
        }
        if let Some((one, bar)) = one.as_mut().zip(columns.bar(&record, day)) {
            one.bars.push(bar);
        }
    }
    close(one, &mut piece);
    if !piece.is_empty() {
        // Whether there is enough is of no interest at the end.
        let _ = sink(piece);
    }
    Ok(())
}

/// Puts the bars of a ticker in order and into the piece; says how many they are.
fn close(one: Option<TickerBars>, piece: &mut Vec<TickerBars>) -> usize {
    let Some(mut one) = one.filter(|one| !one.bars.is_empty()) else { return 0 };
    one.bars.sort_by_key(|bar| bar.ts);
    one.bars.dedup_by_key(|bar| bar.ts);
    let rows = one.bars.len();
    piece.push(one);
    rows
}
