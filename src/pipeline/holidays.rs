//! The vendor's announcements of holidays and early closes, requested with the daily full check.
//!
//! The built-in calendar has the rules; a day of mourning is announced, and the vendor lists it. The list is stored in the
//! table `holidays` and overrides the rules, in this process and in every later one.
//!
//! An announcement is believed only ahead of its day, and as long as the vendor lists it. It never hides a session: where
//! bars came for a time at which the market was said to be closed, the announcement was wrong and is taken back. The row of
//! one that was taken back says so and gives the close that the rules know.

use std::sync::Arc;

use chrono::NaiveDate;
use tokio_util::sync::CancellationToken;

use crate::EngineContext;
use crate::events::Silent;
use barkeep_market::calendar::Override;
use barkeep_market::{AssetClass, Calendar, Family, Interval, IntervalSet, Symbol, Ts};
use barkeep_store::{HolidayRow, RequestPurpose, SeriesId, Store, StoreError};
use barkeep_vendor::{Fault, Holiday};

/// How the name of an announcement begins that was taken back.
const TAKEN_BACK: &str = "taken back: ";

/// Why nothing new was learned.
#[derive(Debug, thiserror::Error)]
pub enum HolidayError {
    #[error(transparent)]
    Vendor(#[from] Fault),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Requests the announcements, stores them, and returns the calendar with all that are stored. One request.
///
/// # Errors
/// When the vendor does not answer or the database fails.
pub async fn refresh(engine: &EngineContext, cancel: &CancellationToken) -> Result<Calendar, HolidayError> {
    let announced =
        engine.for_run().dispatcher(None, RequestPurpose::Lookup, Arc::new(Silent)).upcoming_holidays(cancel).await?;
    let (store, now) = (engine.store.as_ref(), engine.clock.now());
    let today = AssetClass::Stock.date_of(now);
    let ahead = ahead(announced, today, now);
    let mut rows = withdrawn(&store.holidays().await?, &ahead, today, now);
    for row in &rows {
        tracing::warn!(date = %row.date, name = row.name, "the vendor no longer announces this market day");
    }
    rows.extend(ahead);
    store.put_holidays(&rows).await?;
    Ok(crate::calendar(store).await?)
}

/// One row per date ahead of the exchanges the calendar is about; OTC keeps other hours. Where they differ, the market is
/// open as long as the last of them.
fn ahead(announced: Vec<Holiday>, today: NaiveDate, fetched_at: Ts) -> Vec<HolidayRow> {
    let mut rows: Vec<HolidayRow> = announced
        .into_iter()
        .filter(|holiday| matches!(holiday.exchange.as_str(), "NYSE" | "NASDAQ") && holiday.date > today)
        .map(|holiday| HolidayRow { date: holiday.date, close: holiday.close, name: holiday.name, fetched_at })
        .collect();
    rows.sort_by(|a, b| a.date.cmp(&b.date).then(b.close.cmp(&a.close)).then(a.name.cmp(&b.name)));
    rows.dedup_by_key(|row| row.date);
    rows
}

/// Rows ahead that the vendor listed before and lists no more. A list without any day proves nothing.
fn withdrawn(known: &[HolidayRow], listed: &[HolidayRow], today: NaiveDate, now: Ts) -> Vec<HolidayRow> {
    if listed.is_empty() {
        return Vec::new();
    }
    let gone = |row: &&HolidayRow| row.date > today && listed.iter().all(|listed| listed.date != row.date);
    known.iter().filter(gone).filter_map(|row| taken_back(row, now)).collect()
}

/// A row that gives its day back to the rules; `None` where it says nothing against them.
fn taken_back(row: &HolidayRow, now: Ts) -> Option<HolidayRow> {
    let rule = Calendar::new().session(row.date)?;
    (!hidden(row).is_empty()).then(|| HolidayRow {
        date: row.date,
        close: Some(rule.close),
        name: format!("{TAKEN_BACK}{}", row.name),
        fetched_at: now,
    })
}

/// The trading time of a day that a row says there is none of, against the rules.
fn hidden(row: &HolidayRow) -> IntervalSet {
    let rules = Calendar::new();
    let told = rules.clone().with_override(row.date, row.close.map_or(Override::Closed, Override::EarlyClose));
    let day = Interval::new(AssetClass::Stock.midnight(row.date), AssetClass::Stock.midnight(row.date) + DAY_AT_MOST);
    let hours = |calendar: &Calendar| calendar.trading(AssetClass::Stock, Family::Minute, day);
    hours(&rules).subtract(&hours(&told))
}

/// A session lies within so long after its midnight.
const DAY_AT_MOST: i64 = barkeep_market::ts::DAY;

/// A stored series of a stock or fund, and the range in which bars of it may be new.
pub struct Watched<'a> {
    pub symbol: &'a Symbol,
    pub series: SeriesId,
    pub family: Family,
    pub range: Interval,
}

/// Takes back announcements that stored bars contradict; says whether there were any.
///
/// # Errors
/// When the database fails.
pub async fn take_back_contradicted(store: &dyn Store, watched: &[Watched<'_>], now: Ts) -> Result<bool, StoreError> {
    let mut rows = Vec::new();
    for row in store.holidays().await? {
        let Some(hull) = hidden(&row).hull() else { continue };
        // A daily bar says nothing about an early close.
        let says = |w: &&Watched<'_>| w.family == Family::Minute || row.close.is_none();
        for one in watched.iter().filter(says) {
            let midnight = Interval::new(AssetClass::Stock.midnight(row.date), hull.end);
            let hours = if one.family == Family::Day { midnight } else { hull };
            if one.range.overlaps(hours) && !store.bars(one.series, hours.into(), Some(1)).await?.is_empty() {
                tracing::warn!(date = %row.date, name = row.name, symbol = %one.symbol,
                    "bars came for a time at which the market was announced to be closed; the announcement is taken back");
                rows.extend(taken_back(&row, now));
                break;
            }
        }
    }
    if rows.is_empty() {
        return Ok(false);
    }
    store.put_holidays(&rows).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn holiday(exchange: &str, day: &str, close: Option<Ts>) -> Holiday {
        Holiday { exchange: exchange.to_owned(), name: "Day of Mourning".to_owned(), date: date(day), close }
    }

    fn row(day: &str, close: Option<Ts>) -> HolidayRow {
        HolidayRow { date: date(day), close, name: "Day of Mourning".to_owned(), fetched_at: Ts(0) }
    }

    #[test]
    fn one_row_per_date_ahead_and_no_other_exchange() {
        let close = Ts::from(chrono::DateTime::parse_from_rfc3339("2025-07-03T17:00:00Z").unwrap().to_utc());
        let mut announced = vec![
            holiday("NASDAQ", "2025-01-09", None),
            holiday("NYSE", "2025-01-09", None),
            holiday("OTC", "2025-01-10", None),
            holiday("NYSE", "2025-01-08", None),
            holiday("NYSE", "2025-07-03", None),
            holiday("NASDAQ", "2025-07-03", Some(close)),
        ];
        let rows = ahead(announced.clone(), date("2025-01-08"), Ts(0));
        let short: Vec<_> = rows.iter().map(|row| (row.date.to_string(), row.close)).collect();
        assert_eq!(short, [("2025-01-09".to_owned(), None), ("2025-07-03".to_owned(), Some(close))]);
        announced.reverse();
        assert_eq!(ahead(announced, date("2025-01-08"), Ts(0)), rows, "the order of the list never matters");
    }

    #[test]
    fn what_is_no_longer_listed_is_given_back_to_the_rules() {
        // A Wednesday, and a holiday by the rules.
        let known = [row("2025-02-05", None), row("2025-02-17", None), row("2025-01-15", None)];
        let listed = [row("2025-04-18", None)];
        let rows = withdrawn(&known, &listed, date("2025-01-20"), Ts(5));
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!((rows[0].date, rows[0].name.as_str()), (date("2025-02-05"), "taken back: Day of Mourning"));
        let calendar = Calendar::new().with_override(rows[0].date, Override::EarlyClose(rows[0].close.unwrap()));
        assert_eq!(calendar.session(rows[0].date), Calendar::new().session(rows[0].date));
        assert_eq!(withdrawn(&rows, &listed, date("2025-01-20"), Ts(5)), [], "once");
        assert_eq!(withdrawn(&known, &[], date("2025-01-20"), Ts(5)), [], "an empty list proves nothing");
    }
}
