//! Rows on their way from SQLite's thread: plain values, and their texts one after the other.

use std::sync::Arc;

use rusqlite::types::{FromSql, ValueRef};

use crate::{Result, StoreError, fault};

/// Rows of a batch.
pub(super) const ROWS: usize = 256;
/// Bytes of text after which a batch is handed over, however few rows it has.
const TEXT: usize = 1 << 20;

/// A value of a row; a text is a piece of its batch.
#[derive(Clone, Copy)]
enum Cell {
    Null,
    Int(i64),
    Real(f64),
    Text { start: u32, len: u32 },
    Blob { start: u32, len: u32 },
}

/// Some rows, one after the other.
#[derive(Default)]
pub(super) struct Batch {
    cells: Vec<Cell>,
    text: Vec<u8>,
    columns: usize,
    rows: usize,
}

impl Batch {
    pub(super) fn push(&mut self, row: &rusqlite::Row<'_>, columns: usize) -> Result<()> {
        self.columns = columns;
        for at in 0..columns {
            let cell = match row.get_ref(at).map_err(fault::of_file)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(value) => Cell::Int(value),
                ValueRef::Real(value) => Cell::Real(value),
                ValueRef::Text(bytes) => {
                    let (start, len) = self.put(bytes)?;
                    Cell::Text { start, len }
                }
                ValueRef::Blob(bytes) => {
                    let (start, len) = self.put(bytes)?;
                    Cell::Blob { start, len }
                }
            };
            self.cells.push(cell);
        }
        self.rows += 1;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(u32, u32)> {
        let place = (u32::try_from(self.text.len()), u32::try_from(bytes.len()));
        let (Ok(start), Ok(len)) = place else {
            return Err(StoreError::Unusable("it holds a row of more than 4 GiB".into()));
        };
        self.text.extend_from_slice(bytes);
        Ok((start, len))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    pub(super) const fn is_full(&self) -> bool {
        self.rows >= ROWS || self.text.len() >= TEXT
    }

    fn piece(&self, start: u32, len: u32) -> &[u8] {
        let start = start as usize;
        self.text.get(start..start + len as usize).unwrap_or_default()
    }
}

/// A row that was read.
#[derive(Clone)]
pub struct ReadRow {
    batch: Arc<Batch>,
    at: usize,
}

impl ReadRow {
    /// The rows of a batch.
    pub(super) fn all(batch: &Arc<Batch>) -> impl Iterator<Item = Self> {
        (0..batch.rows).map(|at| Self { batch: Arc::clone(batch), at })
    }

    /// The value of the column at this place, counted from 0.
    pub(crate) fn get<T: FromSql>(&self, at: usize) -> Result<T> {
        let cell = self.batch.cells.get(self.at * self.batch.columns + at).filter(|_| at < self.batch.columns);
        let value = match cell {
            Some(Cell::Null) => ValueRef::Null,
            Some(Cell::Int(value)) => ValueRef::Integer(*value),
            Some(Cell::Real(value)) => ValueRef::Real(*value),
            Some(Cell::Text { start, len }) => ValueRef::Text(self.batch.piece(*start, *len)),
            Some(Cell::Blob { start, len }) => ValueRef::Blob(self.batch.piece(*start, *len)),
            None => return Err(StoreError::Refused(format!("the query has no column {at}"))),
        };
        let unusable = |e| StoreError::Unusable(format!("it holds a value that cannot be read: column {at}: {e}"));
        T::column_result(value).map_err(unusable)
    }
}
