//! The one place where the simulator touches the exchange calendar.

use chrono::NaiveDate;

use barkeep_market::{Calendar, Ts};

/// When stocks trade.
#[derive(Debug)]
pub(super) struct Hours(Calendar);

/// One trading day's times, milliseconds UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Day {
    pub(super) extended_open: i64,
    pub(super) open: i64,
    pub(super) close: i64,
    pub(super) extended_close: i64,
    pub(super) early_close: bool,
}

impl Hours {
    pub(super) fn new() -> Self {
        Self(Calendar::new())
    }

    /// The times of a date; `None` when the exchange stays closed.
    pub(super) fn on(&self, date: NaiveDate) -> Option<Day> {
        self.0.session(date).map(|s| Day {
            extended_open: s.extended_open.ms(),
            open: s.open.ms(),
            close: s.close.ms(),
            extended_close: s.extended_close.ms(),
            early_close: s.early_close,
        })
    }

    /// When the last trade of a date's day bar has happened: the end of extended hours, or of the UTC day for crypto.
    pub(super) fn day_ends(&self, crypto: bool, date: NaiveDate) -> i64 {
        let next = date.succ_opt().unwrap_or(date);
        match self.on(date) {
            Some(day) if !crypto => day.extended_close,
            _ => midnight(crypto, next),
        }
    }
}

/// Midnight of a trading date: UTC for crypto, New York for stocks.
pub(super) fn midnight(crypto: bool, date: NaiveDate) -> i64 {
    if crypto { Ts::utc_midnight(date).ms() } else { Ts::ny_midnight(date).ms() }
}

/// The trading date of an instant.
pub(super) fn date_of(crypto: bool, ms: i64) -> NaiveDate {
    if crypto { Ts(ms).utc_date() } else { Ts(ms).ny_date() }
}

/// Whether a vendor ticker trades around the clock.
pub(super) fn is_crypto(ticker: &str) -> bool {
    ticker.starts_with("X:")
}
