//! Parquet through the low-level column writer: Arrow would add a dozen crates for flat tables.

use std::io::{Error, Result, Write};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

/// A column: its name, and how its values are read from a row.
pub(crate) struct Column<R> {
    pub(crate) name: &'static str,
    pub(crate) values: Values<R>,
}

type MayNumber<R> = dyn Fn(&R) -> Option<f64> + Send;
type MayText<R> = dyn Fn(&R) -> Option<&str> + Send;

/// UTC milliseconds become a time of pandas, polars and DuckDB. `May…` are columns that may be empty.
pub(crate) enum Values<R> {
    Time(fn(&R) -> i64),
    Number(fn(&R) -> f64),
    Flag(fn(&R) -> bool),
    Text(fn(&R) -> &str),
    MayNumber(Box<MayNumber<R>>),
    MayCount(fn(&R) -> Option<i64>),
    MayText(Box<MayText<R>>),
}

impl<R> Column<R> {
    fn schema(&self) -> String {
        let name = self.name;
        match self.values {
            Values::Time(_) => format!("required int64 {name} (TIMESTAMP(MILLIS,true));"),
            Values::Number(_) => format!("required double {name};"),
            Values::Flag(_) => format!("required boolean {name};"),
            Values::Text(_) => format!("required binary {name} (STRING);"),
            Values::MayNumber(_) => format!("optional double {name};"),
            Values::MayCount(_) => format!("optional int64 {name};"),
            Values::MayText(_) => format!("optional binary {name} (STRING);"),
        }
    }
}

/// A table that is being written.
pub(crate) struct Table<W: Write + Send>(SerializedFileWriter<W>);

impl<W: Write + Send> Table<W> {
    pub(crate) fn new<R>(out: W, columns: &[Column<R>]) -> Result<Self> {
        let all: Vec<String> = columns.iter().map(Column::schema).collect();
        let schema = parse_message_type(&format!("message bars {{ {} }}", all.join(" "))).map_err(io)?;
        let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
        Ok(Self(SerializedFileWriter::new(out, Arc::new(schema), properties).map_err(io)?))
    }

    /// Adds rows as one row group. The columns are those the table was made with.
    pub(crate) fn write<R>(&mut self, rows: &[R], columns: &[Column<R>]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.0.next_row_group().map_err(io)?;
        for column in columns {
            match &column.values {
                Values::Time(of) => put::<Int64Type, R, W>(&mut group, rows, |r| Some(of(r))),
                Values::Number(of) => put::<DoubleType, R, W>(&mut group, rows, |r| Some(of(r))),
                Values::Flag(of) => put::<BoolType, R, W>(&mut group, rows, |r| Some(of(r))),
                Values::Text(of) => put::<ByteArrayType, R, W>(&mut group, rows, |r| Some(ByteArray::from(of(r)))),
                Values::MayNumber(of) => put::<DoubleType, R, W>(&mut group, rows, of),
                Values::MayCount(of) => put::<Int64Type, R, W>(&mut group, rows, of),
                Values::MayText(of) => put::<ByteArrayType, R, W>(&mut group, rows, |r| of(r).map(ByteArray::from)),
            }?;
        }
        group.close().map_err(io)?;
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<W> {
        let mut out = self.0.into_inner().map_err(io)?;
        out.flush().map(|()| out)
    }
}

fn io(e: parquet::errors::ParquetError) -> Error {
    match e {
        parquet::errors::ParquetError::External(inner) => {
            inner.downcast::<Error>().map_or_else(|other| Error::other(other.to_string()), |e| *e)
        }
        other => Error::other(other.to_string()),
    }
}

/// Writes the next column. Definition level 0 stands for an absent value; a required column has none.
fn put<T: DataType, R, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[R],
    value: impl Fn(&R) -> Option<T::T>,
) -> Result<()> {
    let mut values: Vec<T::T> = Vec::with_capacity(rows.len());
    let mut present: Vec<i16> = Vec::with_capacity(rows.len());
    for row in rows {
        let value = value(row);
        present.push(i16::from(value.is_some()));
        values.extend(value);
    }
    let mut writer =
        group.next_column().map_err(io)?.ok_or_else(|| Error::other("more columns than the schema has"))?;
    writer.typed::<T>().write_batch(&values, Some(&present), None).map_err(io)?;
    writer.close().map_err(io)
}
