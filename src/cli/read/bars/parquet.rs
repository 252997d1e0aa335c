//! Parquet through the low-level column writer: Arrow would add a dozen crates for one flat table.

use std::io::{Error, Result, Write};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::{Row, Sink};

/// `time` is UTC milliseconds, which pandas, polars and DuckDB read as a time.
const SCHEMA: &str = "message bars {
  required binary symbol (STRING);
  required binary timeframe (STRING);
  required int64 time (TIMESTAMP(MILLIS,true));
  required double open;
  required double high;
  required double low;
  required double close;
  required double volume;
  optional double vwap;
  optional int64 trades;
  required boolean provisional;
  required double quality_score;
  optional binary quality_notes (STRING);
}";

pub(super) struct ParquetSink(SerializedFileWriter<Box<dyn Write + Send>>);

fn io(e: parquet::errors::ParquetError) -> Error {
    match e {
        parquet::errors::ParquetError::External(inner) => {
            inner.downcast::<Error>().map_or_else(|other| Error::other(other.to_string()), |e| *e)
        }
        other => Error::other(other.to_string()),
    }
}

impl ParquetSink {
    pub(super) fn new(out: Box<dyn Write + Send>) -> Result<Self> {
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(io)?);
        let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
        Ok(Self(SerializedFileWriter::new(out, schema, properties).map_err(io)?))
    }
}

impl Sink for ParquetSink {
    /// One row group a page, its columns in the order of the schema.
    fn write(&mut self, rows: &[Row<'_>]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.0.next_row_group().map_err(io)?;
        column::<ByteArrayType>(&mut group, rows, |r| Some(ByteArray::from(r.symbol)))?;
        column::<ByteArrayType>(&mut group, rows, |r| Some(ByteArray::from(r.timeframe)))?;
        column::<Int64Type>(&mut group, rows, |r| Some(r.time.ms()))?;
        let prices: [fn(&Row<'_>) -> f64; 5] = [|r| r.open, |r| r.high, |r| r.low, |r| r.close, |r| r.volume];
        for price in prices {
            column::<DoubleType>(&mut group, rows, |r| Some(price(r)))?;
        }
        column::<DoubleType>(&mut group, rows, |r| r.vwap)?;
        column::<Int64Type>(&mut group, rows, |r| r.trades)?;
        column::<BoolType>(&mut group, rows, |r| Some(r.provisional))?;
        column::<DoubleType>(&mut group, rows, |r| Some(r.quality_score))?;
        column::<ByteArrayType>(&mut group, rows, |r| r.quality_notes.map(ByteArray::from))?;
        group.close().map_err(io)?;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let mut out = self.0.into_inner().map_err(io)?;
        out.flush()
    }
}

/// Writes the next column. Definition level 0 stands for an absent value; a required column has none.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Box<dyn Write + Send>>,
    rows: &[Row<'_>],
    value: impl Fn(&Row<'_>) -> Option<T::T>,
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
