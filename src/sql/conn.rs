//! One connection of either dialect, and the values that go in.
//!
//! The dialects share one text for nearly every statement: `$1` placeholders, `ON CONFLICT`, the same names. What
//! differs is how a value is bound ([`Value`]), how a field is read back ([`super::field`]) and a few words of SQL
//! ([`Sql::two`]). So every operation is written once and cannot drift apart.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::TryStreamExt as _;
use rusqlite::types::Value as Plain;
use serde::Serialize;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Executor};
use strum::IntoStaticStr;
use uuid::Uuid;

use super::file::reader::{ReadRow, Reader};
use super::{Result, SeriesId, StoreError, fault};
use barkeep_market::{Symbol, Timeframe, Ts};

/// Longest silence of a PostgreSQL server within one statement. The server ends a statement itself after 30 s, so
/// reaching this means that the network swallows packets.
pub const SILENCE: Duration = Duration::from_secs(40);

/// Which database is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// `sqlite` or `postgres`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

/// The text of a statement in both dialects.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Sql {
    #[must_use]
    pub const fn same(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }

    #[must_use]
    pub const fn two(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }

    #[must_use]
    pub const fn text(self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        }
    }
}

/// Names the statements of a file and lists them, so that a test can prepare every one on both databases.
#[macro_export]
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* const $name: $crate::conn::Sql = $sql;)*
        pub(crate) const STATEMENTS: &[(&str, $crate::conn::Sql)] =
            &[$((concat!(module_path!(), "::", stringify!($name)), $name)),*];
    };
}
pub use crate::statements;

/// A parameter of a statement.
#[derive(Clone, Debug)]
pub enum Value {
    Int(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
    Flag(bool),
    Time(Option<Ts>),
    Id(Option<Uuid>),
    Date(Option<NaiveDate>),
    /// A set of keys: `= ANY($1)` in PostgreSQL, `IN (SELECT value FROM json_each($1))` in SQLite.
    Ints(Vec<i64>),
    /// A set of instants, used like [`Value::Ints`]. Sets of the same length are columns of rows: `unnest($1, $2)` in
    /// PostgreSQL, `json_each($1) AS i` with `$2 ->> i.key` in SQLite.
    Times(Vec<Option<Ts>>),
    /// Texts, used as a column like [`Value::Times`].
    Texts(Vec<Option<String>>),
    /// Numbers, used the same way.
    Reals(Vec<Option<f64>>),
}

/// Builds the parameter list of a statement.
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::conn::Value::from($value)),*] };
}
pub use crate::values;

macro_rules! value_from {
    ($($from:ty => |$v:ident| $value:expr;)*) => {
        $(impl From<$from> for Value { fn from($v: $from) -> Self { $value } })*
    };
}

value_from! {
    i64 => |v| Self::Int(Some(v));
    Option<i64> => |v| Self::Int(v);
    Option<u16> => |v| Self::Int(v.map(i64::from));
    u32 => |v| Self::Int(Some(i64::from(v)));
    f64 => |v| Self::Real(Some(v));
    Option<f64> => |v| Self::Real(v);
    &str => |v| Self::Text(Some(v.to_owned()));
    String => |v| Self::Text(Some(v));
    &String => |v| Self::Text(Some(v.clone()));
    &Option<String> => |v| Self::Text(v.clone());
    Option<String> => |v| Self::Text(v);
    bool => |v| Self::Flag(v);
    Ts => |v| Self::Time(Some(v));
    Option<Ts> => |v| Self::Time(v);
    Uuid => |v| Self::Id(Some(v));
    Option<Uuid> => |v| Self::Id(v);
    NaiveDate => |v| Self::Date(Some(v));
    Vec<i64> => |v| Self::Ints(v);
    Vec<Ts> => |v| Self::Times(v.into_iter().map(Some).collect());
    Vec<Option<Ts>> => |v| Self::Times(v);
    Vec<Option<String>> => |v| Self::Texts(v);
    Vec<Option<f64>> => |v| Self::Reals(v);
    Option<NaiveDate> => |v| Self::Date(v);
    SeriesId => |v| Self::Int(Some(v.0));
    &Symbol => |v| Self::Text(Some(v.as_str().to_owned()));
    Timeframe => |v| Self::Text(Some(v.name().to_owned()));
    Option<Timeframe> => |v| Self::Text(v.map(|t| t.name().to_owned()));
}

