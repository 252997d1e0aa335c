//! The one place where the simulator touches the exchange calendar.

use chrono::NaiveDate;

use barkeep_market::{Calendar, Ts};

/// When stocks trade.
#[derive(Debug)]
pub(crate) struct Hours(Calendar);

/// One trading day's times, milliseconds UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Day {
    pub(crate) extended_open: i64,
    pub(crate) open: i64,
    pub(crate) close: i64,
    pub(crate) extended_close: i64,
    pub(crate) early_close: bool,
}

impl Hours {
    pub(crate) fn new() -> Self {
        Self(Calendar::new())
    }

    /// The times of a date; `None` when the exchange stays closed.
    pub(crate) fn on(&self, date: NaiveDate) -> Option<Day> {
        self.0.session(date).map(|s| Day {
            extended_open: s.extended_open.ms(),
            open: s.open.ms(),
            close: s.close.ms(),
            extended_close: s.extended_close.ms(),
            early_close: s.early_close,
        })
    }

    /// When the last trade of a date's day bar has happened: the end of extended hours, or of the UTC day for crypto.
    pub(crate) fn day_ends(&self, crypto: bool, date: NaiveDate) -> i64 {
        let next = date.succ_opt().unwrap_or(date);
        match self.on(date) {
            Some(day) if !crypto => day.extended_close,
            _ => midnight(crypto, next),
        }
    }
}

/// Midnight of a trading date: UTC for crypto, New York for stocks.
pub(crate) fn midnight(crypto: bool, date: NaiveDate) -> i64 {
    if crypto { Ts::utc_midnight(date).ms() } else { Ts::ny_midnight(date).ms() }
}

/// The trading date of an instant.
pub(crate) fn date_of(crypto: bool, ms: i64) -> NaiveDate {
    if crypto { Ts(ms).utc_date() } else { Ts(ms).ny_date() }
}

/// Whether a vendor ticker trades around the clock.
pub(crate) fn is_crypto(ticker: &str) -> bool {
    ticker.starts_with("X:")
}
