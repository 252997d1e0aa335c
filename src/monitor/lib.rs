//! Read models: what is stored, how fresh it is and why, what ran and how it went. Nothing here changes anything.

pub mod change_detector;
mod context;
pub mod coverage;
pub mod detail;
mod error;
pub mod explain;
pub mod freshness_report;
pub mod history;
pub mod holes;
pub mod ledger;
pub mod publisher;
pub mod snapshot;
mod storage;
mod tier_counts;

pub use error::{MOST_DAYS, MOST_ROWS, MOST_SERIES, ReadError, SeriesName};