/// A count of rows as a `LIMIT`; all of them without one. Both databases take a number this large, SQLite no NULL.
pub fn limit(rows: impl Into<Option<usize>>) -> Value {
    Value::Int(Some(rows.into().and_then(|n| i64::try_from(n).ok()).unwrap_or(i64::MAX)))
}

type Bound = std::result::Result<(), sqlx::error::BoxDynError>;

/// As SQLite keeps it.
fn plain(value: &Value) -> Result<Plain> {
    fn json<T: Serialize>(items: &[T]) -> Result<Plain> {
        serde_json::to_string(items).map(Plain::Text).map_err(|e| StoreError::Refused(e.to_string()))
    }
    Ok(match value {
        Value::Int(v) => Plain::from(*v),
        Value::Real(v) => Plain::from(*v),
        Value::Text(v) => Plain::from(v.clone()),
        Value::Flag(v) => Plain::from(i64::from(*v)),
        Value::Time(v) => Plain::from(v.map(Ts::ms)),
        Value::Id(v) => Plain::from(v.map(|id| id.to_string())),
        Value::Date(v) => Plain::from(v.map(|date| date.to_string())),
        Value::Ints(v) => json(v)?,
        Value::Times(v) => json(&v.iter().map(|t| t.map(Ts::ms)).collect::<Vec<_>>())?,
        Value::Texts(v) => json(v)?,
        Value::Reals(v) => json(v)?,
    })
}

fn bind_sqlite(args: &mut SqliteArguments, value: Plain) -> Bound {
    match value {
        Plain::Null => args.add(None::<i64>),
        Plain::Integer(v) => args.add(v),
        Plain::Real(v) => args.add(v),
        Plain::Text(v) => args.add(v),
        Plain::Blob(v) => args.add(v),
    }
}

fn bind_postgres(args: &mut PgArguments, value: &Value) -> Bound {
    match value {
        Value::Int(v) => args.add(*v),
        Value::Real(v) => args.add(*v),
        Value::Text(v) => args.add(v.as_deref()),
        Value::Flag(v) => args.add(*v),
        Value::Time(v) => args.add(v.map(Ts::to_utc)),
        Value::Id(v) => args.add(*v),
        Value::Date(v) => args.add(*v),
        Value::Ints(v) => args.add(v.as_slice()),
        Value::Times(v) => args.add(v.iter().map(|t| t.map(Ts::to_utc)).collect::<Vec<Option<DateTime<Utc>>>>()),
        Value::Texts(v) => args.add(v.as_slice()),
        Value::Reals(v) => args.add(v.as_slice()),
    }
}

/// A row of either dialect.
pub enum Row {
    Sqlite(SqliteRow),
    Read(ReadRow),
    Postgres(PgRow),
}

