//! The hours of the exchange, for those who read bars with SQL. A migration wrote them as the calendar's rules have them; an
//! announcement changes its day.

use chrono::{Datelike, NaiveDate};

use crate::conn::{Conn, Sql, statements, values};
use crate::{HolidayRow, Result};
use barkeep_market::Calendar;
use barkeep_market::calendar::Override;
use barkeep_market::ts::HOUR;

/// The years in the table.
pub(crate) const YEARS: std::ops::RangeInclusive<i32> = 2003..=2040;

statements! {
    FORGET = Sql::same("DELETE FROM market_sessions WHERE date = $1");
    PUT = Sql::same(
        "INSERT INTO market_sessions (date, pre_ts, open_ts, close_ts, end_ts) VALUES ($1, $2, $3, $4, $5)");
}

/// Makes the day of an announcement what it says.
pub(crate) async fn announce(conn: &mut Conn<'_>, row: &HolidayRow) -> Result<()> {
    let date: NaiveDate = row.date;
    if !YEARS.contains(&date.year()) {
        return Ok(());
    }
    let told = Calendar::new().with_override(date, row.close.map_or(Override::Closed, Override::EarlyClose));
    conn.run(FORGET, &values![date]).await?;
    let Some(session) = told.session(date) else { return Ok(()) };
    // 20:00 on a short day too: what trades after its close is after hours.
    let end = session.extended_open + 16 * HOUR;
    conn.run(PUT, &values![date, session.extended_open, session.open, session.close, end]).await.map(drop)
}
