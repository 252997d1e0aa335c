//! Features of stored bars: brought up to date, and reported on. Bars that are being written need not be read again
//! ([`Recent`]).

mod batch;
mod recent;
mod refresh;
mod report;
mod splits;
mod streams;

pub use recent::Recent;
pub use refresh::{Refresh, Refreshed, SeriesRef};
pub use streams::PageSeries;