/// A connection of either dialect, borrowed for some statements.
pub enum Conn<'a> {
    Sqlite(&'a mut SqliteConnection),
    /// To SQLite, and only reads.
    Reader(&'a mut Reader),
    Postgres(&'a mut PgConnection, Statements),
}

/// Whether a server keeps prepared statements for the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statements {
    /// Under a name of the session.
    Kept,
    /// Each is prepared anew: behind a pooler the session is another one after every transaction.
    Unnamed,
}

impl Conn<'_> {
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) | Self::Reader(_) => Dialect::Sqlite,
            Self::Postgres(..) => Dialect::Postgres,
        }
    }

    /// Runs a statement that returns nothing; says how many rows it touched.
    ///
    /// # Errors
    /// When a value cannot be encoded, or the database fails.
    pub async fn run(&mut self, sql: Sql, values: &[Value]) -> Result<u64> {
        match self {
            Self::Sqlite(conn) => {
                let query = sqlx::query_with(sql.sqlite, sqlite_arguments(values)?);
                Ok(conn.execute(query).await.map_err(fault::classify)?.rows_affected())
            }
            Self::Reader(reader) => reader.each(sql.sqlite.into(), plain_values(values)?, |_| Ok(())).await.map(|_| 0),
            Self::Postgres(conn, statements) => {
                let query = sqlx::query_with(sql.postgres, postgres_arguments(values)?);
                let query = query.persistent(*statements == Statements::Kept);
                Ok(answered(conn.execute(query)).await?.rows_affected())
            }
        }
    }

    /// Runs a query and fetches all its rows.
    ///
    /// # Errors
    /// When a value cannot be encoded, or the database fails.
    pub async fn rows(&mut self, sql: Sql, values: &[Value]) -> Result<Vec<Row>> {
        self.each(sql, values, Ok).await
    }

    /// Reads each row as it comes, and keeps none: a row as the database hands it out takes ten times the memory of what is
    /// made of it.
    ///
    /// # Errors
    /// When a value cannot be encoded, the database fails, or `read` refuses a row.
    pub async fn each<T>(&mut self, sql: Sql, values: &[Value], read: impl Fn(Row) -> Result<T>) -> Result<Vec<T>> {
        let mut all = Vec::new();
        match self {
            Self::Sqlite(conn) => {
                let query = sqlx::query_with(sql.sqlite, sqlite_arguments(values)?);
                let mut answer = conn.fetch(query);
                while let Some(row) = answer.try_next().await.map_err(fault::classify)? {
                    all.push(read(Row::Sqlite(row)));
                }
            }
            Self::Reader(reader) => {
                let values = plain_values(values)?;
                return reader.each(sql.sqlite.into(), values, |row| read(Row::Read(row))).await;
            }
            Self::Postgres(conn, statements) => {
                let query = sqlx::query_with(sql.postgres, postgres_arguments(values)?);
                let query = query.persistent(*statements == Statements::Kept);
                let mut answer = conn.fetch(query);
                answered(async {
                    while let Some(row) = answer.try_next().await? {
                        all.push(read(Row::Postgres(row)));
                    }
                    Ok(())
                })
                .await?;
            }
        }
        // Reads on after a bad row: the connection can be used again only once all rows have arrived.
        all.into_iter().collect()
    }

    /// Runs a query that is made of constants and has no parameters.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counted(&mut self, sql: &str) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(conn) => {
                let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut **conn).await;
                Ok(rows.map_err(fault::classify)?.into_iter().map(Row::Sqlite).collect())
            }
            Self::Reader(reader) => reader.each(sql.to_owned().into(), Vec::new(), |row| Ok(Row::Read(row))).await,
            Self::Postgres(conn, statements) => {
                let query = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(*statements == Statements::Kept);
                let rows = query.fetch_all(&mut **conn).await;
                Ok(rows.map_err(fault::classify)?.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Runs a bare command such as `COMMIT`, which is not prepared.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn command(&mut self, sql: Sql) -> Result<()> {
        match self {
            Self::Sqlite(conn) => conn.execute(AssertSqlSafe(sql.sqlite)).await.map(drop).map_err(fault::classify),
            Self::Reader(reader) => reader.each(sql.sqlite.into(), Vec::new(), |_| Ok(())).await.map(drop),
            Self::Postgres(conn, _) => answered(conn.execute(AssertSqlSafe(sql.postgres))).await.map(drop),
        }
    }
}

/// Waits for a server, but not for ever: a black hole sends neither an answer nor a reset. The connection of an
/// abandoned statement is never used again: the writer drops it, the pool tests it.
///
/// # Errors
/// What `work` fails with, or `Unreachable` when the server was silent for too long.
pub async fn answered<T>(work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    match tokio::time::timeout(SILENCE, work).await {
        Ok(result) => result.map_err(fault::classify),
        Err(_) => Err(StoreError::Unreachable(format!("no answer from PostgreSQL for {} s", SILENCE.as_secs()))),
    }
}

fn sqlite_arguments(values: &[Value]) -> Result<SqliteArguments> {
    let mut args = SqliteArguments::default();
    for value in values {
        bind_sqlite(&mut args, plain(value)?).map_err(|e| StoreError::Refused(e.to_string()))?;
    }
    Ok(args)
}

fn plain_values(values: &[Value]) -> Result<Vec<Plain>> {
    values.iter().map(plain).collect()
}

fn postgres_arguments(values: &[Value]) -> Result<PgArguments> {
    let mut args = PgArguments::default();
    values.iter().try_for_each(|v| bind_postgres(&mut args, v)).map_err(|e| StoreError::Refused(e.to_string()))?;
    Ok(args)
}
