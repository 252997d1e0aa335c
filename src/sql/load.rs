//! Many rows into one table: binary COPY in PostgreSQL, many rows per prepared statement in SQLite.
//!
//! Measured through sqlx with 50,000 bars: one prepared row at a time takes ten times as long as statements of
//! a thousand rows, because each statement is a round trip to SQLite's thread.

use std::sync::Arc;

use futures_util::future::join;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Executor};

use super::conn::{Conn, answered};
use super::copy::Encoder;
use super::{Result, StoreError, fault};
use barkeep_market::Ts;

/// Where rows go.
pub struct LoadTable {
    /// `bars (series_id, ts, …)`: the columns in the order [`Put`] writes them.
    pub into: &'static str,
    pub columns: i16,
    /// What SQLite does when the key exists; PostgreSQL deletes such rows first.
    pub conflict: &'static str,
}

/// Rows of a full SQLite statement. One size, so that the statement is prepared once and found again.
const ROWS: usize = 1_024;

/// Places of the statements that take as many rows as they are told: what is left behind full ones goes into one of
/// these. Measured: 17 % slower than full ones by the row, but each statement costs a round trip to SQLite's thread.
const PLACES: [usize; 2] = [32, ROWS];

/// Bytes gathered before they are sent to PostgreSQL.
const BATCH: usize = 1 << 18;

/// One row's values, in either dialect.
pub enum Sink<'a> {
    Sqlite(&'a mut SqliteArguments),
    Postgres(&'a mut Encoder),
}

/// Whether a value could be encoded.
pub type Put = std::result::Result<(), sqlx::error::BoxDynError>;

impl Sink<'_> {
    /// An integer, or NULL.
    ///
    /// # Errors
    /// When SQLite's driver cannot encode the value.
    pub fn int(&mut self, v: Option<i64>) -> Put {
        match self {
            Self::Sqlite(args) => args.add(v),
            Self::Postgres(e) => {
                e.int(v);
                Ok(())
            }
        }
    }

    /// A `SMALLINT`.
    ///
    /// # Errors
    /// When SQLite's driver cannot encode the value.
    pub fn small(&mut self, v: i16) -> Put {
        match self {
            Self::Sqlite(args) => args.add(i64::from(v)),
            Self::Postgres(e) => {
                e.small(v);
                Ok(())
            }
        }
    }

    /// A float, or NULL.
    ///
    /// # Errors
    /// When SQLite's driver cannot encode the value.
    pub fn real(&mut self, v: Option<f64>) -> Put {
        match self {
            Self::Sqlite(args) => args.add(v),
            Self::Postgres(e) => {
                e.real(v);
                Ok(())
            }
        }
    }

    /// A boolean.
    ///
    /// # Errors
    /// When SQLite's driver cannot encode the value.
    pub fn flag(&mut self, v: bool) -> Put {
        match self {
            Self::Sqlite(args) => args.add(i64::from(v)),
            Self::Postgres(e) => {
                e.flag(v);
                Ok(())
            }
        }
    }

    /// A text, or NULL.
    ///
    /// # Errors
    /// When SQLite's driver cannot encode the value.
    pub fn text(&mut self, v: Option<&str>) -> Put {
        match self {
            Self::Sqlite(args) => args.add(v.map(str::to_owned)),
            Self::Postgres(e) => {
                e.text(v);
                Ok(())
            }
        }
    }

    /// A time: milliseconds in SQLite, a timestamp in PostgreSQL.
    ///
    /// # Errors
    /// When SQLite's driver cannot encode the value.
    pub fn time(&mut self, v: Ts) -> Put {
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
///
/// While the database works on one piece the next one is encoded: SQLite has a thread of its own, PostgreSQL a process.
///
/// # Errors
/// When a value cannot be encoded, or the database fails.
pub async fn load<T: Sync>(
    conn: &mut Conn<'_>,
    table: &LoadTable,
    rows: &[T],
    put: impl Fn(&mut Sink<'_>, &T) -> Put + Send + Sync,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    match conn {
        Conn::Sqlite(conn) => {
            let columns = usize::from(table.columns.unsigned_abs());
            let full: Option<Arc<str>> = (rows.len() >= ROWS).then(|| full(table).into());
            let mut rest = rows;
            let mut next = || {
                if rest.is_empty() {
                    return None;
                }
                let (chunk, after) = rest.split_at(rest.len().min(ROWS));
                rest = after;
                let mut args = SqliteArguments::default();
                args.reserve(chunk.len() * columns + 1, 0);
                let (sql, told) = match &full {
                    Some(full) if chunk.len() == ROWS => (Arc::clone(full), Ok(())),
                    _ => {
                        let places = PLACES.into_iter().find(|places| chunk.len() <= *places).unwrap_or(ROWS);
                        (part(table, places).into(), args.add(chunk.len() as i64))
                    }
                };
                let mut rows = chunk.iter();
                let encoded = told.and_then(|()| rows.try_for_each(|row| put(&mut Sink::Sqlite(&mut args), row)));
                Some(encoded.map(|()| (sql, args)).map_err(refused))
            };
            let mut piece = next();
            while let Some(encoded) = piece {
                let (sql, args) = encoded?;
                // Safe: the text is made of constants.
                let query = sqlx::query_with(AssertSqlSafe(sql), args);
                let (done, following) = join(conn.execute(query), async { next() }).await;
                done.map_err(fault::classify)?;
                piece = following;
            }
        }
        Conn::Reader(_) => return Err(StoreError::Refused("this connection only reads".into())),
        Conn::Postgres(conn, _) => {
            let sql = format!("COPY {} FROM STDIN WITH (FORMAT binary)", table.into);
            let mut copy = answered(conn.copy_in_raw(&sql)).await?;
            let mut encoder = Encoder::new();
            let mut rows = rows.iter();
            let mut next = || {
                for row in rows.by_ref() {
                    encoder.row(table.columns);
                    put(&mut Sink::Postgres(&mut encoder), row).map_err(refused)?;
                    if encoder.len() >= BATCH {
                        return Ok((encoder.take(), false));
                    }
                }
                Ok((encoder.end(), true))
            };
            let (mut piece, mut last) = next()?;
            while !last {
                let (sent, following) = join(answered(copy.send(piece)), async { next() }).await;
                sent?;
                (piece, last) = following?;
            }
            answered(copy.send(piece)).await?;
            answered(copy.finish()).await?;
        }
    }
    Ok(())
}

#[allow(clippy::needless_pass_by_value, reason = "the signature map_err asks for")]
fn refused(error: sqlx::error::BoxDynError) -> StoreError {
    StoreError::Refused(error.to_string())
}

/// SQLite's statement for [`ROWS`] rows.
fn full(table: &LoadTable) -> String {
    format!("INSERT INTO {} {} {}", table.into, values(table, ROWS), table.conflict)
}

/// SQLite's statement for as many rows as its first value says, at most `places`. Values that are not bound are NULL.
fn part(table: &LoadTable, places: usize) -> String {
    format!(
        "WITH taken (n) AS (VALUES (?)) INSERT INTO {} SELECT * FROM ({}) WHERE TRUE LIMIT (SELECT n FROM taken) {}",
        table.into,
        values(table, places),
        table.conflict
    )
}

/// SQLite looks a statement up by its text, so that is short.
fn values(table: &LoadTable, rows: usize) -> String {
    let row = format!("({})", vec!["?"; usize::from(table.columns.unsigned_abs())].join(","));
    format!("VALUES {}", vec![row; rows].join(","))
}
