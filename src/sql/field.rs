//! Reading rows: fields in order, each as the type it is stored into.
//!
//! `SymbolRow { symbol: f.next()?, asset_class: f.next()?, … }` reads the columns in the order of the `SELECT`. A value
//! that cannot be what the type wants means that somebody else wrote it, so it makes the database unusable rather than
//! being guessed at.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::Row as _;
use uuid::Uuid;

use super::conn::{Conn, Row, Sql, Value};
use super::fault;
use barkeep_base::text::printable;
use barkeep_config::policy::Severity;
use barkeep_market::evidence::Part;
use barkeep_market::freshness::Tier;
use barkeep_market::{AssetClass, Criticality, Source, Symbol, Timeframe, Ts};
use barkeep_records::{
    CoverageState, CriticalitySource, ExecutionStatus, KeyRole, ListingState, RequestPurpose, Result, SeriesId,
    SeriesRunState, SplitStatus, StoreError, Trigger, Verdict,
};

/// A type that a column can be read as.
pub trait Field: Sized {
    /// The value of the column at this place, counted from 0.
    ///
    /// # Errors
    /// `Unusable` when the column holds nothing that this type can be.
    fn read(row: &Row, at: usize) -> Result<Self>;
}

/// The fields of one row, left to right.
pub struct Fields<'r> {
    row: &'r Row,
    at: usize,
}

impl<'r> Fields<'r> {
    pub const fn of(row: &'r Row) -> Self {
        Self { row, at: 0 }
    }

    /// The value of the next column.
    ///
    /// # Errors
    /// `Unusable` when the column holds nothing that this type can be.
    #[allow(clippy::should_implement_trait, reason = "each field has a type of its own")]
    pub fn next<T: Field>(&mut self) -> Result<T> {
        let at = self.at;
        self.at += 1;
        T::read(self.row, at)
    }
}

