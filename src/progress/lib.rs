//! A run while it works: what it tells ([`events`]), how far it is ([`progress`]), what it asked for ([`journal`]), what
//! it learns of the vendor ([`learned`]), and which of several goes first ([`gate`]); and what it was in the end ([`summary`]). What is stored of the series that it works on is
//! read by [`index`], what is stored of how far each one is comes from [`series_statuses`].

#![warn(clippy::missing_errors_doc)]

pub mod events;
pub mod gate;
pub mod index;
pub mod journal;
pub mod learned;
pub mod progress;
pub mod series_statuses;
pub mod summary;

use barkeep_market::{Symbol, Timeframe};

/// A series by its names.
pub type SeriesKey = (Symbol, Timeframe);
