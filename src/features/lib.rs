//! Features of stored bars: brought up to date, and reported on. Bars that were just written need not be read again
//! ([`Recent`]).

mod batch;
mod recent;
mod refresh;
mod report;

pub use recent::Recent;
pub use refresh::{Refresh, Refreshed, SeriesRef};
