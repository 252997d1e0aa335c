//! Where bars come from: generated or recorded. Both answer the same questions.

use std::ops::ControlFlow;

use chrono::NaiveDate;

use crate::data::hours;
use barkeep_market::split::Split;

/// One bar in the vendor's terms, `t` in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) t: i64,
    pub(crate) o: f64,
    pub(crate) h: f64,
    pub(crate) l: f64,
    pub(crate) c: f64,
    pub(crate) v: f64,
    pub(crate) vw: Option<f64>,
    pub(crate) n: Option<i64>,
}

/// A recorded file that cannot be read after all.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) String);

/// Takes rows in rising order of time until it has enough.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&Row) -> ControlFlow<()>;

/// Base bars as traded (not adjusted for splits), in rising order.
pub(crate) trait Bars: Send + Sync {
    /// Width in milliseconds of the finest bars of a ticker; `None` when it has none.
    fn base_width(&self, ticker: &str) -> Option<i64>;

    /// Bars of that width that start in `[from, to)`.
    fn base(&self, ticker: &str, from: i64, to: i64, sink: Sink<'_>) -> Result<(), Unreadable>;

    /// The day bar of a date from what had traded before `cutoff`, keyed by the date's midnight.
    fn day(&self, ticker: &str, date: NaiveDate, cutoff: i64) -> Result<Option<Row>, Unreadable>;

    /// The first date a ticker can have a bar on.
    fn first_date(&self, ticker: &str) -> Option<NaiveDate>;

    /// All splits of a ticker, oldest first.
    fn splits(&self, ticker: &str) -> Vec<Split>;

    /// The tickers of a market besides the requested ones.
    fn universe(&self, crypto: bool) -> Vec<String>;

    /// Day bars of the dates `[first, last]`.
    fn days(
        &self,
        ticker: &str,
        first: NaiveDate,
        last: NaiveDate,
        cutoff: i64,
        sink: Sink<'_>,
    ) -> Result<(), Unreadable> {
        let Some(listed) = self.first_date(ticker) else { return Ok(()) };
        let crypto = hours::is_crypto(ticker);
        let last = last.min(hours::date_of(crypto, cutoff));
        for date in first.max(listed).iter_days().take_while(|date| *date <= last) {
            if let Some(row) = self.day(ticker, date, cutoff)?
                && sink(&row).is_break()
            {
                break;
            }
        }
        Ok(())
    }
}