/// Runs a query and reads each row as it comes, by the same rule.
///
/// # Errors
/// When the database fails, or a row cannot be read.
pub async fn each<T>(
    conn: &mut Conn<'_>,
    sql: Sql,
    values: &[Value],
    read: impl Fn(&mut Fields<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    conn.each(sql, values, |row| read(&mut Fields::of(&row))).await
}

/// Reads every row by the same rule.
///
/// # Errors
/// With the first row that cannot be read.
pub fn collect<T>(rows: &[Row], read: impl Fn(&mut Fields<'_>) -> Result<T>) -> Result<Vec<T>> {
    rows.iter().map(|row| read(&mut Fields::of(row))).collect()
}

/// The first field of every row.
///
/// # Errors
/// With the first row that cannot be read.
pub fn column<T: Field>(rows: &[Row]) -> Result<Vec<T>> {
    rows.iter().map(|row| T::read(row, 0)).collect()
}

/// Types both dialects store as they are.
macro_rules! plain {
    ($($t:ty),*) => {$(
        impl Field for $t {
            fn read(row: &Row, at: usize) -> Result<Self> {
                match row {
                    Row::Sqlite(r) => r.try_get(at).map_err(fault::classify),
                    Row::Read(r) => r.get(at),
                    Row::Postgres(r) => r.try_get(at).map_err(fault::classify),
                }
            }
        }
    )*};
}
plain!(i64, Option<i64>, f64, Option<f64>, bool, String, Option<String>);

impl Field for Option<Ts> {
    fn read(row: &Row, at: usize) -> Result<Self> {
        match row {
            Row::Sqlite(_) | Row::Read(_) => Option::<i64>::read(row, at).map(|t| t.map(Ts)),
            Row::Postgres(r) => {
                let read = r.try_get::<Option<DateTime<Utc>>, _>(at);
                read.map(|t| t.map(Ts::from)).map_err(fault::classify)
            }
        }
    }
}

impl Field for Ts {
    fn read(row: &Row, at: usize) -> Result<Self> {
        match row {
            Row::Sqlite(_) | Row::Read(_) => i64::read(row, at).map(Ts),
            Row::Postgres(r) => r.try_get::<DateTime<Utc>, _>(at).map(Ts::from).map_err(fault::classify),
        }
    }
}

impl Field for Uuid {
    fn read(row: &Row, at: usize) -> Result<Self> {
        match row {
            Row::Sqlite(_) | Row::Read(_) => word("a UUID", &String::read(row, at)?, |s| Self::parse_str(s).ok()),
            Row::Postgres(r) => r.try_get(at).map_err(fault::classify),
        }
    }
}

impl Field for Option<Uuid> {
    fn read(row: &Row, at: usize) -> Result<Self> {
        match row {
            Row::Sqlite(_) | Row::Read(_) => Option::<String>::read(row, at)?
                .map(|text| word("a UUID", &text, |s| Uuid::parse_str(s).ok()))
                .transpose(),
            Row::Postgres(r) => r.try_get(at).map_err(fault::classify),
        }
    }
}

impl Field for NaiveDate {
    fn read(row: &Row, at: usize) -> Result<Self> {
        match row {
            Row::Sqlite(_) | Row::Read(_) => word("a date", &String::read(row, at)?, |s| s.parse().ok()),
            Row::Postgres(r) => r.try_get(at).map_err(fault::classify),
        }
    }
}

impl Field for Option<NaiveDate> {
    fn read(row: &Row, at: usize) -> Result<Self> {
        match row {
            Row::Sqlite(_) | Row::Read(_) => {
                Option::<String>::read(row, at)?.map(|text| word("a date", &text, |s| s.parse().ok())).transpose()
            }
            Row::Postgres(r) => r.try_get(at).map_err(fault::classify),
        }
    }
}

impl Field for Option<Symbol> {
    fn read(row: &Row, at: usize) -> Result<Self> {
        let text = Option::<String>::read(row, at)?;
        text.map(|text| word("a symbol", &text, |s| Symbol::from_str(s).ok())).transpose()
    }
}

impl Field for SeriesId {
    fn read(row: &Row, at: usize) -> Result<Self> {
        i64::read(row, at).map(Self)
    }
}

fn word<T>(what: &str, text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
    parse(text).ok_or_else(|| StoreError::Unusable(format!("it holds '{}' instead of {what}", printable(text))))
}

/// Types stored as a word.
macro_rules! words {
    ($($t:ty, $what:literal, $parse:expr;)*) => {$(
        impl Field for $t {
            fn read(row: &Row, at: usize) -> Result<Self> {
                word($what, &String::read(row, at)?, $parse)
            }
        }
    )*};
}
words! {
    Symbol, "a symbol", |s| Self::from_str(s).ok();
    Source, "a vendor", |s| Self::from_str(s).ok();
    AssetClass, "an asset class", |s| Self::from_str(s).ok();
    Criticality, "a criticality", |s| Self::from_str(s).ok();
    CriticalitySource, "a source of a criticality", |s| Self::ALL.into_iter().find(|t| t.name() == s);
    Timeframe, "a timeframe", |s| Self::ALL.into_iter().find(|t| t.name() == s);
    CoverageState, "a coverage state", |s| Self::ALL.into_iter().find(|t| t.name() == s);
    ExecutionStatus, "an execution status", |s| Self::ALL.into_iter().find(|t| t.name() == s);
    Trigger, "a trigger", |s| Self::ALL.into_iter().find(|t| t.name() == s);
    Severity, "a severity", |s| Self::ALL.into_iter().find(|t| t.name() == s);
    Tier, "a staleness tier", |s| Self::ALL.into_iter().find(|t| t.name() == s);
    KeyRole, "a role", |s| Self::ALL.into_iter().find(|t| t.name() == s);
    SeriesRunState, "a series status", |s| Self::ALL.into_iter().find(|t| t.name() == s);
    Part, "a part of a session", |s| Self::from_str(s).ok();
    ListingState, "a listing", |s| Self::ALL.into_iter().find(|t| t.name() == s);
    SplitStatus, "a state of a split", |s| Self::ALL.into_iter().find(|t| t.name() == s);
    RequestPurpose, "a purpose of a request", |s| Self::ALL.into_iter().find(|t| t.name() == s);
    Verdict, "a verdict", |s| [Self::Pending, Self::Accepted, Self::Rejected].into_iter().find(|t| t.name() == s);
}

impl Field for Option<Timeframe> {
    fn read(row: &Row, at: usize) -> Result<Self> {
        let parse = |s: &str| Timeframe::ALL.into_iter().find(|t| t.name() == s);
        Option::<String>::read(row, at)?.map(|text| word("a timeframe", &text, parse)).transpose()
    }
}

/// A comma-separated list of timeframes.
impl Field for Vec<Timeframe> {
    fn read(row: &Row, at: usize) -> Result<Self> {
        let list = String::read(row, at)?;
        let one = |s: &str| word("a timeframe", s, |s| Timeframe::ALL.into_iter().find(|t| t.name() == s));
        list.split(',').filter(|s| !s.is_empty()).map(one).collect()
    }
}
