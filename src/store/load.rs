//! Many rows into one table: binary COPY in PostgreSQL, many rows per prepared statement in SQLite.
//!
//! Measured through sqlx with 50,000 bars: one prepared row at a time takes ten times as long as statements of
//! thousands of rows, because each statement is a round trip to SQLite's thread.

use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Executor};

use super::conn::{Conn, answered};
use super::postgres::Encoder;
use super::{Result, StoreError, fault};
use crate::market::Ts;

/// Where rows go.
pub(super) struct Table {
    /// `bars (series_id, ts, …)`: the columns in the order [`Put`] writes them.
    pub(super) into: &'static str,
    pub(super) columns: i16,
    /// What SQLite does when the key exists; PostgreSQL deletes such rows first.
    pub(super) conflict: &'static str,
}

/// Rows per SQLite statement. A few fixed sizes, so that each statement is prepared once and found again. Sizes that
/// would need more than [`PARAMETERS`] are passed over.
const CHUNKS: [usize; 5] = [2_048, 256, 32, 4, 1];

/// SQLite's limit for one statement.
const PARAMETERS: usize = 32_766;

/// Bytes gathered before they are sent to PostgreSQL.
const BATCH: usize = 1 << 18;

/// One row's values, in either dialect.
pub(super) enum Sink<'a> {
    Sqlite(&'a mut SqliteArguments),
    Postgres(&'a mut Encoder),
}

type Put = std::result::Result<(), sqlx::error::BoxDynError>;

impl Sink<'_> {
    pub(super) fn int(&mut self, v: Option<i64>) -> Put {
        match self {
            Self::Sqlite(args) => args.add(v),
            Self::Postgres(e) => {
                e.int(v);
                Ok(())
            }
        }
    }

    pub(super) fn real(&mut self, v: Option<f64>) -> Put {
        match self {
            Self::Sqlite(args) => args.add(v),
            Self::Postgres(e) => {
                e.real(v);
                Ok(())
            }
        }
    }

    pub(super) fn flag(&mut self, v: bool) -> Put {
        match self {
            Self::Sqlite(args) => args.add(i64::from(v)),
            Self::Postgres(e) => {
                e.flag(v);
                Ok(())
            }
        }
    }

    pub(super) fn text(&mut self, v: Option<&str>) -> Put {
        match self {
            Self::Sqlite(args) => args.add(v.map(str::to_owned)),
            Self::Postgres(e) => {
                e.text(v);
                Ok(())
            }
        }
    }

    pub(super) fn time(&mut self, v: Ts) -> Put {
        match self {
            Self::Sqlite(args) => args.add(v.ms()),
            Self::Postgres(e) => {
                e.time(v);
                Ok(())
            }
        }
    }
}

/// Writes `rows`; `put` writes one of them, exactly `table.columns` values.
pub(super) async fn load<T: Sync>(
    conn: &mut Conn<'_>,
    table: &Table,
    rows: &[T],
    put: impl Fn(&mut Sink<'_>, &T) -> Put + Send + Sync,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let refused = |e: sqlx::error::BoxDynError| StoreError::Refused(e.to_string());
    match conn {
        Conn::Sqlite(conn) => {
            let columns = usize::from(table.columns.unsigned_abs());
            let mut rest = rows;
            for size in CHUNKS {
                if rest.len() < size || size * columns > PARAMETERS {
                    continue;
                }
                let row = format!("({})", vec!["?"; columns].join(", "));
                let sql =
                    format!("INSERT INTO {} VALUES {} {}", table.into, vec![row; size].join(", "), table.conflict);
                while let Some((chunk, after)) = rest.split_at_checked(size) {
                    let mut args = SqliteArguments::default();
                    args.reserve(size * columns, 0);
                    chunk.iter().try_for_each(|r| put(&mut Sink::Sqlite(&mut args), r)).map_err(refused)?;
                    // Safe: the text is made of constants.
                    let query = sqlx::query_with(AssertSqlSafe(sql.as_str()), args);
                    conn.execute(query).await.map_err(fault::classify)?;
                    rest = after;
                }
            }
        }
        Conn::Postgres(conn) => {
            let sql = format!("COPY {} FROM STDIN WITH (FORMAT binary)", table.into);
            let mut copy = answered(conn.copy_in_raw(&sql)).await?;
            let mut encoder = Encoder::new();
            for row in rows {
                encoder.row(table.columns);
                put(&mut Sink::Postgres(&mut encoder), row).map_err(refused)?;
                if encoder.len() >= BATCH {
                    answered(copy.send(encoder.take())).await?;
                }
            }
            answered(copy.send(encoder.finish())).await?;
            answered(copy.finish()).await?;
        }
    }
    Ok(())
}
