//! The vendor's announcements of holidays and early closes, requested with the daily full check.
//!
//! The built-in calendar has the rules; a day of mourning is announced, and the vendor lists it. The list is stored in the
//! table `holidays` and overrides the rules, in this process and in every later one.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::EngineContext;
use crate::events::Silent;
use barkeep_market::{Calendar, Ts};
use barkeep_store::{HolidayRow, RequestPurpose, StoreError};
use barkeep_vendor::{Fault, Holiday};

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
    engine.store.put_holidays(&rows(announced, engine.clock.now())).await?;
    Ok(crate::calendar(engine.store.as_ref()).await?)
}

/// One row per date of the exchanges the calendar is about. OTC keeps other hours.
fn rows(announced: Vec<Holiday>, fetched_at: Ts) -> Vec<HolidayRow> {
    let mut rows: Vec<HolidayRow> = announced
        .into_iter()
        .filter(|holiday| matches!(holiday.exchange.as_str(), "NYSE" | "NASDAQ"))
        .map(|holiday| HolidayRow { date: holiday.date, close: holiday.close, name: holiday.name, fetched_at })
        .collect();
    rows.sort_by_key(|row| row.date);
    rows.dedup_by_key(|row| row.date);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_per_date_and_no_other_exchange() {
        let holiday = |exchange: &str, date: &str| Holiday {
            exchange: exchange.to_owned(),
            name: "Day of Mourning".to_owned(),
            date: date.parse().unwrap(),
            close: None,
        };
        let announced = vec![
            holiday("NASDAQ", "2025-01-09"),
            holiday("NYSE", "2025-01-09"),
            holiday("OTC", "2025-01-10"),
            holiday("NYSE", "2025-01-01"),
        ];
        let dates: Vec<String> = rows(announced, Ts(0)).iter().map(|row| row.date.to_string()).collect();
        assert_eq!(dates, ["2025-01-01", "2025-01-09"]);
    }
}
