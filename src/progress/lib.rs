//! A run while it works: what it tells ([`events`]), how far it is ([`progress`]), what it asked for ([`journal`]), how far each series is
//! ([`series_statuses`]), and which
//! of several goes first ([`gate`]); and what it was in the end ([`summary`]).

#![warn(clippy::missing_errors_doc)]

pub mod events;
pub mod gate;
pub mod journal;
pub mod progress;
pub mod series_statuses;
pub mod summary;

use barkeep_market::{Symbol, Timeframe};

/// A series by its names.
pub type SeriesKey = (Symbol, Timeframe);
